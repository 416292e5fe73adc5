/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/room.h - how much the store and each route keep, and whether there is room for more
 *
 * All of it inside a write transaction.
 */
#ifndef RETRYSAFE_STORE_SQLITE_ROOM_H
#define RETRYSAFE_STORE_SQLITE_ROOM_H

#include "base/err.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/engine.h"

#include <stdint.h>

/*
 * room_look - may one more operation be claimed?
 *
 *   route  its number in the table of routes
 *   found  set on OK: CLAIM_TAKEN there is room; CLAIM_STORE_FULL, CLAIM_ROUTE_FULL
 */
enum err room_look(struct store *st, struct conn *c, const struct claim *claim, int64_t route,
	enum claimed *found) MUSTCHECK;

/* Bytes that an operation has kept so far. */
struct room {
	int64_t route; /* 0: its route is not counted */
	int64_t before;
};

/* Before and after a change of what is kept for an operation: the route's sum changes with it.  The
 * operation's row must be there for the first, and may be gone for the second. */
enum err room_watch(struct conn *c, int64_t op_id, struct room *room) MUSTCHECK;
enum err room_count(struct conn *c, int64_t op_id, const struct room *room) MUSTCHECK;

/* Bytes of the pages that are in use; also of a reader. */
enum err room_used_bytes(struct conn *c, int64_t *out) MUSTCHECK;

/* The limit of pages of a connection that writes: SQLite refuses to grow the file beyond it. */
enum err room_limit_pages(struct store *st, struct conn *c) MUSTCHECK;

#endif
