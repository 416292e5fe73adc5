/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/purge.c - purges all that has expired, in short transactions; into an archive, too
 *
 * One transaction purges little, however much has expired, so that no writer waits long for it:
 * less when others write, too, and then only for a part of the time.  A large body counts by its
 * pieces.
 *
 * RULES
 *   (1) An archive has synced an operation before its removal is committed (t37-archive).
 *
 * The archive gets it outside of any transaction: it may be slow, or a pipe without a reader.
 *
 * Does not know: what expires, and when (store/sqlite/expire.c); maintenance, which purges
 * a little at a time (store/sqlite/upkeep.c).
 */
#include "store/archive.h"

#include "base/clock.h"
#include "base/fault.h"
#include "store/sqlite/expire.h"
#include "store/sqlite/find.h"
#include "store/sqlite/natural.h"
#include "store/sqlite/row.h"
#include "store/sqlite/writer.h"

#include <stdlib.h>
#include <time.h>

/* ---- pace ---- */

/* How much at once: much when no other process writes, little when another does. */
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

static struct statement ask_data_version = SQL("PRAGMA data_version");

/* Has another connection written since our last transaction?  Inside of the next one. */
static enum err look_for_company(struct conn *c, struct pace *pace)
{
	sqlite3_stmt *stmt = conn_statement(c, &ask_data_version);
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
	enum err e = writer_run(st, work, arg);
	struct timespec pause;
	int64_t us;

	if (e != OK || !pace->has_company)
		return e;
	us = (clock_mono_us() - pace->start_us) * (PURGE_SHARE - 1);
	pause = (struct timespec){us / 1000000, us % 1000000 * 1000};
	nanosleep(&pause, NULL);
	return OK;
}

/* ---- all at once ---- */

struct purge_job {
	struct pace pace;
	int64_t now_ms, dropped, forgotten;
	int changes; /* rows */
};

static struct statement forget_archiving = SQL("DELETE FROM store WHERE name='archived'");

static enum err purge_some(struct store *st, struct conn *c, void *arg)
{
	struct purge_job *job = arg;
	int64_t dropped = 0, forgotten = 0;
	int before = sqlite3_total_changes(c->db);
	enum err e = look_for_company(c, &job->pace);

	if (e == OK)
		e = conn_run(c, conn_statement(c, &forget_archiving), "purge");
	if (e == OK)
		e = job->pace.has_company
			    ? expire_for_a_while(
				      c, job->now_ms, st->commit_us, &dropped, &forgotten)
			    : expire_batch(c, job->now_ms, PURGE_MAX, &dropped, &forgotten);
	job->dropped = dropped;
	job->forgotten = forgotten;
	job->changes = sqlite3_total_changes(c->db) - before;
	return e;
}

struct vacuum_job {
	struct pace pace;
	int64_t left; /* free pages */
};

static struct statement free_a_page = SQL("PRAGMA incremental_vacuum");
static struct statement count_free_pages = SQL("PRAGMA freelist_count");

/* Gives free pages back to the file system, some at a time: a step of the statement is a page. */
static enum err vacuum_some(struct store *st, struct conn *c, void *arg)
{
	struct vacuum_job *job = arg;
	sqlite3_stmt *stmt = conn_statement(c, &free_a_page),
		     *count = conn_statement(c, &count_free_pages);
	enum err e = stmt && count ? look_for_company(c, &job->pace) : c->why;
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
		e = write_at_pace(st, vacuum_some, &job, &job.pace);
	} while (e == OK && job.left > 0 && job.left != before);
	return e;
}

enum err store_purge(struct store *st, int64_t now_ms, int64_t *dropped, int64_t *forgotten)
{
	struct purge_job job = {.pace = PACE_ALONE, .now_ms = now_ms};
	enum err e;

	*dropped = *forgotten = 0;
	do {
		e = write_at_pace(st, purge_some, &job, &job.pace);
		if (e != OK)
			return e;
		*dropped += job.dropped;
		*forgotten += job.forgotten;
	} while (job.changes > 0);
	return give_pages_back(st);
}

/* ---- into an archive ---- */

/* Operations that the archive has: each is removed if it is still as it was handed out. */
struct removal_job {
	struct pace pace;
	struct due due[PURGE_MAX];
	int n, others; /* rows besides: natural keys, requests */
	int64_t now_ms, dropped, forgotten;
};

static bool is_same(const struct due *due, const struct operation *op)
{
	return (int)op->state == due->state && op->expires_ms == due->due_ms;
}

/* ERR_ABSENT: it has moved on, or another process has purged it. */
static enum err hand_out_operation(
	struct store *st, const struct archive *archive, const struct due *due, int64_t now_ms)
{
	struct response res = {0};
	struct operation op;
	enum err e = find_by_id(st, due->id, &op, &res);

	if (e == OK && !is_same(due, &op))
		e = err_set(ERR_ABSENT, "it has moved on");
	if (e != OK) {
		response_free(&res);
		return e;
	}
	if (op.state == STATE_DONE)
		e = archive->write(&op, &res, archive->arg);
	response_free(&res);
	if (e == OK && !expire_keeps_key(due, now_ms))
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
	e = expire_list_due(c, job->now_ms, job->pace.limit, job->due, &n);
	reader_give(st, &c);
	for (int i = 0; i < n && pieces < job->pace.limit && e == OK; i++) {
		e = hand_out_operation(st, archive, &job->due[i], job->now_ms);
		if (e == OK) {
			pieces += job->due[i].state == STATE_DONE ? job->due[i].pieces : 1;
			job->due[job->n++] = job->due[i];
		} else if (e == ERR_ABSENT) {
			e = OK;
		}
	}
	return e == OK && job->n > 0 ? archive->sync(archive->arg) : e;
}

static enum err is_unchanged(struct conn *c, const struct due *due, bool *is)
{
	sqlite3_stmt *stmt = conn_statement(c, &row_by_id);
	struct operation op;

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, due->id);
	*is = sqlite3_step(stmt) == SQLITE_ROW;
	if (*is) {
		row_read_operation(stmt, &op);
		*is = is_same(due, &op);
	}
	return sqlite3_reset(stmt) == SQLITE_OK
		       ? OK
		       : conn_error(c, sqlite3_extended_errcode(c->db), "purge");
}

static struct statement note_archiving =
	SQL("INSERT OR REPLACE INTO store(name,value) VALUES('archived',?1)");

static enum err remove_batch(struct store *st, struct conn *c, void *arg)
{
	struct removal_job *job = arg;
	int64_t dropped = 0, forgotten = 0;
	int before;
	sqlite3_stmt *stmt = conn_statement(c, &note_archiving);
	enum err e = stmt ? look_for_company(c, &job->pace) : c->why;

	(void)st;
	if (e != OK)
		return e;
	sqlite3_bind_int64(stmt, 1, job->now_ms);
	e = conn_run(c, stmt, "purge");
	before = sqlite3_total_changes(c->db);
	if (e == OK)
		e = natural_purge(c, job->now_ms);
	if (e == OK)
		e = expire_requests(c, job->now_ms, job->pace.limit);
	job->others = sqlite3_total_changes(c->db) - before;
	for (int i = 0; i < job->n && e == OK; i++) {
		const struct due *due = &job->due[i];
		bool is = false;

		e = is_unchanged(c, due, &is);
		if (e != OK || !is)
			continue;
		dropped += due->state == STATE_DONE;
		if (expire_keeps_key(due, job->now_ms)) {
			e = expire_drop_response(c, due->id);
		} else {
			e = expire_forget(c, due->id);
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
		if (e != OK || job->n + job->others == 0)
			break;
		*dropped += job->dropped;
		*forgotten += job->forgotten;
	}
	free(job);
	return e == OK ? give_pages_back(st) : e;
}
