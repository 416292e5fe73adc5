/* SPDX-License-Identifier: ISC */
/*
 * gateway/fingerprint.h - whose key it is, and what was asked with it, as keyed digests
 *
 *   identity     place + scope + key: which operation a request belongs to; a place is site and
 *                address (gateway/site.h)
 *   fingerprint  what the route's `fingerprint` names: whether it asks the same again
 *   principal    who asks: the user, the scope, and where there is no user the credentials that
 *                must be the same for a replay; they are not part of the identity, so that a
 *                refreshed token can never cause a second run
 *   looks        everything that can tell two people apart, whatever the route says
 *   natural key  the values that the route's `unique` names, at that place
 *
 * Keys, scopes and credentials leave here as digests only.
 */
#ifndef RETRYSAFE_GATEWAY_FINGERPRINT_H
#define RETRYSAFE_GATEWAY_FINGERPRINT_H

#include "config/config.h"
#include "gateway/request.h"
#include "gateway/value_source.h"
#include "store/store.h"

/* The name of a route in the store: its `match`, else the SCRIPT_NAME of its control file. */
const char *route_name(const struct route *route, const char *script_name);

/*
 * fingerprint_take - fills in identity, place, address, fingerprint, principal, looks and
 *                    route of r->op
 *
 *   secret  store_secret()
 *
 * A key that is derived (r->key.is_derived) is set to the fingerprint's digest.  The body has been
 * read.  Returns OK; value_source_find()'s errors.
 */
enum err fingerprint_take(const unsigned char secret[SECRET_LEN], struct request *r) MUSTCHECK;

/* Fills in r->op.place alone. */
void fingerprint_place(const unsigned char secret[SECRET_LEN], struct request *r);

/* Does something say who asks: a user, credentials of `bind`, or a cookie of `scope`? */
bool fingerprint_is_known(const struct request *r);

/* Is this the one who asked for `found` first: the same principal, looking the same, and told from
 * others by a user, credentials or cookies? */
bool fingerprint_is_same_person(const struct request *r, const struct operation *found);

/* Fills in r->op.principal and r->op.looks alone.  False: nothing says who asks, the principal is
 * all zero. */
bool fingerprint_principal(const unsigned char secret[SECRET_LEN], struct request *r);

/*
 * fingerprint_natural - the natural key of a request, for a route with `unique`
 *
 *   r  fingerprint_take() has set r->op.place
 *
 * Returns OK; ERR_ABSENT one of its values is not there, so that there is no natural key;
 * ERR_INVALID one of them is there more than once, or longer than VALUE_MAX, or can be read in two
 * ways; else value_source_find()'s errors.
 */
enum err fingerprint_natural(const unsigned char secret[SECRET_LEN], struct request *r,
	unsigned char out[NATURAL_LEN]) MUSTCHECK;

/* One value of it: value_source_find(), with the errors above. */
enum err fingerprint_natural_value(struct request *r, const unsigned char *secret,
	const char *source, struct value *out) MUSTCHECK;

/*
 * fingerprint_identity - the identity for a key whose scope values are given as text
 *
 *   place  site_place_named()
 *   scope  the values in the order of route->scope, or NULL where one is absent; n of them
 */
void fingerprint_identity(const unsigned char secret[SECRET_LEN],
	const unsigned char place[PLACE_LEN], const char *key, const char *const *scope, size_t n,
	unsigned char out[IDENTITY_LEN]);

/*
 * fingerprint_downstream - IDEMPOTENCY_DOWNSTREAM_KEY: a UUID (RFC 9562, version 8) that stays the
 * same over all attempts of an operation; 36 characters and a NUL
 */
void fingerprint_downstream(
	const unsigned char secret[SECRET_LEN], const struct operation *op, char out[37]);

#endif
