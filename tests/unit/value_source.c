/* SPDX-License-Identifier: ISC */
/*
 * Claims: a value is found in each of its places as a script would read it, and counted; the digest
 * of a body depends on what was asked, not on how it was wrapped; the body stays as it is.
 */
#include "gateway/value_source.h"
#include "gateway/body.h"

#include "http/form.h"
#include "http/json_pointer.h"
#include "request_try.h"

#include <signal.h>
#include <sys/resource.h>

#define FORM      "CONTENT_TYPE=application/x-www-form-urlencoded"
#define MULTIPART "CONTENT_TYPE=multipart/form-data; boundary=XX"
#define JSON      "CONTENT_TYPE=application/json"

static struct route route;

/* ---- one value ---- */

/* "n: value", "too long" behind it, or the name of an error; static. */
static const char *found(
	const char *source, const char *const *params, const char *body, size_t len)
{
	static char text[VALUE_MAX + 40];
	static const char *const names[] = {[ERR_INVALID] = "invalid", [ERR_REFUSED] = "refused"};
	struct request r = try_request(&route, params, body, len);
	struct value v, again;
	enum err e = value_source_find(&r, source, &v);

	memset(&again, 0xff, sizeof(again));
	ok(e != OK || (value_source_find(&r, source, &again) == OK &&
			      memcmp(v.digest, again.digest, DIGEST_LEN) == 0),
		"%s: its digest is that of the value alone", source);
	ok(lseek(r.body.spool.fd, 0, SEEK_CUR) == 0 && r.body.len == (int64_t)len,
		"%s: the body is where it was", source);
	if (e == OK) {
		snprintf(text, sizeof(text), "%d: %s%s%s", v.n, v.text,
			v.is_too_long ? " too long" : "", v.is_ambiguous ? " or not" : "");
		ok(v.len == strlen(v.text), "and its length is right");
	} else {
		snprintf(text, sizeof(text), "%s",
			e == ERR_INVALID || e == ERR_REFUSED ? names[e] : err_text());
		ok(!strstr(err_text(), "sEcReT"), "the message quotes nothing: %s", err_text());
	}
	request_free(&r);
	return text;
}

static void finds(const char *source, const char *const *params, const char *want)
{
	is_str(found(source, params, "", 0), want, "%s in %s", source, params[0]);
}

static void reads(const char *source, const char *type, const char *body, const char *want)
{
	is_str(found(source, PARAMS(type), body, strlen(body)), want, "%s in %s", source, body);
}

static void look_into_headers(void)
{
	finds("header:Idempotency-Key", PARAMS("HTTP_IDEMPOTENCY_KEY=k=1"), "1: k=1");
	finds("header:x-Key1", PARAMS("HTTP_X_KEY1=a b"), "1: a b");
	finds("header:X", PARAMS("HTTP_Y=a"), "0: ");
	finds("header:X", PARAMS("HTTP_X="), "1: ");
	finds("header:X", PARAMS("HTTP_X=a", "HTTP_X=b"), "2: a");
	finds("header:X", PARAMS("HTTP_X=", "HTTP_X=b", "HTTP_X=c"), "3: ");
	finds("header:X-A",
		PARAMS("HTTP_X_AB=1", "HTTP_X_=2", "X_A=3", "HTTP_X_A", "HTTP_X-A=4", "http_x_a=5",
			"HTTP_X_a=6", "HTTP_HTTP_X_A=7"),
		"0: ");
	finds("header:Content-Type", PARAMS("HTTP_CONTENT_TYPE=a", "CONTENT_TYPE=b/c"), "1: b/c");
	finds("header:content-length", PARAMS("CONTENT_LENGTH=0"), "1: 0");
	finds("header:Content", PARAMS("CONTENT=0", "HTTP_CONTENT=1"), "1: 1");
}

static void look_into_queries(void)
{
	finds("query:k", PARAMS("QUERY_STRING=k=v"), "1: v");
	finds("query:k", PARAMS("QUERY_STRING=a=1&k=v&b"), "1: v");
	finds("query:k", PARAMS("QUERY_STRING=k"), "1: ");
	finds("query:k", PARAMS("QUERY_STRING=k="), "1: ");
	finds("query:k", PARAMS("QUERY_STRING=k=a=b"), "1: a=b");
	finds("query:k", PARAMS("QUERY_STRING="), "0: ");
	finds("query:k", PARAMS("SCRIPT_NAME=k"), "0: ");
	finds("query:k", PARAMS("QUERY_STRING=kk=1&K=2&ak=3&=4&&"), "0: ");
	finds("query:kk", PARAMS("QUERY_STRING=k=1"), "0: ");
	finds("query:k", PARAMS("QUERY_STRING=k=1&k=2"), "2: 1");
	finds("query:k", PARAMS("QUERY_STRING=k&x&k=&k=3"), "3: ");
	finds("query:k", PARAMS("QUERY_STRING=k=%41%2b+%c3%a4%26"), "1: A+ \xc3\xa4&");
	finds("query:k", PARAMS("QUERY_STRING=%6b=v"), "1: v");
	finds("query:a b", PARAMS("QUERY_STRING=a+b=1&a%20b=2"), "2: 1");
	finds("query:k", PARAMS("QUERY_STRING=k%3dv"), "0: ");
	finds("query:a=b", PARAMS("QUERY_STRING=a%3Db=v"), "1: v");
	finds("query:a&b", PARAMS("QUERY_STRING=a%26b=v"), "1: v");
	finds("query:k", PARAMS("QUERY_STRING=k=%4&x=1"), "1: %4");
	finds("query:k", PARAMS("QUERY_STRING=k=%&k%"), "1: %");
	finds("query:k", PARAMS("QUERY_STRING=k=%4g%"), "1: %4g%");
	finds("query:k", PARAMS("QUERY_STRING=a;k=1"), "1: 1 or not");
	finds("query:k", PARAMS("QUERY_STRING=k=1;a=2"), "1: 1 or not");
	finds("query:k", PARAMS("QUERY_STRING=a=1;b=2&k=3"), "1: 3");
	finds("query:k", PARAMS("QUERY_STRING=a=1;b=2"), "0: ");
	finds("query:k", PARAMS("QUERY_STRING=k=1&a;k=1"), "2: 1 or not");
	finds("query:k", PARAMS("QUERY_STRING=k=1%3ba"), "1: 1;a");
	finds("query:k", PARAMS("QUERY_STRING=k[]=1"), "0:  or not");
	finds("query:k", PARAMS("QUERY_STRING=k%5Ba%5D=1"), "0:  or not");
	finds("query:k", PARAMS("QUERY_STRING=k[=1"), "0: ");
	finds("query:k_", PARAMS("QUERY_STRING=k[=1"), "0:  or not");
	finds("query:k", PARAMS("QUERY_STRING=+k=1"), "0:  or not");
	finds("query:a_b", PARAMS("QUERY_STRING=a.b=1"), "0:  or not");
	finds("query:a_b", PARAMS("QUERY_STRING=a+b=1"), "0:  or not");
	finds("query:a_b", PARAMS("QUERY_STRING=a_b=1&a.c=2"), "1: 1");
	finds("query:a.b", PARAMS("QUERY_STRING=a.b=1"), "1: 1");
	finds("query:a.b", PARAMS("QUERY_STRING=a_b=1"), "0:  or not");
	finds("query:k", PARAMS("QUERY_STRING=k%00x=1"), "0:  or not");
}

static void look_into_cookies(void)
{
	finds("cookie:k", PARAMS("HTTP_COOKIE=k=v"), "1: v");
	finds("cookie:k", PARAMS("HTTP_COOKIE=a=1; k=v=w; b=2"), "1: v=w");
	finds("cookie:k", PARAMS("HTTP_COOKIE=k="), "1: ");
	finds("cookie:k", PARAMS("HTTP_COOKIE=K=1; kk=2; xk=3; k; a=k=4"), "0: ");
	finds("cookie:k", PARAMS("HTTP_COOKIE=k=1;k=2"), "2: 1");
	finds("cookie:k", PARAMS("HTTP_COOKIE=k=1", "HTTP_COOKIE=k=2"), "2: 1");
	finds("cookie:k", PARAMS("HTTP_COOKIE=;; ;k=%41;"), "1: %41");
	finds("cookie:k", PARAMS("HTTP_COOKIE="), "0: ");
	finds("cookie:k", PARAMS("HTTP_X=k=1"), "0: ");
}

static void look_into_forms(void)
{
	static const char parts[] = "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"
				    "1\r\n--XX\r\nContent-Disposition: form-data; name=\"k\"; "
				    "filename=\"f\"\r\nContent-Type: text/plain\r\n\r\n"
				    "v\r\nw&k=x\r\n--XX--\r\n";

	reads("form:k", FORM, "a=1&k=%41+b&c", "1: A b");
	reads("form:k", FORM, "k=1&k=2", "2: 1");
	reads("form:k", FORM, "a=1;k=2", "1: 2 or not");
	reads("form:k", FORM, "k=2;a=1", "1: 2 or not");
	reads("form:k", FORM, "a=1;b=2&k=3", "1: 3");
	reads("form:k", FORM, "a=1;b=2", "0: ");
	reads("form:k", FORM, "k=1%3ba", "1: 1;a");
	reads("form:k", FORM, "k[]=1", "0:  or not");
	reads("form:a_b", FORM, "a.b=1", "0:  or not");
	reads("form:a.b", FORM, "a.b=1", "1: 1");
	reads("form:k", MULTIPART,
		"--XX\r\nContent-Disposition: form-data; name=\"k[]\"\r\n\r\n1\r\n--XX--\r\n",
		"0:  or not");
	reads("form:a", MULTIPART,
		"--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1;a=2\r\n--XX--\r\n",
		"1: 1;a=2");
	reads("form:k", FORM, "K=1&kk=2", "0: ");
	reads("form:k", FORM, "", "0: ");
	reads("form:k", FORM ";charset=utf-8", "k=v", "1: v");
	reads("form:k", JSON, "k=v", "0: ");
	reads("form:k", "CONTENT_TYPE=text/plain", "k=v", "0: ");
	reads("form:k", "HTTP_CONTENT_TYPE=application/x-www-form-urlencoded", "k=v", "0: ");
	reads("form:k", MULTIPART, parts, "1: v\r\nw&k=x");
	reads("form:a", MULTIPART, parts, "1: 1");
	reads("form:b", MULTIPART, parts, "0: ");
	reads("form:k", MULTIPART, "--XX\r\nsEcReT", "invalid");
	reads("form:k", MULTIPART, "k=sEcReT", "invalid");
	/* One that cannot be read is not one without the field. */
	reads("form:k", "CONTENT_TYPE=multipart/form-data", parts, "invalid");
	reads("form:k", "CONTENT_TYPE= Multipart/Form-Data ; boundary=", parts, "invalid");
	reads("form:k", "CONTENT_TYPE=multipart/form-database", parts, "0: ");
	reads("form:k", "CONTENT_TYPE=multipart/mixed; boundary=XX", parts, "0: ");
}

static void look_into_json(void)
{
	static char large[POINTER_JSON_MAX + 3];

	reads("json:/k", JSON, "{\"k\":\"v\"}", "1: v");
	reads("json:/k", "CONTENT_TYPE=application/problem+json", "{\"k\":\"v\"}", "1: v");
	reads("json:/k", JSON, "{\"k\":12}", "1: 12");
	reads("json:/k", JSON, "{\"k\":true}", "1: true");
	reads("json:/k", JSON, "{\"k\":{\"b\":1, \"a\":[1, 2]}}", "1: {\"a\":[1,2],\"b\":1}");
	reads("json:/k", JSON, "{\"k\":null}", "0: ");
	reads("json:/k", JSON, "{\"k\":\"\"}", "1: ");
	reads("json:/k", JSON, "{\"K\":1}", "0: ");
	reads("json:/a/1/k~1~0", JSON, "{\"a\":[0,{\"k/~\":\"v\"}]}", "1: v");
	reads("json:/k", JSON, "{\"k\":\"\\u00e4\\n\"}", "1: \xc3\xa4\n");
	reads("json:", JSON, "\"all\"", "1: all");
	reads("json:/k", FORM, "{\"k\":1}", "0: ");
	reads("json:/k", "REQUEST_METHOD=POST", "{\"k\":1}", "0: ");
	reads("json:/k", JSON, "{\"k\":\"sEcReT\"", "invalid");
	reads("json:/k", JSON, "{\"k\":1,\"k\":\"sEcReT\"}", "invalid");
	reads("json:/k", JSON, "", "invalid");
	memset(large, ' ', sizeof(large) - 1);
	is_str(found("json:/k", PARAMS(JSON), large, sizeof(large) - 1), "refused",
		"a document that is too large");
}

/* What does not fit is cut off and said, however it comes. */
static void cut_off(void)
{
	static char param[VALUE_MAX + 40], body[VALUE_MAX + 40];
	char want[VALUE_MAX + 40];

	for (int over = 0; over < 2; over++) {
		int n = VALUE_MAX + over;
		char *value = malloc((size_t)n + 1);

		memset(value, 'v', (size_t)n);
		value[n] = '\0';
		snprintf(
			want, sizeof(want), "1: %.*s%s", VALUE_MAX, value, over ? " too long" : "");
		snprintf(param, sizeof(param), "HTTP_X=%s", value);
		is_str(found("header:X", PARAMS(param), "", 0), want, "a header, %d over", over);
		snprintf(param, sizeof(param), "QUERY_STRING=x=%s", value);
		is_str(found("query:x", PARAMS(param), "", 0), want, "a query, %d over", over);
		snprintf(param, sizeof(param), "HTTP_COOKIE=x=%s; y", value);
		is_str(found("cookie:x", PARAMS(param), "", 0), want, "a cookie, %d over", over);
		snprintf(body, sizeof(body), "x=%s&x", value);
		want[0] = '2';
		is_str(found("form:x", PARAMS(FORM), body, strlen(body)), want,
			"a form, %d over, and another one", over);
		want[0] = '1';
		snprintf(body, sizeof(body), "{\"x\":\"%s\"}", value);
		is_str(found("json:/x", PARAMS(JSON), body, strlen(body)), want, "JSON, %d over",
			over);
		free(value);
	}
}

/* ---- all values of a place ---- */

static void digest_of(const char *source, const char *const *params, const char *body,
	unsigned char out[DIGEST_LEN])
{
	struct request r = try_request(&route, params, body, strlen(body));
	struct value v;

	is_int(value_source_find(&r, source, &v), OK, "%s in %s", source, body);
	memcpy(out, v.digest, DIGEST_LEN);
	request_free(&r);
}

/* The same text, in two places; a digest is of the values, not of the place they stand in. */
static void digest_values(void)
{
	static const char *const texts[] = {"k=", "k=1", "k=1&k=2", "k=2&k=1", "k=12", "k=&k=12",
		"k=1&k=2&k=", "k=%31%32&k=", "x"};
	const size_t n = sizeof(texts) / sizeof(texts[0]);
	unsigned char sums[sizeof(texts) / sizeof(texts[0])][DIGEST_LEN], other[DIGEST_LEN];

	for (size_t i = 0; i < n; i++) {
		char query[64];

		snprintf(query, sizeof(query), "QUERY_STRING=%s", texts[i]);
		digest_of("form:k", PARAMS(FORM), texts[i], sums[i]);
		digest_of("query:k", PARAMS(query), texts[i], other);
		ok(memcmp(sums[i], other, DIGEST_LEN) == 0, "the same in a form and a query");
		for (size_t j = 0; j < i; j++)
			ok(memcmp(sums[i], sums[j], DIGEST_LEN) != 0, "%s is not %s", texts[i],
				texts[j]);
	}
}

static void keep_nul(void)
{
	struct request r = try_request(&route, PARAMS(FORM, "QUERY_STRING=k=a%00b"), "k=a%00b", 7);
	struct value v;

	ok(value_source_find(&r, "query:k", &v) == OK && v.len == 3 &&
			memcmp(v.text, "a\0b", 4) == 0,
		"NUL in a query is a byte of the value");
	ok(value_source_find(&r, "form:k", &v) == OK && v.len == 3 &&
			memcmp(v.text, "a\0b", 4) == 0,
		"and in a form");
	request_free(&r);
}

static void say_where_it_is(void)
{
	static const struct {
		const char *source, *param;
		bool is_in_body;
	} cases[] = {
		{"form:k", FORM, true},
		{"form:k", MULTIPART, true},
		{"form:k", JSON, false},
		{"form:k", "CONTENT_TYPE=multipart/form-data", true},
		{"form:k", "CONTENT_TYPE=multipart/mixed; boundary=XX", false},
		{"form:k", "REQUEST_METHOD=POST", false},
		{"json:/k", JSON, true},
		{"json:/k", "CONTENT_TYPE=APPLICATION/X+JSON ;a=b", true},
		{"json:/k", FORM, false},
		{"json:/k", "REQUEST_METHOD=POST", false},
		{"header:k", JSON, false},
		{"query:k", FORM, false},
		{"cookie:k", FORM, false},
		{"derive", FORM, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request r = try_request(&route, PARAMS(cases[i].param), "", 0);

		is_int(value_source_is_in_body(&r, cases[i].source), cases[i].is_in_body,
			"%s with %s: in the body", cases[i].source, cases[i].param);
		request_free(&r);
	}
}

/* ---- digests ---- */

struct sum {
	unsigned char bytes[DIGEST_LEN];
	bool is_of_bytes;
};

static struct sum digest(const char *type, const char *body, size_t len)
{
	struct request r = try_request(&route, PARAMS(type), body, len);
	struct sum sum;

	is_int(value_source_digest_body(&r, sum.bytes), OK, "a digest of %zu bytes", len);
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
	static char large[POINTER_JSON_MAX + 3];

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
	memset(large, ' ', sizeof(large));
	large[0] = '1';
	ok(digest(JSON, large, sizeof(large)).is_of_bytes, "too large: its bytes");
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

/* A document that was looked into for one value is not changed for the next. */
static void read_once(void)
{
	struct request r;
	struct value v;
	unsigned char sum[DIGEST_LEN];

	route.ignore = LIST("json:/k");
	r = try_request(&route, PARAMS(JSON), "{\"k\":\"v\"}", 9);
	is_int(value_source_digest_body(&r, sum), OK, "a digest without /k");
	ok(value_source_find(&r, "json:/k", &v) == OK && strcmp(v.text, "v") == 0,
		"/k is still there for a key");
	request_free(&r);
}

/* A part of a body must never be taken for all of it, nor its descriptor be closed twice. */
static void have_no_room_for_a_body(void)
{
	struct request r = {.body = {.is_read = true, .len = 5, .spool = SPOOL_CLOSED}};
	struct rlimit before, none;
	int fd = 99;

	getrlimit(RLIMIT_FSIZE, &before);
	none = before;
	none.rlim_cur = 0;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &none);
	for (int i = 0; i < 2; i++) {
		is_int(body_fd(&r, &fd), ERR_FULL, "no room for a small body");
		ok(fd == -1 && r.body.spool.fd == -1, "... no descriptor of it is left");
	}
	setrlimit(RLIMIT_FSIZE, &before);
	is_int(body_fd(&r, &fd), OK, "with room again");
	is_int(lseek(fd, 0, SEEK_END), 5, "... it is whole");
	spool_close(&r.body.spool);
}

int main(void)
{
	look_into_headers();
	look_into_queries();
	look_into_cookies();
	look_into_forms();
	look_into_json();
	cut_off();
	digest_values();
	keep_nul();
	say_where_it_is();
	digest_bytes();
	digest_multipart();
	digest_form();
	digest_json();
	ignore_elements();
	read_once();
	have_no_room_for_a_body();
	return done_testing();
}
