/* SPDX-License-Identifier: ISC */
/*
 * evidence/run_table.h - which process is the run of which operation, in a file of the spool
 *
 * A row is written by the process that becomes the program, before it becomes it; so there is no
 * program without its row, however suddenly the keeper dies.  The keeper that took a row holds a
 * lock on it for as long as it lives.  Nothing is synced: after a loss of power every process is
 * dead.
 */
#ifndef RETRYSAFE_EVIDENCE_RUN_TABLE_H
#define RETRYSAFE_EVIDENCE_RUN_TABLE_H

#include "base/err.h"
#include "evidence/run_row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An open table of a process that starts runs; one thread's. */
struct run_table;

/*
 * run_table_open - opens the table of a spool directory, and makes it when it is not there
 *
 *   table  set on OK; run_table_close() it
 *
 * The file has mode 0600 and belongs to this account; root gives a new one to the owner of the
 * directory.  The first opening after the machine was started frees every row of before, damaged
 * ones, too; another opening waits for it.  Returns OK; ERR_FULL; ERR_NOMEM; ERR_SYSTEM; ERR_BROKEN
 * it is no table, or another account's.
 */
enum err run_table_open(const char *spool, struct run_table **table) MUSTCHECK;
/* Closes it, and unlocks its rows, which stay as they are; sets *table to NULL, which it may be.
 */
void run_table_close(struct run_table **table);

/*
 * run_table_take - takes a row that no other process has
 *
 *   at  set on OK: its offset in the file, in bytes; run_table_give() it
 *
 * Rows of keepers that have died are used again when nothing of their runs is left.  Returns OK;
 * ERR_FULL, ERR_NOMEM, ERR_SYSTEM.  A file grows in steps; at most RUN_ROWS_MAX rows.
 */
enum err run_table_take(struct run_table *table, int64_t *at) MUSTCHECK;
#define RUN_ROWS_MAX 16384
/* Frees a row: nothing is left of its run, or what is left does not matter. */
void run_table_give(struct run_table *table, int64_t at);

/* Fills in the keeper's part of a row, for a process that is made after this call. */
void run_table_fill(
	const struct run_table *table, const struct run_name *name, struct run_row *row);
/* The file, for the process that writes the row; borrowed. */
int run_table_fd(const struct run_table *table);

/* A row, judged without looking at its process. */
enum row_state {
	ROW_KEPT,      /* the keeper that started it lives, and has not freed the row */
	ROW_LEFT,      /* that keeper has died; its process can be looked for from here */
	ROW_OVER,      /* the machine has been started since */
	ROW_ELSEWHERE, /* it was started in another PID or time namespace: it cannot be looked for
			*/
	ROW_DAMAGED    /* it is of this boot, and it cannot be told whose it is */
};

/*
 * run_table_read - calls each row that is not free
 *
 *   each  the row is borrowed; false ends it
 *
 * Returns OK; ERR_ABSENT there is no table: no run was started by this version; ERR_BROKEN it is
 * no table, or another account's; ERR_NOMEM, ERR_SYSTEM.
 */
enum err run_table_read(const char *spool,
	bool (*each)(const struct run_row *row, enum row_state state, void *arg),
	void *arg) MUSTCHECK;

#endif
