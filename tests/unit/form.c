/* SPDX-License-Identifier: ISC */
/*
 * Claims: a form gives the same fields wherever its blocks end; what browsers send is read as they
 * meant it; what two parsers would read in two ways is refused; no message quotes the form.
 */
#include <unistd.h>

/* A small block, so that the window is filled to its last byte. */
#define FORM_BLOCK 61
#define pread      give
static ssize_t give(int fd, void *buf, size_t n, off_t at);

#include "../../src/http/form.c"

#include "../tap.h"

#include <stdlib.h>
#include <sys/mman.h>

#undef pread

/* ---- bodies that come in pieces ---- */

static const char *body;
static size_t body_len, split, piece; /* a block ends at `split`; none is longer than `piece` */
static int interrupted;

static ssize_t give(int fd, void *buf, size_t n, off_t at)
{
	size_t left = body_len - (size_t)at;

	if (fd < 0) {
		errno = EIO;
		return -1;
	}
	if (interrupted-- > 0) {
		errno = EINTR;
		return -1;
	}
	if (n > left)
		n = left;
	if (n > piece)
		n = piece;
	if ((size_t)at < split && n > split - (size_t)at)
		n = split - (size_t)at;
	memcpy(buf, body + at, n);
	return (ssize_t)n;
}

/* ---- what a form gives, written down ---- */

static char got[20000];
static size_t got_len;
static enum err stop_field, stop_data;
static bool has_heads; /* heads are written down, too */

static void put(const char *s, size_t len)
{
	for (size_t i = 0; i < len && got_len + 5 < sizeof(got); i++)
		if ((unsigned char)s[i] < ' ' || s[i] == '<')
			got_len += (size_t)sprintf(got + got_len, "<%02X>", (unsigned char)s[i]);
		else
			got[got_len++] = s[i];
	got[got_len] = '\0';
}

static enum err field(void *arg, const char *name, size_t len, const char *head, size_t head_len)
{
	(void)arg;
	if (got_len > 0)
		put(";", 1);
	put(name, len);
	put("=", 1);
	if (has_heads && head) {
		put("(", 1);
		put(head, head_len);
		put(")", 1);
	}
	return stop_field;
}

static enum err data(void *arg, const char *bytes, size_t len)
{
	(void)arg;
	if (len == 0)
		put("EMPTY", 5);
	put(bytes, len);
	return stop_data;
}

static enum err read_len(const char *type, int64_t len)
{
	struct form_type t = form_type_of(type);
	struct form_handler h = {.field = field, .data = data};

	got_len = 0;
	got[0] = '\0';
	return form_read(0, 0, len, &t, &h);
}

/*
 * Reads a body whole, byte by byte, in pairs, and with the end of a block at every byte.  want
 * NULL: all refuse it with the same text.
 */
static void gives_bytes(
	const char *type, const char *text, size_t len, const char *want, const char *claim)
{
	static const size_t pieces[] = {1, 2, SIZE_MAX};
	char said[512] = "";
	bool is_same = true;
	enum err rc = OK;

	body = text;
	body_len = len;
	for (size_t i = 0; i < 3 && is_same; i++) {
		piece = pieces[i];
		for (split = 0; split <= len && is_same; split++) {
			rc = read_len(type, (int64_t)len);
			is_same = want ? rc == OK && strcmp(got, want) == 0 : rc == ERR_INVALID;
			is_same = is_same && (want || !*said || strcmp(said, err_text()) == 0);
			snprintf(said, sizeof(said), "%s", want ? "" : err_text());
		}
	}
	if (!ok(is_same, "%s", claim))
		printf("#   split %zu, piece %zu, error %d %s\n#   got:  %s\n#   want: %s\n",
			split - 1, piece, rc, err_text(), got, want ? want : "(refused)");
}

#define BYTES(s)   s, sizeof(s) - 1
#define URLENCODED "application/x-www-form-urlencoded"
#define MULTIPART  "multipart/form-data; boundary=bo"
#define CD         "Content-Disposition: form-data; name="

static void url(const char *text, const char *want, const char *claim)
{
	gives_bytes(URLENCODED, text, strlen(text), want, claim);
}

static void multi(const char *text, const char *want, const char *claim)
{
	gives_bytes(MULTIPART, text, strlen(text), want, claim);
}

/* A form of one part with this head. */
static void head(const char *lines, const char *want, const char *claim)
{
	char text[2 * FORM_HEAD_MAX];
	int n = snprintf(text, sizeof(text), "--bo\r\n%s\r\n\r\nv\r\n--bo--\r\n", lines);

	gives_bytes(MULTIPART, text, (size_t)n, want, claim);
}

/* A part whose disposition goes on like this after "form-data;". */
static void named(const char *parameters, const char *want, const char *claim)
{
	char lines[512];

	snprintf(lines, sizeof(lines), "Content-Disposition: form-data;%s", parameters);
	head(lines, want, claim);
}

/* ---- types ---- */

static void is_type(const char *field_value, enum form_kind kind, const char *boundary)
{
	char *exact = strdup(field_value); /* so that reading too far is seen */
	struct form_type t = form_type_of(exact);

	free(exact);
	is_int(t.kind, kind, "type: %s", field_value);
	is_str(t.boundary, boundary, "  its boundary");
}

#define TEN "0123456789"

static void try_types(void)
{
	is_int(form_type_of(NULL).kind, FORM_NONE, "type: none");
	is_type("", FORM_NONE, "");
	is_type("text/plain", FORM_NONE, "");
	is_type("application/json", FORM_NONE, "");
	is_type("application/x-www-form-urlencoded", FORM_URLENCODED, "");
	is_type("Application/X-WWW-Form-URLencoded; charset=UTF-8", FORM_URLENCODED, "");
	is_type(" application/x-www-form-urlencoded;", FORM_URLENCODED, "");
	is_type("application/x-www-form-urlencoded2", FORM_NONE, "");
	is_type("application/x-www-form-urlencode", FORM_NONE, "");
	is_type("application/x-www-form-urlencoded,text/plain", FORM_NONE, "");

	is_type("multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
		FORM_MULTIPART, "----WebKitFormBoundary7MA4YWxkTrZu0gW");
	is_type("MULTIPART/Form-Data;BOUNDARY=x", FORM_MULTIPART, "x");
	is_type("multipart/form-data ; charset=\"a;boundary=no\\\"\" ;; boundary=x ;",
		FORM_MULTIPART, "x");
	is_type("multipart/form-data; boundary=x; charset=utf-8", FORM_MULTIPART, "x");
	is_type("multipart/form-data; boundary=\"a b'()+_,-./:=?c\"", FORM_MULTIPART,
		"a b'()+_,-./:=?c");
	is_type("multipart/form-data; boundary=----=_Part_1/2", FORM_MULTIPART, "----=_Part_1/2");
	is_type("multipart/form-data; boundary=" TEN TEN TEN TEN TEN TEN TEN, FORM_MULTIPART,
		TEN TEN TEN TEN TEN TEN TEN);
	is_type("multipart/form-data; boundary=" TEN TEN TEN TEN TEN TEN TEN "0", FORM_NONE, "");
	is_type("multipart/form-data", FORM_NONE, "");
	is_type("multipart/form-data; boundary", FORM_NONE, "");
	is_type("multipart/form-data; boundary=", FORM_NONE, "");
	is_type("multipart/form-data; boundary=\"\"", FORM_NONE, "");
	is_type("multipart/form-data; boundary=\"a", FORM_NONE, "");
	is_type("multipart/form-data; boundary=\"a \"", FORM_NONE, "");
	is_type("multipart/form-data; boundary=\"a\"b", FORM_NONE, "");
	is_type("multipart/form-data; boundary=a\"b\"", FORM_NONE, "");
	is_type("multipart/form-data; boundary=a,b", FORM_NONE, "");
	is_type("multipart/form-data; boundary=a~b", FORM_NONE, "");
	is_type("multipart/form-data; boundary=\"a\\b\"", FORM_NONE, "");
	is_type("multipart/form-data; boundary=\"a\tb\"", FORM_NONE, "");
	is_type("multipart/form-data; boundary=a b", FORM_NONE, "");
	is_type("multipart/form-data; boundary =a", FORM_NONE, "");
	is_type("multipart/form-data; boundary=a; boundary=a", FORM_NONE, "");
	is_type("multipart/form-data boundary=a", FORM_NONE, "");
	is_type("multipart/mixed; boundary=a", FORM_PARTS, "a");
	is_type("multipart/; boundary=a", FORM_NONE, "");
	is_type("multipart/related; boundary=", FORM_NONE, "");
}

/* ---- urlencoded ---- */

static void try_urlencoded(void)
{
	static char text[3 * FORM_NAME_MAX + 8];

	url("", "", "nothing: no field");
	url("a=1&b=2", "a=1;b=2", "two fields");
	url("a", "a=", "a name alone");
	url("a&b=", "a=;b=", "two names alone");
	url("=v", "=v", "an empty name");
	url("=", "=", "an equals sign alone");
	url("&&a=1&&&b=2&", "a=1;b=2", "empty segments are no fields");
	url("a=b=c==", "a=b=c==", "the first = counts");
	url("a+b=c+d", "a b=c d", "a plus is a space");
	url("a%2Bb=%26%3d%25", "a+b=&=%", "percent sequences, in any case");
	url("%61%62=%e2%82%ac%00%0A", "ab=\xe2\x82\xac<00><0A>", "any byte");
	url("a=%&b=%4&c=%zz&d=%4z%41&%=%", "a=%;b=%4;c=%zz;d=%4zA;%=%",
		"what is no percent sequence stands for itself");
	url("a=%%41%2&b=%41%", "a=%A%2;b=A%", "half of one before a whole one, and at the end");
	url("a=1&a=2;3", "a=1;a=2;3", "a semicolon separates nothing, names may come again");
	gives_bytes(
		URLENCODED, BYTES("a\0b=\0&\xff"), "a<00>b=<00>;\xff=", "bytes that are no text");

	memset(text, 'n', sizeof(text));
	memcpy(text + FORM_NAME_MAX, "=v&b=2", 7);
	text[FORM_NAME_MAX + 6] = '\0';
	split = 0;
	body = text;
	body_len = strlen(text);
	piece = SIZE_MAX;
	is_int(read_len(URLENCODED, (int64_t)body_len), OK, "a name of FORM_NAME_MAX bytes");
	is_str(got + FORM_NAME_MAX, "=v;b=2", "  and all that follows");
	memmove(text + 1, text, body_len + 1);
	body_len++;
	is_int(read_len(URLENCODED, (int64_t)body_len), OK, "one more is longer than any name");
	is_str(got + FORM_NAME_MAX + 1, "=v;b=2", "  and what follows is there all the same");
	memmove(text + 1, text, body_len + 1);
	body_len++;
	is_int(read_len(URLENCODED, (int64_t)body_len), OK, "two more are cut");
	is_str(got + FORM_NAME_MAX + 1, "=v;b=2", "  to the same length");
	for (size_t i = 0; i < FORM_NAME_MAX; i++)
		memcpy(text + 3 * i, "%6e", 3);
	body_len = (size_t)3 * FORM_NAME_MAX;
	is_int(read_len(URLENCODED, (int64_t)body_len), OK, "the decoded name counts");
	is_int(got_len, FORM_NAME_MAX + 1, "  and is handed over at the end");
}

/* ---- multipart ---- */

static void try_multipart(void)
{
	multi("--bo\r\n" CD "\"a\"\r\n\r\n1\r\n--bo\r\n" CD "\"b\"\r\n\r\n2\r\n3\r\n--bo--\r\n",
		"a=1;b=2<0D><0A>3", "two parts");
	multi("--bo--", "", "a form without fields");
	multi("--bo\r\n" CD "a\r\n\r\n1\r\n--bo--", "a=1", "nothing after the last boundary");
	multi("--bo\r\n" CD "a\r\n\r\n1\r\n--bo-- \t\n--bo\r\n\r\nx", "a=1", "an epilogue");
	multi("pre --bo\r\namble\r\n\r\n--bo\r\n" CD "a\r\n\r\n1\r\n--bo--", "a=1", "a preamble");
	multi("\r\n--bo\r\n" CD "a\r\n\r\n1\r\n--bo--", "a=1", "an empty preamble");
	multi("--bo \t \r\n" CD "a\r\n\r\n1\r\n--bo  \r\n" CD "b\r\n\r\n2\r\n--bo--   ", "a=1;b=2",
		"transport padding");
	multi("--bo\r\n" CD "a\r\n\r\n\r\n--bo\r\n" CD "b\r\n\r\n\r\n\r\n--bo--", "a=;b=<0D><0A>",
		"no data, and an empty line");
	multi("--bo\r\n" CD "a\r\n\r\n--bo--", "a=", "no data, and not even its line");
	multi("--bo\r\n" CD "a\r\n\r\n\r\r\n\r\n-\r\n--b\r\n--b\r\n--bO--bo\r\r\n--bo--",
		"a=<0D><0D><0A><0D><0A>-<0D><0A>--b<0D><0A>--b<0D><0A>--bO--bo<0D>",
		"beginnings of a boundary are data");
	multi("--bo\r\n" CD "a\r\n\r\nx--bo--\r\n\n\r\n--bo--", "a=x--bo--<0D><0A><0A>",
		"a boundary within a line is data");
	gives_bytes(MULTIPART, BYTES("--bo\r\n" CD "a\r\n\r\n\0\xff\0\r\n--bo--"), "a=<00>\xff<00>",
		"any byte");

	multi("", NULL, "nothing");
	multi("a=1&b=2", NULL, "another encoding");
	multi("--bo\r\n" CD "a\r\n\r\n1", NULL, "no closing boundary");
	multi("--bo\r\n" CD "a\r\n\r\n1\r\n--bo", NULL, "half a closing boundary");
	multi("--bo\r\n" CD "a\r\n\r\n1\r\n--bo-", NULL, "almost a closing boundary");
	multi("--bo\r\n" CD "a\r\n\r\n1\r\n--bo\r\n", NULL, "a part that has only begun");
	multi("--bo\r\n" CD "a\r\n", NULL, "half a head");
	multi("--bo\r\n" CD "a\r\n\r\n1\r\n--box\r\n" CD "b\r\n\r\n2\r\n--bo--", NULL,
		"a boundary that goes on");
	multi("--bo\r\n" CD "a\r\n\r\n1\r\n--bo--x", NULL, "a last boundary that goes on");
	multi("--bo x\r\n" CD "a\r\n\r\n1\r\n--bo--", NULL, "more than padding");
	multi("--boxx" CD "a\r\n\r\n1\r\n--bo--", NULL, "a boundary that no line end follows");
	multi("--bo\n" CD "a\r\n\r\n1\r\n--bo--", NULL, "a bare LF after a boundary");
	multi("--bo\r\n" CD "a\r\n\r\n1\n--bo\r\n" CD "b\r\n\r\n2\r\n--bo--", NULL,
		"a bare LF before a boundary");
	multi("--bo\r\n" CD "a\n\n1\n--bo--\n", NULL, "bare LFs everywhere");
}

/* A head of n bytes, in small pieces and in large ones. */
static void long_head(size_t n, enum err want)
{
	static const char start[] = "--bo\r\n" CD "a\r\nX: ", end[] = "\r\n\r\nv\r\n--bo--";
	static char text[FORM_HEAD_MAX + 512];

	memset(text, 'x', sizeof(text));
	memcpy(text, start, sizeof(start) - 1);
	memcpy(text + strlen("--bo\r\n") + n - strlen("\r\n"), end, sizeof(end));
	body = text;
	body_len = strlen(text);
	split = 0;
	for (piece = 1; piece <= FORM_BLOCK; piece += FORM_BLOCK - 1) {
		is_int(read_len(MULTIPART, (int64_t)body_len), want,
			"a head of %zu bytes, in pieces of %zu", n, piece);
		is_str(got, want == OK ? "a=v" : "", "  its field");
		ok(want == OK || strstr(err_text(), "too long"), "  why not");
	}
}

static void try_heads(void)
{
	head("content-type: text/plain\r\nCONTENT-DISPOSITION:FORM-DATA ; NAME=a\r\nX:", "a=v",
		"any case, other fields");
	head("Content-Disposition:\r\n form-data\r\n\t; name\r\n =a", NULL, "a fold within");
	head("Content-Disposition:\r\n form-data;\r\n\tname=a;\r\n x=y\r\nY: z\r\n name=q", "a=v",
		"folds");
	head("X: y\r\n Content-Disposition: form-data; name=a", NULL, "a fold is no field");
	head("Content-Type: text/plain", NULL, "no Content-Disposition");
	multi("--bo\r\n\r\n\r\nv\r\n--bo--", NULL, "no head");
	multi("--bo\r\n\r\nv\r\n--bo--", NULL, "an empty head");
	head(CD "a\r\n" CD "a", NULL, "two of them");
	head("Content-Disposition: attachment; name=a", NULL, "no form-data");
	head("Content-Disposition: form-data", NULL, "no parameter");
	head("Content-Disposition : form-data; name=a", NULL, "a blank before the colon");
	head(" " CD "a", NULL, "a blank before the first line");
	head(CD "a\r\nno field", NULL, "a line without a colon");
	head(CD "a\r\n: x", NULL, "a line without a name");
	head(CD "a\nX: y", NULL, "a bare LF");
	head(CD "a\rX: y", NULL, "a bare CR");
	head("X: y\nz\r\n" CD "a", NULL, "a bare LF in another field");
	head("X: y\rz\r\n" CD "a", NULL, "a bare CR in another field");
	head("X: y\r\r\n" CD "a", NULL, "a bare CR before a line end");
	gives_bytes(MULTIPART, BYTES("--bo\r\nX: \0\r\n" CD "a\r\n\r\nv\r\n--bo--"), NULL,
		"a NUL in another field");
	head("--bo\r\n" CD "a", NULL, "a boundary as first line");
	head(CD "a\r\n--bo:", NULL, "a boundary among the lines");
	gives_bytes(MULTIPART, BYTES("--bo\r\n" CD "a\0\r\n\r\nv\r\n--bo--"), NULL, "a NUL");

	has_heads = true;
	head(CD "a; filename=\"x\"\r\nContent-Type: a/b",
		"a=(" CD "a; filename=\"x\"<0D><0A>Content-Type: a/b<0D><0A>)v",
		"the head is handed over, without the empty line");
	has_heads = false;

	long_head(FORM_HEAD_MAX, OK);
	long_head(FORM_HEAD_MAX + 1, ERR_INVALID);
	long_head(FORM_HEAD_MAX + 300, ERR_INVALID);
}

static void long_name(size_t n, enum err want)
{
	static const char start[] = "--bo\r\n" CD "\"", end[] = "\"\r\n\r\nv\r\n--bo--";
	static char text[FORM_NAME_MAX + 128];

	memset(text, 'n', sizeof(text));
	memcpy(text, start, sizeof(start) - 1);
	memcpy(text + sizeof(start) - 1 + n, end, sizeof(end));
	body = text;
	body_len = strlen(text);
	split = 0;
	piece = SIZE_MAX;
	is_int(read_len(MULTIPART, (int64_t)body_len), want, "a name of %zu bytes", n);
	is_int(got_len, want == OK ? n + 2 : 0, "  and nothing else");
	ok(!strstr(err_text(), "nnn"), "  is not quoted");
}

static void try_names(void)
{
	named(" name=\"a b\"; filename=\"x;name=y\"", "a b=v", "a name in quotes");
	named(" filename=\"name=\\\"no\\\"\"; name=a", "a=v", "the name comes last");
	named("name=a-b_c.d", "a-b_c.d=v", "a name without quotes");
	named(" name=\"\"", "=v", "an empty name in quotes");
	named(" name=\"a%22b%0d%0A%20%2\"", "a\"b<0D><0A>%20%2=v", "what browsers escape");
	named(" name=\"a\\\"b\"", "a\"b=v", "a quote behind a backslash");
	named(" name=\"a\\\\\"", "a\\=v", "a backslash behind a backslash");
	named(" name=\"a\\b\"", "a\\b=v", "a backslash for itself");
	named(" name=\"\xc3\xa4\"", "\xc3\xa4=v", "UTF-8");
	named(" name=\"a\"; filename=\"C:\\x\\y\"; filename*=UTF-8''z;", "a=v", "file names");
	named(" name=a; name=a", NULL, "two names");
	named(" name=a; name*=UTF-8''b", NULL, "a name in an extended form, too");
	named(" NAME*0=a", NULL, "a name in pieces");
	named(" name=", NULL, "no name");
	named(" name", NULL, "no equals sign");
	named(" filename=a", NULL, "a file name only");
	named(" name=\"a", NULL, "half a quote");
	named(" name=\"a\\\"", NULL, "a quote that is escaped away");
	named(" name=\"a\"b", NULL, "something behind the quote");
	named(" name=a\"b\"", NULL, "a quote in the middle");
	named(" name=a b", NULL, "two words");
	named(" name=a/b", NULL, "no token and no quotes");
	named(" name=\"a\r\n b\"", NULL, "a fold in a name");

	long_name(FORM_NAME_MAX, OK);
	long_name(FORM_NAME_MAX + 1, ERR_INVALID);
}

/* ---- errors, and bodies of many blocks ---- */

static void try_errors(void)
{
	struct form_type t = form_type_of(MULTIPART), none = {.kind = FORM_NONE};
	struct form_handler h = {.field = field, .data = data};
	const char *form = "--bo\r\n" CD "a\r\n\r\n1\r\n--bo\r\n" CD "b\r\n\r\n2\r\n--bo--";

	split = 0;
	piece = SIZE_MAX;
	body = form;
	body_len = strlen(form);
	is_int(form_read(-1, 0, 10, &t, &h), ERR_SYSTEM, "cannot be read");
	is_int(form_read(0, 0, 10, &none, &h), ERR_INVALID, "no form at all");
	is_int(read_len(MULTIPART, -1), ERR_INVALID, "less than nothing");
	body_len -= 9;
	is_int(read_len(MULTIPART, (int64_t)body_len + 1), ERR_SYSTEM, "shorter than its length");
	is_int(read_len(URLENCODED, (int64_t)body_len + 1), ERR_SYSTEM, "  urlencoded, too");
	is_int(read_len(URLENCODED, -1), OK, "  less than nothing");
	body_len += 9;
	interrupted = 3;
	is_int(read_len(MULTIPART, (int64_t)body_len), OK, "interrupted");

	stop_field = ERR_FULL;
	is_int(read_len(MULTIPART, (int64_t)body_len), ERR_FULL, "field() ends the reading");
	is_str(got, "a=", "  at once");
	body = "a=1&b=2";
	body_len = 7;
	is_int(read_len(URLENCODED, 7), ERR_FULL, "field() ends the reading of pairs");
	is_str(got, "a=", "  at once");
	stop_field = OK;
	stop_data = ERR_GONE;
	is_int(read_len(URLENCODED, 7), ERR_GONE, "data() ends the reading of pairs");
	is_str(got, "a=1", "  at once");
	body = form;
	body_len = strlen(form);
	is_int(read_len(MULTIPART, (int64_t)body_len), ERR_GONE, "data() ends the reading");
	is_str(got, "a=1", "  at once");
	stop_data = OK;
}

/* Every byte of a value arrives, in order, however many blocks it takes. */
static void try_large(void)
{
	enum { VALUE = 10007 };
	static char text[VALUE + 64], want[VALUE + 8];
	int n = snprintf(text, sizeof(text), "--bo\r\n" CD "a\r\n\r\n");

	split = 0;
	memcpy(want, "a=", 2);
	for (int i = 0; i < VALUE; i++)
		want[2 + i] = text[n + i] = (char)('a' + i % 26);
	memcpy(text + n + VALUE, "\r\n--bo--", 9);
	body = text;
	body_len = (size_t)n + VALUE + 8;
	for (piece = 1; piece < 2 * FORM_BLOCK; piece += 7)
		if (read_len(MULTIPART, (int64_t)body_len) != OK || strcmp(got, want) != 0)
			break;
	ok(piece >= 2 * FORM_BLOCK, "a part of many blocks");
	body = want;
	body_len = strlen(want);
	for (piece = 1; piece < 2 * FORM_BLOCK; piece += 7)
		if (read_len(URLENCODED, (int64_t)body_len) != OK || strcmp(got, want) != 0)
			break;
	ok(piece >= 2 * FORM_BLOCK, "a value of many blocks");
}

/* ---- many fields ---- */

static enum err count(void *arg, const char *name, size_t len, const char *head, size_t head_len)
{
	(void)name;
	(void)len;
	(void)head;
	(void)head_len;
	++*(int *)arg;
	return OK;
}

static enum err read_many(const char *type_text, const char *one, int n, int *fields)
{
	struct form_type type = form_type_of(type_text);
	struct form_handler h = {.field = count, .arg = fields};
	size_t len = strlen(one);
	char *text = malloc(len * (size_t)n + 8);
	enum err e;

	for (int i = 0; i < n; i++)
		memcpy(text + len * (size_t)i, one, len + 1);
	strcat(text, "--x--");
	body = text;
	body_len = strlen(text);
	split = 0;
	piece = SIZE_MAX;
	*fields = 0;
	e = form_read(0, 0, (int64_t)body_len, &type, &h);
	free(text);
	return e;
}

static void try_many(void)
{
	static const char *const forms[][2] = {{"application/x-www-form-urlencoded", "a&"},
		{"multipart/form-data; boundary=x",
			"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n"}};

	for (int i = 0; i < 2; i++) {
		int n = 0;

		is_int(read_many(forms[i][0], forms[i][1], FORM_FIELDS_MAX - 1, &n), OK,
			"as many fields as may be: %.9s", forms[i][0]);
		is_int(read_many(forms[i][0], forms[i][1], FORM_FIELDS_MAX + 1, &n), ERR_INVALID,
			"one too many");
		is_int(n, FORM_FIELDS_MAX, "the handler does not get it");
	}
}

int main(void)
{
	try_types();
	try_urlencoded();
	try_multipart();
	try_heads();
	try_names();
	try_errors();
	try_large();
	try_many();
	return done_testing();
}
