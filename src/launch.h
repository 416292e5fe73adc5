/* SPDX-License-Identifier: ISC */
/*
 * launch.h - starts one program: descriptors 0, 1 and 2, a directory, a session of its own, limits
 */
#ifndef RETRYSAFE_LAUNCH_H
#define RETRYSAFE_LAUNCH_H

#include "config.h"

#include <sys/types.h>

/* Everything is borrowed. */
struct launch {
	const struct limits *limits;
	const char *dir;
	char **argv, **env;
	int fds[3]; /* all of them 3 or more */
};

/*
 * launch_prepare - once in a process that is to launch programs, before it has threads
 *
 * Blocks all signals and lets none be handled or ignored, so that no program starts with one that
 * is.  What would send SIGPIPE or SIGXFSZ only fails from then on.
 */
void launch_prepare(void);

/*
 * launch - starts it, with no signal blocked; one thread of a process may call it
 *
 * Returns 0, the program runs and *pid is to be waited for; or an errno: nothing was started.
 * Blocks until the program has been loaded.
 */
int launch(const struct launch *s, pid_t *pid);

#endif
