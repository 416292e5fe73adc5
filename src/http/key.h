/* SPDX-License-Identifier: ISC */
/*
 * http/key.h - the idempotency key: where it comes from and what it may look like
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
	bool is_derived; /* made of the request itself; text is set by fingerprint_take() */
};

/*
 * key_parse - one field value to a key
 *
 *   value  the bytes of the field; len of them; need not end in NUL
 *   mode   lenient also takes a bare value of 1..255 visible ASCII characters without comma,
 *          semicolon or quote, so that "k" and k are the same key; strict takes only the String.
 *          Parameters of the Item are checked for syntax and ignored.
 *   name   of the field, for messages
 *
 * Returns OK, or ERR_INVALID with a sentence that a caller of the API understands; it never
 * quotes the value.
 */
enum err key_parse(const char *value, size_t len, enum key_syntax mode, const char *name,
	struct key *out) MUSTCHECK;

/* key_parse_bare - a key that does not come from a header field: the bare form only; `name` says
 * where it comes from, for the message.  Returns like key_parse(). */
enum err key_parse_bare(const char *value, size_t len, const char *name, struct key *out) MUSTCHECK;

#endif
