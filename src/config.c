/* SPDX-License-Identifier: ISC */
/*
 * config.c - the configuration: which settings there are, and reading a file of them
 *
 * Types, ranges and most messages are config_value.c's; lines are config_where.c's.  Nothing here
 * looks at the file system beyond the configuration file: whether a script or a directory exists
 * is a question for the time of the request, and for `retrysafe check`.
 *
 * RULES
 *
 *   (1) A name that is not in the table is an error: no setting is ever ignored.  Only names that
 *       start with "//" are, as comments.
 *   (2) A setting is read by its row in the table and nothing else, so that the documentation can
 *       be checked against the table.
 *   (3) A route is the defaults of the table, then `defaults`, then its own settings.
 *
 * Proved by tests/unit/config.c.
 */
#include "config.h"
#include "config_value.h"
#include "config_where.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (1024 * 1024) /* bytes */

/* Where a setting may stand. */
enum { IN_TOP = 1, IN_ROUTE = 2, IN_DEFAULTS = 4, IN_CONTROL = 8, IN_LIMITS = 16 };

#define TOP      (IN_TOP | IN_CONTROL)
#define ROUTE    (IN_ROUTE | IN_DEFAULTS | IN_CONTROL)
#define C(field) offsetof(struct config, field)
#define R(field) offsetof(struct route, field)
#define YEAR     (365 * CONFIG_DAY)

/* clang-format off */
static const struct setting settings[] = {
	{"store", TOP, CONFIG_STORE, "\"sqlite:/var/lib/retrysafe/retrysafe.db\"", 0, 0, C(store),
		"where operations and recorded responses are kept"},
	{"durability", TOP, CONFIG_DURABILITY, "\"full\"", 0, 0, C(durability),
		"what is synced: full: each claim and record; otherwise a power cut may lose some"},
	{"spool", TOP, CONFIG_PATH, NULL, 0, 0, C(spool),
		"directory for big bodies; without it, \"spool\" beside the store's database"},
	{"script_dirs", TOP, CONFIG_DIRS, NULL, 1, 64, C(script_dirs),
		"only scripts in these directories are run; without it, any the web server names"},
	{"docs_url", TOP, CONFIG_URL, NULL, 0, 0, C(docs_url),
		"page for people who write clients; every problem links to it"},
	{"log", TOP, CONFIG_LOG, "\"text\"", 0, 0, C(log),
		"form of a line of the log"},
	{"workers", TOP, CONFIG_NUMBER, "16", 1, 256, C(workers),
		"requests that one process works on at the same time"},
	{"busy_timeout", TOP, CONFIG_DURATION, "\"5s\"", 100, 10 * CONFIG_MINUTE,
		C(busy_timeout_ms),
		"how long a request waits for the store before it is answered 503"},
	{"defaults", IN_TOP, CONFIG_OBJECT, NULL, 0, 0, 0,
		"settings for all routes; a route's own win"},
	{"routes", IN_TOP, CONFIG_ROUTES, NULL, 0, 0, 0,
		"one object for each script or group of scripts; the first that matches counts"},
	{"max_running", IN_TOP, CONFIG_NUMBER, NULL, 1, 100000, C(max_running),
		"protected runs at the same time on all routes together; without it, no limit"},

	{"match", IN_ROUTE, CONFIG_GLOB, NULL, 0, 0, R(match),
		"pattern for SCRIPT_NAME, where * also stands for slashes; every route needs one"},
	{"script", IN_ROUTE | IN_CONTROL, CONFIG_PATH, NULL, 0, 0, R(script),
		"the script to run; without it, the one the web server names"},
	{"interpreter", ROUTE, CONFIG_COMMAND, NULL, 0, 32, R(interpreter),
		"program and arguments that run the script; without it, the script is executed"},
	{"methods", ROUTE, CONFIG_METHODS, "[\"POST\",\"PATCH\"]", 0, 32, R(methods),
		"request methods that are protected; all others pass through"},
	{"key", ROUTE, CONFIG_KEY, "\"optional\"", 0, 0, R(key_required),
		"whether a request without a key is refused; when optional it passes through"},
	{"key_from", ROUTE, CONFIG_KEY_SOURCES, "[\"header:Idempotency-Key\"]", 1, 16, R(key_from),
		"where the key is looked for; the first that is there counts"},
	{"key_syntax", ROUTE, CONFIG_KEY_SYNTAX, "\"lenient\"", 0, 0, R(key_syntax),
		"strict takes only a quoted string (RFC 8941); lenient also a bare value"},
	{"scope", ROUTE, CONFIG_VARIABLES, "[\"REMOTE_USER\"]", 0, 16, R(scope),
		"what says whose key it is; the same key in another scope is another operation"},
	{"bind", ROUTE, CONFIG_VARIABLES, "[\"HTTP_AUTHORIZATION\"]", 0, 16, R(bind),
		"credentials a replay needs again; the default only counts if the scope is empty"},
	{"timeout", ROUTE, CONFIG_DURATION, "\"5m\"", CONFIG_SECOND, 30 * CONFIG_DAY, R(timeout_ms),
		"how long a script may run; then its process group gets TERM"},
	{"kill_after", ROUTE, CONFIG_DURATION, "\"5s\"", 0, 10 * CONFIG_MINUTE, R(kill_after_ms),
		"time between TERM and KILL"},
	{"ttl", ROUTE, CONFIG_DURATION, "\"24h\"", CONFIG_SECOND, 10 * YEAR, R(ttl_ms),
		"how long a recorded response is replayed"},
	{"tombstone", ROUTE, CONFIG_DURATION, "\"30d\"", 0, 100 * YEAR, R(tombstone_ms),
		"how long after that the key is still known, and not run again"},
	{"max_request", ROUTE, CONFIG_SIZE, "\"10M\"", 0, CONFIG_GIGA, R(max_request_bytes),
		"largest request body of a protected request"},
	{"max_response", ROUTE, CONFIG_SIZE, "\"10M\"", CONFIG_KILO, CONFIG_GIGA,
		R(max_response_bytes),
		"largest response recorded whole; of a larger one the status and header are kept"},
	{"on_uncertain", ROUTE, CONFIG_ON_UNCERTAIN, "\"fail\"", 0, 0, R(on_uncertain),
		"what is done when nobody knows whether a run was completed: wait for an operator, run again, ask, undo"},
	{"probe", ROUTE, CONFIG_COMMAND, NULL, 1, 32, R(probe),
		"command that finds out: exit 0 and a CGI response: it was done; exit 1: it was not"},
	{"rollback", ROUTE, CONFIG_COMMAND, NULL, 1, 32, R(rollback),
		"command that undoes what may have been done; exit 0: the key is free again"},
	{"max_attempts", ROUTE, CONFIG_NUMBER, "3", 1, 100, R(max_attempts),
		"how often rerun runs one operation at most, the first run included"},
	{"fingerprint", ROUTE, CONFIG_FINGERPRINT, "[\"method\",\"path\",\"query\",\"body\"]", 1, 16,
		R(fingerprint),
		"what must be the same when a key is used again"},
	{"ignore", ROUTE, CONFIG_IGNORED, NULL, 0, 64, R(ignore),
		"JSON pointers and form fields of the body that may differ all the same"},
	{"in_progress", ROUTE, CONFIG_IN_PROGRESS, "\"conflict\"", 0, 0, R(in_progress),
		"what a retry gets while the first runs: an error, its result as soon as it is there, or 202"},
	{"in_progress_status", ROUTE, CONFIG_CONFLICT_STATUS, "409", 0, 0, R(in_progress_status),
		"status of that error"},
	{"wait", ROUTE, CONFIG_DURATION, "\"10s\"", 100, 10 * CONFIG_MINUTE, R(wait_ms),
		"how long a retry waits for the first, when it waits"},
	{"max_waiters", ROUTE, CONFIG_NUMBER, "8", 0, 1000, R(max_waiters),
		"how many retries wait at the same time; the others get the error at once"},
	{"async", ROUTE, CONFIG_ASYNC, "\"off\"", 0, 0, R(async),
		"always: 202 at once, to the first request too; prefer: to clients that ask for it"},
	{"prefer", ROUTE, CONFIG_FLAG, "false", 0, 0, R(prefer),
		"whether a client's Prefer: respond-async and Prefer: wait=N count (RFC 7240)"},
	{"soft_timeout", ROUTE, CONFIG_DURATION, "\"30s\"", 0, 30 * CONFIG_DAY, R(soft_timeout_ms),
		"how long the first request waits for its script before it is answered as a retry would be; the script goes on; 0: to the end"},
	{"max_running", ROUTE, CONFIG_NUMBER, "16", 1, 100000, R(max_running),
		"protected runs of the route at the same time, in all processes"},
	{"release_on", ROUTE, CONFIG_STATUSES, NULL, 0, 32, R(release_on),
		"statuses that mean that nothing was done: the response is passed on, and the key is free again"},
	{"replay_status", ROUTE, CONFIG_REPLAY_STATUS, "\"same\"", 0, 0, R(replay_status),
		"200: a replay of any 2xx says 200"},
	{"replay_drop", ROUTE, CONFIG_FIELDS, NULL, 0, 64, R(replay_drop),
		"header fields that a replay leaves out"},
	{"unique", ROUTE, CONFIG_SOURCES, NULL, 0, 16, R(unique),
		"values that form a natural key: of all requests with the same ones, one is done"},
	{"on_duplicate", ROUTE, CONFIG_ON_DUPLICATE, "\"reject\"", 0, 0, R(on_duplicate),
		"what the second of them gets: an error, or the answer of the first"},
	{"duplicate_status", ROUTE, CONFIG_NUMBER, "409", 400, 499, R(duplicate_status),
		"status of that error"},
	{"unique_ttl", ROUTE, CONFIG_DURATION, NULL, CONFIG_SECOND, 100 * YEAR, R(unique_ttl_ms),
		"how long a natural key is taken; without it, for ever"},
	{"guarantee", ROUTE, CONFIG_GUARANTEE, "\"strict\"", 0, 0, R(guarantee),
		"strict: a replay is the whole answer; result: without its body; semantic: the script makes it anew"},
	{"webhook", ROUTE, CONFIG_URL, NULL, 0, 0, R(webhook),
		"URL that is told when an operation has ended"},
	{"webhook_allow", ROUTE, CONFIG_URL_BEGINNINGS, NULL, 0, 64, R(webhook_allow),
		"how a URL that a client gives in Retrysafe-Webhook may begin; without it, none is taken"},
	{"webhook_max_age", ROUTE, CONFIG_DURATION, "\"3d\"", CONFIG_MINUTE, 365 * CONFIG_DAY,
		R(webhook_max_age_ms),
		"how long delivery is tried"},
	{"limits", ROUTE, CONFIG_LIMITS, NULL, 0, 0, 0,
		"what the script may use, at most"},

	{"cpu", IN_LIMITS, CONFIG_DURATION, NULL, CONFIG_SECOND, YEAR, R(limits.cpu_ms),
		"processor time of each process, in whole seconds"},
	{"memory", IN_LIMITS, CONFIG_SIZE, NULL, CONFIG_KILO * CONFIG_KILO, CONFIG_GIGA * CONFIG_KILO,
		R(limits.memory_bytes),
		"address space of each process"},
	{"processes", IN_LIMITS, CONFIG_NUMBER, NULL, 1, 1000000, R(limits.processes),
		"processes of the account at the same time, the gateway's own included; root has no such limit"},
	{"file_size", IN_LIMITS, CONFIG_SIZE, NULL, 0, CONFIG_GIGA * CONFIG_KILO, R(limits.file_bytes),
		"largest file that a process may write"},
};
/* clang-format on */

#define N_SETTINGS (sizeof(settings) / sizeof(*settings))

static enum err no_memory_for(const char *file)
{
	return err_set(ERR_NOMEM, "%s: no memory", file);
}

/* Whether it is a field of struct config (is_top) or of struct route; some are of neither. */
static bool is_field(const struct setting *s, bool is_top)
{
	bool has_field =
		s->type != CONFIG_OBJECT && s->type != CONFIG_ROUTES && s->type != CONFIG_LIMITS;

	return has_field && is_top == ((s->where & IN_TOP) != 0);
}

static const struct setting *find_setting(const char *name, unsigned where)
{
	for (size_t i = 0; i < N_SETTINGS; i++)
		if (settings[i].where & where && strcmp(settings[i].name, name) == 0)
			return &settings[i];
	return NULL;
}

static char fold(char c)
{
	return c == '-' ? '_' : (char)tolower((unsigned char)c);
}

/* Edits that make a into b, where swapping two neighbours is one; names longer than 39 are far. */
static size_t distance(const char *a, const char *b)
{
	size_t d[40][40] = {{0}}, n = strlen(a), m = strlen(b);

	if (n >= 40 || m >= 40)
		return SIZE_MAX;
	for (size_t i = 0; i <= n; i++) {
		for (size_t j = 0; j <= m; j++) {
			size_t least;

			if (i == 0 || j == 0) {
				d[i][j] = i + j;
				continue;
			}
			least = d[i - 1][j - 1] + (fold(a[i - 1]) != fold(b[j - 1]));
			if (d[i - 1][j] + 1 < least)
				least = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < least)
				least = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
				fold(a[i - 2]) == fold(b[j - 1]) && d[i - 2][j - 2] + 1 < least)
				least = d[i - 2][j - 2] + 1;
			d[i][j] = least;
		}
	}
	return d[n][m];
}

/* The name that was probably meant, or NULL.  Of a short name at most half may be wrong. */
static const char *nearest(const char *name, unsigned where)
{
	size_t most = strlen(name) / 2 < 2 ? strlen(name) / 2 : 2;
	const char *found = NULL;

	for (size_t i = 0; i < N_SETTINGS; i++) {
		size_t d = settings[i].where & where ? distance(name, settings[i].name) : SIZE_MAX;

		if (d < most || (d == most && !found)) {
			most = d;
			found = settings[i].name;
		}
	}
	return found;
}

/* A name that may not stand here: only elsewhere, misspelt, or none of ours. */
static enum err refuse_name(const struct config_where *w, const char *name, unsigned where)
{
	const struct setting *s = find_setting(name, ~0U);
	const char *meant = nearest(name, where);
	char known[800] = "";

	if (s && where == IN_CONTROL)
		return config_where_error(
			w, "a control file has no \"%s\": it is itself the route", name);
	if (s)
		return config_where_error(w, "does not belong here; it belongs %s",
			s->where & IN_TOP        ? "at the top level"
			: s->where & IN_LIMITS   ? "in \"limits\""
			: s->where & IN_DEFAULTS ? "in a route or in \"defaults\""
						 : "in a route");
	if (meant)
		return config_where_error(w, "unknown setting; did you mean \"%s\"?", meant);
	for (size_t i = 0; i < N_SETTINGS; i++) {
		size_t used = strlen(known);

		if (settings[i].where & where)
			snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "",
				settings[i].name);
	}
	return config_where_error(w, "unknown setting; allowed are %s", known);
}

/* Some defaults give way to one that was given. */
static void note_own(const struct setting *s, unsigned where, struct route *route)
{
	if (strcmp(s->name, "bind") == 0)
		route->has_own_bind = true;
	if (strcmp(s->name, "ttl") == 0 && where != IN_DEFAULTS)
		route->has_own_ttl = true;
	if (strcmp(s->name, "tombstone") == 0 && where != IN_DEFAULTS)
		route->has_own_tombstone = true;
}

/* Reads the settings that have a field.  `where` is where the object stands; route may be NULL. */
static enum err read_settings(struct config_where *w, json_t *object, unsigned where,
	struct config *cf, struct route *route)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return config_where_error(w, "is not an object; write { \"NAME\": VALUE, ... }");
	json_object_foreach(object, name, value)
	{
		const struct setting *s = find_setting(name, where);
		enum err e = OK;

		if (strncmp(name, "//", 2) == 0)
			continue;
		config_where_enter_key(w, name);
		if (!s)
			return refuse_name(w, name, where);
		if (s->type == CONFIG_LIMITS)
			e = read_settings(w, value, IN_LIMITS, cf, route);
		else if (is_field(s, true))
			e = config_value_read(w, s, value, cf);
		else if (is_field(s, false))
			e = config_value_read(w, s, value, route);
		if (e != OK)
			return e;
		note_own(s, where, route);
		config_where_leave(w);
	}
	return OK;
}

/* Gives all fields of one struct the defaults of the table. */
static enum err set_defaults(struct config_where *w, bool is_top, void *base)
{
	for (size_t i = 0; i < N_SETTINGS; i++) {
		const struct setting *s = &settings[i];
		json_t *value;
		enum err e;

		if (!is_field(s, is_top) || !s->fallback)
			continue;
		if (!(value = json_loads(s->fallback, JSON_DECODE_ANY, NULL)))
			return no_memory_for(w->file);
		e = config_value_read(w, s, value, base);
		json_decref(value);
		if (e != OK)
			return e;
	}
	return OK;
}

static void free_settings(bool is_top, void *base)
{
	for (size_t i = 0; i < N_SETTINGS; i++)
		if (is_field(&settings[i], is_top))
			config_value_free(&settings[i], base);
}

/* The last route must not be one that an earlier one always hides: it would protect nothing. */
static enum err check_reach(struct config_where *w, const struct config *cf)
{
	const char *last = cf->routes[cf->n_routes - 1].match;

	for (size_t i = 0; i + 1 < cf->n_routes; i++) {
		const char *earlier = cf->routes[i].match;

		if (strcmp(earlier, last) == 0 ||
			(!strpbrk(last, "*?[\\") && fnmatch(earlier, last, 0) == 0))
			return config_where_error(w,
				"never applies: \"%s\" of $.routes[%zu] comes first and fits the "
				"same; put the "
				"more special one first",
				earlier, i);
	}
	return OK;
}

/* A policy that needs a command must have it; what comes behind `derive` would never be looked at.
 */
static enum err check_policy(struct config_where *w, const struct route *route)
{
	for (size_t i = 0; route->key_from[i]; i++)
		if (strcmp(route->key_from[i], "derive") == 0 && route->key_from[i + 1])
			return config_where_error(w,
				"\"key_from\": \"%s\" stands behind \"derive\" and is never looked "
				"at; "
				"put \"derive\" last",
				route->key_from[i + 1]);
	if (route->on_uncertain == UNCERTAIN_PROBE && !route->probe)
		return config_where_error(
			w, "\"on_uncertain\": \"probe\" needs \"probe\": [\"/path/of/command\"]");
	if (route->on_uncertain == UNCERTAIN_ROLLBACK && !route->rollback)
		return config_where_error(w, "\"on_uncertain\": \"rollback\" needs \"rollback\": "
					     "[\"/path/of/command\"]");
	return OK;
}

/* Reads `defaults`, which may be NULL, into a route. */
static enum err read_defaults(
	struct config_where *w, json_t *defaults, struct config *cf, struct route *route)
{
	enum err e = set_defaults(w, false, route);

	if (e != OK || !defaults)
		return e;
	config_where_enter_key(w, "defaults");
	if ((e = read_settings(w, defaults, IN_DEFAULTS, cf, route)) == OK)
		config_where_leave(w);
	return e;
}

static enum err read_routes(struct config_where *w, json_t *root, struct config *cf)
{
	json_t *defaults = json_object_get(root, "defaults");
	json_t *routes = json_object_get(root, "routes");
	enum err e = read_defaults(w, defaults, cf, &cf->defaults);

	if (e != OK || !routes)
		return e;
	config_where_enter_key(w, "routes");
	if (!json_is_array(routes))
		return config_where_error(w, "is not a list; write [ { \"match\": ... }, ... ]");
	if (!(cf->routes = calloc(json_array_size(routes) + 1, sizeof(*cf->routes))))
		return no_memory_for(w->file);
	config_where_leave(w);
	for (size_t i = 0; i < json_array_size(routes); i++) {
		struct route *route = &cf->routes[cf->n_routes++];

		if ((e = read_defaults(w, defaults, cf, route)) != OK)
			return e;
		config_where_enter_key(w, "routes");
		config_where_enter_index(w, i);
		if ((e = read_settings(w, json_array_get(routes, i), IN_ROUTE, cf, route)) != OK)
			return e;
		if (!route->match)
			return config_where_error(w,
				"\"match\" is missing; every route needs one, such as "
				"\"match\": \"/cgi-bin/order.pl\"");
		if ((e = check_policy(w, route)) != OK || (e = check_reach(w, cf)) != OK)
			return e;
		config_where_leave(w);
		config_where_leave(w);
	}
	return OK;
}

static enum err read_control(struct config_where *w, json_t *root, struct config *cf)
{
	enum err e;

	if (!(cf->routes = calloc(1, sizeof(*cf->routes))))
		return no_memory_for(w->file);
	cf->n_routes = 1;
	if ((e = set_defaults(w, false, &cf->defaults)) != OK ||
		(e = set_defaults(w, false, cf->routes)) != OK ||
		(e = read_settings(w, root, IN_CONTROL, cf, cf->routes)) != OK)
		return e;
	if (!cf->routes->script)
		return config_where_error(w,
			"\"script\" is missing; a control file names the script it "
			"stands for, such as \"script\": \"../legacy/order.pl\"");
	return check_policy(w, cf->routes);
}

/* The directory "spool" beside the store's database. */
static enum err set_spool(struct config *cf)
{
	const char *database = strchr(cf->store, ':') + 1;

	if (cf->spool)
		return OK;
	if (asprintf(&cf->spool, "%.*s/spool", (int)(strrchr(database, '/') - database),
		    database) >= 0)
		return OK;
	cf->spool = NULL;
	return no_memory_for(cf->path);
}

static enum err read_config(struct config_where *w, bool is_control, struct config *cf)
{
	json_error_t wrong_at;
	json_t *root = json_loadb(w->text, w->len, JSON_REJECT_DUPLICATES, &wrong_at);
	enum err e;

	if (!root && wrong_at.line < 0) /* it has nothing to complain about in the text */
		return no_memory_for(w->file);
	if (!root)
		return err_set(ERR_INVALID, "%s:%d:%d: %s", w->file, wrong_at.line, wrong_at.column,
			wrong_at.text);
	if ((e = set_defaults(w, true, cf)) == OK) {
		if (is_control)
			e = read_control(w, root, cf);
		else if ((e = read_settings(w, root, IN_TOP, cf, NULL)) == OK)
			e = read_routes(w, root, cf);
	}
	if (e == OK)
		e = set_spool(cf);
	json_decref(root);
	return e;
}

static enum err fail_system(const char *path)
{
	int code = errno;
	enum err e = code == ENOENT || code == ENOTDIR                    ? ERR_ABSENT
		     : code == ENOMEM || code == EMFILE || code == ENFILE ? ERR_NOMEM
									  : ERR_SYSTEM;

	return err_set(e, "%s: %s", path, strerror(code));
}

/* The whole of a regular file that is not too large.  The caller frees *out. */
static enum err read_file(const char *path, char **out, size_t *out_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char *text = NULL;
	size_t len = 0;
	ssize_t n = 1;
	struct stat st;
	enum err e = OK;

	if (fd < 0 || fstat(fd, &st) < 0)
		e = fail_system(path);
	else if (!S_ISREG(st.st_mode))
		e = err_set(ERR_INVALID, "%s: is not a regular file", path);
	else if (!(text = malloc(FILE_MAX + 1)))
		e = no_memory_for(path);
	while (e == OK && n > 0 && len <= FILE_MAX) {
		if ((n = read(fd, text + len, FILE_MAX + 1 - len)) >= 0)
			len += (size_t)n;
		else if (errno == EINTR)
			n = 1;
		else
			e = fail_system(path);
	}
	if (e == OK && len > FILE_MAX)
		e = err_set(ERR_INVALID,
			"%s: is larger than 1 MiB, the most a configuration may have", path);
	if (e == OK) {
		*out = text;
		*out_len = len;
		text = NULL;
	}
	free(text);
	if (fd >= 0)
		close(fd);
	return e;
}

/* Symbolic links are kept: what is relative starts where the file was named. */
static enum err make_absolute(const char *path, char **out)
{
	char *cwd = NULL, *made;
	int n;

	if (*path != '/' && !(cwd = getcwd(NULL, 0)))
		return fail_system(".");
	n = asprintf(&made, "%s%s%s", cwd ? cwd : "", cwd ? "/" : "", path);
	free(cwd);
	if (n < 0)
		return no_memory_for(path);
	*out = made;
	return OK;
}

enum err config_load(const char *path, bool is_control, struct config **out)
{
	struct config_where w = {.file = path};
	struct config *cf = calloc(1, sizeof(*cf));
	char *text = NULL, *dir = NULL, *slash;
	enum err e;

	if (!cf)
		return no_memory_for(path);
	if ((e = read_file(path, &text, &w.len)) != OK ||
		(e = make_absolute(path, &cf->path)) != OK)
		goto out;
	if (!(dir = strdup(cf->path))) {
		e = no_memory_for(path);
		goto out;
	}
	slash = strrchr(dir, '/');
	slash[slash == dir] = '\0'; /* of "/file" it is "/" */
	w.dir = dir;
	w.text = text;
	if (is_control && w.len >= 2 && memcmp(text, "#!", 2) == 0)
		for (size_t i = 0; i < w.len && text[i] != '\n'; i++)
			text[i] = ' '; /* so that lines and columns stay right */
	if ((e = read_config(&w, is_control, cf)) == OK) {
		*out = cf;
		cf = NULL;
	}
out:
	free(dir);
	free(text);
	config_free(&cf);
	return e;
}

void config_free(struct config **cf)
{
	struct config *old = *cf;

	if (!old)
		return;
	for (size_t i = 0; i < old->n_routes; i++)
		free_settings(false, &old->routes[i]);
	free_settings(false, &old->defaults);
	free_settings(true, old);
	free(old->routes);
	free(old->path);
	free(old);
	*cf = NULL;
}

const struct route *config_route(const struct config *cf, const char *script_name)
{
	for (size_t i = 0; i < cf->n_routes; i++)
		if (!cf->routes[i].match || fnmatch(cf->routes[i].match, script_name, 0) == 0)
			return &cf->routes[i];
	return NULL;
}

bool config_route_protects(const struct route *route, const char *method)
{
	if (!strcmp(method, "HEAD") || !strcmp(method, "GET") || !strcmp(method, "OPTIONS"))
		return false;
	for (size_t i = 0; route->methods && route->methods[i]; i++)
		if (strcmp(route->methods[i], method) == 0)
			return true;
	return false;
}

void config_print_settings(void)
{
	for (size_t i = 0; i < N_SETTINGS; i++) {
		const struct setting *s = &settings[i];

		printf("%s\t%s\t%s\t%s\t%s\n",
			s->where & IN_TOP      ? "top"
			: s->where & IN_LIMITS ? "limits"
					       : "route",
			s->name, config_value_type_name(s->type), s->fallback ? s->fallback : "-",
			s->about);
	}
}
