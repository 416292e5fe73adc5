/* SPDX-License-Identifier: ISC */
/*
 * operation/claim.c - which request may run the script for a key, and how that run ended
 *
 * A claim is a durable promise: at most one run of the script belongs to a key.  The moves of an
 * operation are decided here and in operation/record.c; the store carries out one atomic step at a
 * time.
 *
 * STATES OF AN OPERATION
 *
 *            claim_take()           record_run()          ttl              tombstone
 *     absent ------------> RUNNING --------------> DONE --------> EXPIRED -----------> absent
 *      ^ ^                  |  | ^                   ^
 *      | | store_release(), |  | |                   |
 *      | |     record_run() |  | | claim_take(),     |
 *      | +------------------+  | | with rerun        |
 *      |     record_run(),     | |                   |
 *      |     claim_settle()    v |                   |
 *      +---------------- UNCERTAIN ------------------+
 *       not done                     done: a probe says so (recovery/policy.c),
 *                                    or an operator (cli/settle.c)
 *
 *   RUNNING    The claim is on disk.  The script may have been started.  A live process, the
 *              witness, knows more: the gateway until its link_go(), the keeper from then on.
 *   DONE       The script ended and its complete response is stored.
 *   UNCERTAIN  The script was started and its end was not seen, or it ended without a valid
 *              response, or both witnesses died.  There is no guessing.  An operation that
 *              turns out to be not done keeps its row, free, for the next attempt.
 *   EXPIRED    The operation was done; its response has been dropped, the fact has not.
 *
 * Claimed but not started is a moment, not a state.  The keeper has the order of a run before the
 * claim is committed.  So a gateway that dies in between leaves a witness, the keeper, which knows
 * that nothing was started, and releases the claim.  One commit is saved, and no mark in a page
 * cache is believed.
 *
 * RULES
 *   (1) The script is not started before the operation's RUNNING row is committed (t51-order).
 *   (2) No byte of a response is sent before its DONE row is committed (t51-order).
 *   (3) RUNNING is left by the holder of the token, or by claim_settle() when no live process is
 *       responsible for the run (unit/claim, unit/store_moves).
 *   (4) Only evidence counts: locks that the kernel holds for live processes, and what
 *       evidence/evidence.c finds.  Time changes a sentence, never a state: past its limit an
 *       operation that a process is still responsible for is answered as uncertain, and nothing is
 *       written, so that its late result counts.  A derived key is the exception, which its route
 *       chose: ttl after the operation became uncertain the key is free, so that the person's form
 *       works again.  The operation keeps its row, under an identity that no request has, until an
 *       operator settles it (unit/claim, unit/store_moves, t72-who).
 *   (5) After any error of the store nothing is run (t30-store).
 *
 * A result that could not be recorded and whose keeper died as well waits in the spool
 * (operation/saved_result.c).
 *
 * Does not know: HTTP, how scripts are run, SQLite.
 */
#include "operation/claim.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/log.h"
#include "operation/saved_result.h"
#include "store/listing.h"
#include "store/liveness.h"

#include <string.h>

/* ---- evidence ---- */

void claim_look_for_life(const struct store *st, const struct operation *op, struct evidence *out)
{
	char ref[REF_LEN + 1];

	operation_ref(op, ref);
	evidence_look(store_spool(st), op->id, op->nonce, ref, out);
}

bool claim_anything_lives(const struct store *st, const struct operation *op)
{
	struct evidence found;

	claim_look_for_life(st, op, &found);
	return found.anything_lives;
}

/*
 * Is a live process still responsible for this run?  One that is stopped is: it has not lost the
 * run.  Where all of them have died, the script is waited for, and not what it has started: that
 * only a policy waits for.
 */
static bool has_owner(struct store *st, const struct operation *op)
{
	struct evidence found;

	if (liveness_result_is_held(st, op->id))
		return true;
	if (op->boot_id != clock_boot_id())
		return false;
	if (liveness_is_alive(st, op->witness))
		return true;
	claim_look_for_life(st, op, &found);
	return found.script_lives;
}

bool claim_is_late(const struct operation *op)
{
	return op->state == STATE_RUNNING && op->boot_id == clock_boot_id() &&
	       clock_mono_us() / 1000 > op->deadline_mono_ms;
}

/* Records a result that a process saved in the spool before it died.  ERR_ABSENT: there is none. */
static enum err settle_saved(struct store *st, const struct operation *op)
{
	struct ending end = ENDING_NONE;
	struct recorded rec = RECORDED_NONE;
	struct operation owner;
	struct record_policy policy;
	enum err e = saved_result_read(store_spool(st), op, &owner, &policy, &end);

	if (e == OK)
		e = record_run(st, &owner, &policy, &end, &rec);
	recorded_free(&rec);
	ending_free(&end);
	if (e != OK && e != ERR_REFUSED)
		return e;
	saved_result_remove(store_spool(st), op);
	return OK;
}

enum err claim_settle(struct store *st, struct operation *op)
{
	enum err e;

	if (op->state != STATE_RUNNING || has_owner(st, op))
		return OK;
	/*
	 * The witness may have recorded the end after we read the row and before it died, so the
	 * row is read again; from here on only processes that are dead or stopped could move it.
	 */
	e = store_find(st, op->identity, op, NULL);
	if (e == ERR_ABSENT) {
		memset(op, 0, sizeof(*op));
		return OK;
	}
	if (e != OK || op->state != STATE_RUNNING || has_owner(st, op))
		return e;
	fault("claim.settling");
	e = settle_saved(st, op);
	if (e == ERR_BROKEN)
		log_warn("%s", err_text());
	if (e == ERR_ABSENT || e == ERR_BROKEN)
		e = store_mark_uncertain(st, op, -1,
			"gateway and keeper are gone: its end was not seen", store_now_ms(st));
	if (e == OK || e == ERR_REFUSED) {
		e = store_find(st, op->identity, op, NULL);
		if (e == ERR_ABSENT) {
			memset(op, 0, sizeof(*op));
			e = OK;
		}
	}
	return e;
}

/* ---- verdicts ---- */

static enum verdict judge(const struct operation *op, const struct operation *found, int64_t now_ms,
	const struct response *res)
{
	if (memcmp(op->fingerprint, found->fingerprint, FINGERPRINT_LEN) != 0)
		return VERDICT_KEY_REUSED;
	if (memcmp(op->principal, found->principal, PRINCIPAL_LEN) != 0)
		return VERDICT_OTHER_PRINCIPAL;
	switch (found->state) {
	case STATE_RUNNING:
		return claim_is_late(found) ? VERDICT_UNCERTAIN : VERDICT_IN_PROGRESS;
	case STATE_DONE:
		return found->expires_ms > now_ms && res->is_kept ? VERDICT_REPLAY
								  : VERDICT_EXPIRED;
	case STATE_EXPIRED:
		return VERDICT_EXPIRED;
	default:
		return VERDICT_UNCERTAIN;
	}
}

/* Has its time freed the key?  Then a claim replaces the row. */
static bool is_forgotten(const struct operation *found, int64_t now_ms)
{
	return found->state == STATE_ABSENT ||
	       (found->forgotten_ms > 0 && found->forgotten_ms <= now_ms);
}

enum err claim_look(struct store *st, const struct operation *op, int64_t now_ms,
	struct operation *found, struct response *res, enum verdict *verdict)
{
	enum err e = store_find(st, op->identity, found, res);

	if (e == ERR_ABSENT) {
		memset(found, 0, sizeof(*found));
		*verdict = VERDICT_FREE;
		return OK;
	}
	if (e == OK && found->state == STATE_RUNNING) {
		e = claim_settle(st, found);
		if (e == OK && found->state == STATE_DONE) /* recorded in between */
			e = store_find(st, op->identity, found, res);
	}
	if (e != OK) {
		response_free(res);
		return e == ERR_ABSENT ? err_set(ERR_BUSY, "the operation was just released") : e;
	}
	*verdict = is_forgotten(found, now_ms) ? VERDICT_FREE : judge(op, found, now_ms, res);
	if (*verdict != VERDICT_REPLAY)
		response_free(res);
	if (*verdict == VERDICT_FREE && (found->state != STATE_ABSENT || found->forgotten_ms))
		memset(found, 0, sizeof(*found)); /* a forgotten operation */
	return OK;
}

/* ---- the claim ---- */

#define RECORD_MS 5000 /* beyond the other limits */

int64_t claim_time_limit_ms(const struct config *cf, const struct route *route)
{
	return route->timeout_ms + route->kill_after_ms + cf->busy_timeout_ms + RECORD_MS;
}

void claim_prepare(struct store *st, const struct operation *previous, int64_t now_ms,
	int64_t time_limit_ms, struct operation *op)
{
	uint32_t low;

	/* 43 bits of time and 20 random ones: new operations are neighbours in the store. */
	random_bytes(&low, sizeof(low));
	op->id = ((now_ms & ((INT64_C(1) << 43) - 1)) << 20) | (low & 0xfffff);
	random_bytes(&op->nonce, sizeof(op->nonce));
	op->attempts = 1;
	if (previous) {
		op->id = previous->id;
		op->nonce = previous->nonce;
		op->attempts = previous->attempts + 1;
	}
	random_bytes(op->token, sizeof(op->token));
	op->state = STATE_RUNNING;
	op->created_ms = op->updated_ms = now_ms;
	op->exit_status = -1;
	op->witness = liveness_witness(st);
	op->boot_id = clock_boot_id();
	op->deadline_mono_ms = clock_mono_us() / 1000 + time_limit_ms;
}

struct settling {
	struct store *st;
	int n; /* that turned out not to run */
};

static bool settle_listed(const struct operation *op, void *arg)
{
	struct settling *s = arg;
	struct operation copy = *op;

	s->n += claim_settle(s->st, &copy) == OK && copy.state != STATE_RUNNING;
	return true;
}

/* An operation whose processes died counts as running until it is settled.  ERR_ABSENT: none did.
 */
static enum err settle_running(struct store *st)
{
	struct store_filter filter = {.state = STATE_RUNNING};
	struct settling s = {.st = st};
	enum err e = store_list(st, &filter, settle_listed, &s);

	return e != OK ? e : s.n > 0 ? OK : err_set(ERR_ABSENT, "all of them run");
}

enum err claim_take(struct store *st, const struct claim *claim, enum verdict *verdict)
{
	static const enum verdict verdicts[] = {[CLAIM_TAKEN] = VERDICT_TAKEN,
		[CLAIM_THERE] = VERDICT_FREE,
		[CLAIM_DUPLICATE] = VERDICT_DUPLICATE,
		[CLAIM_FULL] = VERDICT_OVERLOADED,
		[CLAIM_STORE_FULL] = VERDICT_STORE_FULL,
		[CLAIM_ROUTE_FULL] = VERDICT_ROUTE_FULL};
	enum claimed result = CLAIM_THERE;
	enum err e;

	fault("claim.begins");
	e = store_claim(st, claim, &result);
	if (e == OK && result == CLAIM_FULL && settle_running(st) == OK)
		e = store_claim(st, claim, &result);
	if (e != OK)
		return e;
	fault("claim.committed");
	*verdict = verdicts[result];
	return OK;
}
