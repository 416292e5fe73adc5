/* SPDX-License-Identifier: ISC */
/*
 * gateway/body_digest.c - the digest of the body that a fingerprint is made of
 *
 * RULES
 *   (1) What a client chooses anew each time it sends the same does not count: the boundary of a
 *       multipart body, also of one within its parts, and the time stamp of a gzip body
 *       (unit/body_digest, t81-readings).
 *   (2) Everything else counts: each part's head, byte for byte, its content, and the order of the
 *       parts (unit/body_digest).
 *   (3) A body that cannot be read as what it is called is digested as bytes: it is never refused,
 *       and never the same as another one (unit/body_digest, t71-keys).
 *   (4) Memory does not grow with the body: a part within a part is read where it lies
 *       (unit/body_digest, t71-keys).
 *
 * Does not know: what the digest is used for.
 */
#include "gateway/body_digest.h"

#include "gateway/body.h"
#include "gateway/value_source.h"
#include "http/form.h"
#include "http/json_digest.h"
#include "http/json_pointer.h"

#include <string.h>
#include <strings.h>

#define NESTED_MAX 3 /* multipart within multipart */

/* ---- forms and multipart ---- */

struct parts {
	struct digest all;
	SHA2_CTX value;
	strings ignore;
	bool is_in; /* in a part that counts */
	int fd, nested;

	int64_t next_at; /* where the data of the part begins whose head was read last */

	/* of the part that is read */
	int64_t data_at, data_len;
	struct form_type type;
	unsigned char head[DIGEST_LEN], bare_head[DIGEST_LEN]; /* bare: without its boundary */
};

static enum err digest_parts(int fd, int64_t at, int64_t len, const struct form_type *type,
	strings ignore, int nested, unsigned char out[DIGEST_LEN]);

static bool is_ignored(strings ignore, const char *name, size_t len)
{
	for (; ignore && *ignore; ignore++)
		if (strncmp(*ignore, "form:", 5) == 0 && strlen(*ignore) == len + 5 &&
			memcmp(*ignore + 5, name, len) == 0)
			return true;
	return false;
}

/* A multipart part counts by its own parts, if it can be read. */
static enum err end_part(struct parts *p)
{
	unsigned char raw[DIGEST_LEN], inner[DIGEST_LEN];
	enum err e = ERR_INVALID;

	if (!p->is_in)
		return OK;
	p->is_in = false;
	SHA256Final(raw, &p->value);
	if (p->type.boundary[0] && p->nested < NESTED_MAX) {
		struct form_type type = p->type;

		type.kind = FORM_PARTS;
		e = digest_parts(p->fd, p->data_at, p->data_len, &type, NULL, p->nested + 1, inner);
	}
	if (e != OK && e != ERR_INVALID)
		return e;
	digest_string(&p->all, e == OK ? "parts" : "bytes");
	digest_part(&p->all, e == OK ? p->bare_head : p->head, DIGEST_LEN);
	digest_part(&p->all, e == OK ? inner : raw, DIGEST_LEN);
	return OK;
}

static void sum(
	const char *bytes, size_t len, size_t cut_at, size_t cut_len, unsigned char out[DIGEST_LEN])
{
	SHA2_CTX sha;

	SHA256Init(&sha);
	SHA256Update(&sha, (const uint8_t *)bytes, cut_at);
	SHA256Update(&sha, (const uint8_t *)bytes + cut_at + cut_len, len - cut_at - cut_len);
	SHA256Final(out, &sha);
}

static enum err start_part(
	void *arg, const char *name, size_t name_len, const char *head, size_t head_len)
{
	struct parts *p = arg;
	size_t at = 0, len = 0;
	enum err e = end_part(p);

	if (e != OK)
		return e;
	if (name_len > FORM_NAME_MAX)
		return err_set(ERR_INVALID, "a field of the form has too long a name");
	p->is_in = !is_ignored(p->ignore, name, name_len);
	if (!p->is_in)
		return OK;
	digest_part(&p->all, name, name_len);
	p->type.boundary[0] = '\0';
	if (head) {
		p->type = form_part_type(head, head_len, &at, &len);
		sum(head, head_len, 0, 0, p->head);
		if (p->type.boundary[0])
			sum(head, head_len, at, len, p->bare_head);
	} else {
		memset(p->head, 0, sizeof(p->head));
	}
	p->data_at = p->next_at;
	p->data_len = 0;
	SHA256Init(&p->value);
	return OK;
}

static enum err take_data(void *arg, const char *bytes, size_t len)
{
	struct parts *p = arg;

	p->data_len += (int64_t)len;
	if (p->is_in)
		SHA256Update(&p->value, (const uint8_t *)bytes, len);
	return OK;
}

static enum err digest_parts(int fd, int64_t at, int64_t len, const struct form_type *type,
	strings ignore, int nested, unsigned char out[DIGEST_LEN])
{
	struct parts p = {.ignore = ignore, .fd = fd, .nested = nested};
	struct form_handler handler = {
		.field = start_part, .data = take_data, .arg = &p, .data_at = &p.next_at};
	enum err e, ended;

	digest_start(&p.all, (const unsigned char *)"form", 4);
	e = form_read(fd, at, len, type, &handler);
	ended = e == OK ? end_part(&p) : e;
	if (ended == OK)
		digest_end(&p.all, out, DIGEST_LEN);
	return ended;
}

static enum err digest_form(
	struct request *r, const struct form_type *type, unsigned char out[DIGEST_LEN])
{
	int fd;
	enum err e = body_fd(r, &fd);

	return e == OK ? digest_parts(fd, 0, r->body.len, type, r->route->ignore, 0, out) : e;
}

/* ---- gzip ---- */

#define GZIP_TIME_AT  4 /* RFC 1952, 2.3: MTIME, four bytes */
#define GZIP_TIME_LEN 4

struct gzip {
	SHA2_CTX sha;
	int64_t at;
};

/* Only the first member's time stamp is left out: where a second one begins, only a decoder
 * knows. */
static enum err take_gzip(void *arg, const char *bytes, size_t len)
{
	struct gzip *g = arg;

	for (size_t i = 0; i < len && g->at + (int64_t)i < GZIP_TIME_AT + GZIP_TIME_LEN; i++)
		if (g->at + (int64_t)i >= GZIP_TIME_AT)
			SHA256Update(&g->sha, (const uint8_t *)"", 1);
		else
			SHA256Update(&g->sha, (const uint8_t *)bytes + i, 1);
	if (g->at + (int64_t)len > GZIP_TIME_AT + GZIP_TIME_LEN) {
		int64_t skip = GZIP_TIME_AT + GZIP_TIME_LEN - g->at;

		skip = skip > 0 ? skip : 0;
		SHA256Update(&g->sha, (const uint8_t *)bytes + skip, len - (size_t)skip);
	}
	g->at += (int64_t)len;
	return OK;
}

static bool is_gzip(struct request *r)
{
	char start[10];
	size_t len;

	return body_start(r, start, sizeof(start), &len) == OK && len == sizeof(start) &&
	       memcmp(start, "\x1f\x8b\x08", 3) == 0;
}

static enum err digest_gzip(struct request *r, unsigned char out[DIGEST_LEN])
{
	struct gzip g = {.at = 0};
	enum err e;

	SHA256Init(&g.sha);
	SHA256Update(&g.sha, (const uint8_t *)"gzip", 4);
	e = body_each(r, take_gzip, &g);
	SHA256Final(out, &g.sha);
	return e;
}

/* ---- */

static bool ignores(const struct route *route, const char *prefix)
{
	for (strings s = route->ignore; s && *s; s++)
		if (strncmp(*s, prefix, strlen(prefix)) == 0)
			return true;
	return false;
}

/* The digest of a body that is more than its bytes.  ERR_INVALID: it is not. */
static enum err digest_meaning(
	struct request *r, const unsigned char *secret, bool as_json, unsigned char out[DIGEST_LEN])
{
	const char *content_type = variables_get(&r->vars, "CONTENT_TYPE");
	struct form_type type = form_type_of(content_type);
	bool ignores_fields = ignores(r->route, "form:");

	if (is_gzip(r))
		return digest_gzip(r, out);
	if (value_source_is_compressed(r))
		return ERR_INVALID;
	if (type.boundary[0]) {
		if (!ignores_fields)
			type.kind = FORM_PARTS; /* names do not matter */
		return digest_form(r, &type, out);
	}
	if (type.kind == FORM_URLENCODED && ignores_fields)
		return digest_form(r, &type, out);
	if ((as_json || ignores(r->route, "json:")) && json_pointer_is_json(content_type))
		return json_digest(
			body_each, r, secret, "", (const char *const *)r->route->ignore, out);
	return ERR_INVALID;
}

enum err body_digest_take(
	struct request *r, const unsigned char *secret, bool as_json, unsigned char out[DIGEST_LEN])
{
	enum err e = digest_meaning(r, secret, as_json, out);

	if (e != ERR_INVALID)
		return e;
	memcpy(out, r->body.digest, DIGEST_LEN);
	return OK;
}
