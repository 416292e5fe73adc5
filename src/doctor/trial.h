/* SPDX-License-Identifier: ISC */
/*
 * doctor/trial.h - one POST sent twice with one key, and what the two answers prove
 */
#ifndef RETRYSAFE_DOCTOR_TRIAL_H
#define RETRYSAFE_DOCTOR_TRIAL_H

#include "doctor/exchange.h"

enum verdict {
	VERDICT_PROTECTED,     /* one run at most: the second answer says so */
	VERDICT_NOT_PROTECTED, /* two runs */
	VERDICT_REFUSED,       /* retrysafe let nothing run, with both */
	VERDICT_UNKNOWN,       /* the answers prove nothing */
	VERDICT__MAX
};

struct trial {
	const char *url;
	char *body;
	struct curl_slist *fields; /* the client's own, and the key's */
	char key[40];
	struct exchange first, retry;
	enum verdict verdict;
	const char *text; /* what the answers mean, in a line; static */
	const char *fix;  /* what to do about it; static, or NULL */
};

/*
 * trial_run - sends the request, sends it again, and judges
 *
 * A retry that is told that the first request still runs is sent again, for TRIAL_WAIT_S at most.
 * Returns like exchange_post().  Blocks.
 */
#define TRIAL_WAIT_S 60
enum err trial_run(struct trial *t) MUSTCHECK;

/* "protected", "not-protected", "refused", "unknown"; static. */
const char *verdict_name(enum verdict v);

/* trial_run()'s judgement of two answers that are there. */
void trial_judge(struct trial *t);

/* The suffix of the problem's type (urn:retrysafe:problem:SUFFIX) that the answer is, in buf; NULL:
 * it is none of ours. */
const char *trial_problem(const struct exchange *x, char *buf, size_t size);

/* Prints the verdict, both answers side by side, and what to do; or one JSON object. */
void trial_show(const struct trial *t);
void trial_show_json(const struct trial *t);

#endif
