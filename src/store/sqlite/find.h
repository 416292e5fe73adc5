/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/find.h - reads that other files of the engine share
 */
#ifndef RETRYSAFE_STORE_SQLITE_FIND_H
#define RETRYSAFE_STORE_SQLITE_FIND_H

#include "base/err.h"
#include "store/operation.h"
#include "store/sqlite/engine.h"

/* store_find() for the first half of a ref. */
enum err find_by_id(
	struct store *st, int64_t id, struct operation *op, struct response *res) MUSTCHECK;

#endif
