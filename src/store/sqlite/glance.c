/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/glance.c - the reads of status, metrics and tail, which cost the same however many
 * operations there are
 *
 * RULES
 *   (1) Every statement is served by an index or by the order of the ids, and has a limit
 *       (unit/store_glance).
 *
 * Does not know: what is shown to whom.
 */
#include "store/glance.h"

#include "base/clock.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/find.h"
#include "store/sqlite/room.h"
#include "store/sqlite/row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- sizes ---- */

static struct statement count_open = SQL(
	"SELECT count(*) FROM (SELECT 1 FROM operation WHERE state=?1 AND state IN " SQL_OPEN_STATES
	" LIMIT ?2)");

static enum err count(struct conn *c, enum state state, int64_t *out)
{
	sqlite3_stmt *stmt = conn_statement(c, &count_open);

	if (!stmt)
		return c->why;
	sqlite3_bind_int(stmt, 1, (int)state);
	sqlite3_bind_int(stmt, 2, GLANCE_COUNT_MAX);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		*out = sqlite3_column_int64(stmt, 0);
	return sqlite3_reset(stmt) == SQLITE_OK
		       ? OK
		       : conn_error(c, sqlite3_extended_errcode(c->db), "count");
}

static int64_t file_bytes(const char *path, const char *suffix)
{
	char name[4096];
	struct stat sb;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return stat(name, &sb) == 0 ? sb.st_size : 0;
}

enum err store_glance(struct store *st, struct store_glance *out)
{
	struct conn *c = NULL;
	enum err e = reader_take(st, &c);

	*out = (struct store_glance){0};
	if (e != OK)
		return e;
	e = count(c, STATE_RUNNING, &out->running);
	if (e == OK)
		e = count(c, STATE_UNCERTAIN, &out->uncertain);
	if (e == OK)
		e = room_used_bytes(c, &out->used_bytes);
	reader_give(st, &c);
	out->clock_off_ms = store_now_ms(st) - clock_wall_ms();
	out->file_bytes = file_bytes(st->path, "");
	out->log_bytes = file_bytes(st->path, "-wal");
	return e;
}

/* ---- operations, oldest first ---- */

static struct statement oldest_open = SQL(SQL_OPERATION
	" WHERE o.state=?1 AND o.state IN " SQL_OPEN_STATES " AND o.id>?2 ORDER BY o.id LIMIT ?3");
static struct statement newer =
	SQL(SQL_OPERATION " WHERE (?1=0 OR o.state=?1) AND o.id>?2 ORDER BY o.id LIMIT ?3");

#define PAGE 64

static enum err read_page(struct store *st, struct statement *which, enum state state,
	int64_t after_id, struct operation *out, int *n)
{
	struct conn *c = NULL;
	sqlite3_stmt *stmt;
	int rc = SQLITE_DONE, limit = *n;
	enum err e = reader_prepare(st, which, &c, &stmt);

	*n = 0;
	if (e != OK)
		return e;
	sqlite3_bind_int(stmt, 1, (int)state);
	sqlite3_bind_int64(stmt, 2, after_id);
	sqlite3_bind_int(stmt, 3, limit);
	while (*n < limit && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
		row_read_operation(stmt, &out[(*n)++]);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		e = conn_error(c, sqlite3_extended_errcode(c->db), "list");
	sqlite3_reset(stmt);
	reader_give(st, &c);
	return e;
}

/* In pages, so that no transaction is open while `each` works. */
enum err store_oldest(struct store *st, enum state state, int64_t after_id, int64_t limit,
	bool (*each)(const struct operation *op, void *arg), void *arg)
{
	struct statement *which = state == STATE_ABSENT ? &newer : &oldest_open;
	struct operation *page = malloc(PAGE * sizeof(*page));
	enum err e = page ? OK : err_set(ERR_NOMEM, "list: out of memory");
	bool go_on = e == OK;

	while (go_on && limit > 0) {
		int n = limit < PAGE ? (int)limit : PAGE, want = n;

		e = read_page(st, which, state, after_id, page, &n);
		go_on = e == OK && n == want;
		for (int i = 0; i < n && e == OK; i++) {
			after_id = page[i].id;
			if (!each(&page[i], arg)) {
				go_on = false;
				break;
			}
		}
		limit -= n;
	}
	free(page);
	return e;
}

/* ---- what has changed ---- */

static enum err read_number(
	struct store *st, struct statement *statement, const char *what, int64_t *out)
{
	struct conn *c = NULL;
	sqlite3_stmt *stmt;
	enum err e = reader_prepare(st, statement, &c, &stmt);

	if (e != OK)
		return e;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		*out = sqlite3_column_int64(stmt, 0);
	e = sqlite3_reset(stmt) == SQLITE_OK ? OK
					     : conn_error(c, sqlite3_extended_errcode(c->db), what);
	reader_give(st, &c);
	return e;
}

static struct statement data_version = SQL("PRAGMA data_version");

/* Of one connection: of the one that this thread gave back last. */
enum err store_version(struct store *st, int64_t *version)
{
	return read_number(st, &data_version, "look for changes", version);
}

static struct statement newest_event = SQL("SELECT coalesce(max(rowid),0) FROM history");
static struct statement events = SQL("SELECT rowid,id,event,detail FROM history WHERE rowid>?1"
				     " ORDER BY rowid LIMIT ?2");

enum err store_newest_event(struct store *st, int64_t *number)
{
	return read_number(st, &newest_event, "history", number);
}

static void read_event(sqlite3_stmt *stmt, struct store_event *out)
{
	const unsigned char *event = sqlite3_column_text(stmt, 2),
			    *detail = sqlite3_column_text(stmt, 3);

	out->number = sqlite3_column_int64(stmt, 0);
	out->op_id = sqlite3_column_int64(stmt, 1);
	snprintf(out->event, sizeof(out->event), "%s", event ? (const char *)event : "");
	snprintf(out->detail, sizeof(out->detail), "%s", detail ? (const char *)detail : "");
}

enum err store_events(struct store *st, int64_t after, struct store_event *out, int *n)
{
	struct conn *c = NULL;
	sqlite3_stmt *stmt;
	int rc = SQLITE_DONE, limit = *n;
	enum err e = reader_prepare(st, &events, &c, &stmt);

	*n = 0;
	if (e != OK)
		return e;
	sqlite3_bind_int64(stmt, 1, after);
	sqlite3_bind_int(stmt, 2, limit);
	while (*n < limit && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
		read_event(stmt, &out[(*n)++]);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		e = conn_error(c, sqlite3_extended_errcode(c->db), "history");
	sqlite3_reset(stmt);
	reader_give(st, &c);
	return e;
}

enum err store_find_id(struct store *st, int64_t id, struct operation *op)
{
	return find_by_id(st, id, op, NULL);
}

static struct statement list_released =
	SQL("SELECT id,nonce,due FROM released WHERE id>?1 ORDER BY id LIMIT ?2");

enum err store_released(struct store *st, int64_t after_id, struct operation *out, int *n)
{
	struct conn *c = NULL;
	sqlite3_stmt *stmt;
	int rc = SQLITE_DONE, limit = *n;
	enum err e = reader_prepare(st, &list_released, &c, &stmt);

	*n = 0;
	if (e != OK)
		return e;
	sqlite3_bind_int64(stmt, 1, after_id);
	sqlite3_bind_int(stmt, 2, limit);
	while (*n < limit && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct operation *op = &out[(*n)++];

		memset(op, 0, sizeof(*op));
		op->id = sqlite3_column_int64(stmt, 0);
		op->nonce = sqlite3_column_int64(stmt, 1);
		op->updated_ms = sqlite3_column_int64(stmt, 2) - RELEASED_MS;
		op->exit_status = -1;
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		e = conn_error(c, sqlite3_extended_errcode(c->db), "list");
	sqlite3_reset(stmt);
	reader_give(st, &c);
	return e;
}
