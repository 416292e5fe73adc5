/* SPDX-License-Identifier: ISC */
/*
 * base/blocked.h - a thread says when it waits for something outside of the process
 *
 * A thread that waits for a client, a script or another process needs no processor.  The pool that
 * started it is told, so that it lets another thread work meanwhile.
 */
#ifndef RETRYSAFE_BASE_BLOCKED_H
#define RETRYSAFE_BASE_BLOCKED_H

#include <stdbool.h>

/* Calls hook(arg, true) when this thread begins to wait, and hook(arg, false) when it goes on;
 * NULL: no longer.  Both are borrowed. */
void blocked_set_hook(void (*hook)(void *arg, bool is_blocked), void *arg);

/* Around a call that may wait long.  Does nothing in a thread without a hook.  errno stays as it
 * is. */
void blocked_begin(void);
void blocked_end(void);

#endif
