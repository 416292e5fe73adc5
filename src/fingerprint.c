/* SPDX-License-Identifier: ISC */
/*
 * fingerprint.c - identity, fingerprint and principal of a request
 *
 * Each digest begins with a word of its own, so that one can never be taken for another.
 */
#include "fingerprint.h"

#include <stdlib.h>
#include <string.h>

const char *route_name(const struct route *route, const char *script_name)
{
	return route->match ? route->match : script_name ? script_name : "";
}

/* The value of a cookie in a Cookie field (RFC 6265, section 4.2); owned, or NULL. */
static char *cookie_value(const char *cookies, const char *name)
{
	size_t len = strlen(name);

	while (cookies && *cookies) {
		cookies += strspn(cookies, " \t;");
		if (strncmp(cookies, name, len) == 0 && cookies[len] == '=') {
			cookies += len + 1;
			return strndup(cookies, strcspn(cookies, ";"));
		}
		cookies = strchr(cookies, ';');
	}
	return NULL;
}

/* Adds the values that `names` name.  True: at least one is there and not empty. */
static bool add_values(struct digest *d, strings names, const struct variables *v)
{
	bool any = false;

	for (; names && *names; names++) {
		bool is_cookie = strncmp(*names, "cookie:", 7) == 0;
		char *cookie = is_cookie ? cookie_value(variables_get(v, "HTTP_COOKIE"), *names + 7)
					 : NULL;
		const char *value = is_cookie ? cookie : variables_get(v, *names);

		/* An empty value says as little about who is asking as none. */
		if (value && !*value)
			value = NULL;
		digest_string(d, value);
		any = any || value;
		free(cookie);
	}
	return any;
}

static void start(struct digest *d, const unsigned char *secret, const char *what)
{
	digest_start(d, secret, SECRET_LEN);
	digest_string(d, what);
}

void fingerprint_identity(const unsigned char secret[SECRET_LEN], const char *name, const char *key,
	const char *const *scope, size_t n, unsigned char out[IDENTITY_LEN])
{
	struct digest d;

	start(&d, secret, "identity");
	digest_string(&d, name);
	digest_string(&d, key);
	for (size_t i = 0; i < n; i++)
		digest_string(&d, scope[i] && *scope[i] ? scope[i] : NULL);
	digest_end(&d, out, IDENTITY_LEN);
}

void fingerprint_take(const unsigned char secret[SECRET_LEN], const struct route *route,
	const struct key *key, const struct variables *v,
	const unsigned char body_digest[DIGEST_LEN], struct operation *op)
{
	static const char *const asked[] = {
		"REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"};
	const char *name = route_name(route, variables_get(v, "SCRIPT_NAME"));
	bool has_scope, has_credentials = false;
	struct digest d;

	start(&d, secret, "identity");
	digest_string(&d, name);
	digest_string(&d, key->text);
	has_scope = add_values(&d, route->scope, v);
	digest_end(&d, op->identity, sizeof(op->identity));

	start(&d, secret, "fingerprint");
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		const char *value = variables_get(v, asked[i]);

		digest_string(&d, value ? value : "");
	}
	digest_part(&d, body_digest, DIGEST_LEN);
	digest_end(&d, op->fingerprint, sizeof(op->fingerprint));

	start(&d, secret, "principal");
	if (!has_scope || route->has_own_bind)
		has_credentials = add_values(&d, route->bind, v);
	digest_end(&d, op->principal, sizeof(op->principal));
	if (!has_credentials)
		memset(op->principal, 0, sizeof(op->principal));
	strncpy(op->route, name, ROUTE_NAME_MAX);
	op->route[ROUTE_NAME_MAX] = '\0';
}

void fingerprint_downstream(
	const unsigned char secret[SECRET_LEN], const struct operation *op, char out[37])
{
	unsigned char bytes[16];
	char hex[33], *p = out;
	struct digest d;

	start(&d, secret, "downstream");
	digest_part(&d, &op->id, sizeof(op->id));
	digest_part(&d, &op->nonce, sizeof(op->nonce));
	digest_end(&d, bytes, sizeof(bytes));
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x80);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	hex_text(bytes, sizeof(bytes), hex);
	for (int i = 0; i < 32; i++) {
		if (i == 8 || i == 12 || i == 16 || i == 20)
			*p++ = '-';
		*p++ = hex[i];
	}
	*p = '\0';
}
