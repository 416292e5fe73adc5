/* SPDX-License-Identifier: ISC */
/*
 * base/fault.c - kills or stops the process at a named point, in builds for tests only
 */
#include "base/fault.h"

#ifdef RETRYSAFE_FAULTS

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void fault_point(const char *name)
{
	static atomic_int hits;
	const char *wanted = getenv("RETRYSAFE_FAULT");
	size_t len = strlen(name);
	const char *action, *nth;

	if (!wanted || strncmp(wanted, name, len) != 0 || wanted[len] != ':')
		return;
	action = wanted + len + 1;
	nth = strchr(action, ':');
	if (atomic_fetch_add(&hits, 1) + 1 != (nth ? (int)strtol(nth + 1, NULL, 10) : 1))
		return;
	raise(strncmp(action, "stop", 4) == 0 ? SIGSTOP : SIGKILL);
}

#else

/* An empty translation unit is not ISO C. */
extern int fault_is_built_out;

#endif
