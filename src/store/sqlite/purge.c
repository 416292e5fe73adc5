/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/purge.c - forgets in time: responses after their ttl, operations after their
 * tombstone
 *
 * RULES THAT HOLD
 *   (1) Only what time alone moves on is purged: what runs or is uncertain never is.
 *   (2) One transaction purges little, however much has expired, so that nobody waits for it: less
 *       when others write, too, and then only for a part of the time.  A large body counts by its
 *       pieces.
 *   (3) Whether an operation is forgotten is decided by its times, not by whether its row has been
 *       purged: a claim finds out by itself (store/sqlite/claim.c).
 *   (4) What goes into an archive is synced there before its removal is committed.  It is handed
 *       out outside of any transaction: an archive may be slow, or a pipe that nobody reads.
 *   (5) Where somebody archives, nothing is purged by the way, until he has stopped doing so.
 *
 * What it does not know: who purges, and when (store/sqlite/writer.c, by the way; `retrysafe
 * purge`).
 */
#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "store/sqlite/engine.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PURGE_MAX 200 /* in one transaction; a piece of a large body counts like an operation */

/* A week, and a day for a weekly job that is late. */
#define ARCHIVED_MS (INT64_C(8) * 24 * 3600 * 1000)

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

/* ---- by the way ---- */

/* Has somebody purged into an archive lately?  A clock that has jumped back must not keep it so. */
static enum err look_for_archive(struct conn *c, int64_t now_ms, bool *is_held)
{
	sqlite3_stmt *stmt = conn_statement(c, ST_ARCHIVED);

	if (!stmt)
		return c->why;
	*is_held = sqlite3_step(stmt) == SQLITE_ROW &&
		   llabs(now_ms - sqlite3_column_int64(stmt, 0)) < ARCHIVED_MS;
	return sqlite3_reset(stmt) == SQLITE_OK
		       ? OK
		       : conn_error(c, sqlite3_extended_errcode(c->db), "purge");
}

/* On a disk that takes long to sync, little at a time would never come to an end. */
static enum err purge_for_a_while(
	struct store *st, struct conn *c, int64_t now_ms, int64_t *dropped, int64_t *forgotten)
{
	int64_t end_us = clock_mono_us() + st->commit_us / PURGE_OF_COMMIT, some_dropped,
		some_forgotten;
	enum err e;

	do {
		e = purge_batch(c, now_ms, PURGE_AT_ONCE, &some_dropped, &some_forgotten);
		*dropped += some_dropped;
		*forgotten += some_forgotten;
	} while (e == OK && some_dropped + some_forgotten > 0 && clock_mono_us() < end_us);
	return e;
}

enum err purge_by_the_way(
	struct store *st, struct conn *c, int64_t now_ms, int64_t *dropped, int64_t *forgotten)
{
	bool is_held = false;
	enum err e = look_for_archive(c, now_ms, &is_held);

	*dropped = *forgotten = 0;
	return e == OK && !is_held ? purge_for_a_while(st, c, now_ms, dropped, forgotten) : e;
}

enum err purge_make_room(struct conn *c, const struct operation *op, int64_t now_ms)
{
	unsigned char identity[IDENTITY_LEN];
	bool is_held = false;
	sqlite3_stmt *stmt;
	enum err e = look_for_archive(c, now_ms, &is_held);

	if (e != OK || !is_held)
		return e == OK ? purge_forget(c, op->id) : e;
	/* What people see of it stays as it is. */
	memcpy(identity, op->identity, IDENTITY_SHOWN);
	random_bytes(identity + IDENTITY_SHOWN, IDENTITY_LEN - IDENTITY_SHOWN);
	stmt = conn_statement(c, ST_SET_ASIDE);
	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, op->id);
	sqlite3_bind_blob(stmt, 2, identity, IDENTITY_LEN, SQLITE_STATIC);
	return conn_run(c, stmt, "set aside");
}

/* ---- all at once ---- */

/* How much at once: as much as is good when nobody else writes, little when somebody does. */
struct pace {
	int limit;
	int64_t version;  /* of the database when we wrote it last */
	int64_t start_us; /* of the last transaction's work */
	bool has_company;
};

#define PACE_ALONE                 \
	{                          \
		.limit = PURGE_MAX \
	}

/* Has another connection written since our last transaction?  Inside of the next one. */
static enum err look_around(struct conn *c, struct pace *pace)
{
	sqlite3_stmt *stmt = conn_statement(c, ST_DATA_VERSION);
	int64_t version = 0;

	pace->start_us = clock_mono_us();
	if (!stmt)
		return c->why;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		version = sqlite3_column_int64(stmt, 0);
	pace->has_company = pace->version != 0 && pace->version != version;
	pace->limit = pace->has_company ? PURGE_AT_ONCE : PURGE_MAX;
	pace->version = version;
	return sqlite3_reset(stmt) == SQLITE_OK
		       ? OK
		       : conn_error(c, sqlite3_extended_errcode(c->db), "purge");
}

static enum err write_at_pace(struct store *st,
	enum err (*work)(struct store *st, struct conn *c, void *arg), void *arg,
	const struct pace *pace)
{
	enum err e = store_write(st, work, arg);
	struct timespec pause;
	int64_t us;

	if (e != OK || !pace->has_company)
		return e;
	us = (clock_mono_us() - pace->start_us) * (PURGE_SHARE - 1);
	pause = (struct timespec){us / 1000000, us % 1000000 * 1000};
	nanosleep(&pause, NULL);
	return OK;
}

struct purge_job {
	struct pace pace;
	int64_t now_ms, dropped, forgotten;
	int changes; /* rows */
};

static enum err purge(struct store *st, struct conn *c, void *arg)
{
	struct purge_job *job = arg;
	int64_t dropped = 0, forgotten = 0;
	int before = sqlite3_total_changes(c->db);
	enum err e = look_around(c, &job->pace);

	if (e == OK)
		e = conn_run(c, conn_statement(c, ST_ARCHIVED_NEVER), "purge");
	if (e == OK)
		e = job->pace.has_company
			    ? purge_for_a_while(st, c, job->now_ms, &dropped, &forgotten)
			    : purge_batch(c, job->now_ms, PURGE_MAX, &dropped, &forgotten);
	job->dropped = dropped;
	job->forgotten = forgotten;
	job->changes = sqlite3_total_changes(c->db) - before;
	return e;
}

struct vacuum_job {
	struct pace pace;
	int64_t left; /* free pages */
};

/* Gives free pages back to the file system, some at a time: a step of the statement is a page. */
static enum err vacuum(struct store *st, struct conn *c, void *arg)
{
	struct vacuum_job *job = arg;
	sqlite3_stmt *stmt = conn_statement(c, ST_VACUUM),
		     *count = conn_statement(c, ST_FREE_PAGES);
	enum err e = stmt && count ? look_around(c, &job->pace) : c->why;
	int n = 0;

	(void)st;
	if (e != OK)
		return e;
	while (n < job->pace.limit && sqlite3_step(stmt) == SQLITE_ROW)
		n++;
	if (sqlite3_reset(stmt) != SQLITE_OK)
		return conn_error(c, sqlite3_extended_errcode(c->db), "purge");
	job->left = sqlite3_step(count) == SQLITE_ROW ? sqlite3_column_int64(count, 0) : 0;
	sqlite3_reset(count);
	return OK;
}

static enum err give_pages_back(struct store *st)
{
	struct vacuum_job job = {.pace = PACE_ALONE};
	int64_t before;
	enum err e;

	do {
		before = job.left;
		e = write_at_pace(st, vacuum, &job, &job.pace);
	} while (e == OK && job.left > 0 && job.left != before);
	return e;
}

enum err store_purge(struct store *st, int64_t now_ms, int64_t *dropped, int64_t *forgotten)
{
	struct purge_job job = {.pace = PACE_ALONE, .now_ms = now_ms};
	enum err e;

	*dropped = *forgotten = 0;
	do {
		e = write_at_pace(st, purge, &job, &job.pace);
		if (e != OK)
			return e;
		*dropped += job.dropped;
		*forgotten += job.forgotten;
	} while (job.changes > 0);
	return give_pages_back(st);
}

/* ---- into an archive ---- */

/* What has been handed out and is to be removed, if it still is what it was. */
struct removal_job {
	struct pace pace;
	struct due due[PURGE_MAX];
	int n, natural; /* natural keys that were forgotten by the way */
	int64_t now_ms, dropped, forgotten;
};

static bool loses_response_only(const struct due *due, int64_t now_ms)
{
	return due->state == STATE_DONE && due->due_ms + due->tombstone_ms > now_ms;
}

static bool is_same(const struct due *due, const struct operation *op)
{
	return (int)op->state == due->state && op->expires_ms == due->due_ms;
}

/* ERR_ABSENT: it has become something else, or somebody else has purged it. */
static enum err hand_out(
	struct store *st, const struct archive *archive, const struct due *due, int64_t now_ms)
{
	struct response res = {0};
	struct operation op;
	enum err e = reader_find_id(st, due->id, &op, &res);

	if (e == OK && !is_same(due, &op))
		e = err_set(ERR_ABSENT, "it has moved on");
	if (e != OK) {
		response_free(&res);
		return e;
	}
	if (op.state == STATE_DONE)
		e = archive->write(&op, &res, archive->arg);
	response_free(&res);
	if (e == OK && !loses_response_only(due, now_ms))
		e = archive->write(&op, NULL, archive->arg);
	/* Its body went while it was being written. */
	return e == ERR_ABSENT ? err_set(ERR_BUSY, "another purge is at work") : e;
}

/* Hands out one transaction's worth; job->n is what of it is to be removed. */
static enum err hand_out_batch(
	struct store *st, const struct archive *archive, struct removal_job *job)
{
	struct conn *c = NULL;
	int64_t pieces = 0;
	int n = 0;
	enum err e = reader_take(st, &c);

	job->n = 0;
	if (e != OK)
		return e;
	e = list_due(c, job->now_ms, job->pace.limit, job->due, &n);
	reader_give(st, &c);
	for (int i = 0; i < n && pieces < job->pace.limit && e == OK; i++) {
		e = hand_out(st, archive, &job->due[i], job->now_ms);
		if (e == OK) {
			pieces += job->due[i].state == STATE_DONE ? job->due[i].pieces : 1;
			job->due[job->n++] = job->due[i];
		} else if (e == ERR_ABSENT) {
			e = OK;
		}
	}
	return e == OK && job->n > 0 ? archive->sync(archive->arg) : e;
}

static enum err is_still(struct conn *c, const struct due *due, bool *is)
{
	sqlite3_stmt *stmt = conn_statement(c, ST_FIND_ID);
	struct operation op;

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, due->id);
	*is = sqlite3_step(stmt) == SQLITE_ROW;
	if (*is) {
		operation_read(stmt, &op);
		*is = is_same(due, &op);
	}
	return sqlite3_reset(stmt) == SQLITE_OK
		       ? OK
		       : conn_error(c, sqlite3_extended_errcode(c->db), "purge");
}

static enum err remove_batch(struct store *st, struct conn *c, void *arg)
{
	struct removal_job *job = arg;
	int64_t dropped = 0, forgotten = 0;
	sqlite3_stmt *stmt = conn_statement(c, ST_ARCHIVED_NOW);
	enum err e = stmt ? look_around(c, &job->pace) : c->why;

	(void)st;
	if (e != OK)
		return e;
	sqlite3_bind_int64(stmt, 1, job->now_ms);
	e = conn_run(c, stmt, "purge");
	if (e == OK)
		e = natural_purge(c, job->now_ms);
	job->natural = sqlite3_changes(c->db);
	for (int i = 0; i < job->n && e == OK; i++) {
		const struct due *due = &job->due[i];
		bool is = false;

		e = is_still(c, due, &is);
		if (e != OK || !is)
			continue;
		dropped += due->state == STATE_DONE;
		if (loses_response_only(due, job->now_ms)) {
			e = drop_response(c, due->id);
		} else {
			e = purge_forget(c, due->id);
			forgotten++;
		}
	}
	job->dropped = dropped;
	job->forgotten = forgotten;
	return e;
}

enum err store_purge_into(struct store *st, const struct archive *archive, int64_t now_ms,
	int64_t *dropped, int64_t *forgotten)
{
	struct removal_job *job = malloc(sizeof(*job));
	enum err e = job ? OK : err_set(ERR_NOMEM, "purge: out of memory");

	*dropped = *forgotten = 0;
	if (e == OK)
		job->pace = (struct pace)PACE_ALONE;
	while (e == OK) {
		job->now_ms = now_ms;
		e = hand_out_batch(st, archive, job);
		if (e == OK && job->n > 0)
			fault("purge.archived");
		if (e == OK)
			e = write_at_pace(st, remove_batch, job, &job->pace);
		if (e != OK || job->n + job->natural == 0)
			break;
		*dropped += job->dropped;
		*forgotten += job->forgotten;
	}
	free(job);
	return e == OK ? give_pages_back(st) : e;
}
