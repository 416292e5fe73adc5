/* SPDX-License-Identifier: ISC */
/*
 * fingerprint.h - whose key it is, and what was asked with it, as keyed digests
 *
 *   identity     route + scope + key: which operation a request belongs to
 *   fingerprint  method, path, query and body: whether it asks the same again
 *   principal    the credentials that must be the same for a replay; not part of the identity, so
 *                that a refreshed token can never cause a second run
 *
 * Keys, scopes and credentials leave here as digests only.
 */
#ifndef RETRYSAFE_FINGERPRINT_H
#define RETRYSAFE_FINGERPRINT_H

#include "config.h"
#include "digest.h"
#include "key.h"
#include "store.h"
#include "variables.h"

/* The name of a route in the store: its `match`, else the SCRIPT_NAME of its control file. */
const char *route_name(const struct route *route, const char *script_name);

/*
 * fingerprint_take - fills in identity, fingerprint, principal and route of an operation
 *
 *   secret       store_secret()
 *   body_digest  SHA-256 of the request's body
 */
void fingerprint_take(const unsigned char secret[SECRET_LEN], const struct route *route,
	const struct key *key, const struct variables *v,
	const unsigned char body_digest[DIGEST_LEN], struct operation *op);

/*
 * fingerprint_identity - the identity for a key whose scope values are given as text
 *
 *   scope  the values in the order of route->scope, or NULL where one is absent; n of them
 */
void fingerprint_identity(const unsigned char secret[SECRET_LEN], const char *name, const char *key,
	const char *const *scope, size_t n, unsigned char out[IDENTITY_LEN]);

/*
 * fingerprint_downstream - IDEMPOTENCY_DOWNSTREAM_KEY: a UUID (RFC 9562, version 8) that stays the
 * same over all attempts of an operation; 36 characters and a NUL
 */
void fingerprint_downstream(
	const unsigned char secret[SECRET_LEN], const struct operation *op, char out[37]);

#endif
