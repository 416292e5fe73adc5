/* SPDX-License-Identifier: ISC */
/*
 * gateway/protect.h - the claim and the run of a protected request
 */
#ifndef RETRYSAFE_GATEWAY_PROTECT_H
#define RETRYSAFE_GATEWAY_PROTECT_H

#include "gateway/request.h"

/* Steps `claim` and `run`. */
enum next protect_claim(struct request *r);
enum next protect_run(struct request *r);

#endif
