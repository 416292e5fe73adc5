/* SPDX-License-Identifier: ISC */
/*
 * Claims: a value is found in each of its places as a script would read it, and counted; a body
 * that is not what its Content-Type says is not one without the value; the body stays as it is.
 */
#include "gateway/value_source.h"
#include "gateway/body.h"

#include "http/form.h"
#include "request_try.h"

#include <signal.h>
#include <sys/resource.h>

#define FORM      "CONTENT_TYPE=application/x-www-form-urlencoded"
#define MULTIPART "CONTENT_TYPE=multipart/form-data; boundary=XX"
#define JSON      "CONTENT_TYPE=application/json"

static struct route route = {.max_request_bytes = 1 << 20};
static const unsigned char secret[DIGEST_LEN] = {1};

/* ---- one value ---- */

/* "n: value", "too long" behind it, or the name of an error; static. */
static const char *found(
	const char *source, const char *const *params, const char *body, size_t len)
{
	static char text[VALUE_MAX + 40];
	static const char *const names[] = {[ERR_INVALID] = "invalid", [ERR_REFUSED] = "refused"};
	struct request r = try_request(&route, params, body, len);
	struct value v, again;
	enum err e = value_source_find(&r, secret, source, &v);

	memset(&again, 0xff, sizeof(again));
	ok(e != OK || (value_source_find(&r, secret, source, &again) == OK &&
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
	finds("query:k", PARAMS("QUERY_STRING=k"), "1:  or not");
	finds("query:k", PARAMS("QUERY_STRING=k&"), "1: ");
	finds("query:k", PARAMS("QUERY_STRING=kk"), "0: ");
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
	reads("form:k", FORM, "k", "1:  or not");
	reads("form:k", FORM, "%6b", "1:  or not");
	reads("form:k", FORM, "&k", "1: ");
	reads("form:k", FORM ";charset=utf-8", "k=v", "1: v");
	reads("form:k", "HTTP_CONTENT_TYPE=application/x-www-form-urlencoded", "kk=v", "0: ");
	reads("form:k", MULTIPART, parts, "1: v\r\nw&k=x");
	reads("form:a", MULTIPART, parts, "1: 1");
	reads("form:b", MULTIPART, parts, "0: ");
	reads("form:k", MULTIPART, "--XX\r\nsEcReT", "invalid");
	reads("form:k", MULTIPART, "k=sEcReT", "invalid");
	/* One that cannot be read is not one without the field. */
	reads("form:k", "CONTENT_TYPE=multipart/form-data", parts, "invalid");
	reads("form:k", "CONTENT_TYPE= Multipart/Form-Data ; boundary=", parts, "invalid");
	reads("form:k", "CONTENT_TYPE=multipart/form-database", parts, "invalid");
	reads("form:k", "CONTENT_TYPE=multipart/mixed; boundary=XX", parts, "invalid");
}

static void look_into_json(void)
{
	char one[200], two[200];

	reads("json:/k", JSON, "{\"k\":\"v\"}", "1: v");
	reads("json:/k", "CONTENT_TYPE=application/problem+json", "{\"k\":\"v\"}", "1: v");
	reads("json:/k", JSON, "{\"k\":12}", "1: 12");
	reads("json:/k", JSON, "{\"k\":1.10}", "1: 1.10");
	reads("json:/k", JSON, "{\"k\":1.000000000000000001}", "1: 1.000000000000000001");
	reads("json:/k", JSON, "{\"k\":123456789012345678901234567890e999}",
		"1: 123456789012345678901234567890e999");
	reads("json:/k", JSON, "{\"k\":true}", "1: true");
	reads("json:/k", JSON, "{\"k\":false}", "1: false");
	reads("json:/k", JSON, "{\"k\":null}", "0: ");
	reads("json:/k", JSON, "{\"k\":\"\"}", "1: ");
	reads("json:/k", JSON, "{\"K\":1}", "0: ");
	reads("json:/a/1/k~1~0", JSON, "{\"a\":[0,{\"k/~\":\"v\"}]}", "1: v");
	reads("json:/k", JSON, "{\"k\":\"\\u00e4\\n\"}", "1: \xc3\xa4\n");
	reads("json:/k", JSON, "{\"\\u006b\":\"\\ud83d\\ude00\"}", "1: \xf0\x9f\x98\x80");
	reads("json:/k", JSON, "{\"k\":\"\\ud800x\"}", "1: \xed\xa0\x80x");
	reads("json:/k", JSON, "\xef\xbb\xbf{\"k\":\"v\"}", "1: v");
	reads("json:", JSON, "\"all\"", "1: all");
	reads("json:/k", JSON, "{\"k\":\"sEcReT\"", "invalid");
	reads("json:/k", JSON, "{\"k\":1,\"k\":\"sEcReT\"}", "invalid");
	reads("json:/a/k", JSON, "{\"a\":{\"k\":1},\"a\":\"sEcReT\"}", "invalid");
	reads("json:/k", JSON, "{\"k\":1,\"a\":1,\"a\":2}", "1: 1");
	reads("json:/k", JSON, "", "invalid");
	reads("json:/k", JSON, "k=sEcReT", "invalid");
	/* An array or object is one, however it is written. */
	snprintf(one, sizeof(one), "%s",
		found("json:/k", PARAMS(JSON), "{\"k\":{\"b\":1,\"a\":[1,2]}}", 23));
	snprintf(two, sizeof(two), "%s",
		found("json:/k", PARAMS(JSON), "{\"k\":{\"a\":[1,2],\"b\":1}}", 23));
	is_str(one, two, "members in another order");
	is_int((int)strlen(one), 3 + 2 * DIGEST_LEN, "a digest: %s", one);
	snprintf(two, sizeof(two), "%s",
		found("json:/k", PARAMS(JSON), "{\"k\":{\"a\":[2,1],\"b\":1}}", 23));
	ok(strcmp(one, two) != 0, "elements in another order");
}

/* ---- bodies and their types ---- */

#define TEXT_PLAIN "CONTENT_TYPE=text/plain; charset=UTF-8"

static void look_into_liars(void)
{
	static const char part[] = "--XX\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\n"
				   "sEcReT\r\n--XX--\r\n";
	static const char *const types[] = {"REQUEST_METHOD=POST", TEXT_PLAIN, FORM,
		"CONTENT_TYPE=application/octet-stream",
		"CONTENT_TYPE=", "CONTENT_TYPE=application/json, text/plain",
		"CONTENT_TYPE=text/json", "CONTENT_TYPE=application/x-json",
		"CONTENT_TYPE=application/jsonx"};
	static const char *const forms[] = {"REQUEST_METHOD=POST", TEXT_PLAIN, JSON,
		"CONTENT_TYPE=application/x-www-form-urlencodedx", "CONTENT_TYPE=multipart/mixed",
		"CONTENT_TYPE=application/x-www-form-urlencoded, text/plain",
		"CONTENT_TYPE=multipart/related; boundary=XX"};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		reads("json:/k", types[i], "{\"k\":\"sEcReT\"}", "invalid");
		reads("json:/k", types[i], "\xef\xbb\xbf \r\n\t[\"sEcReT\"]", "invalid");
		reads("json:/k", types[i], "k={1}", "0: ");
		reads("json:/k", types[i], " ", "0: ");
		reads("json:/k", types[i], "", "0: ");
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		reads("form:k", forms[i], "k=sEcReT", "invalid");
		reads("form:k", forms[i], "a=1&%6b=sEcReT", "invalid");
		reads("form:k", forms[i], "a=1;k=sEcReT", "invalid");
		reads("form:k", forms[i], "k[]=sEcReT", "invalid");
		reads("form:k", forms[i], part, "invalid");
		reads("form:k", forms[i], "{\"k\":\"v\"}", "0: ");
		reads("form:k", forms[i], "text, k", "0: ");
		reads("form:k", forms[i], "", "0: ");
	}
	reads("form:k", FORM, part, "invalid");
	is_str(found("form:k", PARAMS(FORM, "HTTP_CONTENT_ENCODING=gzip"), "k=v", 3), "invalid",
		"a form with a Content-Encoding");
	is_str(found("json:/k", PARAMS(JSON, "HTTP_CONTENT_ENCODING=br"), "{}", 2), "invalid",
		"JSON with a Content-Encoding");
	is_str(found("form:k", PARAMS(FORM, "HTTP_CONTENT_ENCODING=identity"), "k=v", 3), "1: v",
		"a Content-Encoding that is none");
}

static void look_at_types(void)
{
	reads("form:k", "CONTENT_TYPE=APPLICATION/X-WWW-FORM-URLENCODED ; charset=latin1", "k=v",
		"1: v");
	reads("json:/k", "CONTENT_TYPE=Application/JSON;charset=utf-16", "{\"k\":\"v\"}", "1: v");
	reads("json:/k", "CONTENT_TYPE=application/vnd.api+json", "{\"k\":\"v\"}", "1: v");
	is_str(found("json:/k", PARAMS(JSON), "{\0\"\0k\0\"\0", 8), "invalid", "UTF-16");
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

	is_int(value_source_find(&r, secret, source, &v), OK, "%s in %s", source, body);
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

	ok(value_source_find(&r, secret, "query:k", &v) == OK && v.len == 3 &&
			memcmp(v.text, "a\0b", 4) == 0,
		"NUL in a query is a byte of the value");
	ok(value_source_find(&r, secret, "form:k", &v) == OK && v.len == 3 &&
			memcmp(v.text, "a\0b", 4) == 0,
		"and in a form");
	request_free(&r);
}

static void say_where_it_is(void)
{
	static const struct {
		const char *source, *type, *length;
		bool is_in_body;
	} cases[] = {
		{"form:k", FORM, "CONTENT_LENGTH=0", true},
		{"form:k", MULTIPART, "CONTENT_LENGTH=0", true},
		{"form:k", "CONTENT_TYPE=multipart/form-data", "CONTENT_LENGTH=0", true},
		{"json:/k", JSON, "CONTENT_LENGTH=0", true},
		{"json:/k", "CONTENT_TYPE=APPLICATION/X+JSON ;a=b", "CONTENT_LENGTH=0", true},
		/* One of another type is looked into, however large, unless there is none. */
		{"form:k", JSON, "CONTENT_LENGTH=1", true},
		{"form:k", JSON, "CONTENT_LENGTH=1048576", true},
		{"form:k", JSON, "CONTENT_LENGTH=1048577", true},
		{"form:k", JSON, "CONTENT_LENGTH=0", false},
		{"json:/k", "REQUEST_METHOD=POST", "CONTENT_LENGTH=1", true},
		{"json:/k", "REQUEST_METHOD=POST", "HTTP_TRANSFER_ENCODING=chunked", true},
		{"json:/k", "REQUEST_METHOD=POST", "A=b", false},
		{"header:k", JSON, "CONTENT_LENGTH=1", false},
		{"query:k", FORM, "CONTENT_LENGTH=1", false},
		{"cookie:k", FORM, "CONTENT_LENGTH=1", false},
		{"derive", FORM, "CONTENT_LENGTH=1", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request r =
			try_request(&route, PARAMS(cases[i].type, cases[i].length), "", 0);

		r.body.is_read = false;
		is_int(value_source_is_in_body(&r, cases[i].source), cases[i].is_in_body,
			"%s with %s, %s: in the body", cases[i].source, cases[i].type,
			cases[i].length);
		request_free(&r);
	}
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

static int hex_digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/*
 * For tests/t82-form-readers.t: each line is the name of a field and, in hexadecimal digits, a
 * form; the answer is how often the field is there, or "?" if that is ambiguous, and its first
 * value.
 */
static int answer_lines(void)
{
	char line[4096], *body, *end;

	while (fgets(line, sizeof(line), stdin)) {
		struct request r;
		struct value v;
		char source[64], form[2048];
		size_t len = 0;

		body = strchr(line, ' ');
		end = line + strcspn(line, "\n");
		if (!body)
			return 1;
		*body++ = '\0';
		snprintf(source, sizeof(source), "form:%.50s", line);
		for (; body + 1 < end; body += 2)
			form[len++] = (char)(hex_digit(body[0]) << 4 | hex_digit(body[1]));
		r = try_request(&route, PARAMS(FORM), form, len);
		if (value_source_find(&r, secret, source, &v) != OK) {
			printf("!");
		} else if (v.is_ambiguous) {
			printf("?");
		} else {
			printf("%d ", v.n);
			for (size_t i = 0; i < v.len; i++)
				printf("%02x", (unsigned char)v.text[i]);
		}
		printf("\n");
		request_free(&r);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "read") == 0)
		return answer_lines();
	look_into_headers();
	look_into_queries();
	look_into_cookies();
	look_into_forms();
	look_into_json();
	look_into_liars();
	look_at_types();
	cut_off();
	digest_values();
	keep_nul();
	say_where_it_is();
	have_no_room_for_a_body();
	return done_testing();
}
