/* SPDX-License-Identifier: ISC */
/*
 * cli/render.h - how verbs show operations, objects and errors
 */
#ifndef RETRYSAFE_CLI_RENDER_H
#define RETRYSAFE_CLI_RENDER_H

#include "base/err.h"
#include "store/store.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CLI_TIME_MAX 32 /* bytes of a time as text, with its NUL */

/* From now on times are shown for people at a terminal: local, to the second. */
void cli_show_local_times(void);

/* Writes RFC 3339 text of ms since 1970 (UTC), or the local time, to out and returns it; returns
 * "-" for 0. */
const char *cli_time_text(int64_t ms, char out[CLI_TIME_MAX]);

/* An operation as `list --json` shows it; the caller frees it.  NULL: out of memory. */
json_t *cli_operation_json(const struct operation *op);

/*
 * cli_history_json - the operation's history as `show --json` shows it: an array, oldest first
 *
 * Returns OK: *out is set and the caller frees it; otherwise the error of store_history().
 */
enum err cli_history_json(struct store *st, const struct operation *op, json_t **out) MUSTCHECK;

/*
 * cli_put - prints text from the store or from elsewhere, so that it cannot act on a terminal
 *
 *   lines  line ends and TAB stay
 *
 * Every other control character, U+0080 to U+009F too, and every byte that is not UTF-8, becomes
 * "\\x1b".
 */
void cli_put(FILE *to, const char *text, size_t len, bool lines);

/* cli_put() of a string, in one line, to standard output; NULL prints nothing. */
void cli_put_text(const char *text);

/* Prints the object on one line of standard output and frees it; NULL prints nothing. */
void cli_print_json(json_t *o);

/* Prints "retrysafe: WHAT: " and err_text() to standard error, without "WHAT: " when what is NULL;
 * returns the exit code that belongs to e. */
int cli_complain(const char *what, enum err e);

#endif
