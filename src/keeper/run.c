/* SPDX-License-Identifier: ISC */
/*
 * keeper/run.c - a run from its GO to its record, seen from the process that ordered it
 *
 * RULES
 *   (1) The keeper is told to forget a run when the store has its result, not before (t36-kept).
 *   (2) A result that the store does not take is left to the keeper, which tries again
 *       (t36-kept).
 *
 * Does not know: clients and answers, which run it is, and what its caller watches
 * meanwhile.
 */
#include "keeper/run.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>

enum err run_release(struct store *st, const struct operation *op, struct keeper_link *link)
{
	char ref[REF_LEN + 1];
	enum err e = store_release(st, op);

	if (e == OK) {
		link_forget(link);
		return OK;
	}
	operation_ref(op, ref);
	log_warn("operation %s is not released yet: %s", ref, err_text());
	link_hand_over(link);
	return e;
}

static enum run_result release_unstarted(
	const struct claimed_run *run, int failed, struct run_outcome *out)
{
	if (run->on_over)
		run->on_over(run->watch.arg, ERR_ABSENT, failed, NULL);
	out->failed = failed;
	out->e = run_release(run->store, run->op, run->link);
	return RUN_NOT_STARTED;
}

static enum run_result leave_to_keeper(
	const struct claimed_run *run, enum err e, struct run_outcome *out)
{
	char ref[REF_LEN + 1];

	operation_ref(run->op, ref);
	log_warn("operation %s: its result is kept until it can be recorded: %s", ref, err_text());
	link_hand_over(run->link);
	out->e = e;
	return RUN_UNRECORDED;
}

/* The keeper has died: no process will see how the script ends. */
static enum run_result lose_run(const struct claimed_run *run, struct run_outcome *out)
{
	static const char reason[] = "the keeper died while the script ran: its end was not seen";
	char ref[REF_LEN + 1];

	link_close(run->link);
	if (store_mark_uncertain(run->store, run->op, -1, reason, store_now_ms(run->store)) != OK) {
		operation_ref(run->op, ref);
		log_warn("operation %s: %s", ref, err_text());
	}
	out->e = err_set(ERR_GONE, "%s", reason);
	return RUN_LOST;
}

static enum run_result record_end(const struct claimed_run *run, struct run_outcome *out)
{
	int64_t start_us = clock_mono_us();
	enum err e = record_run(run->store, run->op, run->policy, &out->end, &out->rec);

	if (run->on_recorded)
		run->on_recorded(run->watch.arg, e, clock_mono_us() - start_us);
	if (e != OK && e != ERR_REFUSED)
		return leave_to_keeper(run, e, out);
	link_forget(run->link);
	out->e = e;
	return e == OK ? RUN_RECORDED : RUN_SETTLED;
}

/* Returns like link_wait(). */
static enum err wait_for_end(const struct claimed_run *run, struct ending *end, int *failed)
{
	struct watch watch = run->watch;
	enum err e = ERR_BUSY;

	if (run->on_started)
		watch.until_us = run->on_started(watch.arg);
	if (watch.until_us >= 0)
		e = link_wait(run->link, &watch, end, failed);
	/* A keeper that is dying cannot go on without us; its channel tells when it is dead. */
	if (e == ERR_BUSY && link_keeper_is_gone(run->control_fd)) {
		watch.stop[0].fd = watch.stop[1].fd = -1;
		watch.until_us = 0;
		e = link_wait(run->link, &watch, end, failed);
	}
	return e;
}

enum run_result run_claimed(const struct claimed_run *run, struct run_outcome *out)
{
	int failed = 0;
	enum err e = link_go(run->link);

	*out = (struct run_outcome){.end = ENDING_NONE, .rec = RECORDED_NONE};
	if (e != OK) { /* a run without its GO has not started */
		link_close(run->link);
		return release_unstarted(run, EPIPE, out);
	}
	e = wait_for_end(run, &out->end, &failed);
	if (e == ERR_ABSENT)
		return release_unstarted(run, failed, out);
	if (run->on_over)
		run->on_over(run->watch.arg, e, 0, &out->end);
	switch (e) {
	case OK:
		return record_end(run, out);
	case ERR_BUSY:
		link_close(run->link);
		out->e = e;
		return RUN_LEFT;
	case ERR_NOMEM:
		return leave_to_keeper(run, e, out);
	default:
		return lose_run(run, out);
	}
}

enum err run_unclaimed(struct keeper_link *link, const struct run_spec *spec,
	const struct watch *watch, struct ending *end)
{
	int failed = 0;
	enum err e = link_order(link, spec);

	if (e != OK)
		return e;
	e = link_wait(link, watch, end, &failed);
	if (e == ERR_GONE)
		link_close(link);
	else if (e != ERR_ABSENT) /* the keeper holds nothing of what it could not start */
		link_forget(link);
	return e;
}
