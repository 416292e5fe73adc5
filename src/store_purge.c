/* SPDX-License-Identifier: ISC */
/*
 * store_purge.c - forgets in time: responses after their ttl, operations after their tombstone
 *
 * RULES THAT HOLD
 *   (1) Only what time alone moves on is purged: what runs or is uncertain never is.
 *   (2) One transaction purges little, however much has expired, so that nobody waits for it.  A
 *       large body counts by its pieces.
 *   (3) Whether an operation is forgotten is decided by its times, not by whether its row has been
 *       purged: a claim finds out by itself (store_move.c).
 *
 * What it does not know: who purges, and when (store_writer.c, by the way; `retrysafe purge`).
 */
#include "store_sqlite.h"

#define PURGE_MAX 200 /* in one transaction; a piece of a large body counts like an operation */

struct due {
	int64_t id, due_ms, tombstone_ms, pieces;
	int state;
};

static enum err list_due(struct conn *c, int64_t now_ms, int limit, struct due *out, int *n)
{
	sqlite3_stmt *stmt = conn_statement(c, ST_DUE);
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

enum err purge_forget(struct conn *c, int64_t id)
{
	static const enum statement drops[] = {ST_RESPONSE_DROP, ST_CHUNK_DROP, ST_HISTORY_DROP,
		ST_REQUEST_DROP, ST_WEBHOOK_DROP, ST_OUTBOX_DROP, ST_FORGET};
	enum err e = OK;

	for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]) && e == OK; i++)
		e = move_drop(c, drops[i], id);
	return e;
}

static enum err drop_response(struct conn *c, int64_t id)
{
	static const enum statement drops[] = {ST_RESPONSE_DROP, ST_CHUNK_DROP, ST_EXPIRE};
	enum err e = OK;

	for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]) && e == OK; i++) {
		sqlite3_stmt *stmt = conn_statement(c, drops[i]);

		if (stmt) {
			sqlite3_bind_int64(stmt, 1, id);
			if (drops[i] == ST_EXPIRE)
				sqlite3_bind_int(stmt, 2, STATE_EXPIRED);
		}
		e = conn_run(c, stmt, "purge");
	}
	return e;
}

enum err purge_batch(
	struct conn *c, int64_t now_ms, int limit, int64_t *dropped, int64_t *forgotten)
{
	struct due due[PURGE_MAX];
	int n = 0;
	int64_t pieces = 0;
	enum err e = natural_purge(c, now_ms);

	if (e == OK)
		e = list_due(c, now_ms, limit < PURGE_MAX ? limit : PURGE_MAX, due, &n);

	*dropped = *forgotten = 0;
	for (int i = 0; i < n && pieces < limit && e == OK; i++) {
		bool is_done = due[i].state == STATE_DONE;

		if (is_done && due[i].due_ms + due[i].tombstone_ms > now_ms) {
			e = drop_response(c, due[i].id);
			++*dropped;
		} else {
			e = purge_forget(c, due[i].id);
			*dropped += is_done;
			++*forgotten;
		}
		pieces += is_done ? due[i].pieces : 1;
	}
	return e;
}

struct purge_job {
	int64_t now_ms, dropped, forgotten;
	int changes; /* rows */
};

static enum err purge(struct store *st, struct conn *c, void *arg)
{
	struct purge_job *job = arg;
	int64_t dropped, forgotten;
	int before = sqlite3_total_changes(c->db);
	enum err e = purge_batch(c, job->now_ms, PURGE_MAX, &dropped, &forgotten);

	(void)st;
	job->dropped = dropped;
	job->forgotten = forgotten;
	job->changes = sqlite3_total_changes(c->db) - before;
	return e;
}

/* Gives free pages back to the file system, some at a time.  *arg: how many are left. */
static enum err vacuum(struct store *st, struct conn *c, void *arg)
{
	int64_t *left = arg;
	sqlite3_stmt *stmt = conn_statement(c, ST_FREE_PAGES);
	enum err e = conn_run(c, conn_statement(c, ST_VACUUM), "purge");

	(void)st;
	if (e != OK || !stmt)
		return e != OK ? e : c->why;
	*left = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
	sqlite3_reset(stmt);
	return OK;
}

enum err store_purge(struct store *st, int64_t now_ms, int64_t *dropped, int64_t *forgotten)
{
	struct purge_job job = {.now_ms = now_ms};
	int64_t left = 0, before;
	enum err e;

	*dropped = *forgotten = 0;
	do {
		e = store_write(st, purge, &job);
		if (e != OK)
			return e;
		*dropped += job.dropped;
		*forgotten += job.forgotten;
	} while (job.changes > 0);
	do {
		before = left;
		e = store_write(st, vacuum, &left);
	} while (e == OK && left > 0 && left != before);
	return e;
}
