/* SPDX-License-Identifier: ISC */
/*
 * gateway/key_step.h - the key of a request
 */
#ifndef RETRYSAFE_GATEWAY_KEY_STEP_H
#define RETRYSAFE_GATEWAY_KEY_STEP_H

#include "gateway/request.h"

/* Step `key`: finds the request's key; sets r->key. */
enum next key_step_find(struct request *r);

#endif
