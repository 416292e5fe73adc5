/* SPDX-License-Identifier: ISC */
/*
 * gateway/replay.h - the answer to a retry of what was done
 */
#ifndef RETRYSAFE_GATEWAY_REPLAY_H
#define RETRYSAFE_GATEWAY_REPLAY_H

#include "gateway/request.h"

/* Both return FINISHED. */
/* res is freed; is_duplicate: the original of a natural key, for another key. */
enum next replay_recorded(
	struct request *r, const struct operation *found, struct response *res, bool is_duplicate);
/* Lets the script show the result of `found` again. */
enum next replay_anew(struct request *r, const struct operation *found);

#endif
