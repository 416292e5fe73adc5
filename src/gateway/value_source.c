/* SPDX-License-Identifier: ISC */
/*
 * gateway/value_source.c - finds the values that a request holds in its header, its query and its
 * body
 *
 * RULES
 *   (1) A value that is there more than once is counted: which of them a script would take is not
 *       known here, so a caller for which that matters refuses (unit/value_source).
 *   (2) A body is read in pieces; only a JSON document is in memory as a whole, up to
 *       POINTER_JSON_MAX bytes (t71-keys).
 *   (3) The request's body stays as it is, its offset too (unit/value_source).
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

/* The URL Standard's urlencoded parser, on a string. */
static void find_query(const struct request *r, const char *name, struct value *out)
{
	const char *at = variables_get(&r->vars, "QUERY_STRING");

	while (at && *at) {
		const char *end = at + strcspn(at, "&"), *wanted = name;

		while (at < end && *at != '=' && *wanted) {
			const char *before = at;

			if (next_char(&at) != *wanted++) {
				at = before;
				break;
			}
		}
		if (!*wanted && (at == end || *at == '=')) {
			add_value(out, "", 0);
			for (at += at < end; at < end;) {
				char c = next_char(&at);

				add_piece(out, &c, 1);
			}
		}
		at = *end ? end + 1 : end;
	}
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
};

static enum err start_field(
	void *arg, const char *name, size_t name_len, const char *head, size_t head_len)
{
	struct search *s = arg;

	(void)head;
	(void)head_len;
	s->is_in = strlen(s->name) == name_len && memcmp(s->name, name, name_len) == 0;
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
	struct form_handler handler = {.field = start_field, .data = add_data, .arg = &s};
	struct form_type type = form_type_of(content_type(r));
	int fd;
	enum err e = body_fd(r, &fd);

	return e == OK ? form_read(fd, r->body.len, &type, &handler) : e;
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

	out->n = 0;
	out->len = 0;
	out->text[0] = '\0';
	out->is_too_long = false;
	SHA256Init(&out->digesting.all);
	e = find_in_place(r, source, out);
	end_value(out);
	SHA256Final(out->digest, &out->digesting.all);
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
