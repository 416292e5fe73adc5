/* SPDX-License-Identifier: ISC */
/*
 * base/settings.h - the types of those settings that code below the configuration acts upon
 *
 * The log, the key, the store and the start of a program each obey one or two settings.  They
 * include this file, and know nothing of files, routes and defaults (config/config.h).
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
enum replay_status { REPLAY_SAME, REPLAY_200 };
enum on_duplicate { DUPLICATE_REJECT, DUPLICATE_REPLAY };
enum guarantee { GUARANTEE_STRICT, GUARANTEE_RESULT, GUARANTEE_SEMANTIC };

/* A NULL-terminated array of strings; NULL itself when the setting was not given and has none. */
typedef char **strings;

/* What a script may use, by setrlimit(2); 0: no limit of ours. */
struct limits {
	int64_t cpu_ms; /* rounded up to whole seconds */
	int64_t memory_bytes;
	int64_t processes; /* of the account that runs the gateway, all together */
	int64_t file_bytes;
};

#endif
