/* SPDX-License-Identifier: ISC */
/*
 * store/configured.c - opens the store of a configuration, and says where it lies
 */
#include "store/configured.h"

#include <limits.h>
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
	const char *path = strchr(store_url, '/'), *slash = path ? strrchr(path, '/') : NULL;
	size_t len;

	if (!path || !realpath(directory, root))
		return false;
	len = (size_t)(slash - path);
	if (len == 0 || len >= sizeof(dir))
		return false;
	memcpy(dir, path, len);
	dir[len] = '\0';
	if (!realpath(dir, file))
		return false;
	len = strlen(root);
	while (len > 0 && root[len - 1] == '/')
		len--;
	return strncmp(file, root, len) == 0 && (file[len] == '/' || file[len] == '\0');
}
