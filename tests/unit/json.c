/* SPDX-License-Identifier: ISC */
/*
 * Claims: http/json.c accepts RFC 8259 and nothing else, hands over numbers as they were sent and
 * strings as what they say; the events and the messages do not depend on where the bytes are cut;
 * json_find() finds what a pointer names, json_walk notices two members of one name.
 */
#include "http/json.h"
#include "http/json_find.h"
#include "http/json_pointer.h"

#include "tap.h"

#include <stdlib.h>
#include <string.h>

static char seen[8192];
static size_t seen_len;
static enum json_event last;

static void note(const char *text, size_t len)
{
	if (len > sizeof(seen) - seen_len - 1)
		len = sizeof(seen) - seen_len - 1;
	memcpy(seen + seen_len, text, len);
	seen_len += len;
	seen[seen_len] = '\0';
}

/* Events as text: {name:value} [ ] "string" #number true false null */
static enum err take(void *arg, enum json_event event, const char *text, size_t len)
{
	static const char *const marks[] = {[EVENT_OBJECT] = "{",
		[EVENT_ARRAY] = "[",
		[EVENT_STRING] = "\"",
		[EVENT_NUMBER] = "#",
		[EVENT_TRUE] = "true;",
		[EVENT_FALSE] = "false;",
		[EVENT_NULL] = "null;",
		[EVENT_NAME] = "'",
		[EVENT_END] = ";",
		[EVENT_CLOSE] = ")"};

	(void)arg;
	if (event == EVENT_TEXT) {
		ok(len > 0, "no empty piece");
		note(text, len);
	} else {
		note(marks[event], strlen(marks[event]));
		last = event;
	}
	return OK;
}

/* Reads in two pieces, or byte by byte when cut is len + 1. */
static enum err read_cut(const char *text, size_t len, size_t cut)
{
	struct json j;
	enum err e = OK;

	seen_len = 0;
	*seen = '\0';
	json_start(&j, take, NULL);
	if (cut > len)
		for (size_t i = 0; i < len && e == OK; i++)
			e = json_feed(&j, text + i, 1);
	else if ((e = json_feed(&j, text, cut)) == OK)
		e = json_feed(&j, text + cut, len - cut);
	return e == OK ? json_finish(&j) : e;
}

/* What is seen of it, at every cut. */
static void sees_bytes(const char *text, size_t len, const char *want, const char *what)
{
	size_t wrong = 0;

	for (size_t cut = 0; cut <= len + 1; cut++)
		if (read_cut(text, len, cut) != OK || strcmp(seen, want) != 0)
			wrong++;
	is_int(read_cut(text, len, len), OK, "%s: accepted%s%s", what, *seen ? ": " : "", seen);
	is_str(seen, want, "%s", what);
	is_int(wrong, 0, "%s: the same at every cut", what);
}

static void sees(const char *text, const char *want)
{
	sees_bytes(text, strlen(text), want, text);
}

static void refuses_bytes(const char *text, size_t len, const char *why, const char *what)
{
	char first[1024];
	size_t wrong = 0;

	is_int(read_cut(text, len, len), ERR_INVALID, "refused: %s", what);
	snprintf(first, sizeof(first), "%s", err_text());
	ok(strstr(first, why) != NULL, "... %s: %s", why, first);
	ok(!strstr(first, "zz"), "... and nothing of it is quoted");
	for (size_t cut = 0; cut <= len + 1; cut++)
		if (read_cut(text, len, cut) != ERR_INVALID || strcmp(err_text(), first) != 0)
			wrong++;
	is_int(wrong, 0, "... the same at every cut");
}

static void refuses(const char *text, const char *why)
{
	refuses_bytes(text, strlen(text), why, text);
}

static void try_values(void)
{
	sees("{}", "{)");
	sees(" [ ] \r\n\t", "[)");
	sees("true", "true;");
	sees("[false,null]", "[false;null;)");
	sees("{\"a\":{\"b\":[1,2]},\"c\":\"d\"}", "{'a;{'b;[#1;#2;))'c;\"d;)");
	sees("{\"\":\"\"}", "{';\";)");
	sees("\xef\xbb\xbf[]", "[)");
	sees("{\"a\":1,\"a\":2}", "{'a;#1;'a;#2;)");
	refuses("", "ends too early");
	refuses(" ", "ends too early");
	refuses("\xef\xbb\xbf", "ends too early");
	refuses("\xef\xbb[]", "not well-formed");
	refuses(" \xef\xbb\xbf[]", "not well-formed");
	refuses("{\"zz\":1", "ends too early");
	refuses("{\"zz\"", "ends too early");
	refuses("[1,]", "not well-formed");
	refuses("{\"zz\":1,}", "not well-formed");
	refuses("{zz:1}", "not well-formed");
	refuses("{\"zz\" 1}", "not well-formed");
	refuses("['zz']", "not well-formed");
	refuses("[1}", "not well-formed");
	refuses("{\"zz\":1]", "not well-formed");
	refuses("[1 2]", "not well-formed");
	refuses("{\"zz\":1}zz", "follows its end");
	refuses("{}{}", "follows its end");
	refuses("[tru]", "not well-formed");
	refuses("[truE]", "not well-formed");
	refuses("nul", "ends too early");
	refuses("[NaN]", "not well-formed");
	refuses("]", "not well-formed");
	refuses("\n\n [zz", "line 3, column 3");
	refuses_bytes("[1]\0", 4, "follows its end", "a NUL behind it");
	refuses_bytes("\0[1]", 4, "not well-formed", "a NUL before it");
	refuses_bytes("{\0\"\0", 4, "not well-formed", "UTF-16");
}

static void try_numbers(void)
{
	static const char *const good[] = {"0", "-0", "1", "12", "-12", "0.0", "1.10", "1e5",
		"1E+5", "0e-05", "-1.25e10", "1.000000000000000001", "1e999",
		"123456789012345678901234567890123456789012345678901234567890"};
	static const char *const bad[] = {"01", "-", "--1", "1.", "1.e1", ".5", "1e", "1e+", "+1",
		"0x1", "1a", "-a", "1.2.3", "1e1.5", "00", "-01", "1e+-1", "1_0"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char text[128], want[128];

		snprintf(want, sizeof(want), "#%s;", good[i]);
		sees(good[i], want);
		snprintf(text, sizeof(text), "[%s ,%s]", good[i], good[i]);
		snprintf(want, sizeof(want), "[#%s;#%s;)", good[i], good[i]);
		sees(text, want);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[128];

		refuses(bad[i], "line 1");
		snprintf(text, sizeof(text), "[%s]", bad[i]);
		refuses(text, "line 1");
	}
}

static void try_strings(void)
{
	sees("\"a\\n\\t\\r\\b\\f\\/\\\\\\\"\"", "\"a\n\t\r\b\f/\\\";");
	sees("\"\\u0041\\u00e4\\u20AC\\ud83d\\ude00\"", "\"A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80;");
	sees("\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80;");
	sees("\"\x7f\xc2\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf\"",
		"\"\x7f\xc2\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf;");
	/* Halves of surrogate pairs, alone and at every place. */
	sees("\"\\ud800\"", "\"\xed\xa0\x80;");
	sees("\"\\udbffx\"", "\"\xed\xaf\xbfx;");
	sees("\"\\udc00\"", "\"\xed\xb0\x80;");
	sees("\"\\ud800\\n\"", "\"\xed\xa0\x80\n;");
	sees("\"\\ud800\\u0041\"", "\"\xed\xa0\x80"
				   "A;");
	sees("\"\\ud800\\ud83d\\ude00\"", "\"\xed\xa0\x80\xf0\x9f\x98\x80;");
	sees("\"\\ude00\\ud83d\"", "\"\xed\xb8\x80\xed\xa0\xbd;");
	sees("{\"\\ud800\":1}", "{'\xed\xa0\x80;#1;)");
	refuses("\"zz\n\"", "control character");
	refuses("\"zz\x1f\"", "control character");
	refuses("\"\\x41\"", "escape");
	refuses("\"\\u004g\"", "escape");
	refuses("\"\\u+041\"", "escape");
	refuses("\"\\U0041\"", "escape");
	refuses("\"zz", "ends too early");
	refuses("\"zz\\", "ends too early");
	refuses("\"\\u00", "ends too early");
	refuses("\"\\ud800", "ends too early");
	refuses("\"zz\xff\"", "UTF-8");
	refuses("\"\x80\"", "UTF-8");
	refuses("\"\xc3\"", "UTF-8");
	refuses("\"\xc3\\n\"", "UTF-8");
	refuses("\"\xc0\x80\"", "UTF-8");
	refuses("\"\xc1\xbf\"", "UTF-8");
	refuses("\"\xe0\x9f\xbf\"", "UTF-8");
	refuses("\"\xed\xa0\x80\"", "UTF-8");
	refuses("\"\xf0\x8f\xbf\xbf\"", "UTF-8");
	refuses("\"\xf4\x90\x80\x80\"", "UTF-8");
	refuses("\"\xf5\x80\x80\x80\"", "UTF-8");
	refuses("{\"zz\\u0000\":1}", "NUL");
	refuses_bytes("[\"\0\"]", 5, "control character", "a raw NUL in a string");
	is_int(read_cut("\"a\\u0000b\"", 10, 10), OK, "a NUL in a value");
	ok(seen_len == 5 && memcmp(seen, "\"a\0b;", 5) == 0, "... is a byte of it");
}

static char *nest(int depth)
{
	char *text = malloc((size_t)depth * 8 + 2), *p = text;

	for (int i = 0; i < depth; i++)
		p = stpcpy(p, i % 2 ? "{\"a\":" : "[");
	*p++ = '1';
	while (depth-- > 0)
		*p++ = depth % 2 ? '}' : ']';
	*p = '\0';
	return text;
}

static void try_depth(void)
{
	char *text = nest(JSON_DEPTH_MAX);

	is_int(read_cut(text, strlen(text), 0), OK, "nested %d times", JSON_DEPTH_MAX);
	free(text);
	text = nest(JSON_DEPTH_MAX + 1);
	is_int(read_cut(text, strlen(text), 0), ERR_INVALID, "one more: %s", err_text());
	ok(strstr(err_text(), "nested") != NULL, "... says why");
	free(text);
	text = malloc(6001);
	for (int i = 0; i < 2000; i++)
		memcpy(text + 3 * i, i ? ",[]" : "[[]", 3);
	text[6000] = ']';
	is_int(read_cut(text, 6001, 0), OK, "arrays that are closed are no nesting");
	free(text);
	ok(sizeof(struct json) < 512, "memory does not grow: %zu bytes", sizeof(struct json));
}

/* ---- pointers ---- */

struct text {
	const char *bytes;
	size_t piece;
};

static enum err give(void *from, json_take *receive, void *arg)
{
	const struct text *t = from;
	size_t len = strlen(t->bytes);
	enum err e = OK;

	for (size_t at = 0; at < len && e == OK; at += t->piece)
		e = receive(arg, t->bytes + at, len - at < t->piece ? len - at : t->piece);
	return e;
}

static void finds(const char *pointer, const char *document, const char *want)
{
	for (size_t piece = 1; piece <= 3; piece++) {
		struct text t = {document, piece};
		enum err e;

		seen_len = 0;
		*seen = '\0';
		e = json_find(give, &t, pointer, take, NULL);
		is_str(e == OK             ? seen
			: e == ERR_INVALID ? "invalid"
					   : err_text(),
			want, "%s in %s, %zu at once", pointer, document, piece);
	}
}

static void try_find(void)
{
	/* RFC 6901, section 5 */
	static const char rfc[] =
		"{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,"
		"\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}";

	finds("", "[1]", "[");
	finds("/foo", rfc, "[");
	finds("/foo/0", rfc, "\"bar");
	finds("/", rfc, "#0");
	finds("/a~1b", rfc, "#1");
	finds("/c%d", rfc, "#2");
	finds("/e^f", rfc, "#3");
	finds("/g|h", rfc, "#4");
	finds("/i\\j", rfc, "#5");
	finds("/k\"l", rfc, "#6");
	finds("/ ", rfc, "#7");
	finds("/m~0n", rfc, "#8");

	finds("/foo/2", rfc, "");
	finds("/foo/-", rfc, "");
	finds("/foo/00", rfc, "");
	finds("/foo/01", rfc, "");
	finds("/foo/0x", rfc, "");
	finds("/foo/", rfc, "");
	finds("/fo", rfc, "");
	finds("/fooo", rfc, "");
	finds("/foo/0/bar", rfc, "");
	finds("/a/b", "{\"a\":{\"c\":{\"b\":1}},\"b\":2,\"d\":{\"a\":{\"b\":3}}}", "");
	finds("/a/b", "{\"x\":{\"b\":1},\"a\":{\"x\":0,\"b\":2},\"b\":3}", "#2");
	finds("/a/10", "{\"a\":[0,1,2,3,4,5,6,7,8,9,10,11]}", "#10");
	finds("/a/1/1", "{\"a\":[[1,2],[3,4],[5,6]]}", "#4");
	finds("/0", "{\"0\":true}", "true;");
	finds("/a~01", "{\"a~1\":1,\"a/\":2}", "#1");
	finds("/a", "{\"b\":{\"a\":1},\"a\":null}", "null;");
	/* It is read to its end, and two members of one name are none. */
	finds("/a", "{\"a\":1,", "invalid");
	finds("/a", "{\"a\":1,\"a\":1}", "invalid");
	finds("/a", "{\"a\":1,\"\\u0061\":1}", "invalid");
	finds("/a/b", "{\"a\":{\"b\":1},\"a\":{}}", "invalid");
	finds("/a/b", "{\"a\":0,\"a\":{\"b\":1}}", "invalid");
	finds("/a/b", "{\"a\":{\"b\":1,\"c\":{\"b\":2},\"b\":3}}", "invalid");
	finds("/a/b", "{\"a\":{\"b\":1,\"c\":0,\"c\":0},\"c\":{\"a\":1,\"a\":1}}", "#1");
	finds("/0/a", "[{\"a\":1},{\"a\":2}]", "#1");
	finds("/1/a", "[{\"a\":1},{\"a\":2}]", "#2");
}

static enum err stop(void *arg, enum json_event event, const char *text, size_t len)
{
	(void)arg, (void)event, (void)text, (void)len;
	return err_set(ERR_FULL, "no more");
}

static void try_errors(void)
{
	struct text t = {"{\"a\":\"b\"}", 100};

	is_int(json_find(give, &t, "/a", stop, NULL), ERR_FULL, "the receiver's error ends it");
	is_int(json_find(give, &t, "/b", stop, NULL), OK, "... if it is called");
}

static void try_syntax(void)
{
	ok(json_pointer_is_valid("") && json_pointer_is_valid("/") &&
			json_pointer_is_valid("/a~0b~1c//"),
		"valid pointers");
	ok(!json_pointer_is_valid("a") && !json_pointer_is_valid("/~") &&
			!json_pointer_is_valid("/~2") && !json_pointer_is_valid("/a~"),
		"pointers that are not");
}

static void try_types(void)
{
	static const char *const yes[] = {"application/json", "Application/JSON; charset=utf-8",
		" application/json ;x", "application/problem+json", "application/vnd.x-1+JSON",
		"image/a+b+json;q"};
	static const char *const no[] = {"", "json", "application/jsonx", "text/json",
		"application/x-json", "application/json, text/plain", "application/json+xml",
		"a+json", "/a+json", "a/b/c+json", "application/json/", "application/jso",
		"text/plain; x=application/json", "text/plain; x=a/b+json", "application /json",
		"+json", "application/"};

	ok(!json_pointer_is_json(NULL), "no type is not JSON");
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		ok(json_pointer_is_json(yes[i]), "\"%s\" is JSON", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		ok(!json_pointer_is_json(no[i]), "\"%s\" is not", no[i]);
}

int main(void)
{
	try_values();
	try_numbers();
	try_strings();
	try_depth();
	try_find();
	try_errors();
	try_syntax();
	try_types();
	return done_testing();
}
