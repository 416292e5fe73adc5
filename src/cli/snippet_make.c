/* SPDX-License-Identifier: ISC */
/*
 * cli/snippet_make.c - fills the paths of this host into the text of a wiring
 *
 * "@NAME@" in a text stands for a value.  A line that holds nothing but a name whose value is empty
 * is left out.  The URL of a directory of scripts is the directory's last name: /srv/shop/cgi-bin
 * is served as /cgi-bin/.
 *
 * RULES
 *   (1) No path can end the string, or the directive, that it stands in (t19-snippet).
 *   (2) A whole directory is wired, or one script; never a suffix (t19-snippet).
 *
 * Does not know: what the servers understand.
 */
#include "cli/snippet.h"

#include "base/store_url.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAFE "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+:@,=~"

#define VALUE_MAX (4 * PATH_MAX)

enum value {
	BIN,
	CONFIG,
	SOCKET,
	STORE,
	DIR_,
	ROOT,
	PATH,
	URL,
	SCRIPT,
	PATTERN,
	PROXY_PATTERN,
	LOCATION,
	SECTION,
	END_SECTION,
	FILES,
	END_FILES,
	N_VALUES
};

static const char *const names[N_VALUES] = {
	[BIN] = "BIN", /* directory of retrysafe.fcgi and retrysafe.cgi */
	[CONFIG] = "CONFIG",
	[SOCKET] = "SOCKET",
	[STORE] = "STORE",                 /* "sqlite:PATH" */
	[DIR_] = "DIR",                    /* of the scripts */
	[ROOT] = "ROOT",                   /* the directory of DIR; "" for the root directory */
	[PATH] = "PATH",                   /* the script, or DIR and a slash */
	[URL] = "URL",                     /* under which PATH is */
	[SCRIPT] = "SCRIPT",               /* the script, or an example */
	[PATTERN] = "PATTERN",             /* a regular expression for URLs */
	[PROXY_PATTERN] = "PROXY_PATTERN", /* one that takes the part behind ROOT */
	[LOCATION] = "LOCATION",           /* of nginx */
	[SECTION] = "SECTION",             /* of Apache */
	[END_SECTION] = "END_SECTION",
	[FILES] = "FILES", /* of .htaccess; "" for the whole directory */
	[END_FILES] = "END_FILES",
};

struct values {
	char of[N_VALUES][VALUE_MAX];
};

/* ---- this host ---- */

/* The directory of the links: beside this program, as it is built, or where `make install` puts
 * them. */
static enum err find_links(char *bin)
{
	char self[PATH_MAX], at[2 * PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	static const char *const below[] = {"", "/lib/retrysafe"};
	char *slash;

	if (n <= 0)
		return err_set(ERR_SYSTEM, "/proc/self/exe: %s", strerror(errno));
	self[n] = '\0';
	for (int i = 0; i < 2; i++) {
		slash = strrchr(self, '/');
		if (!slash)
			break;
		*slash = '\0';
		snprintf(at, sizeof(at), "%s%s/retrysafe.fcgi", self, below[i]);
		if (access(at, X_OK) == 0) {
			snprintf(bin, VALUE_MAX, "%s%s", self, below[i]);
			return OK;
		}
	}
	return err_set(ERR_ABSENT,
		"%s is not there, nor is retrysafe.fcgi beside this program: install it by `make "
		"install`, or make links to it named retrysafe.fcgi and retrysafe.cgi beside it",
		at);
}

void snippet_scripts_dir(char out[PATH_MAX])
{
	const char *home = getenv("HOME");

	if (geteuid() >= SNIPPET_FIRST_PERSON && home && *home == '/')
		snprintf(out, PATH_MAX, "%.*s/public_html/cgi-bin", PATH_MAX - 32, home);
	else
		snprintf(out, PATH_MAX, "/usr/lib/cgi-bin");
}

/* ---- the values ---- */

/* As a regular expression that fits this very text; [.] means the same to all servers. */
static void escape(const char *text, char *out)
{
	for (; *text; text++)
		out = strchr(".+", *text) ? stpcpy(out, (char[]){'[', *text, ']', '\0'})
					  : stpcpy(out, (char[]){*text, '\0'});
	*out = '\0';
}

/* PATH, URL and what follows from them, from DIR and the name of the script, or "". */
static enum err set_target(struct values *v, const char *name)
{
	char *dir = v->of[DIR_], *last = strrchr(dir, '/');
	char url[PATH_MAX], pattern[3 * PATH_MAX];

	snprintf(v->of[ROOT], VALUE_MAX, "%.*s", (int)(last - dir), dir);
	if ((size_t)snprintf(url, sizeof(url), "%s/%s", last, name) >= sizeof(url))
		return err_set(ERR_INVALID, "%.300s: the path is too long", dir);
	escape(url, pattern);
	snprintf(v->of[URL], VALUE_MAX, "%s", url);
	snprintf(v->of[PATH], VALUE_MAX, "%.*s/%s", PATH_MAX, dir, name);
	snprintf(v->of[SCRIPT], VALUE_MAX, "%.*s/%s", PATH_MAX, dir, *name ? name : "order.pl");
	if (*name) {
		snprintf(v->of[PATTERN], VALUE_MAX, "^%s(?:/|$)", pattern);
		snprintf(v->of[PROXY_PATTERN], VALUE_MAX, "^/(%s(?:/.*)?)$", pattern + 1);
		snprintf(v->of[LOCATION], VALUE_MAX, "~ ^%s(?:/|$)", pattern);
		snprintf(v->of[SECTION], VALUE_MAX, "Location \"%s\"", url);
		snprintf(v->of[END_SECTION], VALUE_MAX, "Location");
		snprintf(v->of[FILES], VALUE_MAX, "<Files \"%s\">", name);
		snprintf(v->of[END_FILES], VALUE_MAX, "</Files>");
	} else {
		snprintf(v->of[PATTERN], VALUE_MAX, "^%s", pattern);
		snprintf(v->of[PROXY_PATTERN], VALUE_MAX, "^/(%s.+)$", pattern + 1);
		snprintf(v->of[LOCATION], VALUE_MAX, "^~ %s", url);
		snprintf(v->of[SECTION], VALUE_MAX, "Directory \"%.*s\"", PATH_MAX, dir);
		snprintf(v->of[END_SECTION], VALUE_MAX, "Directory");
	}
	return OK;
}

static enum err check_path(const char *path)
{
	for (const char *p = path; *p; p++)
		if (!((unsigned char)*p & 0x80) && !strchr(SAFE, *p))
			return err_set(ERR_INVALID,
				"%.300s: no server's configuration can name it safely; allowed are "
				"letters, digits and / . _ - + : @ , = ~; make a link with such a "
				"name",
				path);
	if (*path != '/' || strlen(path) >= PATH_MAX)
		return err_set(ERR_INVALID, "%.300s: an absolute path is needed", path);
	return OK;
}

static enum err set_values(
	const struct wiring *w, const struct snippet_places *places, struct values *v)
{
	const char *script = places->script, *name = "";
	char *dir = v->of[DIR_];
	enum err e = find_links(v->of[BIN]);

	snprintf(v->of[CONFIG], VALUE_MAX, "%s", places->config);
	snprintf(v->of[STORE], VALUE_MAX, "%s",
		places->store ? places->store : "sqlite:/var/lib/retrysafe/retrysafe.db");
	if (places->socket || w->socket)
		snprintf(v->of[SOCKET], VALUE_MAX, "%s",
			places->socket ? places->socket : w->socket);
	if (script) {
		name = strrchr(script, '/') + 1;
		snprintf(dir, VALUE_MAX, "%.*s", (int)(name - 1 - script), script);
	} else if (places->dir)
		snprintf(dir, VALUE_MAX, "%s", places->dir);
	else
		snippet_scripts_dir(dir);
	for (size_t len = strlen(dir); len > 0 && dir[len - 1] == '/'; len--)
		dir[len - 1] = '\0';
	if (e == OK && *dir == '\0')
		e = err_set(ERR_INVALID, "scripts need a directory of their own, not /");
	if (e == OK)
		e = check_path(dir);
	if (e == OK && script)
		e = check_path(script);
	if (e == OK)
		e = check_path(v->of[BIN]);
	if (e == OK)
		e = check_path(v->of[CONFIG]);
	if (e == OK && *v->of[SOCKET])
		e = check_path(v->of[SOCKET]);
	if (e == OK && store_url_path(v->of[STORE]))
		e = check_path(store_url_path(v->of[STORE]));
	if (e == OK)
		e = set_target(v, name);
	return e;
}

/* ---- the text ---- */

/* The value of the "@NAME@" at `at`, whose length is set; NULL: there is none. */
static const char *value_at(const struct values *v, const char *at, const char *end, size_t *len)
{
	for (int i = 0; *at == '@' && i < N_VALUES; i++) {
		*len = strlen(names[i]) + 2;
		if ((size_t)(end - at) >= *len && at[*len - 1] == '@' &&
			strncmp(at + 1, names[i], *len - 2) == 0)
			return v->of[i];
	}
	return NULL;
}

static void fill(const struct wiring *w, const struct values *v, FILE *to)
{
	const char *value;
	size_t len;

	for (const char *at = w->text; at < w->end; at += len) {
		value = value_at(v, at, w->end, &len);
		if (!value) {
			putc(*at, to);
			len = 1;
		} else if (*value == '\0' && at[-1] == '\n' && at[len] == '\n')
			len++;
		else
			fputs(value, to);
	}
}

enum err snippet_make(const struct wiring *w, const struct snippet_places *places, char **out)
{
	struct values *v = calloc(1, sizeof(*v));
	size_t size;
	FILE *to = NULL;
	enum err e;

	if (!v)
		return err_set(ERR_NOMEM, "out of memory");
	e = set_values(w, places, v);
	if (e == OK && !(to = open_memstream(out, &size)))
		e = err_set(ERR_NOMEM, "out of memory");
	if (e == OK) {
		fill(w, v, to);
		if (fclose(to) != 0)
			e = err_set(ERR_NOMEM, "out of memory");
	}
	free(v);
	return e;
}
