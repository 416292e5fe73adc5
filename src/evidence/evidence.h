/* SPDX-License-Identifier: ISC */
/*
 * evidence/evidence.h - what lives of an operation's runs
 *
 * The answers are of this host and this boot.  Where something cannot be asked, it counts as alive.
 */
#ifndef RETRYSAFE_EVIDENCE_EVIDENCE_H
#define RETRYSAFE_EVIDENCE_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LIVING_NAMED 16 /* processes that are named */

/* A process that lives. */
struct living {
	pid_t pid;
	char name[16];    /* as ps(1) shows it; a script can choose it */
	const char *what; /* "the script", "the policy's command", "started by it", ... */
};

struct evidence {
	bool script_lives;   /* the process that was started as the script */
	bool anything_lives; /* that, or what it started, or a policy's command, or what that
				started; also when it cannot be found out */
	size_t n;            /* processes that were found; the first LIVING_NAMED are named */
	struct living living[LIVING_NAMED];
	char unknown[320]; /* what could not be found out; "": everything was */
};

/*
 * evidence_look - looks for all that lives of an operation's runs
 *
 *   spool      of the store
 *   id, nonce  of the operation
 *   ref        their text
 *   out        always set
 *
 * Blocks while it reads /proc.
 */
void evidence_look(
	const char *spool, int64_t id, int64_t nonce, const char *ref, struct evidence *out);

/* What lives, as a phrase: "process 12 (perl), process 13 (sleep)"; or what is unknown. */
void evidence_text(const struct evidence *e, char *buf, size_t size);

#endif
