/* SPDX-License-Identifier: ISC */
/*
 * keeper/child.h - one run in the keeper's hands: start the script, read it, see its end; private
 * to the keeper
 */
#ifndef RETRYSAFE_KEEPER_CHILD_H
#define RETRYSAFE_KEEPER_CHILD_H

#include "keeper/state.h"

#include <stdint.h>

/* Takes an order that came over `client`; fds are owned.  One that cannot be kept is answered
 * FAILED.
 */
void child_accept(struct keeper *k, struct client *client, const char *buf, size_t len, int fds[2]);

/* Begins to start the script of a READY run.  Where that cannot be done it answers FAILED, at once
 * or when the process that should have become the script has ended. */
void child_start(struct keeper *k, struct child *c);

/* The channel can be written again: goes on with an end that could not be told. */
void child_report(struct keeper *k, struct child *c);

/* Collects the scripts that have ended. */
void child_reap(struct keeper *k);

/* Nobody waits for it any more, or the gateway could not record it: what is protected is recorded
 * by a child of ours. */
void child_leave(struct keeper *k, struct child *c);

/* It is recorded, or was never claimed. */
void child_forget(struct keeper *k, struct child *c);

/* When child_tick() has to be called next, by clock_mono_us(); INT64_MAX: never. */
int64_t child_due(const struct child *c);
/* Enforces time limits and tries again what failed.  May free c. */
void child_tick(struct keeper *k, struct child *c, int64_t now_us);

/* Closes everything from descriptor 3 on but the n in `keep`. */
void child_close_all_but(const int *keep, int n);

#endif
