/* SPDX-License-Identifier: ISC */
/*
 * gateway/site.c - hosts as they are compared, and the place of an operation
 *
 * Does not know: keys, scopes and routes (gateway/fingerprint.c).
 *
 * RULES
 *   (1) Two spellings of one host (case, final dot, the scheme's own port) are one site
 *       (unit/site, t72-who).
 *   (2) No two hosts are one site, and a value that is missing is not an empty one (unit/site).
 */
#include "gateway/site.h"

#include "base/digest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX 512 /* bytes; a longer value is no host, and counts as it is */

static bool is_https(const struct variables *v)
{
	const char *https = variables_get(v, "HTTPS");
	const char *scheme = variables_get(v, "REQUEST_SCHEME");

	if (https && *https)
		return strcasecmp(https, "off") != 0;
	return scheme && strcasecmp(scheme, "https") == 0;
}

/*
 * The colon before a port, or NULL.  An IPv6 address has colons of its own, and only one in
 * brackets can have a port (RFC 3986, section 3.2.2).
 */
static const char *find_port(const char *host)
{
	const char *colon = strrchr(host, ':');

	if (!colon || colon[1 + strspn(colon + 1, "0123456789")] != '\0')
		return NULL;
	if (memchr(host, ':', (size_t)(colon - host)) && (colon == host || colon[-1] != ']'))
		return NULL;
	return colon;
}

/* RFC 3986, section 6.2.3: an empty port is the scheme's own. */
static bool is_own_port(const char *port, bool is_secure)
{
	port += strspn(port, "0");
	return *port == '\0' || strcmp(port, is_secure ? "443" : "80") == 0;
}

/* A host as it is compared.  A path, such as DOCUMENT_ROOT, counts as it is. */
static void add_host(struct digest *d, const char *host, bool is_secure)
{
	char text[HOST_MAX + 1];
	const char *port;
	size_t len, end;

	if (!host || strchr(host, '/') || strlen(host) > HOST_MAX) {
		digest_string(d, host);
		return;
	}
	port = find_port(host);
	len = end = port ? (size_t)(port - host) : strlen(host);
	if (len > 1 && host[len - 1] == '.')
		len--;
	for (size_t i = 0; i < len; i++)
		text[i] = (char)tolower((unsigned char)host[i]);
	if (port && !is_own_port(port + 1, is_secure))
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", host + end);
	digest_part(d, text, len);
}

static size_t count(strings names)
{
	size_t n = 0;

	while (names && names[n])
		n++;
	return n;
}

/* The number of the site's parts stands in front, so that none is taken for what follows. */
static void begin(struct digest *d, const unsigned char *secret, size_t n)
{
	digest_start(d, secret, SECRET_LEN);
	digest_string(d, "place");
	digest_part(d, &n, sizeof(n));
}

static void end_with(struct digest *d, const char *address, unsigned char out[PLACE_LEN])
{
	digest_string(d, address ? address : "");
	digest_end(d, out, PLACE_LEN);
}

static const char *value_of(const struct variables *v, const char *name)
{
	const char *value = variables_get(v, name);

	if (value && *value)
		return value;
	if (strcmp(name, "HTTP_HOST") != 0)
		return NULL;
	value = variables_get(v, "SERVER_NAME");
	return value && *value ? value : NULL;
}

void site_place(const unsigned char secret[SECRET_LEN], strings names, const struct variables *v,
	unsigned char out[PLACE_LEN])
{
	size_t n = count(names);
	bool is_secure = is_https(v);
	struct digest d;

	begin(&d, secret, n);
	for (size_t i = 0; i < n; i++)
		add_host(&d, value_of(v, names[i]), is_secure);
	end_with(&d, variables_get(v, "SCRIPT_NAME"), out);
}

/* One host for all variables: no server puts the port into SERVER_NAME. */
static void add_named(struct digest *d, const char *name, const char *host)
{
	char text[HOST_MAX + 1];
	const char *port = host ? find_port(host) : NULL;

	if (port && strlen(host) <= HOST_MAX && strcmp(name, "SERVER_NAME") == 0) {
		snprintf(text, sizeof(text), "%.*s", (int)(port - host), host);
		host = text;
	}
	add_host(d, host, false);
}

void site_place_named(const unsigned char secret[SECRET_LEN], strings names,
	const char *const *hosts, size_t n, const char *address, unsigned char out[PLACE_LEN])
{
	size_t wanted = count(names);
	struct digest d;

	begin(&d, secret, wanted);
	for (size_t i = 0; i < wanted; i++) {
		const char *host = n == 1 ? hosts[0] : i < n ? hosts[i] : NULL;

		if (n == 1)
			add_named(&d, names[i], host);
		else
			add_host(&d, host && *host ? host : NULL, false);
	}
	end_with(&d, address, out);
}
