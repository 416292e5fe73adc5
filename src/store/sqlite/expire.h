/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/expire.h - removes expired rows, inside a write transaction
 */
#ifndef RETRYSAFE_STORE_SQLITE_EXPIRE_H
#define RETRYSAFE_STORE_SQLITE_EXPIRE_H

#include "base/err.h"
#include "store/operation.h"
#include "store/sqlite/connection.h"

#include <stdbool.h>
#include <stdint.h>

#define PURGE_MAX     200 /* in one transaction; a piece of a large body counts like an operation */
#define PURGE_AT_ONCE 10  /* operations and pieces of bodies, where others write, too */
#define PURGE_SHARE   12  /* at most one part in so many of the time, while others write */

/* An operation that time moves on. */
struct due {
	int64_t id, due_ms, tombstone_ms;
	int64_t pieces; /* what its removal costs: itself, and the pieces of its body */
	int state;
};

/* The first `limit` operations that are due at now_ms; may be asked outside a write. */
enum err expire_list_due(
	struct conn *c, int64_t now_ms, int limit, struct due *out, int *n) MUSTCHECK;
/* Does it lose its response and keep its key?  Else all of it is forgotten. */
bool expire_keeps_key(const struct due *due, int64_t now_ms);
/* The response goes, the key stays (done -> expired). */
enum err expire_drop_response(struct conn *c, int64_t id) MUSTCHECK;
/*
 * Drops the stored requests whose time is over, `limit` at most: their operations stay as they are,
 * and those that are uncertain get a line in their history.
 */
enum err expire_requests(struct conn *c, int64_t now_ms, int limit) MUSTCHECK;
/* Removes all that there is of an operation. */
enum err expire_forget(struct conn *c, int64_t id) MUSTCHECK;
/* Purges rows that have expired at now_ms, about `limit` operations and pieces of bodies. */
enum err expire_batch(
	struct conn *c, int64_t now_ms, int limit, int64_t *dropped, int64_t *forgotten) MUSTCHECK;
/* Batches of PURGE_AT_ONCE, for a part of the time that a commit takes (commit_us). */
enum err expire_for_a_while(struct conn *c, int64_t now_ms, int64_t commit_us, int64_t *dropped,
	int64_t *forgotten) MUSTCHECK;
/* The same, for maintenance: nothing while purges go into an archive. */
enum err expire_for_upkeep(struct conn *c, int64_t now_ms, int64_t commit_us, int64_t *dropped,
	int64_t *forgotten) MUSTCHECK;
/*
 * Time has freed the operation's key: another one may have its identity now.  It is forgotten, or
 * set aside for an archive.
 */
enum err expire_make_room(struct conn *c, const struct operation *op, int64_t now_ms) MUSTCHECK;

#endif
