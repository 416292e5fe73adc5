/* SPDX-License-Identifier: ISC */
/*
 * config/config.h - the configuration: how it is found and read, and its fields
 *
 * A configuration is not changed after it was read, so threads share it without locks.  Names,
 * types, ranges and defaults of all settings are in one table (config/table.c), which drives
 * parsing, messages and the tests of the documents.
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
	strings scope; /* CGI variable names or "cookie:NAME" */
	strings bind;  /* CGI variable names or "cookie:NAME"; counts unless there is a REMOTE_USER
			*/
	bool has_own_scope, has_own_bind; /* given, in the route or in `defaults` */
	int64_t timeout_ms;
	int64_t kill_after_ms;
	strings fingerprint; /* "method", "path", "query", "body", "json" and sources
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
	strings rollback;     /* the command of UNCERTAIN_ROLLBACK; or NULL */
	int64_t max_attempts; /* runs of one operation, the first included */
	int64_t max_request_bytes;
	int64_t max_response_bytes;
	int64_t max_recorded_bytes; /* kept for all its operations; 0: no limit */
	strings release_on;         /* "503", "5xx"; or NULL */
	enum exit_status exit_status;
	enum replay_status replay_status;
	strings replay_drop; /* names of header fields; or NULL */
	strings unique;      /* sources (gateway/value_source.h); or NULL */
	enum on_duplicate on_duplicate;
	int64_t duplicate_status;
	int64_t unique_ttl_ms; /* 0: for ever */
	bool unique_optional;
	enum guarantee guarantee;
	char *webhook;         /* URL; or NULL */
	strings webhook_allow; /* beginnings of URLs; or NULL */
	int64_t webhook_max_age_ms;
	struct limits limits;
};

struct page_template;

struct config {
	char *path;  /* the file this came from, absolute */
	char *store; /* "sqlite:/absolute/path" */
	char *spool; /* directory for big bodies; absolute */
	enum durability durability;
	strings script_dirs;         /* absolute; NULL: every script the server names is allowed */
	bool allow_root;             /* scripts may run as root */
	char *docs_url;              /* or NULL */
	char *page_template;         /* absolute path of an HTML file; or NULL */
	struct page_template *frame; /* what is in it (http/page_template.h); or NULL */
	strings site;                /* CGI variable names; empty: all hosts are one site */
	enum log_format log;
	int64_t workers;
	int64_t busy_timeout_ms;
	int64_t max_running; /* on all routes, in all processes; 0: no limit */
	int64_t max_passed_bytes;
	int64_t max_passing;     /* runs that pass through, in one process */
	int64_t max_connections; /* requests in one process, also those that wait */
	int64_t max_store_bytes;
	struct route defaults; /* the settings of a route without any of its own; pass-through uses
				  them */
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
 * The file of `page_template` is read with it.
 *
 * Returns OK; ERR_ABSENT no such file; ERR_INVALID with a text of the form
 * "FILE:LINE: $.routes[0].ttl: MISTAKE; WHAT IS ALLOWED; did you mean ..."; ERR_NOMEM; ERR_SYSTEM
 * not readable.  Blocks on the disk only.
 */
enum err config_load(const char *path, bool is_control, struct config **out) MUSTCHECK;

/* True when the file begins with "#!", as a control file does; false when it cannot be read. */
bool config_is_control(const char *path);

/* Frees and sets *cf to NULL.  *cf may be NULL. */
void config_free(struct config **cf);

/*
 * config_route - the first route whose `match` fits script_name (the CGI variable SCRIPT_NAME,
 * fnmatch(3) without flags, so that `*` also crosses `/`; "/app/" of a route with a script also
 * fits
 * "/app"), or the only route of a control file; NULL when none does.  Borrowed from cf.
 */
const struct route *config_route(const struct config *cf, const char *script_name);

/*
 * config_route_at - the route of a request; like config_route(), but a route that names a script is
 * also tried on the URL's path
 *
 *   name  the located script's SCRIPT_NAME; NULL: there is none, only routes with a script count
 *   path  the URL's whole path; both as script_url_readings() has them
 *   len   set to how many bytes of path are the script's name, what is behind them being its path
 *         information; CONFIG_NO_PART where name fitted, or nothing; CONFIG_TOO_LONG where it is
 *         not known which route applies: the request has to be refused
 *
 * A glob is tried on the whole path, then on what is before each of the last 32 slashes of at most
 * 4096 bytes; a longer path that begins like the glob is too long.  Borrowed from cf; NULL: none.
 */
#define CONFIG_NO_PART  ((size_t)-1)
#define CONFIG_TOO_LONG ((size_t)-2)
const struct route *config_route_at(
	const struct config *cf, const char *name, const char *path, size_t *len);

/*
 * config_route_by_name - the first route with this name (its `match`, as operations record it), or
 * the only route of a control file, whose operations have the names of their scripts; NULL when the
 * configuration has no such route (any more).  Borrowed from cf.
 */
const struct route *config_route_by_name(const struct config *cf, const char *name);

/*
 * config_route_of - the route of a recorded operation: config_route() for its address, which stays
 * true when routes are renamed; where there is none, or the address is empty,
 * config_route_by_name().  Where the route of that name has a script, only routes with a script
 * count.  Borrowed from cf.
 *
 *   address  the name by which the request found its route; "": not known
 *   name     of that route
 */
const struct route *config_route_of(const struct config *cf, const char *address, const char *name);

/* True when the route protects this REQUEST_METHOD, in any case.  HEAD, GET and OPTIONS never are.
 */
bool config_route_protects(const struct route *route, const char *method);

/*
 * config_find - finds the configuration when neither a control file nor --config names it
 *
 *   script_dir       directory of the script; borrowed; NULL: look in no such directory
 *   use_environment  RETRYSAFE_CONFIG counts.  The file that it names need not exist: config_load()
 *                    then reports it, and no other file is used in its place
 *   path             set on OK only; free() it
 *
 * Looks at RETRYSAFE_CONFIG, script_dir/retrysafe.json, $HOME/.config/retrysafe/config.json and
 * /etc/retrysafe/config.json.  Returns OK; ERR_ABSENT with a text that lists where it looked;
 * ERR_NOMEM.
 */
enum err config_find(const char *script_dir, bool use_environment, char **path) MUSTCHECK;

/*
 * config_open - loads the configuration at path; NULL: the one that config_find() finds without a
 * script.  Recognises a control file by its first line.
 *
 * Returns like config_find() and config_load().
 */
enum err config_open(const char *path, struct config **out) MUSTCHECK;

/*
 * config_print_settings - writes every setting to standard output, one a line, tab-separated: where
 * (top|route|limits), name, type, default as JSON, the least and the most as JSON (of a list: how
 * many entries), description; "-" where there is no default or no range.  For tests and documents.
 */
void config_print_settings(void);

#endif
