/* SPDX-License-Identifier: ISC */
/*
 * Claims: the way back is a path on the host that was asked, and nothing else that a Referer may
 * say.
 */
#include "../../src/gateway/way_back.c"

#include "../tap.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *host, *referer, *want;
} cases[] = {
	{"shop.example", "https://shop.example/order.html", "/order.html"},
	{"shop.example", "http://shop.example/a/b?item=1&size='2'#top", "/a/b?item=1&size='2'"},
	{"Shop.Example:8080", "HTTP://shop.example:8080/", "/"},
	{"[::1]:80", "http://[::1]:80/x", "/x"},
	{"shop.example", "https://shop.example//evil.example/x", "/evil.example/x"},
	{"shop.example", "https://shop.example///evil.example/x", "/evil.example/x"},
	{"shop.example", "https://shop.example", NULL},
	{"shop.example", "https://shop.example?x", NULL},
	{"shop.example", "https://shop.example:81/x", NULL},
	{"shop.example", "https://shop.example.evil.example/x", NULL},
	{"shop.example", "https://shop.example@evil.example/x", NULL},
	{"shop.example", "https://evil.example/shop.example/", NULL},
	{"shop.example", "https://evil.example/https://shop.example/", NULL},
	{"shop.example", "javascript:alert(1)//shop.example/", NULL},
	{"shop.example", "ftp://shop.example/x", NULL},
	{"shop.example", "//shop.example/x", NULL},
	{"shop.example", "/x", NULL},
	{"shop.example", "", NULL},
	{"shop.example", NULL, NULL},
	{"", "https:///x", NULL},
	{NULL, "https:///x", NULL},
	{"shop.example", "https://shop.example/\\evil.example", NULL},
	{"shop.example", "https://shop.example/<script>", NULL},
	{"shop.example", "https://shop.example/\">", NULL},
	{"shop.example", "https://shop.example/a b", NULL},
	{"shop.example", "https://shop.example/\xc3\xa4", NULL},
	{"shop.example", "https://shop.example/a\r\nX: y", NULL},
	{"shop.example", "https://shop.example/order.pl?_operation=0123", NULL},
};

static void try(const char *host, const char *referer, const char *want)
{
	struct variables v = {0};
	char *got;

	if ((host && variables_set(&v, "HTTP_HOST", host) != OK) ||
		(referer && variables_set(&v, "HTTP_REFERER", referer) != OK))
		ok(false, "set up");
	got = way_back(&v);
	is_str(got, want, "%s from %.60s", host ? host : "(none)", referer ? referer : "(none)");
	free(got);
	variables_free(&v);
}

int main(void)
{
	char url[3000] = "http://shop.example/";

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		try(cases[i].host, cases[i].referer, cases[i].want);
	memset(url + 20, 'x', 1999);
	try("shop.example", url, url + 19);
	url[20 + 1999] = 'x';
	try("shop.example", url, NULL);
	return done_testing();
}
