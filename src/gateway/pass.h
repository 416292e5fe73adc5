/* SPDX-License-Identifier: ISC */
/*
 * gateway/pass.h - a request that is not protected: streamed in both directions, nothing stored
 */
#ifndef RETRYSAFE_GATEWAY_PASS_H
#define RETRYSAFE_GATEWAY_PASS_H

#include "gateway/request.h"
#include "operation/record.h"

/*
 * pass_through - runs r->script and passes bytes on as they come, both ways
 *
 *   link    of the worker
 *   sent        bytes of the answer that were sent
 *   end         how the script ended, when that was seen: exit_status -1 otherwise
 *
 * Returns OK: the answer, whatever the script said, has been sent, *sent may be 0; ERR_ABSENT
 * nothing was started and nothing was sent, *failed is the errno; ERR_REFUSED, ERR_INVALID,
 * ERR_FULL the body could not be taken (nothing started); ERR_GONE the client or the keeper has
 * left; ERR_NOMEM, ERR_SYSTEM. Blocks as long as the script runs.
 */
enum err pass_through(struct request *r, struct keeper_link *link, int64_t *sent,
	struct ending *end, int *failed) MUSTCHECK;

#endif
