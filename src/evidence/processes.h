/* SPDX-License-Identifier: ISC */
/*
 * evidence/processes.h - the processes of this host at one moment, and which of them belong to a
 * run
 */
#ifndef RETRYSAFE_EVIDENCE_PROCESSES_H
#define RETRYSAFE_EVIDENCE_PROCESSES_H

#include "base/err.h"
#include "evidence/run_row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_REF 32 /* characters of an operation's ref */

struct process {
	pid_t pid, parent, group, session;
	int64_t start_ns; /* by run_row_clock_ns(), rounded down to the kernel's tick */
	char name[16];    /* as ps(1) shows it; a script can choose it */
	uint64_t mark;    /* run_row_mark(); 0: it has none */
	/* The operation that its environment names; "": none, or not read: a mark tells it, too. */
	char ref[PROCESS_REF + 1];
	bool belongs;                 /* to the run that was asked for */
	struct process *parent_there; /* in the list; NULL: it is not */
};

/* Processes that have ended and were not collected yet are not among them. */
struct processes {
	struct process *list; /* owned; by pid */
	size_t n;
	bool is_partial; /* /proc does not show every process, or not all of one (hidepid) */
};

/*
 * processes_read - reads /proc
 *
 *   has_refs  whether to read the environments of processes without a mark
 *   out       set on OK; processes_free() it; all zero is empty, too
 *
 * Returns OK; ERR_NOMEM, also without descriptors; ERR_SYSTEM: /proc, or a process that lives,
 * cannot be read, and nothing is known of any.  Blocks while it reads: some 20 us for each process
 * of the host.
 */
enum err processes_read(bool has_refs, struct processes *out) MUSTCHECK;
void processes_free(struct processes *all);

/* The process with this number; NULL: the list has none.  Borrowed. */
const struct process *processes_find(const struct processes *all, pid_t pid);
/* Does the row's own process live, the one that was started for it? */
bool processes_have_root(const struct processes *all, const struct run_row *row);
/* Does it, or a process of its session or group, or one that has its mark? */
bool processes_have(const struct processes *all, const struct run_row *row);

/*
 * processes_claim - sets `belongs` of each process of a run: those that have the mark or the ref,
 * the root of the row and its session and group (row and ref may be NULL), and what descends from
 * any of them
 *
 * Processes that belonged before stay so: rows are claimed one after the other.  Returns how many
 * belong.
 */
size_t processes_claim(
	struct processes *all, const struct run_row *row, uint64_t mark, const char *ref);
/* No process belongs any more. */
void processes_disclaim(struct processes *all);

/*
 * processes_adopted - is it a process whose parents have died, which the keeper has got instead,
 * and which may be of any run of that keeper?
 *
 *   keeper   a subreaper, and a session of its own
 *   from_ns  the process was started after this, by run_row_clock_ns()
 */
bool processes_adopted(const struct process *p, pid_t keeper, int64_t from_ns);

/* Sends a signal to a process if it is still the one of the list.  Returns 0 or an errno; ESRCH: it
 * has ended. */
int processes_signal(const struct process *p, int sig);

#endif
