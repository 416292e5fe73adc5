/* SPDX-License-Identifier: ISC */
/*
 * gateway/key_step.h - the key of a request
 */
#ifndef RETRYSAFE_GATEWAY_KEY_STEP_H
#define RETRYSAFE_GATEWAY_KEY_STEP_H

#include "gateway/request.h"

/*
 * key_step_find - step `key`: finds the request's key, in the first place of `key_from` that holds
 * one
 *
 * Sets r->key.  Reads the body where a place is in it.  Returns NEXT; UNPROTECTED no route protects
 * the request, or it has no key and needs none; FINISHED it has been refused.  Blocks like
 * body_read().
 */
enum next key_step_find(struct request *r);

#endif
