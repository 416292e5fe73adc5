/* SPDX-License-Identifier: ISC */
/*
 * cli/store.h - opens the configuration and the store for a verb
 */
#ifndef RETRYSAFE_CLI_STORE_H
#define RETRYSAFE_CLI_STORE_H

#include "cli/options.h"
#include "config/config.h"
#include "store/store.h"

#include <stdbool.h>

/*
 * cli_open_store - the configuration that the command line or the environment names, and its store
 *
 * A process of root's becomes one of the account that the store belongs to.
 *
 * Returns 0: *cf and *st are set; the caller closes the store and then frees the configuration.
 * Otherwise the verb's exit code, and standard error says why: EXIT_NO there is no store yet.
 * Blocks up to busy_timeout_ms for the store's locks.
 */
int cli_open_store(const struct cli *c, bool is_read_only, struct config **cf, struct store **st);

/* Has the configuration no route of this name?  Then standard error says so, and which one may be
 * meant.  route NULL: none was named; false. */
bool cli_route_is_mistyped(const struct config *cf, const char *verb, const char *route);

#endif
