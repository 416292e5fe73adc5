/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/settle.c - makes an operation uncertain, and settles one that is
 *
 * An uncertain operation has no token.  It is moved by a statement that names its state and its
 * number of attempts, and changes exactly one row.
 *
 * RULES
 *   (1) Of the processes that settle one uncertain operation, one wins (unit/store_moves).
 *
 * Does not know: why an operation is settled so (recovery/recover.c).
 */
#include "store/sqlite/ending.h"
#include "store/sqlite/room.h"
#include "store/sqlite/row.h"
#include "store/sqlite/writer.h"
#include "store/store.h"

/* ---- running -> uncertain ---- */

struct uncertain_job {
	const struct operation *op;
	int exit_status;
	const char *reason;
	const struct printed *printed;
	int64_t now_ms;
};

/* A key_ttl of NULL makes a `due` of NULL. */
static struct statement mark_uncertain = SQL(
	"UPDATE operation SET state=?4,updated=?5,due=?5+key_ttl,exit=?6,reason=?7," SQL_NO_HOLDER
	" WHERE id=?1 AND token=?2 AND state=?3");

static enum err make_uncertain(struct store *st, struct conn *c, void *arg)
{
	const struct uncertain_job *job = arg;
	const struct ending ending = {.now_ms = job->now_ms,
		.event = "uncertain",
		.detail = job->reason,
		.printed = job->printed};
	sqlite3_stmt *stmt = conn_statement(c, &mark_uncertain);
	struct room room;
	enum err e;

	(void)st;
	if (!stmt)
		return c->why;
	e = room_watch(c, job->op->id, &room);
	if (e != OK)
		return e;
	sqlite3_bind_int64(stmt, 1, job->op->id);
	sqlite3_bind_blob(stmt, 2, job->op->token, TOKEN_LEN, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 3, STATE_RUNNING);
	sqlite3_bind_int(stmt, 4, STATE_UNCERTAIN);
	sqlite3_bind_int64(stmt, 5, job->now_ms);
	if (job->exit_status >= 0)
		sqlite3_bind_int(stmt, 6, job->exit_status);
	sqlite3_bind_text(stmt, 7, job->reason, -1, SQLITE_STATIC);
	e = conn_run(c, stmt, "mark uncertain");
	if (e != OK)
		return e;
	if (sqlite3_changes(c->db) != 1)
		return err_set(
			ERR_REFUSED, "mark uncertain: the operation was settled without this run");
	e = end_operation(c, job->op->id, STATE_UNCERTAIN, &ending);
	return e == OK ? room_count(c, job->op->id, &room) : e;
}

enum err store_mark_uncertain(struct store *st, const struct operation *op, int exit_status,
	const char *reason, int64_t now_ms)
{
	return store_mark_uncertain_printed(st, op, exit_status, reason, NULL, now_ms);
}

enum err store_mark_uncertain_printed(struct store *st, const struct operation *op, int exit_status,
	const char *reason, const struct printed *printed, int64_t now_ms)
{
	struct uncertain_job job = {op, exit_status, reason, printed, now_ms};

	return writer_run(st, make_uncertain, &job);
}

/* ---- uncertain -> absent, and notes ---- */

struct settle_job {
	const struct operation *op;
	const char *event, *detail;
	int64_t now_ms, forget_ms;
	struct statement *which;
};

static struct statement free_row =
	SQL("UPDATE operation SET state=" SQL_ABSENT ",updated=?3,due=?4,reason=?5"
	    " WHERE id=?1 AND state=" SQL_UNCERTAIN " AND attempts=?2");
static struct statement touch_uncertain = SQL(
	"UPDATE operation SET updated=?3 WHERE id=?1 AND state=" SQL_UNCERTAIN " AND attempts=?2");

static enum err settle_uncertain(struct store *st, struct conn *c, void *arg)
{
	const struct settle_job *job = arg;
	const struct ending ending = {
		.now_ms = job->now_ms, .event = job->event, .detail = job->detail};
	sqlite3_stmt *stmt = conn_statement(c, job->which);
	enum err e;

	(void)st;
	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, job->op->id);
	sqlite3_bind_int(stmt, 2, job->op->attempts);
	sqlite3_bind_int64(stmt, 3, job->now_ms);
	if (job->which == &free_row) {
		sqlite3_bind_int64(stmt, 4, job->forget_ms);
		sqlite3_bind_text(stmt, 5, job->event, -1, SQLITE_STATIC);
	}
	e = conn_run(c, stmt, "settle");
	if (e == OK && sqlite3_changes(c->db) != 1)
		return err_set(ERR_REFUSED, "the operation is not uncertain any more");
	if (e != OK)
		return e;
	return job->which == &free_row
		       ? end_operation(c, job->op->id, STATE_ABSENT, &ending)
		       : row_add_history(c, job->op->id, job->now_ms, job->event, job->detail);
}

enum err store_free(struct store *st, const struct operation *op, const char *event,
	const char *detail, int64_t now_ms)
{
	struct settle_job job = {op, event, detail, now_ms, now_ms + FREED_MS, &free_row};

	return writer_run(st, settle_uncertain, &job);
}

enum err store_note(struct store *st, const struct operation *op, const char *event,
	const char *detail, int64_t now_ms)
{
	struct settle_job job = {op, event, detail, now_ms, 0, &touch_uncertain};

	return writer_run(st, settle_uncertain, &job);
}
