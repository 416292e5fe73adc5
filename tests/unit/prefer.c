/* SPDX-License-Identifier: ISC */
/* Claim: of a Prefer field respond-async and wait are read as RFC 7240 writes them; the rest, and
 * what is malformed, is passed over. */
#include "http/prefer.h"

#include "tap.h"

/* want: wait_ms, -1: none. */
static void reads(const char *field, bool respond_async, int64_t wait_ms)
{
	struct prefer got = prefer_read(field);

	is_int(got.respond_async, respond_async, "respond-async in: %s", field ? field : "(none)");
	is_int(got.wait_ms, wait_ms, "wait in: %s", field ? field : "(none)");
}

/* The examples of RFC 7240, sections 2, 4.1 and 4.3, and of its text. */
static void read_vectors(void)
{
	reads("respond-async", true, -1);
	reads("wait=100", false, 100000);
	reads("respond-async, wait=100", true, 100000);
	reads("respond-async, wait=10", true, 10000);
	reads("handling=lenient, wait=100, respond-async", true, 100000);
	reads("priority=5", false, -1);
	reads("foo; some-parameter", false, -1);
	reads("foo=\"\"", false, -1);
	reads("Lenient", false, -1);
	reads("return=minimal; foo=\"some parameter value\"", false, -1);
	reads("return=representation", false, -1);
	reads("foo", false, -1);
	reads(NULL, false, -1);
	reads("", false, -1);
}

static void read_spellings(void)
{
	reads("Respond-Async", true, -1);
	reads("WAIT=5", false, 5000);
	reads(" \trespond-async\t , \twait \t=\t 5 \t", true, 5000);
	reads("wait=\"5\"", false, 5000);
	reads("wait=5;foo=bar;baz", false, 5000);
	reads("wait=5 ; foo", false, 5000);
	reads("respond-async;foo=\"a,b\"", true, -1);
	reads("respond-async ;foo", true, -1);
	reads(",,, respond-async,,wait=5,", true, 5000);
	reads(",", false, -1);
	reads("wait=0", false, 0);
	reads("wait=0010", false, 10000);
	reads("wait=86400", false, 86400000);
	reads("wait=86401", false, 86400000);
	reads("wait=999999999", false, 86400000);
}

static void read_quoted_strings(void)
{
	reads("foo=\"respond-async\", wait=5", false, 5000);
	reads("foo=\"a, respond-async, wait=7\", wait=5", false, 5000);
	reads("foo=\"a\\\", respond-async, \\\"\", wait=5", false, 5000);
	reads("foo=\"a\\\\\", respond-async", true, -1);
	reads("foo;bar=\"x, wait=7\", wait=5", false, 5000);
	reads("foo=\"not closed, respond-async, wait=5", false, -1);
	reads("\"respond-async\", \"wait\"=5", false, -1);
	reads("foo=\"\\", false, -1);
}

static void read_repeats(void)
{
	reads("wait=5, wait=7", false, 5000);
	reads("wait=0, wait=7", false, 0);
	reads("wait=5, respond-async, wait=\"7\", respond-async", true, 5000);
}

static void pass_over_the_malformed(void)
{
	static const char *const bad[] = {"wait", "wait=", "wait=\"\"", "wait=a", "wait=-1",
		"wait=+1", "wait=1.5", "wait=5s", "wait=5 6", "wait 5", "wait=1000000000",
		"wait=0x5", "wait=\"5", "wait=5\"", "wait=\"5,6\"", "wait=\"5;6\"", "wait=\" 5\"",
		"wait=\"\"5\"\"", "waits=5", "await=5", "wait-=5", "x;wait=5", "x wait=5",
		"wait==5", "respond-asyn", "respond-async-x", "respond_async", "x respond-async",
		"x;respond-async", "=", ";", "\"", "=respond-async", ";wait=5"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		reads(bad[i], false, -1);
}

int main(void)
{
	read_vectors();
	read_spellings();
	read_quoted_strings();
	read_repeats();
	pass_over_the_malformed();
	return done_testing();
}
