/* SPDX-License-Identifier: ISC */
/*
 * Claim: identity says whose key it is, the fingerprint what was asked, the principal who may know,
 * the natural key which of all requests with these values it is.
 */
#include "gateway/fingerprint.h"

#include "gateway/site.h"
#include "gateway/value_source.h"
#include "request_try.h"

#include <stdarg.h>
#include <stdio.h>

#define FORM "CONTENT_TYPE=application/x-www-form-urlencoded"
#define JSON "CONTENT_TYPE=application/json"

static const unsigned char secret[SECRET_LEN] = {1, 2, 3};
static const char *whole[] = {"method", "path", "query", "body", NULL};
static const char *scope_user[] = {"REMOTE_USER", NULL};
static const char *scope_cookie[] = {"cookie:session", "REMOTE_USER", NULL};
static const char *bind_auth[] = {"HTTP_AUTHORIZATION", NULL};

static struct route route = {.match = (char *)(uintptr_t) "/cgi-bin/*",
	.fingerprint = (strings)(uintptr_t)whole,
	.scope = (strings)(uintptr_t)scope_user,
	.bind = (strings)(uintptr_t)bind_auth};

static const char *hosts[] = {"SERVER_NAME", "HTTP_HOST", NULL};
static struct config config = {.site = (strings)(uintptr_t)hosts};

/* ---- requests ---- */

/* Is this the name of a "NAME=value"? */
static bool is_named(const char *pair, const char *other)
{
	size_t len = strcspn(pair, "=");

	return strncmp(pair, other, len + 1) == 0;
}

/*
 * The request that all others are compared with, changed by "NAME=value" strings; "(none)" takes
 * one away.  key NULL: it is derived, and put into `derived`.
 */
static char derived[KEY_MAX + 1];
static enum err last;

static struct operation take(const char *key, const char *body, const char *const *changes)
{
	static const char *const usual[] = {"REQUEST_METHOD=POST", "SCRIPT_NAME=/cgi-bin/a.pl",
		"SERVER_NAME=shop.example", "HTTP_HOST=shop.example", "PATH_INFO=/p",
		"QUERY_STRING=q=1", "REMOTE_USER=ann", "AUTH_TYPE=Basic",
		"HTTP_AUTHORIZATION=Bearer 1", "HTTP_COOKIE=other=1; session=s1",
		"REMOTE_ADDR=192.0.2.1", "HTTP_USER_AGENT=u", FORM};
	const char *params[32] = {NULL};
	struct request r;
	struct operation op;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		bool is_changed = false;

		for (const char *const *c = changes; c && *c; c++)
			is_changed = is_changed || is_named(usual[i], *c);
		if (!is_changed)
			params[n++] = usual[i];
	}
	for (; changes && *changes; changes++)
		if (!strstr(*changes, "=(none)"))
			params[n++] = *changes;
	r = try_request(&route, params, body, strlen(body));
	r.cf = &config;
	r.key.is_derived = !key;
	snprintf(r.key.text, sizeof(r.key.text), "%s", key ? key : "");
	r.key.len = strlen(r.key.text);
	last = fingerprint_take(secret, &r);
	snprintf(derived, sizeof(derived), "%s", r.key.text);
	if (last == OK)
		ok(r.key.len == strlen(r.key.text) && r.key.len > 0, "there is a key");
	op = r.op;
	request_free(&r);
	return op;
}

#define WITH(...)          take("k", "body", PARAMS(__VA_ARGS__))
#define SENDS(body, ...)   take("k", body, PARAMS(__VA_ARGS__))
#define DERIVES(body, ...) take(NULL, body, PARAMS(__VA_ARGS__))

/* same: which of identity, fingerprint and principal stay. */
__attribute__((format(printf, 4, 5))) static void compare(const struct operation *a,
	const struct operation *b, const char *same, const char *format, ...)
{
	char what[200];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	is_int(memcmp(a->identity, b->identity, IDENTITY_LEN) == 0, strchr(same, 'i') != NULL,
		"%s: identity", what);
	is_int(memcmp(a->fingerprint, b->fingerprint, FINGERPRINT_LEN) == 0,
		strchr(same, 'f') != NULL, "%s: fingerprint", what);
	is_int(memcmp(a->principal, b->principal, PRINCIPAL_LEN) == 0, strchr(same, 'p') != NULL,
		"%s: principal", what);
}

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
	compare(&usual, &op, "p", "another script of the route: another address");
	op = WITH("QUERY_STRING=");
	compare(&usual, &op, "ip", "another query");
	op = WITH("PATH_INFO=(none)", "SCRIPT_NAME=/cgi-bin/a.pl/p");
	compare(&usual, &op, "p", "the same text, split in another way");
	op = WITH("REMOTE_USER=bob");
	compare(&usual, &op, "f", "another user");
	op = WITH("HTTP_AUTHORIZATION=Bearer 2");
	compare(&usual, &op, "ifp", "a refreshed token of a known user");
	op = WITH("HTTP_X_OTHER=1");
	compare(&usual, &op, "ifp", "other fields");
	op = WITH("REMOTE_ADDR=192.0.2.2", "HTTP_USER_AGENT=v");
	compare(&usual, &op, "ifp", "another address");
}

/* Neither the route nor the file belongs to the identity; site and address do. */
static void compare_places(void)
{
	struct operation usual = take("k", "body", NULL), op;
	char longest[ADDRESS_MAX + 32] = "SCRIPT_NAME=/";
	char *match = route.match;

	is_str(usual.address, "/cgi-bin/a.pl", "the address is kept");
	route.match = (char *)(uintptr_t) "/cgi-bin/a.pl";
	op = WITH("SCRIPT_FILENAME=/srv/new/a.pl", "DOCUMENT_ROOT=/srv/new");
	compare(&usual, &op, "ifp", "a route of another name, a script that has moved");
	route.match = match;
	op = WITH("SERVER_NAME=evil.example", "HTTP_HOST=evil.example");
	compare(&usual, &op, "fp", "another site");
	op = WITH("SERVER_NAME=evil.example");
	compare(&usual, &op, "fp", "another server, and a Host of the client's liking");
	op = WITH("HTTP_HOST=tenant.example");
	compare(&usual, &op, "fp", "another tenant of one server");
	op = WITH("HTTP_HOST=SHOP.example.:80");
	compare(&usual, &op, "ifp", "the same host, spelled in another way");
	config.site = LIST("SERVER_NAME");
	usual = take("k", "body", NULL);
	op = WITH("HTTP_HOST=alias.example");
	compare(&usual, &op, "ifp", "aliases of one server, where the setting says so");
	config.site = LIST(NULL);
	usual = take("k", "body", NULL);
	op = WITH("SERVER_NAME=x", "HTTP_HOST=y");
	compare(&usual, &op, "ifp", "all hosts are one site, where the setting says so");
	config.site = (strings)(uintptr_t)hosts;

	memset(longest + strlen(longest), 'l', ADDRESS_MAX - 1);
	op = WITH(longest);
	is_int((intmax_t)strlen(op.address), ADDRESS_MAX, "the longest address that is kept");
	strcat(longest, "o");
	op = WITH(longest);
	is_str(op.address, "", "of a longer one no part is");
}

static void name_the_route(void)
{
	char *match = route.match;
	struct operation op;

	route.match = NULL;
	op = take("k", "body", NULL);
	is_str(op.route, "/cgi-bin/a.pl", "a control file's route is named by its script");
	op = WITH("SCRIPT_NAME=(none)");
	is_str(op.route, "", "if it has a name");
	route.match = match;
}

/* ---- callers ---- */

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
	op = WITH("REMOTE_USER=", "HTTP_AUTHORIZATION=");
	ok(memcmp(op.principal, none, PRINCIPAL_LEN) == 0, "nor with empty ones");
	route.scope = (strings)(uintptr_t)scope_cookie;
	usual = take("k", "body", NULL);
	op = WITH("HTTP_COOKIE=session=s2; other=1");
	compare(&usual, &op, "f", "another session cookie");
	op = WITH("HTTP_COOKIE=xsession=s2; session=s1; session=s3");
	compare(&usual, &op, "ifp", "the same among others");
	op = WITH("HTTP_COOKIE=session=ann", "REMOTE_USER=s1");
	compare(&usual, &op, "f", "values do not change places");
	route.scope = (strings)(uintptr_t)scope_user;
}

/* Credentials count unless there is a user, whatever the scope is and whoever wrote `bind`. */
static void bind_without_a_user(void)
{
	static const char *server[] = {"SERVER_NAME", "REMOTE_USER", NULL};
	struct operation one = WITH("HTTP_AUTHORIZATION=x"), two = WITH("HTTP_AUTHORIZATION=y");

	compare(&one, &two, "ifp", "other credentials of a user");
	route.has_own_bind = true;
	one = WITH("HTTP_AUTHORIZATION=x");
	two = WITH("HTTP_AUTHORIZATION=y");
	compare(&one, &two, "ifp", "with a bind that was given, too");
	route.has_own_bind = false;
	route.scope = (strings)(uintptr_t)server;
	one = WITH("REMOTE_USER=(none)", "HTTP_AUTHORIZATION=x");
	two = WITH("REMOTE_USER=(none)", "HTTP_AUTHORIZATION=y");
	compare(&one, &two, "if", "without a user: a scope that is always there changes nothing");
	two = WITH("REMOTE_USER=(none)", "HTTP_AUTHORIZATION=(none)");
	compare(&one, &two, "if", "nor does it stand for credentials");
	one = WITH("HTTP_AUTHORIZATION=x");
	two = WITH("HTTP_AUTHORIZATION=y");
	compare(&one, &two, "ifp", "and with a user they do not count");
	route.scope = LIST("SERVER_NAME");
	two = WITH("REMOTE_USER=bob", "HTTP_AUTHORIZATION=x");
	one = WITH("HTTP_AUTHORIZATION=x");
	compare(&one, &two, "if", "another user, whom the scope does not name: another principal");
	route.scope = (strings)(uintptr_t)scope_user;
}

/* nginx passes on whatever name a client gives itself: that does not stand for its password. */
static void doubt_a_claimed_user(void)
{
	struct operation one = WITH("AUTH_TYPE=(none)", "HTTP_AUTHORIZATION=Basic 1"), two;

	two = WITH("AUTH_TYPE=(none)", "HTTP_AUTHORIZATION=basic 2");
	compare(&one, &two, "if", "a user whom no server has authenticated: other credentials");
	two = WITH("AUTH_TYPE=(none)", "HTTP_AUTHORIZATION=Basic 1");
	compare(&one, &two, "ifp", "and the same");
	two = WITH("AUTH_TYPE=Basic", "HTTP_AUTHORIZATION=Basic 1");
	compare(&one, &two, "if", "one who is authenticated is somebody else");
	one = WITH("HTTP_AUTHORIZATION=Basic 2");
	compare(&one, &two, "ifp", "whose password may change");
	one = WITH("AUTH_TYPE=(none)");
	two = WITH("AUTH_TYPE=(none)", "HTTP_AUTHORIZATION=Bearer 2");
	compare(&one, &two, "ifp", "a name that does not come from Basic stands for itself");
}

/* Asked for alone, as for the address of an operation. */
static void know_the_caller_alone(void)
{
	static const unsigned char none[PRINCIPAL_LEN];
	struct operation op = take("k", "body", NULL);
	struct request r = try_request(
		&route, PARAMS("REQUEST_METHOD=GET", "REMOTE_USER=ann", "AUTH_TYPE=Basic"), "", 0);

	ok(fingerprint_principal(secret, &r), "somebody asks");
	ok(memcmp(r.op.principal, op.principal, PRINCIPAL_LEN) == 0,
		"the same one, whatever is asked");
	request_free(&r);
	r = try_request(&route, PARAMS("REQUEST_METHOD=GET", "HTTP_COOKIE=session=s1"), "", 0);
	ok(!fingerprint_principal(secret, &r), "nobody asks");
	ok(memcmp(r.op.principal, none, PRINCIPAL_LEN) == 0, "who is all zero");
	request_free(&r);
}

/* ---- who looks like whom ---- */

/* What is known of a request: k it says who asks; p it comes from whom the usual one came from. */
static const char *known(const char *const *params, const char *const *first)
{
	static char text[4];
	struct request r = try_request(&route, first, "", 0);
	struct operation op;

	(void)fingerprint_principal(secret, &r);
	op = r.op;
	request_free(&r);
	r = try_request(&route, params, "", 0);
	(void)fingerprint_principal(secret, &r);
	snprintf(text, sizeof(text), "%s%s", fingerprint_is_known(&r) ? "k" : "",
		fingerprint_is_same_person(&r, &op) ? "p" : "");
	request_free(&r);
	return text;
}

#define KNOWN(...) known(PARAMS(__VA_ARGS__), PARAMS(__VA_ARGS__))

static void know_who_asks(void)
{
	static const char *scope[] = {"SERVER_NAME", "cookie:session", NULL};
	static const char *const ann[] = {"HTTP_COOKIE=a=1", "REMOTE_ADDR=192.0.2.1", NULL};

	is_str(KNOWN("REMOTE_USER=ann", "AUTH_TYPE=Basic"), "kp", "a user");
	is_str(KNOWN("HTTP_AUTHORIZATION=Bearer 1"), "kp", "credentials");
	is_str(KNOWN("HTTP_COOKIE=a=1"), "p", "a cookie that no setting names");
	is_str(KNOWN("HTTP_COOKIE="), "", "an empty one");
	is_str(KNOWN("REMOTE_ADDR=192.0.2.1", "HTTP_USER_AGENT=u"), "", "an address and a browser");
	route.bind = LIST("HTTP_X_API_KEY");
	is_str(KNOWN("HTTP_X_API_KEY=1"), "kp", "credentials that the route names");
	is_str(KNOWN("HTTP_AUTHORIZATION=Bearer 1"), "p", "others, as a cookie");
	is_str(KNOWN("REMOTE_USER=ann", "HTTP_AUTHORIZATION=Basic 1"), "p",
		"a name that a client gave itself is none");
	route.bind = (strings)(uintptr_t)bind_auth;
	route.scope = (strings)(uintptr_t)scope;
	is_str(KNOWN("SERVER_NAME=a"), "", "a variable that everybody has");
	is_str(KNOWN("SERVER_NAME=a", "HTTP_COOKIE=session=1"), "kp", "a cookie of the scope");
	route.scope = (strings)(uintptr_t)scope_user;
	is_str(known(PARAMS("HTTP_COOKIE=a=1", "REMOTE_ADDR=192.0.2.1"), ann), "p", "Ann again");
	is_str(known(PARAMS("HTTP_COOKIE=a=2", "REMOTE_ADDR=192.0.2.1"), ann), "", "not Ann");
	is_str(known(PARAMS("HTTP_COOKIE=a=1", "REMOTE_ADDR=192.0.2.2"), ann), "",
		"who sends her cookie from elsewhere");
	is_str(known(PARAMS("HTTP_COOKIE=a=1", "REMOTE_ADDR=192.0.2.1", "REMOTE_USER=ann"), ann),
		"k", "or with a name");
}

/* ---- other fingerprints ---- */

static void choose_what_counts(void)
{
	struct operation usual, op;

	route.fingerprint = LIST("method", "form:a", "header:X-Part", "query:q");
	usual = SENDS("a=1&b=1", "HTTP_X_PART=p");
	op = SENDS("a=1&b=2", "HTTP_X_PART=p", "PATH_INFO=/other");
	compare(&usual, &op, "ifp", "what is not named does not count");
	op = SENDS("a=2&b=1", "HTTP_X_PART=p");
	compare(&usual, &op, "ip", "another field");
	op = SENDS("b=1", "HTTP_X_PART=p");
	compare(&usual, &op, "ip", "no field");
	op = SENDS("a=1", "HTTP_X_PART=P");
	compare(&usual, &op, "ip", "another header field");
	op = SENDS("a=1", "HTTP_X_PART=p", "QUERY_STRING=q=2&x");
	compare(&usual, &op, "ip", "another parameter");
	op = SENDS("a=1", "HTTP_X_PART=p", "QUERY_STRING=q=1&x");
	compare(&usual, &op, "ifp", "and one that is not named");
	op = SENDS("a=p", "HTTP_X_PART=1");
	compare(&usual, &op, "ip", "values do not change places");
	usual = SENDS("a=", "HTTP_X_PART=p");
	op = SENDS("b", "HTTP_X_PART=p");
	compare(&usual, &op, "ip", "an empty one is there");
	route.fingerprint = (strings)(uintptr_t)whole;
}

/* However often a value is there, and however long it is, all of it counts. */
static void count_all_of_it(void)
{
	static char longest[2][3 * VALUE_MAX];
	struct operation usual, op;

	route.fingerprint = LIST("form:a", "json:/a", "header:X-Part");
	usual = SENDS("a=1&a=2", "HTTP_X_PART=p");
	op = SENDS("a=1&b=3&a=2", "HTTP_X_PART=p");
	compare(&usual, &op, "ifp", "there twice");
	op = SENDS("a=1&a=3", "HTTP_X_PART=p");
	compare(&usual, &op, "ip", "another second one");
	op = SENDS("a=2&a=1", "HTTP_X_PART=p");
	compare(&usual, &op, "ip", "in another order");
	op = SENDS("a=1", "HTTP_X_PART=p");
	compare(&usual, &op, "ip", "there once");
	op = SENDS("a=12&a=", "HTTP_X_PART=p");
	compare(&usual, &op, "ip", "divided in another way");
	usual = SENDS("", "HTTP_X_PART=p", "HTTP_X_PART=q");
	op = SENDS("", "HTTP_X_PART=p", "HTTP_X_PART=r");
	compare(&usual, &op, "ip", "a header field twice");
	for (int i = 0; i < 2; i++) {
		memset(longest[i], 'v', sizeof(longest[i]) - 1);
		memcpy(longest[i], "a=", 2);
	}
	longest[1][sizeof(longest[1]) - 2] = 'w';
	usual = take("k", longest[0], NULL);
	op = take("k", longest[0], NULL);
	compare(&usual, &op, "ifp", "a long one");
	op = take("k", longest[1], NULL);
	compare(&usual, &op, "ip", "another end of a long one");
	SENDS("{\"a\":", JSON);
	is_int(last, ERR_INVALID, "a body that is not what it says: %s", err_text());
	SENDS("{\"a\":1}", JSON);
	is_int(last, OK, "one that is");
	route.fingerprint = (strings)(uintptr_t)whole;
	SENDS("{\"a\":", JSON);
	is_int(last, OK, "the body as a whole is what it is");
}

/* ---- derived keys ---- */

static void derive_keys(void)
{
	static const char *const apart[] = {"HTTP_COOKIE=other=1; session=s2", "HTTP_COOKIE=(none)",
		"HTTP_X_FORWARDED_FOR=192.0.2.7", "HTTP_FORWARDED=for=192.0.2.7",
		"HTTP_ACCEPT_LANGUAGE=de", "REMOTE_ADDR=192.0.2.2", "HTTP_USER_AGENT=v"};
	struct operation one = DERIVES("a=1", FORM), two;
	char key[KEY_MAX + 1];

	snprintf(key, sizeof(key), "%s", derived);
	ok(strlen(key) == 64 && strspn(key, "0123456789abcdef") == 64, "a derived key: %s", key);
	two = DERIVES("a=1", FORM);
	compare(&one, &two, "ifp", "the same request: the same operation");
	is_str(derived, key, "and the same key");
	two = DERIVES("a=2", FORM);
	compare(&one, &two, "p", "another request: another operation");
	two = DERIVES("a=1", "REMOTE_USER=bob");
	compare(&one, &two, "f", "another user's is another one");
	two = DERIVES("a=1", "REMOTE_ADDR=192.0.2.2", "HTTP_USER_AGENT=v");
	compare(&one, &two, "fp", "the same user from elsewhere: another operation");
	one = DERIVES("a=1", "REMOTE_USER=(none)", "HTTP_AUTHORIZATION=(none)");
	two = DERIVES("a=1", "REMOTE_USER=(none)", "HTTP_AUTHORIZATION=(none)");
	compare(&one, &two, "ifp", "of strangers: the same from one place");
	two = DERIVES(
		"a=1", "REMOTE_USER=(none)", "HTTP_AUTHORIZATION=(none)", "REMOTE_ADDR=192.0.2.2");
	compare(&one, &two, "fp", "of strangers: another address, another operation");
	two = DERIVES(
		"a=1", "REMOTE_USER=(none)", "HTTP_AUTHORIZATION=(none)", "HTTP_USER_AGENT=v");
	compare(&one, &two, "fp", "of strangers: another browser, another operation");
	one = DERIVES("a=1", "REMOTE_USER=(none)", "HTTP_AUTHORIZATION=x");
	two = DERIVES("a=1", "REMOTE_USER=(none)", "HTTP_AUTHORIZATION=y");
	compare(&one, &two, "f", "of two with other credentials: two operations");
	two = DERIVES("a=1", "REMOTE_USER=(none)", "HTTP_AUTHORIZATION=x", "REMOTE_ADDR=192.0.2.2");
	compare(&one, &two, "fp", "with the same from elsewhere: two, too");
	for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++) {
		one = DERIVES("a=1", "REMOTE_USER=(none)", "HTTP_AUTHORIZATION=(none)");
		two = DERIVES("a=1", "REMOTE_USER=(none)", "HTTP_AUTHORIZATION=(none)", apart[i]);
		compare(&one, &two, "fp", "what tells two strangers apart: %s", apart[i]);
	}
	one = DERIVES("a=1", FORM);
	two = take(key, "a=1", NULL);
	compare(&one, &two, "fp", "a client that chooses that very key has one of its own");
}

/* ---- natural keys ---- */

static const char *natural_at[] = {"SCRIPT_NAME=/cgi-bin/a.pl", "SERVER_NAME=shop.example"};

/* The digest as text; "none"; or "invalid". */
static const char *natural(const char *type, const char *body)
{
	static char text[4][2 * NATURAL_LEN + 1];
	static int next;
	unsigned char bytes[NATURAL_LEN];
	char *out = text[next++ % 4];
	struct request r = try_request(&route,
		PARAMS(natural_at[0], natural_at[1], "QUERY_STRING=c=x", type), body, strlen(body));
	enum err e;

	r.cf = &config;
	fingerprint_place(secret, &r);
	e = fingerprint_natural(secret, &r, bytes);

	request_free(&r);
	if (e == ERR_ABSENT)
		return "none";
	if (e != OK)
		return e == ERR_INVALID && !strstr(err_text(), "sEcReT") ? "invalid" : err_text();
	hex_text(bytes, sizeof(bytes), out);
	return out;
}

static void same_natural(bool same, const char *a, const char *b)
{
	const char *one = natural(FORM, a), *two = natural(FORM, b);

	ok(strlen(one) == 32 && strlen(two) == 32 && (strcmp(one, two) == 0) == same,
		"natural key: %s | %s", a, b);
}

static void compare_natural_keys(void)
{
	char longest[VALUE_MAX + 8], *match = route.match;
	const char *one, *two;

	route.unique = LIST("form:a", "form:b");
	same_natural(true, "a=1&b=2&c=3", "c=4&b=2&a=1");
	same_natural(false, "a=1&b=2", "a=1&b=3");
	same_natural(false, "a=1&b=2", "a=2&b=1");
	same_natural(false, "a=12&b=", "a=1&b=2");
	same_natural(true, "a=1&b=", "a=1&b&c=2");
	is_str(natural(FORM, "c=1"), "none", "none of its values is there");
	is_str(natural(FORM, "a=1"), "none", "one is there, the other is not");
	is_str(natural(FORM, "b=1"), "none", "... whichever it is");
	is_str(natural(FORM, "b=1&b=2"), "invalid", "one is there twice, the other is not");
	is_str(natural("CONTENT_TYPE=text/plain", "c=1"), "none", "no form");
	is_str(natural("CONTENT_TYPE=text/plain", "a=1"), "invalid", "a form that does not say so");
	is_str(natural(FORM, "a=sEcReT&a=sEcReT"), "invalid", "one is there twice");
	memset(longest, 'v', sizeof(longest));
	memcpy(longest, "a=", 2);
	longest[VALUE_MAX + 3] = '\0';
	is_str(natural(FORM, longest), "invalid", "one is too long");

	route.unique = LIST("form:a");
	one = natural(FORM, "a=1");
	route.match = (char *)(uintptr_t) "/other/*";
	two = natural(FORM, "a=1");
	is_str(two, one, "a route of another name: the same");
	route.match = match;
	natural_at[0] = "SCRIPT_NAME=/cgi-bin/b.pl";
	ok(strcmp(one, natural(FORM, "a=1")) != 0, "another address's is another one");
	natural_at[0] = "SCRIPT_NAME=/cgi-bin/a.pl";
	natural_at[1] = "SERVER_NAME=other.example";
	ok(strcmp(one, natural(FORM, "a=1")) != 0, "another site's is another one");
	natural_at[1] = "SERVER_NAME=shop.example";

	route.unique = LIST("json:/a");
	one = natural(JSON, "{\"a\":\"1\", \"b\":2}");
	two = natural(JSON, "{\"b\":3,\"a\":\"1\"}");
	is_str(two, one, "out of JSON");
	is_str(natural(JSON, "{\"a\":null}"), "none", "null is none");
	is_str(natural(JSON, "{\"sEcReT\":"), "invalid", "no JSON after all");
	route.unique = LIST("query:c");
	ok(strlen(natural(JSON, "")) == 32, "or of the query");
	route.unique = NULL;
}

static void name_it_by_hand(void)
{
	struct operation usual = take("k", "body", NULL);
	unsigned char identity[IDENTITY_LEN];
	unsigned char place[PLACE_LEN];
	const char *scope[] = {"ann"}, *host[] = {"shop.example"};
	char one[37], two[37];

	site_place_named(secret, config.site, host, 1, "/cgi-bin/a.pl", place);
	fingerprint_identity(secret, place, "k", scope, 1, identity);
	ok(memcmp(identity, usual.identity, IDENTITY_LEN) == 0,
		"an operator can name it by its parts");
	scope[0] = NULL;
	fingerprint_identity(secret, place, "k", scope, 1, identity);
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

int main(void)
{
	compare_requests();
	compare_places();
	name_the_route();
	compare_callers();
	bind_without_a_user();
	doubt_a_claimed_user();
	know_the_caller_alone();
	know_who_asks();
	choose_what_counts();
	count_all_of_it();
	derive_keys();
	compare_natural_keys();
	name_it_by_hand();
	return done_testing();
}
