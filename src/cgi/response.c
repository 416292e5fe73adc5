/* SPDX-License-Identifier: ISC */
/*
 * cgi/response.c - reads the header block of a script's output and writes it anew
 *
 * Web servers make different answers of the same bytes, so the block is normalised once, before it
 * is recorded, and nothing of it is copied unchecked.
 *
 * RULES
 *   (1) Lines end in LF or CRLF; the block ends with an empty line; CGI_HEADER_MAX bytes hold it
 *       (unit/cgi_response).
 *   (2) No control character but TAB; a bare CR and a NUL are control characters
 *       (unit/cgi_response).
 *   (3) Every field is "token:value".  A folded line is joined to the one before by one space
 *       (unit/cgi_response).
 *   (4) RFC 3875, 6.3: "At least one CGI field MUST be supplied": Content-Type, Location or Status
 *       (unit/cgi_response).
 *   (5) The head that is written starts with Status, and holds the other fields in their order,
 *       with repeats, but for those in dropped[] (unit/cgi_response, t13-responses).
 *   (6) Parsing a head that was written here gives that head again (unit/cgi_response).
 *
 * A whole-line HTTP status ("HTTP/1.1 201 Created", an nph- script) stands for Status.  Where
 * both are there, as CGI.pm prints them, they must agree.
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
 * client-side communication issues [...] The server MAY remove any such header fields".  A script
 * that prints chunks itself keeps its bytes, chunk sizes and all, as under mod_cgid.  Calling such
 * an output invalid was rejected: the script did its work and its answer is complete, yet every one
 * of its operations would be uncertain and wait for an operator.
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
	bool has_field;      /* a folded line has something to be joined to */
	char http_line[128]; /* "201 Created" of an NPH line, else empty */
};

/* The fields that have a meaning here; values are borrowed from the block. */
struct meaning {
	const char *status, *location;
	const char *outcome, *ttl; /* for us */
	bool has_type;
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

static enum err refuse_line(const struct reader *rd, const char *what)
{
	return err_set(ERR_INVALID, "line %d of the script's header %s", rd->line_no, what);
}

static enum err read_line(struct reader *rd, struct line *out)
{
	const char *start = rd->in + rd->at;
	const char *end = memchr(start, '\n', rd->limit - rd->at);
	size_t len;

	if (!end && rd->limit == CGI_HEADER_MAX)
		return err_set(ERR_INVALID,
			"the script's header is longer than %d bytes, or does not end with an "
			"empty line",
			CGI_HEADER_MAX);
	if (!end)
		return err_set(ERR_INVALID, "the script's header does not end with an empty line");
	len = (size_t)(end - start);
	rd->at += len + 1;
	rd->line_no++;
	if (len > 0 && start[len - 1] == '\r')
		len--;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)start[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return refuse_line(rd,
				c == '\0'   ? "holds a NUL byte"
				: c == '\r' ? "holds a carriage return that does not end the line"
					    : "holds a control character");
	}
	*out = (struct line){start, len};
	return OK;
}

static void trim(struct line *ln)
{
	while (ln->len > 0 && is_blank(ln->text[ln->len - 1]))
		ln->len--;
	while (ln->len > 0 && is_blank(ln->text[0])) {
		ln->text++;
		ln->len--;
	}
}

static void append(struct block *b, const char *text, size_t len)
{
	memcpy(b->text + b->len, text, len);
	b->len += len;
	b->text[b->len++] = '\0';
}

static enum err add_field(const struct reader *rd, const struct line *ln, struct block *b)
{
	const char *colon = memchr(ln->text, ':', ln->len);
	struct line value;
	size_t name_len;

	if (!colon)
		return refuse_line(rd, "has no colon");
	name_len = (size_t)(colon - ln->text);
	if (name_len == 0)
		return refuse_line(rd, "has no name before its colon");
	for (size_t i = 0; i < name_len; i++)
		if (!is_token_char(ln->text[i]))
			return refuse_line(rd,
				"has a space or another character before its colon that no field "
				"name may have");
	value = (struct line){colon + 1, ln->len - name_len - 1};
	trim(&value);
	append(b, ln->text, name_len);
	append(b, value.text, value.len);
	b->has_field = true;
	return OK;
}

/* RFC 9112, 5.2: a folded line is the rest of the value before it. */
static enum err add_fold(const struct reader *rd, const struct line *ln, struct block *b)
{
	struct line rest = *ln;

	if (!b->has_field)
		return refuse_line(rd, "starts with a space and follows no field");
	trim(&rest);
	if (rest.len == 0)
		return OK;
	b->len--;
	if (b->text[b->len - 1] != '\0')
		b->text[b->len++] = ' ';
	append(b, rest.text, rest.len);
	return OK;
}

/* "201" or "201 Created" to 201; 0 when it is neither. */
static int read_status(const char *s)
{
	int status = 0;

	for (int i = 0; i < 3; i++) {
		if (s[i] < '0' || s[i] > '9')
			return 0;
		status = status * 10 + (s[i] - '0');
	}
	return s[3] == '\0' || is_blank(s[3]) ? status : 0;
}

/* "HTTP/1.1 201 Created".  A reason longer than there is room for is cut: it has no meaning. */
static enum err keep_http_line(const struct reader *rd, const struct line *ln, struct block *b)
{
	struct line rest = *ln;
	size_t n = strlen("HTTP/");

	while (n < ln->len && ((ln->text[n] >= '0' && ln->text[n] <= '9') || ln->text[n] == '.'))
		n++;
	rest.text += n;
	rest.len -= n;
	trim(&rest);
	if (rest.len >= sizeof(b->http_line)) {
		rest.len = sizeof(b->http_line) - 1;
		trim(&rest); /* it may have been cut behind a blank */
	}
	snprintf(b->http_line, sizeof(b->http_line), "%.*s", (int)rest.len, rest.text);
	if (n == strlen("HTTP/") || n == ln->len || !is_blank(ln->text[n]) ||
		read_status(b->http_line) == 0)
		return refuse_line(rd, "starts like an HTTP status line and is none");
	return OK;
}

static enum err read_block(struct reader *rd, struct block *b)
{
	bool is_first = true;
	struct line ln = {0};
	enum err rc;

	b->len = 0;
	b->has_field = false;
	b->http_line[0] = '\0';
	for (;; is_first = false) {
		rc = read_line(rd, &ln);
		if (rc != OK || ln.len == 0)
			return rc;
		if (is_first && ln.len >= 5 && memcmp(ln.text, "HTTP/", 5) == 0)
			rc = keep_http_line(rd, &ln, b);
		else if (is_blank(ln.text[0]))
			rc = add_fold(rd, &ln, b);
		else
			rc = add_field(rd, &ln, b);
		if (rc != OK)
			return rc;
	}
}

/* An interim answer, such as "HTTP/1.1 100 Continue"; after 101 no other header follows. */
static bool is_interim(const struct block *b)
{
	int status = read_status(b->http_line);

	return status >= 100 && status <= 199 && status != 101;
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

/* Of a repeated Location the last one counts, as in httpd; both are kept. */
static enum err read_meaning(const struct block *b, struct meaning *out)
{
	const char *name, *value;
	size_t at = 0;

	*out = (struct meaning){.longest = -1};
	while (next_field(b, &at, &name, &value)) {
		if (strcasecmp(name, "Status") == 0) {
			if (out->status)
				return err_set(ERR_INVALID, "the script's header repeats Status");
			out->status = value;
		} else if (strcasecmp(name, "Location") == 0) {
			out->location = value;
		} else if (strcasecmp(name, "Content-Type") == 0) {
			out->has_type = true;
		} else if (strcasecmp(name, "Retrysafe-Outcome") == 0) {
			out->outcome = value;
		} else if (strcasecmp(name, "Retrysafe-TTL") == 0) {
			out->ttl = value;
		} else if (strcasecmp(name, "Content-Length") == 0) {
			int64_t n = read_length(value);

			out->longest = n > out->longest ? n : out->longest;
		}
	}
	return OK;
}

/* Sets *line to the status with its reason, if the script gave one, and *status to its number. */
static enum err choose_status(
	const struct block *b, const struct meaning *m, const char **line, int *status)
{
	const char *text = m->status ? m->status : b->http_line;
	int n = read_status(text);

	if (m->status && b->http_line[0] && n != read_status(b->http_line))
		return err_set(ERR_INVALID,
			"the script's HTTP status line and its Status field do not agree");
	if (text[0] == '\0' && !m->status) {
		/* RFC 3875, 6.2.2: a local redirect would be made anew by the server at every
		 * replay, so the client is sent there.  6.2.3: any other one is 302; so are
		 * relative ones, which the RFC does not know and all servers take. */
		if (m->location)
			text = m->location[0] == '/' ? "303" : "302";
		else if (m->has_type)
			text = "200";
		else
			return err_set(ERR_INVALID, "the script's header has none of Content-Type, "
						    "Location and Status");
		n = read_status(text);
	}
	if (n >= 100 && n <= 199)
		return err_set(ERR_INVALID, "the script's status %d is not a final one", n);
	if (n < 200 || n > 599)
		return err_set(ERR_INVALID, "the script's status is not a number from 200 to 599");
	*line = text;
	*status = n;
	return OK;
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
	if (line[3] != '\0' || !reason)
		is_whole = fprintf(f, "Status: %s\r\n", line) > 0;
	else
		is_whole = fprintf(f, "Status: %d %s\r\n", res->status, reason) > 0;
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
	enum err rc = read_meaning(b, &m);

	if (rc == OK)
		rc = choose_status(b, &m, &line, &res->status);
	if (rc != OK)
		return rc;
	snprintf(res->outcome, sizeof(res->outcome), "%s", m.outcome ? m.outcome : "");
	snprintf(res->ttl, sizeof(res->ttl), "%s", m.ttl ? m.ttl : "");
	res->has_body = res->status != 204 && res->status != 304;
	if (res->has_body && exit_status != 0 && m.longest > body_len)
		return err_set(ERR_INVALID,
			"the script failed and its body is shorter than its Content-Length");
	return write_head(b, line, res);
}

enum err cgi_response_parse(const char *out, size_t out_len, int64_t total_len, int exit_status,
	struct cgi_response *res)
{
	struct reader rd = {out, 0, out_len < CGI_HEADER_MAX ? out_len : CGI_HEADER_MAX, 0};
	struct cgi_response found = {0};
	struct block b = {0};
	enum err rc;

	if (out_len == 0)
		return err_set(ERR_INVALID, "the script printed nothing");
	b.text = malloc(rd.limit + 1);
	if (!b.text)
		return err_set(ERR_NOMEM, "no memory for a response header");
	do
		rc = read_block(&rd, &b);
	while (rc == OK && is_interim(&b));
	if (rc == OK) {
		found.body_at = rd.at;
		rc = finish(&b, total_len - (int64_t)rd.at, exit_status, &found);
	}
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
