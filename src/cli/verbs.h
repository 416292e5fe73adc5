/* SPDX-License-Identifier: ISC */
/*
 * cli/verbs.h - what the files of the command line share; private to cli*.c
 */
#ifndef RETRYSAFE_CLI_VERBS_H
#define RETRYSAFE_CLI_VERBS_H

#include "cli/cli.h"
#include "config/config.h"
#include "store/archive.h"
#include "store/listing.h"
#include "store/store.h"

#include <jansson.h>

#define CLI_SCOPE_MAX 16

/* A command line, taken apart. */
struct cli {
	char **argv;
	char **words; /* after the verb and the options */
	int n_words;
	const char *config_path, *listen, *key;
	const char *scope[CLI_SCOPE_MAX];
	size_t n_scope;
	struct store_filter filter;
	bool json;
	const char *done_file, *why; /* settle */
	bool is_not_done;
	const char *archive; /* purge */
};

/* Says err_text() on standard error, after "what: "; returns the exit code for it. */
int cli_complain(const char *what, enum err e);

/* Prints one object a line and frees it; NULL prints nothing. */
void cli_print_json(json_t *o);

/* cli/inspect.c */
int cli_list(const struct cli *c);
int cli_show(const struct cli *c);
int cli_stats(const struct cli *c);
int cli_purge(const struct cli *c);

/* An operation as `list --json` shows it, and its history as `show` does. */
json_t *cli_operation_json(const struct operation *op);
enum err cli_history_json(struct store *st, const struct operation *op, json_t **out) MUSTCHECK;

/* cli/archive.c */
struct archive_file;
/*
 * Opens FILE, made when it is not there, or standard output for "-", for what store_purge_into()
 * removes.  To be called before the store is opened: closing the store's own file, named by
 * mistake, would drop its locks.  OK; ERR_REFUSED it must not be written to; ERR_INVALID its
 * directory is not there; ERR_BUSY, ERR_FULL, ERR_NOMEM, ERR_SYSTEM.
 */
enum err cli_archive_open(const char *path, struct archive_file **out) MUSTCHECK;
struct archive cli_archive(struct archive_file *a, struct store *st);
void cli_archive_close(struct archive_file **a);

/* cli/settle.c */
int cli_settle(const struct cli *c);
int cli_recover(const struct cli *c);

/* cli/notify.c: lets retrysafe-notify deliver what is due, and waits for it; says what is wrong. */
void cli_notify(const char *config_path);

/* Opens what a verb needs.  0, or the exit code. */
int cli_open_store(const struct cli *c, bool is_read_only, struct config **cf, struct store **st);

#endif
