/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/lock.h - the writer lock: one writer among all processes, in turns
 */
#ifndef RETRYSAFE_STORE_SQLITE_LOCK_H
#define RETRYSAFE_STORE_SQLITE_LOCK_H

#include "base/err.h"
#include "store/sqlite/engine.h"

#include <stdbool.h>

/* Takes the writer lock.  ERR_BUSY: another process has it, or, with may_wait, SIGURG ended the
 * wait; the thread then must have a handler for it, and not block it. */
enum err lock_take(struct store *st, bool may_wait) MUSTCHECK;
/* For opening, which has no queue: tries until busy_timeout_ms are over, then ERR_BUSY. */
enum err lock_wait(struct store *st) MUSTCHECK;
void lock_release(struct store *st);

#endif
