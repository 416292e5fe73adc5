/* SPDX-License-Identifier: ISC */
/*
 * gateway/protect.c - the last steps of a protected request: claim, run, record, reply
 *
 * RULES
 *   (1) The keeper has the order of a run before the operation is claimed, so that from the commit
 *       on a live process knows whether the script was started (t50-fault-points).
 *   (2) The result is recorded before a byte of it is sent (t51-order).
 *   (3) The keeper keeps the result until it is recorded (t50-fault-points, t52-crash-sweep).
 *   (4) A result that cannot be recorded is left to the keeper, and the client hears that it is in
 *       progress (t30-store, t36-kept).
 *   (5) When the client leaves, or the gateway has to, the keeper finishes the run without the
 *       gateway (t14-leave, t23-shutdown).
 *
 * Does not know: how a claim is decided (operation/claim.c), how a script is started
 * (keeper/keeper.c), what is in the store.
 */
#include "gateway/protect.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "gateway/body.h"
#include "gateway/lookup.h"
#include "gateway/progress.h"
#include "gateway/refusal.h"
#include "gateway/reply.h"
#include "gateway/request_log.h"
#include "gateway/route.h"
#include "gateway/waiting.h"
#include "http/accept.h"
#include "keeper/link.h"
#include "keeper/run.h"
#include "operation/claim.h"
#include "operation/record.h"
#include "recovery/past_request.h"
#include "store/liveness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- claim ---- */

#define DERIVED_TTL_MS INT64_C(120000) /* two clicks, not two orders */

static struct record_policy record_policy_for(const struct request *r)
{
	struct record_policy policy = record_policy_of(r->cf, r->route);

	if (r->key.is_derived && !r->route->has_own_ttl)
		policy.ttl_ms = DERIVED_TTL_MS;
	if (r->key.is_derived && !r->route->has_own_tombstone)
		policy.tombstone_ms = 0;
	policy.prefers_html = accept_prefers_html(variables_get(&r->vars, "HTTP_ACCEPT"));
	policy.language = language_choose(variables_get(&r->vars, "HTTP_ACCEPT_LANGUAGE"));
	policy.frame = r->cf->frame;
	return policy;
}

/* Tells the keeper what would be run, so that from the claim's commit on a second process knows of
 * it. */
static enum err order(struct request *r)
{
	struct record_policy policy = record_policy_for(r);
	struct run_spec spec = {
		.is_protected = true,
		.script = &r->script,
		.route = r->route,
		.store_url = r->cf->store,
		.spool = r->cf->spool,
		.op = &r->op,
		.policy = &policy,
		.second_fd = liveness_witness_fd(r->store),
	};
	enum err e = body_fd(r, &spec.stdin_fd);

	if (e != OK)
		return e;

	r->op.key_ttl_ms = r->key.is_derived ? policy.ttl_ms : 0;
	claim_prepare(r->store, r->found.id ? &r->found : NULL, store_now_ms(r->store),
		claim_time_limit_ms(r->cf, r->route), &r->op);
	operation_ref(&r->op, r->ref);
	e = route_set_environment(r, &r->op);
	spec.environment = r->vars.list;
	if (e == OK)
		e = link_open(r->worker->control_fd, &r->worker->link);
	return e == OK ? link_order(&r->worker->link, &spec) : e;
}

enum attempt {
	ATTEMPT_OURS,    /* the claim is this request's */
	ATTEMPT_LOST,    /* another request was faster: look again */
	ATTEMPT_LATER,   /* as many scripts run as may: look again when one has ended */
	ATTEMPT_ANSWERED /* it may not run; the client has its answer */
};

#define FULL_RETRY_S 60 /* a full store is not emptied within a second */

static enum attempt refuse_claim(struct request *r, enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_DUPLICATE:
		lookup_answer_duplicate(r);
		return ATTEMPT_ANSWERED;
	case VERDICT_OVERLOADED:
		return ATTEMPT_LATER;
	case VERDICT_STORE_FULL:
		refusal_send(r, PROBLEM_OVERLOADED, "There is no room for another recorded answer",
			NULL, FULL_RETRY_S);
		return ATTEMPT_ANSWERED;
	case VERDICT_ROUTE_FULL:
		refusal_send(r, PROBLEM_OVERLOADED,
			"There is no room for another recorded answer of this script", NULL,
			FULL_RETRY_S);
		return ATTEMPT_ANSWERED;
	default:
		return ATTEMPT_LOST;
	}
}

/* Orders the run and takes the claim. */
static enum attempt claim_or_answer(struct request *r)
{
	struct claim claim = {
		.op = &r->op,
		.natural = r->natural.is_there ? r->natural.digest : NULL,
		.natural_ttl_ms = r->route->unique_ttl_ms,
		.webhook = r->webhook.url,
		.webhook_is_trusted = r->webhook.is_trusted,
		.webhook_max_age_ms = r->route->webhook_max_age_ms,
		.max_running = r->route->max_running,
		.max_running_all = r->cf->max_running,
		.max_recorded = r->route->max_recorded_bytes,
	};
	enum verdict verdict;
	int64_t start_us;
	enum err e = order(r);

	if (e != OK) {
		link_close(&r->worker->link);
		refusal_failed(r, e);
		return ATTEMPT_ANSWERED;
	}
	fault("gateway.ordered");
	start_us = clock_mono_us();
	e = claim_take(r->store, &claim, &verdict);
	r->log.claim_us = clock_mono_us() - start_us;
	if (e == OK && verdict == VERDICT_TAKEN)
		return ATTEMPT_OURS;
	link_forget(&r->worker->link);
	if (e != OK) {
		refusal_store_failed(r, e);
		return ATTEMPT_ANSWERED;
	}
	return refuse_claim(r, verdict);
}

#define CLAIMS_MAX    3    /* more often no other request is faster and then releases its claim */
#define PLACE_WAIT_MS 1000 /* for one of max_running runs to end: a burst is no overload */

enum next protect_claim(struct request *r)
{
	int64_t until_us = clock_mono_us() + PLACE_WAIT_MS * INT64_C(1000);
	int n_lost = 0;

	if (route_open_script(r) == FINISHED)
		return FINISHED;
	/* A request whose client has left may lie in a server's queue while its retry is served. */
	if (web_peer_is_gone(r->peer)) {
		r->log.outcome = "abandoned";
		request_count(r, COUNTER_ABANDONED);
		return FINISHED;
	}
	while (n_lost < CLAIMS_MAX) {
		switch (claim_or_answer(r)) {
		case ATTEMPT_OURS:
			r->log.ref = r->ref;
			return NEXT;
		case ATTEMPT_ANSWERED:
			return FINISHED;
		case ATTEMPT_LATER:
			if (web_peer_is_gone(r->peer) || !waiting_for_end(until_us))
				return refusal_send(r, PROBLEM_OVERLOADED, NULL, NULL, 1);
			if (lookup_answer(r) == FINISHED)
				return FINISHED;
			break;
		case ATTEMPT_LOST:
			n_lost++;
			if (lookup_answer(r) == FINISHED)
				return FINISHED;
		}
	}
	return refusal_send(r, PROBLEM_STORE_UNAVAILABLE, NULL, NULL, 1);
}

/* Saves the request for the policy that has to find out what became of it; not where the route has
 * none. */
static enum err save_request(struct request *r)
{
	int fd;
	enum err e;

	if (r->route->on_uncertain == UNCERTAIN_FAIL)
		return OK;
	e = body_fd(r, &fd);
	return e == OK ? past_request_save(r->store, &r->op, r->vars.list, fd, r->body.len,
				 r->route->ttl_ms + r->route->tombstone_ms)
		       : e;
}

/* ---- run, record, reply ---- */

static void note_not_started(struct request *r, int failed)
{
	char text[300];

	/* ENOENT is seldom the script, which was checked before: it is the program that its first
	 * line names. */
	snprintf(text, sizeof(text), "%s could not be started: %s%s", r->script.argv[0],
		strerror(failed),
		failed == ENOENT ? " (is the interpreter that its first line names there, without "
				   "a CR at the end?)"
				 : "");
	request_log_detail(r, text);
	log_warn("%s", text);
}

/* The script is being started. */
static int64_t follow_start(void *arg)
{
	struct request *r = arg;

	fault("gateway.went");
	waiting_register(&r->running, r->op.id);
	return progress_patience_us(r);
}

static void follow_end(void *arg, enum err e, int failed, const struct ending *end)
{
	struct request *r = arg;

	request_log_complaint_end(r);
	if (e == ERR_ABSENT) {
		note_not_started(r, failed);
		fault("gateway.failed");
	} else if (e == OK) {
		r->log.run_us = end->run_us;
		r->log.exit_status = end->exit_status;
		counters_learn(request_counters(r), r->op.route, end->run_us);
		fault("gateway.ended");
	}
}

static void follow_record(void *arg, enum err e, int64_t record_us)
{
	struct request *r = arg;

	fault("gateway.recorded");
	r->log.record_us = record_us;
	if (e == ERR_BROKEN || e == ERR_SYSTEM)
		deployment_discard(r->deployment);
}

/* The client has left, or is not to wait any longer, or we have to leave: the keeper goes on. */
static enum next answer_left(struct request *r)
{
	waiting_leave(&r->running);
	if (!web_peer_is_gone(r->peer))
		return progress_answer(r, &r->op);
	r->log.outcome = "client-left";
	return FINISHED;
}

/* A second process has settled the operation: what the store says now is the truth. */
static enum next answer_settled(struct request *r)
{
	if (lookup_answer(r) == FINISHED)
		return FINISHED;
	return refusal_send(r, PROBLEM_OUTCOME_UNCERTAIN, NULL, NULL, 0);
}

static enum next reply_first(struct request *r, const struct ending *end, struct recorded *rec)
{
	struct body_source rest = {.memory = rec->body, .fd = rec->body_fd, .at = rec->body_at};
	enum err e;

	bool is_released = rec->outcome == OUTCOME_RELEASED;

	r->op.state = is_released ? STATE_ABSENT : STATE_DONE;
	request_count(r, is_released ? COUNTER_RELEASED : COUNTER_FIRST);
	r->log.outcome = is_released ? "released" : "first";
	r->log.status = rec->res.status;
	if (rec->reason[0]) {
		r->log.outcome = "script-failed";
		request_log_detail(r, rec->reason);
	}
	/* Far too much output: its end was not kept anywhere. */
	if (end->output_fd >= 0 && lseek(end->output_fd, 0, SEEK_END) < end->output_len)
		return refusal_send(r, PROBLEM_RESULT_EXPIRED,
			"The script was done, but its response is far too large to be passed on",
			&r->op, 0);
	request_log_write(r);
	e = reply_recorded(r->peer, &rec->res, &rest, NULL);
	if (e != OK && e != ERR_GONE)
		log_warn("operation %s: %s", r->ref, err_text());
	return FINISHED;
}

static enum next refuse_uncertain(struct request *r, const struct recorded *rec)
{
	bool is_timeout = rec->outcome == OUTCOME_TIMED_OUT;

	log_warn("operation %s is uncertain: %s", r->ref, rec->reason);
	r->op.state = STATE_UNCERTAIN;
	return refusal_send(
		r, is_timeout ? PROBLEM_SCRIPT_TIMEOUT : PROBLEM_SCRIPT_FAILED, NULL, &r->op, 0);
}

static enum next answer_first(struct request *r, struct run_outcome *out)
{
	waiting_leave(&r->running); /* other callers need not wait for our client, too */
	if (out->rec.outcome == OUTCOME_RECORDED || out->rec.outcome == OUTCOME_RELEASED)
		reply_first(r, &out->end, &out->rec);
	else
		refuse_uncertain(r, &out->rec);
	fault("gateway.replied");
	return FINISHED;
}

static enum next answer_result(struct request *r, enum run_result result, struct run_outcome *out)
{
	switch (result) {
	case RUN_RECORDED:
		return answer_first(r, out);
	case RUN_SETTLED:
		return answer_settled(r);
	case RUN_UNRECORDED:
		return refusal_send_as(r,
			accept_prefers_html(variables_get(&r->vars, "HTTP_ACCEPT"))
				? PROBLEM_ACCEPTED
				: PROBLEM_IN_PROGRESS,
			COUNTER_STORE_UNAVAILABLE,
			"The script has run and its result is kept, but it could not be recorded "
			"yet",
			&r->op, 5);
	case RUN_NOT_STARTED:
		return refusal_not_started(r, out->failed);
	case RUN_LEFT:
		return answer_left(r);
	case RUN_LOST:
		break;
	}
	r->op.state = STATE_UNCERTAIN;
	return refusal_send_as(r, PROBLEM_OUTCOME_UNCERTAIN, COUNTER_UNCERTAIN, NULL, &r->op, 0);
}

enum next protect_run(struct request *r)
{
	struct record_policy policy = record_policy_for(r);
	struct claimed_run run = {
		.store = r->store,
		.link = &r->worker->link,
		.control_fd = r->worker->control_fd,
		.op = &r->op,
		.policy = &policy,
		.watch = {.stop = {{r->worker->stop_fd, POLLIN, 0}, web_peer_pollfd(r->peer)},
			.on_text = request_log_complaint,
			.arg = r},
		.on_started = follow_start,
		.on_over = follow_end,
		.on_recorded = follow_record,
	};
	struct run_outcome out;
	enum next next;
	enum err e = save_request(r);

	if (e != OK) {
		request_log_detail(r, err_text());
		fault("gateway.failed");
		(void)run_release(r->store, &r->op, &r->worker->link);
		return refusal_store_failed(r, e);
	}
	next = answer_result(r, run_claimed(&run, &out), &out);
	waiting_leave(&r->running);
	recorded_free(&out.rec);
	ending_free(&out.end);
	return next;
}
