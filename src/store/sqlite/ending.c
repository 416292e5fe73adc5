/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/ending.c - everything that changes together with the row of an operation that ends
 *
 * RULES
 *   (1) All of it happens in the transaction that moves the row, whichever move it is
 *       (unit/outbox, unit/store_natural).
 *
 * Does not know: which statement moves the row, and whether it may (store/sqlite/claim.c,
 * store/sqlite/record.c, store/sqlite/settle.c).
 */
#include "store/sqlite/ending.h"

#include "store/sqlite/natural.h"
#include "store/sqlite/outbox.h"
#include "store/sqlite/printed.h"
#include "store/sqlite/row.h"

static struct statement limit_stored = SQL("UPDATE request SET due=?2+keep WHERE id=?1");

/* From now on a stored request is kept for the time that its route gave it. */
static enum err limit_request(struct conn *c, int64_t id, int64_t now_ms)
{
	sqlite3_stmt *stmt = conn_statement(c, &limit_stored);

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, now_ms);
	return conn_run(c, stmt, "keep the request");
}

enum err end_operation(struct conn *c, int64_t id, enum state state, const struct ending *ending)
{
	enum err e = OK;

	if (state == STATE_DONE || ending->is_row_gone)
		e = row_drop(c, &drop_request, id);
	if (e == OK && ending->is_row_gone)
		e = row_drop(c, &drop_webhook, id);
	if (e == OK && state == STATE_UNCERTAIN)
		e = row_drop(c, &drop_chunks, id);
	if (e == OK && state == STATE_UNCERTAIN)
		e = limit_request(c, id, ending->now_ms);
	if (e == OK && ending->was_in_vain)
		e = row_drop(c, &drop_printed, id);
	if (e == OK && ending->printed)
		e = printed_keep(c, id, ending->printed);
	if (e == OK && state != STATE_UNCERTAIN)
		e = natural_end(c, id, ending->keeps_natural, ending->now_ms);
	if (e == OK && !ending->is_posted)
		e = outbox_post(c, id, NULL, state, ending->now_ms);
	if (e == OK && ending->event)
		e = row_add_history(c, id, ending->now_ms, ending->event, ending->detail);
	return e;
}
