/* SPDX-License-Identifier: ISC */
/*
 * gateway/body_digest.h - the digest of the body that a fingerprint is made of
 */
#ifndef RETRYSAFE_GATEWAY_BODY_DIGEST_H
#define RETRYSAFE_GATEWAY_BODY_DIGEST_H

#include "gateway/request.h"

/*
 * body_digest_take - the digest of the body that was read, without what route->ignore names
 *
 *   secret   store_secret()
 *   as_json  of a JSON body neither the order of members nor white space counts; where the route
 *            ignores a JSON pointer, they do not count either
 *
 * The SHA-256 of the body's bytes; but of a multipart body its parts, because the boundary between
 * them is new each time; of a gzip body all but its time stamp.  A body that is not what its
 * Content-Type says is digested as bytes.  Returns OK; ERR_NOMEM; ERR_SYSTEM.
 */
enum err body_digest_take(struct request *r, const unsigned char *secret, bool as_json,
	unsigned char out[DIGEST_LEN]) MUSTCHECK;

#endif
