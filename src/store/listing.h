/* SPDX-License-Identifier: ISC */
/*
 * store/listing.h - what `retrysafe list`, `show` and `stats` read
 *
 * All of it blocks for the disk at most, as the reads of store/store.h do; errors are a read's.
 */
#ifndef RETRYSAFE_STORE_LISTING_H
#define RETRYSAFE_STORE_LISTING_H

#include "base/err.h"
#include "store/operation.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * store_list - calls `each` for operations, newest first
 *
 *   state     STATE_ABSENT: any
 *   route     NULL: any
 *   since_ms  store_now_ms()'s; only operations that began then or later; 0: any
 *   limit     <= 0: no limit
 *
 * `each` returns false to stop; it may write.
 */
struct store_filter {
	enum state state;
	const char *route;
	int64_t since_ms;
	int64_t limit;
};
enum err store_list(struct store *st, const struct store_filter *filter,
	bool (*each)(const struct operation *op, void *arg), void *arg) MUSTCHECK;

/*
 * store_places - calls `each` for every place on which operations of an address are known: of
 * every site, and of every spelling of the address that the script has seen
 *
 * For people: it looks at all operations.  `each` returns false to stop.  Returns OK or a read's
 * errors.
 */
enum err store_places(struct store *st, const char *address,
	bool (*each)(const unsigned char place[PLACE_LEN], void *arg), void *arg) MUSTCHECK;

/* One line of an operation's history, oldest first. */
struct history {
	int64_t at_ms;
	const char *event;  /* a word: "uncertain", "released", ... */
	const char *detail; /* may be empty */
};
enum err store_history(struct store *st, int64_t op_id,
	bool (*each)(const struct history *h, void *arg), void *arg) MUSTCHECK;

/*
 * store_routes - calls `each` for every route whose bytes are counted
 *
 * For people: it adds up again all that is kept.  `each` returns false to stop.
 */
struct route_room {
	const char *name;
	int64_t kept_bytes;  /* as it is counted */
	int64_t added_bytes; /* as it is added up now: the same, or a mistake has been found */
};
enum err store_routes(
	struct store *st, bool (*each)(const struct route_room *r, void *arg), void *arg) MUSTCHECK;

/* Sizes for `retrysafe stats`. */
struct store_sizes {
	int64_t operations[STATE__MAX]; /* by state */
	int64_t responses_bytes;        /* bodies as recorded */
	int64_t requests_bytes;         /* requests that are stored for a policy */
	int64_t printed_bytes;          /* printed in vain */
	int64_t used_bytes;             /* of the database, without free pages: for max_store */
	int64_t file_bytes;             /* the database file */
	int64_t log_bytes;              /* the write-ahead log */
	int64_t clock_off_ms;           /* the store's clock, less the wall clock */
};
enum err store_measure(struct store *st, struct store_sizes *out) MUSTCHECK;

#endif
