/* SPDX-License-Identifier: ISC */
/*
 * config/load.c - reads a configuration file and checks it as a whole
 *
 * config/table.c knows the settings, config/value.c their types and most messages, config/where.c
 * the lines of the file.  Of the files that it names only that of `page_template` is looked at
 * (config/frame.c): a request, and `retrysafe check`, find out whether a script or a directory
 * exists.  Every setting
 * is read by its row of the table alone, so that documents can be compared with the table.
 *
 * RULES
 *   (1) A name that is not in the table is an error: no setting is ignored.  Ignored are only names
 *       that start with "//", which are comments, and "$schema" at the top level, for editors
 *       (unit/config).
 *   (2) A route has the defaults of the table, then the settings of `defaults`, then its own; the
 *       later ones win (unit/config).
 */
#include "base/store_url.h"
#include "config/config.h"
#include "config/document.h"
#include "config/frame.h"
#include "config/table.h"
#include "config/value.h"
#include "config/where.h"

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

static enum err no_memory_for(const char *file)
{
	return err_set(ERR_NOMEM, "%s: no memory", file);
}

/* Is the setting a field of struct config (is_top) or of struct route?  Some are of neither. */
static bool is_field(const struct setting *s, bool is_top)
{
	bool has_field =
		s->type != CONFIG_OBJECT && s->type != CONFIG_ROUTES && s->type != CONFIG_LIMITS;

	return has_field && is_top == ((s->where & CONFIG_IN_TOP) != 0);
}

/* Notes which settings were given, where a default does not count beside them. */
static void note_own(const struct setting *s, unsigned where, struct route *route)
{
	if (strcmp(s->name, "scope") == 0)
		route->has_own_scope = true;
	if (strcmp(s->name, "bind") == 0)
		route->has_own_bind = true;
	if (strcmp(s->name, "ttl") == 0 && where != CONFIG_IN_DEFAULTS)
		route->has_own_ttl = true;
	if (strcmp(s->name, "tombstone") == 0 && where != CONFIG_IN_DEFAULTS)
		route->has_own_tombstone = true;
}

/* Reads the settings of an object that have a field.  where: CONFIG_IN_*; route may be NULL. */
static enum err read_settings(struct config_where *w, json_t *object, unsigned where,
	struct config *cf, struct route *route)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return config_where_error(w, "is not an object; write { \"NAME\": VALUE, ... }");
	json_object_foreach(object, name, value)
	{
		const struct setting *s = config_table_find(name, where);
		enum err e = OK;

		if (strncmp(name, "//", 2) == 0 ||
			(where == CONFIG_IN_TOP && strcmp(name, "$schema") == 0))
			continue;
		config_where_enter_key(w, name);
		if (!s)
			return config_table_refuse(w, name, where);
		if (s->type == CONFIG_LIMITS)
			e = read_settings(w, value, CONFIG_IN_LIMITS, cf, route);
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
	for (const struct setting *s = config_settings; s->name; s++) {
		json_error_t error;
		bool is_no_memory;
		json_t *value;
		enum err e;

		if (!is_field(s, is_top) || !s->fallback)
			continue;
		if (!(value = config_document_parse(s->fallback, strlen(s->fallback),
			      JSON_DECODE_ANY, &error, &is_no_memory)))
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
	for (const struct setting *s = config_settings; s->name; s++)
		if (is_field(s, is_top))
			config_value_free(s, base);
}

/* Does a route with a script get every URL that begins with this plain path? */
static bool covers(const struct route *earlier, const char *plain)
{
	size_t len = strlen(earlier->match);

	return earlier->script && !strpbrk(earlier->match, "*?[\\") &&
	       strncmp(plain, earlier->match, len) == 0 &&
	       (plain[len] == '/' || (len > 0 && earlier->match[len - 1] == '/'));
}

/* Refuses the last route if it can never apply: an earlier one has its glob, or fits its plain
 * path. */
static enum err check_reach(struct config_where *w, const struct config *cf)
{
	const char *last = cf->routes[cf->n_routes - 1].match;

	for (size_t i = 0; i + 1 < cf->n_routes; i++) {
		const char *earlier = cf->routes[i].match;

		if (strcmp(earlier, last) == 0 ||
			(!strpbrk(last, "*?[\\") &&
				(fnmatch(earlier, last, 0) == 0 || covers(&cf->routes[i], last))))
			return config_where_error(w,
				"never applies: \"%s\" of $.routes[%zu] comes first and fits the "
				"same; put the "
				"more special one first",
				earlier, i);
	}
	return OK;
}

static bool has_entry(const strings list, const char *text)
{
	for (size_t i = 0; list && list[i]; i++)
		if (strcmp(list[i], text) == 0)
			return true;
	return false;
}

/*
 * Refuses settings that contradict each other, which shows only when the route is complete: a
 * policy without its command, an entry of key_from behind `derive`, `ignore` where the
 * fingerprint does not have the body, and the body in it twice.
 */
static enum err check_policy(struct config_where *w, const struct route *route)
{
	for (size_t i = 0; route->key_from[i]; i++)
		if (strcmp(route->key_from[i], "derive") == 0 && route->key_from[i + 1])
			return config_where_error(w,
				"\"key_from\": \"%s\" stands behind \"derive\" and is never looked "
				"at; put \"derive\" last",
				route->key_from[i + 1]);
	if (route->ignore && !has_entry(route->fingerprint, "body") &&
		!has_entry(route->fingerprint, "json"))
		return config_where_error(w,
			"\"ignore\" has no effect: \"fingerprint\" does not have \"body\"; write "
			"\"ignore\": [], or add \"body\" to \"fingerprint\"");
	if (has_entry(route->fingerprint, "body") && has_entry(route->fingerprint, "json"))
		return config_where_error(w,
			"\"fingerprint\": \"json\" is \"body\", read as JSON; write one of them");
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
	if ((e = read_settings(w, defaults, CONFIG_IN_DEFAULTS, cf, route)) == OK)
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
		if ((e = read_settings(w, json_array_get(routes, i), CONFIG_IN_ROUTE, cf, route)) !=
			OK)
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
		(e = read_settings(w, root, CONFIG_IN_CONTROL, cf, cf->routes)) != OK)
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
	struct store_url parts;

	if (cf->spool || !cf->store || !store_url_split(cf->store, &parts))
		return OK; /* the table gives every configuration a store, with an absolute path */
	if (asprintf(&cf->spool, "%.*s%sspool", parts.dir_len, parts.path,
		    parts.dir_len > 1 ? "/" : "") >= 0)
		return OK;
	cf->spool = NULL;
	return no_memory_for(cf->path);
}

static enum err read_config(struct config_where *w, bool is_control, struct config *cf)
{
	json_error_t wrong_at;
	bool is_no_memory;
	json_t *root = config_document_parse(
		w->text, w->len, JSON_REJECT_DUPLICATES, &wrong_at, &is_no_memory);
	enum err e;

	if (is_no_memory || (!root && wrong_at.line < 0)) /* not an error of the text */
		return no_memory_for(w->file);
	if (!root)
		return err_set(ERR_INVALID, "%s:%d:%d: %s", w->file, wrong_at.line, wrong_at.column,
			wrong_at.text);
	if ((e = set_defaults(w, true, cf)) == OK) {
		if (is_control)
			e = read_control(w, root, cf);
		else if ((e = read_settings(w, root, CONFIG_IN_TOP, cf, NULL)) == OK)
			e = read_routes(w, root, cf);
	}
	if (e == OK)
		e = set_spool(cf);
	if (e == OK && cf->page_template) {
		config_where_enter_key(w, "page_template");
		e = config_frame_read(w, cf->page_template, &cf->frame);
		config_where_leave(w);
	}
	json_decref(root);
	return e;
}

static enum err fail_system(const char *path)
{
	int code = errno;
	enum err e = code == ENOENT || code == ENOTDIR ? ERR_ABSENT : err_from_errno(code);

	return err_set(e, "%s: %s", path, strerror(code));
}

/* Reads a regular file of at most FILE_MAX bytes.  The caller frees *out. */
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

/* Does not resolve symbolic links: relative paths start in the directory that the caller named. */
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
	page_template_free(&old->frame);
	free(old->routes);
	free(old->path);
	free(old);
	*cf = NULL;
}
