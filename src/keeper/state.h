/* SPDX-License-Identifier: ISC */
/*
 * keeper/state.h - what the keeper holds: its clients and their runs; private to the keeper
 */
#ifndef RETRYSAFE_KEEPER_STATE_H
#define RETRYSAFE_KEEPER_STATE_H

#include "base/spool.h"
#include "keeper/launch.h"
#include "keeper/protocol.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum phase { PHASE_READY, PHASE_RUNNING, PHASE_ENDED };

/* A run; its states and rules stand at the head of keeper/keeper.c. */
struct child {
	struct child *next;
	struct client *client; /* NULL: nobody waits for it any more */
	enum phase phase;
	struct order *order;           /* with the strings behind it; owned */
	struct order_strings strings;  /* in it; argv and env are owned arrays */
	int in_fd, out_fd, witness_fd; /* what the script gets as 0; as 1 when passed through */
	int read_fd, stderr_fd;        /* our ends of its output and error output */
	int64_t logged;                /* bytes of its error output that nobody but the log got */
	char *output;                  /* the first ORDER_INLINE_MAX bytes */
	struct spool rest;             /* all of it, once it is longer */
	int64_t output_len;
	int errors_left; /* bytes of its error output that were there when it ended */
	struct launch launch;
	pid_t pid;
	int wait_status;
	bool has_failed; /* READY, and not to be started any more: that failed */
	bool has_exited, is_timed_out, is_output_lost;
	bool is_taken_over; /* a child of ours records it; whoever waits may still do it first */
	int64_t start_us, end_us;
	int64_t deadline_us, kill_us; /* INT64_MAX: none */
	int64_t take_over_us;         /* the gateway should have recorded its end; INT64_MAX: no */
	int64_t retry_us; /* what could not be done is tried again then; INT64_MAX: nothing */
};

/* One thread of the gateway, as the keeper sees it. */
struct client {
	struct client *next;
	int fd;
	int lazy_fd; /* read when something else is a reason to: see keeper/protocol.h */
	struct child *child;
	bool is_full; /* it did not take our last message: wait until it can be written */
};

struct keeper {
	int control_fd; /* -1: the gateway is gone */
	int signal_fd;
	struct client *clients;
	struct child *children;
	bool must_reap; /* the kernel could not say who has ended: ask again */
};

#endif
