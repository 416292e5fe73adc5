/* SPDX-License-Identifier: ISC */
/*
 * Claims: all ways to write one JSON value have one digest, any other value has another one, and an
 * object with a name twice has none, however many members it has; memory does not grow with the
 * document.
 */
#define NAMES_MAX 128
#include "../../src/http/json_digest.c"

#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

static unsigned char key[DIGEST_LEN] = {1};

struct text {
	const char *bytes;
	int times; /* it was read */
};

static enum err give(void *from, json_take *take, void *arg)
{
	struct text *t = from;

	t->times++;
	return take(arg, t->bytes, strlen(t->bytes));
}

static enum err digest(
	const char *text, const char *at, const char *ignored, unsigned char out[DIGEST_LEN])
{
	struct text t = {text, 0};
	const char *list[] = {"form:a", ignored, NULL};

	return json_digest(give, &t, key, at, list, out);
}

static void compare(bool same, const char *one, const char *other)
{
	unsigned char a[DIGEST_LEN] = {1}, b[DIGEST_LEN] = {2};

	ok(digest(one, "", NULL, a) == OK && digest(other, "", NULL, b) == OK,
		"two digests: %.40s | %.40s", one, other);
	is_int(memcmp(a, b, DIGEST_LEN) == 0, same, "... the same");
}

static void compare_documents(void)
{
	compare(true, "{\"a\":1,\"b\":2,\"c\":3}", "{\"c\":3,\"a\":1,\"b\":2}");
	compare(true, "[{\"a\":1,\"b\":{\"c\":1,\"d\":2}}]",
		" [ {\"b\":{\"d\":2,\"c\":1},\"a\":1} ] ");
	compare(true, "\"\\u00e4\"", "\"\xc3\xa4\"");
	compare(false, "[1,2]", "[2,1]");
	compare(false, "[1,1]", "[1]");
	compare(false, "[[1],[2]]", "[[1,2]]");
	compare(false, "{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}");
	compare(false, "{\"a\":{\"b\":1},\"b\":{}}", "{\"a\":{},\"b\":{\"b\":1}}");
	compare(false, "{\"a\":1}", "{\"a\":1,\"b\":null}");
	compare(false, "{}", "[]");
	compare(false, "[]", "[[]]");
	compare(false, "\"\"", "null");
	compare(false, "\"1\"", "1");
	compare(false, "true", "\"true\"");
	compare(false, "true", "false");
	compare(false, "1.0", "1");
	compare(false, "{\"0\":1}", "[1]");
}

static void look_at_values(void)
{
	static const char text[] = "{\"x\":{\"a\":[1,{\"b\":2,\"c\":3}]},\"y\":1}";
	unsigned char part[DIGEST_LEN], alone[DIGEST_LEN], other[DIGEST_LEN];

	ok(digest(text, "/x/a/1", NULL, part) == OK &&
			digest("{\"c\":3,\"b\":2}", "", NULL, alone) == OK &&
			memcmp(part, alone, DIGEST_LEN) == 0,
		"a value's digest does not depend on where it stands");
	is_int(digest(text, "/x/a/2", NULL, part), ERR_ABSENT, "no such value");
	ok(digest("{\"a\":1,\"b\":{\"c\":2,\"d\":3}}", "", "json:/b/c", part) == OK &&
			digest("{\"b\":{\"d\":3},\"a\":1}", "", NULL, alone) == OK &&
			memcmp(part, alone, DIGEST_LEN) == 0,
		"what is ignored is as if it were not there");
	ok(digest("{\"b\":{\"c\":{\"a\":[]},\"d\":4},\"a\":1}", "", "json:/b/c", other) == OK &&
			memcmp(part, other, DIGEST_LEN) != 0,
		"what is beside it counts");
	ok(digest("[1,[2],3]", "", "json:/1", part) == OK &&
			digest("[1,9,3]", "", "json:/1", other) == OK &&
			memcmp(part, other, DIGEST_LEN) == 0,
		"an element that is ignored");
	ok(digest("[1,[2]]", "", "json:/1", other) == OK && memcmp(part, other, DIGEST_LEN) != 0,
		"... the others stay where they are");
	digest("[1]", "", NULL, part);
	key[0]++;
	digest("[1]", "", NULL, other);
	ok(memcmp(part, other, DIGEST_LEN) != 0, "another key, another digest");
}

static void refuse_doubles(void)
{
	unsigned char out[DIGEST_LEN];

	is_int(digest("{\"a\":1,\"a\":1}", "", NULL, out), ERR_INVALID, "a name twice");
	is_int(digest("{\"a\":1,\"\\u0061\":2}", "", NULL, out), ERR_INVALID,
		"... written differently");
	is_int(digest("[{\"b\":{\"a\":1,\"c\":{},\"a\":1}}]", "", NULL, out), ERR_INVALID,
		"... deep inside");
	is_int(digest("{\"a\":{\"a\":{\"b\":1}},\"b\":{\"a\":1}}", "", NULL, out), OK,
		"in different objects it may stand");
	is_int(digest("{\"a\":1", "", NULL, out), ERR_INVALID, "what is not JSON");
}

/* An object of n members; the last one is named like number `twin`, or as the last. */
static char *many(int n, int twin, bool is_backwards)
{
	char *text = malloc((size_t)n * 24 + 3), *p = text;

	*p++ = '{';
	for (int i = 0; i < n; i++) {
		int number = is_backwards ? n - 1 - i : i;

		p += sprintf(p, "%s\"n%d\":%d", i ? "," : "",
			number == n - 1 && twin >= 0 ? twin : number, number);
	}
	strcpy(p, "}");
	return text;
}

static void have_many_members(void)
{
	static const int sizes[] = {1, 2, 64, 127, 128, 129, 200, 500};
	unsigned char out[DIGEST_LEN];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int n = sizes[i];
		char *one = many(n, -1, false), *other = many(n, -1, true);
		struct text t = {one, 0};

		compare(true, one, other);
		is_int(json_digest(give, &t, key, "", NULL, out), OK, "%d members", n);
		ok(n <= NAMES_MAX ? t.times == 1 : t.times > 1, "... read %d times", t.times);
		free(one);
		free(other);
		for (int twin = 0; twin < n - 1; twin += n / 3 + 1) {
			one = many(n, twin, false);
			is_int(digest(one, "", NULL, out), ERR_INVALID,
				"%d members, the last and number %d of one name", n, twin);
			free(one);
		}
	}
	{
		char *one = many(SHARES_MAX * NAMES_MAX, -1, false);

		is_int(digest(one, "", NULL, out), ERR_INVALID, "far too many members: %s",
			err_text());
		free(one);
	}
}

int main(void)
{
	compare_documents();
	look_at_values();
	refuse_doubles();
	have_many_members();
	return done_testing();
}
