/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/clock.c - the store's clock, kept in a row of the database
 *
 * Each process reads the row when it opens the store and goes on by itself.  Once a minute a commit
 * that happens anyway writes the row; a process that only reads never does.
 *
 * RULES
 *   (1) What another process has written since wins over what this one remembers, but for the time
 *       itself, which does not go back (unit/store_clock).
 *   (2) The row costs no commit of its own, and no more than one write a minute (unit/store_clock).
 *
 * Does not know: when a jump is believed (store/clock.c).
 */
#include "store/sqlite/clock.h"

#include "base/clock.h"

#define WRITE_EVERY_MS 60000

static struct statement find_clock =
	SQL("SELECT now,wall,boot_ms,boot,ahead,lasted FROM clock WHERE id=1");
static struct statement set_clock =
	SQL("INSERT OR REPLACE INTO clock(id,now,wall,boot_ms,boot,ahead,lasted)"
	    " VALUES(1,?1,?2,?3,?4,?5,?6)");

static enum err read_row(struct conn *c, struct store_clock *out)
{
	sqlite3_stmt *stmt = conn_statement(c, &find_clock);
	enum err e = OK;
	int rc;

	if (!stmt)
		return c->why;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*out = (struct store_clock){
			.now_ms = sqlite3_column_int64(stmt, 0),
			.at = {sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 2),
				sqlite3_column_int64(stmt, 3)},
			.ahead_ms = sqlite3_column_int64(stmt, 4),
			.lasted_ms = sqlite3_column_int64(stmt, 5),
		};
	else
		e = rc == SQLITE_DONE
			    ? err_set(ERR_BROKEN, "the store has no clock")
			    : conn_error(c, sqlite3_extended_errcode(c->db), "the store's clock");
	sqlite3_reset(stmt);
	return e;
}

static enum err write_row(struct conn *c, const struct store_clock *clock)
{
	sqlite3_stmt *stmt = conn_statement(c, &set_clock);

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, clock->now_ms);
	sqlite3_bind_int64(stmt, 2, clock->at.wall_ms);
	sqlite3_bind_int64(stmt, 3, clock->at.boot_ms);
	sqlite3_bind_int64(stmt, 4, clock->at.boot_id);
	sqlite3_bind_int64(stmt, 5, clock->ahead_ms);
	sqlite3_bind_int64(stmt, 6, clock->lasted_ms);
	return conn_run(c, stmt, "the store's clock");
}

enum err clock_row_add(struct conn *c)
{
	struct clock_reading r = store_clock_read();
	struct store_clock clock = store_clock_start(&r);

	return write_row(c, &clock);
}

enum err clock_row_read(struct store *st, struct conn *c)
{
	enum err e = read_row(c, &st->clock);

	st->clock_row = st->clock;
	return e;
}

int64_t store_now_ms(struct store *st)
{
	struct clock_reading r = store_clock_read();
	int64_t now_ms;

	pthread_mutex_lock(&st->clock_mutex);
	now_ms = store_clock_move(&st->clock, &r);
	pthread_mutex_unlock(&st->clock_mutex);
	return now_ms;
}

/* After a jump that was believed, and in another boot: at once. */
bool clock_row_is_due(struct store *st)
{
	return store_now_ms(st) - st->clock_row.now_ms >= WRITE_EVERY_MS ||
	       store_clock_read().boot_id != st->clock_row.at.boot_id;
}

static bool is_same(const struct clock_reading *a, const struct clock_reading *b)
{
	return a->wall_ms == b->wall_ms && a->boot_ms == b->boot_ms && a->boot_id == b->boot_id;
}

enum err clock_row_write(struct store *st, struct conn *c)
{
	struct clock_reading r = store_clock_read();
	struct store_clock row;
	enum err e = read_row(c, &row);

	if (e != OK)
		return e;
	pthread_mutex_lock(&st->clock_mutex);
	store_clock_move(&st->clock, &r);
	if (!is_same(&row.at, &st->clock_row.at)) { /* rule (1) */
		store_clock_move(&row, &r);
		if (row.now_ms < st->clock.now_ms)
			row.now_ms = st->clock.now_ms;
		st->clock = row;
	}
	row = st->clock;
	pthread_mutex_unlock(&st->clock_mutex);
	e = write_row(c, &row);
	if (e == OK)
		st->clock_row = row; /* after a commit that fails the next one compares again */
	return e;
}
