/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/natural.c - natural keys: of all operations with the same values, one may be done
 *
 * A natural key is taken by the transaction that claims an operation.  While the operation runs or
 * is uncertain the key stays taken.  An operation that is done keeps it for a time of its own,
 * beyond the operation's row, or gives it up; an operation that did nothing gives it up.
 *
 * Does not know: which values a route's natural key is made of (gateway/fingerprint.c), and
 * which answers keep it (operation/record.c).
 */
#include "store/sqlite/natural.h"

#include "store/sqlite/row.h"

static struct statement find_natural =
	SQL("SELECT op FROM natural WHERE digest=?1 AND (due IS NULL OR due>?2)");

enum err natural_find_holder(
	struct conn *c, const unsigned char *natural, int64_t now_ms, int64_t *holder)
{
	sqlite3_stmt *stmt = conn_statement(c, &find_natural);
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

enum err natural_check(struct conn *c, const struct claim *claim, bool *is_free)
{
	int64_t holder = 0;
	enum err e = claim->natural ? natural_find_holder(
					      c, claim->natural, claim->op->updated_ms, &holder)
				    : OK;

	*is_free = holder == 0 || holder == claim->op->id;
	return e;
}

static struct statement insert_natural =
	SQL("INSERT INTO natural(digest,op,ttl) VALUES(?1,?2,?3) ON CONFLICT(digest)"
	    " DO UPDATE SET op=?2,ttl=?3,due=NULL");

enum err natural_take(struct conn *c, const struct claim *claim)
{
	sqlite3_stmt *stmt;

	if (!claim->natural)
		return OK;
	stmt = conn_statement(c, &insert_natural);
	if (!stmt)
		return c->why;
	sqlite3_bind_blob(stmt, 1, claim->natural, NATURAL_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, claim->op->id);
	sqlite3_bind_int64(stmt, 3, claim->natural_ttl_ms);
	return conn_run(c, stmt, "natural key");
}

static struct statement find_natural_of = SQL("SELECT 1 FROM natural WHERE op=?1");

/* Few have one, and to change rows that are not there costs SQLite a table in memory. */
static enum err has_natural_key(struct conn *c, int64_t op_id, bool *has)
{
	sqlite3_stmt *stmt = conn_statement(c, &find_natural_of);

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, op_id);
	*has = sqlite3_step(stmt) == SQLITE_ROW;
	return sqlite3_reset(stmt) == SQLITE_OK
		       ? OK
		       : conn_error(c, sqlite3_extended_errcode(c->db), "natural key");
}

static struct statement keep_natural =
	SQL("UPDATE natural SET due=CASE WHEN ttl>0 THEN ?2+ttl END WHERE op=?1");
static struct statement drop_natural =
	SQL("DELETE FROM natural WHERE op=?1 AND NOT EXISTS"
	    "(SELECT 1 FROM operation WHERE id=?1 AND state=" SQL_UNCERTAIN ")");

enum err natural_end(struct conn *c, int64_t op_id, bool keeps, int64_t now_ms)
{
	sqlite3_stmt *stmt;
	bool has = false;
	enum err e = has_natural_key(c, op_id, &has);

	if (e != OK || !has)
		return e;
	stmt = conn_statement(c, keeps ? &keep_natural : &drop_natural);
	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, op_id);
	if (keeps)
		sqlite3_bind_int64(stmt, 2, now_ms);
	return conn_run(c, stmt, "natural key");
}

static struct statement purge_naturals =
	SQL("DELETE FROM natural WHERE digest IN"
	    " (SELECT digest FROM natural WHERE due<=?1 LIMIT 200)");

enum err natural_purge(struct conn *c, int64_t now_ms)
{
	sqlite3_stmt *stmt = conn_statement(c, &purge_naturals);

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, now_ms);
	return conn_run(c, stmt, "purge");
}
