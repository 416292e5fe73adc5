/* SPDX-License-Identifier: ISC */
/*
 * gateway/value_source.h - the places of a request where a value may stand
 *
 *     header:NAME     a header field
 *     query:NAME      a parameter of QUERY_STRING
 *     cookie:NAME     a cookie
 *     form:NAME       a field of a form in the body (urlencoded or multipart)
 *     json:/pointer   a value in a JSON body (RFC 6901); a string without its escapes, a number
 *                     digit by digit as it was sent; an object or array as a digest that is the
 *                     same for all the ways to write it; null is as if it were not there
 *
 * Knows what is in a request, not what it is used for: keys, natural keys, fingerprints.
 */
#ifndef RETRYSAFE_GATEWAY_VALUE_SOURCE_H
#define RETRYSAFE_GATEWAY_VALUE_SOURCE_H

#include "gateway/request.h"

#define VALUE_MAX 4096 /* bytes */

struct value {
	char text[VALUE_MAX + 1]; /* the first one; NUL-terminated, may hold NULs */
	size_t len;
	int n; /* how often it is there */
	bool is_too_long;
	bool is_ambiguous;                /* CGI.pm and PHP read it differently */
	bool is_compound;                 /* it is a JSON object or array; text is a digest of it */
	unsigned char digest[DIGEST_LEN]; /* of all of them, whole, however many and long */
	struct {
		SHA2_CTX all, one;
		bool is_over;
	} digesting; /* until value_source_find() returns */
};

/* Must the body have been read to look there?  False where the place is not in the body, or the
 * body is empty, or is of another type and too large to be looked into. */
bool value_source_is_in_body(const struct request *r, const char *source);

/* Has the body a Content-Encoding?  Then no value is looked for in it. */
bool value_source_is_compressed(const struct request *r);

/*
 * value_source_find - what stands there
 *
 *   secret  store_secret(), for the digest of an object or array; NULL: its text is ""
 *
 * Where value_source_is_in_body(), body_read() must have been called.  Returns OK, out->n is 0
 * when nothing is there; ERR_INVALID the body is not what its Content-Type says, or two members of
 * one name lead to a pointer, and out->n is how many were found; ERR_NOMEM; ERR_SYSTEM.  Messages
 * quote nothing of the request.
 */
enum err value_source_find(struct request *r, const unsigned char *secret, const char *source,
	struct value *out) MUSTCHECK;

#endif
