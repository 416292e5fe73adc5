/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/expire.c - removes expired rows, inside a write transaction: responses after their
 * ttl, operations after their tombstone
 *
 * RULES
 *   (1) Only states that time alone moves on are purged; a running or uncertain operation never is
 *       (unit/store_moves).
 *   (2) Whether an operation is forgotten is decided by its times, not by whether its row has been
 *       purged: a claim finds out by itself (unit/store_moves, t32-retention).
 *   (3) While purges go into an archive, maintenance purges nothing; eight days after the last of
 *       them it does again (t37-archive).
 *   (4) A stored request goes a ttl and a tombstone after its operation has become uncertain; the
 *       operation stays (unit/store_limits, t38-room).
 *
 * Does not know: whose transaction it is (store/sqlite/upkeep.c, store/sqlite/purge.c, a
 * claim).
 */
#include "store/sqlite/expire.h"

#include "base/clock.h"
#include "base/digest.h"
#include "store/sqlite/natural.h"
#include "store/sqlite/outbox.h"
#include "store/sqlite/room.h"
#include "store/sqlite/row.h"

#include <stdlib.h>
#include <string.h>

#define PURGE_OF_COMMIT 4 /* purging may take one part in so many of the time of a commit */

/* A week, and a day for a weekly job that is late. */
#define ARCHIVED_MS (INT64_C(8) * 24 * 3600 * 1000)

/* The `due` of an uncertain operation only frees its key, for a claim.  The index has the same
 * condition. */
static struct statement find_due = SQL(
	"SELECT id,state,due,tombstone,bytes FROM operation WHERE due<=?1 AND state<>" SQL_UNCERTAIN
	" ORDER BY due LIMIT ?2");

enum err expire_list_due(struct conn *c, int64_t now_ms, int limit, struct due *out, int *n)
{
	sqlite3_stmt *stmt = conn_statement(c, &find_due);
	enum err e = OK;
	int rc;

	*n = 0;
	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, now_ms);
	sqlite3_bind_int(stmt, 2, limit);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && *n < limit) {
		struct due *d = &out[(*n)++];

		d->id = sqlite3_column_int64(stmt, 0);
		d->state = sqlite3_column_int(stmt, 1);
		d->due_ms = sqlite3_column_int64(stmt, 2);
		d->tombstone_ms = sqlite3_column_int64(stmt, 3);
		d->pieces = 1 + sqlite3_column_int64(stmt, 4) / RESPONSE_INLINE_MAX;
	}
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		e = conn_error(c, sqlite3_extended_errcode(c->db), "purge");
	sqlite3_reset(stmt);
	return e;
}

bool expire_keeps_key(const struct due *due, int64_t now_ms)
{
	return due->state == STATE_DONE && due->due_ms + due->tombstone_ms > now_ms;
}

static struct statement drop_operation = SQL("DELETE FROM operation WHERE id=?1");

enum err expire_forget(struct conn *c, int64_t id)
{
	static struct statement *const drops[] = {&drop_response, &drop_chunks, &drop_history,
		&drop_request, &drop_printed, &drop_webhook, &drop_finished, &drop_operation};
	struct room room;
	enum err e = room_watch(c, id, &room);

	for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]) && e == OK; i++)
		e = row_drop(c, drops[i], id);
	return e == OK ? room_count(c, id, &room) : e;
}

static struct statement mark_expired =
	SQL("UPDATE operation SET state=?2,due=due+tombstone WHERE id=?1");

enum err expire_drop_response(struct conn *c, int64_t id)
{
	static struct statement *const drops[] = {
		&drop_response, &drop_chunks, &drop_printed, &mark_expired};
	struct room room;
	enum err e = room_watch(c, id, &room);

	for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]) && e == OK; i++) {
		sqlite3_stmt *stmt = conn_statement(c, drops[i]);

		if (stmt) {
			sqlite3_bind_int64(stmt, 1, id);
			if (drops[i] == &mark_expired)
				sqlite3_bind_int(stmt, 2, STATE_EXPIRED);
		}
		e = conn_run(c, stmt, "purge");
	}
	return e == OK ? room_count(c, id, &room) : e;
}

/* ---- requests that were stored for a policy ---- */

/* Not while a later attempt runs: it becomes uncertain, or drops the request. */
static struct statement find_request_due =
	SQL("SELECT q.id,EXISTS(SELECT 1 FROM operation WHERE id=q.id AND state=" SQL_UNCERTAIN
	    ") FROM request q WHERE q.due<=?1 AND NOT EXISTS(SELECT 1 FROM operation WHERE id=q.id"
	    " AND state=" SQL_RUNNING ") LIMIT 1");

static enum err find_request_that_is_due(
	struct conn *c, int64_t now_ms, int64_t *id, bool *is_uncertain)
{
	sqlite3_stmt *stmt = conn_statement(c, &find_request_due);

	*id = 0;
	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, now_ms);
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		*id = sqlite3_column_int64(stmt, 0);
		*is_uncertain = sqlite3_column_int(stmt, 1) != 0;
	}
	return sqlite3_reset(stmt) == SQLITE_OK
		       ? OK
		       : conn_error(c, sqlite3_extended_errcode(c->db), "purge");
}

enum err expire_requests(struct conn *c, int64_t now_ms, int limit)
{
	enum err e = OK;

	for (int i = 0; i < limit && e == OK; i++) {
		bool is_uncertain = false;
		struct room room;
		int64_t id;

		e = find_request_that_is_due(c, now_ms, &id, &is_uncertain);
		if (e != OK || id == 0)
			return e;
		e = room_watch(c, id, &room);
		if (e == OK)
			e = row_drop(c, &drop_request, id);
		if (e == OK)
			e = room_count(c, id, &room);
		if (e == OK && is_uncertain)
			e = row_add_history(c, id, now_ms, "request dropped",
				"it was kept for as long as a key is remembered; no probe or "
				"rollback can look at this operation any more: settle it");
	}
	return e;
}

enum err expire_batch(
	struct conn *c, int64_t now_ms, int limit, int64_t *dropped, int64_t *forgotten)
{
	struct due due[PURGE_MAX];
	int n = 0;
	int64_t pieces = 0;
	enum err e = natural_purge(c, now_ms);

	if (e == OK)
		e = expire_requests(c, now_ms, limit);
	if (e == OK)
		e = expire_list_due(c, now_ms, limit < PURGE_MAX ? limit : PURGE_MAX, due, &n);

	*dropped = *forgotten = 0;
	for (int i = 0; i < n && pieces < limit && e == OK; i++) {
		bool is_done = due[i].state == STATE_DONE;

		if (is_done && due[i].due_ms + due[i].tombstone_ms > now_ms) {
			e = expire_drop_response(c, due[i].id);
			++*dropped;
		} else {
			e = expire_forget(c, due[i].id);
			*dropped += is_done;
			++*forgotten;
		}
		pieces += is_done ? due[i].pieces : 1;
	}
	return e;
}

/* ---- while purges go into an archive ---- */

/* When a purge into an archive began for the last time. */
static struct statement find_archived = SQL("SELECT value FROM store WHERE name='archived'");

/* Did a purge go into an archive lately?  A clock that has jumped back must not keep it so. */
static enum err look_for_archive(struct conn *c, int64_t now_ms, bool *is_held)
{
	sqlite3_stmt *stmt = conn_statement(c, &find_archived);

	if (!stmt)
		return c->why;
	*is_held = sqlite3_step(stmt) == SQLITE_ROW &&
		   llabs(now_ms - sqlite3_column_int64(stmt, 0)) < ARCHIVED_MS;
	return sqlite3_reset(stmt) == SQLITE_OK
		       ? OK
		       : conn_error(c, sqlite3_extended_errcode(c->db), "purge");
}

/* On a disk that takes long to sync, little at a time would never come to an end. */
enum err expire_for_a_while(
	struct conn *c, int64_t now_ms, int64_t commit_us, int64_t *dropped, int64_t *forgotten)
{
	int64_t end_us = clock_mono_us() + commit_us / PURGE_OF_COMMIT, some_dropped,
		some_forgotten;
	enum err e;

	do {
		e = expire_batch(c, now_ms, PURGE_AT_ONCE, &some_dropped, &some_forgotten);
		*dropped += some_dropped;
		*forgotten += some_forgotten;
	} while (e == OK && some_dropped + some_forgotten > 0 && clock_mono_us() < end_us);
	return e;
}

enum err expire_for_upkeep(
	struct conn *c, int64_t now_ms, int64_t commit_us, int64_t *dropped, int64_t *forgotten)
{
	bool is_held = false;
	enum err e = look_for_archive(c, now_ms, &is_held);

	*dropped = *forgotten = 0;
	return e == OK && !is_held ? expire_for_a_while(c, now_ms, commit_us, dropped, forgotten)
				   : e;
}

static struct statement change_identity =
	SQL("UPDATE operation SET identity=?2,due=CASE WHEN state=" SQL_UNCERTAIN
	    " THEN NULL ELSE due END WHERE id=?1");

enum err expire_make_room(struct conn *c, const struct operation *op, int64_t now_ms)
{
	unsigned char identity[IDENTITY_LEN];
	bool is_held = false;
	sqlite3_stmt *stmt;
	enum err e = look_for_archive(c, now_ms, &is_held);

	if (e == OK && op->state == STATE_UNCERTAIN)
		is_held = true; /* an operator settles it */
	if (e != OK || !is_held)
		return e == OK ? expire_forget(c, op->id) : e;
	/* What people see of it stays as it is. */
	memcpy(identity, op->identity, IDENTITY_SHOWN);
	random_bytes(identity + IDENTITY_SHOWN, IDENTITY_LEN - IDENTITY_SHOWN);
	stmt = conn_statement(c, &change_identity);
	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, op->id);
	sqlite3_bind_blob(stmt, 2, identity, IDENTITY_LEN, SQLITE_STATIC);
	return conn_run(c, stmt, "set aside");
}
