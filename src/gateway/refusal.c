/* SPDX-License-Identifier: ISC */
/*
 * gateway/refusal.c - the answer when a request does not get a script's answer
 *
 * What it does not know: why; that is decided by the steps.
 */
#include "gateway/refusal.h"

#include "base/log.h"
#include "gateway/reply.h"
#include "gateway/request_log.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* May it be the beginning of a Location and of an address in a page?  RFC 3986, section 2. */
static bool is_path(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x21 || text[i] > 0x7e || strchr("<>\"\\^`{|}#", text[i]))
			return false;
	return len > 0 && *text == '/';
}

/*
 * The operation's own address; owned, or NULL.  One slash at its beginning: two would be another
 * host.
 */
static char *location_of(const struct request *r, const char *ref)
{
	const char *uri = variables_get(&r->vars, "REQUEST_URI");
	char *location;
	size_t len;

	if (!uri)
		uri = variables_get(&r->vars, "SCRIPT_NAME");
	if (!uri)
		return NULL;
	while (uri[0] == '/' && uri[1] == '/')
		uri++;
	len = strcspn(uri, "?");
	if (!is_path(uri, len) || asprintf(&location, "%.*s?_operation=%s", (int)len, uri, ref) < 0)
		return NULL;
	return location;
}

/* What the route says in place of the table. */
static int status_of(const struct request *r, enum problem problem)
{
	if (problem == PROBLEM_IN_PROGRESS && r->route->in_progress_status == CONFLICT_429)
		return 429;
	return problem == PROBLEM_DUPLICATE ? (int)r->route->duplicate_status : 0;
}

/* Answers with a problem.  `found`: the operation it is about, or NULL; `detail` may be NULL. */
enum next refusal_send(struct request *r, enum problem problem, enum counter counter,
	const char *detail, const struct operation *found, int retry_after_s)
{
	struct problem_facts facts = {
		.problem = problem,
		.detail = detail,
		.retry_after_s = retry_after_s,
		.status = status_of(r, problem),
		.applied = problem == PROBLEM_ACCEPTED && r->prefer.respond_async ? "respond-async"
										  : NULL,
		.docs_url = r->cf ? r->cf->docs_url : NULL,
		.prefers_html = problem_prefers_html(variables_get(&r->vars, "HTTP_ACCEPT")),
	};
	struct problem_answer answer;
	char *location = NULL;
	enum err e;

	if (found) {
		operation_ref(found, r->ref);
		facts.ref = r->log.ref = r->ref;
		facts.operation_state = state_name(found->state);
	}
	if (found && found->state == STATE_RUNNING)
		facts.location = location = location_of(r, r->ref);
	if (detail)
		request_log_detail(r, detail);
	counters_add(request_counters(r), counter);
	web_peer_drain(r->peer, INT64_MAX);
	e = problem_build(&facts, &answer);
	free(location);
	if (e != OK) {
		r->log.outcome = "unanswered";
		web_peer_break(r->peer);
		return FINISHED;
	}
	r->log.status = answer.status;
	r->log.outcome = answer.type;
	request_log_write(r);
	(void)!reply_problem(r->peer, &answer); /* a client that has left needs no other answer */
	problem_answer_free(&answer);
	return FINISHED;
}

/* The store failed before anything was run. */
enum next refusal_store_failed(struct request *r, enum err e)
{
	request_log_detail(r, err_text());
	log_warn("store %s: %s", r->cf->store, err_text());
	if (e == ERR_BROKEN || e == ERR_SYSTEM)
		deployment_discard(r->deployment);
	return refusal_send(r, PROBLEM_STORE_UNAVAILABLE, COUNTER_STORE_UNAVAILABLE, NULL, NULL, 5);
}

enum next refusal_failed(struct request *r, enum err e)
{
	request_log_detail(r, err_text());
	log_warn("%s", err_text());
	return refusal_send(r,
		e == ERR_NOMEM || e == ERR_FULL ? PROBLEM_OVERLOADED : PROBLEM_SCRIPT_NOT_STARTED,
		COUNTER_NOT_STARTED, NULL, NULL, 5);
}
