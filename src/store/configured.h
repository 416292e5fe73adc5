/* SPDX-License-Identifier: ISC */
/*
 * store/configured.h - the store that a configuration names
 */
#ifndef RETRYSAFE_STORE_CONFIGURED_H
#define RETRYSAFE_STORE_CONFIGURED_H

#include "base/err.h"
#include "config/config.h"
#include "store/store.h"

#include <stdbool.h>

/* The options for the store of a configuration; url and spool are borrowed from cf. */
struct store_options configured_store_options(const struct config *cf);

/*
 * configured_open_store - opens the store of a configuration outside of any request
 *
 *   out  set on OK only; the caller closes it with store_close()
 *
 * Never makes a store: one that does not exist is ERR_ABSENT.  Else returns and blocks like
 * store_open().
 */
enum err configured_open_store(
	const struct config *cf, bool is_read_only, struct store **out) MUSTCHECK;

/*
 * configured_is_below - is the store's file below the directory, once symbolic links are
 * resolved?
 *
 * False also when the store's directory or `directory` does not exist.
 */
bool configured_is_below(const char *store_url, const char *directory);

#endif
