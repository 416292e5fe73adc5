/* SPDX-License-Identifier: ISC */
/*
 * Claims: the body comes out of its chunks whole, wherever the pieces are cut; what is no chunk is
 * seen; a missing end is seen.
 */
#include "../../src/cgi/chunks.c"

#include "../tap.h"

#include <stdbool.h>

/* Decodes `in` in pieces of n bytes; out is NUL-terminated. */
static enum chunks_at decode(const char *in, size_t n, char out[256])
{
	struct chunks c = CHUNKS_START;
	size_t len = strlen(in), done = 0;

	for (size_t at = 0; at < len; at += n)
		done += chunks_decode(&c, in + at, len - at < n ? len - at : n, out + done);
	out[done] = '\0';
	return c.at;
}

static void gives(const char *in, enum chunks_at at, const char *body, const char *claim)
{
	bool same = true;
	char out[256];

	for (size_t n = 1; n <= strlen(in); n++)
		same = same && decode(in, n, out) == at &&
		       (at == CHUNKS_BROKEN || strcmp(out, body) == 0);
	ok(same, "%s: %s", claim, out);
}

int main(void)
{
	char in_place[] = "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
	struct chunks c = CHUNKS_START;
	size_t n;

	gives("5\r\nhello\r\n0\r\n\r\n", CHUNKS_ENDED, "hello", "one chunk");
	gives("A\r\n0123456789\r\n00b\r\n0123456789a\r\n0\r\n\r\n", CHUNKS_ENDED,
		"01234567890123456789a", "two chunks, digits in both cases");
	gives("5;x=y\r\nhello\r\n3 ; q=\"\r\"\r\nabc\r\n0;z\r\nX-T: u\r\n\r\n", CHUNKS_ENDED,
		"helloabc", "extensions and trailers");
	gives("5\nhello\n0\n\n", CHUNKS_ENDED, "hello", "LF alone");
	gives("5\r\nhello\r\n0\r\n\r\nmore", CHUNKS_ENDED, "hello", "more behind the last");
	gives("5\r\n\r\n0\r\n\r\n0\r\n\r\n", CHUNKS_ENDED, "\r\n0\r\n", "data like chunks");
	gives("0\r\n", CHUNKS_ENDED, "", "no data");
	gives("5\r\nhello\r\n", CHUNKS_SIZE, "hello", "no last chunk");
	gives("5\r\nhel", CHUNKS_DATA, "hel", "cut in the data");
	gives("5", CHUNKS_SIZE, "", "cut in a size");
	gives("hello there\r\n", CHUNKS_BROKEN, "", "text");
	gives("\r\n5\r\nhello\r\n0\r\n\r\n", CHUNKS_BROKEN, "", "no size");
	gives("5\r\nhelloX0\r\n", CHUNKS_BROKEN, "", "data behind the data");
	gives("-5\r\nhello\r\n", CHUNKS_BROKEN, "", "a sign");
	gives("5g\r\nhello\r\n", CHUNKS_BROKEN, "", "a letter behind the size");
	gives("1000000000000000\r\n", CHUNKS_BROKEN, "", "a size of too many digits");
	gives("fffffffffffffff\r\nx", CHUNKS_DATA, "x", "the largest size");
	n = chunks_decode(&c, in_place, sizeof(in_place) - 1, in_place);
	ok(n == 5 && memcmp(in_place, "abcde", 5) == 0, "in place");
	return done_testing();
}
