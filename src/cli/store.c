/* SPDX-License-Identifier: ISC */
/*
 * cli/store.c - opens the configuration and the store for a verb
 *
 * Does not know: what the verb does with them.
 */
#include "cli/store.h"

#include "base/exit_code.h"
#include "base/spelling.h"
#include "cli/render.h"
#include "store/account.h"
#include "store/configured.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of another account's store, the message names the account. */
static int complain(const struct cli *c, struct config **cf, enum err e)
{
	char owner[800];
	int code = cli_complain("store", e);

	account_name_owner(*cf, c->argv[1], owner, sizeof(owner));
	if (*owner)
		fprintf(stderr, "retrysafe: %s\n", owner);
	config_free(cf);
	return code;
}

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
	if (e != ERR_ABSENT)
		return complain(c, cf, e);
	config_free(cf);
	fprintf(stderr,
		"retrysafe: there is no store yet: no request with a key has been served\n");
	return EXIT_NO;
}

bool cli_route_is_mistyped(const struct config *cf, const char *verb, const char *route)
{
	const char **names;
	const char *meant = NULL;

	if (!route || config_route_by_name(cf, route))
		return false;
	names = calloc(cf->n_routes + 1, sizeof(*names));
	for (size_t i = 0; names && i < cf->n_routes; i++)
		names[i] = cf->routes[i].match ? cf->routes[i].match : "";
	if (names)
		meant = spelling_nearest(route, names);
	free(names);
	fprintf(stderr, "retrysafe: %s: no route is called ", verb);
	cli_put(stderr, route, strlen(route), false);
	if (meant)
		fprintf(stderr, "; did you mean %s?", meant);
	fputc('\n', stderr);
	return true;
}
