/* SPDX-License-Identifier: ISC */
/*
 * base/settings.h - types of settings that code below config/ uses
 *
 * The log, the key, the store and the start of a program each obey one or two settings.  Their
 * files include this one, and do not know configuration files, routes and defaults
 * (config/config.h).
 */
#ifndef RETRYSAFE_BASE_SETTINGS_H
#define RETRYSAFE_BASE_SETTINGS_H

#include <stdint.h>

enum key_syntax { KEY_SYNTAX_LENIENT, KEY_SYNTAX_STRICT };
enum on_uncertain { UNCERTAIN_FAIL, UNCERTAIN_RERUN, UNCERTAIN_PROBE, UNCERTAIN_ROLLBACK };
enum durability { DURABILITY_FULL, DURABILITY_NORMAL, DURABILITY_OFF };
enum log_format { LOG_TEXT, LOG_JSON };
enum in_progress { IN_PROGRESS_CONFLICT, IN_PROGRESS_WAIT, IN_PROGRESS_ACCEPT };
enum conflict_status { CONFLICT_409, CONFLICT_429 };
enum async { ASYNC_OFF, ASYNC_PREFER, ASYNC_ALWAYS };
enum exit_status { EXIT_STATUS_ANY, EXIT_STATUS_ZERO };
enum replay_status { REPLAY_SAME, REPLAY_200 };
enum on_duplicate { DUPLICATE_REJECT, DUPLICATE_REPLAY };
enum guarantee { GUARANTEE_STRICT, GUARANTEE_RESULT, GUARANTEE_SEMANTIC };

/* A NULL-terminated array of strings; NULL: the setting was not given and has no default. */
typedef char **strings;

/* Limits of a script's process, for setrlimit(2); 0: the gateway's own limit stays. */
struct limits {
	int64_t cpu_ms; /* rounded up to whole seconds */
	int64_t memory_bytes;
	int64_t processes; /* of all processes of the account that runs the gateway */
	int64_t file_bytes;
};

#endif
