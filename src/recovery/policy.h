/* SPDX-License-Identifier: ISC */
/*
 * recovery/policy.h - a route's policy for an operation whose outcome is not known
 *
 * The route's policy (`on_uncertain`) and an operator (`retrysafe settle`) decide; this carries
 * the policy out, in one process at a time.
 */
#ifndef RETRYSAFE_RECOVERY_POLICY_H
#define RETRYSAFE_RECOVERY_POLICY_H

#include "config/config.h"
#include "keeper/link.h"
#include "store/store.h"

/*
 * policy_settle - asks the route's probe, or has its rollback undo
 *
 *   link  an open channel to the keeper, without a run; closed when the keeper has died
 *   op    uncertain; set to what it is afterwards: done, absent (it may be run), or still uncertain
 *
 * With UNCERTAIN_FAIL and UNCERTAIN_RERUN, and less than a second after the last time, nothing is
 * done; nor while a process of an earlier run lives.  Returns OK; ERR_BUSY another process is
 * settling it; ERR_GONE the keeper has died; a read's or a write's errors.  Blocks while the
 * command runs, at most the route's timeout.
 */
enum err policy_settle(struct store *st, const struct config *cf, const struct route *route,
	struct keeper_link *link, struct operation *op) MUSTCHECK;

/*
 * May it be run once more without asking a probe or an operator?  Not while a process of an earlier
 * run lives.  Blocks while it reads /proc, where the route says rerun.
 */
bool policy_may_rerun(
	const struct store *st, const struct route *route, const struct operation *op);

#endif
