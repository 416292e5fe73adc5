/* SPDX-License-Identifier: ISC */
/*
 * evidence/run_row.h - one run in the run table, and the mark of its processes
 */
#ifndef RETRYSAFE_EVIDENCE_RUN_ROW_H
#define RETRYSAFE_EVIDENCE_RUN_ROW_H

#include <stdbool.h>
#include <stdint.h>

#define RUN_ROW_BYTES 128

/* A run, named by its operation. */
struct run_name {
	int64_t op_id, op_nonce;
	int64_t attempt;
	bool is_command; /* a policy's command, not the script */
};

/* A row as it is in the file; all zero: free. */
struct run_row {
	/* By the keeper, before the process exists. */
	int64_t op_id, op_nonce;
	int64_t attempt;
	int64_t kind;
	int64_t boot_id;          /* clock_boot_id() */
	uint64_t pid_ns, time_ns; /* inodes of /proc/self/ns/pid and .../time; 0: not known */
	int64_t keeper_pid;
	int64_t made_after_ns; /* run_row_clock_ns() */
	uint64_t sum;          /* over all that stands before it */
	/* By the process itself; it leads a session and a group of this number. */
	int64_t pid;
	int64_t made_before_ns; /* run_row_clock_ns() */
	int64_t spare[4];
};
_Static_assert(sizeof(struct run_row) == RUN_ROW_BYTES, "rows do not cross a page");

enum run_kind { RUN_KIND_SCRIPT = 1, RUN_KIND_COMMAND };

/*
 * run_row_mark - the mark of a run's processes: a soft limit on the time of real-time processes
 * (RLIMIT_RTTIME) of more than 100,000 years, which limits nothing
 *
 * A process hands its limits on to whatever it starts, across sessions, environments and users,
 * and /proc/PID/limits shows them to everybody.  All runs of one operation have one mark.
 */
uint64_t run_row_mark(int64_t op_id, int64_t op_nonce);
/* Is it a mark at all? */
bool run_row_is_mark(uint64_t limit);

/* Nanoseconds since the machine was started, in this process's time namespace: the clock of start
 * times in /proc/PID/stat. */
int64_t run_row_clock_ns(void);

#endif
