/* SPDX-License-Identifier: ISC */
/*
 * keeper/run.h - a run from its GO to its record, for the gateway and for recovery
 *
 * Calling sequence of a protected run:
 *
 *     claim_prepare()
 *     link_order()      the keeper holds the order: if this process dies, it releases the claim
 *     claim_take()      where the claim was not taken: link_forget()
 *     run_claimed()     or run_release(), when it is not to be started after all
 *
 * A run without a claim (a command of a policy, a script that shows a result again) has one call,
 * run_unclaimed().
 */
#ifndef RETRYSAFE_KEEPER_RUN_H
#define RETRYSAFE_KEEPER_RUN_H

#include "keeper/link.h"
#include "operation/record.h"
#include "store/store.h"

/* A claimed run whose order the keeper has; everything is borrowed. */
struct claimed_run {
	struct store *store;
	struct keeper_link *link;
	int control_fd; /* keeper_start()'s; needed where `watch` or on_started may end the wait */
	const struct operation *op;
	const struct record_policy *policy;
	struct watch watch; /* its until_us is what on_started says, where there is one */

	/* Each may be NULL; called with watch.arg, in this order. */

	/* GO was sent.  Returns until when to wait, clock_mono_us(); 0: to the end; -1: not at all.
	 */
	int64_t (*on_started)(void *arg);
	/*
	 * The wait is over; `e` is link_wait()'s, and nothing has been written yet.  ERR_ABSENT,
	 * also when there was no wait because GO could not be sent: nothing was started, `failed`
	 * is the errno.  OK: `end` is how it ended.
	 */
	void (*on_over)(void *arg, enum err e, int failed, const struct ending *end);
	/* record_run() returned e, after record_us; the keeper does not know yet. */
	void (*on_recorded)(void *arg, enum err e, int64_t record_us);
};

enum run_result {
	RUN_RECORDED,    /* it ended, and its end is in the store: rec.outcome */
	RUN_SETTLED,     /* it ended, but its operation had been settled without it */
	RUN_UNRECORDED,  /* it ended; the store does not take its result now, the keeper goes on */
	RUN_NOT_STARTED, /* nothing was started: the claim is released, by the keeper if not here */
	RUN_LEFT,        /* `watch` or on_started ended the wait: the keeper finishes the run */
	RUN_LOST         /* the keeper has died: the operation is uncertain */
};

struct run_outcome {
	enum err e;          /* RUN_NOT_STARTED: run_release()'s; RUN_LEFT: ERR_BUSY; RUN_LOST:
				ERR_GONE; else record_run()'s, or ERR_NOMEM (RUN_UNRECORDED) */
	int failed;          /* RUN_NOT_STARTED: an errno that says why */
	struct ending end;   /* RUN_RECORDED; ending_free() it in every case */
	struct recorded rec; /* RUN_RECORDED; recorded_free() it in every case */
};

/*
 * run_claimed - starts a claimed run, waits for its end, and records it
 *
 *   out  always set
 *
 * The link is free for the next run afterwards; with RUN_LEFT and RUN_LOST, and when GO could not
 * be sent, it is closed.  A change that cannot be written to the store is logged and left to the
 * keeper. Blocks as long as the run's time limit, or as `watch` and on_started allow, and while the
 * store is written.
 */
enum run_result run_claimed(const struct claimed_run *run, struct run_outcome *out);

/*
 * run_release - gives a claim back whose run was not started
 *
 * The keeper forgets the order; where the store cannot be written, which is logged, it goes on
 * trying in our place.  Returns OK, or the store's error.  Blocks while the store is written.
 */
enum err run_release(struct store *st, const struct operation *op, struct keeper_link *link);

/*
 * run_unclaimed - orders a run that is not protected and waits for its end
 *
 *   spec  with has_time_limit
 *   end   set on OK; ending_free() it
 *
 * Returns OK; link_order()'s errors; link_wait()'s: ERR_ABSENT nothing was started; ERR_BUSY
 * `watch` ended the wait, the run goes on until its time limit; ERR_GONE the keeper has died, the
 * link is closed.  Nothing is left of the run in the keeper when it has ended.
 */
enum err run_unclaimed(struct keeper_link *link, const struct run_spec *spec,
	const struct watch *watch, struct ending *end) MUSTCHECK;

#endif
