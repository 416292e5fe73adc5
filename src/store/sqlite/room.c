/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/room.c - how much the store and each route keep, and whether there is room for more
 *
 * The store's size is its pages without the free ones.  A route's sum, in its row, counts
 * responses, stored requests and outputs that were printed in vain.  It is NULL, and costs nothing,
 * until the first claim of a route that has a limit: that claim adds up all that the route keeps.
 *
 * RULES
 *   (1) Only a claim is refused for want of room: what has been claimed is recorded, settled and
 *       purged, and the file may grow by what all runs may leave before SQLite refuses
 *       (unit/store_limits, t38-room).
 *   (2) A route's sum changes in the transaction that changes what it counts, so that no crash
 *       parts them (unit/store_limits).
 *   (3) The log says once that the store is full, and again only after there was room
 *       (t38-room).
 *
 * Does not know: where limits come from (store/configured.c), and what removes things
 * (store/sqlite/expire.c).
 */
#include "store/sqlite/room.h"

#include "base/log.h"
#include "store/listing.h"

#include <inttypes.h>
#include <stdio.h>

#define PAGE_BYTES INT64_C(4096)
#define PAGES_MAX  INT64_C(4294967294) /* SQLite's own limit */

/* ---- routes ---- */

/* All that is kept for the operation `id`.  SQLite reads no content for the length of a blob. */
#define SQL_KEPT(id)                                                                             \
	"((SELECT coalesce(sum(length(head)+coalesce(length(body),0)),0) FROM response"          \
	" WHERE id=" id ")"                                                                      \
	"+(SELECT coalesce(sum(length(data)),0) FROM chunk WHERE id=" id ")"                     \
	"+(SELECT coalesce(sum(length(variables)+length(body)),0) FROM request WHERE id=" id ")" \
	"+(SELECT coalesce(sum(length(data)),0) FROM printed WHERE id=" id "))"

static struct statement find_kept = SQL("SELECT o.route," SQL_KEPT(
	"?1") " FROM operation o JOIN route r ON r.id=o.route WHERE o.id=?1"
	      " AND r.kept IS NOT NULL");
static struct statement change_kept =
	SQL("UPDATE route SET kept=kept-?3+" SQL_KEPT("?1") " WHERE id=?2");

enum err room_watch(struct conn *c, int64_t op_id, struct room *room)
{
	sqlite3_stmt *stmt = conn_statement(c, &find_kept);

	*room = (struct room){0};
	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, op_id);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		*room = (struct room){sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1)};
	return sqlite3_reset(stmt) == SQLITE_OK
		       ? OK
		       : conn_error(c, sqlite3_extended_errcode(c->db), "count what is kept");
}

enum err room_count(struct conn *c, int64_t op_id, const struct room *room)
{
	sqlite3_stmt *stmt;

	if (room->route == 0)
		return OK;
	stmt = conn_statement(c, &change_kept);
	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, op_id);
	sqlite3_bind_int64(stmt, 2, room->route);
	sqlite3_bind_int64(stmt, 3, room->before);
	return conn_run(c, stmt, "count what is kept");
}

static struct statement begin_counting = SQL("UPDATE route SET kept=(SELECT coalesce(sum(" SQL_KEPT(
	"o.id") "),0) FROM operation o"
		" WHERE o.route=?1)"
		" WHERE id=?1 AND kept IS NULL");
static struct statement find_sum = SQL("SELECT kept FROM route WHERE id=?1");

static enum err look_at_route(struct conn *c, int64_t route, int64_t max_bytes, bool *is_full)
{
	sqlite3_stmt *begin = conn_statement(c, &begin_counting), *sum;
	enum err e;

	if (!begin)
		return c->why;
	sqlite3_bind_int64(begin, 1, route);
	e = conn_run(c, begin, "count what is kept");
	if (e != OK)
		return e;
	sum = conn_statement(c, &find_sum);
	if (!sum)
		return c->why;
	sqlite3_bind_int64(sum, 1, route);
	*is_full = sqlite3_step(sum) == SQLITE_ROW && sqlite3_column_int64(sum, 0) >= max_bytes;
	return sqlite3_reset(sum) == SQLITE_OK
		       ? OK
		       : conn_error(c, sqlite3_extended_errcode(c->db), "claim: room");
}

static struct statement list_routes = SQL("SELECT r.name,r.kept,(SELECT coalesce(sum(" SQL_KEPT(
	"o.id") "),0) FROM operation o"
		" WHERE o.route=r.id)"
		" FROM route r WHERE r.kept IS NOT NULL"
		" ORDER BY r.name");

enum err store_routes(
	struct store *st, bool (*each)(const struct route_room *r, void *arg), void *arg)
{
	struct conn *c = NULL;
	sqlite3_stmt *stmt;
	enum err e = reader_prepare(st, &list_routes, &c, &stmt);
	int rc = SQLITE_DONE;

	if (e != OK)
		return e;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct route_room r = {(const char *)sqlite3_column_text(stmt, 0),
			sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 2)};

		if (!each(&r, arg))
			break;
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		e = conn_error(c, sqlite3_extended_errcode(c->db), "measure");
	sqlite3_reset(stmt);
	reader_give(st, &c);
	return e;
}

/* ---- the store ---- */

static struct statement count_pages = SQL("PRAGMA page_count");
static struct statement count_free = SQL("PRAGMA freelist_count");

static enum err ask_number(struct conn *c, struct statement *which, int64_t *out)
{
	sqlite3_stmt *stmt = conn_statement(c, which);

	if (!stmt)
		return c->why;
	*out = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
	return sqlite3_reset(stmt) == SQLITE_OK
		       ? OK
		       : conn_error(c, sqlite3_extended_errcode(c->db), "measure");
}

enum err room_used_bytes(struct conn *c, int64_t *out)
{
	int64_t pages = 0, unused = 0;
	enum err e = ask_number(c, &count_pages, &pages);

	if (e == OK)
		e = ask_number(c, &count_free, &unused);
	*out = (pages - unused) * PAGE_BYTES;
	return e;
}

static void say_full(struct store *st, const struct claim *claim, enum claimed found)
{
	if (found == CLAIM_STORE_FULL && !st->is_full_said)
		log_warn("the store %s is full: it holds max_store, %" PRId64 " bytes; new "
			 "requests with a key are answered 503.  To make room: retrysafe purge, a "
			 "shorter ttl, or a larger max_store",
			st->path, st->max_bytes);
	if (found == CLAIM_ROUTE_FULL && !st->is_route_full_said)
		log_warn("route %s is full: it keeps max_recorded, %" PRId64 " bytes; its new "
			 "requests with a key are answered 503.  To make room: retrysafe purge, a "
			 "shorter ttl, or a larger max_recorded",
			claim->op->route, claim->max_recorded);
	if (found == CLAIM_ROUTE_FULL)
		st->is_route_full_said = true;
	else
		st->is_full_said = found == CLAIM_STORE_FULL;
}

enum err room_look(struct store *st, struct conn *c, const struct claim *claim, int64_t route,
	enum claimed *found)
{
	int64_t used = 0;
	bool is_full = false;
	enum err e = OK;

	*found = CLAIM_TAKEN;
	if (claim->op->attempts > 1) /* it was claimed long ago: rule (1) */
		return OK;
	if (st->max_bytes > 0)
		e = room_used_bytes(c, &used);
	if (e == OK && st->max_bytes > 0 && used >= st->max_bytes)
		*found = CLAIM_STORE_FULL;
	else if (e == OK && claim->max_recorded > 0) {
		e = look_at_route(c, route, claim->max_recorded, &is_full);
		if (is_full)
			*found = CLAIM_ROUTE_FULL;
		else
			st->is_route_full_said = false;
	}
	say_full(st, claim, *found);
	/* A process of one request may never see the log grow: what has expired goes now. */
	if (*found != CLAIM_TAKEN)
		st->is_purge_due = true;
	return e;
}

enum err room_limit_pages(struct store *st, struct conn *c)
{
	int64_t pages, most = 0;
	char text[64];
	enum err e = OK;

	if (st->max_bytes <= 0)
		return OK;
	pages = st->max_bytes / PAGE_BYTES;
	e = ask_number(c, &count_pages, &most); /* a store that is larger by now stays so */
	if (most > pages)
		pages = most;
	pages = st->reserve_bytes / PAGE_BYTES > PAGES_MAX - pages
			? PAGES_MAX
			: pages + st->reserve_bytes / PAGE_BYTES;
	snprintf(text, sizeof(text), "PRAGMA max_page_count=%" PRId64, pages);
	return e == OK ? conn_execute(c, text, "open the store") : e;
}
