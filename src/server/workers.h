/* SPDX-License-Identifier: ISC */
/*
 * server/workers.h - the threads of a FastCGI gateway
 */
#ifndef RETRYSAFE_SERVER_WORKERS_H
#define RETRYSAFE_SERVER_WORKERS_H

#include "cgi/listener.h"

#include <stdbool.h>

/* How to serve, as far as it is known at the start. */
struct serving {
	int n_workers;          /* threads that work at the same time */
	int n_connections;      /* in all, with those that wait for a client, a script or another
				   process */
	char *config_path;      /* for all requests, owned; NULL: each request finds its own */
	bool needs_script_dirs; /* peers are not known by the rights to a socket file */
};

/*
 * workers_run - serves FastCGI requests until a signal says to leave
 *
 *   l            taken over: its stop_fd is used here
 *   control_fd   keeper_start()'s
 *   how          borrowed for as long as the process lives; threads are started as they are needed
 *
 * TERM, INT and USR1 end it: idle threads leave at once, a request whose script runs is answered
 * "in progress" and left to the keeper, and what passes through gets a few seconds.
 * Returns ERR_GONE when the keeper has died: nothing can be started any more, the program should
 * start over; else OK.  Blocks.
 */
enum err workers_run(struct listener *l, int control_fd, const struct serving *how) MUSTCHECK;

/* Signals for a gateway, before its first thread: a lost client or a full quota is an error, not an
 * end. */
void workers_ignore_signals(void);

/* The same; and TERM, INT, USR1 and HUP are blocked, for workers_run() to read. */
void workers_block_signals(void);

#endif
