/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/natural.c - natural keys: of all operations with the same values, one may be done
 *
 * A natural key is taken by the transaction that claims an operation.  While the operation runs or
 * is uncertain it stays taken; when the operation is done it is kept, for its own time and beyond
 * the operation's row, or let go of; when nothing was done it is let go of.
 *
 * What it does not know: which values a route's natural key is made of (gateway/fingerprint.c), and
 * which answers keep it (operation/record.c).
 */
#include "store/sqlite/engine.h"

/* Who has it, 0: nobody. */
static enum err find(struct conn *c, const unsigned char *natural, int64_t now_ms, int64_t *holder)
{
	sqlite3_stmt *stmt = conn_statement(c, ST_NATURAL);
	enum err e = OK;
	int rc;

	*holder = 0;
	if (!stmt)
		return c->why;
	sqlite3_bind_blob(stmt, 1, natural, NATURAL_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, now_ms);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*holder = sqlite3_column_int64(stmt, 0);
	else if (rc != SQLITE_DONE)
		e = conn_error(c, sqlite3_extended_errcode(c->db), "natural key");
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return e;
}

enum err natural_look(struct conn *c, const struct claim *claim, bool *is_free)
{
	int64_t holder = 0;
	enum err e = claim->natural ? find(c, claim->natural, claim->op->updated_ms, &holder) : OK;

	*is_free = holder == 0 || holder == claim->op->id;
	return e;
}

enum err natural_take(struct conn *c, const struct claim *claim)
{
	sqlite3_stmt *stmt;

	if (!claim->natural)
		return OK;
	stmt = conn_statement(c, ST_NATURAL_ADD);
	if (!stmt)
		return c->why;
	sqlite3_bind_blob(stmt, 1, claim->natural, NATURAL_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, claim->op->id);
	sqlite3_bind_int64(stmt, 3, claim->natural_ttl_ms);
	return conn_run(c, stmt, "natural key");
}

/* Few have one, and to change rows that are not there costs SQLite a table in memory. */
static enum err has_one(struct conn *c, int64_t op_id, bool *has)
{
	sqlite3_stmt *stmt = conn_statement(c, ST_NATURAL_OF);

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, op_id);
	*has = sqlite3_step(stmt) == SQLITE_ROW;
	return sqlite3_reset(stmt) == SQLITE_OK
		       ? OK
		       : conn_error(c, sqlite3_extended_errcode(c->db), "natural key");
}

enum err natural_end(struct conn *c, int64_t op_id, bool keeps, int64_t now_ms)
{
	sqlite3_stmt *stmt;
	bool has = false;
	enum err e = has_one(c, op_id, &has);

	if (e != OK || !has)
		return e;
	stmt = conn_statement(c, keeps ? ST_NATURAL_KEEP : ST_NATURAL_DROP);
	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, op_id);
	if (keeps)
		sqlite3_bind_int64(stmt, 2, now_ms);
	return conn_run(c, stmt, "natural key");
}

enum err natural_purge(struct conn *c, int64_t now_ms)
{
	sqlite3_stmt *stmt = conn_statement(c, ST_NATURAL_PURGE);

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, now_ms);
	return conn_run(c, stmt, "purge");
}

/* In one moment: between the two reads the holder could end and let go of it. */
enum err store_find_natural(struct store *st, const unsigned char natural[NATURAL_LEN],
	int64_t now_ms, struct operation *op, struct response *res, bool *is_taken)
{
	struct conn *c = NULL;
	int64_t holder = 0;
	enum err e = reader_take(st, &c);

	*is_taken = false;
	if (e != OK)
		return e;
	e = conn_execute(c, "BEGIN", "natural key");
	if (e == OK)
		e = find(c, natural, now_ms, &holder);
	*is_taken = e == OK && holder != 0;
	if (e == OK)
		e = holder ? conn_find_id(st, c, holder, op, res)
			   : err_set(ERR_ABSENT, "nobody has it");
	sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL); /* it has only read */
	reader_give(st, &c);
	return e;
}
