/* SPDX-License-Identifier: ISC */
/*
 * store/configured.c - opens the store of a configuration, and says where it is
 */
#include "store/configured.h"

#include "base/store_url.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The most that runs leave after their claims: as many runs as may be at the same time, each with
 * the largest response and the largest request that is stored for a policy.
 */
#define BESIDES_BYTES INT64_C(131072) /* its printed output, rows and indexes */

static int64_t reserve_of(const struct config *cf)
{
	int64_t sum = 0, most = 0;

	for (size_t i = 0; i < cf->n_routes; i++) {
		const struct route *r = &cf->routes[i];
		int64_t each = r->max_response_bytes + r->max_request_bytes + BESIDES_BYTES;

		most = each > most ? each : most;
		sum += r->max_running * each;
	}
	return cf->max_running > 0 && cf->max_running * most < sum ? cf->max_running * most : sum;
}

struct store_options configured_store_options(const struct config *cf)
{
	return (struct store_options){
		.url = cf->store,
		.spool = cf->spool,
		.durability = cf->durability,
		.busy_timeout_ms = cf->busy_timeout_ms,
		.max_bytes = cf->max_store_bytes,
		.reserve_bytes = reserve_of(cf),
	};
}

enum err configured_open_store(const struct config *cf, bool is_read_only, struct store **out)
{
	struct store_options opt = configured_store_options(cf);

	opt.is_read_only = is_read_only;
	return store_open(&opt, out);
}

bool configured_is_below(const char *store_url, const char *directory)
{
	char dir[PATH_MAX], file[PATH_MAX], root[PATH_MAX];
	struct store_url parts;
	size_t len;

	if (!store_url_split(store_url, &parts) || parts.dir_len >= PATH_MAX ||
		!realpath(directory, root))
		return false;
	snprintf(dir, sizeof(dir), "%.*s", parts.dir_len, parts.path);
	if (!realpath(dir, file))
		return false;
	len = strlen(root);
	while (len > 0 && root[len - 1] == '/')
		len--;
	return strncmp(file, root, len) == 0 && (file[len] == '/' || file[len] == '\0');
}
