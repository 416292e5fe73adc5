/* SPDX-License-Identifier: ISC */
/*
 * gateway/pass.h - a request that is not protected: streamed in both directions, nothing stored
 */
#ifndef RETRYSAFE_GATEWAY_PASS_H
#define RETRYSAFE_GATEWAY_PASS_H

#include "gateway/request.h"

/* Runs the script of a request that is not protected, and passes its answer on.  Returns FINISHED.
 */
enum next pass_request(struct request *r);

#endif
