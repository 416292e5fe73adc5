/* SPDX-License-Identifier: ISC */
/*
 * http/key.h - the syntax of an idempotency key
 *
 * draft-ietf-httpapi-idempotency-key-header-07, section 2.1: the field is an Item Structured
 * Field (RFC 8941, section 3.3) whose value is a String.
 */
#ifndef RETRYSAFE_HTTP_KEY_H
#define RETRYSAFE_HTTP_KEY_H

#include "base/err.h"
#include "base/settings.h"

#include <stdbool.h>
#include <stddef.h>

#define KEY_MAX 255 /* bytes, after parsing */

struct key {
	char text[KEY_MAX +
		  1];    /* NUL-terminated; may hold spaces and quotes, never control characters */
	size_t len;      /* 1..KEY_MAX */
	bool is_derived; /* the key is derived from the request; fingerprint_take() sets text */
};

/*
 * key_parse - one field value to a key
 *
 *   value  the field's value, len bytes; need not end in NUL
 *   mode   lenient also accepts a bare value of 1..255 visible ASCII characters without comma,
 *          semicolon or quote, so that "k" and k are the same key; strict accepts only the String.
 *          Parameters of the Item are checked for syntax and ignored.
 *   name   of the field, for messages
 *   out    set on OK only
 *
 * Returns OK; ERR_INVALID with a sentence for the client, which never quotes the value.  Does not
 * block.
 */
enum err key_parse(const char *value, size_t len, enum key_syntax mode, const char *name,
	struct key *out) MUSTCHECK;

/* key_parse_bare - a key that does not come from a header field: the bare form only; `name` says
 * where it comes from, for the message.  Returns like key_parse(). */
enum err key_parse_bare(const char *value, size_t len, const char *name, struct key *out) MUSTCHECK;

#endif
