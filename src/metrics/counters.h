/* SPDX-License-Identifier: ISC */
/*
 * metrics/counters.h - counts outcomes of requests since installation, and learns run times
 *
 * All processes map one small file of the spool directory and count there, without a lock and
 * without a write to the store: in all, and for each of the first routes that are seen.  A power
 * cut may lose the last counts.  Counting never fails: where there is no file, or it cannot be
 * written, counts are lost.
 */
#ifndef RETRYSAFE_METRICS_COUNTERS_H
#define RETRYSAFE_METRICS_COUNTERS_H

#include "metrics/run_times.h"

#include <stdbool.h>
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
	COUNTER_PREVENTED, /* requests that would have been one more run without us */
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
/* Maps them to be read only; a file that is not there is not made: NULL. */
struct counters *counters_open_read(const char *spool);
/* Unmaps the counters and sets *c to NULL. */
void counters_close(struct counters **c);
/* Adds 1, and reads.  Neither blocks nor fails; both may be called by any thread. */
void counters_add(struct counters *c, enum counter which);
int64_t counters_get(const struct counters *c, enum counter which);

/* counters_add(), for the route as well; NULL: of no route. */
void counters_add_route(struct counters *c, const char *route, enum counter which);

/* Counts a run of the route, and adds its duration, in microseconds, to the route's moving average
 * in the file. */
void counters_learn(struct counters *c, const char *route, int64_t run_us);
/* The moving average of the route's run times, in ms; -1: none is known. */
int64_t counters_expect(const struct counters *c, const char *route);

/* The counts of one route. */
#define COUNTERS_NAME_MAX 255 /* bytes of a route's name that are kept */
struct route_counts {
	char name[COUNTERS_NAME_MAX + 1]; /* "": all routes for which there was no room */
	bool is_rest;                     /* it is that one */
	int64_t count[COUNTER__MAX];
	int64_t runs, run_us; /* runs that ended, and the sum of their durations */
	int64_t n[RUN_TIMES_CLASSES];
};

/* Calls `each` for each route of which something was counted; it returns false to stop. */
void counters_routes(
	const struct counters *c, bool (*each)(const struct route_counts *r, void *arg), void *arg);

/* Since when counts are complete, all as wall_ms. */
struct counters_age {
	int64_t since_ms; /* routes, and COUNTER_PREVENTED, are counted since then; 0: they are not,
			     by this program: it found nothing, or another version's file */
	int64_t restarted_ms; /* the last start of the machine since then, 0: none.  If power failed
				 before, the counts of its last minute may be missing */
};
void counters_age(const struct counters *c, struct counters_age *out);

/* Is it an answer to a request whose script was not run for want of something? */
bool counter_is_problem(enum counter which);

/* "first", "replayed", ...; static. */
const char *counter_name(enum counter which);

#endif
