/* SPDX-License-Identifier: ISC */
/*
 * Claims: every output that a web server takes for a response becomes one explicit, normal one;
 * what no two servers agree on is decided here; only what none of them delivers is refused.
 */
#include "../../src/cgi/response.c"
#include "http/status.h"

#include "../tap.h"

/* Parses a copy without a byte to spare, so that reading too far is seen. */
static enum err parse_bytes(const char *out, size_t len, int exit_status, struct cgi_response *res)
{
	char *exact = malloc(len + !len);
	enum err rc;

	memcpy(exact, out, len);
	*res = (struct cgi_response){0};
	rc = cgi_response_parse(exact, len, (int64_t)len, exit_status, res);
	free(exact);
	return rc;
}

/* head without the \r, so that tests can be read; body is what follows the header. */
static void gives(
	const char *out, int status, const char *head, const char *body, const char *claim)
{
	struct cgi_response res;
	char lines[1024] = "";
	size_t n = 0;

	if (!ok(parse_bytes(out, strlen(out), 0, &res) == OK, "%s", claim)) {
		printf("#   %s\n", err_text());
		return;
	}
	for (size_t i = 0; i < res.head_len && n < sizeof(lines) - 1; i++)
		if (res.head[i] != '\r' || res.head[i + 1] != '\n')
			lines[n++] = res.head[i];
	lines[n] = '\0';
	is_int(res.status, status, "%s: status", claim);
	is_str(lines, head, "%s: head", claim);
	is_str(out + res.body_at, body, "%s: body", claim);
	ok(strlen(res.head) == res.head_len && strstr(res.head, "\r\n") != NULL,
		"%s: head_len and CRLF", claim);
	cgi_response_free(&res);
}

static void refuses_bytes(const char *out, size_t len, const char *because, const char *claim)
{
	struct cgi_response res;

	ok(parse_bytes(out, len, 0, &res) == ERR_INVALID && strstr(err_text(), because) &&
			!res.head && !res.status,
		"%s: %s", claim, err_text());
}

static void refuses(const char *out, const char *because, const char *claim)
{
	refuses_bytes(out, strlen(out), because, claim);
}

/* All of the output is the body, of a response without fields. */
static void is_text(const char *out, const char *claim)
{
	struct cgi_response res;

	ok(parse_bytes(out, strlen(out), 0, &res) == OK && res.is_text && res.body_at == 0 &&
			res.status == 200 && res.has_body,
		"%s: all of it is the body", claim);
	is_str(res.head, "Status: 200 OK\r\n", "%s: head", claim);
	cgi_response_free(&res);
}

/* How many lines are dropped of a header, and the first of them. */
static void drops(const char *out, int n, int first, const char *claim)
{
	struct cgi_response res;

	ok(parse_bytes(out, strlen(out), 0, &res) == OK, "%s: taken", claim);
	is_int(res.dropped_lines, n, "%s: lines left out", claim);
	is_int(res.first_dropped, first, "%s: the first of them", claim);
	cgi_response_free(&res);
}

/* The table of facts about servers, row by row. */
static void test_rows(void)
{
	char big[64 * 1024];
	char *p = big;
	struct cgi_response res;

	gives("Status: 204\n\nbody", 204, "Status: 204 No Content\n", "body", "row 204 with body");
	parse_bytes("Status: 204\n\nbody", 17, 0, &res);
	ok(!res.has_body, "row 204 with body: it is not sent");
	cgi_response_free(&res);
	gives("Status: 418\n\nx", 418, "Status: 418 I'm a teapot\n", "x", "row 418 without reason");
	refuses("Status: 100\n\n", "not a final", "row Status: 100");
	gives("Status: 100\n\nStatus: 201\n\nb", 201, "Status: 201 Created\n", "b",
		"row Status: 100, then 201");
	gives("HTTP/1.1 201 Made\nX-A: b\n\nx", 201, "Status: 201 Made\nX-A: b\n", "x",
		"row HTTP/1.1 first line");
	gives("Content-Type: text/plain\nSet-Cookie: a=1\nSet-Cookie: b=2\n\n", 200,
		"Status: 200 OK\nContent-Type: text/plain\nSet-Cookie: a=1\nSet-Cookie: b=2\n", "",
		"row two Set-Cookie");
	gives("X-Dup: 1\nStatus: 200\nX-Dup: 2\n\n", 200, "Status: 200 OK\nX-Dup: 1\nX-Dup: 2\n",
		"", "row two X-Dup");
	is_text("hello world\nthis is text\n\n", "row no headers at all");
	gives("Status: 201\nno colon\n\n", 201, "Status: 201 Created\n", "",
		"row line without colon");
	gives("Status: 200\nX-Long: one\n  two\n\tthree\n\n", 200,
		"Status: 200 OK\nX-Long: one two three\n", "", "row folded header");
	gives("Location: /path\n\n", 303, "Status: 303 See Other\nLocation: /path\n", "",
		"row Location: /path only");
	gives("Location: http://a/b\n\n", 302, "Status: 302 Found\nLocation: http://a/b\n", "",
		"row Location: http://.. only");
	gives("Status: 303\nLocation: /x\n\nbody", 303, "Status: 303 See Other\nLocation: /x\n",
		"body", "row Status: 303, Location, body");
	gives("Status: 200\nContent-Length: 3\n\n12345678901234567", 200, "Status: 200 OK\n",
		"12345678901234567", "row Content-Length too small");
	gives("Status: 200\nContent-Length: 300\n\nshort", 200, "Status: 200 OK\n", "short",
		"row Content-Length too big");

	p += sprintf(p, "Status: 200\nX-Big: ");
	memset(p, 'x', 9000);
	memcpy(p + 9000, "\n\n", 3);
	ok(parse_bytes(big, strlen(big), 0, &res) == OK && res.head_len > 9000, "row 9 KB line");
	cgi_response_free(&res);
	p = big + sprintf(big, "Status: 200\n");
	for (int i = 0; i < 40; i++)
		p += sprintf(p, "X-%d: %01000d\n", i, i);
	memcpy(p, "\n", 2);
	ok(parse_bytes(big, strlen(big), 0, &res) == OK && res.head_len > 40000,
		"row 40 headers of 1 KB");
	cgi_response_free(&res);

	memcpy(big, "Status: 200\n\n", 13);
	for (int i = 0; i < 256; i++)
		big[13 + i] = (char)i;
	ok(parse_bytes(big, 13 + 256, 0, &res) == OK && res.body_at == 13,
		"row all 256 byte values in the body");
	cgi_response_free(&res);
	ok(parse_bytes("Status: 200\nX: a\0b\n\n", 20, 0, &res) == OK &&
			strcmp(res.head, "Status: 200 OK\r\nX: a b\r\n") == 0,
		"row NUL in a header");
	cgi_response_free(&res);
	refuses("", "printed nothing", "row empty output");
	is_text("Content-Type: text/plain\n", "row headers without blank line");
	gives("Status: 200\nTransfer-Encoding: chunked\n\n2\r\nhi\r\n0\r\n\r\n", 200,
		"Status: 200 OK\n", "2\r\nhi\r\n0\r\n\r\n", "row Transfer-Encoding: chunked");
	ok(parse_bytes("X: y\nTransfer-Encoding: chunked\n\n", 33, 0, &res) == OK && res.is_chunked,
		"row Transfer-Encoding: chunked: to be decoded");
	cgi_response_free(&res);
}

static void test_status(void)
{
	gives("Status: 201 Very Created\r\nX: y\r\n\r\nb", 201, "Status: 201 Very Created\nX: y\n",
		"b", "the script's own reason is kept");
	gives("X: y\nstatus:299\n\n", 299, "Status: 299\nX: y\n", "", "no reason is known");
	gives("Content-Type: a/b\n\n", 200, "Status: 200 OK\nContent-Type: a/b\n", "",
		"only a type");
	gives("Content-Type: a/b\nLocation: /x?y\n\n", 303,
		"Status: 303 See Other\nContent-Type: a/b\nLocation: /x?y\n", "",
		"type and Location");
	gives("Location: next.html\n\n", 302, "Status: 302 Found\nLocation: next.html\n", "",
		"a relative Location");
	gives("Location: /a\nLocation: http://b/\n\n", 302,
		"Status: 302 Found\nLocation: /a\nLocation: http://b/\n", "",
		"of two Locations the last counts");
	gives("Status: 200\nLocation: /x\n\n", 200, "Status: 200 OK\nLocation: /x\n", "",
		"an explicit Status wins over Location");
	gives("X: y\n\nb", 200, "Status: 200 OK\nX: y\n", "b", "any field makes a head");
	gives("\nContent-Type: a/b\n\n", 200, "Status: 200 OK\n", "Content-Type: a/b\n\n",
		"an empty first line means no fields");
	gives("\r\nb", 200, "Status: 200 OK\n", "b", "an empty first line, CRLF");
	gives("Status: 200\nStatus: 404\n\n", 404, "Status: 404 Not Found\n", "",
		"of two Status the last counts");
	gives("Status: 201Created\n\n", 201, "Status: 201 Created\n", "",
		"no space before the reason");
	gives("Status: +201\n\n", 201, "Status: 201 Created\n", "", "a plus sign");
	gives("Status: 0201 x\n\n", 201, "Status: 201 Created\n", "", "a leading zero");
	gives("Status: 999 X\n\n", 999, "Status: 999 X\n", "", "999");
	gives("Status: 600\n\n", 600, "Status: 600\n", "", "600");
	for (const char *const *odd = (const char *const[]){"", "20", "2000", "099", "000", "-20",
		     "OK", "HTTP/1.1 201", "\"404\"", "99999999999999999999", NULL};
		*odd; odd++) {
		struct cgi_response res;
		char out[64];

		snprintf(out, sizeof(out), "Status: %s\nX: y\n\n", *odd);
		ok(parse_bytes(out, strlen(out), 0, &res) == OK && res.has_odd_status,
			"Status: %s is odd", *odd);
		is_str(res.head, "Status: 500 Internal Server Error\r\nX: y\r\n",
			"Status: %s counts as 500", *odd);
		cgi_response_free(&res);
	}
	refuses("Status: 199\n\n", "not a final", "199");
	refuses("Status: 101\n\n", "not a final", "101");
}

static void test_nph(void)
{
	gives("HTTP/1.0 200\r\n\r\nb", 200, "Status: 200 OK\n", "b", "no reason");
	gives("HTTP/1.1 200 OK\nServer: x\nStatus: 200 OK\n\n", 200, "Status: 200 OK\nServer: x\n",
		"", "as CGI.pm prints it");
	gives("HTTP/1.1 200 OK\nStatus: 404\n\n", 404, "Status: 404 Not Found\n", "",
		"of two that differ Status counts");
	gives("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nX: y\r\n\r\nb", 201,
		"Status: 201 Created\nX: y\n", "b", "100 before the answer");
	gives("HTTP/1.1 103 Early Hints\nLink: </a>\n\nHTTP/1.1 100 Continue\n\n"
	      "Content-Type: a/b\n\nb",
		200, "Status: 200 OK\nContent-Type: a/b\n", "b", "103 and 100 before the answer");
	refuses("HTTP/1.1 100 Continue\n\n", "not a final", "100 and nothing more");
	refuses("HTTP/1.1 101 Switching Protocols\n\nStatus: 200\n\n", "not a final", "101");
	gives("HTTP/1.1 999 OK\n\n", 999, "Status: 999 OK\n", "", "999");
	gives("HTTP/1.1 abc\nX: y\nStatus: 201\n\n", 201, "Status: 201 Created\nX: y\n", "",
		"no number: dropped");
	is_text("HTTP/1.1\n\n", "no status");
	is_text("HTTP/1.1200 OK\n\n", "no space");
	is_text("HTTP/ 200 OK\n\n", "no version");
	drops("X: y\nHTTP/1.1 201 OK\n\n", 1, 2, "not in the first line");
	drops("HTTP/1.1 200 OK\n folded\nX: y\n\n", 1, 2, "a folded status line");
}

static void test_form(void)
{
	gives("Status: 200\r\nX: y\n\r\nb", 200, "Status: 200 OK\nX: y\n", "b", "mixed line ends");
	gives("Status: 200\nX:y\t \nY: \t z\nE:\n\n", 200, "Status: 200 OK\nX: y\nY: z\nE: \n", "",
		"blanks around values; an empty value");
	gives("Status: 200\nX:\n y\n \nZ: a\n\n", 200, "Status: 200 OK\nX: y\nZ: a\n", "",
		"a fold after an empty value; a fold of blanks");
	gives("Status: 200\nX: \xc3\x85\x85\xff a\tb\n\n", 200,
		"Status: 200 OK\nX: \xc3\x85\x85\xff a\tb\n", "",
		"bytes over 0x7F and TAB are kept");
	gives("Status: 200\nX: a\rSet-Cookie: b\n\n", 200, "Status: 200 OK\nX: a Set-Cookie: b\n",
		"", "a bare CR is a space");
	gives("Status: 200\nX: a\r\r\n\r\r\nb", 200, "Status: 200 OK\nX: a\n", "b", "CR CR LF");
	gives("Status: 200\nX: a\x1b[0m\x7f\x01\nY:\x01\n\n", 200,
		"Status: 200 OK\nX: a [0m\nY: \n", "", "control characters");
	gives("Status: 200\nX: a\n \x01 b\n\n", 200, "Status: 200 OK\nX: a b\n", "",
		"a control character in a fold");
	gives("Status: 200\nX \t: a\nX-Y :\n\n", 200, "Status: 200 OK\nX: a\nX-Y: \n", "",
		"blanks before the colon go");
	gives("Status : 201\n\n", 201, "Status: 201 Created\n", "", "also of Status");
	drops("Status: 200\n: a\n\n", 1, 2, "an empty name");
	drops("Status: 200\n : a\n\n", 0, 0, "a fold that begins with a colon");
	drops("Status: 200\nX Y: a\nno\n\n", 2, 2, "a space in a name");
	drops("Status: 200\nX\xc3\xa4: a\n\n", 1, 2, "a name that is not ASCII");
	drops("Status: 200\nX(y): a\n b\n\n", 2, 2, "a name that is not a token, and its fold");
	drops("X: y\nX\x01: a\n\n", 1, 2, "a control character in a name");
	gives("\xef\xbb\xbfStatus: 201\n\nb", 201, "Status: 201 Created\n", "b",
		"a byte order mark");
	is_text("\xef\xbb\xbfhello\n\n", "a byte order mark before text");
	gives("  Status: 201\n\nb", 201, "Status: 201 Created\n", "b",
		"blanks before the first field");
	is_text("Status: 200\n \nHTTP\r\n", "a line of blanks does not end the header");
	is_text("Status: 200\nX: y", "output that breaks off in a line");
	is_text("<p>\nNote: x\n\n", "a field without CGI field, not in the first line");
	gives("warning!\nContent-Type: a/b\n\nb", 200, "Status: 200 OK\nContent-Type: a/b\n", "b",
		"a CGI field below a line that is none");
	is_text("<body style=\"a: b\">\n\n", "a colon alone makes no field");
	gives("\n", 200, "Status: 200 OK\n", "", "one line end");
}

static void test_dropped(void)
{
	gives("Status: 200\nConnection: close\nKeep-Alive: timeout=5\nTrailer: X\nUpgrade: h2c\n"
	      "Proxy-Connection: close\nTE: trailers\ntransfer-encoding: gzip\ncontent-length: 1\n"
	      "X-Keep: 1\n\nb",
		200, "Status: 200 OK\nX-Keep: 1\n", "b", "fields about the connection");
	gives("Status: 200\nRetrysafe-Outcome: release\nRETRYSAFE-anything: 1\nRetrysafe-: 1\n"
	      "Idempotent-Replayed: true\nRetrysafeX: 1\nIdempotent-Replayed-X: 1\n\n",
		200, "Status: 200 OK\nRetrysafeX: 1\nIdempotent-Replayed-X: 1\n", "",
		"fields for us");
	gives("Status: 200\nX-Sendfile: /etc/passwd\nX-Sendfile2: /etc/passwd 0-9\n"
	      "X-Accel-Redirect: /secret\nX-LIGHTTPD-send-file: /x\nX-Accel-Buffering: no\n\n",
		200, "Status: 200 OK\nX-Accel-Buffering: no\n", "", "fields that point to files");
}

/* The status of an output whose Content-Length is `text`, whose body has 5 bytes; 0: refused. */
static int status_with(const char *status, const char *text, int exit_status)
{
	struct cgi_response res;
	char out[256];
	int n = snprintf(out, sizeof(out), "Status: %s\nContent-Length: %s\n\nabcde", status, text);

	if (parse_bytes(out, (size_t)n, exit_status, &res) != OK)
		return 0;
	if (strstr(res.head, "Content-Length"))
		res.status = -1;
	n = res.status;
	cgi_response_free(&res);
	return n;
}

static void test_length(void)
{
	is_int(status_with("200", "6", 0), 200, "too big, exit 0: dropped");
	is_int(status_with("200", "6", 1), 0, "too big, exit 1: died half-way");
	is_int(status_with("200", "5", 1), 200, "exact, exit 1: complete");
	is_int(status_with("200", "4", 1), 200, "too small, exit 1: dropped");
	is_int(status_with("200", "99999999999999999999999", 0), 200, "enormous, exit 0");
	is_int(status_with("200", "99999999999999999999999", 9), 0, "enormous, exit not 0");
	is_int(status_with("200", "9999999999999999999", 9), 0, "the first over INT64_MAX");
	is_int(status_with("200", "5\nContent-Length: 6", 9), 0, "the larger of two counts");
	is_int(status_with("200", "6\nContent-Length: 5", 9), 0, "in any order");
	is_int(status_with("304", "6", 1), 304, "a 304 says the length of what is not there");
	is_int(status_with("200", "", 1), 200, "empty: dropped");
	is_int(status_with("200", "-6", 1), 200, "a sign: dropped");
	is_int(status_with("200", "6, 6", 1), 200, "a list: dropped");
	is_int(status_with("200", "0x9", 1), 200, "hexadecimal: dropped");
}

static bool is_chunked(const char *fields)
{
	struct cgi_response res;
	char out[256];
	bool is;

	snprintf(out, sizeof(out), "X: y\n%s\n\n", fields);
	is = parse_bytes(out, strlen(out), 0, &res) == OK && res.is_chunked;
	cgi_response_free(&res);
	return is;
}

static void test_chunked(void)
{
	ok(is_chunked("Transfer-Encoding: Chunked"), "in any case");
	ok(is_chunked("Transfer-Encoding: gzip, chunked"), "the last of two");
	ok(is_chunked("Transfer-Encoding: chunked;q=1"), "with a parameter");
	ok(is_chunked("Transfer-Encoding: gzip\nTransfer-Encoding: chunked"), "the last field");
	ok(!is_chunked("Transfer-Encoding: chunked, gzip"), "the first of two");
	ok(!is_chunked("Transfer-Encoding: chunkedx"), "another word");
	ok(!is_chunked("Transfer-Encoding: identity"), "identity");
	ok(!is_chunked("Transfer-Encoding:"), "nothing");
	ok(!is_chunked("Status: 204\nTransfer-Encoding: chunked"), "no body, no chunks");
}

static void test_limit(void)
{
	size_t room = CGI_HEADER_MAX * 2;
	char *out = malloc(room);
	struct cgi_response res = {0};
	int n = sprintf(out, "Status: 200\nX: ");

	memset(out + n, 'x', room - (size_t)n);
	memcpy(out + CGI_HEADER_MAX - 2, "\n\n", 2);
	ok(parse_bytes(out, room, 0, &res) == OK && res.body_at == CGI_HEADER_MAX,
		"a header of exactly CGI_HEADER_MAX bytes");
	cgi_response_free(&res);
	ok(cgi_response_parse(out, CGI_HEADER_MAX, INT64_MAX, 0, &res) == OK,
		"the first CGI_HEADER_MAX bytes are enough to parse");
	cgi_response_free(&res);
	out[CGI_HEADER_MAX - 1] = 'x';
	memcpy(out + CGI_HEADER_MAX - 1, "\n\n", 2);
	out[CGI_HEADER_MAX - 2] = 'x';
	refuses_bytes(out, room, "longer than", "a header of one byte more");

	for (size_t i = 0; i + 3 <= room; i += 3)
		memcpy(out + i, "a:\n", 3);
	memcpy(out + CGI_HEADER_MAX / 3 * 3 - 15, "Status: 200 \n\n\n", 15);
	ok(parse_bytes(out, CGI_HEADER_MAX, 0, &res) == OK && res.head_len > CGI_HEADER_MAX,
		"as many fields as there can be: %s", err_text());
	cgi_response_free(&res);
	for (size_t i = 0; i + 3 <= room; i += 3)
		memcpy(out + i, " a\n", 3);
	memcpy(out, "Status: 200 OK\n", 15);
	memcpy(out + CGI_HEADER_MAX / 3 * 3 - 3, " \n\n", 3);
	ok(parse_bytes(out, CGI_HEADER_MAX, 0, &res) == OK, "as many folds as there can be");
	cgi_response_free(&res);
	free(out);
}

/* A second parse gives the same, byte for byte; a free of nothing is harmless. */
static void test_normal(void)
{
	static const char out[] = "HTTP/1.1 299\nX-a:\n b\nLocation:  /x\nSet-Cookie: a\n"
				  "Set-Cookie: a\nE:\nConnection: close\n\nbody";
	struct cgi_response first, second;
	char again[512];
	int n;

	ok(parse_bytes(out, sizeof(out) - 1, 0, &first) == OK, "a first parse");
	n = snprintf(again, sizeof(again), "%s\r\nbody", first.head);
	ok(parse_bytes(again, (size_t)n, 0, &second) == OK, "a second parse");
	is_str(second.head, first.head, "gives the same");
	cgi_response_free(&first);
	cgi_response_free(&second);
	cgi_response_free(&second);
	cgi_response_free(NULL);
	ok(!second.head, "freed is empty");
	is_str(status_reason(404), "Not Found", "a known reason");
	ok(!status_reason(299), "an unknown reason");
}

/* A long reason is cut; what is left must not end in a blank, or it would be another one when read
 * again. */
static void cut_behind_a_blank(void)
{
	char line[600], out[700];
	struct cgi_response res;
	bool clean = true;

	for (int at = 20; at < 500; at++) {
		memset(line, 'x', sizeof(line));
		line[at] = ' ';
		line[sizeof(line) - 1] = '\0';
		snprintf(out, sizeof(out), "HTTP/1.1 222 %s\n\n", line);
		if (cgi_response_parse(out, strlen(out), (int64_t)strlen(out), 0, &res) != OK)
			continue;
		clean = clean && !strstr(res.head, " \r\n");
		cgi_response_free(&res);
	}
	ok(clean, "a reason that is cut has no blank at its end");
}

int main(void)
{
	test_rows();
	test_status();
	test_nph();
	test_form();
	test_dropped();
	test_length();
	test_chunked();
	test_limit();
	test_normal();
	cut_behind_a_blank();
	return done_testing();
}
