/* SPDX-License-Identifier: ISC */
/*
 * base/store_url.c - the one place that takes a store's URL apart
 *
 * Does not know: whether there is such a file.
 */
#include "base/store_url.h"

#include <stddef.h>
#include <string.h>

const char *store_url_path(const char *url)
{
	static const char scheme[] = STORE_URL_SQLITE;

	return strncmp(url, scheme, strlen(scheme)) == 0 ? url + strlen(scheme) : NULL;
}

bool store_url_split(const char *url, struct store_url *out)
{
	const char *path = store_url_path(url), *slash = path ? strrchr(path, '/') : NULL;

	if (!slash || *path != '/')
		return false;
	out->path = path;
	out->dir_len = slash == path ? 1 : (int)(slash - path);
	out->name = slash + 1;
	return true;
}
