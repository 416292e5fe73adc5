/* SPDX-License-Identifier: ISC */
/*
 * gateway/key_step.c - where a request has its key: the places that `key_from` names, in their
 * order
 *
 * Does not know: what is stored for the key.
 */
#include "gateway/key_step.h"

#include "base/digest.h"
#include "gateway/body.h"
#include "gateway/fingerprint.h"
#include "gateway/refusal.h"
#include "gateway/value_source.h"

#include <string.h>

/* Reads the key in one place of the request into r->key.  ERR_ABSENT: the place is empty. */
static enum err read_key_at(struct request *r, const char *source)
{
	const char *name = strchr(source, ':') + 1;
	struct value v;
	enum err e = value_source_find(r, NULL, source, &v);

	/* The body is wrong, not the key, unless there are two keys. */
	if (e == ERR_INVALID && v.n < 2)
		return err_set(ERR_BROKEN, "%s", err_text());
	if (e != OK)
		return e;
	if (v.is_ambiguous)
		return err_set(ERR_BROKEN,
			"the %s can be read in two ways, because of a semicolon or of the form of "
			"its name",
			name);
	if (v.n == 0)
		return err_set(ERR_ABSENT, "there is no %s", name);
	if (v.n > 1)
		return err_set(ERR_INVALID, "more than one %s was sent; send exactly one", name);
	if (v.is_compound)
		return err_set(ERR_INVALID, "the %s is an array or object", name);
	if (v.is_too_long)
		return err_set(ERR_INVALID, "the %s is longer than %d characters", name, KEY_MAX);
	if (strncmp(source, "header:", 7) == 0)
		return key_parse(v.text, v.len, r->route->key_syntax, name, &r->key);
	return key_parse_bare(v.text, v.len, name, &r->key);
}

static enum next refuse_key(struct request *r, enum err e)
{
	switch (e) {
	case ERR_INVALID:
		return refusal_send(r, PROBLEM_KEY_INVALID, err_text(), NULL, 0);
	case ERR_BROKEN: /* scripts may read it differently */
		return refusal_send(r, PROBLEM_REQUEST_INVALID, err_text(), NULL, 0);
	case ERR_REFUSED:
		return refusal_send(r, PROBLEM_REQUEST_TOO_LARGE, err_text(), NULL, 0);
	default:
		return refusal_failed(r, e);
	}
}

/*
 * A request that only its natural key protects gets a random key, which no other request has.  A
 * value that is not there or cannot be understood is refused later, where the natural key is made.
 */
static enum next make_key(struct request *r)
{
	unsigned char bytes[16];
	bool is_absent = false;
	struct value v;
	enum err e = OK;

	if (!r->route->unique)
		return UNPROTECTED;
	for (strings from = r->route->unique; *from && (e == OK || e == ERR_ABSENT); from++) {
		if (value_source_is_in_body(r, *from) && body_read_to_look(r) == FINISHED)
			return FINISHED;
		e = fingerprint_natural_value(r, NULL, *from, &v);
		is_absent = is_absent || e == ERR_ABSENT;
	}
	if (is_absent && (e == OK || e == ERR_ABSENT) && r->route->unique_optional)
		return UNPROTECTED;
	random_bytes(bytes, sizeof(bytes));
	hex_text(bytes, sizeof(bytes), r->key.text);
	r->key.len = strlen(r->key.text);
	return NEXT;
}

enum next key_step_find(struct request *r)
{
	if (!r->route ||
		!config_route_protects(r->route, variables_get(&r->vars, "REQUEST_METHOD")))
		return UNPROTECTED;
	for (strings from = r->route->key_from; *from; from++) {
		enum err e;

		r->key.is_derived = strcmp(*from, "derive") == 0;
		if (value_source_is_in_body(r, *from) && body_read_to_look(r) == FINISHED)
			return FINISHED;
		e = r->key.is_derived ? OK : read_key_at(r, *from);
		if (e == OK)
			return NEXT;
		if (e != ERR_ABSENT)
			return refuse_key(r, e);
	}
	return r->route->key_required ? refusal_send(r, PROBLEM_KEY_MISSING, NULL, NULL, 0)
				      : make_key(r);
}
