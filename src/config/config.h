/* SPDX-License-Identifier: ISC */
/*
 * config/config.h - the configuration: one table of settings, and what was read
 *
 * A configuration is read once and then never changed, so threads share it without locks.
 * The settings, their types, ranges and defaults stand in one table (config/table.c), from
 * which parsing, defaults, messages and the tests of the documentation are made.
 */
#ifndef RETRYSAFE_CONFIG_CONFIG_H
#define RETRYSAFE_CONFIG_CONFIG_H

#include "base/err.h"
#include "base/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The configuration for a script.  Durations are in milliseconds, sizes in bytes. */
struct route {
	char *match;         /* glob on SCRIPT_NAME; NULL in a control file */
	char *script;        /* absolute path of the script; NULL: the one the server names */
	strings interpreter; /* program and arguments before the script's path; or NULL */
	strings methods;     /* protected methods, upper case */
	bool key_required;
	strings key_from; /* sources (gateway/value_source.h); never empty */
	enum key_syntax key_syntax;
	strings scope;     /* CGI variable names or "cookie:NAME" */
	strings bind;      /* likewise; the default counts only when the scope is empty ... */
	bool has_own_bind; /* ... but this one was given, and counts always */
	int64_t timeout_ms;
	int64_t kill_after_ms;
	strings fingerprint; /* "method", "path", "query", "body" and sources
				(gateway/value_source.h) */
	strings ignore;      /* "json:/pointer" and "form:NAME", left out of the body; or NULL */
	enum in_progress in_progress;
	enum conflict_status in_progress_status;
	int64_t wait_ms;
	int64_t max_waiters;
	enum async async;
	bool prefer;
	int64_t soft_timeout_ms; /* 0: none */
	int64_t max_running;     /* in all processes */
	int64_t ttl_ms;
	int64_t tombstone_ms;
	bool has_own_ttl, has_own_tombstone; /* given in the route itself */
	enum on_uncertain on_uncertain;
	strings probe;        /* the command of UNCERTAIN_PROBE; or NULL */
	strings rollback;     /* likewise */
	int64_t max_attempts; /* runs of one operation, the first included */
	int64_t max_request_bytes;
	int64_t max_response_bytes;
	strings release_on; /* "503", "5xx"; or NULL */
	enum replay_status replay_status;
	strings replay_drop; /* names of header fields; or NULL */
	strings unique;      /* sources (gateway/value_source.h); or NULL */
	enum on_duplicate on_duplicate;
	int64_t duplicate_status;
	int64_t unique_ttl_ms; /* 0: for ever */
	enum guarantee guarantee;
	char *webhook;         /* URL; or NULL */
	strings webhook_allow; /* beginnings of URLs; or NULL */
	int64_t webhook_max_age_ms;
	struct limits limits;
};

struct config {
	char *path;  /* the file this came from, absolute */
	char *store; /* "sqlite:/absolute/path" */
	char *spool; /* directory for big bodies; absolute */
	enum durability durability;
	strings script_dirs; /* absolute; NULL: every script the server names is allowed */
	char *docs_url;      /* or NULL */
	enum log_format log;
	int64_t workers;
	int64_t busy_timeout_ms;
	int64_t max_running;   /* on all routes, in all processes; 0: no limit */
	struct route defaults; /* what a route that says nothing gets, and what pass-through uses */
	struct route *routes;
	size_t n_routes;
};

/*
 * config_load - reads and checks a configuration
 *
 *   path        the file; at most 1 MiB
 *   is_control  the file is a control file: its first line is "#!...", the rest is one route,
 *               whose `script` is relative to the file's directory and which may also hold the
 *               top-level settings; out->n_routes is then 1 and routes[0].match is NULL
 *   out         set on OK only; the caller frees it with config_free()
 *
 * Returns OK; ERR_ABSENT no such file; ERR_INVALID with a text of the form
 * "FILE:LINE: $.routes[0].ttl: what is wrong; what is allowed; did you mean ..."; ERR_SYSTEM not
 * readable.  Reads files; does not block otherwise.
 */
enum err config_load(const char *path, bool is_control, struct config **out) MUSTCHECK;

/* Does the file begin with "#!", as a control file does?  False when it cannot be read. */
bool config_is_control(const char *path);

/* Frees and sets *cf to NULL.  *cf may be NULL. */
void config_free(struct config **cf);

/*
 * config_route - the first route whose `match` fits script_name (the CGI variable SCRIPT_NAME,
 * fnmatch(3) without flags, so that `*` also crosses `/`), or the only route of a control file;
 * NULL when none does.  Borrowed from cf.
 */
const struct route *config_route(const struct config *cf, const char *script_name);

/*
 * config_route_by_name - the first route with this name (its `match`, as operations record it), or
 * the only route of a control file, whose operations have the names of their scripts; NULL when the
 * configuration has no such route (any more).  Borrowed from cf.
 */
const struct route *config_route_by_name(const struct config *cf, const char *name);

/* True when the route protects this REQUEST_METHOD.  HEAD, GET and OPTIONS never are. */
bool config_route_protects(const struct route *route, const char *method);

/*
 * config_find - where the configuration is, when neither a control file nor --config says it
 *
 *   script_dir       directory of the script; borrowed; NULL: there is none to look beside
 *   use_environment  RETRYSAFE_CONFIG counts; it is then not checked to exist, so that a wrong one
 *                    is an error of config_load() and nothing else is used in its place
 *   path             set on OK only; free() it
 *
 * Looks at RETRYSAFE_CONFIG, script_dir/retrysafe.json, $HOME/.config/retrysafe/config.json and
 * /etc/retrysafe/config.json.  Returns OK; ERR_ABSENT with a text that lists where it looked;
 * ERR_NOMEM.
 */
enum err config_find(const char *script_dir, bool use_environment, char **path) MUSTCHECK;

/*
 * config_open - the configuration at `path`, or, with NULL, where config_find() finds one that does
 * not depend on a script; a control file is known by its first line
 *
 * Returns like config_find() and config_load().
 */
enum err config_open(const char *path, struct config **out) MUSTCHECK;

/*
 * config_print_settings - writes every setting to standard output, one a line, tab-separated: where
 * (top|route|limits), name, type, default as JSON, the least and the most as JSON (of a list: how
 * many entries), what it does; "-" where there is no default or no range.  For tests and
 * documentation.
 */
void config_print_settings(void);

#endif
