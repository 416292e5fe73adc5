/* SPDX-License-Identifier: ISC */
/*
 * gateway/protect.c - the steps of a protected request: body, look, claim, run, record, reply
 *
 * RULES THAT HOLD
 *   (1) The keeper has the order of a run before the operation is claimed, so that from the commit
 *       on somebody who lives knows whether the script was started.
 *   (2) The result is recorded before a byte of it is sent, and the keeper lets go of it when it is
 *       recorded, not before.
 *   (3) What cannot be recorded is left to the keeper, and the client hears that it is in progress.
 *   (4) Whenever the client leaves, or we have to, the keeper finishes the run without us.
 *
 * What it does not know: how a claim is decided (operation/claim.c), how a script is started
 * (keeper/keeper.c), what is in the store.
 */
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "gateway/fingerprint.h"
#include "gateway/reply.h"
#include "gateway/source.h"
#include "gateway/steps.h"
#include "gateway/waiting.h"
#include "http/webhook_url.h"
#include "keeper/link.h"
#include "keeper/run.h"
#include "operation/claim.h"
#include "operation/record.h"
#include "recovery/policy.h"
#include "store/liveness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- body ---- */

enum next protect_read_body(struct request *r)
{
	enum err e;

	if (r->has_body) /* the key was looked for in it */
		return NEXT;
	/* A new store makes the spool that a large body goes to; protect_look() says what is wrong.
	 */
	(void)!deployment_store(r->deployment, variables_get(&r->vars, "DOCUMENT_ROOT"), &r->store);
	e = request_read_body(r, r->route->max_request_bytes, r->cf->spool);
	switch (e) {
	case OK:
		return NEXT;
	case ERR_REFUSED:
		return answer_problem(
			r, PROBLEM_REQUEST_TOO_LARGE, COUNTER_REQUEST_REFUSED, err_text(), NULL, 0);
	case ERR_GONE:
	case ERR_INVALID:
		return answer_problem(r, PROBLEM_REQUEST_INCOMPLETE, COUNTER_REQUEST_REFUSED,
			err_text(), NULL, 0);
	default:
		return answer_failed(r, e);
	}
}

/* ---- look: what is known about the key ---- */

/* The operator sees which operation it was; the caller, who may be somebody else, does not. */
static void log_ref(struct request *r, const struct operation *found)
{
	operation_ref(found, r->ref);
	r->log.ref = r->ref;
}

static enum next tell(struct request *r, enum verdict verdict, const struct operation *found)
{
	switch (verdict) {
	case VERDICT_REPLAY:
		return r->route->guarantee == GUARANTEE_SEMANTIC && !r->is_resource
			       ? replay_anew(r, found)
			       : replay_recorded(r, found, &r->res, false);
	case VERDICT_EXPIRED:
		return answer_problem(r, PROBLEM_RESULT_EXPIRED, COUNTER_EXPIRED, NULL, found, 0);
	case VERDICT_IN_PROGRESS:
		return progress_tell(r, found);
	case VERDICT_KEY_REUSED:
		log_ref(r, found);
		return answer_problem(r, PROBLEM_KEY_REUSED, COUNTER_KEY_REUSED, NULL, NULL, 0);
	case VERDICT_OTHER_PRINCIPAL:
		log_ref(r, found);
		return answer_problem(
			r, PROBLEM_OTHER_PRINCIPAL, COUNTER_OTHER_PRINCIPAL, NULL, NULL, 0);
	default:
		return answer_problem(
			r, PROBLEM_OUTCOME_UNCERTAIN, COUNTER_STILL_UNCERTAIN, NULL, found, 0);
	}
}

/* Lets the route's policy decide about an uncertain operation.  True: it may be another one now. */
static bool settle(struct request *r, struct operation *found)
{
	struct worker *w = r->worker;
	enum err e = link_open(w->control_fd, &w->link);

	if (e == OK)
		e = policy_settle(r->store, r->cf, r->route, &w->link, found);
	if (e == ERR_GONE)
		link_close(&w->link);
	if (e != OK && e != ERR_BUSY)
		log_warn("%s", err_text());
	return e == OK && found->state != STATE_UNCERTAIN;
}

/* What is known about r->op's identity now. */
static enum err look(struct request *r, struct operation *found, enum verdict *verdict)
{
	enum err e;

	response_free(&r->res);
	e = claim_look(r->store, &r->op, clock_wall_ms(), found, &r->res, verdict);
	if (e != OK || *verdict != VERDICT_UNCERTAIN || r->is_resource)
		return e;
	if (policy_may_rerun(r->route, found))
		*verdict = VERDICT_FREE; /* the claim takes the uncertain row over */
	else if (settle(r, found))
		e = claim_look(r->store, &r->op, clock_wall_ms(), found, &r->res, verdict);
	return e;
}

enum next protect_tell(struct request *r)
{
	struct operation found;
	enum verdict verdict;
	enum err e = look(r, &found, &verdict);

	if (e == OK && verdict == VERDICT_IN_PROGRESS)
		e = progress_wait(r, &found, look, &verdict);
	if (e != OK)
		return answer_store_failed(r, e);
	r->previous = found;
	return verdict == VERDICT_FREE ? NEXT : tell(r, verdict, &found);
}

/* The natural key and the webhook that belong to the request. */
static enum next take_extras(struct request *r)
{
	struct value url = {.n = 0};
	enum err e = OK;

	if (r->route->unique) {
		e = fingerprint_natural(store_secret(r->store), r, r->natural, &r->has_natural);
		if (e == ERR_INVALID || e == ERR_REFUSED)
			return answer_problem(r, PROBLEM_REQUEST_INVALID, COUNTER_REQUEST_REFUSED,
				err_text(), NULL, 0);
		if (e != OK)
			return answer_failed(r, e);
	}
	e = source_find(r, "header:Retrysafe-Webhook", &url);
	if (e == OK && (url.n > 1 || url.is_too_long))
		return answer_problem(r, PROBLEM_WEBHOOK_REFUSED, COUNTER_REQUEST_REFUSED,
			"Retrysafe-Webhook must name one URL of at most 2000 bytes", NULL, 0);
	if (e == OK && url.n > 0)
		r->webhook_asked = strdup(url.text);
	if (e == OK && url.n > 0 && !r->webhook_asked)
		return answer_failed(r, ERR_NOMEM);
	e = webhook_url_choose(r->route->webhook, r->route->webhook_allow, r->webhook_asked,
		&r->webhook, &r->webhook_is_trusted);
	return e == OK ? NEXT
		       : answer_problem(r, PROBLEM_WEBHOOK_REFUSED, COUNTER_REQUEST_REFUSED,
				 err_text(), NULL, 0);
}

enum next protect_look(struct request *r)
{
	enum err e = deployment_store(
		r->deployment, variables_get(&r->vars, "DOCUMENT_ROOT"), &r->store);
	enum next next;

	if (e != OK)
		return answer_store_failed(r, e);
	progress_take_preference(r);
	e = fingerprint_take(store_secret(r->store), r);
	if (e == ERR_INVALID || e == ERR_REFUSED)
		return answer_problem(
			r, PROBLEM_REQUEST_INVALID, COUNTER_REQUEST_REFUSED, err_text(), NULL, 0);
	if (e != OK)
		return answer_failed(r, e);
	next = protect_tell(r);
	return next == NEXT ? take_extras(r) : next;
}

/* ---- claim ---- */

enum err protect_set_environment(struct request *r)
{
	char downstream[37], attempt[16];
	const struct {
		const char *name, *value;
	} ours[] = {
		{"IDEMPOTENCY_KEY", r->key.text},
		{"IDEMPOTENCY_OPERATION", r->ref},
		{"IDEMPOTENCY_ATTEMPT", attempt},
		{"IDEMPOTENCY_DOWNSTREAM_KEY", downstream},
	};
	enum err e = OK;

	fingerprint_downstream(store_secret(r->store), &r->op, downstream);
	snprintf(attempt, sizeof(attempt), "%d", r->op.attempts);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]) && e == OK; i++)
		e = variables_set(&r->vars, ours[i].name, ours[i].value);
	return e;
}

#define DERIVED_TTL_MS INT64_C(120000) /* two clicks, not two orders */

static struct record_policy policy_of(const struct request *r)
{
	struct record_policy policy = record_policy_of(r->cf, r->route);

	if (r->key.is_derived && !r->route->has_own_ttl)
		policy.ttl_ms = DERIVED_TTL_MS;
	if (r->key.is_derived && !r->route->has_own_tombstone)
		policy.tombstone_ms = 0;
	return policy;
}

/* Tells the keeper what would be run, so that from the claim's commit on somebody knows. */
static enum err order(struct request *r)
{
	struct record_policy policy = policy_of(r);
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
	enum err e = request_body_fd(r, &spec.stdin_fd);

	if (e != OK)
		return e;

	claim_prepare(r->store, r->previous.id ? &r->previous : NULL, clock_wall_ms(),
		claim_time_limit_ms(r->cf, r->route), &r->op);
	operation_ref(&r->op, r->ref);
	e = protect_set_environment(r);
	spec.environment = r->vars.list;
	if (e == OK)
		e = link_open(r->worker->control_fd, &r->worker->link);
	return e == OK ? link_order(&r->worker->link, &spec) : e;
}

/* Who has the natural key.  One whom nobody attends to any more is settled first. */
static enum err find_holder(
	struct request *r, int64_t now_ms, struct operation *found, bool *is_taken)
{
	enum err e = store_find_natural(r->store, r->natural, now_ms, found, &r->res, is_taken);

	if (e != OK || (found->state != STATE_RUNNING && found->state != STATE_UNCERTAIN))
		return e;
	e = claim_settle(r->store, found);
	/* Where it came without a key, nobody else ever retries it. */
	if (e == OK && found->state == STATE_UNCERTAIN)
		(void)settle(r, found);
	if (e != OK || found->state == STATE_RUNNING || found->state == STATE_UNCERTAIN)
		return e;
	return store_find_natural(r->store, r->natural, now_ms, found, &r->res, is_taken);
}

/* Somebody has the natural key; the answer of the original is only for the same principal. */
static enum next tell_duplicate(struct request *r)
{
	struct operation found = {0};
	int64_t now_ms = clock_wall_ms();
	bool is_taken = false, is_running, is_shown;
	enum err e = find_holder(r, now_ms, &found, &is_taken);

	if (e != OK && e != ERR_ABSENT)
		return answer_store_failed(r, e);
	is_running = e == OK && found.state == STATE_RUNNING;
	is_shown = e == OK && r->route->on_duplicate == DUPLICATE_REPLAY &&
		   found.state == STATE_DONE && found.expires_ms > now_ms && r->res.is_kept &&
		   memcmp(found.principal, r->op.principal, PRINCIPAL_LEN) == 0;
	if (is_shown)
		return replay_recorded(r, &found, &r->res, true);
	return answer_problem(r, PROBLEM_DUPLICATE, COUNTER_DUPLICATE,
		is_running ? "A request with the same values is being carried out at this moment"
			   : NULL,
		NULL, is_running || !is_taken ? 1 : 0);
}

/* Orders the run and takes the claim.  NEXT: it is ours, or, with VERDICT_FREE, somebody's. */
static enum next take(struct request *r, enum verdict *verdict)
{
	struct claim claim = {
		.op = &r->op,
		.natural = r->has_natural ? r->natural : NULL,
		.natural_ttl_ms = r->route->unique_ttl_ms,
		.webhook = r->webhook,
		.webhook_is_trusted = r->webhook_is_trusted,
		.webhook_max_age_ms = r->route->webhook_max_age_ms,
		.max_running = r->route->max_running,
		.max_running_all = r->cf->max_running,
	};
	int64_t start_us;
	enum err e = order(r);

	if (e != OK) {
		link_close(&r->worker->link);
		return answer_failed(r, e);
	}
	fault("gateway.ordered");
	start_us = clock_mono_us();
	e = claim_take(r->store, &claim, verdict);
	r->log.claim_us = clock_mono_us() - start_us;
	if (e != OK || *verdict != VERDICT_TAKEN)
		link_forget(&r->worker->link);
	if (e != OK)
		return answer_store_failed(r, e);
	if (*verdict == VERDICT_DUPLICATE)
		return tell_duplicate(r);
	if (*verdict == VERDICT_OVERLOADED)
		return answer_problem(r, PROBLEM_OVERLOADED, COUNTER_OVERLOADED, NULL, NULL, 1);
	return NEXT;
}

#define CLAIMS_MAX 3 /* more often nobody is faster and then lets go */

enum next protect_claim(struct request *r)
{
	enum verdict verdict;

	if (gateway_open_script(r) == FINISHED)
		return FINISHED;
	/* A request whose client has left may lie in a server's queue while its retry is served. */
	if (web_peer_is_gone(r->peer)) {
		r->log.outcome = "abandoned";
		counters_add(answer_counters(r), COUNTER_ABANDONED);
		return FINISHED;
	}
	for (int i = 0; i < CLAIMS_MAX; i++) {
		if (take(r, &verdict) == FINISHED)
			return FINISHED;
		if (verdict == VERDICT_TAKEN) {
			r->log.ref = r->ref;
			return NEXT;
		}
		/* Somebody was faster; by now there is something to tell. */
		if (protect_tell(r) == FINISHED)
			return FINISHED;
	}
	return answer_problem(
		r, PROBLEM_STORE_UNAVAILABLE, COUNTER_STORE_UNAVAILABLE, NULL, NULL, 1);
}

/* The request, for whoever has to find out what became of it; only where somebody could. */
static enum err keep_request(struct request *r)
{
	char *packed;
	size_t len = 0, at = 0;
	int fd;
	enum err e;

	if (r->route->on_uncertain == UNCERTAIN_FAIL)
		return OK;
	for (char **v = r->vars.list; *v; v++)
		len += strlen(*v) + 1;
	packed = malloc(len + 1);
	if (!packed)
		return err_set(ERR_NOMEM, "keep the request: out of memory");
	for (char **v = r->vars.list; *v; v++) {
		memcpy(packed + at, *v, strlen(*v) + 1);
		at += strlen(*v) + 1;
	}
	e = request_body_fd(r, &fd);
	if (e == OK)
		e = store_save_request(r->store, &r->op, packed, len, fd, r->body_len);
	free(packed);
	return e;
}

/* ---- run, record, reply ---- */

static void note_not_started(struct request *r, int failed)
{
	char text[300];

	/* ENOENT is seldom the script, which was looked at: its first line names the program. */
	snprintf(text, sizeof(text), "%s could not be started: %s%s", r->script.argv[0],
		strerror(failed),
		failed == ENOENT ? " (is the interpreter that its first line names there, without "
				   "a CR at the end?)"
				 : "");
	answer_note(r, text);
	log_warn("%s", text);
}

/* The script is being started. */
static int64_t follow_start(void *arg)
{
	struct request *r = arg;

	fault("gateway.went");
	waiting_register(&r->attended, r->op.id);
	return progress_patience_us(r);
}

static void follow_end(void *arg, enum err e, int failed, const struct ending *end)
{
	struct request *r = arg;

	answer_complaint_end(r);
	if (e == ERR_ABSENT) {
		note_not_started(r, failed);
		fault("gateway.failed");
	} else if (e == OK) {
		r->log.run_us = end->run_us;
		r->log.exit_status = end->exit_status;
		counters_learn(answer_counters(r), r->op.route, end->run_us / 1000);
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
	waiting_leave(&r->attended);
	if (!web_peer_is_gone(r->peer))
		return progress_tell(r, &r->op);
	r->log.outcome = "client-left";
	return FINISHED;
}

/* A second process has settled the operation: what the store says now is the truth. */
static enum next answer_settled(struct request *r)
{
	if (protect_tell(r) == FINISHED)
		return FINISHED;
	return answer_problem(r, PROBLEM_OUTCOME_UNCERTAIN, COUNTER_STILL_UNCERTAIN, NULL, NULL, 0);
}

static enum next reply_first(struct request *r, const struct ending *end, struct recorded *rec)
{
	struct body_source rest = {.memory = end->output, .fd = end->output_fd, .at = rec->body_at};
	enum err e;

	bool is_released = rec->outcome == OUTCOME_RELEASED;

	r->op.state = is_released ? STATE_ABSENT : STATE_DONE;
	counters_add(answer_counters(r), is_released ? COUNTER_RELEASED : COUNTER_FIRST);
	r->log.outcome = is_released ? "released" : "first";
	r->log.status = rec->res.status;
	/* Far too much of it: the end was not kept anywhere. */
	if (end->output_fd >= 0 && lseek(end->output_fd, 0, SEEK_END) < end->output_len)
		return answer_problem(r, PROBLEM_RESULT_EXPIRED, COUNTER_EXPIRED,
			"The script was done, but its response is far too large to be passed on",
			&r->op, 0);
	answer_log(r);
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
	return answer_problem(r, is_timeout ? PROBLEM_SCRIPT_TIMEOUT : PROBLEM_SCRIPT_FAILED,
		COUNTER_UNCERTAIN, NULL, &r->op, 0);
}

static enum next answer_first(struct request *r, struct run_outcome *out)
{
	waiting_leave(&r->attended); /* other callers need not wait for our client, too */
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
		return answer_problem(r, PROBLEM_IN_PROGRESS, COUNTER_STORE_UNAVAILABLE,
			"The script has run and its result is kept, but it could not be recorded "
			"yet",
			&r->op, 5);
	case RUN_NOT_STARTED:
		return answer_problem(
			r, PROBLEM_SCRIPT_NOT_STARTED, COUNTER_NOT_STARTED, NULL, NULL, 1);
	case RUN_LEFT:
		return answer_left(r);
	case RUN_LOST:
		break;
	}
	r->op.state = STATE_UNCERTAIN;
	return answer_problem(r, PROBLEM_OUTCOME_UNCERTAIN, COUNTER_UNCERTAIN, NULL, &r->op, 0);
}

enum next protect_run(struct request *r)
{
	struct record_policy policy = policy_of(r);
	struct claimed_run run = {
		.store = r->store,
		.link = &r->worker->link,
		.control_fd = r->worker->control_fd,
		.op = &r->op,
		.policy = &policy,
		.watch = {.stop = {{r->worker->stop_fd, POLLIN, 0}, web_peer_pollfd(r->peer)},
			.on_text = answer_complaint,
			.arg = r},
		.on_started = follow_start,
		.on_over = follow_end,
		.on_recorded = follow_record,
	};
	struct run_outcome out;
	enum next next;
	enum err e = keep_request(r);

	if (e != OK) {
		answer_note(r, err_text());
		fault("gateway.failed");
		(void)run_release(r->store, &r->op, &r->worker->link);
		return answer_store_failed(r, e);
	}
	next = answer_result(r, run_claimed(&run, &out), &out);
	waiting_leave(&r->attended);
	response_free(&out.rec.res);
	ending_free(&out.end);
	return next;
}
