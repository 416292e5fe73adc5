/* SPDX-License-Identifier: ISC */
/*
 * keeper/state.h - what the keeper holds: its clients and their runs; private to the keeper
 */
#ifndef RETRYSAFE_KEEPER_STATE_H
#define RETRYSAFE_KEEPER_STATE_H

#include "base/spool.h"
#include "evidence/processes.h"
#include "keeper/launch.h"
#include "keeper/protocol.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum phase { PHASE_READY, PHASE_RUNNING, PHASE_ENDED };

/* A run; its states and rules are at the head of keeper/keeper.c. */
struct child {
	struct child *next;
	struct client *client; /* NULL: no client waits for it any more */
	enum phase phase;
	struct order *order;           /* with the strings behind it; owned */
	struct order_strings strings;  /* in it; argv and env are owned arrays */
	int in_fd, out_fd, witness_fd; /* the script's 0; its 1, of a pass-through run; -1: none */
	int read_fd, stderr_fd;        /* our ends of its output and error output */
	int64_t logged;                /* bytes of its error output that went to the log alone */
	char *output;                  /* the first ORDER_INLINE_MAX bytes */
	struct spool rest;             /* all of it, once it is longer */
	int64_t output_len;
	bool is_without_disk; /* the spool took no more: `rest` is in memory */
	bool is_cut;          /* ... and holds only the beginning of the output */
	int errors_left;      /* bytes of its error output that were there when it ended */
	struct launch launch;
	pid_t pid;
	int wait_status;
	bool has_failed; /* READY, and its start has failed: it is not started again */
	bool has_exited, is_timed_out, is_output_lost;
	bool is_collected;  /* has_exited, and what is left of it has not been looked for yet */
	bool is_taken_over; /* a recorder has been started; the gateway may still be first */
	bool is_recorded;   /* a recorder has ended well */
	pid_t recorder_pid; /* 0: none works now */
	int records_failed; /* recorders that did not end well */
	struct run_table *table; /* its row is there; NULL: it has none */
	int64_t start_us, end_us;
	int64_t deadline_us, kill_us; /* INT64_MAX: none */
	int64_t take_over_us; /* the gateway should have recorded its end by then; INT64_MAX: no */
	int64_t retry_us;     /* when to try again what could not be done; INT64_MAX: nothing */
};

/* The processes that are left of a run whose script has ended: keeper/living.c. */
struct remains {
	struct remains *next;
	struct run_table *table; /* as in struct child */
	int64_t row_at;
	struct run_row row;
	uint64_t mark;
	char ref[REF_LEN + 1]; /* "": it has no operation */
	int64_t kill_us;       /* when it is killed; INT64_MAX: it is not */
	bool needs_us;         /* without us, not all of it would be found */
	bool is_told;          /* the log names what cannot be killed */
};

/* An open run table. */
struct keeper_table {
	struct keeper_table *next;
	struct run_table *table;
	char spool[];
};

/* One thread of the gateway, as the keeper sees it. */
struct client {
	struct client *next;
	int fd;
	int lazy_fd; /* deferred messages: keeper/protocol.h */
	struct child *child;
	bool is_full; /* no room for our last message: wait until it can be written */
};

enum answer { NOT_ASKED = 0, NO, YES };

/* What one pass through the runs has read from /proc, for all of them; keeper/living.c. */
struct pass {
	bool has_read;
	bool has_failed; /* /proc could not be read */
	struct processes all;
	enum answer has_adopted; /* are there children that the keeper did not start? */
	enum answer has_hidden;  /* of them, such that are not in `all`? */
};

struct keeper {
	int control_fd; /* -1: the gateway is gone */
	int signal_fd;
	struct client *clients;
	struct child *children;
	bool must_reap; /* waitid(2) failed: call it again */
	struct keeper_table *tables;
	struct remains *remains;
	struct pass pass;
	int64_t look_us;  /* when to look what is left; INT64_MAX or 0: not */
	int64_t n_passed; /* runs without an operation, for their marks */
};

#endif
