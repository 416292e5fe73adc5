/* SPDX-License-Identifier: ISC */
/*
 * http/form.c - parses a form in a body, block by block
 *
 * The unread bytes are a window that moves over the body: more() drops the bytes that have been
 * read from its front and reads a block behind its end.
 *
 * RULES
 *   (1) The result does not depend on where the blocks end (unit/form).
 *   (2) A multipart form that parsers read in different ways is refused, so that a script does not
 *       see other fields than the gateway: a boundary line that begins after a bare LF or goes on
 *       after the boundary; NUL or half a line end in a head; a head that names its part twice
 *       (unit/form).
 *   (3) No urlencoded form is malformed: a byte that is not part of a percent sequence stands for
 *       itself (unit/form).
 *   (4) No message quotes the form; parts are named by number (unit/form).
 *
 * Does not know which fields matter, nor character sets, "[]" in names and repeated names.  A
 * Content-Transfer-Encoding is not undone (RFC 7578, 4.7: it is deprecated, and the libraries of
 * scripts ignore it).
 */
#include "http/form.h"

#include "http/parameter.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#ifndef FORM_BLOCK
#define FORM_BLOCK 16384 /* bytes read at once */
#endif

struct window {
	int fd;
	int64_t at, len; /* offsets of the next byte to read, and behind the last one */
	size_t pos, end; /* the unread bytes: buf[pos] up to buf[end] */
	int part;        /* number of the part, from 1; 0: before the first */
	bool is_named;   /* the parts are fields, which have names */
	char buf[FORM_HEAD_MAX + 4 + FORM_BLOCK]; /* a head, the line ends around it, and a block */
};

/* ---- the window ---- */

static size_t have(const struct window *w)
{
	return w->end - w->pos;
}

static bool is_at_end(const struct window *w)
{
	return w->at >= w->len;
}

/* Reads the next block, or the part of it that one call gives.  Not to be called at the body's end.
 */
static enum err more(struct window *w)
{
	int64_t left = w->len - w->at;
	ssize_t n;

	memmove(w->buf, w->buf + w->pos, have(w));
	w->end -= w->pos;
	w->pos = 0;
	do
		n = pread(w->fd, w->buf + w->end, left < FORM_BLOCK ? (size_t)left : FORM_BLOCK,
			(off_t)w->at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_set(ERR_SYSTEM, "a request's body: %s", strerror(errno));
	if (n == 0)
		return err_set(ERR_SYSTEM, "a request's body is shorter than its length");
	w->end += (size_t)n;
	w->at += n;
	return OK;
}

/* Fills the window with at least n bytes, or with all that are left. */
static enum err need(struct window *w, size_t n)
{
	enum err rc = OK;

	while (rc == OK && have(w) < n && !is_at_end(w))
		rc = more(w);
	return rc;
}

static bool starts_with(const struct window *w, const char *two)
{
	return have(w) >= 2 && memcmp(w->buf + w->pos, two, 2) == 0;
}

/* ---- the type ---- */

/* RFC 2046, 5.1.1 */
static bool is_boundary_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("'()+_,-./:=? ", c));
}

/*
 * Sets the boundary; false: it is not valid.  Many clients send "=" or "/" without the quotes that
 * they need, which is accepted.  A comma without quotes is not: for some scripts it ends the
 * boundary.
 */
static bool set_boundary(const struct parameter *given, char boundary[71])
{
	size_t len = span_len(given->value);

	if (len < 1 || len > 70 || given->value.end[-1] == ' ')
		return false;
	for (const char *p = given->value.p; p < given->value.end; p++)
		if (!is_boundary_char(*p) || (*p == ',' && !given->is_quoted))
			return false;
	memcpy(boundary, given->value.p, len);
	boundary[len] = '\0';
	return true;
}

/* The type that a Content-Type announces, and the place of its boundary. */
static struct form_type read_type(struct span in, struct span *boundary)
{
	static const char multipart[] = "multipart/";
	const struct form_type none = {.kind = FORM_NONE};
	struct form_type type = none;
	struct parameter given;
	enum found found = MALFORMED;
	struct span word;

	parameter_skip_blanks(&in);
	word = parameter_word(&in);
	if (span_is(word, "application/x-www-form-urlencoded")) {
		type.kind = FORM_URLENCODED;
		return type;
	}
	if (span_len(word) < sizeof(multipart) ||
		strncasecmp(word.p, multipart, strlen(multipart)) != 0)
		return none;
	type.kind = span_is(word, "multipart/form-data") ? FORM_MULTIPART : FORM_PARTS;
	while ((found = parameter_next(&in, &given)) == FOUND) {
		if (!span_is(given.name, "boundary"))
			continue;
		if (type.boundary[0] || !set_boundary(&given, type.boundary))
			return none;
		*boundary = given.value;
	}
	return found == NO_MORE && type.boundary[0] ? type : none;
}

struct form_type form_type_of(const char *content_type)
{
	struct span boundary;

	return read_type((struct span){content_type,
				 content_type ? content_type + strlen(content_type) : NULL},
		&boundary);
}

/* ---- urlencoded ---- */

/* The pair of name and value that is being read. */
struct pair {
	char name[FORM_NAME_MAX + 1];
	size_t name_len;
	bool is_value; /* behind the "=" */
	int n;         /* pairs before it */
};

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Decodes len bytes in place and returns the length of the result.  is_whole: no bytes follow
 * these; otherwise a percent sequence that may continue in the next block is left, and *used is
 * less than len.
 */
static size_t decode(char *s, size_t len, bool is_whole, size_t *used)
{
	size_t i = 0, n = 0;

	while (i < len && (s[i] != '%' || len - i >= 3 || is_whole)) {
		int high = s[i] == '%' && len - i >= 3 ? hex_value(s[i + 1]) : -1;
		int low = high >= 0 ? hex_value(s[i + 2]) : -1;

		if (low >= 0) {
			s[n++] = (char)(high << 4 | low);
			i += 3;
		} else {
			s[n++] = s[i] == '+' ? ' ' : s[i];
			i++;
		}
	}
	*used = i;
	return n;
}

/* Appends to the name.  One that is too long is cut to FORM_NAME_MAX + 1 bytes. */
static void add_name(struct pair *pair, const char *bytes, size_t len)
{
	if (len > sizeof(pair->name) - pair->name_len)
		len = sizeof(pair->name) - pair->name_len;
	memcpy(pair->name + pair->name_len, bytes, len);
	pair->name_len += len;
}

static enum err end_name(struct pair *pair, const struct form_handler *h)
{
	pair->is_value = true;
	if (++pair->n > FORM_FIELDS_MAX)
		return err_set(ERR_INVALID, "the form has too many fields");
	return h->field(h->arg, pair->name, pair->name_len, NULL, 0);
}

/* A name without "=" has an empty value; an empty pair is no field. */
static enum err end_pair(struct pair *pair, const struct form_handler *h)
{
	enum err rc = pair->is_value || pair->name_len == 0 ? OK : end_name(pair, h);

	pair->is_value = false;
	pair->name_len = 0;
	return rc;
}

/* Reads to the end of a name, of a value or of the window. */
static enum err take_run(struct window *w, struct pair *pair, const struct form_handler *h)
{
	char *s = w->buf + w->pos;
	size_t len = 0, n = have(w), decoded, used;
	enum err rc = OK;

	while (len < n && s[len] != '&' && (s[len] != ';' || !h->semicolon) &&
		(s[len] != '=' || pair->is_value))
		len++;
	decoded = decode(s, len, len < n || is_at_end(w), &used);
	w->pos += used;
	if (!pair->is_value)
		add_name(pair, s, decoded);
	else if (decoded > 0)
		rc = h->data(h->arg, s, decoded);
	if (rc != OK || len == n)
		return rc;
	w->pos++;
	if (s[len] == ';')
		*h->semicolon = true;
	return s[len] == '=' ? end_name(pair, h) : end_pair(pair, h);
}

static enum err read_urlencoded(struct window *w, const struct form_handler *h)
{
	struct pair pair = {.name_len = 0};
	enum err rc = OK;

	while (rc == OK && !is_at_end(w)) {
		rc = more(w);
		/* Half a percent sequence waits for the next block. */
		while (rc == OK && have(w) > 0 &&
			(is_at_end(w) || have(w) > 2 || w->buf[w->pos] != '%'))
			rc = take_run(w, &pair, h);
	}
	return rc == OK ? end_pair(&pair, h) : rc;
}

/* ---- multipart ---- */

/* w NULL: what is read is not a whole form. */
static enum err refuse(const struct window *w, const char *what)
{
	if (!w || w->part == 0)
		return err_set(ERR_INVALID, "the multipart form %s", what);
	return err_set(ERR_INVALID, "part %d of the multipart form %s", w->part, what);
}

/* %22, %0D and %0A: the characters that browsers escape in a name (HTML Standard), and no others.
 */
static int escaped_char(struct span s)
{
	int c = span_len(s) >= 3 && s.p[0] == '%' && hex_value(s.p[1]) >= 0 &&
				hex_value(s.p[2]) >= 0
			? hex_value(s.p[1]) << 4 | hex_value(s.p[2])
			: -1;

	return c == '"' || c == '\r' || c == '\n' ? c : -1;
}

/* A backslash escapes a quote and a backslash; before anything else it stands for itself. */
static enum err decode_name(const struct window *w, const struct parameter *given,
	char name[FORM_NAME_MAX], size_t *len)
{
	struct span in = given->value;

	for (*len = 0; in.p < in.end; in.p++) {
		int escaped = escaped_char(in);

		if (*len == FORM_NAME_MAX)
			return refuse(w, "has a name that is too long");
		if (*in.p == '\r' || (!given->is_quoted && !parameter_is_token_char(*in.p)))
			return refuse(w, "has a name that is not well-formed");
		if (*in.p == '\\' && in.p + 1 < in.end && (in.p[1] == '"' || in.p[1] == '\\'))
			in.p++;
		name[(*len)++] = escaped >= 0 ? (char)escaped : *in.p;
		if (escaped >= 0)
			in.p += 2;
	}
	return OK;
}

/* RFC 7578, 4.2: form-data, with the name of the field. */
static enum err read_disposition(
	const struct window *w, struct span in, char name[FORM_NAME_MAX], size_t *name_len)
{
	struct parameter given, named = {.is_quoted = false};
	enum found found;

	parameter_skip_blanks(&in);
	if (!span_is(parameter_word(&in), "form-data"))
		return refuse(w, "is not form-data");
	while ((found = parameter_next(&in, &given)) == FOUND) {
		if (span_len(given.name) > 4 && strncasecmp(given.name.p, "name*", 5) == 0)
			return refuse(w, "has a name in an extended form");
		if (!span_is(given.name, "name"))
			continue;
		if (named.value.p)
			return refuse(w, "has two names");
		named = given;
	}
	if (found == MALFORMED)
		return refuse(w, "has a Content-Disposition that is not well-formed");
	if (!named.value.p || (!named.is_quoted && span_len(named.value) == 0))
		return refuse(w, "has no name");
	return decode_name(w, &named, name, name_len);
}

/* Lines end in CRLF and nothing else is half of one; no NUL. */
static bool has_clean_lines(struct span head)
{
	for (const char *p = head.p; p < head.end; p++)
		if (*p == '\0' || (*p == '\r' && p[1] != '\n') ||
			(*p == '\n' && (p == head.p || p[-1] != '\r')))
			return false;
	return true;
}

/* Sets *out to the value of a field, out->p to NULL if there is none.  The head ends in CRLF, or is
 * empty. */
static enum err find_field(
	const struct window *w, struct span head, const char *field, struct span *out)
{
	struct span rest = head;

	out->p = NULL;
	while (rest.p < rest.end) {
		struct span name = rest, value;

		for (name.end = name.p; parameter_is_token_char(*name.end);)
			name.end++;
		if (*name.end != ':' || span_len(name) == 0)
			return refuse(w, "has a header line that is not a field");
		value.p = name.end + 1;
		do {
			value.end = memchr(rest.p, '\r', span_len(rest));
			rest.p = value.end + 2;
		} while (rest.p < rest.end && parameter_is_blank(*rest.p));
		if (!span_is(name, field))
			continue;
		if (out->p)
			return refuse(w, "has a field of its head twice");
		*out = value;
	}
	return OK;
}

struct form_type form_part_type(
	const char *head, size_t head_len, size_t *boundary_at, size_t *boundary_len)
{
	struct form_type type = {.kind = FORM_NONE};
	struct span value, boundary = {NULL, NULL};

	if (find_field(NULL, (struct span){head, head + head_len}, "Content-Type", &value) != OK ||
		!value.p)
		return type;
	type = read_type(value, &boundary);
	if (boundary.p) {
		*boundary_at = (size_t)(boundary.p - head);
		*boundary_len = span_len(boundary);
	}
	return type;
}

/* Reads a part's header block; head.p[-1] is the LF of the line before it. */
static enum err take_head(const struct window *w, struct span head, const char *delimiter,
	const struct form_handler *h)
{
	char name[FORM_NAME_MAX];
	struct span disposition;
	size_t name_len = 0;
	enum err rc;

	if (!has_clean_lines(head))
		return refuse(w, "has a NUL or half a line end in its head");
	if (memmem(head.p - 1, span_len(head) + 1, delimiter, strlen(delimiter)))
		return refuse(w, "has a boundary in its head");
	if (h->data_at)
		*h->data_at = w->at - (w->buf + w->end - head.end) + 2;
	if (!w->is_named)
		return h->field(h->arg, "", 0, head.p, span_len(head));
	rc = find_field(w, head, "Content-Disposition", &disposition);
	if (rc == OK && !disposition.p)
		rc = refuse(w, "has no Content-Disposition");
	if (rc == OK)
		rc = read_disposition(w, disposition, name, &name_len);
	return rc == OK ? h->field(h->arg, name, name_len, head.p, span_len(head)) : rc;
}

/*
 * Reads a part's head.  The window begins with the CRLF of the boundary line; afterwards it begins
 * with the CRLF of the empty line, where the next boundary may begin when a part has no data.
 */
static enum err read_head(struct window *w, const char *delimiter, const struct form_handler *h)
{
	const char *end, *start;
	enum err rc = OK;

	while (!(end = memmem(w->buf + w->pos, have(w), "\r\n\r\n", 4)) && !is_at_end(w) &&
		have(w) < FORM_HEAD_MAX + 4 && rc == OK)
		rc = more(w);
	if (rc != OK)
		return rc;
	start = w->buf + w->pos + 2;
	if (end ? end + 2 - start > FORM_HEAD_MAX : have(w) >= FORM_HEAD_MAX + 4)
		return refuse(w, "has a head that is too long");
	if (!end)
		return refuse(w, "ends within its head");
	rc = take_head(w, (struct span){start, end + 2}, delimiter, h);
	w->pos = (size_t)(end + 2 - w->buf);
	return rc;
}

/*
 * Reads up to and with the next delimiter.  The window begins with a CRLF that is no data but may
 * be part of the delimiter.  h NULL: these bytes are before the first part, and no data.
 */
static enum err read_data(struct window *w, const char *delimiter, const struct form_handler *h)
{
	size_t len = strlen(delimiter), skip = 2;

	for (;;) {
		const char *start = w->buf + w->pos;
		const char *found = memmem(start, have(w), delimiter, len);
		/* All bytes but those at the end that may be a CR and the beginning of a delimiter.
		 */
		size_t n = found ? (size_t)(found - start) - 1 : have(w) > len ? have(w) - len : 0;
		enum err rc = OK;

		if (found && found[-1] != '\r')
			return refuse(w, "has a boundary that begins after a bare line feed");
		if (n > skip) {
			if (h)
				rc = h->data(h->arg, start + skip, n - skip);
			w->pos += n;
			skip = 0;
		}
		if (rc == OK && found)
			w->pos = (size_t)(found - w->buf) + len;
		if (rc != OK || found)
			return rc;
		if (is_at_end(w))
			return refuse(w, "does not end with a boundary");
		if ((rc = more(w)) != OK)
			return rc;
	}
}

/* Reads the rest of a boundary's line: "--" after the last boundary, blanks, and a line end. */
static enum err read_boundary_end(struct window *w, bool *is_last)
{
	enum err rc = need(w, 2);

	*is_last = starts_with(w, "--");
	if (*is_last)
		w->pos += 2;
	while (rc == OK && (rc = need(w, 1)) == OK && have(w) > 0 &&
		parameter_is_blank(w->buf[w->pos]))
		w->pos++;
	if (rc == OK)
		rc = need(w, 2);
	if (rc != OK)
		return rc;
	/* No parser reads beyond the last boundary, so its line may end in any way. */
	if (*is_last ? have(w) == 0 || w->buf[w->pos] == '\r' || w->buf[w->pos] == '\n'
		     : starts_with(w, "\r\n"))
		return OK;
	return refuse(w, "ends with a boundary that does not end its line");
}

static enum err read_multipart(struct window *w, const char *boundary, const struct form_handler *h)
{
	char delimiter[3 + sizeof(((struct form_type *)0)->boundary)];
	bool is_last = false;
	enum err rc;

	memcpy(delimiter, "\n--", 3);
	memcpy(delimiter + 3, boundary, strlen(boundary) + 1);
	/* The first boundary may begin the body: put the CRLF that a delimiter needs before it. */
	memcpy(w->buf, "\r\n", 2);
	w->end = 2;
	rc = read_data(w, delimiter, NULL);
	while (rc == OK && (rc = read_boundary_end(w, &is_last)) == OK && !is_last) {
		rc = ++w->part > FORM_FIELDS_MAX ? refuse(w, "is one too many")
						 : read_head(w, delimiter, h);
		if (rc == OK)
			rc = read_data(w, delimiter, h);
	}
	return rc;
}

enum err form_read(
	int fd, int64_t at, int64_t len, const struct form_type *type, const struct form_handler *h)
{
	struct window w;

	w.fd = fd;
	w.at = at;
	w.len = at + len;
	w.pos = w.end = 0;
	w.part = 0;
	w.is_named = type->kind == FORM_MULTIPART;
	if (type->kind == FORM_URLENCODED)
		return read_urlencoded(&w, h);
	if (type->boundary[0])
		return read_multipart(&w, type->boundary, h);
	return err_set(ERR_INVALID, "the body is not a form");
}
