/* SPDX-License-Identifier: ISC */
/*
 * cgi/response.c - reads the header block of a script's output and writes it anew
 *
 * Web servers make different answers of the same bytes, so the block is normalised once, before it
 * is recorded, and nothing of it is copied unchecked.
 *
 * What any of httpd, lighttpd and nginx delivers is a response; the rules take the most useful
 * reading where they differ (tests/t16-outputs.t compares).
 *
 * RULES
 *   (1) Lines end in LF or CRLF; the block ends with an empty line; CGI_HEADER_MAX bytes hold it
 *       (unit/cgi_response).
 *   (2) A field is "token:value"; blanks before the colon are dropped.  A folded line is joined to
 *       the one before by one space.  Any other line is dropped and counted (unit/cgi_response,
 *       t16-outputs).
 *   (3) Control characters in a value become spaces, but for TAB (RFC 9110, 5.5)
 *       (unit/cgi_response).
 *   (4) An output is a head and a body where its first line is a field, an HTTP status line or
 *       empty, or where a CGI field (Content-Type, Location, Status) is among the lines before the
 *       first empty one.  Any other output has no head, and is all body (unit/cgi_response,
 *       t16-outputs).
 *   (5) Of several Status fields the last counts, and of a Status its number; 500 stands for a
 *       Status that holds no number from 200 to 999, as in httpd.  An interim one (100 to 199) is
 *       dropped with its block, as in lighttpd (unit/cgi_response, t16-outputs).
 *   (6) The head that is written starts with Status, and holds the other fields in their order,
 *       with repeats, but for those in dropped[] (unit/cgi_response, t13-responses).
 *   (7) Parsing a head that was written here gives that head again (unit/cgi_response).
 *
 * A whole-line HTTP status ("HTTP/1.1 201 Created", an nph- script) stands for a missing Status.
 *
 * Does not know who reads the messages: they name lines by number and quote nothing of the output.
 */
#include "cgi/response.h"

#include "http/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * Fields of a script that are not recorded.  A final '*' matches any rest of a name.
 *
 * Transfer-Encoding: RFC 3875, 6.3.4: "The script MUST NOT return any header fields that relate to
 * client-side communication issues [...] The server MAY remove any such header fields".  The
 * chunks of a script that prints them itself are decoded (cgi/chunks.h), as lighttpd does.
 *
 * Connection: the fields that it names are not followed; a script is no proxy.
 */
static const char *const dropped[] = {
	/* About the connection, not the answer: the web server's business. */
	"Transfer-Encoding", "Connection", "Keep-Alive", "Trailer", "Upgrade", "Proxy-Connection",
	"TE",
	/* Written anew when the recorded body is sent. */
	"Content-Length",
	/* For us, or ours alone to say. */
	"Retrysafe-*", "Idempotent-Replayed",
	/* They name a file that the server sends in place of the body: it is not recorded, and a
	 * replay would send what the file holds by then. */
	"X-Sendfile*", "X-Accel-Redirect", "X-LIGHTTPD-*",
	/* Written first. */
	"Status"};

/* Reads the output line by line. */
struct reader {
	const char *in;
	size_t at;    /* offset of the next line */
	size_t limit; /* a header block ends before this offset, or is too long */
	int line_no;  /* of the line read last, from 1 */
};

/* A line without its end; borrowed from the output. */
struct line {
	const char *text;
	size_t len;
};

/* A header block: name NUL value NUL, as often as there are fields. */
struct block {
	char *text; /* owned; never needs more room than the output it was read from */
	size_t len;
	bool has_field;      /* the line before is a field: a folded line has something to join */
	bool has_end;        /* its empty line is there */
	bool is_head;        /* rule (4) */
	char http_line[128]; /* "201 Created" of an NPH line, else empty */
	int dropped, first_dropped; /* lines that are no fields; the number of the first of them */
};

/* The fields that have a meaning here; values are borrowed from the block. */
struct meaning {
	const char *status, *location;
	const char *outcome, *ttl; /* for us */
	bool is_chunked;
	int64_t longest; /* the largest Content-Length, or -1 */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* RFC 9110, 5.6.2 */
static bool is_token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

/* The next line; false: there is none with an end. */
static bool read_line(struct reader *rd, struct line *out)
{
	const char *start = rd->in + rd->at;
	const char *end = memchr(start, '\n', rd->limit - rd->at);

	if (!end)
		return false;
	*out = (struct line){start, (size_t)(end - start)};
	rd->at += out->len + 1;
	rd->line_no++;
	while (out->len > 0 && start[out->len - 1] == '\r')
		out->len--;
	return true;
}

/* Blanks, and the control characters that rule (3) makes blanks of. */
static bool is_trimmed(char c)
{
	return is_blank(c) || is_control(c);
}

static void trim(struct line *ln)
{
	while (ln->len > 0 && is_trimmed(ln->text[ln->len - 1]))
		ln->len--;
	while (ln->len > 0 && is_trimmed(ln->text[0])) {
		ln->text++;
		ln->len--;
	}
}

static void append(struct block *b, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		b->text[b->len++] = is_control(text[i]) ? ' ' : text[i];
	b->text[b->len++] = '\0';
}

/* Does the line begin with this field's name and a colon? */
static bool is_named(const char *name, size_t len, const char *wanted)
{
	return len == strlen(wanted) && strncasecmp(name, wanted, len) == 0;
}

/* False: the line is no field. */
static bool add_field(const struct line *ln, struct block *b)
{
	const char *colon = memchr(ln->text, ':', ln->len);
	struct line value;
	size_t len = colon ? (size_t)(colon - ln->text) : 0;

	while (len > 0 && is_blank(ln->text[len - 1]))
		len--;
	for (size_t i = 0; i < len; i++)
		if (!is_token_char(ln->text[i]))
			return false;
	if (len == 0)
		return false;
	value = (struct line){colon + 1, (size_t)(ln->text + ln->len - colon - 1)};
	trim(&value);
	append(b, ln->text, len);
	append(b, value.text, value.len);
	b->is_head = b->is_head || is_named(ln->text, len, "Content-Type") ||
		     is_named(ln->text, len, "Location") || is_named(ln->text, len, "Status");
	return true;
}

/* RFC 9112, 5.2: a folded line is the rest of the value before it.  False: there is none. */
static bool add_fold(const struct line *ln, struct block *b)
{
	struct line rest = *ln;

	if (!b->has_field)
		return false;
	trim(&rest);
	if (rest.len == 0)
		return true;
	b->len--;
	if (b->text[b->len - 1] != '\0')
		b->text[b->len++] = ' ';
	append(b, rest.text, rest.len);
	return true;
}

/* The number that a status begins with, at most 1000; 0 when it begins with none. */
static int read_status(const char *s)
{
	int status = 0;

	for (s += *s == '+'; *s >= '0' && *s <= '9'; s++)
		status = status < 1000 ? status * 10 + (*s - '0') : 1000;
	return status < 1000 ? status : 1000;
}

/*
 * "HTTP/1.1 201 Created".  A reason longer than there is room for is cut: it has no meaning.
 * False: it is no such line.
 */
static bool keep_http_line(const struct line *ln, struct block *b)
{
	struct line rest = *ln;
	size_t n = strlen("HTTP/");
	int status;

	while (n < ln->len && ((ln->text[n] >= '0' && ln->text[n] <= '9') || ln->text[n] == '.'))
		n++;
	if (n == strlen("HTTP/") || n == ln->len || !is_blank(ln->text[n]))
		return false;
	rest.text += n;
	rest.len -= n;
	trim(&rest);
	if (rest.len >= sizeof(b->http_line)) {
		rest.len = sizeof(b->http_line) - 1;
		trim(&rest); /* it may have been cut behind a blank */
	}
	for (size_t i = 0; i < rest.len; i++)
		b->http_line[i] = is_control(rest.text[i]) ? ' ' : rest.text[i];
	b->http_line[rest.len] = '\0';
	status = read_status(b->http_line);
	if (status < 100 || status > 999)
		b->http_line[0] = '\0';
	return b->http_line[0] != '\0';
}

/* Reads on to the empty line.  Of a block without one has_end is false. */
static void read_block(struct reader *rd, struct block *b)
{
	struct line ln = {0};
	char *text = b->text;
	int n_dropped = b->dropped, first_dropped = b->first_dropped;

	*b = (struct block){.text = text, .dropped = n_dropped, .first_dropped = first_dropped};
	for (bool is_first = true; read_line(rd, &ln); is_first = false) {
		bool is_fold = ln.len > 0 && is_blank(ln.text[0]) && !is_first, is_kept;

		if (ln.len == 0) {
			b->has_end = true;
			b->is_head = b->is_head || is_first;
			return;
		}
		if (is_first)
			trim(&ln);
		if (is_first && ln.len >= 5 && memcmp(ln.text, "HTTP/", 5) == 0)
			is_kept = b->is_head = keep_http_line(&ln, b);
		else if (is_fold)
			is_kept = add_fold(&ln, b);
		else
			is_kept = add_field(&ln, b);
		b->has_field = is_kept && b->len > 0;
		if (is_first && is_kept)
			b->is_head = true;
		if (!is_kept && b->dropped++ == 0)
			b->first_dropped = rd->line_no;
	}
}

/* Digits to a number, the largest there is when they are more; -1 for anything else. */
static int64_t read_length(const char *s)
{
	int64_t n = 0;

	if (*s == '\0')
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		n = n > (INT64_MAX - 9) / 10 ? INT64_MAX : n * 10 + (*s - '0');
	}
	return n;
}

/* Sets *name and *value to the field at *at and moves on; false behind the last one. */
static bool next_field(const struct block *b, size_t *at, const char **name, const char **value)
{
	if (*at == b->len)
		return false;
	*name = b->text + *at;
	*value = *name + strlen(*name) + 1;
	*at = (size_t)(*value - b->text) + strlen(*value) + 1;
	return true;
}

/* Is "chunked" the last of these codings? */
static bool ends_in_chunked(const char *value)
{
	const char *last = strrchr(value, ',');

	last = last ? last + 1 : value;
	last += strspn(last, " \t");
	return strncasecmp(last, "chunked", 7) == 0 && strchr(" \t;", last[7]);
}

/* Of repeated fields the last one counts, as in httpd; all but Status are kept. */
static void read_meaning(const struct block *b, struct meaning *out)
{
	const char *name, *value;
	size_t at = 0;

	*out = (struct meaning){.longest = -1};
	while (next_field(b, &at, &name, &value)) {
		if (strcasecmp(name, "Status") == 0) {
			out->status = value;
		} else if (strcasecmp(name, "Location") == 0) {
			out->location = value;
		} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
			out->is_chunked = ends_in_chunked(value);
		} else if (strcasecmp(name, "Retrysafe-Outcome") == 0) {
			out->outcome = value;
		} else if (strcasecmp(name, "Retrysafe-TTL") == 0) {
			out->ttl = value;
		} else if (strcasecmp(name, "Content-Length") == 0) {
			int64_t n = read_length(value);

			out->longest = n > out->longest ? n : out->longest;
		}
	}
}

/*
 * Sets *line to the status with its reason, or to its number alone.  Returns the number, which may
 * still be interim.
 */
static int choose_status(
	const struct block *b, const struct meaning *m, const char **line, bool *is_odd)
{
	const char *text = m->status ? m->status : b->http_line;
	int n;

	/* RFC 3875, 6.2.2: a local redirect would be made anew by the server at every replay, so
	 * the client is sent there.  6.2.3: any other one is 302; so are relative ones, which the
	 * RFC does not know and all servers take. */
	if (text[0] == '\0' && !m->status)
		text = !m->location ? "200" : m->location[0] == '/' ? "303" : "302";
	n = read_status(text);
	*is_odd = n < 100 || n > 999;
	if (*is_odd)
		n = 500;
	*line = text;
	return n;
}

static bool is_dropped(const char *name)
{
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++) {
		size_t len = strlen(dropped[i]);

		if (dropped[i][len - 1] == '*' ? strncasecmp(name, dropped[i], len - 1) == 0
					       : strcasecmp(name, dropped[i]) == 0)
			return true;
	}
	return false;
}

/* Is it three digits, that number, and the script's own reason? */
static bool has_reason(const char *line, int status)
{
	return strspn(line, "0123456789") == 3 && is_blank(line[3]) && read_status(line) == status;
}

static enum err write_head(const struct block *b, const char *line, struct cgi_response *res)
{
	const char *reason = status_reason(res->status);
	const char *name, *value;
	size_t at = 0;
	FILE *f = open_memstream(&res->head, &res->head_len);
	bool is_whole;

	if (!f)
		return err_set(ERR_NOMEM, "no memory for a response header");
	/* ferror(3) does not say that open_memstream(3) had no memory: each write does. */
	if (has_reason(line, res->status))
		is_whole = fprintf(f, "Status: %s\r\n", line) > 0;
	else
		is_whole = fprintf(f, "Status: %d%s%s\r\n", res->status, reason ? " " : "",
				   reason ? reason : "") > 0;
	while (is_whole && next_field(b, &at, &name, &value))
		if (!is_dropped(name))
			is_whole = fprintf(f, "%s: %s\r\n", name, value) > 0;
	/* Without memory for the last byte glibc's fclose(3) says 0 and leaves no text. */
	if (fclose(f) == 0 && is_whole && res->head)
		return OK;
	free(res->head);
	return err_set(ERR_NOMEM, "no memory for a response header");
}

/* Checks what the block says against what follows it, and writes it anew. */
static enum err finish(
	const struct block *b, int64_t body_len, int exit_status, struct cgi_response *res)
{
	struct meaning m;
	const char *line = "";

	read_meaning(b, &m);
	res->status = choose_status(b, &m, &line, &res->has_odd_status);
	if (res->status == 101)
		return err_set(ERR_INVALID, "the script's status 101 is not a final one");
	if (res->status < 200)
		return ERR_BUSY; /* the answer is still to come */
	snprintf(res->outcome, sizeof(res->outcome), "%s", m.outcome ? m.outcome : "");
	snprintf(res->ttl, sizeof(res->ttl), "%s", m.ttl ? m.ttl : "");
	res->has_body = res->status != 204 && res->status != 304;
	res->is_chunked = res->has_body && m.is_chunked;
	res->has_length = !m.is_chunked && m.longest >= 0 && m.longest <= body_len;
	res->dropped_lines = b->dropped;
	res->first_dropped = b->first_dropped;
	if (res->has_body && !m.is_chunked && exit_status != 0 && m.longest > body_len)
		return err_set(ERR_INVALID,
			"the script failed and its body is shorter than its Content-Length");
	return write_head(b, line, res);
}

/* The rest of the output is all body: rule (4). */
static enum err take_text(struct cgi_response *res)
{
	const struct block none = {.len = 0};

	res->status = 200;
	res->has_body = res->is_text = true;
	return write_head(&none, "200", res);
}

enum err cgi_response_parse(const char *out, size_t out_len, int64_t total_len, int exit_status,
	struct cgi_response *res)
{
	static const char mark[] = "\xef\xbb\xbf"; /* UTF-8's byte order mark, of some editors */
	struct reader rd = {out, 0, out_len < CGI_HEADER_MAX ? out_len : CGI_HEADER_MAX, 0};
	struct cgi_response found = {0};
	struct block b = {0};
	enum err rc;

	if (out_len == 0)
		return err_set(ERR_INVALID, "the script printed nothing");
	b.text = malloc(rd.limit + 2);
	if (!b.text)
		return err_set(ERR_NOMEM, "no memory for a response header");
	if (rd.limit > 3 && memcmp(out, mark, 3) == 0)
		rd.at = 3;
	do {
		if (rd.at == rd.limit) {
			rc = err_set(ERR_INVALID, "the script's status is not a final one");
			break;
		}
		read_block(&rd, &b);
		if (b.has_end && b.is_head) {
			found.body_at = rd.at; /* or where the next block begins */
			rc = finish(&b, total_len - (int64_t)rd.at, exit_status, &found);
		} else if (b.is_head && rd.limit == CGI_HEADER_MAX) {
			rc = err_set(ERR_INVALID,
				"the script's header is longer than %d bytes, or does not end with "
				"an empty line",
				CGI_HEADER_MAX);
		} else {
			rc = take_text(&found);
		}
	} while (rc == ERR_BUSY);
	if (rc == OK)
		*res = found;
	free(b.text);
	return rc;
}

void cgi_response_free(struct cgi_response *res)
{
	if (!res)
		return;
	free(res->head);
	*res = (struct cgi_response){0};
}
