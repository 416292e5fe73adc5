/* SPDX-License-Identifier: ISC */
/* Claim: identity says whose key it is, the fingerprint what was asked, the principal who may know.
 */
#include "fingerprint.h"

#include "tap.h"

static const unsigned char secret[SECRET_LEN] = {1, 2, 3};
static const char *scope_user[] = {"REMOTE_USER", NULL};
static const char *scope_cookie[] = {"cookie:session", "REMOTE_USER", NULL};
static const char *bind_auth[] = {"HTTP_AUTHORIZATION", NULL};

static struct route route = {.match = (char *)(uintptr_t) "/cgi-bin/*"};

/* The request that all others are compared with, changed by "NAME=value" strings. */
static struct operation take(const char *key, const char *body, const char *const *changes)
{
	static const char *const usual[] = {"REQUEST_METHOD=POST", "SCRIPT_NAME=/cgi-bin/a.pl",
		"PATH_INFO=/p", "QUERY_STRING=q=1", "REMOTE_USER=ann",
		"HTTP_AUTHORIZATION=Bearer 1", "HTTP_COOKIE=other=1; session=s1"};
	unsigned char hash[DIGEST_LEN] = {0};
	struct operation op = {0};
	struct variables v = {0};
	struct key k = {.len = strlen(key)};
	char name[64];
	enum err e = OK;

	snprintf(k.text, sizeof(k.text), "%s", key);
	snprintf((char *)hash, sizeof(hash), "%s", body);
	for (size_t i = 0; i < 20 && e == OK; i++) {
		const char *pair = i < 7 ? usual[i] : changes ? changes[i - 7] : NULL, *value;

		if (!pair)
			break;
		value = strchr(pair, '=') + 1;
		snprintf(name, sizeof(name), "%.*s", (int)(value - 1 - pair), pair);
		e = variables_set(&v, name, strcmp(value, "(none)") == 0 ? NULL : value);
	}
	fingerprint_take(secret, &route, &k, &v, hash, &op);
	variables_free(&v);
	return op;
}

#define WITH(...) take("k", "body", (const char *const[]){__VA_ARGS__, NULL})

static void compare(
	const struct operation *a, const struct operation *b, const char *same, const char *what)
{
	is_int(memcmp(a->identity, b->identity, IDENTITY_LEN) == 0, strchr(same, 'i') != NULL,
		"%s: identity", what);
	is_int(memcmp(a->fingerprint, b->fingerprint, FINGERPRINT_LEN) == 0,
		strchr(same, 'f') != NULL, "%s: fingerprint", what);
	is_int(memcmp(a->principal, b->principal, PRINCIPAL_LEN) == 0, strchr(same, 'p') != NULL,
		"%s: principal", what);
}

/* same: which of identity, fingerprint and principal stay. */
static void compare_requests(void)
{
	struct operation usual = take("k", "body", NULL), op;

	is_str(usual.route, "/cgi-bin/*", "the route's name is its match");
	op = take("k", "body", NULL);
	compare(&usual, &op, "ifp", "the same request");
	op = take("K", "body", NULL);
	compare(&usual, &op, "fp", "another key");
	op = take("k", "other", NULL);
	compare(&usual, &op, "ip", "another body");
	op = WITH("REQUEST_METHOD=PATCH");
	compare(&usual, &op, "ip", "another method");
	op = WITH("PATH_INFO=/q");
	compare(&usual, &op, "ip", "another path");
	op = WITH("SCRIPT_NAME=/cgi-bin/b.pl");
	compare(&usual, &op, "ip", "another script of the route");
	op = WITH("QUERY_STRING=");
	compare(&usual, &op, "ip", "another query");
	op = WITH("PATH_INFO=(none)", "SCRIPT_NAME=/cgi-bin/a.pl/p");
	compare(&usual, &op, "ip", "the same text, split in another way");
	op = WITH("REMOTE_USER=bob");
	compare(&usual, &op, "fp", "another user");
	op = WITH("HTTP_AUTHORIZATION=Bearer 2");
	compare(&usual, &op, "ifp", "a refreshed token of a known user");
	op = WITH("HTTP_X_OTHER=1");
	compare(&usual, &op, "ifp", "other fields");
}

static void compare_callers(void)
{
	static const unsigned char none[PRINCIPAL_LEN];
	struct operation usual, op;

	usual = WITH("REMOTE_USER=(none)");
	ok(memcmp(usual.principal, none, PRINCIPAL_LEN) != 0,
		"without a scope the credentials count");
	op = WITH("REMOTE_USER=");
	compare(&usual, &op, "ifp", "an empty user is none");
	op = WITH("REMOTE_USER=(none)", "HTTP_AUTHORIZATION=Bearer 2");
	compare(&usual, &op, "if", "other credentials: the same key, another principal");
	op = WITH("REMOTE_USER=(none)", "HTTP_AUTHORIZATION=(none)");
	ok(memcmp(op.principal, none, PRINCIPAL_LEN) == 0, "without any there is no principal");
	route.scope = (strings)(uintptr_t)scope_cookie;
	usual = take("k", "body", NULL);
	op = WITH("HTTP_COOKIE=session=s2; other=1");
	compare(&usual, &op, "fp", "another session cookie");
	op = WITH("HTTP_COOKIE=xsession=s2; session=s1; session=s3");
	compare(&usual, &op, "ifp", "the same among others");
	op = WITH("HTTP_COOKIE=session=ann", "REMOTE_USER=s1");
	compare(&usual, &op, "fp", "values do not change places");
	route.scope = (strings)(uintptr_t)scope_user;
}

static void name_it_by_hand(void)
{
	struct operation usual = take("k", "body", NULL);
	unsigned char identity[IDENTITY_LEN];
	const char *scope[] = {"ann"};
	char one[37], two[37];

	fingerprint_identity(secret, "/cgi-bin/*", "k", scope, 1, identity);
	ok(memcmp(identity, usual.identity, IDENTITY_LEN) == 0,
		"an operator can name it by its parts");
	scope[0] = NULL;
	fingerprint_identity(secret, "/cgi-bin/*", "k", scope, 1, identity);
	ok(memcmp(identity, usual.identity, IDENTITY_LEN) != 0, "and has to know all of them");
	fingerprint_downstream(secret, &usual, one);
	usual.attempts++;
	fingerprint_downstream(secret, &usual, two);
	is_str(two, one, "the key for others stays the same over attempts");
	ok(strlen(one) == 36 && one[14] == '8' && strchr("89ab", one[19]), "and is a UUID: %s",
		one);
	usual.nonce++;
	fingerprint_downstream(secret, &usual, two);
	ok(strcmp(one, two) != 0, "another operation has another one");
}

/* The default of bind counts without a scope only; one that was given counts always. */
static void bind_always(void)
{
	char remote_user[] = "REMOTE_USER=ann", authorization[] = "HTTP_AUTHORIZATION=x";
	char *user[] = {remote_user, authorization, NULL};
	struct variables v = {.list = user, .n = 2};
	struct operation op = {0}, none = {0};
	struct key key = {.text = "k", .len = 1};
	unsigned char body[DIGEST_LEN] = {0};

	route.scope = (strings)(uintptr_t)scope_user;
	fingerprint_take(secret, &route, &key, &v, body, &op);
	ok(memcmp(op.principal, none.principal, PRINCIPAL_LEN) == 0,
		"the default of bind, with a user");
	route.has_own_bind = true;
	fingerprint_take(secret, &route, &key, &v, body, &op);
	ok(memcmp(op.principal, none.principal, PRINCIPAL_LEN) != 0,
		"a bind that was given, with a user");
	route.has_own_bind = false;
}

int main(void)
{
	route.scope = (strings)(uintptr_t)scope_user;
	route.bind = (strings)(uintptr_t)bind_auth;
	compare_requests();
	compare_callers();
	name_it_by_hand();
	bind_always();
	return done_testing();
}
