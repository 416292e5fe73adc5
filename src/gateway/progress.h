/* SPDX-License-Identifier: ISC */
/*
 * gateway/progress.h - what a caller gets while an operation is still being carried out
 */
#ifndef RETRYSAFE_GATEWAY_PROGRESS_H
#define RETRYSAFE_GATEWAY_PROGRESS_H

#include "gateway/request.h"
#include "operation/claim.h"

/* Reads the header field Prefer (RFC 7240) into r->prefer, where the route allows it. */
void progress_read_preference(struct request *r);
/*
 * progress_answer - answers that an operation is running: 202 or 409, where it is, and when to ask
 * again
 *
 *   found  &r->op for the first caller; else r->found
 *
 * Returns FINISHED.  Blocks like refusal_send().
 */
enum next progress_answer(struct request *r, const struct operation *found);

/* Until when the first caller waits for its script, clock_mono_us(); 0: to its end; -1: not at all.
 */
int64_t progress_patience_us(const struct request *r);

/*
 * progress_wait - waits for the end of r->found, where the route or the client wants that
 *
 *   lookup   reads r->found anew, and what is to be said of it
 *   verdict  set by lookup; untouched where nothing is waited for
 *
 * Blocks until lookup says something else than VERDICT_IN_PROGRESS, or the time is over, or the
 * client has left, or the gateway has to leave.  Returns OK or lookup's errors.
 */
enum err progress_wait(struct request *r,
	enum err (*lookup)(struct request *r, enum verdict *verdict),
	enum verdict *verdict) MUSTCHECK;

#endif
