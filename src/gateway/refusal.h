/* SPDX-License-Identifier: ISC */
/*
 * gateway/refusal.h - the answer when a request does not get a script's answer
 */
#ifndef RETRYSAFE_GATEWAY_REFUSAL_H
#define RETRYSAFE_GATEWAY_REFUSAL_H

#include "gateway/request.h"
#include "http/problem.h"
#include "metrics/counters.h"

/*
 * refusal_send - answers with a problem, as JSON or as a page, and counts it
 *
 *   problem        counted as the table in refusal_send() says
 *   detail         what happened, one sentence; NULL: the problem's own; borrowed
 *   found          the operation that the answer is about, whose ref and state it shows; or NULL;
 *                  borrowed
 *   retry_after_s  seconds, for Retry-After; 0: none
 *
 * Reads the rest of the body first, writes the request's line to the log, then sends.  Where there
 * is no memory for an answer, the connection is broken off and the log says "unanswered".  Returns
 * FINISHED.  Blocks: up to a minute for the body, then until the server has taken the answer.
 */
enum next refusal_send(struct request *r, enum problem problem, const char *detail,
	const struct operation *found, int retry_after_s);

/* refusal_send(), but counted as something else than the table says. */
enum next refusal_send_as(struct request *r, enum problem problem, enum counter counter,
	const char *detail, const struct operation *found, int retry_after_s);

/*
 * refusal_store_failed - the store failed before anything was run: store-unavailable, in 5 seconds
 *
 *   e  what the store's function returned; its err_text() goes to the log, not to the client
 *
 * After ERR_BROKEN and ERR_SYSTEM the next request opens the store anew.  Returns FINISHED.  Blocks
 * like refusal_send().
 */
enum next refusal_store_failed(struct request *r, enum err e);

/*
 * refusal_not_started - the program could not be started, for the reason of an errno
 *
 * One that passes is script-not-started (503), in a second; one that an operator has to mend is
 * configuration (500); both are counted as not started.  Returns FINISHED.  Blocks like
 * refusal_send().
 */
enum next refusal_not_started(struct request *r, int failed);

/*
 * refusal_failed - something else failed before anything was run: overloaded after ERR_NOMEM and
 * ERR_FULL, else script-not-started, in 5 seconds; counted as not started
 *
 * err_text() goes to the log, not to the client.  Returns FINISHED.  Blocks like refusal_send().
 */
enum next refusal_failed(struct request *r, enum err e);

#endif
