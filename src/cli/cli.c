/* SPDX-License-Identifier: ISC */
/*
 * cli/cli.c - verbs, their options, and those that serve and check
 *
 * One table drives dispatch and help.  What a verb prints goes to standard output, one object a
 * line with --json; complaints go to standard error.  Only here and in main.c does an error
 * decide an exit code.
 */
#include "cli/cli.h"

#include "base/store_url.h"
#include "base/version.h"
#include "cgi/listener.h"
#include "cgi/script.h"
#include "cli/verbs.h"
#include "server/serve.h"
#include "store/configured.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int serve(const struct cli *c);
static int check(const struct cli *c);
static int version(const struct cli *c);
static int settings(const struct cli *c);

static const struct verb {
	const char *name;
	int (*run)(const struct cli *c);
	const char *synopsis, *does;
	int max_words; /* words after the verb that are not options */
} verbs[] = {
	{"serve", serve, "[--listen unix:PATH|HOST:PORT] [--config FILE]",
		"FastCGI on a socket of its own, or on one passed by systemd", 0},
	{"check", check, "[FILE]",
		"validates the configuration, store and scripts; changes nothing", 1},
	{"list", cli_list, "[--state S] [--route R] [--limit N] [--json]",
		"operations, newest first", 0},
	{"show", cli_show, "REF | --key K --route R [--scope S]... [--json]",
		"one operation, with its history", 1},
	{"stats", cli_stats, "[--json]", "counters, keys by state, sizes", 0},
	{"purge", cli_purge, "[--archive FILE] [--json]",
		"removes all that has expired; first into FILE, as JSON lines", 0},
	{"settle", cli_settle, "REF --done FILE | REF --not-done, --why TEXT [--json]",
		"an uncertain operation was done, with this CGI response, or was not and may run "
		"again",
		1},
	{"recover", cli_recover, "[--json]",
		"settles what can be settled, once; safe beside running gateways", 0},
	{"version", version, "[--json]", "the versions of this program and its libraries", 0},
	{"settings", settings, "", "every setting of the configuration, its type and default", 0},
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static int usage(FILE *to)
{
	fprintf(to, "usage: retrysafe VERB [OPTION]...\n\n");
	for (size_t i = 0; i < N_VERBS; i++)
		fprintf(to, "  %-8s %s\n           %s\n", verbs[i].name, verbs[i].synopsis,
			verbs[i].does);
	fprintf(to,
		"\nEvery verb takes --config FILE.  Exit codes: 0 done, 1 no or nothing matched,\n"
		"100 usage or configuration, 111 temporary.\n");
	return to == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

int cli_complain(const char *what, enum err e)
{
	fprintf(stderr, "retrysafe: %s%s%s\n", what ? what : "", what ? ": " : "", err_text());
	return e == ERR_BUSY || e == ERR_FULL || e == ERR_NOMEM || e == ERR_SYSTEM ||
			       e == ERR_UNKNOWN
		       ? EXIT_TEMPORARY
		       : EXIT_USAGE;
}

static bool parse_limit(const char *text, int64_t *out)
{
	char *end;

	*out = strtoll(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && *out >= 1 && *out <= 1000000000;
}

static bool parse_state(const char *text, enum state *out)
{
	for (int s = STATE_RUNNING; s < STATE__MAX; s++)
		if (strcmp(text, state_name((enum state)s)) == 0) {
			*out = (enum state)s;
			return true;
		}
	return false;
}

enum option_name {
	OPT_CONFIG = 1,
	OPT_JSON,
	OPT_LISTEN,
	OPT_STATE,
	OPT_ROUTE,
	OPT_LIMIT,
	OPT_KEY,
	OPT_SCOPE,
	OPT_DONE,
	OPT_NOT_DONE,
	OPT_WHY,
	OPT_ARCHIVE
};

static bool take_option(struct cli *c, int opt)
{
	switch (opt) {
	case OPT_CONFIG:
		c->config_path = optarg;
		return true;
	case OPT_JSON:
		c->json = true;
		return true;
	case OPT_LISTEN:
		c->listen = optarg;
		return true;
	case OPT_ROUTE:
		c->filter.route = optarg;
		return true;
	case OPT_KEY:
		c->key = optarg;
		return true;
	case OPT_SCOPE:
		if (c->n_scope == CLI_SCOPE_MAX)
			return false;
		c->scope[c->n_scope++] = optarg;
		return true;
	case OPT_DONE:
		c->done_file = optarg;
		return true;
	case OPT_NOT_DONE:
		c->is_not_done = true;
		return true;
	case OPT_WHY:
		c->why = optarg;
		return true;
	case OPT_ARCHIVE:
		c->archive = optarg;
		return true;
	case OPT_LIMIT:
		if (parse_limit(optarg, &c->filter.limit))
			return true;
		fprintf(stderr, "retrysafe: --limit %s: write a number from 1 to 1000000000\n",
			optarg);
		return false;
	case OPT_STATE:
		if (parse_state(optarg, &c->filter.state))
			return true;
		fprintf(stderr,
			"retrysafe: --state %s: write running, done, uncertain or expired\n",
			optarg);
		return false;
	default:
		return false;
	}
}

static bool take_options(struct cli *c, const struct verb *verb, int argc, char *argv[])
{
	static const struct option options[] = {
		{"config", required_argument, NULL, OPT_CONFIG},
		{"json", no_argument, NULL, OPT_JSON},
		{"listen", required_argument, NULL, OPT_LISTEN},
		{"state", required_argument, NULL, OPT_STATE},
		{"route", required_argument, NULL, OPT_ROUTE},
		{"limit", required_argument, NULL, OPT_LIMIT},
		{"key", required_argument, NULL, OPT_KEY},
		{"scope", required_argument, NULL, OPT_SCOPE},
		{"done", required_argument, NULL, OPT_DONE},
		{"not-done", no_argument, NULL, OPT_NOT_DONE},
		{"why", required_argument, NULL, OPT_WHY},
		{"archive", required_argument, NULL, OPT_ARCHIVE},
		{0},
	};
	int opt;

	while ((opt = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1)
		if (!take_option(c, opt))
			return false;
	c->words = argv + 1 + optind;
	c->n_words = argc - 1 - optind;
	if (c->n_words > verb->max_words) {
		fprintf(stderr, "retrysafe: %s: \"%s\" is one word too many\n", verb->name,
			c->words[verb->max_words]);
		return false;
	}
	return true;
}

int cli_run(int argc, char *argv[])
{
	struct cli c = {.argv = argv};

	if (argc < 2)
		return usage(stderr);
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0)
		return usage(stdout);
	for (size_t i = 0; i < N_VERBS; i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		if (take_options(&c, &verbs[i], argc, argv))
			return verbs[i].run(&c);
		fprintf(stderr, "usage: retrysafe %s %s\n", verbs[i].name, verbs[i].synopsis);
		return EXIT_USAGE;
	}
	fprintf(stderr, "retrysafe: there is no verb \"%s\"\n", argv[1]);
	return usage(stderr);
}

/* ---- serve ---- */

/* A socket that systemd, or we ourselves before we started over, have passed on; -1: none. */
static int passed_socket(void)
{
	const char *ours = getenv("RETRYSAFE_LISTEN_FD");
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	int fd = -1;

	if (ours)
		fd = (int)strtol(ours, NULL, 10);
	else if (pid && n && strtol(pid, NULL, 10) == (long)getpid() && strcmp(n, "1") == 0)
		fd = 3;
	return fd > 2 && listener_is(fd) ? fd : -1;
}

static int serve(const struct cli *c)
{
	int n_workers, fd = passed_socket();
	enum err e = serve_workers(c->config_path, &n_workers);

	if (e != OK)
		return cli_complain(NULL, e);
	if (fd < 0 && !c->listen) {
		fprintf(stderr, "retrysafe: serve: where?  Write --listen unix:/path/of.sock or "
				"--listen 127.0.0.1:9000, or start it by a systemd socket unit\n");
		return EXIT_USAGE;
	}
	return serve_fastcgi(fd, c->listen, c->config_path, n_workers, c->argv);
}

/* ---- check ---- */

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

/* May the one who runs us make this directory, or write into it? */
static bool is_usable(const char *dir)
{
	char parent[PATH_MAX];
	struct stat sb;

	if (stat(dir, &sb) == 0)
		return S_ISDIR(sb.st_mode) && access(dir, W_OK | X_OK) == 0;
	snprintf(parent, sizeof(parent), "%s", dir);
	return access(dirname(parent), W_OK | X_OK) == 0;
}

/* Where the store will be made by the first request. */
static int check_place(const struct config *cf)
{
	char dir[PATH_MAX];
	struct store_url parts;

	if (store_url_split(cf->store, &parts))
		snprintf(dir, sizeof(dir), "%.*s", parts.dir_len, parts.path);
	else
		snprintf(dir, sizeof(dir), "/");
	/* The spool may be made inside of it. */
	if (is_usable(dir) && (is_usable(cf->spool) || strncmp(cf->spool, dir, strlen(dir)) == 0))
		return 0;
	fprintf(stderr,
		"retrysafe: store %s: whoever runs this cannot write to %s; make it for the "
		"account that "
		"runs the gateway, such as: install -d -o www-data -m 0700 %s\n",
		cf->store, is_usable(dir) ? cf->spool : dir, is_usable(dir) ? cf->spool : dir);
	return 1;
}

static int check(const struct cli *c)
{
	struct config *cf = NULL;
	struct store *st = NULL;
	const char *store_is = "ready";
	int wrong;
	enum err e = config_open(c->n_words ? c->words[0] : c->config_path, &cf);

	if (e != OK)
		return cli_complain(NULL, e);
	wrong = check_scripts(cf);
	e = configured_open_store(cf, true, &st);
	if (e == ERR_ABSENT) {
		store_is = "not made yet: the first request makes it";
		wrong += check_place(cf);
	} else if (e != OK) {
		cli_complain("store", e);
		wrong++;
	}
	if (!wrong && c->json)
		cli_print_json(json_pack("{s:s, s:s, s:s, s:i}", "config", cf->path, "store",
			cf->store, "store_is", store_is, "routes", (int)cf->n_routes));
	else if (!wrong)
		printf("%s: ok, %zu route%s; store %s: %s\n", cf->path, cf->n_routes,
			cf->n_routes == 1 ? "" : "s", cf->store, store_is);
	store_close(&st);
	config_free(&cf);
	return wrong ? EXIT_USAGE : EXIT_SUCCESS;
}

/* ---- version, settings ---- */

static int version(const struct cli *c)
{
	if (c->json)
		cli_print_json(json_pack("{s:s, s:s, s:s, s:s}", "retrysafe", RETRYSAFE_VERSION,
			"store", store_engine_version(), "libfcgi", LIBFCGI_VERSION, "jansson",
			jansson_version_str()));
	else
		printf("retrysafe %s\n%s\nlibfcgi %s\njansson %s\n", RETRYSAFE_VERSION,
			store_engine_version(), LIBFCGI_VERSION, jansson_version_str());
	return EXIT_SUCCESS;
}

static int settings(const struct cli *c)
{
	(void)c;
	config_print_settings();
	return EXIT_SUCCESS;
}

void cli_print_json(json_t *o)
{
	char *line = o ? json_dumps(o, JSON_COMPACT) : NULL;

	if (line)
		puts(line);
	free(line);
	json_decref(o);
}
