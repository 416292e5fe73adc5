/* SPDX-License-Identifier: ISC */
/*
 * cli/cli.c - the table of verbs, which drives dispatch and help
 *
 * A verb prints its result to standard output, with --json one object a line, and complaints to
 * standard error.  Exit codes are decided here, in the verbs and in main.c only.
 */
#include "cli/cli.h"

#include "base/exit_code.h"
#include "base/version.h"
#include "cli/render.h"
#include "cli/verbs.h"
#include "config/config.h"
#include "store/store.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static int version(const struct cli *c);
static int settings(const struct cli *c);

static const struct verb {
	const char *name;
	int (*run)(const struct cli *c);
	const char *synopsis, *does;
	int max_words; /* words after the verb that are not options */
} verbs[] = {
	{"serve", cli_serve, "[--listen unix:PATH|HOST:PORT] [--config FILE]",
		"serves FastCGI on a socket of its own, or on one passed by systemd", 0},
	{"check", cli_check, "[FILE]",
		"validates the configuration, store and scripts; changes nothing", 1},
	{"list", cli_list, "[--state S] [--route R] [--limit N] [--json]",
		"lists operations, newest first", 0},
	{"show", cli_show, "REF | --key K --route R [--scope S]... [--json]",
		"shows one operation, with its history", 1},
	{"stats", cli_stats, "[--json]", "prints counters, keys by state, sizes", 0},
	{"purge", cli_purge, "[--archive FILE] [--json]",
		"removes all that has expired; writes it to FILE first, as JSON lines", 0},
	{"settle", cli_settle, "REF --done FILE | REF --not-done, --why TEXT [--json]",
		"says that an uncertain operation was done, with this CGI response, or was not "
		"done and may run again",
		1},
	{"recover", cli_recover, "[--json]",
		"settles what can be settled, once; gateways may run meanwhile", 0},
	{"version", version, "[--json]", "prints the versions of this program and its libraries",
		0},
	{"settings", settings, "",
		"prints every setting of the configuration, its type and default", 0},
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
		if (cli_read_options(&c, verbs[i].max_words, argc, argv))
			return verbs[i].run(&c);
		fprintf(stderr, "usage: retrysafe %s %s\n", verbs[i].name, verbs[i].synopsis);
		return EXIT_USAGE;
	}
	fprintf(stderr, "retrysafe: there is no verb \"%s\"\n", argv[1]);
	return usage(stderr);
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
