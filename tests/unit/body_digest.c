/* SPDX-License-Identifier: ISC */
/*
 * Claims: the digest of a body depends on what was asked, not on how it was wrapped: not on the
 * boundaries of multipart, on the time stamp of gzip, on the order of a JSON object's members; but
 * on everything else.
 */
#include "gateway/body_digest.h"

#include "http/form.h"
#include "request_try.h"

#define FORM "CONTENT_TYPE=application/x-www-form-urlencoded"
#define JSON "CONTENT_TYPE=application/json"

static struct route route;
static const unsigned char secret[DIGEST_LEN] = {1};
static bool as_json;

/* ---- digests ---- */

struct sum {
	unsigned char bytes[DIGEST_LEN];
	bool is_of_bytes;
};

static struct sum digest(const char *type, const char *body, size_t len)
{
	struct request r = try_request(&route, PARAMS(type), body, len);
	struct sum sum;

	is_int(body_digest_take(&r, secret, as_json, sum.bytes), OK, "a digest of %zu bytes", len);
	is_int(lseek(r.body.spool.fd, 0, SEEK_CUR), 0, "and the body is where it was");
	sum.is_of_bytes = memcmp(sum.bytes, r.body.digest, DIGEST_LEN) == 0;
	request_free(&r);
	return sum;
}

/* Are these two bodies one?  Each has its own Content-Type, or the first one's when it is NULL. */
static void compare(bool same, const char *type, const char *a, const char *type_b, const char *b)
{
	struct sum one = digest(type, a, strlen(a));
	struct sum two = digest(type_b ? type_b : type, b, strlen(b));

	is_int(memcmp(one.bytes, two.bytes, DIGEST_LEN) == 0, same, "the same: %s | %s", a, b);
}

#define SAME(type, a, b)  compare(true, type, a, NULL, b)
#define OTHER(type, a, b) compare(false, type, a, NULL, b)

static void digest_bytes(void)
{
	static const char *const types[] = {
		FORM, JSON, "CONTENT_TYPE=text/plain", "REQUEST_METHOD=POST"};

	route.ignore = NULL;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		ok(digest(types[i], "{\"a\": 1}", 8).is_of_bytes, "its bytes: %s", types[i]);
		OTHER(types[i], "{\"a\":1}", "{\"a\": 1}");
		OTHER(types[i], "a=1", "a=%31");
	}
}

#define PART(boundary, head, value) \
	"--" boundary "\r\nContent-Disposition: form-data; name=" head "\r\n\r\n" value "\r\n"
#define END(boundary) "--" boundary "--\r\n"
#define OF(boundary)  "CONTENT_TYPE=multipart/form-data; boundary=" boundary

static void digest_multipart(void)
{
	route.ignore = NULL;
	compare(true, OF("A"), PART("A", "a", "1") PART("A", "b", "2") END("A"), OF("other"),
		PART("other", "a", "1") PART("other", "b", "2") END("other"));
	compare(false, OF("A"), PART("A", "a", "1") PART("A", "b", "2") END("A"), OF("B"),
		PART("B", "a", "1") PART("B", "b", "3") END("B"));
	OTHER(OF("A"), PART("A", "a", "1") END("A"), PART("A", "b", "1") END("A"));
	OTHER(OF("A"), PART("A", "a", "1") PART("A", "b", "2") END("A"),
		PART("A", "b", "2") PART("A", "a", "1") END("A"));
	OTHER(OF("A"), PART("A", "a", "1") PART("A", "a", "1") END("A"),
		PART("A", "a", "1") END("A"));
	OTHER(OF("A"), PART("A", "a; filename=x", "1") END("A"),
		PART("A", "a; filename=y", "1") END("A"));
	OTHER(OF("A"), PART("A", "a", "") PART("A", "b", "1") END("A"),
		PART("A", "a", "1") PART("A", "b", "") END("A"));
	OTHER(OF("A"), PART("A", "a", "1") END("A"), PART("A", "a", "1\r\n--B") END("A"));

	route.ignore = LIST("form:b", "json:/a");
	compare(true, OF("A"), PART("A", "a", "1") PART("A", "b", "2") END("A"), OF("B"),
		PART("B", "b; filename=x", "") PART("B", "a", "1") END("B"));
	OTHER(OF("A"), PART("A", "a", "1") PART("A", "b", "2") END("A"),
		PART("A", "a", "2") PART("A", "b", "2") END("A"));
	SAME(OF("A"), PART("A", "a", "1") PART("A", "b", "2") PART("A", "b", "3") END("A"),
		PART("A", "a", "1") END("A"));
	OTHER(OF("A"), PART("A", "bb", "1") END("A"), PART("A", "bb", "2") END("A"));

	ok(digest(OF("A"), "--A\r\n", 5).is_of_bytes, "malformed: its bytes");
	ok(digest("CONTENT_TYPE=multipart/form-data", PART("A", "a", "1"), 9).is_of_bytes,
		"without a boundary: its bytes");
	ok(!digest(OF("A"), PART("A", "a", "1") END("A"), sizeof(PART("A", "a", "1") END("A")) - 1)
			.is_of_bytes,
		"well-formed: not its bytes");
}

static void digest_form(void)
{
	char longest[FORM_NAME_MAX + 1];

	route.ignore = LIST("form:t", "form:u v", "json:/a");
	SAME(FORM, "a=1&t=2", "a=1&t=3");
	SAME(FORM, "t=2&a=1", "a=1");
	SAME(FORM, "a=1&%74=2&t", "a=1");
	SAME(FORM, "a=1&u+v=2&u%20v=3", "a=1");
	SAME(FORM, "a=b+c", "a=b%20c");
	OTHER(FORM, "a=1", "a=2");
	OTHER(FORM, "a=1", "b=1");
	OTHER(FORM, "a=1&b=2", "b=2&a=1");
	OTHER(FORM, "a=1&a=1", "a=1");
	OTHER(FORM, "a=1&b=", "a=&b=1");
	OTHER(FORM, "tt=1", "tt=2");
	OTHER(FORM, "T=1", "T=2");
	OTHER(FORM, "a=1%26t=2", "a=1");
	memset(longest, 'n', sizeof(longest));
	ok(!digest(FORM, longest, FORM_NAME_MAX).is_of_bytes, "a name of %d bytes", FORM_NAME_MAX);
	ok(digest(FORM, longest, sizeof(longest)).is_of_bytes,
		"a name that does not fit: its bytes");
	route.ignore = LIST("json:/t");
	OTHER(FORM, "a=1&t=2", "a=1&t=3");
	ok(digest(FORM, "a=1", 3).is_of_bytes, "nothing of a form to ignore: its bytes");
}

static void digest_json(void)
{
	route.ignore = LIST("json:/t", "json:/a/t", "form:b");
	SAME(JSON, "{\"a\":1,\"t\":2}", "{\"a\":1,\"t\":[3]}");
	SAME(JSON, "{\"a\":1,\"t\":2}", "{\"a\":1}");
	SAME(JSON, "{\"a\":{\"t\":1,\"b\":2}}", "{\"a\":{\"b\":2}}");
	SAME(JSON, "{\"a\":1,\"b\":2}", " {\n\t\"b\" : 2 ,\r\n \"a\":1}\n");
	SAME(JSON, "{\"a\":\"\\u0041\"}", "{\"a\":\"A\"}");
	compare(true, JSON, "{\"a\":1}", "CONTENT_TYPE=application/x+json", "{\"a\":1}");
	OTHER(JSON, "{\"a\":1}", "{\"a\":2}");
	OTHER(JSON, "{\"a\":1}", "{\"a\":1.0}");
	OTHER(JSON, "{\"a\":1}", "{\"a\":\"1\"}");
	OTHER(JSON, "{\"a\":1}", "{\"b\":1}");
	OTHER(JSON, "{\"a\":null}", "{}");
	OTHER(JSON, "{\"a\":[1,2]}", "{\"a\":[2,1]}");
	OTHER(JSON, "{\"a\":{}}", "{\"a\":[]}");
	OTHER(JSON, "{\"b\":{\"t\":1}}", "{\"b\":{\"t\":2}}");
	OTHER(JSON, "{\"a\":9007199254740993}", "{\"a\":9007199254740992}");
	OTHER(JSON, "[1]", "{\"0\":1}");
	OTHER(JSON, "1", "2");

	ok(digest(JSON, "{\"a\":1", 6).is_of_bytes, "malformed: its bytes");
	ok(digest(JSON, "{\"a\":1,\"a\":2}", 13).is_of_bytes, "a member twice: its bytes");
	ok(digest(JSON, "", 0).is_of_bytes, "nothing: its bytes");
	ok(digest("CONTENT_TYPE=text/plain", "{\"a\":1}", 7).is_of_bytes, "no JSON: its bytes");
	route.ignore = LIST("form:t");
	ok(digest(JSON, "{\"a\":1}", 7).is_of_bytes, "nothing of it to ignore: its bytes");
}

/* Pointers name what was sent, in whatever order they are given. */
static void ignore_elements(void)
{
	static const char *const orders[][4] = {{"json:/a/0", "json:/a/2", "json:/a/10"},
		{"json:/a/10", "json:/a/2", "json:/a/0"}, {"json:/a/2", "json:/a/10", "json:/a/0"},
		{"json:/a/2", "json:/a/0", "json:/a/10"}};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		route.ignore = (strings)(uintptr_t)orders[i];
		SAME(JSON, "{\"a\":[0,1,2,3,4,5,6,7,8,9,10,11]}",
			"{\"a\":[\"x\",1,\"x\",3,4,5,6,7,8,9,\"x\",11]}");
		OTHER(JSON, "{\"a\":[0,1,2,3,4,5,6,7,8,9,10,11]}",
			"{\"a\":[0,\"x\",2,3,4,5,6,7,8,9,10,11]}");
		OTHER(JSON, "{\"a\":[0,1,2,3,4,5,6,7,8,9,10,11]}",
			"{\"a\":[0,1,2,\"x\",4,5,6,7,8,9,10,11]}");
		OTHER(JSON, "{\"a\":[0,1,2,3,4,5,6,7,8,9,10,11]}",
			"{\"a\":[0,1,2,3,4,5,6,7,8,9,10,\"x\"]}");
	}
	route.ignore = LIST("json:/a", "json:/a/b");
	SAME(JSON, "{\"a\":{\"b\":1},\"c\":1}", "{\"c\":1}");
	route.ignore = LIST("json:/a/b", "json:/a");
	SAME(JSON, "{\"a\":{\"b\":1},\"c\":1}", "{\"c\":1}");
}

/* Numbers count by their digits, strings by what they say. */
static void digest_json_text(void)
{
	as_json = true;
	route.ignore = NULL;
	SAME(JSON, "{\"a\":1,\"b\":[2,{\"c\":3,\"d\":4}]}",
		"{\"b\":[2,{\"d\":4,\"c\":3}],\"a\":1}");
	SAME(JSON, "\xef\xbb\xbf{\"a\":1}", "{\"a\" : 1}");
	SAME(JSON, "\"\\ud83d\\ude00\\/\"", "\"\xf0\x9f\x98\x80/\"");
	SAME(JSON, "[\"\\uD800\"]", "[\"\\ud800\"]");
	OTHER(JSON, "[\"\\ud800\"]", "[\"\\ud801\"]");
	OTHER(JSON, "[\"\\ud800\"]", "[\"\\udc00\"]");
	OTHER(JSON, "[1.10]", "[1.1]");
	OTHER(JSON, "[1e2]", "[100]");
	OTHER(JSON, "[-0]", "[0]");
	OTHER(JSON, "[1.000000000000000001]", "[1.000000000000000002]");
	OTHER(JSON, "[123456789012345678901234567890]", "[123456789012345678901234567891]");
	OTHER(JSON, "[\"1\"]", "[1]");
	OTHER(JSON, "[\"true\"]", "[true]");
	OTHER(JSON, "{\"a\":{\"b\":1},\"c\":{}}", "{\"a\":{},\"c\":{\"b\":1}}");
	OTHER(JSON, "{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}");
	OTHER(JSON, "[[1],2]", "[[2],1]");
	OTHER(JSON, "[[]]", "[[],[]]");
	OTHER(JSON, "{\"a\":1,\"a\":2}", "{\"a\":2,\"a\":1}");
	ok(digest("CONTENT_TYPE=text/plain", "{\"a\":1}", 7).is_of_bytes, "no JSON: its bytes");
	as_json = false;
}

static void digest_kinds_of_multipart(void)
{
	static const char *const kinds[] = {"related", "mixed", "alternative", "form-data"};

	route.ignore = NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char a[100], b[100];

		snprintf(a, sizeof(a), "CONTENT_TYPE=multipart/%s; type=\"text/xml\"; boundary=A",
			kinds[i]);
		snprintf(
			b, sizeof(b), "CONTENT_TYPE=Multipart/%s; boundary=\"b b\"; a=b", kinds[i]);
		compare(true, a, "--A\r\nContent-ID: <1>\r\n\r\none\r\n--A\r\n\r\ntwo\r\n--A--\r\n",
			b,
			"preamble\r\n--b b \t\r\nContent-ID: <1>\r\n\r\none\r\n--b "
			"b\r\n\r\ntwo\r\n--b b--\r\nepilogue");
		compare(false, a, "--A\r\nContent-ID: <1>\r\n\r\none\r\n--A--\r\n", b,
			"--b b\r\nContent-ID: <2>\r\n\r\none\r\n--b b--\r\n");
		compare(false, a, "--A\r\n\r\none\r\n--A\r\n\r\ntwo\r\n--A--\r\n", b,
			"--b b\r\n\r\ntwo\r\n--b b\r\n\r\none\r\n--b b--\r\n");
		compare(false, a, "--A\r\n\r\none\r\n--A--\r\n", NULL,
			"--A\r\n\r\none\r\n\r\n--A--\r\n");
		/* One boundary begins with the other: parsers differ, the bytes count. */
		ok(digest(a, "--A\r\n\r\n1\r\n--AB\r\n\r\n2\r\n--A--\r\n", 28).is_of_bytes,
			"%s: a boundary within a longer one", kinds[i]);
	}
}

#define OUTER(b, inner, more)                                                                     \
	"--" b "\r\nContent-Disposition: form-data; name=f\r\nContent-Type: multipart/mixed;\r\n" \
	" boundary=" inner more

static void digest_multipart_in_multipart(void)
{
	static const char one[] =
		OUTER("A", "x", "\r\n\r\n") "--x\r\nA: b\r\n\r\n1\r\n--x--\r\n" END("A");
	static const char two[] =
		OUTER("B", "\"y z\"", "\r\n\r\n") "--y z\r\nA: b\r\n\r\n1\r\n--y z--\r\n" END("B");
	static const char other[] =
		OUTER("B", "yz", "\r\n\r\n") "--yz\r\nA: b\r\n\r\n2\r\n--yz--\r\n" END("B");
	static const char type[] =
		OUTER("B", "yz", "; a=b\r\n\r\n") "--yz\r\nA: b\r\n\r\n1\r\n--yz--\r\n" END("B");
	static const char broken[] = OUTER("A", "x", "\r\n\r\n") "--x\r\n\r\n1\r\n" END("A");
	static const char unlike[] = OUTER("A", "y", "\r\n\r\n") "--y\r\n\r\n1\r\n" END("A");
	static const char files[] = PART("A", "a; filename*=UTF-8''%e4", "1") END("A");

	route.ignore = NULL;
	compare(true, OF("A"), one, OF("B"),
		"--B\r\nContent-Disposition: form-data; name=f\r\n"
		"Content-Type: multipart/mixed;\r\n boundary=y\r\n\r\n--y\r\nA: "
		"b\r\n\r\n1\r\n--y--\r\n" END("B"));
	compare(false, OF("A"), one, OF("B"), other);
	compare(false, OF("A"), one, OF("B"), type);
	compare(false, OF("A"), broken, NULL, unlike);
	ok(!digest(OF("A"), broken, strlen(broken)).is_of_bytes,
		"a part that cannot be read counts by its bytes, the others do not");
	/* The quotes of a boundary are the client's, and stay. */
	compare(false, OF("A"), one, OF("B"), two);
	compare(true, OF("A"), files, OF("B"), PART("B", "a; filename*=UTF-8''%e4", "1") END("B"));
	OTHER(OF("A"), files, PART("A", "a; filename*=UTF-8''%e5", "1") END("A"));
}

static void digest_gzip(void)
{
	static const char one[] = "\x1f\x8b\x08\0\1\2\3\4\0\3body";
	char two[sizeof(one) - 1];
	struct sum a = digest(JSON, one, sizeof(one) - 1);

	for (size_t i = 3; i < sizeof(two); i++) {
		struct sum b;

		memcpy(two, one, sizeof(two));
		two[i] ^= 1;
		b = digest(JSON, two, sizeof(two));
		is_int(memcmp(a.bytes, b.bytes, DIGEST_LEN) == 0, i >= 4 && i < 8,
			"gzip: byte %zu does not count", i);
	}
	ok(digest(JSON, one, 9).is_of_bytes, "not a whole head: its bytes");
	ok(digest(JSON, "\x1f\x8b\x09\0\1\2\3\4\0\3", 10).is_of_bytes, "not gzip: its bytes");
}

int main(void)
{
	digest_bytes();
	digest_multipart();
	digest_form();
	digest_json();
	ignore_elements();
	digest_json_text();
	digest_kinds_of_multipart();
	digest_multipart_in_multipart();
	digest_gzip();
	return done_testing();
}
