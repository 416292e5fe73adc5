/* SPDX-License-Identifier: ISC */
/*
 * Claims: Accept chooses as a browser and as a program expect.
 */
#include "../../src/http/accept.c"

#include "../tap.h"

static void test_accept(void)
{
	static const struct {
		bool want;
		const char *accept;
	} cases[] = {
		{false, NULL},
		{false, ""},
		{false, "*/*"},
		{false, "application/json"},
		{false, "text/html;q=0.5, application/json"},
		{false, "text/html, application/json"},
		{false, "text/html, application/problem+json"},
		{false, "text/html, */*"},
		{false, "text/html;q=0"},
		{false, "text/html;q=0.8, application/*;q=0.9"},
		{false, "text/html;q=1.5"},
		{false, "text/html;q=a"},
		{false, "text/html;q="},
		{false, "text/html;q=0.1234"},
		{false, "text/htmlx, xtext/html, text/*"},
		{false, ",;,;q=1,, ;"},
		{true, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
		{true, "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,"
		       "image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"},
		{true, "text/html"},
		{true, "TEXT/HTML ; Q=0.5 , */* ;q=0.499"},
		{true, "application/xhtml+xml, */*;q=0.1"},
		{true, "text/html;level=1;q=0.4, application/json;q=0.3"},
		{true, "*/*;q=0.8,text/html;q=1.000"},
		{true, "text/html;q=0.001"},
		/* Safari, Lynx, w3m; jQuery asking for a page */
		{true, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
		{true, "text/html, text/plain, text/sgml, text/css, application/xhtml+xml, "
		       "*/*;q=0.01"},
		{true, "text/html, text/*;q=0.5, image/*, application/*;q=0.5, */*;q=0.4"},
		{true, "text/html, */*; q=0.01"},
		/* fetch() and curl, axios, jQuery, a proxy that adds nothing */
		{false, "*/*;q=1"},
		{false, "application/json, text/plain, */*"},
		{false, "application/json, text/javascript, */*; q=0.01"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_int(accept_prefers_html(cases[i].accept), cases[i].want, "Accept: %s",
			cases[i].accept ? cases[i].accept : "(none)");
}

int main(void)
{
	test_accept();
	return done_testing();
}
