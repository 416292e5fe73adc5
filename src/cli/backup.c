/* SPDX-License-Identifier: ISC */
/*
 * cli/backup.c - the verbs backup, which copies the store, and store, which accepts such a copy in
 * its place
 *
 * Does not know: how a copy is made and recognised (store/sqlite/copy.c).
 */
#include "cli/verbs.h"

#include "base/exit_code.h"
#include "cli/render.h"
#include "cli/store.h"
#include "store/backup.h"
#include "store/configured.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t is_interrupted;

static void interrupt(int sig)
{
	(void)sig;
	is_interrupted = 1;
}

static bool go_on(void)
{
	return !is_interrupted;
}

/* A signal must not leave half a copy behind. */
static void catch_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = interrupt};

	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
}

int cli_backup(const struct cli *c)
{
	struct config *cf = NULL;
	struct store *st = NULL;
	struct backup made;
	char at[CLI_TIME_MAX];
	enum err e;
	int code;

	if (c->n_words != 1) {
		fprintf(stderr, "retrysafe: backup: where to?  Write the name of a new file\n");
		return EXIT_USAGE;
	}
	code = cli_open_store(c, true, &cf, &st);
	if (code != 0)
		return code;
	catch_signals();
	e = store_backup(st, c->words[0], go_on, &made);
	store_close(&st);
	config_free(&cf);
	if (e != OK)
		return cli_complain("backup", e);
	cli_time_text(made.made_ms, at);
	if (c->json)
		cli_print_json(json_pack("{s:s, s:s, s:I, s:I}", "file", c->words[0], "made", at,
			"operations", (json_int_t)made.operations, "bytes",
			(json_int_t)made.bytes));
	else {
		cli_put_text(c->words[0]);
		printf(": %" PRId64 " operations, %" PRId64 " bytes, as of %s\n", made.operations,
			made.bytes, at);
	}
	return EXIT_SUCCESS;
}

int cli_store(const struct cli *c)
{
	struct config *cf = NULL;
	struct store *st = NULL;
	struct store_options opt;
	bool was_copy = false;
	enum err e;

	if (!c->accepts_loss) {
		fprintf(stderr, "retrysafe: store: write --accept-loss, to take a copy of the "
				"store as it is\n");
		return EXIT_USAGE;
	}
	e = config_open(c->config_path, &cf);
	if (e != OK)
		return cli_complain(NULL, e);
	opt = configured_store_options(cf);
	opt.accepted_copy = &was_copy;
	e = store_open(&opt, &st);
	store_close(&st);
	config_free(&cf);
	if (e != OK)
		return cli_complain("store", e);
	if (c->json)
		cli_print_json(json_pack("{s:b}", "accepted", was_copy));
	else
		puts(was_copy ? "accepted: from now on this copy is the store"
			      : "the store is no copy: there is nothing to accept");
	return was_copy ? EXIT_SUCCESS : EXIT_NO;
}
