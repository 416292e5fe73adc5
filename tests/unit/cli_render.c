/* SPDX-License-Identifier: ISC */
/*
 * Claims: no text that a verb prints can act on a terminal, and what is readable stays as it is.
 */
#include "cli/render.h"

#include "../tap.h"

#include <stdlib.h>
#include <string.h>

static void prints(const char *text, size_t len, bool lines, const char *want, const char *claim)
{
	char *out = NULL;
	size_t out_len = 0;
	FILE *f = open_memstream(&out, &out_len);

	cli_put(f, text, len, lines);
	fclose(f);
	is_str(out, want, "%s", claim);
	free(out);
}

static void shows(const char *text, const char *want, const char *claim)
{
	prints(text, strlen(text), false, want, claim);
}

int main(void)
{
	shows("a \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 ~",
		"a \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 ~", "UTF-8");
	shows("\x1b]0;x\x07\x7f", "\\x1b]0;x\\x07\\x7f", "escapes");
	shows("a\tb\nc\r", "a\\x09b\\x0ac\\x0d", "a row stays one row");
	prints("a\tb\nc\r", 6, true, "a\tb\nc\\x0d", "lines may stay");
	prints("a\0b", 3, false, "a\\x00b", "NUL");
	shows("\xc2\x9b"
	      "2J\xc2\x80\xc2\xa0",
		"\\xc2\\x9b2J\\xc2\\x80\xc2\xa0", "C1 control characters");
	shows("\x9b"
	      "2J\xff",
		"\\x9b2J\\xff", "bytes that are not UTF-8");
	shows("\xc3", "\\xc3", "a character that is cut off");
	shows("\xc3(\xe2\x82(\xf0\x9f\x98(", "\\xc3(\\xe2\\x82(\\xf0\\x9f\\x98(",
		"broken characters");
	shows("\xc0\x9b\xc1\x9b", "\\xc0\\x9b\\xc1\\x9b", "overlong ones");
	return done_testing();
}
