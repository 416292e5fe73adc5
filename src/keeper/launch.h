/* SPDX-License-Identifier: ISC */
/*
 * keeper/launch.h - starts one program: descriptors 0, 1 and 2, a directory, a session of its own,
 * limits
 */
#ifndef RETRYSAFE_KEEPER_LAUNCH_H
#define RETRYSAFE_KEEPER_LAUNCH_H

#include "base/settings.h"
#include "evidence/run_table.h"

#include <sys/types.h>

#define LAUNCH_STACK  8192 /* bytes */
#define LAUNCH_FAILED 127  /* the exit status of a process that did not become the program */

/* What to start.  It stays where it is, and what it borrows too, until the process has ended. */
struct launch {
	const struct limits *limits; /* borrowed, as all of these */
	const char *dir;
	char **argv, **env;
	int fds[3];     /* all of them 3 or more; may be closed when launch() has returned */
	bool has_umask; /* else ours */
	unsigned umask;
	uint64_t mark;       /* run_row_mark(); 0: none */
	int table_fd;        /* of the run table, where it writes its row; 3 or more; -1: nowhere */
	int64_t row_at;      /* the row's offset there */
	struct run_row row;  /* run_table_fill() has filled it; the process adds the rest */
	volatile int failed; /* when the process has ended: an errno, nothing was started; or 0 */
	_Alignas(16) char stack[LAUNCH_STACK];
};

/*
 * launch_prepare - once in a process that is to launch programs, before it has threads
 *
 * Blocks all signals and sets each to its default, so that no program starts with one that is
 * handled or ignored.  Raises this process's soft limit of open files; programs start with the one
 * that there was.  From then on a call that would raise SIGPIPE or SIGXFSZ only fails.
 */
void launch_prepare(void);

/*
 * launch - starts it, with no signal blocked
 *
 * Returns 0, and *pid is to be waited for; or an errno: nothing was started.  Does not wait until
 * the program has been loaded: whether it could be is known when the process has ended.
 */
int launch(struct launch *s, pid_t *pid);

#endif
