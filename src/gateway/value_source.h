/* SPDX-License-Identifier: ISC */
/*
 * gateway/value_source.h - the places of a request where a value may stand
 *
 *     header:NAME     a header field
 *     query:NAME      a parameter of QUERY_STRING
 *     cookie:NAME     a cookie
 *     form:NAME       a field of a form in the body (urlencoded or multipart)
 *     json:/pointer   a value in a JSON body (RFC 6901); a string as it is, anything else as
 *                     compact JSON; null is as if it were not there
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
	unsigned char digest[DIGEST_LEN]; /* of all of them, whole, however many and long */
	struct {
		SHA2_CTX all, one;
		bool is_over;
	} digesting; /* until value_source_find() returns */
};

/* Must the body have been read to look there?  False where its Content-Type rules the place out. */
bool value_source_is_in_body(const struct request *r, const char *source);

/*
 * value_source_find - what stands there
 *
 * Where value_source_is_in_body(), body_read() must have been called.  Returns OK, out->n is 0
 * when nothing is there; ERR_INVALID the body is not what its Content-Type says; ERR_REFUSED it is
 * too large to be looked into; ERR_NOMEM; ERR_SYSTEM.  Messages quote nothing of the request.
 */
enum err value_source_find(struct request *r, const char *source, struct value *out) MUSTCHECK;

/*
 * value_source_digest_body - the digest of the body that a fingerprint is made of
 *
 * The SHA-256 of its bytes; but of a multipart form its fields, because the boundary between them
 * is random; and without what route->ignore names, in which case a JSON body is digested
 * independent of the order of its members and of white space.  A body that is not what its
 * Content-Type says is digested as bytes.  Returns OK; ERR_NOMEM; ERR_SYSTEM.
 */
enum err value_source_digest_body(struct request *r, unsigned char out[DIGEST_LEN]) MUSTCHECK;

#endif
