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
 *       (unit/value_source, t71-keys).
 *   (3) A body is read in pieces; only a JSON document is in memory as a whole, up to
 *       POINTER_JSON_MAX bytes (t71-keys).
 *   (4) The request's body stays as it is, its offset too (unit/value_source).
 *
 * Does not know: how a value is used.
 */
#include "gateway/value_source.h"

#include "gateway/body.h"
#include "http/form.h"
#include "http/json_pointer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

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

	if (!type || form_type_of(type).kind != FORM_NONE)
		return type != NULL;
	type += strspn(type, " \t");
	return strncasecmp(type, multipart, strlen(multipart)) == 0 &&
	       strchr("; \t", type[strlen(multipart)]);
}

bool value_source_is_in_body(const struct request *r, const char *source)
{
	if (has_prefix(source, "form:"))
		return is_form(content_type(r));
	return has_prefix(source, "json:") && json_pointer_is_json(content_type(r));
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
	v->is_too_long = v->is_ambiguous = v->digesting.is_over = false;
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

static void find_query(const struct request *r, const char *name, struct value *out)
{
	const char *query = variables_get(&r->vars, "QUERY_STRING");
	struct value php;

	if (!query)
		query = "";
	out->is_ambiguous = !read_query(query, "&;", name, out);
	finish(out);
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

static enum err find_field(struct request *r, const char *name, struct value *out)
{
	struct search s = {.name = name, .out = out};
	bool has_semicolon = false;
	struct form_handler handler = {
		.field = start_field, .data = add_data, .arg = &s, .semicolon = &has_semicolon};
	struct form_type type = form_type_of(content_type(r));
	struct value php;
	int fd;
	enum err e = body_fd(r, &fd);

	if (e == OK)
		e = form_read(fd, r->body.len, &type, &handler);
	finish(out);
	if (e == OK && has_semicolon && !s.is_ambiguous) {
		start(&php);
		s.out = &php;
		handler.semicolon = NULL;
		e = form_read(fd, r->body.len, &type, &handler);
		finish(&php);
		s.is_ambiguous = s.is_ambiguous || differ(out, &php);
	}
	out->is_ambiguous = s.is_ambiguous;
	return e;
}

/* ---- JSON ---- */

static enum err load_json(struct request *r)
{
	int fd;
	enum err e = r->body.json ? OK : body_fd(r, &fd);

	return e == OK && !r->body.json ? json_pointer_load(fd, r->body.len, &r->body.json) : e;
}

static enum err find_pointer(struct request *r, const char *pointer, struct value *out)
{
	enum err e = load_json(r);
	json_t *found = e == OK ? json_pointer_find(r->body.json, pointer) : NULL;
	char *text;

	if (e != OK || !found || json_is_null(found))
		return e;
	if (json_is_string(found)) {
		add_value(out, json_string_value(found), json_string_length(found));
		return OK;
	}
	text = json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
	if (!text)
		return err_set(ERR_NOMEM, "look into the body: out of memory");
	add_value(out, text, strlen(text));
	free(text);
	return OK;
}

static enum err find_in_place(struct request *r, const char *source, struct value *out)
{
	const char *name = strchr(source, ':') + 1;

	switch (*source) {
	case 'h':
		find_header(r, name, out);
		return OK;
	case 'q':
		find_query(r, name, out);
		return OK;
	case 'c':
		find_cookie(r, name, out);
		return OK;
	default:
		if (!value_source_is_in_body(r, source))
			return OK;
		return *source == 'f' ? find_field(r, name, out) : find_pointer(r, name, out);
	}
}

enum err value_source_find(struct request *r, const char *source, struct value *out)
{
	enum err e;

	start(out);
	e = find_in_place(r, source, out);
	finish(out);
	return e;
}

/* ---- the digest of a body ---- */

struct canon {
	struct digest all;
	SHA2_CTX value;
	strings ignore;
	bool is_ignored, is_in;
};

static bool is_ignored(strings ignore, const char *name, size_t len)
{
	for (; ignore && *ignore; ignore++)
		if (has_prefix(*ignore, "form:") && strlen(*ignore) == len + 5 &&
			memcmp(*ignore + 5, name, len) == 0)
			return true;
	return false;
}

static void end_field(struct canon *c)
{
	unsigned char hash[DIGEST_LEN];

	if (!c->is_in)
		return;
	SHA256Final(hash, &c->value);
	digest_part(&c->all, hash, sizeof(hash));
	c->is_in = false;
}

static enum err digest_field(
	void *arg, const char *name, size_t name_len, const char *head, size_t head_len)
{
	struct canon *c = arg;

	end_field(c);
	if (name_len > FORM_NAME_MAX)
		return err_set(ERR_INVALID, "a field of the form has too long a name");
	c->is_in = !is_ignored(c->ignore, name, name_len);
	if (!c->is_in)
		return OK;
	digest_part(&c->all, name, name_len);
	digest_part(&c->all, head, head_len);
	SHA256Init(&c->value);
	return OK;
}

static enum err digest_data(void *arg, const char *bytes, size_t len)
{
	struct canon *c = arg;

	if (c->is_in)
		SHA256Update(&c->value, (const uint8_t *)bytes, len);
	return OK;
}

static enum err digest_form(
	struct request *r, const struct form_type *type, unsigned char out[DIGEST_LEN])
{
	struct canon c = {.ignore = r->route->ignore};
	struct form_handler handler = {.field = digest_field, .data = digest_data, .arg = &c};
	int fd;
	enum err e = body_fd(r, &fd);

	if (e != OK)
		return e;
	digest_start(&c.all, (const unsigned char *)"form", 4);
	e = form_read(fd, r->body.len, type, &handler);
	end_field(&c);
	if (e == OK)
		digest_end(&c.all, out, DIGEST_LEN);
	return e;
}

static enum err digest_json(struct request *r, unsigned char out[DIGEST_LEN])
{
	json_t *rest;
	char *text = NULL;
	struct digest d;
	enum err e = load_json(r);

	if (e != OK)
		return e;
	rest = json_deep_copy(r->body.json);
	for (strings s = r->route->ignore; rest && *s; s++)
		if (has_prefix(*s, "json:"))
			json_pointer_remove(rest, *s + 5);
	if (rest)
		text = json_dumps(rest, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(rest);
	if (!text)
		return err_set(ERR_NOMEM, "look into the body: out of memory");
	digest_start(&d, (const unsigned char *)"json", 4);
	digest_string(&d, text);
	digest_end(&d, out, DIGEST_LEN);
	free(text);
	return OK;
}

static bool ignores(const struct route *route, const char *prefix)
{
	for (strings s = route->ignore; s && *s; s++)
		if (has_prefix(*s, prefix))
			return true;
	return false;
}

enum err value_source_digest_body(struct request *r, unsigned char out[DIGEST_LEN])
{
	struct form_type type = form_type_of(content_type(r));
	enum err e = ERR_INVALID;

	if (type.kind == FORM_MULTIPART ||
		(type.kind == FORM_URLENCODED && ignores(r->route, "form:")))
		e = digest_form(r, &type, out);
	else if (ignores(r->route, "json:") && json_pointer_is_json(content_type(r)))
		e = digest_json(r, out);
	if (e == ERR_INVALID || e == ERR_REFUSED) {
		memcpy(out, r->body.digest, DIGEST_LEN);
		e = OK;
	}
	return e;
}
