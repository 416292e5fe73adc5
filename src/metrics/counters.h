/* SPDX-License-Identifier: ISC */
/*
 * metrics/counters.h - counts outcomes of requests since installation, and learns run times
 *
 * All processes map one small file of the spool directory and count there, without a lock and
 * without a write to the store.  A power cut may lose the last counts.  Counting never fails: where
 * there is no file, or it cannot be written, counts are lost.
 */
#ifndef RETRYSAFE_METRICS_COUNTERS_H
#define RETRYSAFE_METRICS_COUNTERS_H

#include <stdint.h>

/* In the order of the file: new ones are added at the end. */
enum counter {
	COUNTER_FIRST,
	COUNTER_REPLAYED,
	COUNTER_IN_PROGRESS,
	COUNTER_KEY_REUSED,
	COUNTER_OTHER_PRINCIPAL,
	COUNTER_UNCERTAIN,       /* runs that became uncertain */
	COUNTER_STILL_UNCERTAIN, /* answers that said that an operation is uncertain */
	COUNTER_EXPIRED,
	COUNTER_KEY_MISSING,
	COUNTER_KEY_INVALID,
	COUNTER_REQUEST_REFUSED, /* too large, incomplete, broken */
	COUNTER_NOT_STARTED,
	COUNTER_STORE_UNAVAILABLE,
	COUNTER_ABANDONED, /* the client had left before the claim */
	COUNTER_PASSED,
	COUNTER_CONFIGURATION,
	COUNTER_ACCEPTED, /* answered 202 */
	COUNTER_WAITED,   /* requests that waited for a run and got its result */
	COUNTER_RELEASED, /* runs after which the key was free again (release_on) */
	COUNTER_DUPLICATE,
	COUNTER_OVERLOADED,
	COUNTER__MAX
};

struct counters;

/*
 * counters_open - maps the counters of a spool directory
 *
 * Returns NULL when that is impossible; every function here accepts NULL and counts nothing then.
 * The first call sets a handler of SIGBUS.  The caller closes with counters_close().
 */
struct counters *counters_open(const char *spool);
/* Unmaps the counters and sets *c to NULL. */
void counters_close(struct counters **c);
/* Adds 1, and reads.  Neither blocks nor fails; both may be called by any thread. */
void counters_add(struct counters *c, enum counter which);
int64_t counters_get(const struct counters *c, enum counter which);

/* Adds the duration of a run of the route, in ms, to the route's moving average in the file. */
void counters_learn(struct counters *c, const char *route, int64_t run_ms);
/* The moving average of the route's run times, in ms; -1: none is known. */
int64_t counters_expect(const struct counters *c, const char *route);

/* "first", "replayed", ...; static. */
const char *counter_name(enum counter which);

#endif
