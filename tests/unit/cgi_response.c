/* SPDX-License-Identifier: ISC */
/*
 * Claims: every output that a web server takes for a response becomes one explicit, normal one;
 * what no two servers agree on is decided here; what is broken or hostile is refused.
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
	gives("HTTP/1.1 201 Made\nX-A: b\n\nx", 201, "Status: 201 Made\nX-A: b\n", "x",
		"row HTTP/1.1 first line");
	gives("Content-Type: text/plain\nSet-Cookie: a=1\nSet-Cookie: b=2\n\n", 200,
		"Status: 200 OK\nContent-Type: text/plain\nSet-Cookie: a=1\nSet-Cookie: b=2\n", "",
		"row two Set-Cookie");
	gives("X-Dup: 1\nStatus: 200\nX-Dup: 2\n\n", 200, "Status: 200 OK\nX-Dup: 1\nX-Dup: 2\n",
		"", "row two X-Dup");
	refuses("hello world\nthis is text\n\n", "line 1", "row no headers at all");
	refuses("Status: 200\nno colon\n\n", "line 2", "row line without colon");
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
	refuses_bytes("Status: 200\nX: a\0b\n\n", 20, "NUL", "row NUL in a header");
	refuses("", "printed nothing", "row empty output");
	refuses("Content-Type: text/plain\n", "empty line", "row headers without blank line");
	gives("Status: 200\nTransfer-Encoding: chunked\n\n2\r\nhi\r\n0\r\n\r\n", 200,
		"Status: 200 OK\n", "2\r\nhi\r\n0\r\n\r\n", "row Transfer-Encoding: chunked");
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
	refuses("X: y\n\n", "none of", "neither type nor Location nor Status");
	refuses("\nContent-Type: a/b\n\n", "none of", "an empty header");
	refuses("Status: 200\nStatus: 200\n\n", "repeats Status", "Status twice");
	refuses("Status:\nContent-Type: a/b\n\n", "200 to 599", "an empty Status");
	refuses("Status: 20\n\n", "200 to 599", "two digits");
	refuses("Status: 2000\n\n", "200 to 599", "four digits");
	refuses("Status: 200OK\n\n", "200 to 599", "no space before the reason");
	refuses("Status: 099\n\n", "200 to 599", "099");
	refuses("Status: 600\n\n", "200 to 599", "600");
	refuses("Status: -20\n\n", "200 to 599", "a sign");
	refuses("Status: OK\n\n", "200 to 599", "a word");
	refuses("Status: 199\n\n", "not a final", "199");
	refuses("Status: 101\n\n", "not a final", "101");
}

static void test_nph(void)
{
	gives("HTTP/1.0 200\r\n\r\nb", 200, "Status: 200 OK\n", "b", "no reason");
	gives("HTTP/1.1 200 OK\nServer: x\nStatus: 200 OK\n\n", 200, "Status: 200 OK\nServer: x\n",
		"", "as CGI.pm prints it");
	refuses("HTTP/1.1 200 OK\nStatus: 404\n\n", "do not agree", "two that differ");
	gives("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nX: y\r\n\r\nb", 201,
		"Status: 201 Created\nX: y\n", "b", "100 before the answer");
	gives("HTTP/1.1 103 Early Hints\nLink: </a>\n\nHTTP/1.1 100 Continue\n\n"
	      "Content-Type: a/b\n\nb",
		200, "Status: 200 OK\nContent-Type: a/b\n", "b", "103 and 100 before the answer");
	refuses("HTTP/1.1 100 Continue\n\n", "empty line", "100 and nothing more");
	refuses("HTTP/1.1 101 Switching Protocols\n\nStatus: 200\n\n", "not a final", "101");
	refuses("HTTP/1.1 abc\n\n", "status line", "no number");
	refuses("HTTP/1.1\n\n", "status line", "no status");
	refuses("HTTP/1.1200 OK\n\n", "status line", "no space");
	refuses("HTTP/ 200 OK\n\n", "status line", "no version");
	refuses("HTTP/1.1 999 OK\n\n", "200 to 599", "999");
	refuses("X: y\nHTTP/1.1 200 OK\n\n", "line 2", "not in the first line");
	refuses("HTTP/1.1 200 OK\n folded\n\n", "follows no field", "a folded status line");
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
	refuses("Status: 200\nX: a\rSet-Cookie: b\n\n", "carriage return", "a bare CR");
	refuses("Status: 200\nX: a\r\r\n\n", "carriage return", "CR CR LF");
	refuses("Status: 200\nX: a\x1b[0m\n\n", "control character", "an escape");
	refuses("Status: 200\nX: a\x7f\n\n", "control character", "a DEL");
	refuses("Status: 200\n: a\n\n", "no name", "an empty name");
	refuses("Status: 200\nX : a\n\n", "before its colon", "a space before the colon");
	refuses("Status: 200\nX Y: a\n\n", "before its colon", "a space in a name");
	refuses("Status: 200\nX\xc3\xa4: a\n\n", "before its colon", "a name that is not ASCII");
	refuses("Status: 200\nX(y): a\n\n", "before its colon", "a name that is not a token");
	refuses("\xef\xbb\xbfStatus: 200\n\n", "before its colon", "a byte order mark");
	refuses(" Status: 200\n\n", "follows no field", "a fold in the first line");
	refuses("Status: 200\n \nHTTP\r\n", "no colon", "a line of blanks does not end the header");
	refuses("Status: 200\nX: y", "empty line", "output that breaks off in a line");
	refuses_bytes("\0", 1, "empty line", "one NUL");
	refuses("\n", "none of", "one line end");
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
	test_limit();
	test_normal();
	cut_behind_a_blank();
	return done_testing();
}
