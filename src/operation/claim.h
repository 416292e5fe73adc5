/* SPDX-License-Identifier: ISC */
/*
 * operation/claim.h - which request may run the script for a key, and how that run ended
 */
#ifndef RETRYSAFE_OPERATION_CLAIM_H
#define RETRYSAFE_OPERATION_CLAIM_H

#include "base/err.h"
#include "config/config.h"
#include "evidence/evidence.h"
#include "store/store.h"

enum verdict {
	VERDICT_FREE,        /* no operation has the identity */
	VERDICT_TAKEN,       /* we have it now: run */
	VERDICT_REPLAY,      /* done, the response is there */
	VERDICT_EXPIRED,     /* done, the response is not there any more */
	VERDICT_IN_PROGRESS, /* it runs, or what became of it is being recorded */
	VERDICT_UNCERTAIN,   /* whether it was done is not known; it may still run, past its time */
	VERDICT_KEY_REUSED,  /* the same key for another request; wins over what comes below it */
	VERDICT_OTHER_PRINCIPAL, /* the same request with other credentials */
	VERDICT_DUPLICATE,       /* another operation has the natural key */
	VERDICT_OVERLOADED,      /* as many scripts run as may */
	VERDICT_STORE_FULL,      /* the store is as large as it may be */
	VERDICT_ROUTE_FULL,      /* the route keeps as much as it may */
	VERDICT__MAX
};

/*
 * claim_look - what a request with this identity, fingerprint and principal is to be told
 *
 *   op     what the request is: identity, fingerprint, principal
 *   found  the operation that is there; VERDICT_FREE: all zero, or what an earlier attempt left
 *   res    VERDICT_REPLAY: its response, response_free() it; else cleared
 *
 * An operation whose runner has died is settled here (claim_settle()).
 * Returns OK; a read's or a write's errors (store/store.h): nothing may be run.
 */
enum err claim_look(struct store *st, const struct operation *op, int64_t now_ms,
	struct operation *found, struct response *res, enum verdict *verdict) MUSTCHECK;

/*
 * claim_prepare - makes the claim: token, witness, times, id
 *
 *   previous       the row of an earlier attempt, which is taken over; or NULL
 *   time_limit_ms  by when, from now, its end should have been recorded, whatever happened
 *
 * Call it before link_order(): the order names the operation.
 */
void claim_prepare(struct store *st, const struct operation *previous, int64_t now_ms,
	int64_t time_limit_ms, struct operation *op);

/*
 * claim_take - takes the identity, durably, and what belongs to it
 *
 * Returns OK with VERDICT_TAKEN; VERDICT_FREE: another request was faster, claim_look() again;
 * VERDICT_DUPLICATE, VERDICT_OVERLOADED: nothing happened; else a write's errors: nothing may be
 * run; after ERR_UNKNOWN too.
 */
enum err claim_take(struct store *st, const struct claim *claim, enum verdict *verdict) MUSTCHECK;

/*
 * claim_settle - finds out whether a running operation still runs
 *
 * Returns OK with op as it is now: still running, uncertain, done, or STATE_ABSENT; else a read's
 * or a write's errors.
 */
enum err claim_settle(struct store *st, struct operation *op) MUSTCHECK;

/* What lives of its runs: the script, what that has started, a policy's command.  Blocks while it
 * reads /proc. */
void claim_look_for_life(const struct store *st, const struct operation *op, struct evidence *out);
/* Does anything?  True also when it cannot be found out.  Blocks while it reads /proc. */
bool claim_anything_lives(const struct store *st, const struct operation *op);

/* Does it run, and should its end have been recorded by now?  Then its callers are told that its
 * outcome is uncertain; its state stays. */
bool claim_is_late(const struct operation *op);

/* claim_prepare()'s time_limit_ms: the route's limits, and time for the end to be recorded. */
int64_t claim_time_limit_ms(const struct config *cf, const struct route *route);

#endif
