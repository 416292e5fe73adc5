/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/natural.h - natural keys, inside a transaction
 */
#ifndef RETRYSAFE_STORE_SQLITE_NATURAL_H
#define RETRYSAFE_STORE_SQLITE_NATURAL_H

#include "base/err.h"
#include "store/sqlite/connection.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* The operation that has the natural key; 0: none.  The only one that may read outside a write. */
enum err natural_find_holder(
	struct conn *c, const unsigned char *natural, int64_t now_ms, int64_t *holder) MUSTCHECK;
/* Is claim->natural free, or held by the claimed operation itself? */
enum err natural_check(struct conn *c, const struct claim *claim, bool *is_free) MUSTCHECK;
enum err natural_take(struct conn *c, const struct claim *claim) MUSTCHECK;
/* The operation has ended: it keeps its natural key from now on, or gives it up. */
enum err natural_end(struct conn *c, int64_t op_id, bool keeps, int64_t now_ms) MUSTCHECK;
enum err natural_purge(struct conn *c, int64_t now_ms) MUSTCHECK;

#endif
