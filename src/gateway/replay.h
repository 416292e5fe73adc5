/* SPDX-License-Identifier: ISC */
/*
 * gateway/replay.h - the answer to a retry of what was done
 */
#ifndef RETRYSAFE_GATEWAY_REPLAY_H
#define RETRYSAFE_GATEWAY_REPLAY_H

#include "gateway/request.h"

/*
 * replay_recorded - sends r->res, the recorded response of `found`, and frees it
 *
 *   found         whose ref goes to the log; borrowed
 *   is_duplicate  found has another key than the request: it has the same natural key
 *
 * Returns FINISHED, also when the client has left or the rest of a large body could not be read (a
 * line in the log says so).  Blocks until the server has taken it.
 */
enum next replay_recorded(struct request *r, const struct operation *found, bool is_duplicate);

/*
 * replay_anew - runs the script once more to show the result of r->found, and records nothing
 *
 * IDEMPOTENCY_REPLAY=1 tells the script so.  Where it cannot show the result, the answer is
 * result-expired; where max_running runs of this kind are under way, overloaded.  Returns FINISHED.
 * Blocks as long as the script runs.
 */
enum next replay_anew(struct request *r);

#endif
