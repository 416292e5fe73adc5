/* SPDX-License-Identifier: ISC */
/*
 * server/workers.h - the threads of a FastCGI gateway
 */
#ifndef RETRYSAFE_SERVER_WORKERS_H
#define RETRYSAFE_SERVER_WORKERS_H

#include "cgi/listener.h"

/* How many threads a gateway has at most. */
struct worker_limits {
	int n_working; /* that work at the same time */
	int n_open;    /* in all, with those that wait for a client, a script or another process */
};

/*
 * workers_run - serves FastCGI requests until a signal says to leave
 *
 *   l            taken over: its stop_fd is used here
 *   control_fd   keeper_start()'s
 *   config_path  --config, or NULL
 *   limits       borrowed; threads are started as they are needed
 *
 * TERM, INT and USR1 end it: idle threads leave at once, a request whose script runs is answered
 * "in progress" and left to the keeper, and what passes through gets a few seconds.
 * Returns ERR_GONE when the keeper has died: nothing can be started any more, the program should
 * start over; else OK.  Blocks.
 */
enum err workers_run(struct listener *l, int control_fd, const char *config_path,
	const struct worker_limits *limits) MUSTCHECK;

/* Signals for a gateway, before its first thread: a lost client or a full quota is an error, not an
 * end. */
void workers_ignore_signals(void);

/* The same; and TERM, INT, USR1 and HUP are blocked, for workers_run() to read. */
void workers_block_signals(void);

#endif
