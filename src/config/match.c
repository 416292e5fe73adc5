/* SPDX-License-Identifier: ISC */
/*
 * config/match.c - which route a request gets, and whether its method is protected
 *
 * RULES
 *   (1) A route that names a script itself needs no file behind the URL: its `match` is tried on
 * the whole path, then on what is before each slash, so that the rest becomes path information
 *       (unit/config, t86-urls).
 *   (2) Methods are compared without regard to case: a script may read "post" as POST (unit/config,
 *       t86-urls).
 *   (3) A path with more parts than a glob is tried on has no route for certain, so that a client
 *       cannot get past a route by adding to the path (unit/config, t86-urls).
 *   (4) A recorded operation gets the route that its request would get now: found by the name by
 *       which the request found it.  The URL of a route with a script need not have a file, and
 *       without a file the routes without a script did not count (unit/config, t34-uncertain).
 *
 * Does not know: where a name and a path come from (cgi/script.c).
 */
#include "config/config.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define GLOB_PATH_MAX  4096 /* bytes of a path whose parts a glob is tried on */
#define GLOB_PARTS_MAX 32   /* parts that a glob is tried on: each try takes time */

static bool is_literal(const char *glob)
{
	return !strpbrk(glob, "*?[\\");
}

/* Does the glob fit the first len bytes of path? */
static bool fits_part(const char *glob, const char *path, size_t len)
{
	char part[GLOB_PATH_MAX + 1];

	if (is_literal(glob))
		return strlen(glob) == len && memcmp(glob, path, len) == 0;
	memcpy(part, path, len);
	part[len] = '\0';
	return fnmatch(glob, part, 0) == 0;
}

/*
 * How much of path is the name of the script of a route with this glob; CONFIG_NO_PART: it does not
 * fit; CONFIG_TOO_LONG: rule (3).  A part that ends at a slash leaves the slash to what is behind
 * it, as PATH_INFO begins with one (RFC 3875, section 4.1.5).
 */
static size_t find_part(const char *glob, const char *path)
{
	size_t len = strlen(path), begin = strcspn(glob, "*?[\\");
	bool is_plain = is_literal(glob);

	if (strncmp(glob, path, begin) != 0) /* most globs, at once */
		return CONFIG_NO_PART;
	if (len > 0 && path[len - 1] != '/' && fnmatch(glob, path, 0) == 0)
		return len;
	if (!is_plain && len > GLOB_PATH_MAX)
		return CONFIG_TOO_LONG;
	for (int n = 0; len > 0; len--) {
		if (path[len - 1] != '/')
			continue;
		if (!is_plain && n++ == GLOB_PARTS_MAX)
			return CONFIG_TOO_LONG;
		if (fits_part(glob, path, len) || (len > 1 && fits_part(glob, path, len - 1)))
			return len - 1;
	}
	return CONFIG_NO_PART;
}

const struct route *config_route_at(
	const struct config *cf, const char *name, const char *path, size_t *len)
{
	*len = CONFIG_NO_PART;
	for (size_t i = 0; i < cf->n_routes; i++) {
		const struct route *route = &cf->routes[i];

		if (!route->match || (name && fnmatch(route->match, name, 0) == 0))
			return route;
		if (route->script && (*len = find_part(route->match, path)) != CONFIG_NO_PART)
			return *len == CONFIG_TOO_LONG ? NULL : route;
	}
	return NULL;
}

/* The address of a route for "/app/" is "/app": config_route_at() divided it so. */
static bool fits_address(const struct route *route, const char *address)
{
	char directory[GLOB_PATH_MAX + 1];

	if (fnmatch(route->match, address, 0) == 0)
		return true;
	snprintf(directory, sizeof(directory), "%s/", address);
	return route->script && fnmatch(route->match, directory, 0) == 0;
}

const struct route *config_route(const struct config *cf, const char *script_name)
{
	for (size_t i = 0; i < cf->n_routes; i++)
		if (!cf->routes[i].match || fits_address(&cf->routes[i], script_name))
			return &cf->routes[i];
	return NULL;
}

const struct route *config_route_by_name(const struct config *cf, const char *name)
{
	for (size_t i = 0; i < cf->n_routes; i++)
		if (!cf->routes[i].match || strcmp(cf->routes[i].match, name) == 0)
			return &cf->routes[i];
	return NULL;
}

const struct route *config_route_of(const struct config *cf, const char *address, const char *name)
{
	const struct route *had = config_route_by_name(cf, name);

	for (size_t i = 0; *address && i < cf->n_routes; i++) {
		const struct route *route = &cf->routes[i];

		/* rule (4) */
		if (!route->match ||
			(fits_address(route, address) && (!had || !had->script || route->script)))
			return route;
	}
	return had;
}

bool config_route_protects(const struct route *route, const char *method)
{
	static const char *const safe[] = {"HEAD", "GET", "OPTIONS"};

	for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++)
		if (strcasecmp(method, safe[i]) == 0)
			return false;
	for (size_t i = 0; route->methods[i]; i++)
		if (strcasecmp(route->methods[i], method) == 0)
			return true;
	return false;
}
