/* SPDX-License-Identifier: ISC */
/*
 * gateway/value_source.c - finds the values that a request holds in its header, its query and its
 * body
 *
 * RULES
 *   (1) A value that is there more than once is counted: which of them a script would take is not
 *       known here, so a caller for which that matters refuses (unit/value_source).
 *   (2) Fields of a query and of a form are looked for as CGI.pm reads them, whose pairs also end
 *       at ";", and as PHP does, which has other names for some (php_name()).  A field that the two
 *       read differently is ambiguous, and a caller for which that matters refuses
 *       (unit/value_source, t71-keys,
 *       t82-form-readers).
 *   (3) A body is read in pieces: memory does not grow with it (t71-keys).
 *   (4) The request's body stays as it is, its offset too (unit/value_source).
 *   (5) A body that looks like what a value is looked for in, but is not announced as that by its
 *       Content-Type, is an error and not a body without the value: CGI.pm reads a form whose
 *       Content-Type is missing, and many scripts read JSON whatever its type is
 * (unit/value_source, t81-readings).
 *
 * Does not know: how a value is used.
 */
#include "gateway/value_source.h"

#include "gateway/body.h"
#include "http/form.h"
#include "http/json_digest.h"
#include "http/json_find.h"
#include "http/json_pointer.h"

#include <string.h>
#include <strings.h>

static const char *content_type(const struct request *r)
{
	return variables_get(&r->vars, "CONTENT_TYPE");
}

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/*
 * Is a form announced?  A multipart form whose boundary cannot be told is one that cannot be read,
 * which is not the same as none: its key must not be taken for absent.
 */
static bool is_form(const char *type)
{
	static const char multipart[] = "multipart/form-data";
	enum form_kind kind = form_type_of(type).kind;

	if (!type || kind == FORM_URLENCODED || kind == FORM_MULTIPART)
		return type != NULL;
	type += strspn(type, " \t");
	return strncasecmp(type, multipart, strlen(multipart)) == 0 &&
	       strchr("; \t", type[strlen(multipart)]);
}

bool value_source_is_compressed(const struct request *r)
{
	const char *coding = variables_get(&r->vars, "HTTP_CONTENT_ENCODING");

	return coding && *coding && strcasecmp(coding, "identity") != 0;
}

bool value_source_is_in_body(const struct request *r, const char *source)
{
	bool is_for_form = has_prefix(source, "form:");
	int64_t len;

	if (!is_for_form && !has_prefix(source, "json:"))
		return false;
	if (is_for_form ? is_form(content_type(r)) : json_pointer_is_json(content_type(r)))
		return true;
	/* Rule (5). */
	if (r->body.is_read)
		return r->body.len > 0;
	if (body_length(r, &len) != OK)
		return false;
	return len > 0 || (len < 0 && !web_peer_is_cgi(r->peer)) ||
	       variables_get(&r->vars, "HTTP_TRANSFER_ENCODING");
}

/* Ends the value that is being read, so that the next one is not taken for more of it. */
static void end_value(struct value *v)
{
	unsigned char hash[DIGEST_LEN];

	if (v->n == 0)
		return;
	SHA256Final(hash, &v->digesting.one);
	SHA256Update(&v->digesting.all, hash, sizeof(hash));
}

/* Adds a piece to a value; all are digested, the text of the first one is kept. */
static void add_piece(struct value *v, const char *bytes, size_t len)
{
	SHA256Update(&v->digesting.one, (const uint8_t *)bytes, len);
	if (v->n != 1)
		return;
	if (len > VALUE_MAX - v->len) {
		v->is_too_long = true;
		len = VALUE_MAX - v->len;
	}
	memcpy(v->text + v->len, bytes, len);
	v->len += len;
	v->text[v->len] = '\0';
}

static void add_value(struct value *v, const char *bytes, size_t len)
{
	end_value(v);
	v->n++;
	SHA256Init(&v->digesting.one);
	add_piece(v, bytes, len);
}

/* ---- header, query, cookie ---- */

/* RFC 3875, 4.1.18: "HTTP_", upper case, hyphens become underscores; two have no prefix. */
static bool is_header(const char *param, const char *name)
{
	const char *prefix =
		strcasecmp(name, "Content-Type") == 0 || strcasecmp(name, "Content-Length") == 0
			? ""
			: "HTTP_";

	if (!has_prefix(param, prefix))
		return false;
	for (param += strlen(prefix); *name; name++, param++) {
		char c = *name == '-'                   ? '_'
			 : *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A')
							: *name;

		if (*param != c)
			return false;
	}
	return *param == '=';
}

/* In all that the server sent: two fields of one name may be two variables. */
static void find_header(const struct request *r, const char *name, struct value *out)
{
	for (char *const *p = web_peer_params(r->peer); *p; p++)
		if (is_header(*p, name)) {
			const char *value = strchr(*p, '=') + 1;

			add_value(out, value, strlen(value));
		}
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* The next character of a query, decoded; *at is left behind it. */
static char next_char(const char **at)
{
	const char *p = (*at)++;
	int high, low;

	if (*p == '+')
		return ' ';
	if (*p != '%' || (high = hex_digit(p[1])) < 0 || (low = hex_digit(p[2])) < 0)
		return *p;
	*at += 2;
	return (char)(high * 16 + low);
}

/*
 * The name that PHP gives a field: no blanks before it; "." and blanks become "_"; what is behind a
 * "[" that is closed is an index, not the name.  Returns its length; it ends at a NUL.
 */
static size_t php_name(const char *name, size_t len, char out[FORM_NAME_MAX + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < len && name[i]; i++) {
		if (name[i] == '[' && n > 0 && memchr(name + i, ']', len - i))
			break;
		if (name[i] == ' ' && n == 0)
			continue;
		out[n++] = name[i] == '.' || name[i] == ' ' || name[i] == '[' ? '_' : name[i];
	}
	return n;
}

/* Is it that field, for CGI.pm and for PHP?  A name over FORM_NAME_MAX is none. */
static void match_name(
	const char *name, size_t len, const char *wanted, bool *is_exact, bool *is_for_php)
{
	char one[FORM_NAME_MAX + 1], other[FORM_NAME_MAX + 1];
	size_t wanted_len = strlen(wanted), n;

	*is_exact = len == wanted_len && memcmp(name, wanted, len) == 0;
	*is_for_php = *is_exact;
	if (*is_exact || len > FORM_NAME_MAX || wanted_len > FORM_NAME_MAX)
		return;
	n = php_name(name, len, one);
	*is_for_php = n == php_name(wanted, wanted_len, other) && memcmp(one, other, n) == 0;
}

/* The URL Standard's urlencoded parser, on a string.  False: PHP would take other fields. */
static bool read_query(
	const char *at, const char *separators, const char *wanted, struct value *out)
{
	bool is_same = true, is_exact, is_for_php;
	char name[FORM_NAME_MAX + 2];

	while (*at) {
		const char *end = at + strcspn(at, separators);
		size_t len = 0;

		while (at < end && *at != '=') {
			char c = next_char(&at);

			if (len < sizeof(name))
				name[len++] = c;
		}
		match_name(name, len, wanted, &is_exact, &is_for_php);
		is_same = is_same && is_exact == is_for_php;
		if (is_exact) {
			add_value(out, "", 0);
			for (at += at < end; at < end;) {
				char c = next_char(&at);

				add_piece(out, &c, 1);
			}
		}
		at = *end ? end + 1 : end;
	}
	return is_same;
}

static void start(struct value *v)
{
	v->n = 0;
	v->len = 0;
	v->text[0] = '\0';
	v->is_too_long = v->is_ambiguous = v->is_compound = v->digesting.is_over = false;
	SHA256Init(&v->digesting.all);
}

static void finish(struct value *v)
{
	if (v->digesting.is_over)
		return;
	end_value(v);
	SHA256Final(v->digest, &v->digesting.all);
	v->digesting.is_over = true;
}

/* Two readings of one field, both finished. */
static bool differ(const struct value *a, const struct value *b)
{
	return a->n != b->n || memcmp(a->digest, b->digest, DIGEST_LEN) != 0;
}

/* CGI.pm takes a text without any of these for a list of key words, and finds no field in it. */
static bool is_keyword(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == '&' || text[i] == '=' || text[i] == ';')
			return false;
	return true;
}

static void find_query(const struct request *r, const char *name, struct value *out)
{
	const char *query = variables_get(&r->vars, "QUERY_STRING");
	struct value php;

	if (!query)
		query = "";
	out->is_ambiguous = !read_query(query, "&;", name, out);
	finish(out);
	out->is_ambiguous = out->is_ambiguous || (out->n > 0 && is_keyword(query, strlen(query)));
	if (out->is_ambiguous || !strchr(query, ';'))
		return;
	start(&php);
	out->is_ambiguous = !read_query(query, "&", name, &php);
	finish(&php);
	out->is_ambiguous = out->is_ambiguous || differ(out, &php);
}

/* RFC 6265, section 4.2. */
static void find_cookie(const struct request *r, const char *name, struct value *out)
{
	const char *at = variables_get(&r->vars, "HTTP_COOKIE");
	size_t len = strlen(name);

	while (at && *at) {
		at += strspn(at, " \t;");
		if (strncmp(at, name, len) == 0 && at[len] == '=')
			add_value(out, at + len + 1, strcspn(at + len + 1, ";"));
		at = strchr(at, ';');
	}
}

/* ---- form ---- */

struct search {
	const char *name;
	struct value *out;
	bool is_in; /* in a field of that name */
	bool is_ambiguous;
};

static enum err start_field(
	void *arg, const char *name, size_t name_len, const char *head, size_t head_len)
{
	struct search *s = arg;
	bool is_for_php;

	(void)head;
	(void)head_len;
	match_name(name, name_len, s->name, &s->is_in, &is_for_php);
	s->is_ambiguous = s->is_ambiguous || s->is_in != is_for_php;
	if (s->is_in)
		add_value(s->out, "", 0);
	return OK;
}

static enum err add_data(void *arg, const char *bytes, size_t len)
{
	struct search *s = arg;

	if (s->is_in)
		add_piece(s->out, bytes, len);
	return OK;
}

static enum err find_field_as(
	struct request *r, const struct form_type *type, const char *name, struct value *out)
{
	struct search s = {.name = name, .out = out};
	bool has_semicolon = false;
	struct form_handler handler = {
		.field = start_field, .data = add_data, .arg = &s, .semicolon = &has_semicolon};
	struct value php;
	int fd;
	enum err e = body_fd(r, &fd);

	if (e == OK)
		e = form_read(fd, 0, r->body.len, type, &handler);
	finish(out);
	if (e == OK && has_semicolon && !s.is_ambiguous) {
		start(&php);
		s.out = &php;
		handler.semicolon = NULL;
		e = form_read(fd, 0, r->body.len, type, &handler);
		finish(&php);
		s.is_ambiguous = s.is_ambiguous || differ(out, &php);
	}
	out->is_ambiguous = s.is_ambiguous;
	if (e == OK && type->kind == FORM_URLENCODED && out->n == 1 && out->len == 0) {
		char bytes[3 * FORM_NAME_MAX + 1];
		size_t len;

		e = body_start(r, bytes, sizeof(bytes), &len);
		out->is_ambiguous = out->is_ambiguous || (e == OK && is_keyword(bytes, len));
	}
	return e;
}

/* ---- JSON ---- */

/* The value begins, or goes on.  Its type is part of the digest: 1 and "1" are not the same. */
static enum err take_found(void *arg, enum json_event event, const char *text, size_t len)
{
	static const char *const words[] = {[EVENT_TRUE] = "true", [EVENT_FALSE] = "false"};
	struct value *v = arg;
	unsigned char type = (unsigned char)event;

	if (event == EVENT_TEXT) {
		add_piece(v, text, len);
	} else if (event != EVENT_NULL) {
		v->is_compound = event == EVENT_OBJECT || event == EVENT_ARRAY;
		add_value(v, "", 0);
		SHA256Update(&v->digesting.one, &type, 1);
		if (event == EVENT_TRUE || event == EVENT_FALSE)
			add_piece(v, words[event], strlen(words[event]));
	}
	return OK;
}

/* An array or object: a digest that is the same for all the ways to write it. */
static enum err add_compound(
	struct request *r, const unsigned char *secret, const char *pointer, struct value *out)
{
	unsigned char digest[DIGEST_LEN];
	char text[2 * DIGEST_LEN + 1];
	enum err e = json_digest(body_each, r, secret, pointer, NULL, digest);

	if (e != OK)
		return e;
	hex_text(digest, sizeof(digest), text);
	add_piece(out, text, strlen(text));
	return OK;
}

static enum err find_pointer(
	struct request *r, const unsigned char *secret, const char *pointer, struct value *out)
{
	enum err e = json_find(body_each, r, pointer, take_found, out);

	return e == OK && out->is_compound && secret ? add_compound(r, secret, pointer, out) : e;
}

/* ---- bodies whose Content-Type says something else ---- */

#define START_MAX 8192 /* bytes of a body that are looked at */

static bool looks_like_json(const char *start, size_t len)
{
	if (len >= 3 && memcmp(start, "\xef\xbb\xbf", 3) == 0) {
		start += 3;
		len -= 3;
	}
	while (len > 0 && strchr(" \t\r\n", *start) && *start) {
		start++;
		len--;
	}
	return len > 0 && (*start == '{' || *start == '[');
}

static bool looks_like_multipart(const char *start, size_t len)
{
	static const char disposition[] = "form-data";

	if (len < 2 || memcmp(start, "--", 2) != 0)
		return false;
	for (; len >= strlen(disposition); start++, len--)
		if (strncasecmp(start, disposition, strlen(disposition)) == 0)
			return true;
	return false;
}

/* Rule (5): a body that is not announced as what a value is looked for in. */
static enum err refuse_lie(struct request *r, const char *source, bool is_urlencoded)
{
	static const struct form_type urlencoded = {.kind = FORM_URLENCODED};
	bool is_for_form = has_prefix(source, "form:"), is_lie;
	struct value v;
	char bytes[START_MAX];
	size_t len;
	enum err e = body_start(r, bytes, sizeof(bytes), &len);

	if (e != OK)
		return e;
	is_lie = is_for_form ? looks_like_multipart(bytes, len) : looks_like_json(bytes, len);
	if (is_for_form && !is_lie && !is_urlencoded) {
		start(&v);
		e = find_field_as(r, &urlencoded, source + strlen("form:"), &v);
		is_lie = e == ERR_INVALID || (e == OK && (v.n > 0 || v.is_ambiguous));
	}
	if (is_lie)
		return err_set(ERR_INVALID,
			"the body looks like %s, and its Content-Type does not "
			"say %s",
			is_for_form ? "a form" : "JSON",
			is_for_form ? "application/x-www-form-urlencoded, or multipart/form-data "
				      "with a boundary"
				    : "application/json");
	return e;
}

static enum err find_in_body(
	struct request *r, const unsigned char *secret, const char *source, struct value *out)
{
	const struct form_type type = form_type_of(content_type(r));
	const char *name = strchr(source, ':') + 1;
	enum err e;

	if (!value_source_is_in_body(r, source))
		return OK;
	if (value_source_is_compressed(r) && r->body.len > 0)
		return err_set(ERR_INVALID,
			"the body has a Content-Encoding, and %s is looked for "
			"in it",
			source);
	if (*source == 'j' && json_pointer_is_json(content_type(r)))
		return find_pointer(r, secret, name, out);
	if (*source == 'j' || !is_form(content_type(r)))
		return r->body.len > 0 ? refuse_lie(r, source, false) : OK;
	e = find_field_as(r, &type, name, out);
	if (e == OK && out->n == 0 && !out->is_ambiguous && type.kind == FORM_URLENCODED)
		e = refuse_lie(r, source, true);
	return e;
}

enum err value_source_find(
	struct request *r, const unsigned char *secret, const char *source, struct value *out)
{
	const char *name = strchr(source, ':') + 1;
	enum err e = OK;

	start(out);
	if (*source == 'h')
		find_header(r, name, out);
	else if (*source == 'q')
		find_query(r, name, out);
	else if (*source == 'c')
		find_cookie(r, name, out);
	else
		e = find_in_body(r, secret, source, out);
	finish(out);
	return e;
}
