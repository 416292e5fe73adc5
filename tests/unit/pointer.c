/* SPDX-License-Identifier: ISC */
/*
 * Claims: a pointer names what RFC 6901 says and nothing else; a document that two readers could
 * understand in two ways is refused; no message quotes a document.
 */
#include <stdlib.h>
#include <unistd.h>

#define malloc get_memory
static void *get_memory(size_t n);
#define pread give
static ssize_t give(int fd, void *buf, size_t n, off_t at);

#include "../../src/http/json_pointer.c"

#include "../tap.h"

#include <pthread.h>
#include <stdio.h>

#undef malloc
#undef pread

static const char *document;
static size_t document_len;
static int interrupted;

/* A few bytes at a time. */
static ssize_t give(int fd, void *buf, size_t n, off_t at)
{
	size_t left = document_len - (size_t)at;

	if (fd < 0 || interrupted-- > 0) {
		errno = fd < 0 ? EIO : EINTR;
		return -1;
	}
	n = n < left ? n : left;
	n = n < 70000 ? n : 70000;
	memcpy(buf, document + at, n);
	return (ssize_t)n;
}

static enum err load_bytes(const char *text, size_t len, json_t **out)
{
	document = text;
	document_len = len;
	*out = NULL;
	return json_pointer_load(0, (int64_t)len, out);
}

static json_t *load(const char *text)
{
	json_t *root;

	if (load_bytes(text, strlen(text), &root) != OK)
		printf("# %s: %s\n", text, err_text());
	return root;
}

/* what: what the refusal says, in part. */
static void refuses_bytes(const char *text, size_t len, const char *what, const char *claim)
{
	json_t *root;

	is_int(load_bytes(text, len, &root), ERR_INVALID, "%s", claim);
	ok(strstr(err_text(), what) && !strstr(err_text(), "zz"), "  %s", err_text());
	json_decref(root);
}

static void refuses(const char *text, const char *what, const char *claim)
{
	refuses_bytes(text, strlen(text), what, claim);
}

/* ---- pointers ---- */

static void finds(json_t *root, const char *pointer, const char *want)
{
	json_t *value = json_pointer_find(root, pointer);
	char *dump = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

	is_str(dump, want, "\"%s\" is %s", pointer, want ? want : "not there");
	free(dump);
}

/* RFC 6901, section 5 */
static void try_rfc(void)
{
	json_t *root = load("{ \"foo\": [\"bar\", \"baz\"], \"\": 0, \"a/b\": 1, \"c%d\": 2,"
			    "\"e^f\": 3, \"g|h\": 4, \"i\\\\j\": 5, \"k\\\"l\": 6, \" \": 7,"
			    "\"m~n\": 8 }");

	ok(json_pointer_find(root, "") == root, "\"\" is the whole document");
	finds(root, "/foo", "[\"bar\",\"baz\"]");
	finds(root, "/foo/0", "\"bar\"");
	finds(root, "/", "0");
	finds(root, "/a~1b", "1");
	finds(root, "/c%d", "2");
	finds(root, "/e^f", "3");
	finds(root, "/g|h", "4");
	finds(root, "/i\\j", "5");
	finds(root, "/k\"l", "6");
	finds(root, "/ ", "7");
	finds(root, "/m~0n", "8");
	json_decref(root);
}

static void try_find(void)
{
	json_t *root = load("{\"a\":{\"\":{\"b\":[10,[11,null]]},\"~1\":1,\"/\":2,\"~\":3,\"a\":4},"
			    "\"0\":5,\"-\":6,\"ab\":7,\"\\u20ac\":8,\"n\":null}");

	finds(root, "/a//b/1/0", "11");
	finds(root, "/a//b/1/1", "null");
	finds(root, "/n", "null");
	finds(root, "/n/n", NULL);
	finds(root, "/a/~01", "1");
	finds(root, "/a/~1", "2");
	finds(root, "/a/~0", "3");
	finds(root, "/0", "5");
	finds(root, "/-", "6");
	finds(root, "/\xe2\x82\xac", "8");
	finds(root, "/ab", "7");
	finds(root, "/abc", NULL);
	finds(root, "/b", NULL);
	finds(root, "/a/a/", NULL);
	finds(root, "//", NULL);
	finds(root, "/a//b/-", NULL);
	finds(root, "/a//b/", NULL);
	finds(root, "/a//b/2", NULL);
	finds(root, "/a//b/00", NULL);
	finds(root, "/a//b/01", NULL);
	finds(root, "/a//b/+1", NULL);
	finds(root, "/a//b/1e0", NULL);
	finds(root, "/a//b/18446744073709551616", NULL);
	finds(root, "/a//b/18446744073709551617", NULL);
	finds(root, "a", NULL);
	finds(root, "/a/~", NULL);
	finds(root, "/a/~2", NULL);
	json_decref(root);
}

static void try_valid(void)
{
	static const char *const good[] = {"", "/", "//", "/a/b~1c/~0", "/~01", "/\xc3\xa4", "/%"};
	static const char *const bad[] = {"a", "a/b", "#/a", " /a", "/~", "/~2", "/a~/b", "~0"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(json_pointer_is_valid(good[i]), "\"%s\" is a pointer", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!json_pointer_is_valid(bad[i]), "\"%s\" is none", bad[i]);
}

static void removes(const char *pointer, const char *want)
{
	json_t *root = load("{\"a\":[1,[2,3],4],\"b/c\":{\"d\":5,\"~\":6},\"\":7}");
	char *dump;

	json_pointer_remove(root, pointer);
	dump = json_dumps(root, JSON_COMPACT);
	is_str(dump, want ? want : "{\"a\":[1,[2,3],4],\"b/c\":{\"d\":5,\"~\":6},\"\":7}",
		"without \"%s\"", pointer);
	free(dump);
	json_decref(root);
}

static void try_remove(void)
{
	json_t *scalar = load("1");

	removes("/a", "{\"b/c\":{\"d\":5,\"~\":6},\"\":7}");
	removes("/a/0", "{\"a\":[null,[2,3],4],\"b/c\":{\"d\":5,\"~\":6},\"\":7}");
	removes("/a/1/1", "{\"a\":[1,[2,null],4],\"b/c\":{\"d\":5,\"~\":6},\"\":7}");
	removes("/b~1c/~0", "{\"a\":[1,[2,3],4],\"b/c\":{\"d\":5},\"\":7}");
	removes("/", "{\"a\":[1,[2,3],4],\"b/c\":{\"d\":5,\"~\":6}}");
	removes("", NULL);
	removes("/a/3", NULL);
	removes("/a/-", NULL);
	removes("/a/00", NULL);
	removes("/x", NULL);
	removes("/x/y", NULL);
	removes("/a/0/x", NULL);
	removes("a", NULL);
	removes("/b~1c/~", NULL);
	json_pointer_remove(scalar, "/a");
	json_pointer_remove(scalar, "");
	is_int(json_integer_value(scalar), 1, "nothing is in a number");
	json_decref(scalar);
}

/* ---- documents ---- */

static void try_documents(void)
{
	json_t *root = load(" [1, -2.5, true, null, \"x\"]\r\n");

	is_int(json_array_size(root), 5, "an array");
	json_decref(root);
	root = load("\"s\"");
	is_str(json_string_value(root), "s", "a string alone");
	json_decref(root);
	root = load("{\"a\":\"x\\u0000y\",\"b\":\"\\u0000\"}");
	is_int(json_string_length(json_pointer_find(root, "/a")), 3, "a NUL in a string");
	ok(memcmp(json_string_value(json_pointer_find(root, "/a")), "x\0y", 3) == 0,
		"  with the rest");
	is_int(json_string_length(json_pointer_find(root, "/b")), 1, "  and alone");
	json_decref(root);

	refuses("", "ends too early", "nothing");
	refuses(" ", "ends too early", "a blank");
	refuses("{\"zz\":1", "ends too early", "half an object");
	refuses("{\"zz\":1}zz", "follows its end", "something behind it");
	refuses("{\"zz\":1}{}", "follows its end", "two documents");
	refuses("{\"zz\":1,\"a\":2,\"zz\":3}", "twice", "a name twice");
	refuses("[{\"a\":{\"zz\":1,\"z\\u007a\":1}}]", "twice",
		"a name twice, written differently");
	refuses("{\"zz\\u0000\":1}", "NUL", "a NUL in a name");
	refuses_bytes("[\"zz\0\"]", 7, "line 1, column", "a raw NUL in a string");
	refuses_bytes("[1]\0", 4, "line 1, column", "a raw NUL behind it");
	refuses("['zz']", "not well-formed", "single quotes");
	refuses("[\"zz\",]", "not well-formed", "a comma too many");
	refuses("[NaN]", "not well-formed", "no number");
	refuses("[01]", "not well-formed", "a leading zero");
	refuses("\n\n[\"zz\xff\"]", "UTF-8", "no UTF-8");
	refuses("\n\n[\"zz\xff\"]", "line 3", "which line it is");
	refuses("[\"zz\\ud800\"]", "line 1", "half a surrogate");
	refuses("\xef\xbb\xbf[]", "line 1", "a byte order mark");
	refuses("[123456789012345678901234567890]", "too large", "an integer that does not fit");
	refuses("[1e999]", "too large", "a number that does not fit");
}

static void try_sizes(void)
{
	char *text = malloc(POINTER_JSON_MAX + 1);
	json_t *root;

	memset(text, ' ', POINTER_JSON_MAX + 1);
	text[0] = '7';
	is_int(load_bytes(text, POINTER_JSON_MAX, &root), OK, "POINTER_JSON_MAX bytes");
	is_int(json_integer_value(root), 7, "  are read");
	json_decref(root);
	is_int(load_bytes(text, POINTER_JSON_MAX + 1, &root), ERR_REFUSED, "one more");
	free(text);

	document = "[1, 2]";
	document_len = 6;
	is_int(json_pointer_load(0, 7, &root), ERR_SYSTEM, "shorter than its length");
	is_int(json_pointer_load(-1, 6, &root), ERR_SYSTEM, "cannot be read");
	is_int(json_pointer_load(0, -1, &root), ERR_INVALID, "less than nothing");
	interrupted = 2;
	is_int(json_pointer_load(0, 6, &root), OK, "interrupted");
	json_decref(root);
}

static int allocations = -1; /* so many are left; -1: no limit */
static bool is_failing_once;

static void *get_memory(size_t n)
{
	if (allocations == 0) {
		allocations -= is_failing_once;
		return NULL;
	}
	allocations -= allocations > 0;
	return malloc(n);
}

/* jansson may neither call it wrong JSON nor read on, whichever allocation fails. */
static void try_memory(void)
{
	const char *text = "{\"a\":[1,-2.5,\"x\"],\"b\":{},\"c\":\"a string that needs more than "
			   "one of jansson's small buffers\",\"d\":12345678901234567}";
	json_t *root = NULL;

	for (int once = 0; once < 2; once++) {
		enum err rc = ERR_NOMEM;
		int n;

		is_failing_once = once;
		for (n = 0; n < 100 && rc == ERR_NOMEM; n++) {
			allocations = n;
			rc = load_bytes(text, strlen(text), &root);
		}
		is_int(rc, OK, "without memory, %s", once ? "once" : "for good");
		ok(n > 20 && n < 100, "  number %d is not needed", n - 1);
		allocations = -1;
		json_decref(root);
	}
	allocations = 0;
	ok(!json_object(), "no memory for something else");
	allocations = -1;
	root = json_object();
	ok(root != NULL, "  does not last");
	json_decref(root);
}

/* Nested `depth` times; every second one an object. */
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

/* All that may be done with a document, on the stack of a worker. */
static void *use(void *text)
{
	json_t *root = load(text), *copy = json_deep_copy(root);
	char *dump = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);

	is_str(dump, text, "nested %d times", POINTER_DEPTH_MAX);
	ok(json_equal(root, copy), "  and copied");
	free(dump);
	json_decref(root);
	json_decref(copy);
	return NULL;
}

static void try_depth(void)
{
	char *text = nest(POINTER_DEPTH_MAX);
	pthread_attr_t attr;
	pthread_t thread;
	json_t *root;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, (size_t)512 * 1024);
	if (pthread_create(&thread, &attr, use, text) == 0)
		pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	free(text);
	text = nest(POINTER_DEPTH_MAX + 1);
	refuses(text, "nested", "one more");
	free(text);

	text = malloc(2000);
	snprintf(text, 2000, "[\"\\\"%01000d\", []]", 0);
	memset(text + 5, '[', 990);
	root = load(text);
	is_int(json_array_size(root), 2, "brackets in a string are no nesting");
	json_decref(root);
	free(text);

	text = malloc(6001);
	memset(text, 0, 6001);
	for (int i = 0; i < 1999; i++)
		memcpy(text + 3 * i + 1, "[],", 3);
	text[0] = '[';
	text[3 * 1999] = ']';
	root = load(text);
	is_int(json_array_size(root), 1999, "brackets that are closed, neither");
	json_decref(root);
	free(text);
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
	try_rfc();
	try_valid();
	try_find();
	try_remove();
	try_documents();
	try_sizes();
	try_memory();
	try_depth();
	try_types();
	return done_testing();
}
