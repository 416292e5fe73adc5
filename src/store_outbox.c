/* SPDX-License-Identifier: ISC */
/*
 * store_outbox.c - who wants to hear how an operation ends, and what is to be told
 *
 * RULES THAT HOLD
 *   (1) A message is written by the transaction that moves its operation, so there is one for
 *       every end that was recorded, and none for an end that was not.
 *   (2) A message is due until it was delivered or given up.  Whoever takes it has it for a while;
 *       when he dies it is due again: it may be told twice, and is never lost.
 *   (3) Messages that are not delivered yet outlive their operation.
 *
 * What it does not know: HTTP.
 */
#include "store_sqlite.h"

enum err outbox_subscribe(struct conn *c, const struct claim *claim)
{
	sqlite3_stmt *stmt;

	if (!claim->webhook)
		return OK;
	stmt = conn_statement(c, ST_WEBHOOK_ADD);
	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, claim->op->id);
	sqlite3_bind_text(stmt, 2, claim->webhook, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 3, claim->webhook_is_trusted);
	sqlite3_bind_int64(stmt, 4, claim->webhook_max_age_ms);
	return conn_run(c, stmt, "webhook");
}

enum err outbox_post(
	struct conn *c, int64_t op_id, const unsigned char *token, enum state state, int64_t now_ms)
{
	sqlite3_stmt *stmt = conn_statement(c, ST_POST);

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, op_id);
	sqlite3_bind_int(stmt, 2, (int)state);
	sqlite3_bind_int64(stmt, 3, now_ms);
	if (token)
		sqlite3_bind_blob(stmt, 4, token, TOKEN_LEN, SQLITE_STATIC);
	return conn_run(c, stmt, "webhook");
}
