/* SPDX-License-Identifier: ISC */
/*
 * store/clock.c - the store's clock: what time it is for all that expires
 *
 *     the wall clock is          the store's clock
 *     behind it                  goes on at the pace of the monotonic clock
 *     up to a day ahead          takes the wall clock's time
 *     more than a day ahead      goes on at the pace of the monotonic clock, and takes the wall
 *                                clock's time after it has seen it there for a day
 *
 * RULES
 *   (1) It never goes back (unit/store_clock).
 *   (2) A jump forward of more than a day is believed after a day of monotonic time, of which the
 *       time between two readings counts for an hour at most; a reading without the jump ends it
 *       (unit/store_clock, t35-clock).
 *   (3) Within one boot of the machine as much time passes as its monotonic clock says.  Over a
 *       restart none passes but by the wall clock being ahead: a clock that is wrong at each start
 *       for a while must not add its error each time (unit/store_clock).
 *   (4) A process in another time namespace, whose monotonic clock is another, counts as one of
 *       another boot (unit/store_clock, t35-clock).
 *
 * Does not know: where its state is kept (store/sqlite/clock.c), and what expires.
 */
#include "store/clock.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>

static int64_t monotonic_clock_id;

static void name_monotonic_clock(void)
{
	struct stat sb;

	monotonic_clock_id = clock_boot_id();
	/* Where the kernel has no such namespaces, there is one. */
	if (monotonic_clock_id != 0 && stat("/proc/self/ns/time", &sb) == 0)
		monotonic_clock_id ^= (int64_t)sb.st_ino << 20;
}

struct clock_reading store_clock_read(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, name_monotonic_clock);
	return (struct clock_reading){clock_wall_ms(), clock_since_boot_ms(), monotonic_clock_id};
}

struct store_clock store_clock_start(const struct clock_reading *r)
{
	return (struct store_clock){.now_ms = r->wall_ms, .at = *r};
}

/* Time that has certainly passed since the last reading. */
static int64_t passed_ms(const struct store_clock *c, const struct clock_reading *r, bool same_boot)
{
	int64_t ms = same_boot ? r->boot_ms - c->at.boot_ms : 0;

	return ms < 0 ? 0 : ms;
}

int64_t store_clock_move(struct store_clock *c, const struct clock_reading *r)
{
	bool same_boot = r->boot_id != 0 && r->boot_id == c->at.boot_id;
	int64_t passed = passed_ms(c, r, same_boot), ahead;

	c->now_ms += passed;
	c->at = *r;
	ahead = r->wall_ms - c->now_ms;
	if (ahead > STORE_CLOCK_JUMP_MS) {
		if (c->ahead_ms == 0 || llabs(ahead - c->ahead_ms) > STORE_CLOCK_JUMP_MS) {
			c->ahead_ms = ahead;
			c->lasted_ms = 0;
		} else if (same_boot) {
			c->lasted_ms += passed < STORE_CLOCK_SEEN_MS ? passed : STORE_CLOCK_SEEN_MS;
		}
		if (c->lasted_ms < STORE_CLOCK_DAY_MS)
			return c->now_ms;
	}
	if (ahead > 0)
		c->now_ms = r->wall_ms;
	c->ahead_ms = c->lasted_ms = 0;
	return c->now_ms;
}
