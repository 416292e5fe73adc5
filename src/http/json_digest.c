/* SPDX-License-Identifier: ISC */
/*
 * http/json_digest.c - one digest for all the ways to write one JSON value
 *
 * A scalar's digest is the SHA-256 of the key, the label it has in what holds it (a digest of the
 * member's name; the element's index), its type and its text.  The digests of all that is in an
 * object or array are added up, modulo 2^256, and the sum is the text of that object or array.
 *
 * RULES
 *   (1) Members in another order have the same digest, because a sum has no order; elements have
 *       not, because their labels differ (unit/json_digest).
 *   (2) Two documents that differ have different digests.  Sums of plain digests would not do: a
 *       client that can compute the digests finds equal sums of many of them quickly (Wagner's
 *       generalised birthday).  With a key that no client knows each digest is a random number to
 *       the client, and no two labels of one sum are equal (rule 3), so that two sums of the
 *       client's choice are equal in one of 2^256 cases (unit/json_digest).
 *   (3) An object that has a name twice has no digest: which of the two a script takes depends on
 *       their order, which a sum does not see (unit/json_digest).
 *   (4) Memory does not depend on the document: a level for each array and object that is open, and
 *       for rule (3) 8 bytes for each member of the open objects, NAMES_MAX at most.  If there are
 *       more, the document is read again for one share of the names after the other
 *       (unit/json_digest).
 *
 * Does not know: where the document comes from, and what its digest is for.
 */
#include "http/json_digest.h"

#include "http/json_pointer.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef NAMES_MAX
#define NAMES_MAX 131072 /* of names that are kept at once */
#endif
#define SHARES_MAX 8 /* times a document is read again */

/* An array or object that is open. */
struct level {
	unsigned char sum[DIGEST_LEN];
	unsigned char name[DIGEST_LEN]; /* of the member that comes */
	int64_t n;                      /* elements before the one that comes */
	size_t first;                   /* object: its names begin here in `names` */
	bool is_object;
};

struct reading {
	struct json json;
	unsigned char key[DIGEST_LEN];
	SHA2_CTX sha; /* of the name or scalar that comes */
	struct json_walk at, ignored[JSON_DIGEST_POINTERS_MAX];
	int n_ignored;
	int depth;    /* arrays and objects that are open */
	int from;     /* depth of the value whose digest it is; -1: it is not open */
	int left_out; /* depth of a value that does not count, and is open; -1: none */
	bool is_name; /* the text that comes is a name's */
	bool is_found;
	unsigned char out[DIGEST_LEN];

	uint64_t *names; /* the first bytes of their digests */
	size_t n_names, most_names, room;
	unsigned share, shares; /* only names of this share are kept */
	struct level levels[JSON_DEPTH_MAX + 1];
};

/* ---- names ---- */

static enum err keep_name(struct reading *r, const unsigned char name[DIGEST_LEN])
{
	uint64_t start;

	memcpy(&start, name, sizeof(start));
	if (start % r->shares != r->share)
		return OK;
	if (r->n_names == r->room && r->room < NAMES_MAX) {
		size_t room = r->room ? 2 * r->room : 64;
		uint64_t *names = realloc(r->names, room * sizeof(*names));

		if (!names)
			return err_set(ERR_NOMEM, "no memory for the JSON of a body");
		r->names = names;
		r->room = room;
	}
	if (r->n_names < r->room)
		r->names[r->n_names] = start;
	r->n_names++;
	if (r->n_names > r->most_names)
		r->most_names = r->n_names;
	return OK;
}

static int compare_names(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, two = *(const uint64_t *)b;

	return one < two ? -1 : one > two;
}

/* An object ends: rule (3).  Names that did not fit are looked at when the document is read again.
 */
static enum err close_names(struct reading *r, size_t first)
{
	size_t n = r->n_names - first;
	bool is_whole = r->n_names <= r->room;
	uint64_t *names;

	r->n_names = first;
	if (!is_whole || n < 2)
		return OK;
	names = r->names + first;
	qsort(names, n, sizeof(*names), compare_names);
	for (size_t i = 1; i < n; i++)
		if (names[i] == names[i - 1])
			return err_set(
				ERR_INVALID, "the JSON has a member name twice in one object");
	return OK;
}

/* ---- digests ---- */

/* Begins the digest of a value: rule (2). */
static void start_value(struct reading *r, int depth, enum json_event type)
{
	const struct level *in = &r->levels[depth];
	unsigned char kind[2] = {'r', (unsigned char)type};

	SHA256Init(&r->sha);
	SHA256Update(&r->sha, r->key, DIGEST_LEN);
	if (depth > r->from)
		kind[0] = in->is_object ? 'm' : 'e';
	SHA256Update(&r->sha, kind, sizeof(kind));
	if (kind[0] == 'm')
		SHA256Update(&r->sha, in->name, DIGEST_LEN);
	else if (kind[0] == 'e')
		SHA256Update(&r->sha, (const uint8_t *)&in->n, sizeof(in->n));
}

/* Ends the digest of a value, and adds it to what holds the value. */
static void end_value(struct reading *r, int depth)
{
	unsigned char hash[DIGEST_LEN];
	struct level *in = &r->levels[depth];
	unsigned carry = 0;

	SHA256Final(hash, &r->sha);
	if (depth == r->from) {
		memcpy(r->out, hash, DIGEST_LEN);
		r->is_found = true;
		r->from = -1;
		return;
	}
	for (int i = 0; i < DIGEST_LEN; i++) {
		carry += (unsigned)in->sum[i] + hash[i];
		in->sum[i] = (unsigned char)carry;
		carry >>= 8;
	}
}

static bool counts(const struct reading *r)
{
	return r->from >= 0 && r->left_out < 0;
}

/* ---- events ---- */

static void walk_to_value(struct reading *r)
{
	const struct level *in = &r->levels[r->depth];

	for (int i = -1; i < r->n_ignored; i++) {
		struct json_walk *w = i < 0 ? &r->at : &r->ignored[i];

		if (in->is_object)
			json_walk_member(w, r->depth);
		else if (r->depth > 0)
			json_walk_element(w, r->depth, in->n);
		if (i >= 0 && r->left_out < 0 && json_walk_is_there(w, r->depth))
			r->left_out = r->depth;
	}
	if (r->from < 0 && json_walk_is_there(&r->at, r->depth))
		r->from = r->depth;
}

/* The value at this depth is over. */
static void leave_value(struct reading *r)
{
	for (int i = -1; i < r->n_ignored; i++)
		json_walk_leave(i < 0 ? &r->at : &r->ignored[i], r->depth);
	if (r->left_out == r->depth)
		r->left_out = -1;
	r->levels[r->depth].n++;
}

static enum err open_level(struct reading *r, bool is_object)
{
	struct level *level = &r->levels[++r->depth];

	memset(level, 0, sizeof(*level));
	level->is_object = is_object;
	level->first = r->n_names;
	return OK;
}

static enum err close_level(struct reading *r)
{
	const struct level *level = &r->levels[r->depth--];
	enum err e = level->is_object ? close_names(r, level->first) : OK;

	if (e == OK && counts(r)) {
		start_value(r, r->depth, level->is_object ? EVENT_OBJECT : EVENT_ARRAY);
		SHA256Update(&r->sha, level->sum, DIGEST_LEN);
		if (!level->is_object)
			SHA256Update(&r->sha, (const uint8_t *)&level->n, sizeof(level->n));
		end_value(r, r->depth);
	}
	leave_value(r);
	return e;
}

static enum err take_value(struct reading *r, enum json_event event)
{
	walk_to_value(r);
	if (event == EVENT_OBJECT || event == EVENT_ARRAY)
		return open_level(r, event == EVENT_OBJECT);
	if (counts(r))
		start_value(r, r->depth, event);
	if (event == EVENT_STRING || event == EVENT_NUMBER)
		return OK;
	if (counts(r))
		end_value(r, r->depth);
	leave_value(r);
	return OK;
}

static void start_name(struct reading *r)
{
	static const unsigned char kind = 'n';

	r->is_name = true;
	for (int i = -1; i < r->n_ignored; i++)
		json_walk_name(i < 0 ? &r->at : &r->ignored[i], r->depth);
	SHA256Init(&r->sha);
	SHA256Update(&r->sha, r->key, DIGEST_LEN);
	SHA256Update(&r->sha, &kind, 1);
}

static enum err end_text(struct reading *r)
{
	struct level *in = &r->levels[r->depth];

	if (r->is_name) {
		r->is_name = false;
		SHA256Final(in->name, &r->sha);
		return keep_name(r, in->name);
	}
	if (counts(r))
		end_value(r, r->depth);
	leave_value(r);
	return OK;
}

static enum err take_event(void *arg, enum json_event event, const char *text, size_t len)
{
	struct reading *r = arg;

	if (json_is_value(event))
		return take_value(r, event);
	switch (event) {
	case EVENT_NAME:
		start_name(r);
		return OK;
	case EVENT_TEXT:
		if (r->is_name)
			for (int i = -1; i < r->n_ignored; i++)
				json_walk_text(i < 0 ? &r->at : &r->ignored[i], text, len);
		if (r->is_name || counts(r))
			SHA256Update(&r->sha, (const uint8_t *)text, len);
		return OK;
	case EVENT_END:
		return end_text(r);
	default:
		return close_level(r);
	}
}

static enum err take_bytes(void *arg, const char *bytes, size_t len)
{
	struct reading *r = arg;

	return json_feed(&r->json, bytes, len);
}

static enum err read_once(struct reading *r, json_source *source, void *from, const char *at,
	const char *const *ignored)
{
	enum err e;

	json_start(&r->json, take_event, r);
	json_walk_start(&r->at, at);
	r->n_ignored = 0;
	for (; ignored && *ignored && r->n_ignored < JSON_DIGEST_POINTERS_MAX; ignored++)
		if (strncmp(*ignored, "json:", 5) == 0)
			json_walk_start(&r->ignored[r->n_ignored++], *ignored + 5);
	r->depth = 0;
	r->from = r->left_out = -1;
	r->n_names = r->most_names = 0;
	r->is_found = false;
	e = source(from, take_bytes, r);
	return e == OK ? json_finish(&r->json) : e;
}

/* Rule (4): looks for names that are there twice, one share of the names after the other. */
static enum err read_shares(struct reading *r, json_source *source, void *from, const char *at,
	const char *const *ignored)
{
	size_t shares = r->most_names / (NAMES_MAX / 2) + 1;
	enum err e = OK;

	if (shares > SHARES_MAX)
		return err_set(ERR_INVALID, "the JSON has too many members in one object");
	r->shares = (unsigned)shares;
	for (r->share = 0; e == OK && r->share < r->shares; r->share++) {
		e = read_once(r, source, from, at, ignored);
		if (e == OK && r->most_names > NAMES_MAX)
			e = err_set(ERR_INVALID, "the JSON has too many members in one object");
	}
	return e;
}

enum err json_digest(json_source *source, void *from, const unsigned char key[DIGEST_LEN],
	const char *at, const char *const *ignored, unsigned char out[DIGEST_LEN])
{
	struct reading *r = calloc(1, sizeof(*r));
	struct digest d;
	enum err e;

	if (!r)
		return err_set(ERR_NOMEM, "no memory for the JSON of a body");
	digest_start(&d, key, DIGEST_LEN);
	digest_string(&d, "json");
	digest_end(&d, r->key, DIGEST_LEN);
	r->shares = 1;
	e = read_once(r, source, from, at, ignored);
	if (e == OK && !r->is_found)
		e = err_set(ERR_ABSENT, "there is no such value");
	if (e == OK && r->most_names > NAMES_MAX)
		e = read_shares(r, source, from, at, ignored);
	if (e == OK)
		memcpy(out, r->out, DIGEST_LEN);
	free(r->names);
	free(r);
	return e;
}
