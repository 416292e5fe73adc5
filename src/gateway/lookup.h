/* SPDX-License-Identifier: ISC */
/*
 * gateway/lookup.h - what the store knows about the key of a request, and the answer to a retry
 */
#ifndef RETRYSAFE_GATEWAY_LOOKUP_H
#define RETRYSAFE_GATEWAY_LOOKUP_H

#include "gateway/request.h"

/*
 * lookup_request - step `lookup`: opens the store, computes the digests of r->op, and answers a
 * retry
 *
 * Sets r->store, r->op, r->prefer, r->natural and r->webhook.  Returns NEXT: the key is free, or an
 * uncertain operation has it that may be run again (r->found); FINISHED: it has been answered.
 * Blocks on the store, and as long as the route or the client lets a caller wait.
 */
enum next lookup_request(struct request *r);

/*
 * lookup_answer - answers with what the store knows about r->op's identity
 *
 * Sets r->found and r->res.  Returns NEXT: the identity is free; FINISHED.  Blocks like
 * lookup_request().
 */
enum next lookup_answer(struct request *r);

/*
 * lookup_answer_duplicate - answers a request whose natural key another operation has
 *
 * With the result of that operation, where the route wants it and the principal is the same; else
 * with the problem `duplicate`.  Returns FINISHED.  Blocks on the store.
 */
enum next lookup_answer_duplicate(struct request *r);

#endif
