/* SPDX-License-Identifier: ISC */
/*
 * Claim: however a host is spelled it is one site, and no two hosts are; an operator can name a
 * site by its host.
 */
#include "gateway/site.h"

#include "base/digest.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

static const unsigned char secret[SECRET_LEN] = {9};

#define NAMES(...) ((strings)(uintptr_t)(const char *const[]){__VA_ARGS__, NULL})
#define SENT(...)  place(NAMES("SERVER_NAME", "HTTP_HOST"), (const char *[]){__VA_ARGS__, NULL})

/* The place of a request for /x with these variables, as text. */
static const char *place(strings names, const char **sent)
{
	static char text[16][2 * PLACE_LEN + 1];
	static int next;
	char *out = text[next++ % 16];
	unsigned char bytes[PLACE_LEN];
	struct variables v = {0};
	bool has_address = false;

	for (; *sent; sent++) {
		char *pair = strdup(*sent), *value = strchr(pair, '=');

		*value++ = '\0';
		has_address = has_address || strcmp(pair, "SCRIPT_NAME") == 0;
		if (variables_set(&v, pair, value) != OK)
			ok(0, "a step of the test");
		free(pair);
	}
	if (!has_address && variables_set(&v, "SCRIPT_NAME", "/x") != OK)
		ok(0, "a step of the test");
	site_place(secret, names, &v, bytes);
	variables_free(&v);
	hex_text(bytes, sizeof(bytes), out);
	return out;
}

/* The same for a Host alone. */
static const char *at(const char *host, const char *more)
{
	char pair[1024];

	snprintf(pair, sizeof(pair), "HTTP_HOST=%s", host);
	return place(NAMES("HTTP_HOST"), (const char *[]){pair, more, NULL});
}

static void spell_one_host(void)
{
	static const char *const same[][2] = {{"shop.example", "SHOP.Example"},
		{"shop.example", "shop.example."}, {"shop.example", "shop.example:80"},
		{"shop.example", "shop.example.:80"}, {"shop.example", "shop.example:"},
		{"shop.example", "shop.example:0080"}, {"shop.example:8080", "Shop.example.:8080"},
		{"[2001:db8::1]", "[2001:DB8::1]:80"}, {"192.0.2.1", "192.0.2.1:80"}};
	static const char *const other[][2] = {{"shop.example", "shop.example:8080"},
		{"shop.example", "shop.example:443"}, {"shop.example:443", "shop.example:444"},
		{"shop.example", "xshop.example"}, {"shop.example", "shop.example.."},
		{"::1", "::1:80"}, {"[::1]", "::1"}, {"a:b:80", "a:b"}, {"a", "b"},
		{"shop.example:x80", "shop.example"}, {"/srv/www.", "/srv/www"},
		{"/srv/A", "/srv/a"}, {".", ""}};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		is_str(at(same[i][1], NULL), at(same[i][0], NULL), "one: %s | %s", same[i][0],
			same[i][1]);
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		ok(strcmp(at(other[i][0], NULL), at(other[i][1], NULL)) != 0, "two: %s | %s",
			other[i][0], other[i][1]);
}

static void know_the_scheme(void)
{
	static const char *const secure[] = {"HTTPS=on", "HTTPS=1", "REQUEST_SCHEME=https"};
	static const char *const plain[] = {"HTTPS=off", "HTTPS=", "REQUEST_SCHEME=http"};

	for (size_t i = 0; i < sizeof(secure) / sizeof(secure[0]); i++) {
		is_str(at("a:443", secure[i]), at("a", NULL), "%s: 443 is its own port", secure[i]);
		ok(strcmp(at("a:80", secure[i]), at("a", NULL)) != 0, "and 80 is not");
	}
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		is_str(at("a:80", plain[i]), at("a", NULL), "%s: 80 is its own port", plain[i]);
		ok(strcmp(at("a:443", plain[i]), at("a", NULL)) != 0, "and 443 is not");
	}
}

static void count_all_parts(void)
{
	const char *usual = SENT("SERVER_NAME=a", "HTTP_HOST=a");

	is_str(SENT("SERVER_NAME=a"), usual, "a Host that is missing is SERVER_NAME");
	is_str(SENT("SERVER_NAME=a", "HTTP_HOST="), usual, "an empty one, too");
	ok(strcmp(SENT("SERVER_NAME=b", "HTTP_HOST=a"), usual) != 0, "the server counts");
	ok(strcmp(SENT("SERVER_NAME=a", "HTTP_HOST=b"), usual) != 0, "the Host counts");
	usual = SENT("SERVER_NAME=a", "HTTP_HOST=b");
	ok(strcmp(SENT("SERVER_NAME=b", "HTTP_HOST=a"), usual) != 0, "they do not change places");
	usual = SENT("SERVER_NAME=a", "HTTP_HOST=a");
	ok(strcmp(SENT("HTTP_HOST=a"), usual) != 0, "a missing SERVER_NAME is another one");
	ok(strcmp(SENT("SERVER_NAME=a", "HTTP_HOST=a", "SCRIPT_NAME=/y"), usual) != 0,
		"another address");
	is_str(place(NULL, (const char *[]){"HTTP_HOST=b", NULL}),
		place(NULL, (const char *[]){"HTTP_HOST=c", NULL}), "no variables: one site");
	ok(strcmp(place(NULL, (const char *[]){"SCRIPT_NAME=a", NULL}),
		   place(NAMES("HTTP_HOST"),
			   (const char *[]){"HTTP_HOST=a", "SCRIPT_NAME=", NULL})) != 0,
		"a host is not an address");
}

static void count_long_ones(void)
{
	static char one[900], two[900];

	memset(one, 'h', sizeof(one) - 1);
	memset(two, 'h', sizeof(two) - 1);
	one[sizeof(one) - 2] = 'x';
	ok(strcmp(at(one, NULL), at(two, NULL)) != 0, "what is too long for a host counts whole");
	is_str(at(one, NULL), at(one, NULL), "and is the same again");
}

static const char *named(strings names, const char *const *hosts, size_t n)
{
	static char text[2 * PLACE_LEN + 1];
	unsigned char bytes[PLACE_LEN];

	site_place_named(secret, names, hosts, n, "/x", bytes);
	hex_text(bytes, sizeof(bytes), text);
	return text;
}

static void name_it_by_hand(void)
{
	strings both = NAMES("SERVER_NAME", "HTTP_HOST");
	const char *one[] = {"Shop.example:8080"}, *two[] = {"a.example", "b.example"};

	is_str(named(both, one, 1), SENT("SERVER_NAME=shop.example", "HTTP_HOST=shop.example:8080"),
		"one host, with a port");
	is_str(named(both, two, 2), SENT("SERVER_NAME=a.example", "HTTP_HOST=b.example"),
		"two of them, in the setting's order");
	is_str(named(NULL, NULL, 0), place(NULL, (const char *[]){"HTTP_HOST=a", NULL}),
		"none, where all hosts are one site");
}

int main(void)
{
	spell_one_host();
	know_the_scheme();
	count_all_parts();
	count_long_ones();
	name_it_by_hand();
	return done_testing();
}
