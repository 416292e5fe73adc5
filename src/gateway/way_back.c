/* SPDX-License-Identifier: ISC */
/*
 * gateway/way_back.c - where a person came from, for the link on a page
 *
 * The Referer is the client's word.  Another page can choose its path, so nothing but a path on
 * this very host is taken from it.
 *
 * RULES
 *   (1) The link never leads to another host, whatever the Referer says (unit/way_back, t83-pages).
 *   (2) It never leads to an operation's own address, which would be this page once more
 *       (unit/way_back).
 */
#include "gateway/way_back.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define LENGTH_MAX 2000 /* bytes; a browser's address bar takes no more everywhere */

/* May the bytes stand in an address?  RFC 3986, section 2. */
static bool is_address(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x21 || text[i] > 0x7e || strchr("<>\"\\^`{|}", text[i]))
			return false;
	return true;
}

/* What follows "http://" or "https://"; NULL: another scheme. */
static const char *skip_scheme(const char *url)
{
	if (strncasecmp(url, "http://", 7) == 0)
		return url + 7;
	return strncasecmp(url, "https://", 8) == 0 ? url + 8 : NULL;
}

char *way_back(const struct variables *v)
{
	const char *referer = variables_get(v, "HTTP_REFERER");
	const char *host = variables_get(v, "HTTP_HOST");
	const char *at = referer ? skip_scheme(referer) : NULL;
	size_t len;

	if (!at || !host || !*host || strncasecmp(at, host, strlen(host)) != 0)
		return NULL;
	at += strlen(host);
	/* Two slashes at its beginning would make its next part a host. */
	while (at[0] == '/' && at[1] == '/')
		at++;
	len = strcspn(at, "#");
	if (*at != '/' || len > LENGTH_MAX || !is_address(at, len) ||
		memmem(at, len, "_operation=", strlen("_operation=")))
		return NULL;
	return strndup(at, len);
}
