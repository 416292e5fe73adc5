/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/location.h - where the store is, whether it may be there, and whether it still is
 */
#ifndef RETRYSAFE_STORE_SQLITE_LOCATION_H
#define RETRYSAFE_STORE_SQLITE_LOCATION_H

#include "base/err.h"
#include "store/sqlite/engine.h"

/* Fills in the paths. */
enum err location_set(struct store *st, const struct store_options *opt) MUSTCHECK;
/*
 * Is the store there, and may it be?  known: the id that the sentinel remembers, "" without one.
 * OK; ERR_ABSENT there is none and never was one; else it must not be used.
 */
enum err location_check(struct store *st, const struct store_options *opt,
	char known[2 * STORE_ID_LEN + 1]) MUSTCHECK;
/* Files that root makes in another account's directory would lock that account out of its own
 * store. */
enum err location_check_account(const struct store *st) MUSTCHECK;
/* Writes the sentinel. */
enum err location_remember(const struct store *st) MUSTCHECK;
enum err location_refuse_missing(const struct store *st);

#endif
