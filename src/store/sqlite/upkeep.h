/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/upkeep.h - maintenance between writes: purging, moving the log
 */
#ifndef RETRYSAFE_STORE_SQLITE_UPKEEP_H
#define RETRYSAFE_STORE_SQLITE_UPKEEP_H

#include "store/sqlite/engine.h"

#include <stdbool.h>

#define PURGE_EVERY_US 1000000 /* where there is nothing to purge */

/* Both by the thread that writes; the second under the writer lock. */
bool upkeep_is_due(const struct store *st);
void upkeep_run(struct store *st);

#endif
