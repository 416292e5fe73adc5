/* SPDX-License-Identifier: ISC */
/*
 * recovery/recover.h - what is done about an operation of which nobody knows whether it was done
 *
 * The route's policy (`on_uncertain`) and an operator (`retrysafe settle`) decide; this carries
 * it out, by one at a time.
 */
#ifndef RETRYSAFE_RECOVERY_RECOVER_H
#define RETRYSAFE_RECOVERY_RECOVER_H

#include "config/config.h"
#include "keeper/link.h"
#include "store/store.h"

/*
 * uncertain_settle - asks the route's probe, or lets its rollback undo
 *
 *   link  an open channel to the keeper, without a run
 *   op  uncertain; set to what it is afterwards: done, absent (it may be run), or still uncertain
 *
 * With UNCERTAIN_FAIL and UNCERTAIN_RERUN, and less than a second after the last time, nothing is
 * done.  Returns OK; ERR_BUSY somebody else is at it; ERR_GONE the keeper has
 * died; a read's or a write's errors.  Blocks as long as the command runs, at most the route's
 * timeout.
 */
enum err uncertain_settle(struct store *st, const struct config *cf, const struct route *route,
	struct keeper_link *link, struct operation *op) MUSTCHECK;

/* May it be run once more without asking anybody? */
bool uncertain_may_rerun(const struct route *route, const struct operation *op);

/*
 * uncertain_recover - settles what can be settled, once: running operations nobody attends to,
 * uncertain ones by their route's policy; those that may be run again are run
 *
 *   settled, left  how many were settled; how many are still uncertain
 *
 * Safe beside running gateways.  Returns OK; else the first error that stopped it.
 */
enum err uncertain_recover(struct store *st, const struct config *cf, struct keeper_link *link,
	int64_t *settled, int64_t *left) MUSTCHECK;

#endif
