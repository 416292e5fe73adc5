/* SPDX-License-Identifier: ISC */
/*
 * cli/check.c - the verb check: configuration, store, scripts and interpreters; changes nothing
 *
 * Does not know: which settings are valid (config/value.c).
 */
#include "cli/verbs.h"

#include "base/exit_code.h"
#include "base/store_url.h"
#include "cgi/script.h"
#include "cli/render.h"
#include "config/config.h"
#include "store/account.h"
#include "store/configured.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns how many scripts, interpreters and directories of scripts cannot be used. */
static int check_scripts(const struct config *cf)
{
	int wrong = 0;

	for (size_t i = 0; i < cf->n_routes; i++) {
		enum script_problem problem;
		struct script s;

		if (!cf->routes[i].script)
			continue;
		if (script_open(cf->routes[i].script, cf, &cf->routes[i], &s, &problem) == OK) {
			script_free(&s);
			continue;
		}
		fprintf(stderr, "retrysafe: %s: route %zu: %s\n", cf->path, i + 1, err_text());
		wrong++;
	}
	for (size_t i = 0; i < cf->n_routes; i++)
		if (cf->routes[i].interpreter && access(cf->routes[i].interpreter[0], X_OK) != 0) {
			fprintf(stderr, "retrysafe: %s: route %zu: interpreter: %s: %s\n", cf->path,
				i + 1, cf->routes[i].interpreter[0], strerror(errno));
			wrong++;
		}
	for (char **dir = cf->script_dirs; dir && *dir; dir++)
		if (access(*dir, X_OK) != 0) {
			fprintf(stderr, "retrysafe: %s: script_dirs: %s is not there\n", cf->path,
				*dir);
			wrong++;
		}
	return wrong;
}

/* May this process's user make this directory, or write into it? */
static bool is_usable(const char *dir)
{
	char parent[PATH_MAX];
	struct stat sb;

	if (stat(dir, &sb) == 0)
		return S_ISDIR(sb.st_mode) && access(dir, W_OK | X_OK) == 0;
	snprintf(parent, sizeof(parent), "%s", dir);
	return access(dirname(parent), W_OK | X_OK) == 0;
}

/* Can the first request make the store here?  Returns how many mistakes there are: 0 or 1. */
static int check_location(const struct config *cf)
{
	char dir[PATH_MAX];
	struct store_url parts;

	if (store_url_split(cf->store, &parts))
		snprintf(dir, sizeof(dir), "%.*s", parts.dir_len, parts.path);
	else
		snprintf(dir, sizeof(dir), "/");
	/* The first request also makes the spool, when it is inside of the store's directory. */
	if (is_usable(dir) && (is_usable(cf->spool) || strncmp(cf->spool, dir, strlen(dir)) == 0))
		return 0;
	fprintf(stderr,
		"retrysafe: store %s: this account cannot write to %s; make it for the account "
		"that runs the gateway, such as: install -d -o www-data -m 0700 %s\n",
		cf->store, is_usable(dir) ? cf->spool : dir, is_usable(dir) ? cf->spool : dir);
	return 1;
}

/*
 * What root can do says nothing: from here on this process sees what the account of the store sees.
 * Returns how many mistakes there are: 0 or 1.
 */
static int check_account(const struct config *cf)
{
	enum err e = account_become_owner(cf);

	if (e == OK)
		e = account_check_run(cf, "check");
	if (e != OK) {
		cli_complain("account", e);
		return 1;
	}
	if (access(cf->path, R_OK) == 0)
		return 0;
	fprintf(stderr, "retrysafe: %s: user %u, to whom the store belongs, cannot read it\n",
		cf->path, (unsigned)geteuid());
	return 1;
}

/* arg: the list that --json prints. */
struct warnings {
	const struct config *cf;
	json_t *list;
};

static void warn(size_t route, const char *text, void *arg)
{
	struct warnings *w = arg;

	fprintf(stderr, "retrysafe: %s: route %zu: warning: %s\n", w->cf->path, route, text);
	json_array_append_new(w->list, json_pack("{s:i, s:s}", "route", (int)route, "text", text));
}

int cli_find_mistakes(const struct config *cf, const char **store_is)
{
	struct store *st = NULL;
	int wrong = check_account(cf) + check_scripts(cf);
	enum err e = configured_open_store(cf, true, &st);

	*store_is = "ready";
	if (e == ERR_ABSENT) {
		*store_is = "not made yet: the first request makes it";
		wrong += check_location(cf);
	} else if (e != OK) {
		cli_complain("store", e);
		wrong++;
	}
	store_close(&st);
	return wrong;
}

int cli_check(const struct cli *c)
{
	struct config *cf = NULL;
	struct warnings warnings;
	const char *store_is;
	int wrong;
	enum err e = config_open(c->n_words ? c->words[0] : c->config_path, &cf);

	if (e != OK)
		return cli_complain(NULL, e);
	warnings = (struct warnings){.cf = cf, .list = json_array()};
	cli_advise(cf, warn, &warnings);
	wrong = cli_find_mistakes(cf, &store_is);
	if (!wrong && c->json)
		cli_print_json(json_pack("{s:s, s:s, s:s, s:i, s:O}", "config", cf->path, "store",
			cf->store, "store_is", store_is, "routes", (int)cf->n_routes, "warnings",
			warnings.list));
	else if (!wrong)
		printf("%s: ok, %zu route%s; store %s: %s\n", cf->path, cf->n_routes,
			cf->n_routes == 1 ? "" : "s", cf->store, store_is);
	json_decref(warnings.list);
	config_free(&cf);
	return wrong ? EXIT_USAGE : EXIT_SUCCESS;
}
