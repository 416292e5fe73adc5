/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/printed.h - keeps what a script printed in vain, inside a write transaction
 */
#ifndef RETRYSAFE_STORE_SQLITE_PRINTED_H
#define RETRYSAFE_STORE_SQLITE_PRINTED_H

#include "base/err.h"
#include "store/sqlite/connection.h"
#include "store/store.h"

#include <stdint.h>

/* Takes the place of what an earlier attempt of the operation printed. */
enum err printed_keep(struct conn *c, int64_t op_id, const struct printed *printed) MUSTCHECK;

#endif
