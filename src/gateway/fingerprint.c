/* SPDX-License-Identifier: ISC */
/*
 * gateway/fingerprint.c - identity, fingerprint, principal and natural key of a request
 *
 * Each digest begins with a word of its own, so that one can never be taken for another.
 */
#include "gateway/fingerprint.h"

#include "gateway/body_digest.h"
#include "gateway/site.h"
#include "gateway/value_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/*
 * The value that a name stands for, or NULL: an empty one says as little about who is asking as
 * none.  *owned is to be freed.
 */
static const char *named_value(const char *name, const struct variables *v, char **owned)
{
	bool is_cookie = strncmp(name, "cookie:", 7) == 0;
	const char *value;

	*owned = is_cookie ? cookie_value(variables_get(v, "HTTP_COOKIE"), name + 7) : NULL;
	value = is_cookie ? *owned : variables_get(v, name);
	return value && *value ? value : NULL;
}

static void add_values(struct digest *d, strings names, const struct variables *v)
{
	for (; names && *names; names++) {
		char *owned;

		digest_string(d, named_value(*names, v, &owned));
		free(owned);
	}
}

static bool has_value(strings names, const struct variables *v)
{
	bool has = false;

	for (; names && *names && !has; names++) {
		char *owned;

		has = named_value(*names, v, &owned) != NULL;
		free(owned);
	}
	return has;
}

static void start_digest(struct digest *d, const unsigned char *secret, const char *what)
{
	digest_start(d, secret, SECRET_LEN);
	digest_string(d, what);
}

void fingerprint_identity(const unsigned char secret[SECRET_LEN],
	const unsigned char place[PLACE_LEN], const char *key, const char *const *scope, size_t n,
	unsigned char out[IDENTITY_LEN])
{
	struct digest d;

	start_digest(&d, secret, "identity");
	digest_part(&d, place, PLACE_LEN);
	digest_string(&d, key);
	for (size_t i = 0; i < n; i++)
		digest_string(&d, scope[i] && *scope[i] ? scope[i] : NULL);
	digest_end(&d, out, IDENTITY_LEN);
}

/* One entry of `fingerprint`. */
static enum err add_part(
	struct digest *d, const unsigned char *secret, struct request *r, const char *part)
{
	static const struct {
		const char *part, *variables[3];
	} words[] = {{"method", {"REQUEST_METHOD"}}, {"path", {"SCRIPT_NAME", "PATH_INFO"}},
		{"query", {"QUERY_STRING"}}};
	unsigned char body[DIGEST_LEN];
	struct value v;
	enum err e;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(part, words[i].part) != 0)
			continue;
		for (const char *const *name = words[i].variables; *name; name++) {
			const char *value = variables_get(&r->vars, *name);

			digest_string(d, value ? value : "");
		}
		return OK;
	}
	if (strcmp(part, "body") == 0 || strcmp(part, "json") == 0) {
		e = body_digest_take(r, secret, strcmp(part, "json") == 0, body);
		digest_part(d, body, sizeof(body));
		return e;
	}
	e = value_source_find(r, secret, part, &v);
	digest_part(d, &v.n, sizeof(v.n));
	digest_part(d, v.digest, sizeof(v.digest));
	return e;
}

static enum err take_fingerprint(const unsigned char *secret, struct request *r)
{
	struct digest d;
	enum err e = OK;

	start_digest(&d, secret, "fingerprint");
	for (strings part = r->route->fingerprint; *part && e == OK; part++)
		e = add_part(&d, secret, r, *part);
	digest_end(&d, r->op.fingerprint, sizeof(r->op.fingerprint));
	return e;
}

/*
 * nginx sends as REMOTE_USER whatever name a client gives itself in a Basic Authorization, unless
 * auth_basic asks for the password.  RFC 3875, 4.1.1: AUTH_TYPE is there when the server has
 * authenticated a user.
 */
static bool is_claimed(const struct variables *v)
{
	const char *credentials = variables_get(v, "HTTP_AUTHORIZATION");

	return variables_get(v, "REMOTE_USER") && !variables_get(v, "AUTH_TYPE") && credentials &&
	       strncasecmp(credentials, "Basic ", 6) == 0;
}

static const char *const user[] = {"REMOTE_USER", NULL};

/* A user whom the server has authenticated, as far as can be known. */
static bool has_user(const struct variables *v)
{
	return has_value((strings)(uintptr_t)user, v) && !is_claimed(v);
}

/* What tells two people apart, where no route says it. */
static const char *const person[] = {"REMOTE_USER", "HTTP_AUTHORIZATION", "HTTP_COOKIE",
	"REMOTE_ADDR", "HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_USER_AGENT",
	"HTTP_ACCEPT_LANGUAGE", NULL};

bool fingerprint_principal(const unsigned char secret[SECRET_LEN], struct request *r)
{
	const struct variables *v = &r->vars;
	bool is_named = has_value((strings)(uintptr_t)user, v) || has_value(r->route->scope, v);
	struct digest d;

	start_digest(&d, secret, "looks");
	add_values(&d, (strings)(uintptr_t)person, v);
	digest_end(&d, r->op.looks, sizeof(r->op.looks));
	memset(r->op.principal, 0, sizeof(r->op.principal));
	if (!is_named && !has_value(r->route->bind, v))
		return false;
	start_digest(&d, secret, "principal");
	add_values(&d, (strings)(uintptr_t)user, v);
	add_values(&d, r->route->scope, v);
	if (!has_user(v))
		add_values(&d, r->route->bind, v);
	digest_end(&d, r->op.principal, sizeof(r->op.principal));
	return true;
}

/* Other variables of a scope, such as SERVER_NAME, may be the same for all callers. */
static bool has_scope_cookie(const struct request *r)
{
	bool has = false;

	for (strings name = r->route->scope; name && *name && !has; name++) {
		char *owned = NULL;

		if (strncmp(*name, "cookie:", 7) == 0)
			has = named_value(*name, &r->vars, &owned) != NULL;
		free(owned);
	}
	return has;
}

bool fingerprint_is_known(const struct request *r)
{
	return has_user(&r->vars) || has_value(r->route->bind, &r->vars) || has_scope_cookie(r);
}

bool fingerprint_is_same_person(const struct request *r, const struct operation *found)
{
	static const char *const proof[] = {"HTTP_AUTHORIZATION", "HTTP_COOKIE", NULL};
	bool has_proof = fingerprint_is_known(r) || has_value((strings)(uintptr_t)proof, &r->vars);

	return has_proof && memcmp(found->principal, r->op.principal, PRINCIPAL_LEN) == 0 &&
	       memcmp(found->looks, r->op.looks, LOOKS_LEN) == 0;
}

void fingerprint_place(const unsigned char secret[SECRET_LEN], struct request *r)
{
	site_place(secret, r->cf ? r->cf->site : NULL, &r->vars, r->op.place);
}

enum err fingerprint_take(const unsigned char secret[SECRET_LEN], struct request *r)
{
	const char *name = variables_get(&r->vars, "SCRIPT_NAME");
	const char *address = r->address ? r->address : name;
	enum err e = take_fingerprint(secret, r);
	struct digest d;

	(void)fingerprint_principal(secret, r);
	if (e != OK)
		return e;
	if (r->key.is_derived) {
		hex_text(r->op.fingerprint, FINGERPRINT_LEN, r->key.text);
		r->key.len = strlen(r->key.text);
	}
	fingerprint_place(secret, r);
	start_digest(&d, secret, "identity");
	digest_part(&d, r->op.place, PLACE_LEN);
	digest_string(&d, r->key.text);
	add_values(&d, r->route->scope, &r->vars);
	/* Two people who send the same form have the same derived key: no client chose it. */
	if (r->key.is_derived) {
		digest_part(&d, r->op.principal, PRINCIPAL_LEN);
		digest_part(&d, r->op.looks, LOOKS_LEN);
	}
	digest_end(&d, r->op.identity, sizeof(r->op.identity));
	snprintf(r->op.route, sizeof(r->op.route), "%s", route_name(r->route, name));
	if (address && strlen(address) <= ADDRESS_MAX)
		memcpy(r->op.address, address, strlen(address) + 1);
	return OK;
}

static enum err no_value(const char *source)
{
	return err_set(ERR_ABSENT, "there is no %s, which this request must have", source);
}

enum err fingerprint_natural_value(
	struct request *r, const unsigned char *secret, const char *source, struct value *out)
{
	enum err e = value_source_find(r, secret, source, out);

	if (e != OK)
		return e;
	if (out->is_ambiguous)
		return err_set(ERR_INVALID,
			"%s can be read in two ways, because of a semicolon or of the form of its "
			"name",
			source);
	if (out->n > 1 || out->is_too_long)
		return err_set(ERR_INVALID, "%s %s", source,
			out->n > 1 ? "is there more than once; send it once" : "is too long");
	if (out->n == 0)
		return no_value(source);
	return OK;
}

enum err fingerprint_natural(
	const unsigned char secret[SECRET_LEN], struct request *r, unsigned char out[NATURAL_LEN])
{
	const char *absent = NULL;
	struct value v;
	struct digest d;

	start_digest(&d, secret, "natural");
	digest_part(&d, r->op.place, PLACE_LEN);
	for (strings source = r->route->unique; *source; source++) {
		enum err e = fingerprint_natural_value(r, secret, *source, &v);

		if (e != OK && e != ERR_ABSENT)
			return e;
		if (e == OK)
			digest_part(&d, v.text, v.len);
		else if (!absent)
			absent = *source;
	}
	digest_end(&d, out, NATURAL_LEN);
	return absent ? no_value(absent) : OK;
}

void fingerprint_downstream(
	const unsigned char secret[SECRET_LEN], const struct operation *op, char out[37])
{
	unsigned char bytes[16];
	char hex[33], *p = out;
	struct digest d;

	start_digest(&d, secret, "downstream");
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
