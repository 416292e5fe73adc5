/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/transaction.c - one write transaction on st->writer: begin, commit, roll back
 *
 * RULES
 *   (1) Only a COMMIT that fails is ERR_UNKNOWN.  The connection is then opened anew
 *       (unit/store_failures).
 *
 * Does not know: the queue (store/sqlite/writer.c), and the writes inside.
 */
#include "store/sqlite/transaction.h"

#include "base/clock.h"
#include "store/sqlite/location.h"
#include "store/sqlite/room.h"

#include <stdio.h>

/* A reader that is idle is at hand: a CGI program needs no second connection. */
enum err transaction_open_writer(struct store *st)
{
	struct conn *c = NULL;
	enum err e = reader_take(st, &c);

	if (e == OK)
		e = conn_let_write(st, c);
	if (e == OK)
		e = room_limit_pages(st, c);
	if (e == OK)
		st->writer = c;
	else
		conn_close(&c);
	return e;
}

static struct statement begin = SQL("BEGIN IMMEDIATE");
static struct statement commit = SQL("COMMIT");

enum err transaction_begin(struct store *st, struct conn *c)
{
	enum err e = store_is_there(st);

	return e == OK ? conn_run(c, conn_statement(c, &begin), "begin") : e;
}

/*
 * Closes the connection; the next write opens another.  A reader keeps the log's index open
 * meanwhile: without it the next connection would read the whole log, and with it the frames that a
 * failed COMMIT has left there.
 */
static void drop_writer(struct store *st)
{
	struct conn *c = NULL;
	char version[24];
	bool is_open = reader_take(st, &c) == OK &&
		       conn_ask(c, "PRAGMA user_version", version, sizeof(version)) == OK;

	conn_close(&st->writer);
	if (is_open)
		reader_give(st, &c);
	conn_close(&c);
}

/* Without memory ROLLBACK itself fails; closing the connection rolls back as well. */
void transaction_roll_back(struct store *st)
{
	sqlite3 *db = st->writer->db;

	if (!sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	if (!sqlite3_get_autocommit(db))
		drop_writer(st);
}

/* After any failure of COMMIT the content of the log is unknown: rule (1). */
enum err transaction_commit(struct store *st, struct conn *c)
{
	char text[300];
	int64_t start_us = clock_mono_us();
	enum err e = conn_run(c, conn_statement(c, &commit), "commit");

	st->commit_us = clock_mono_us() - start_us;
	if (e == OK)
		return OK;
	snprintf(text, sizeof(text), "%s", err_text());
	transaction_roll_back(st);
	drop_writer(st);
	return err_set(ERR_UNKNOWN, "%s; it may or may not have happened", text);
}
