/* SPDX-License-Identifier: ISC */
/*
 * store/glance.h - what `retrysafe status`, `metrics` and `tail` read
 *
 * A call costs the same however many operations there are.  All of it blocks for the disk at most,
 * as the reads of store/store.h do; errors are a read's.
 */
#ifndef RETRYSAFE_STORE_GLANCE_H
#define RETRYSAFE_STORE_GLANCE_H

#include "base/err.h"
#include "store/operation.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define GLANCE_COUNT_MAX 10000 /* operations in one state that are counted */

struct store_glance {
	int64_t running, uncertain; /* GLANCE_COUNT_MAX: as many or more */
	int64_t used_bytes;         /* of the database, without free pages: for max_store */
	int64_t file_bytes;         /* the database file */
	int64_t log_bytes;          /* the write-ahead log */
	int64_t clock_off_ms;       /* the store's clock, less the wall clock */
};
enum err store_glance(struct store *st, struct store_glance *out) MUSTCHECK;

/*
 * store_oldest - calls `each` for operations, oldest first; it returns false to stop, and may write
 *
 *   state     STATE_RUNNING or STATE_UNCERTAIN; STATE_ABSENT: any
 *   after_id  operations with greater ids only; an id is (milliseconds & 2^43 - 1) << 20 and more
 *   limit     how many at most
 */
enum err store_oldest(struct store *st, enum state state, int64_t after_id, int64_t limit,
	bool (*each)(const struct operation *op, void *arg), void *arg) MUSTCHECK;

/* Sets a number that is another one after any write of another process.  For a single thread. */
enum err store_version(struct store *st, int64_t *version) MUSTCHECK;

/* The operation with this id, as store_find() finds it; ERR_ABSENT. */
enum err store_find_id(struct store *st, int64_t id, struct operation *op) MUSTCHECK;

/* A line of any operation's history.  Numbers rise, but one may come again after a purge. */
struct store_event {
	int64_t number, op_id;
	char event[32], detail[REASON_MAX + 1];
};
enum err store_newest_event(struct store *st, int64_t *number) MUSTCHECK;
/* Reads the next ones, at most *n, behind a number; sets *n to how many there are. */
enum err store_events(struct store *st, int64_t after, struct store_event *out, int *n) MUSTCHECK;

/* Operations that were released in the last minutes, with greater ids, at most *n: id, nonce, and
 * when, as updated_ms; sets *n to how many there are. */
enum err store_released(
	struct store *st, int64_t after_id, struct operation *out, int *n) MUSTCHECK;

#endif
