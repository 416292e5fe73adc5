/* SPDX-License-Identifier: ISC */
/*
 * cli/snippet.c - the verb snippet: prints the server configuration of one wiring
 *
 * RULES
 *   (1) What is printed is the whole text of a file for the server, and nothing else; remarks go to
 *       standard error (t19-snippet).
 *   (2) A configuration that is not there yet is no error: the text names the place where it will
 *       be (t19-snippet).
 *
 * Does not know: the texts (conf/snippets/), and what is filled into them (cli/snippet_make.c).
 */
#include "cli/snippet.h"

#include "base/exit_code.h"
#include "base/spelling.h"
#include "cli/render.h"
#include "cli/verbs.h"
#include "config/config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int list(bool json)
{
	size_t n;
	const struct wiring *w = snippet_wirings(&n);

	for (size_t i = 0; i < n; i++)
		if (json)
			cli_print_json(
				json_pack("{s:s, s:s}", "wiring", w[i].name, "about", w[i].about));
		else
			printf("%-16s  %s\n", w[i].name, w[i].about);
	return EXIT_SUCCESS;
}

static int refuse_wiring(const char *name)
{
	const char *names[32] = {NULL}, *meant;
	size_t n;
	const struct wiring *w = snippet_wirings(&n);

	for (size_t i = 0; i < n && i < 31; i++)
		names[i] = w[i].name;
	meant = spelling_nearest(name, names);
	fprintf(stderr, "retrysafe: snippet: there is no wiring \"");
	cli_put(stderr, name, strlen(name), false);
	if (meant)
		fprintf(stderr, "\"; did you mean \"%s\"?\n", meant);
	else
		fprintf(stderr, "\"; retrysafe snippet --list names them\n");
	return EXIT_USAGE;
}

bool cli_absolute_path(const char *path, char out[PATH_MAX])
{
	char cwd[PATH_MAX] = "", *resolved;
	size_t len = 0;

	/* Links decide where ".." leads, so only the kernel knows. */
	if (strncmp(path, "../", 3) == 0 || strstr(path, "/../")) {
		resolved = realpath(path, out);
		if (resolved)
			return true;
	}
	if (*path != '/' && !getcwd(cwd, sizeof(cwd)))
		return false;
	if (strlen(cwd) + strlen(path) + 2 > PATH_MAX)
		return false;
	len = (size_t)snprintf(out, PATH_MAX, "%s", cwd);
	for (const char *at = path; *at;) {
		size_t part = strcspn(at, "/");

		if (part > 0 && !(part == 1 && *at == '.'))
			len += (size_t)snprintf(out + len, PATH_MAX - len, "/%.*s", (int)part, at);
		at += part + strspn(at + part, "/");
	}
	if (len == 0)
		snprintf(out, PATH_MAX, "/");
	return true;
}

/* The configuration that the text names: the one that is there, or the one that will be. */
static enum err find_config(const struct cli *c, struct config **cf, char path[PATH_MAX])
{
	const char *named = c->config_path ? c->config_path : getenv("RETRYSAFE_CONFIG");
	const char *home = getenv("HOME");
	enum err e = config_open(c->config_path, cf);

	if (e == OK) {
		snprintf(path, PATH_MAX, "%s", (*cf)->path);
		return OK;
	}
	if (e != ERR_ABSENT)
		return e;
	if (named && *named) {
		if (!cli_absolute_path(named, path))
			return err_set(ERR_INVALID, "%.200s: the path is too long", named);
	} else if (geteuid() != 0 && home && *home == '/')
		snprintf(path, PATH_MAX, "%s/.config/retrysafe/config.json", home);
	else
		snprintf(path, PATH_MAX, "/etc/retrysafe/config.json");
	fprintf(stderr, "retrysafe: snippet: the configuration ");
	cli_put(stderr, path, strlen(path), false);
	fprintf(stderr, " is not there yet; retrysafe init writes a first one\n");
	return OK;
}

/* The script of --script as an absolute path; false: standard error says why not. */
static bool find_script(const char *given, char path[PATH_MAX])
{
	struct stat sb;
	const char *wrong = NULL;

	if (*given == '\0' || given[strlen(given) - 1] == '/' || !cli_absolute_path(given, path))
		wrong = "is not the path of a script";
	else if (stat(path, &sb) != 0)
		fprintf(stderr, "retrysafe: snippet: --script %s is not there yet\n", given);
	else if (S_ISDIR(sb.st_mode))
		wrong = "is a directory; name one script, or leave --script out to wire the "
			"directory of script_dirs";
	if (wrong)
		fprintf(stderr, "retrysafe: snippet: --script %s %s\n", given, wrong);
	return !wrong;
}

/* The path of --listen unix:PATH, where the wiring has a socket. */
static bool find_socket(const struct cli *c, const struct wiring *w, struct snippet_places *places)
{
	if (!c->listen)
		return true;
	if (!w->socket)
		fprintf(stderr, "retrysafe: snippet: %s has no socket: leave --listen out\n",
			w->name);
	else if (strncmp(c->listen, "unix:/", 6) != 0)
		fprintf(stderr, "retrysafe: snippet: --listen %s: write unix:/path/of.sock\n",
			c->listen);
	else {
		places->socket = c->listen + 5;
		return true;
	}
	return false;
}

static int print(const struct cli *c, const struct wiring *w)
{
	char config[PATH_MAX], script[PATH_MAX], *text = NULL;
	struct snippet_places places = {.config = config};
	struct config *cf = NULL;
	enum err e;

	if (!find_socket(c, w, &places) || (c->script && !find_script(c->script, script)))
		return EXIT_USAGE;
	e = find_config(c, &cf, config);
	if (e == OK && cf) {
		places.store = cf->store;
		places.dir = cf->script_dirs ? cf->script_dirs[0] : NULL;
	}
	places.script = c->script ? script : NULL;
	if (e == OK)
		e = snippet_make(w, &places, &text);
	config_free(&cf);
	if (e != OK)
		return cli_complain("snippet", e);
	if (c->json)
		cli_print_json(json_pack(
			"{s:s, s:s, s:s}", "wiring", w->name, "about", w->about, "text", text));
	else
		fputs(text, stdout);
	free(text);
	return EXIT_SUCCESS;
}

int cli_snippet(const struct cli *c)
{
	const struct wiring *w;

	if (c->wants_list == (c->n_words == 1) || (c->wants_list && (c->script || c->listen))) {
		fprintf(stderr, "retrysafe: snippet: write the name of a wiring, or --list alone "
				"to see their names\n");
		return EXIT_USAGE;
	}
	if (c->wants_list)
		return list(c->json);
	w = snippet_find(c->words[0]);
	return w ? print(c, w) : refuse_wiring(c->words[0]);
}
