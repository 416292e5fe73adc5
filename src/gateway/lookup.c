/* SPDX-License-Identifier: ISC */
/*
 * gateway/lookup.c - what the store knows about the key of a request, and the answer to a retry
 *
 * Does not know: how a claim is decided (operation/claim.c).
 */
#include "gateway/lookup.h"

#include "base/log.h"
#include "gateway/fingerprint.h"
#include "gateway/progress.h"
#include "gateway/refusal.h"
#include "gateway/replay.h"
#include "gateway/value_source.h"
#include "http/webhook_url.h"
#include "keeper/link.h"
#include "operation/claim.h"
#include "recovery/policy.h"

#include <string.h>

/* The operator sees which operation it was; the caller, who may be another one, does not. */
static void log_found_ref(struct request *r)
{
	operation_ref(&r->found, r->ref);
	r->log.ref = r->ref;
}

static enum next answer_verdict(struct request *r, enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_REPLAY:
		return r->route->guarantee == GUARANTEE_SEMANTIC && !r->is_resource
			       ? replay_anew(r)
			       : replay_recorded(r, &r->found, false);
	case VERDICT_EXPIRED:
		return refusal_send(r, PROBLEM_RESULT_EXPIRED, NULL, &r->found, 0);
	case VERDICT_IN_PROGRESS:
		return progress_answer(r, &r->found);
	case VERDICT_KEY_REUSED:
		log_found_ref(r);
		return refusal_send(r, PROBLEM_KEY_REUSED, NULL, NULL, 0);
	case VERDICT_OTHER_PRINCIPAL:
		log_found_ref(r);
		return refusal_send(r, PROBLEM_OTHER_PRINCIPAL, NULL, NULL, 0);
	default:
		return refusal_send(r, PROBLEM_OUTCOME_UNCERTAIN, NULL, &r->found, 0);
	}
}

/* Lets the route's policy decide about an uncertain operation.  True: it may be another one now. */
static bool settle_by_policy(struct request *r, struct operation *found)
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

/* Reads what is known about r->op's identity now into r->found, and its response into r->res. */
static enum err lookup_verdict(struct request *r, enum verdict *verdict)
{
	enum err e;

	response_free(&r->res);
	e = claim_look(r->store, &r->op, store_now_ms(r->store), &r->found, &r->res, verdict);
	if (e != OK || *verdict != VERDICT_UNCERTAIN || r->is_resource)
		return e;
	if (policy_may_rerun(r->store, r->route, &r->found))
		*verdict = VERDICT_FREE; /* the claim takes the uncertain row over */
	else if (settle_by_policy(r, &r->found))
		e = claim_look(
			r->store, &r->op, store_now_ms(r->store), &r->found, &r->res, verdict);
	return e;
}

enum next lookup_answer(struct request *r)
{
	enum verdict verdict;
	enum err e = lookup_verdict(r, &verdict);

	if (e == OK && verdict == VERDICT_IN_PROGRESS)
		e = progress_wait(r, lookup_verdict, &verdict);
	if (e != OK)
		return refusal_store_failed(r, e);
	return verdict == VERDICT_FREE ? NEXT : answer_verdict(r, verdict);
}

/* The natural key and the webhook that belong to the request. */
static enum next read_extras(struct request *r)
{
	struct value url = {.n = 0};
	enum err e = OK;

	if (r->route->unique) {
		e = fingerprint_natural(store_secret(r->store), r, r->natural.digest);
		r->natural.is_there = e == OK;
		if (e == ERR_INVALID || (e == ERR_ABSENT && !r->route->unique_optional))
			return refusal_send(r, PROBLEM_REQUEST_INVALID, err_text(), NULL, 0);
		if (e != OK && e != ERR_ABSENT)
			return refusal_failed(r, e);
	}
	e = value_source_find(r, NULL, "header:Retrysafe-Webhook", &url);
	if (e == OK && (url.n > 1 || url.is_too_long))
		return refusal_send(r, PROBLEM_WEBHOOK_REFUSED,
			"Retrysafe-Webhook must name one URL of at most 2000 bytes", NULL, 0);
	if (e == OK && url.n > 0)
		r->webhook.asked = strdup(url.text);
	if (e == OK && url.n > 0 && !r->webhook.asked)
		return refusal_failed(r, ERR_NOMEM);
	e = webhook_url_choose(r->route->webhook, r->route->webhook_allow, r->webhook.asked,
		&r->webhook.url, &r->webhook.is_trusted);
	return e == OK ? NEXT : refusal_send(r, PROBLEM_WEBHOOK_REFUSED, err_text(), NULL, 0);
}

enum next lookup_request(struct request *r)
{
	enum err e = deployment_store(
		r->deployment, variables_get(&r->vars, "DOCUMENT_ROOT"), &r->store);
	enum next next;

	if (e != OK)
		return refusal_store_failed(r, e);
	progress_read_preference(r);
	e = fingerprint_take(store_secret(r->store), r);
	if (e == ERR_INVALID)
		return refusal_send(r, PROBLEM_REQUEST_INVALID, err_text(), NULL, 0);
	if (e != OK)
		return refusal_failed(r, e);
	next = lookup_answer(r);
	return next == NEXT ? read_extras(r) : next;
}

/* Finds the operation that holds the natural key, with its response in r->res; settles it first
 * when no live process is responsible for it. */
static enum err find_natural_holder(
	struct request *r, int64_t now_ms, struct operation *found, bool *is_taken)
{
	enum err e =
		store_find_natural(r->store, r->natural.digest, now_ms, found, &r->res, is_taken);

	if (e != OK || (found->state != STATE_RUNNING && found->state != STATE_UNCERTAIN))
		return e;
	e = claim_settle(r->store, found);
	/* Where it came without a key, no retry of its own will ever settle it. */
	if (e == OK && found->state == STATE_UNCERTAIN)
		(void)settle_by_policy(r, found);
	if (e != OK || found->state == STATE_RUNNING || found->state == STATE_UNCERTAIN)
		return e;
	return store_find_natural(r->store, r->natural.digest, now_ms, found, &r->res, is_taken);
}

/* The original's answer is only for the same principal. */
enum next lookup_answer_duplicate(struct request *r)
{
	struct operation found = {0};
	int64_t now_ms = store_now_ms(r->store);
	bool is_taken = false, is_running, is_shown;
	enum err e = find_natural_holder(r, now_ms, &found, &is_taken);

	if (e != OK && e != ERR_ABSENT)
		return refusal_store_failed(r, e);
	is_running = e == OK && found.state == STATE_RUNNING;
	is_shown = e == OK && r->route->on_duplicate == DUPLICATE_REPLAY &&
		   found.state == STATE_DONE && found.expires_ms > now_ms && r->res.is_kept &&
		   fingerprint_is_same_person(r, &found);
	if (is_shown)
		return replay_recorded(r, &found, true);
	return refusal_send(r, PROBLEM_DUPLICATE,
		is_running ? "A request with the same values is being carried out at this moment"
			   : NULL,
		NULL, is_running || !is_taken ? 1 : 0);
}
