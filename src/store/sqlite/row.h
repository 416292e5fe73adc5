/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/row.h - rows of the tables: to the structs of store/operation.h and back, and away
 */
#ifndef RETRYSAFE_STORE_SQLITE_ROW_H
#define RETRYSAFE_STORE_SQLITE_ROW_H

#include "base/err.h"
#include "store/operation.h"
#include "store/sqlite/connection.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The states as SQL spells them: "state=" SQL_RUNNING. */
#define ROW_ABSENT    0
#define ROW_RUNNING   2
#define ROW_DONE      3
#define ROW_UNCERTAIN 4
#define SQL_DIGIT(n)  #n
#define SQL_NUMBER(n) SQL_DIGIT(n)
#define SQL_ABSENT    SQL_NUMBER(ROW_ABSENT)
#define SQL_RUNNING   SQL_NUMBER(ROW_RUNNING)
#define SQL_DONE      SQL_NUMBER(ROW_DONE)
#define SQL_UNCERTAIN SQL_NUMBER(ROW_UNCERTAIN)
/* The states that the index operation_open has: a statement must name them so to be served by it.
 * 1 is a state that no row has. */
#define SQL_OPEN_STATES "(1,2,4)"

_Static_assert(ROW_ABSENT == STATE_ABSENT && ROW_RUNNING == STATE_RUNNING &&
		       ROW_DONE == STATE_DONE && ROW_UNCERTAIN == STATE_UNCERTAIN,
	"a state is not the number that SQL writes");

/* For so long an operation that was released is known: a page asks at least once a minute. */
#define RELEASED_MS (INT64_C(10) * 60 * 1000)

/* Columns of an operation, in the order in which row_read_operation() reads them; from
 * SQL_OPERATION.
 */
#define OPERATION_COLUMNS                                                                         \
	"o.id,o.nonce,o.identity,o.fingerprint,o.principal,o.state,o.attempts,o.created,o."       \
	"updated,"                                                                                \
	"o.due,o.status,o.bytes,o.exit,o.reason,o.token,o.witness,o.boot,o.deadline,o.tombstone," \
	"r.name,o.place,o.address,o.looks"
#define SQL_OPERATION "SELECT " OPERATION_COLUMNS " FROM operation o JOIN route r ON r.id=o.route"
extern struct statement row_by_identity, row_by_id; /* an operation; ?1: the identity, the id */
extern struct statement row_response; /* head,length,digest,body of a response; ?1: the id */
void row_read_operation(sqlite3_stmt *stmt, struct operation *op);
/* A column's bytes and a NUL behind them; the caller frees it; NULL: out of memory. */
char *row_copy_column(sqlite3_stmt *stmt, int column, size_t *len);

/* The part of a response that one row holds. */
struct piece {
	int64_t number;   /* the length of the whole body, of a head with the body's start; else the
			     offset of this piece of it */
	const char *head; /* or NULL */
	size_t head_len;
	const char *body;
	size_t body_len;
};
/* Tells damage.  It need not stop a forger: only this account can write to the store. */
#define PIECE_DIGEST_LEN 8
void piece_digest(const struct piece *p, unsigned char out[PIECE_DIGEST_LEN]);
/* Is a column's digest that of the piece? */
bool piece_matches(const struct piece *p, sqlite3_stmt *stmt, int column);

/* Inside a write transaction: removes an operation's rows from one table. */
extern struct statement drop_response, drop_chunks, drop_history, drop_request, drop_webhook,
	drop_printed;
enum err row_drop(struct conn *c, struct statement *what, int64_t id) MUSTCHECK;
enum err row_add_history(
	struct conn *c, int64_t id, int64_t at_ms, const char *event, const char *detail) MUSTCHECK;

#endif
