/* SPDX-License-Identifier: ISC */
/*
 * metrics/counters.h - how often what happened, since installation
 *
 * Counted without a lock and without a write to the store: in a small file of the spool directory
 * that all processes map.  Good for a picture of what goes on; a loss of power may lose the last
 * counts.  Counting never fails: what cannot be counted is not.
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
	COUNTER_STILL_UNCERTAIN, /* callers who were told that it is */
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
	COUNTER_WAITED,   /* callers who got the result of a run by waiting for it */
	COUNTER_RELEASED, /* runs that let go of their key */
	COUNTER_DUPLICATE,
	COUNTER_OVERLOADED,
	COUNTER__MAX
};

struct counters;

/* The counters of a spool directory; NULL when there are none, which every function accepts. */
struct counters *counters_open(const char *spool);
void counters_close(struct counters **c);
void counters_add(struct counters *c, enum counter which);
int64_t counters_get(const struct counters *c, enum counter which);

/* How long a run of the route took; remembered as a moving average, by all processes together. */
void counters_learn(struct counters *c, const char *route, int64_t run_ms);
/* How long one probably takes; -1: not known. */
int64_t counters_expect(const struct counters *c, const char *route);

/* "first", "replayed", ...; static. */
const char *counter_name(enum counter which);

#endif
