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

enum err configured_open_store(const struct config *cf, bool is_read_only, struct store **out)
{
	struct store_options opt = {
		.url = cf->store,
		.spool = cf->spool,
		.durability = cf->durability,
		.busy_timeout_ms = cf->busy_timeout_ms,
		.is_read_only = is_read_only,
	};

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
