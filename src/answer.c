/* SPDX-License-Identifier: ISC */
/*
 * answer.c - what is said when a request does not get a script's answer
 *
 * What it does not know: why; that is decided by the steps.
 */
#include "log.h"
#include "reply.h"
#include "steps.h"

#include <stdint.h>
#include <stdio.h>

struct counters *answer_counters(struct request *r)
{
	return r->site ? site_counters(r->site) : NULL;
}

void answer_note(struct request *r, const char *text)
{
	snprintf(r->log_detail, sizeof(r->log_detail), "%s", text);
	r->log.detail = r->log_detail;
}

static void write_line(void *arg, const char *line, size_t len)
{
	struct request *r = arg;

	peer_log(r->peer, line, len);
}

void answer_log(struct request *r)
{
	if (r->is_logged)
		return;
	r->is_logged = true;
	log_request(&r->log, log_leads_nowhere() ? write_line : NULL, r);
}

/* Answers with a problem.  `found`: the operation it is about, or NULL; `detail` may be NULL. */
enum next answer_problem(struct request *r, enum problem problem, enum counter counter,
	const char *detail, const struct operation *found, int retry_after_s)
{
	struct problem_facts facts = {
		.problem = problem,
		.detail = detail,
		.retry_after_s = retry_after_s,
		.docs_url = r->cf ? r->cf->docs_url : NULL,
		.prefers_html = problem_prefers_html(variables_get(&r->vars, "HTTP_ACCEPT")),
	};
	struct problem_answer answer;

	if (found) {
		operation_ref(found, r->ref);
		facts.ref = r->log.ref = r->ref;
		facts.operation_state = state_name(found->state);
	}
	if (detail)
		answer_note(r, detail);
	counters_add(answer_counters(r), counter);
	peer_drain(r->peer, INT64_MAX);
	if (problem_build(&facts, &answer) != OK) {
		r->log.outcome = "unanswered";
		peer_break(r->peer);
		return FINISHED;
	}
	r->log.status = answer.status;
	r->log.outcome = answer.type;
	answer_log(r);
	(void)!reply_problem(r->peer, &answer); /* a client that has left needs no other answer */
	problem_answer_free(&answer);
	return FINISHED;
}

/* The store failed before anything was run. */
enum next answer_store_failed(struct request *r, enum err e)
{
	answer_note(r, err_text());
	log_warn("store %s: %s", r->cf->store, err_text());
	if (e == ERR_BROKEN || e == ERR_SYSTEM)
		site_doubt(r->site);
	return answer_problem(
		r, PROBLEM_STORE_UNAVAILABLE, COUNTER_STORE_UNAVAILABLE, NULL, NULL, 5);
}

enum next answer_failed(struct request *r, enum err e)
{
	answer_note(r, err_text());
	log_warn("%s", err_text());
	return answer_problem(r,
		e == ERR_NOMEM || e == ERR_FULL ? PROBLEM_OVERLOADED : PROBLEM_SCRIPT_NOT_STARTED,
		COUNTER_NOT_STARTED, NULL, NULL, 5);
}
