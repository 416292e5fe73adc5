/* SPDX-License-Identifier: ISC */
/*
 * gateway/pass.h - a request that is not protected: streamed in both directions, nothing stored
 */
#ifndef RETRYSAFE_GATEWAY_PASS_H
#define RETRYSAFE_GATEWAY_PASS_H

#include "gateway/request.h"

/*
 * pass_request - step `pass`: runs the script, and passes bytes on as they come, both ways
 *
 * Returns FINISHED, also when the client leaves: the script then ends by itself.  Blocks until the
 * answer is over, and while the client sends its body.
 */
enum next pass_request(struct request *r);

#endif
