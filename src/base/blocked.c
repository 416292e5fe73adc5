/* SPDX-License-Identifier: ISC */
/*
 * base/blocked.c - the hook of a thread that waits
 *
 * Does not know: who counts the threads, and what they wait for.
 */
#include "base/blocked.h"

#include <errno.h>
#include <stddef.h>

static _Thread_local struct {
	void (*call)(void *arg, bool is_blocked);
	void *arg;
} hook;

void blocked_set_hook(void (*call)(void *arg, bool is_blocked), void *arg)
{
	hook.call = call;
	hook.arg = arg;
}

static void tell(bool is_blocked)
{
	int saved_errno = errno;

	if (hook.call)
		hook.call(hook.arg, is_blocked);
	errno = saved_errno;
}

void blocked_begin(void)
{
	tell(true);
}

void blocked_end(void)
{
	tell(false);
}
