/* SPDX-License-Identifier: ISC */
/*
 * store/clock.h - the store's clock: what time it is for all that expires
 *
 * The wall clock of a machine can be wrong, for a second or for a month, and a claim that believes
 * it frees keys whose time has not come.  So a store has a clock of its own.  It follows the wall
 * clock, never goes back, and believes a jump forward of more than a day only after the wall clock
 * has stayed there for a day of monotonic time.  In the meantime, and while the wall clock is
 * behind, it goes on at the pace of the monotonic clock.
 *
 * An engine keeps its state with the store and gives it to store_clock_move() before each use.
 */
#ifndef RETRYSAFE_STORE_CLOCK_H
#define RETRYSAFE_STORE_CLOCK_H

#include <stdint.h>

#define STORE_CLOCK_DAY_MS INT64_C(86400000)
/* The largest jump that is believed at once: a day, and a minute because two readings are never of
 * the same moment. */
#define STORE_CLOCK_JUMP_MS (STORE_CLOCK_DAY_MS + 60000)
/* Between two readings the wall clock may have been somewhere else: so much of the time between
 * them counts as evidence at most. */
#define STORE_CLOCK_SEEN_MS INT64_C(3600000)

/* The clocks of the machine. */
struct clock_reading {
	int64_t wall_ms;
	int64_t boot_ms; /* since the machine started; goes on while it is suspended */
	int64_t boot_id; /* of the boot and the time namespace: boot_ms of two have nothing in
			    common */
};

/* The state: all of it is stored. */
struct store_clock {
	int64_t now_ms;          /* the store's time at the last reading */
	struct clock_reading at; /* that reading */
	int64_t ahead_ms;        /* how far the wall clock was ahead when a jump that is not
				    believed was first seen; 0: there is none */
	int64_t lasted_ms;       /* for how long that jump has been seen since */
};

/* Neither fails nor blocks. */
struct clock_reading store_clock_read(void);

/* A new store's clock begins at the wall clock's time. */
struct store_clock store_clock_start(const struct clock_reading *r);

/* Moves the clock to a reading and returns the store's time in milliseconds, which is c->now_ms. */
int64_t store_clock_move(struct store_clock *c, const struct clock_reading *r);

#endif
