/* SPDX-License-Identifier: ISC */
/*
 * gateway/protect.h - the claim and the run of a protected request
 */
#ifndef RETRYSAFE_GATEWAY_PROTECT_H
#define RETRYSAFE_GATEWAY_PROTECT_H

#include "gateway/request.h"

/*
 * protect_claim - step `claim`: opens the script, orders its run, and claims the operation r->op
 *
 * Returns NEXT: the claim is on disk, and the keeper waits for its GO; FINISHED: nothing was
 * claimed, and the request has been answered, or its client has left.  Blocks on the store.
 */
enum next protect_claim(struct request *r);

/*
 * protect_run - step `run`: starts the script, waits for its end, records the result, and sends it
 *
 * Returns FINISHED; what became of the run is in the store, or the keeper is still responsible for
 * it. Blocks as long as the script runs, the client stays, and soft_timeout lasts.
 */
enum next protect_run(struct request *r);

#endif
