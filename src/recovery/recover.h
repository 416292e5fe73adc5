/* SPDX-License-Identifier: ISC */
/*
 * recovery/recover.h - settles the operations that other processes left behind
 */
#ifndef RETRYSAFE_RECOVERY_RECOVER_H
#define RETRYSAFE_RECOVERY_RECOVER_H

#include "config/config.h"
#include "keeper/link.h"
#include "store/store.h"

/*
 * recover_all - settles what can be settled, once: running operations nobody attends to,
 * uncertain ones by their route's policy; those that may be run again are run
 *
 *   settled, left  how many were settled; how many are still uncertain
 *
 * Safe beside running gateways.  Returns OK; else the first error that stopped it.
 */
enum err recover_all(struct store *st, const struct config *cf, struct keeper_link *link,
	int64_t *settled, int64_t *left) MUSTCHECK;

#endif
