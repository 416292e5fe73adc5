/* SPDX-License-Identifier: ISC */
/*
 * store/liveness.h - locks of this host, by which processes prove to be alive
 *
 * Each is a lock on one byte of the store's lock file, on an open file description of its own.  The
 * kernel releases it when the last copy of the descriptor is closed, and so when the process dies,
 * however it dies.  They are the same for every engine, and work when the store itself does not.
 */
#ifndef RETRYSAFE_STORE_LIVENESS_H
#define RETRYSAFE_STORE_LIVENESS_H

#include "base/err.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * liveness_witness - the number by which this process, and each that holds a copy of
 * liveness_witness_fd(), proves to be alive; a number is never used again
 */
int64_t liveness_witness(const struct store *st);
int liveness_witness_fd(const struct store *st);
/* Does a living process hold that witness?  When it cannot be found out the answer is true. */
bool liveness_is_alive(const struct store *st, int64_t witness);

/*
 * liveness_hold_result - says, until this process ends, that it has the result of a run and goes on
 * trying to record it
 *
 *   url  of the store, which need not be open
 *
 * It may fail silently; the result is then recorded all the same if no other process settles the
 * operation before.  Does not block.
 */
void liveness_hold_result(const char *url, int64_t op_id);
/* When it cannot be found out the answer is true. */
bool liveness_result_is_held(const struct store *st, int64_t op_id);

/*
 * liveness_take_waiting_slot - takes one of a route's slots for waiting requests, which all
 * processes of this host share
 *
 *   slots  how many the route has; at most 1024 count
 *   fd     set on OK: close it to give the slot back
 *
 * Returns OK; ERR_BUSY all slots are taken; ERR_NOMEM, ERR_SYSTEM.  Does not block.
 */
enum err liveness_take_waiting_slot(
	const struct store *st, const char *route, int64_t slots, int *fd) MUSTCHECK;

/*
 * liveness_lock_settling - makes the caller the only one that finds out what became of an uncertain
 * operation
 *
 *   fd  set on OK: close it to release the lock
 *
 * Returns OK; ERR_BUSY another caller has it; ERR_NOMEM, ERR_SYSTEM.  Does not block.
 */
enum err liveness_lock_settling(const struct store *st, int64_t op_id, int *fd) MUSTCHECK;

/* ---- for the engines ---- */

/* The part of an open store. */
struct liveness {
	const char *lock_path; /* borrowed */
	int query_fd;   /* a description of the lock file that holds no witness, borrowed: asked
			   through it, our own witness counts as well; -1: there is no file */
	int witness_fd; /* shared with the keeper; -1: none */
	int64_t witness;
};

/* Takes a witness.  Returns OK; ERR_NOMEM, ERR_SYSTEM.  liveness_stop() it. */
enum err liveness_start(struct liveness *l) MUSTCHECK;
void liveness_stop(struct liveness *l);

/* An engine has these two. */
const struct liveness *store_liveness(const struct store *st);
/* ERR_BROKEN: the store's paths no longer lead to the files that were opened. */
enum err store_is_there(const struct store *st) MUSTCHECK;

#endif
