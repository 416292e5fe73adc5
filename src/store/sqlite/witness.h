/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/witness.h - proofs of life
 */
#ifndef RETRYSAFE_STORE_SQLITE_WITNESS_H
#define RETRYSAFE_STORE_SQLITE_WITNESS_H

#include "base/err.h"
#include "store/sqlite/engine.h"

enum err witness_take(struct store *st) MUSTCHECK;

#endif
