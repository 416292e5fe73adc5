/* SPDX-License-Identifier: ISC */
/*
 * cli/options.c - reads the options of every verb
 *
 * All verbs share one set of options.  An option that the verb does not take is an error, like one
 * that does not exist: a verb that ignored it would not do what the operator asked for.
 */
#include "cli/options.h"

#include "base/spelling.h"
#include "cli/render.h"
#include "config/value.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool parse_limit(const char *text, int64_t *out)
{
	char *end;

	*out = strtoll(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && *out >= 1 && *out <= 1000000000;
}

/* A duration, or a date with or without a time of day: local, or UTC with a "Z". */
static bool parse_since(const char *text, struct cli *c)
{
	static const char *const forms[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"};

	c->is_since_ago = config_duration(text, &c->since_ms);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]) && !c->is_since_ago; i++) {
		struct tm tm = {.tm_isdst = -1};
		const char *end = strptime(text, forms[i], &tm);
		bool is_utc = end && strcmp(end, "Z") == 0;

		if (!end || (*end && !is_utc))
			continue;
		c->since_ms = (int64_t)(is_utc ? timegm(&tm) : mktime(&tm)) * 1000;
		return c->since_ms > 0;
	}
	return c->is_since_ago;
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
	OPT_SINCE,
	OPT_KEY,
	OPT_SCOPE,
	OPT_SCRIPT,
	OPT_SITE,
	OPT_DONE,
	OPT_NOT_DONE,
	OPT_WHY,
	OPT_FORCE,
	OPT_ARCHIVE,
	OPT_OUTPUT,
	OPT_ACCEPT_LOSS,
	OPT_WATCH,
	OPT_OUTCOME,
	OPT_LIST,
	OPT_DIR,
	OPT_SERVER
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
	case OPT_SCRIPT:
		c->script = optarg;
		return true;
	case OPT_SITE:
		if (c->n_site == CLI_SITE_MAX)
			return false;
		c->site[c->n_site++] = optarg;
		return true;
	case OPT_DONE:
		c->done_file = optarg;
		return true;
	case OPT_NOT_DONE:
		c->is_not_done = true;
		return true;
	case OPT_FORCE:
		c->is_forced = true;
		return true;
	case OPT_WHY:
		c->why = optarg;
		return true;
	case OPT_ARCHIVE:
		c->archive = optarg;
		return true;
	case OPT_ACCEPT_LOSS:
		c->accepts_loss = true;
		return true;
	case OPT_WATCH:
		c->is_watching = true;
		return true;
	case OPT_OUTCOME:
		c->outcome = optarg;
		return true;
	case OPT_OUTPUT:
		c->wants_output = true;
		return true;
	case OPT_LIST:
		c->wants_list = true;
		return true;
	case OPT_DIR:
		c->dir = optarg;
		return true;
	case OPT_SERVER:
		c->server = optarg;
		return true;
	case OPT_LIMIT:
		if (parse_limit(optarg, &c->filter.limit))
			return true;
		fprintf(stderr, "retrysafe: --limit %s: write a number from 1 to 1000000000\n",
			optarg);
		return false;
	case OPT_SINCE:
		if (parse_since(optarg, c))
			return true;
		fprintf(stderr,
			"retrysafe: --since %s: write how long ago, such as 90s, 10m, 24h or 30d, "
			"or a "
			"time: 2026-01-31, 2026-01-31T12:00:00, or with Z behind it for UTC\n",
			optarg);
		return false;
	case OPT_STATE:
		if (parse_state(optarg, &c->filter.state))
			return true;
		fprintf(stderr,
			"retrysafe: --state %s: write running, done, uncertain or "
			"expired\n",
			optarg);
		return false;
	default:
		return false;
	}
}

static const struct option options[] = {
	{"config", required_argument, NULL, OPT_CONFIG},
	{"json", no_argument, NULL, OPT_JSON},
	{"listen", required_argument, NULL, OPT_LISTEN},
	{"state", required_argument, NULL, OPT_STATE},
	{"route", required_argument, NULL, OPT_ROUTE},
	{"limit", required_argument, NULL, OPT_LIMIT},
	{"since", required_argument, NULL, OPT_SINCE},
	{"key", required_argument, NULL, OPT_KEY},
	{"scope", required_argument, NULL, OPT_SCOPE},
	{"script", required_argument, NULL, OPT_SCRIPT},
	{"site", required_argument, NULL, OPT_SITE},
	{"done", required_argument, NULL, OPT_DONE},
	{"not-done", no_argument, NULL, OPT_NOT_DONE},
	{"force", no_argument, NULL, OPT_FORCE},
	{"why", required_argument, NULL, OPT_WHY},
	{"archive", required_argument, NULL, OPT_ARCHIVE},
	{"output", no_argument, NULL, OPT_OUTPUT},
	{"accept-loss", no_argument, NULL, OPT_ACCEPT_LOSS},
	{"watch", no_argument, NULL, OPT_WATCH},
	{"outcome", required_argument, NULL, OPT_OUTCOME},
	{"list", no_argument, NULL, OPT_LIST},
	{"dir", required_argument, NULL, OPT_DIR},
	{"server", required_argument, NULL, OPT_SERVER},
	{0},
};

#define N_OPTIONS (sizeof(options) / sizeof(options[0]) - 1)

static bool is_taken(const char *name, const char *takes)
{
	size_t len = strlen(name);

	for (const char *at = takes; *at; at += strcspn(at, " ") + 1)
		if (strncmp(at, name, len) == 0 && at[len] == ' ')
			return true;
	return false;
}

/* Complains about an option that the verb does not take, or that does not exist. */
static enum cli_read refuse(const char *verb, const char *given, const char *takes)
{
	const char *names[N_OPTIONS + 1] = {NULL};
	size_t len = strcspn(given, "="), dashes = strspn(given, "-"), n = 0;
	const char *meant;
	char name[64];

	for (size_t i = 0; i < N_OPTIONS; i++)
		if (is_taken(options[i].name, takes))
			names[n++] = options[i].name;
	snprintf(name, sizeof(name), "%.*s", (int)(len - dashes), given + dashes);
	meant = spelling_nearest(name, names);
	fprintf(stderr, "retrysafe: %s: it takes no option ", verb);
	cli_put(stderr, given, len, false);
	if (meant)
		fprintf(stderr, "; did you mean --%s?", meant);
	fprintf(stderr, "\n");
	return meant ? CLI_MISTYPED : CLI_WRONG;
}

enum cli_read cli_read_options(
	struct cli *c, const char *takes, int max_words, int argc, char *argv[])
{
	struct option taken[N_OPTIONS + 1] = {{0}};
	int opt, n = 0;

	for (size_t i = 0; i < N_OPTIONS; i++)
		if (is_taken(options[i].name, takes))
			taken[n++] = options[i];
	opterr = 0;
	while ((opt = getopt_long(argc - 1, argv + 1, ":", taken, NULL)) != -1) {
		const char *given = argv[optind];

		if (opt == '?')
			return refuse(argv[1], given, takes);
		if (opt == ':') {
			fprintf(stderr, "retrysafe: %s: %s requires an argument\n", argv[1], given);
			return CLI_WRONG;
		}
		if (!take_option(c, opt))
			return CLI_WRONG;
	}
	c->words = argv + 1 + optind;
	c->n_words = argc - 1 - optind;
	if (c->n_words > max_words) {
		fprintf(stderr, "retrysafe: %s: \"%s\" is one word too many\n", argv[1],
			c->words[max_words]);
		return CLI_WRONG;
	}
	return CLI_READ;
}
