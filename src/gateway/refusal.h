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
 * refusal_send - answers with a problem
 *
 *   detail         what happened, or NULL: the problem's own sentence
 *   found          the operation that it is about, or NULL
 *   retry_after_s  0: none
 *
 * The body has been read to its end before the answer is sent.  Returns FINISHED.
 */
enum next refusal_send(struct request *r, enum problem problem, enum counter counter,
	const char *detail, const struct operation *found, int retry_after_s);

/* The store failed (e, err_text()) before anything was run.  Returns FINISHED. */
enum next refusal_store_failed(struct request *r, enum err e);

/* Something else failed before anything was run.  Returns FINISHED. */
enum next refusal_failed(struct request *r, enum err e);

#endif
