/* SPDX-License-Identifier: ISC */
/*
 * Claims: http/json.c accepts what jansson accepts, and refuses what it refuses, but where jansson
 * is known to be stricter; events and messages do not depend on where the document is cut;
 * json_find() finds the value that jansson has there; json_digest() is the same for a document
 * that jansson has written anew, sorted or not, and another one for another document; what is
 * ignored does not count.
 */
/* links: src/http/json.c src/http/json_pointer.c src/http/json_find.c src/http/json_digest.c */
#include "http/json_digest.h"
#include "http/json_find.h"
#include "http/json_pointer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char key[DIGEST_LEN] = {1, 2, 3};

struct text {
	const char *bytes;
	size_t len, piece; /* bytes handed over at once */
};

static enum err give(void *from, json_take *take, void *arg)
{
	const struct text *t = from;
	enum err e = OK;

	for (size_t at = 0; at < t->len && e == OK;) {
		size_t n = t->len - at < t->piece ? t->len - at : t->piece;
		char *own = malloc(n); /* so that a sanitizer sees the end of it */

		memcpy(own, t->bytes + at, n);
		e = take(arg, own, n);
		free(own);
		at += n;
	}
	return e;
}

/* ---- events ---- */

struct account {
	char *out;
	size_t len, room;
	enum json_event event;
	bool is_plain; /* jansson writes its numbers as they were sent */
	int depth, number_len;
	char number[64];
};

static void put(struct account *a, const char *bytes, size_t len)
{
	if (a->len + len > a->room) {
		a->room = 2 * (a->len + len) + 64;
		a->out = realloc(a->out, a->room);
	}
	memcpy(a->out + a->len, bytes, len);
	a->len += len;
}

static void look_at_number(struct account *a)
{
	a->number[a->number_len] = '\0';
	a->is_plain = a->is_plain && a->number_len < 17 && strcmp(a->number, "-0") != 0 &&
		      !strpbrk(a->number, ".eE");
}

static enum err count(void *arg, enum json_event event, const char *text, size_t len)
{
	struct account *a = arg;
	char mark[2] = {'\n', (char)('a' + (int)event)};

	if (event == EVENT_TEXT) {
		if (len == 0)
			abort();
		put(a, text, len);
		for (size_t i = 0; i < len && a->event == EVENT_NUMBER; i++)
			if (a->number_len < 60)
				a->number[a->number_len++] = text[i];
		return OK;
	}
	if (event == EVENT_NUMBER)
		a->number_len = 0;
	if (event == EVENT_END && a->event == EVENT_NUMBER)
		look_at_number(a);
	a->event = event;
	a->depth += event == EVENT_OBJECT || event == EVENT_ARRAY;
	a->depth -= event == EVENT_CLOSE;
	if (a->depth < 0 || a->depth > JSON_DEPTH_MAX)
		abort();
	put(a, mark, 2);
	return OK;
}

static enum err feed(void *arg, const char *bytes, size_t len)
{
	return json_feed(arg, bytes, len);
}

static enum err read_events(struct text *t, struct account *a)
{
	struct json *j = malloc(sizeof(*j));
	enum err e;

	memset(a, 0, sizeof(*a));
	a->is_plain = true;
	json_start(j, count, a);
	e = give(t, feed, j);
	if (e == OK)
		e = json_finish(j);
	if (e == OK && a->depth != 0)
		abort();
	/* How much of a string comes before an error depends on the pieces. */
	if (e != OK) {
		a->len = 0;
		put(a, err_text(), strlen(err_text()));
	}
	free(j);
	return e;
}

/* ---- values ---- */

struct value {
	struct account text;
	int n;
	enum json_event type;
};

static enum err found(void *arg, enum json_event event, const char *text, size_t len)
{
	struct value *v = arg;

	if (event == EVENT_TEXT) {
		put(&v->text, text, len);
	} else {
		v->n++;
		v->type = event;
	}
	return OK;
}

static const char *decode_token(const char *token, const char *end, char name[4096])
{
	char *to = name;

	for (; token < end && to < name + 4095; token++) {
		if (*token == '~')
			*to++ = *++token == '1' ? '/' : '~';
		else
			*to++ = *token;
	}
	*to = '\0';
	return name;
}

/* RFC 6901, as jansson's functions allow it. */
static json_t *walk(json_t *at, const char *pointer)
{
	while (at && *pointer) {
		const char *token = pointer + 1, *end = token + strcspn(token, "/");
		char name[4096];

		decode_token(token, end, name);
		if (json_is_array(at)) {
			size_t digits = strspn(token, "0123456789");

			at = digits == (size_t)(end - token) && digits > 0 && digits < 10 &&
					     (*token != '0' || digits == 1)
				     ? json_array_get(at, strtoul(token, NULL, 10))
				     : NULL;
		} else {
			at = json_object_get(at, name);
		}
		pointer = end;
	}
	return at;
}

static void compare_value(
	struct text *t, json_t *root, const char *pointer, bool has_doubles, bool is_plain)
{
	struct value v = {.n = 0};
	json_t *is = walk(root, pointer);
	enum err e = json_find(give, t, pointer, found, &v);

	if (has_doubles && e == ERR_INVALID) {
		free(v.text.out);
		return;
	}
	if (e != OK || v.n != (is != NULL))
		abort();
	if (json_is_string(is) &&
		(v.type != EVENT_STRING || v.text.len != json_string_length(is) ||
			(v.text.len > 0 &&
				memcmp(v.text.out, json_string_value(is), v.text.len) != 0)))
		abort();
	if (json_is_integer(is) && is_plain) {
		char text[32];

		snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(is));
		if (v.type != EVENT_NUMBER || v.text.len != strlen(text) ||
			memcmp(v.text.out, text, v.text.len) != 0)
			abort();
	}
	if (is && ((json_is_number(is) != (v.type == EVENT_NUMBER)) ||
			  (json_is_null(is) != (v.type == EVENT_NULL)) ||
			  (json_is_array(is) != (v.type == EVENT_ARRAY)) ||
			  (json_is_object(is) != (v.type == EVENT_OBJECT)) ||
			  (json_is_true(is) != (v.type == EVENT_TRUE))))
		abort();
	free(v.text.out);
}

/* ---- digests ---- */

static enum err digest(const char *bytes, size_t len, size_t piece, const char *at,
	const char *ignored, unsigned char out[DIGEST_LEN])
{
	struct text t = {bytes, len, piece};
	const char *list[] = {ignored, NULL};

	return json_digest(give, &t, key, at, list, out);
}

static void compare_writing(json_t *root, size_t flags, const unsigned char sum[DIGEST_LEN])
{
	char *text = json_dumps(root, JSON_ENCODE_ANY | flags), *longer;
	unsigned char other[DIGEST_LEN];

	if (digest(text, strlen(text), SIZE_MAX, "", NULL, other) != OK ||
		memcmp(sum, other, DIGEST_LEN) != 0)
		abort();
	if (asprintf(&longer, "[%s]", text) < 0)
		abort();
	if (digest(longer, strlen(longer), 3, "", NULL, other) == OK &&
		memcmp(sum, other, DIGEST_LEN) == 0)
		abort();
	/* A value's digest is the same wherever it stands. */
	if (digest(longer, strlen(longer), 3, "/0", NULL, other) == OK &&
		memcmp(sum, other, DIGEST_LEN) != 0)
		abort();
	free(longer);
	free(text);
}

/* Taken out of its object, or ignored: the same. */
static void compare_ignored(struct text *t, json_t *root, const char *pointer)
{
	const char *last = strrchr(pointer, '/');
	char *parent_at, *ignored, *text;
	unsigned char without[DIGEST_LEN], removed[DIGEST_LEN];
	char name[4096];
	json_t *parent, *seen;

	if (!last)
		return;
	parent_at = strndup(pointer, (size_t)(last - pointer));
	parent = walk(root, parent_at);
	seen = walk(root, pointer);
	free(parent_at);
	if (!json_is_object(parent) || !seen)
		return;
	json_object_del(parent, decode_token(last + 1, last + strlen(last), name));
	if (walk(root, pointer))
		abort();
	if (asprintf(&ignored, "json:%s", pointer) < 0)
		abort();
	text = json_dumps(root, JSON_ENCODE_ANY);
	if (digest(t->bytes, t->len, t->piece, "", ignored, without) != OK ||
		digest(text, strlen(text), 5, "", NULL, removed) != OK ||
		memcmp(without, removed, DIGEST_LEN) != 0)
		abort();
	free(text);
	free(ignored);
}

/* ---- the oracle ---- */

/* Does a half of a surrogate pair stand in the text?  jansson refuses it. */
static bool may_have_half(const struct text *t)
{
	for (size_t i = 0; i + 3 < t->len; i++)
		if (t->bytes[i] == '\\' && t->bytes[i + 1] == 'u' &&
			(t->bytes[i + 2] | 0x20) == 'd' && t->bytes[i + 3] > '7')
			return true;
	return false;
}

static void compare_verdict(const struct text *t, enum err e, const json_t *root,
	const json_error_t *error, const char *said)
{
	if (e == OK && !root) {
		if (json_error_code(error) != json_error_numeric_overflow && !may_have_half(t))
			abort();
	} else if (e != OK && root) {
		/* jansson ends at a NUL that follows a number. */
		if (!strstr(said, "nested too deep") && !memchr(t->bytes, '\0', t->len))
			abort();
	}
}

static void compare(struct text *t, const char *pointer)
{
	bool has_mark = t->len >= 3 && memcmp(t->bytes, "\xef\xbb\xbf", 3) == 0;
	const char *bare = t->bytes + 3 * has_mark;
	size_t bare_len = t->len - (size_t)(3 * has_mark);
	struct account a, cut;
	struct text pieces = *t;
	unsigned char sum[DIGEST_LEN], again[DIGEST_LEN];
	json_error_t error;
	json_t *root, *strict;
	enum err e;

	t->piece = SIZE_MAX;
	e = read_events(t, &a);
	if (read_events(&pieces, &cut) != e || cut.len != a.len ||
		memcmp(a.out, cut.out, a.len) != 0)
		abort();
	put(&a, "", 1);
	root = json_loadb(bare, bare_len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	compare_verdict(t, e, root, &error, a.out);
	if (e == OK && root) {
		strict = json_loadb(bare, bare_len,
			JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
		compare_value(t, root, pointer, !strict, a.is_plain);
		if ((digest(t->bytes, t->len, SIZE_MAX, "", NULL, sum) == OK) != (strict != NULL))
			abort();
		if (strict && (digest(t->bytes, t->len, pieces.piece, "", NULL, again) != OK ||
				      memcmp(sum, again, DIGEST_LEN) != 0))
			abort();
		if (strict && a.is_plain) {
			compare_writing(root, 0, sum);
			compare_writing(root, JSON_SORT_KEYS | JSON_INDENT(2), sum);
			compare_writing(root, JSON_ENSURE_ASCII | JSON_COMPACT, sum);
			compare_ignored(t, root, pointer);
		}
		json_decref(strict);
	}
	json_decref(root);
	free(a.out);
	free(cut.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A byte for the length of the pieces, a pointer, a line end, a document. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 1 ? memchr(data + 1, '\n', size - 1) : NULL;
	struct text t;
	char *pointer;

	if (!end)
		return 0;
	pointer = strndup((const char *)data + 1, (size_t)(end - data) - 1);
	(void)json_pointer_is_json(pointer);
	if (!json_pointer_is_valid(pointer) || strlen(pointer) > 4000)
		*pointer = '\0';
	t = (struct text){
		(const char *)end + 1, size - (size_t)(end + 1 - data), (size_t)data[0] % 9 + 1};
	compare(&t, pointer);
	free(pointer);
	return 0;
}
