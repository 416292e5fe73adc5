/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/copy.h - the mark of a copy
 */
#ifndef RETRYSAFE_STORE_SQLITE_COPY_H
#define RETRYSAFE_STORE_SQLITE_COPY_H

#include "base/err.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/engine.h"

#include <stdbool.h>

/*
 * Refuses a copy (ERR_BROKEN), or, where accepted is not NULL, takes its mark away and sets
 * *accepted to whether there was one.  When the store is opened.
 */
enum err copy_check(struct store *st, struct conn *c, bool *accepted) MUSTCHECK;

#endif
