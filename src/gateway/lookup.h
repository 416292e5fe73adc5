/* SPDX-License-Identifier: ISC */
/*
 * gateway/lookup.h - what the store knows about the key of a request, and the answer to a retry
 */
#ifndef RETRYSAFE_GATEWAY_LOOKUP_H
#define RETRYSAFE_GATEWAY_LOOKUP_H

#include "gateway/request.h"

/* Step `lookup`: opens the store, and answers a retry. */
enum next lookup_request(struct request *r);

/* Tells what is known about r->op's identity.  NEXT: nothing is. */
enum next lookup_answer(struct request *r);

/* Another operation has the natural key; the answer of the original is only for the same principal.
 */
enum next lookup_answer_duplicate(struct request *r);

#endif
