/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/connection.h - connections to the database, and the statements prepared on each
 */
#ifndef RETRYSAFE_STORE_SQLITE_CONNECTION_H
#define RETRYSAFE_STORE_SQLITE_CONNECTION_H

#include "base/err.h"
#include "store/sqlite/engine.h"

#include <sqlite3.h>
#include <stddef.h>

#define STATEMENTS_MAX 100 /* more than all files together have */

/*
 * A statement, defined beside the function that binds it:
 *
 *     static struct statement find_route = SQL("SELECT id FROM route WHERE name=?1");
 *
 * It is static or global, and never copied: `number` says where each connection has its prepared
 * form.
 */
struct statement {
	const char *sql;
	_Atomic int number; /* 0: not used yet */
};
#define SQL(text)           \
	{                   \
		.sql = text \
	}

/* One connection; used by one thread at a time. */
struct conn {
	sqlite3 *db;
	sqlite3_stmt *stmt[STATEMENTS_MAX]; /* by number; [0] stays NULL */
	enum err why;                       /* the last time conn_statement() gave NULL */
	struct conn *next;                  /* while it is in the store's list of idle ones */
};

enum err conn_open(struct store *st, struct conn **out) MUSTCHECK;
/* From now on it may write. */
enum err conn_let_write(struct store *st, struct conn *c) MUSTCHECK;
void conn_close(struct conn **c);
/* The statement, ready to be bound; NULL after an error: c->why and err_text() say which. */
sqlite3_stmt *conn_statement(struct conn *c, struct statement *which);
/* Turns an SQLite result code into an error that says "doing: what SQLite says". */
enum err conn_error(struct conn *c, int rc, const char *doing);
/* Runs a statement to its end and resets it.  Constraint violations are ERR_REFUSED. */
enum err conn_run(struct conn *c, sqlite3_stmt *stmt, const char *doing) MUSTCHECK;
/* Runs SQL text, one statement or several. */
enum err conn_execute(struct conn *c, const char *text, const char *doing) MUSTCHECK;
/* One integer or text value from a one-row statement. */
enum err conn_ask(struct conn *c, const char *text, char *out, size_t size) MUSTCHECK;

/* A connection from the store's list of idle ones, or a new one; and back to the list. */
enum err reader_take(struct store *st, struct conn **out) MUSTCHECK;
void reader_give(struct store *st, struct conn **c);
/*
 * A reader, and its statement, ready to be bound.  Returns reader_take()'s and conn_statement()'s
 * errors, after which there is no reader to give back.
 */
enum err reader_prepare(
	struct store *st, struct statement *s, struct conn **out, sqlite3_stmt **stmt) MUSTCHECK;

#endif
