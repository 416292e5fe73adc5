/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/upkeep.c - maintenance between writes: purges what has expired, and moves the log
 * into the database
 *
 * RULES
 *   (1) Purging has a transaction of its own: a purge that fails stops no write
 *       (unit/store_failures).
 *   (2) A long-lived process purges by the clock; a CGI program, which sees only its own commits,
 *       by the growth of the log (unit/store_processes).
 *   (3) The log does not grow without end: a process that opens the store alone reads all of it
 *       (unit/store_failures, unit/store_processes).
 *
 * It runs under the writer lock, after the threads that waited for a write have been woken.
 *
 * Does not know: which thread runs it, and when (store/sqlite/writer.c); which rows have
 * expired (store/sqlite/expire.c).
 */
#include "store/sqlite/upkeep.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/sqlite/expire.h"
#include "store/sqlite/transaction.h"

#define CHECKPOINT_PAGES 500   /* 2 MiB of log are moved into the database: no write feels it */
#define RECOVERED_PAGES  64    /* for a process that had to read all of it to open the store */
#define RESTART_PAGES    16000 /* 64 MiB: even if readers have to be waited for ... */
#define RESTART_WAIT_MS  100   /* ... this long */
#define RESTART_AGAIN_US 10000000
#define PURGE_AGAIN_US   60000000 /* after a failure */

static bool is_log_long(const struct store *st)
{
	return st->wal_pages >= (st->has_recovered ? RECOVERED_PAGES : CHECKPOINT_PAGES);
}

static bool is_purge_due(const struct store *st)
{
	return st->is_purge_due || clock_mono_us() >= st->next_purge_us;
}

bool upkeep_is_due(const struct store *st)
{
	return is_log_long(st) || is_purge_due(st);
}

/* In a transaction of its own: rule (1). */
static void purge_some(struct store *st)
{
	int64_t dropped = 0, forgotten = 0, pause_us = PURGE_EVERY_US, start_us = clock_mono_us();
	int before;
	enum err e;

	if (!st->writer || !is_purge_due(st))
		return;
	st->is_purge_due = false;
	before = sqlite3_total_changes(st->writer->db);
	e = transaction_begin(st, st->writer);
	if (e == OK)
		e = expire_for_upkeep(
			st->writer, store_now_ms(st), st->commit_us, &dropped, &forgotten);
	if (e == OK && sqlite3_total_changes(st->writer->db) != before) {
		e = transaction_commit(st, st->writer);
		pause_us = (clock_mono_us() - start_us) * (PURGE_SHARE - 1); /* there may be more */
	} else {
		transaction_roll_back(st);
	}
	if (e != OK) {
		log_warn("purge: %s", err_text());
		pause_us = PURGE_AGAIN_US;
	}
	st->has_purged = true;
	st->next_purge_us = clock_mono_us() + pause_us;
}

/*
 * A passive checkpoint does not wait.  Only when readers have kept the log from being reused for
 * long does it wait for them, briefly and not often: one may have been stopped.
 */
static void checkpoint(struct store *st)
{
	bool must_wait = st->wal_pages > RESTART_PAGES && clock_mono_us() >= st->next_restart_us;
	int rc;

	if (!st->writer || !is_log_long(st))
		return;
	if (must_wait)
		sqlite3_busy_timeout(st->writer->db, RESTART_WAIT_MS);
	rc = sqlite3_wal_checkpoint_v2(st->writer->db, "main",
		must_wait ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (rc == SQLITE_OK)
		st->wal_pages = 0;
	if (!must_wait)
		return;
	sqlite3_busy_timeout(st->writer->db, (int)st->busy_timeout_ms);
	st->next_restart_us = clock_mono_us() + RESTART_AGAIN_US;
	if (rc != SQLITE_OK)
		log_warn("the store's log has grown to %d pages and cannot be reused: %s",
			st->wal_pages,
			rc == SQLITE_BUSY ? "another program has been reading the store for long"
					  : sqlite3_errmsg(st->writer->db));
}

void upkeep_run(struct store *st)
{
	purge_some(st);
	checkpoint(st);
	st->has_recovered = false; /* from now on other processes find an index of the log */
}
