/* SPDX-License-Identifier: ISC */
/*
 * cli/purge.c - the verb purge: removes what has expired, into an archive when one is named
 *
 * Does not know: what expires, and when (store/sqlite/purge.c); the lines of an archive
 * (cli/archive.c).
 */
#include "cli/verbs.h"

#include "base/exit_code.h"
#include "cli/archive.h"
#include "cli/render.h"
#include "cli/store.h"
#include "store/archive.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Reports the numbers, on standard error when standard output is the archive. */
static void say_purged(const struct cli *c, int64_t dropped, int64_t forgotten)
{
	bool is_archive = c->archive && strcmp(c->archive, "-") == 0;

	if (c->json && !is_archive)
		cli_print_json(json_pack("{s:I, s:I}", "responses_dropped", (json_int_t)dropped,
			"operations_forgotten", (json_int_t)forgotten));
	else
		fprintf(is_archive ? stderr : stdout,
			"%" PRId64 " responses dropped, %" PRId64 " operations forgotten\n",
			dropped, forgotten);
}

static enum err purge(
	struct store *st, struct archive_file *file, int64_t *dropped, int64_t *forgotten)
{
	struct archive archive;

	if (!file)
		return store_purge(st, store_now_ms(st), dropped, forgotten);
	archive = cli_archive(file, st);
	return store_purge_into(st, &archive, store_now_ms(st), dropped, forgotten);
}

int cli_purge(const struct cli *c)
{
	struct archive_file *file = NULL;
	struct config *cf = NULL;
	struct store *st = NULL;
	int64_t dropped, forgotten;
	enum err e = c->archive ? cli_archive_open(c->archive, &file) : OK;
	int code;

	if (e != OK)
		return cli_complain("purge", e);
	code = cli_open_store(c, false, &cf, &st);
	if (code == 0) {
		e = purge(st, file, &dropped, &forgotten);
		if (e == OK)
			say_purged(c, dropped, forgotten);
		else
			code = cli_complain("purge", e);
	}
	store_close(&st);
	config_free(&cf);
	cli_archive_close(&file);
	return code;
}
