/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/outbox.c - messages about how operations ended: subscribing and posting, inside the
 * transaction that moves the operation
 *
 * RULES
 *   (1) A message is written by the transaction that moves its operation, so there is one for
 *       every end that was recorded, and none for an end that was not (unit/outbox).
 *
 * Does not know: what becomes of a message (store/sqlite/messages.c); HTTP.
 */
#include "store/sqlite/outbox.h"

#include "store/sqlite/row.h"

static struct statement insert_webhook =
	SQL("INSERT OR REPLACE INTO webhook(op,url,trusted,max_age) VALUES(?1,?2,?3,?4)");

enum err outbox_subscribe(struct conn *c, const struct claim *claim)
{
	sqlite3_stmt *stmt;

	if (!claim->webhook)
		return OK;
	stmt = conn_statement(c, &insert_webhook);
	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, claim->op->id);
	sqlite3_bind_text(stmt, 2, claim->webhook, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 3, claim->webhook_is_trusted);
	sqlite3_bind_int64(stmt, 4, claim->webhook_max_age_ms);
	return conn_run(c, stmt, "webhook");
}

static struct statement post =
	SQL("INSERT INTO outbox(op,nonce,route,url,trusted,state,status,bytes,attempts,"
	    "created,updated,give_up,due,tries,said)"
	    " SELECT o.id,o.nonce,r.name,w.url,w.trusted,?2,o.status,o.bytes,o.attempts,"
	    "o.created,?3,?3+w.max_age,?3,0,'' FROM webhook w JOIN operation o ON o.id=w.op"
	    " JOIN route r ON r.id=o.route WHERE w.op=?1 AND (?4 IS NULL OR"
	    " (o.token=?4 AND o.taken_from IS NOT " SQL_UNCERTAIN "))");

enum err outbox_post(
	struct conn *c, int64_t op_id, const unsigned char *token, enum state state, int64_t now_ms)
{
	sqlite3_stmt *stmt = conn_statement(c, &post);

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, op_id);
	sqlite3_bind_int(stmt, 2, (int)state);
	sqlite3_bind_int64(stmt, 3, now_ms);
	if (token)
		sqlite3_bind_blob(stmt, 4, token, TOKEN_LEN, SQLITE_STATIC);
	return conn_run(c, stmt, "webhook");
}

struct statement drop_finished = SQL("DELETE FROM outbox WHERE op=?1 AND due IS NULL");
