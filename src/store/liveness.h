/* SPDX-License-Identifier: ISC */
/*
 * store/liveness.h - locks of this host, by which processes prove to be alive
 */
#ifndef RETRYSAFE_STORE_LIVENESS_H
#define RETRYSAFE_STORE_LIVENESS_H

#include "base/err.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * store_witness - the number by which this process, and whoever holds a copy of
 * store_witness_fd(), proves to be alive
 *
 * The proof is a lock on one byte of the store's lock file, on an open file description of its
 * own.  The kernel lets go of it when the last copy of the descriptor is gone, however that came
 * about; a number is never used again.
 */
int64_t store_witness(const struct store *st);
int store_witness_fd(const struct store *st);
/* Does anybody hold that witness?  When it cannot be found out the answer is true. */
bool store_witness_is_alive(const struct store *st, int64_t witness);

/*
 * store_hold_result - says, until this process ends, that it has the result of a run and goes on
 * trying to record it
 *
 * Works when the store itself does not: a lock on the operation's own byte of the lock file.  It
 * may fail silently; the result is then recorded all the same if nobody settles the operation
 * before.
 */
void store_hold_result(const char *url, int64_t op_id);
bool store_result_is_held(const struct store *st, int64_t op_id);

/*
 * store_take_waiting_slot - takes one of a route's places for those who wait, in all processes
 *
 *   fd  set on OK: close it to give the place back, which the kernel does for the dead
 *
 * Returns OK; ERR_BUSY all `places` are taken; ERR_NOMEM, ERR_SYSTEM.  Does not block.
 */
enum err store_take_waiting_slot(
	const struct store *st, const char *route, int64_t places, int *fd) MUSTCHECK;

/*
 * store_lock_settling - becomes the only one who finds out what became of an uncertain operation
 *
 *   fd  set on OK: close it to let go
 *
 * Returns OK; ERR_BUSY somebody else does; ERR_NOMEM, ERR_SYSTEM.  Does not block.
 */
enum err store_lock_settling(const struct store *st, int64_t op_id, int *fd) MUSTCHECK;

#endif
