/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/ending.h - everything that changes together with the row of an operation that ends
 */
#ifndef RETRYSAFE_STORE_SQLITE_ENDING_H
#define RETRYSAFE_STORE_SQLITE_ENDING_H

#include "base/err.h"
#include "store/operation.h"
#include "store/sqlite/connection.h"

#include <stdbool.h>
#include <stdint.h>

#define FREED_MS (INT64_C(30) * 24 * 3600 * 1000) /* how long a freed row keeps its history */

/* SQL that clears what a running row says about its run. */
#define SQL_NO_HOLDER "token=NULL,witness=NULL,boot=NULL,deadline=NULL,taken_from=NULL"

struct ending {
	bool keeps_natural; /* STATE_DONE: the natural key stays taken, for as long as the claim
			       said */
	bool is_row_gone;   /* STATE_ABSENT: a first attempt leaves no row */
	bool is_posted;     /* the message had to be posted before the row was moved */
	int64_t now_ms;
	const char *event, *detail;    /* for the history; NULL: nothing */
	const struct printed *printed; /* by the script, in vain; NULL: nothing */
	bool was_in_vain; /* STATE_DONE: what an earlier attempt printed is of no use any more */
};

/*
 * end_operation - the operation has been moved to `state`, which is STATE_DONE, STATE_UNCERTAIN or
 * STATE_ABSENT, by this transaction
 *
 *     drops    the stored request (done, row gone), the webhook (row gone), the pieces of a
 *              response that was not recorded (uncertain)
 *     limits   how long the stored request is kept (uncertain)
 *     keeps    what was printed in vain
 *     natural  key: kept or given up; an uncertain operation still has it
 *     posts    the message for the webhook
 *     adds     a line to the history
 */
enum err end_operation(
	struct conn *c, int64_t id, enum state state, const struct ending *ending) MUSTCHECK;

#endif
