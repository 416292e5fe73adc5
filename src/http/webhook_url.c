/* SPDX-License-Identifier: ISC */
/*
 * http/webhook_url.c - chooses the URL to which the end of an operation is reported
 *
 * A client's URL makes this host send a request to an address of the client's choice.  So the URL
 * is accepted only when it begins with an entry of the operator's list, and when every reader of
 * the URL takes it for the same address.
 *
 * RULES
 *   (1) An entry of webhook_allow has a "/" behind its host (config/text.c refuses others), and
 *       scheme and host are compared whole: "https://good.example/" never allows
 *       "https://good.example.evil/" (unit/webhook, unit/config_value).
 *   (2) No path leaves the directory that it seems to be in: dot segments are refused, in every
 *       spelling that a receiver may decode (unit/webhook).
 *
 * Does not know: how messages are delivered (notify/notify.c), addresses
 * (notify/address.c).
 */
#include "http/webhook_url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void webhook_url_split(const char *url, struct webhook_url_parts *out)
{
	const char *colon = strstr(url, "://"), *authority = colon ? colon + 3 : url, *end, *at;

	out->scheme = url;
	out->scheme_len = colon ? (size_t)(colon - url) : 0;
	end = authority + strcspn(authority, "/?#");
	at = memrchr(authority, '@', (size_t)(end - authority));
	out->host = at ? at + 1 : authority;
	out->host_len = (size_t)(end - out->host);
	out->path = end;
	out->path_len = strcspn(end, "?#");
}

void webhook_url_shown(const char *url, char *out, size_t size)
{
	struct webhook_url_parts p;

	webhook_url_split(url, &p);
	snprintf(out, size, "%.*s://%.*s%.*s", (int)p.scheme_len, p.scheme, (int)p.host_len, p.host,
		(int)p.path_len, p.path);
}

/* ---- a client's URL ---- */

/* Decodes the character at *at, if it is %-encoded; *at moves behind it. */
static char next_character(const char **at, const char *end)
{
	static const struct {
		const char *code;
		char is;
	} codes[] = {{"%2e", '.'}, {"%2f", '/'}, {"%5c", '/'}, {"%3b", ';'}};
	char c;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (end - *at >= 3 && strncasecmp(*at, codes[i].code, 3) == 0) {
			*at += 3;
			return codes[i].is;
		}
	c = *(*at)++;
	return c == '\\' ? '/' : c;
}

/*
 * Is "." or ".." a segment of the path?  RFC 3986, 5.2.4 removes those; receivers also undo %2e and
 * %2f first, take "\" for "/", or drop what follows a ";" in a segment.
 */
static bool has_dot_segment(const char *path, size_t len)
{
	const char *end = path + len;
	bool is_dots = false;
	int n = 0; /* dots at the segment's beginning */

	while (path < end) {
		char c = next_character(&path, end);

		if (c == '/') {
			if (is_dots && n > 0)
				return true;
			is_dots = true;
			n = 0;
		} else if (c == ';') {
			if (is_dots && n > 0)
				return true;
			is_dots = false;
		} else {
			is_dots = is_dots && c == '.' && ++n <= 2;
		}
	}
	return is_dots && n > 0;
}

static enum err check(const char *url)
{
	struct webhook_url_parts p;
	size_t len = strlen(url);

	webhook_url_split(url, &p);
	if (len > WEBHOOK_URL_MAX)
		return err_set(ERR_REFUSED,
			"the URL in Retrysafe-Webhook has %zu bytes; %d are allowed", len,
			WEBHOOK_URL_MAX);
	if (!(p.scheme_len == 4 && strncasecmp(p.scheme, "http", 4) == 0) &&
		!(p.scheme_len == 5 && strncasecmp(p.scheme, "https", 5) == 0))
		return err_set(ERR_REFUSED,
			"Retrysafe-Webhook does not hold one absolute URL of http or https");
	for (const char *c = url; *c; c++)
		if (*c <= ' ' || *c > '~')
			return err_set(ERR_REFUSED,
				"the URL in Retrysafe-Webhook has characters that have to be "
				"%%-encoded");
	if (p.host_len == 0 || p.host != p.scheme + p.scheme_len + 3 || strchr(url, '#'))
		return err_set(ERR_REFUSED,
			"the URL in Retrysafe-Webhook has no host, or has a user or a fragment");
	if (has_dot_segment(p.path, p.path_len))
		return err_set(ERR_REFUSED,
			"the path of the URL in Retrysafe-Webhook has \".\" or \"..\" in it");
	return OK;
}

/* Does the URL begin with the entry?  Case is ignored in scheme and host only (RFC 3986, 6.2.2.1).
 */
static bool begins_with(const char *url, const char *entry)
{
	struct webhook_url_parts p;
	size_t free_case;

	webhook_url_split(entry, &p);
	free_case = (size_t)(p.path - entry);
	return strncasecmp(url, entry, free_case) == 0 &&
	       strncmp(url + free_case, entry + free_case, strlen(entry + free_case)) == 0;
}

/* Is the host "localhost" or an address in standard notation?  "127.1" and "0x7f000001" are not. */
static bool names_an_address(const char *entry)
{
	struct webhook_url_parts p;
	struct in6_addr address; /* large enough for both families */
	char host[64];
	char *end;

	webhook_url_split(entry, &p);
	if (p.host_len >= sizeof(host))
		return false;
	memcpy(host, p.host, p.host_len);
	host[p.host_len] = '\0';
	end = *host == '[' ? strchr(host, ']') : strchr(host, ':'); /* drop the port */
	if (end)
		*end = '\0';
	if (*host == '[')
		return end && inet_pton(AF_INET6, host + 1, &address) == 1;
	return strcasecmp(host, "localhost") == 0 || inet_pton(AF_INET, host, &address) == 1;
}

enum err webhook_url_choose(const char *own_url, strings allowed, const char *client_url,
	const char **url, bool *is_trusted)
{
	enum err e;

	if (!client_url) {
		*url = own_url;
		*is_trusted = true;
		return OK;
	}
	if (!allowed)
		return err_set(ERR_REFUSED, "Retrysafe-Webhook is not allowed here");
	e = check(client_url);
	if (e != OK)
		return e;
	for (char **entry = allowed; *entry; entry++)
		if (begins_with(client_url, *entry)) {
			*url = client_url;
			*is_trusted = names_an_address(*entry);
			return OK;
		}
	return err_set(ERR_REFUSED,
		"the URL in Retrysafe-Webhook is not among those that are allowed here");
}
