/* SPDX-License-Identifier: ISC */
/*
 * keeper/living.h - a run's row in the run table, and what is left of it after its script; private
 * to the keeper
 */
#ifndef RETRYSAFE_KEEPER_LIVING_H
#define RETRYSAFE_KEEPER_LIVING_H

#include "keeper/state.h"

#include <stdint.h>

/*
 * living_start - once in a keeper, before it starts anything: gives up the mark of the run that may
 * have started its gateway
 */
void living_start(void);

/*
 * living_begin - takes a row for a run that is about to be launched, and fills in c->launch's part
 *
 * A run without an operation has no row.  Returns 0; or an errno: it must not be launched.
 */
int living_begin(struct keeper *k, struct child *c);
/* The run is over, or was not launched: frees its row, unless living_end() has kept it. */
void living_forget(struct child *c);

/*
 * living_end - its script has ended and has been collected: does anything that it started live?
 *
 * After a script that ended well the keeper does not ask.  After any other, and after its time
 * limit, the keeper watches the processes that are left, and keeps their row, until they have
 * ended. Blocks while it reads /proc, only where the keeper has got children that it did not start.
 */
void living_end(struct keeper *k, struct child *c);

/* Sends a signal to all that belongs to a run, its script included.  Blocks like living_end(). */
void living_signal(struct keeper *k, const struct child *c, int sig);

/* A child that the keeper did not start has ended: what is left may be less. */
void living_lost_one(struct keeper *k);
/* When living_tick() has to be called next, by clock_mono_us(); INT64_MAX: never. */
int64_t living_due(const struct keeper *k);
void living_tick(struct keeper *k, int64_t now_us);
/* A pass through the runs is over: all that it looked at was read from /proc once, and the next
 * pass reads it anew.  No process is collected within a pass. */
void living_end_pass(struct keeper *k);
/* Is there anything that no other process would find without the keeper, or that it has to kill? */
bool living_needs_keeper(const struct keeper *k);

#endif
