/* SPDX-License-Identifier: ISC */
/*
 * base/store_url.h - what a store's URL says
 *
 * The configuration reads it, too, so it cannot be in store/.
 */
#ifndef RETRYSAFE_BASE_STORE_URL_H
#define RETRYSAFE_BASE_STORE_URL_H

#include <stdbool.h>

#define STORE_URL_SQLITE "sqlite:"

/* The parts of "sqlite:/directory/name"; borrowed from the URL. */
struct store_url {
	const char *path; /* the database file */
	int dir_len;      /* bytes of `path` that are its directory: 1 for "/", else no slash at the
			     end counts */
	const char *name; /* the last part of `path`; "" when it ends in a slash */
};

/* The path behind the scheme, as it is written; NULL: not a URL of an engine that this program has.
 */
const char *store_url_path(const char *url);

/* Returns true and sets *out when the URL has an absolute path. */
bool store_url_split(const char *url, struct store_url *out);

#endif
