/* SPDX-License-Identifier: ISC */
/*
 * gateway/waiting.h - waiting for the end of an operation that another thread or process runs
 *
 * A thread that runs an operation registers it, and when it leaves, all waiters of this process for
 * that operation wake at once.  An operation that is run elsewhere, by another process or by the
 * keeper alone, is read from the store every WAITING_LOOK_MS.
 *
 * Does not know: what the operation is, and whether it has ended.
 */
#ifndef RETRYSAFE_GATEWAY_WAITING_H
#define RETRYSAFE_GATEWAY_WAITING_H

#include "base/err.h"
#include "store/store.h"

#include <poll.h>

#define WAITING_LOOK_MS 25

/* One operation that a thread of this process runs; on that thread's stack. */
struct running {
	int64_t op_id;
	struct running *next;
};
/* Registers an operation that this thread runs; a is borrowed until waiting_leave().  Never fails.
 */
void waiting_register(struct running *a, int64_t op_id);
/* It is over, or the keeper's alone from now on; those who wait look again.  May be called twice.
 */
void waiting_leave(struct running *a);

/* One thread that waits; on its stack. */
struct waiting {
	int64_t op_id;
	int64_t until_us; /* clock_mono_us() */
	int place_fd;     /* one of the places that max_waiters allows */
	int event_fd;
	struct waiting *next;
};

/*
 * waiting_for_end - waits until a run of this process has ended, or for WAITING_END_MS: runs of
 * other processes end without a word
 *
 * until_us  clock_mono_us()
 *
 * One end wakes one of the threads that wait.  Returns false when the time is over.  Blocks.
 */
#define WAITING_END_MS 100
bool waiting_for_end(int64_t until_us);

/*
 * waiting_begin - takes a place to wait at
 *
 *   places  how many there are for the route, in all processes
 *
 * Returns OK, waiting_end() it; ERR_BUSY all places are taken; ERR_NOMEM, ERR_SYSTEM.
 */
enum err waiting_begin(struct waiting *w, const struct store *st, const struct operation *op,
	int64_t places, int64_t wait_ms) MUSTCHECK;

/*
 * waiting_pause - blocks until it is worth looking at the operation again
 *
 *   stop  for poll(2): what they report ends the wait
 *
 * False: the time is over, or `stop` ended it.
 */
bool waiting_pause(struct waiting *w, const struct pollfd stop[2]);

/* Gives the waiting slot back, and closes what waiting_begin() opened. */
void waiting_end(struct waiting *w);

#endif
