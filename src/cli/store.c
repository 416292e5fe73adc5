/* SPDX-License-Identifier: ISC */
/*
 * cli/store.c - opens the configuration and the store for a verb
 *
 * Does not know: what the verb does with them.
 */
#include "cli/store.h"

#include "base/exit_code.h"
#include "cli/render.h"
#include "store/account.h"
#include "store/configured.h"

#include <stdio.h>

int cli_open_store(const struct cli *c, bool is_read_only, struct config **cf, struct store **st)
{
	enum err e = config_open(c->config_path, cf);

	if (e != OK)
		return cli_complain(NULL, e);
	e = account_become_owner(*cf);
	if (e == OK)
		e = configured_open_store(*cf, is_read_only, st);
	if (e == OK)
		return 0;
	config_free(cf);
	if (e != ERR_ABSENT)
		return cli_complain("store", e);
	fprintf(stderr,
		"retrysafe: there is no store yet: no request with a key has been served\n");
	return EXIT_NO;
}
