/* SPDX-License-Identifier: ISC */
/*
 * cli/cli.c - the table of verbs, which drives dispatch and help
 *
 * A verb prints its result to standard output, with --json one object a line, and complaints to
 * standard error.  Exit codes are decided here, in the verbs and in main.c only.
 */
#include "cli/cli.h"

#include "base/exit_code.h"
#include "base/spelling.h"
#include "base/version.h"
#include "cli/render.h"
#include "cli/verbs.h"
#include "config/config.h"
#include "store/store.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int version(const struct cli *c);
static int settings(const struct cli *c);

static const struct verb {
	const char *name;
	int (*run)(const struct cli *c);
	const char
		*takes; /* options, each with a blank behind it; NULL: another program reads them */
	const char *synopsis, *does;
	int max_words; /* words after the verb that are not options */
} verbs[] = {
	{"serve", cli_serve, "config listen ", "[--listen unix:PATH|HOST:PORT] [--config FILE]",
		"serves FastCGI on a socket of its own, or on one passed by systemd", 0},
	{"check", cli_check, "config json ", "[FILE] [--json]",
		"validates the configuration, store and scripts; changes nothing", 1},
	{"init", cli_init, "config json dir server ", "[--dir D] [--server S] [--json]",
		"writes a first configuration, makes the store's directory, and prints the snippet "
		"for the web server",
		0},
	{"snippet", cli_snippet, "config json script list listen ",
		"WIRING [--script PATH] [--listen unix:PATH] [--json] | --list [--json]",
		"prints a web server's configuration with this host's paths; --list names the "
		"wirings",
		1},
	{"list", cli_list, "config json state route limit since ",
		"[--state S] [--route R] [--since 1h|TIME] [--limit N] [--json]",
		"lists operations, newest first; 20 of them, unless --limit or --json is given", 0},
	{"show", cli_show, "config json key script site scope output ",
		"REF | --key K --script NAME [--site HOST]... [--scope S]... [--output] "
		"[--json]",
		"shows one operation, with its history; or what its script printed in vain", 1},
	{"stats", cli_stats, "config json ", "[--json]", "prints counters, keys by state, sizes",
		0},
	{"status", cli_status, "config json watch ", "[--watch] [--json]",
		"shows on one screen what runs, what is uncertain, and what was prevented; --watch "
		"each second",
		0},
	{"metrics", cli_metrics, "config json ", "[--json]",
		"prints the same as OpenMetrics text, for a file that node_exporter reads", 0},
	{"tail", cli_tail, "config json route outcome ", "[--route R] [--outcome O] [--json]",
		"prints a line for each operation that ends, until it is interrupted; O "
		"is " TAIL_OUTCOMES,
		0},
	{"purge", cli_purge, "config json archive ", "[--archive FILE] [--json]",
		"removes all that has expired; writes it to FILE first, as JSON lines", 0},
	{"settle", cli_settle, "config json done not-done why force ",
		"REF --done FILE | REF --not-done, --why TEXT [--force] [--json]",
		"says that an uncertain operation was done, with this CGI response, or was not "
		"done and may run again",
		1},
	{"recover", cli_recover, "config json ", "[--json]",
		"settles what can be settled, once; gateways may run meanwhile", 0},
	{"backup", cli_backup, "config json ", "FILE [--json]",
		"copies the store into a new file, while gateways go on", 1},
	{"store", cli_store, "config json accept-loss ", "--accept-loss [--json]",
		"takes a copy that a backup made as the store; keys claimed since are unknown", 0},
	{"try", cli_doctor, NULL, "URL [-d BODY]... [-H HEADER]... [--json]",
		"sends one POST twice with one key, and says whether the script is protected; the "
		"script runs",
		0},
	{"version", version, "config json ", "[--json]",
		"prints the versions of this program and its libraries", 0},
	{"settings", settings, "config ", "",
		"prints every setting of the configuration, its type and default", 0},
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static int usage(FILE *to)
{
	fprintf(to, "usage: retrysafe VERB [OPTION]...\n\n");
	for (size_t i = 0; i < N_VERBS; i++)
		fprintf(to, "  %-8s %s\n           %s\n", verbs[i].name, verbs[i].synopsis,
			verbs[i].does);
	fprintf(to, "\nEvery verb takes --config FILE, and --help.  Exit codes: 0 done, 1 no or "
		    "nothing matched,\n"
		    "100 usage or configuration, 111 temporary.\n");
	return to == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

static int verb_usage(FILE *to, const struct verb *verb)
{
	fprintf(to, "usage: retrysafe %s %s\n", verb->name, verb->synopsis);
	if (to != stdout)
		return EXIT_USAGE;
	printf("\n%s %s.\n", verb->name, verb->does);
	return EXIT_SUCCESS;
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < N_VERBS; i++)
		if (strcmp(name, verbs[i].name) == 0)
			return &verbs[i];
	return NULL;
}

static bool asks_for_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* One line for a verb that was mistyped; the whole usage for any other word. */
static int refuse_verb(const char *word)
{
	const char *names[N_VERBS + 1] = {NULL}, *meant;

	for (size_t i = 0; i < N_VERBS; i++)
		names[i] = verbs[i].name;
	meant = spelling_nearest(word, names);
	fprintf(stderr, "retrysafe: there is no verb \"");
	cli_put(stderr, word, strlen(word), false);
	if (!meant) {
		fprintf(stderr, "\"\n");
		return usage(stderr);
	}
	fprintf(stderr, "\"; did you mean \"%s\"?\n", meant);
	return EXIT_USAGE;
}

int cli_run(int argc, char *argv[])
{
	struct cli c = {.argv = argv};
	const struct verb *verb;
	bool is_help;

	if (argc < 2)
		return usage(stderr);
	if (strcmp(argv[1], "--version") == 0)
		return version(&c);
	is_help = strcmp(argv[1], "help") == 0;
	if (asks_for_help(argv[1]) || (is_help && argc == 2))
		return usage(stdout);
	verb = find_verb(argv[1 + is_help]);
	if (!verb)
		return refuse_verb(argv[1 + is_help]);
	for (int i = 2; i < argc; i++)
		is_help = is_help || asks_for_help(argv[i]);
	if (is_help)
		return verb_usage(stdout, verb);
	if (!verb->takes)
		return verb->run(&c);
	switch (cli_read_options(&c, verb->takes, verb->max_words, argc, argv)) {
	case CLI_READ:
		if (!c.json && isatty(STDOUT_FILENO))
			cli_show_local_times();
		return verb->run(&c);
	case CLI_WRONG:
		return verb_usage(stderr, verb);
	default:
		return EXIT_USAGE;
	}
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
