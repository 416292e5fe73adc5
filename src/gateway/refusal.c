/* SPDX-License-Identifier: ISC */
/*
 * gateway/refusal.c - the answer when a request does not get a script's answer
 *
 * Does not know: why; the steps decide that.
 */
#include "gateway/refusal.h"

#include "base/log.h"
#include "gateway/reply.h"
#include "gateway/request_log.h"
#include "gateway/way_back.h"
#include "http/accept.h"

#include <errno.h>
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

/* The route's own status for this problem; 0: the one in the table of problems. */
static int status_of(const struct request *r, enum problem problem)
{
	if (problem == PROBLEM_IN_PROGRESS && r->route->in_progress_status == CONFLICT_429)
		return 429;
	if (problem == PROBLEM_REQUEST_INCOMPLETE && web_peer_is_slow(r->peer))
		return 408;
	return problem == PROBLEM_DUPLICATE ? (int)r->route->duplicate_status : 0;
}

/* Puts the operation's ref, state and address into facts, and its ref into the log.  The address is
 * owned by the caller. */
static char *describe_operation(
	struct request *r, const struct operation *found, struct problem_facts *facts)
{
	char *location = NULL;

	operation_ref(found, r->ref);
	facts->ref = r->log.ref = r->ref;
	facts->operation_state = state_name(found->state);
	if (found->state == STATE_RUNNING)
		facts->location = location = location_of(r, r->ref);
	return location;
}

/* Sends it, after its line is in the log. */
static void send_answer(struct request *r, const struct problem_answer *answer)
{
	r->log.status = answer->status;
	r->log.outcome = answer->type;
	request_log_write(r);
	(void)!reply_problem(r->peer, answer); /* a client that has left needs no other answer */
}

/*
 * Would it have been one more run without us?  Not the request that carries the operation out
 * itself (`found` is its own), nor one that only asks how an operation is.
 */
static bool is_prevented(
	const struct request *r, enum problem problem, const struct operation *found)
{
	if (r->is_resource || found == &r->op)
		return false;
	switch (problem) {
	case PROBLEM_DUPLICATE:
		return true;
	case PROBLEM_IN_PROGRESS:
	case PROBLEM_ACCEPTED:
	case PROBLEM_RESULT_EXPIRED:
	case PROBLEM_OUTCOME_UNCERTAIN:
		return found != NULL;
	default:
		return false;
	}
}

enum next refusal_send_as(struct request *r, enum problem problem, enum counter counter,
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
		.prefers_html = accept_prefers_html(variables_get(&r->vars, "HTTP_ACCEPT")),
		.language = language_choose(variables_get(&r->vars, "HTTP_ACCEPT_LANGUAGE")),
		.template = r->cf ? r->cf->frame : NULL,
	};
	char *location = found ? describe_operation(r, found, &facts) : NULL;
	char *back = facts.prefers_html ? way_back(&r->vars) : NULL;
	struct problem_answer answer;
	enum err e;

	if (detail)
		request_log_detail(r, detail);
	request_count(r, counter);
	if (is_prevented(r, problem, found))
		request_count(r, COUNTER_PREVENTED);
	web_peer_drain(r->peer, INT64_MAX);
	facts.back = back;
	e = problem_build(&facts, &answer);
	free(back);
	free(location);
	if (e != OK) {
		r->log.outcome = "unanswered";
		web_peer_break(r->peer);
		return FINISHED;
	}
	send_answer(r, &answer);
	problem_answer_free(&answer);
	return FINISHED;
}

enum next refusal_send(struct request *r, enum problem problem, const char *detail,
	const struct operation *found, int retry_after_s)
{
	static const enum counter counters[PROBLEM__MAX] = {
		[PROBLEM_KEY_MISSING] = COUNTER_KEY_MISSING,
		[PROBLEM_KEY_INVALID] = COUNTER_KEY_INVALID,
		[PROBLEM_REQUEST_INVALID] = COUNTER_REQUEST_REFUSED,
		[PROBLEM_REQUEST_INCOMPLETE] = COUNTER_REQUEST_REFUSED,
		[PROBLEM_REQUEST_TOO_LARGE] = COUNTER_REQUEST_REFUSED,
		[PROBLEM_KEY_REUSED] = COUNTER_KEY_REUSED,
		[PROBLEM_IN_PROGRESS] = COUNTER_IN_PROGRESS,
		[PROBLEM_OTHER_PRINCIPAL] = COUNTER_OTHER_PRINCIPAL,
		[PROBLEM_RESULT_EXPIRED] = COUNTER_EXPIRED,
		[PROBLEM_OUTCOME_UNCERTAIN] = COUNTER_STILL_UNCERTAIN,
		[PROBLEM_SCRIPT_FAILED] = COUNTER_UNCERTAIN,
		[PROBLEM_SCRIPT_TIMEOUT] = COUNTER_UNCERTAIN,
		[PROBLEM_SCRIPT_MISSING] = COUNTER_REQUEST_REFUSED,
		[PROBLEM_SCRIPT_NOT_EXECUTABLE] = COUNTER_NOT_STARTED,
		[PROBLEM_SCRIPT_OUTSIDE] = COUNTER_REQUEST_REFUSED,
		[PROBLEM_SCRIPT_NOT_STARTED] = COUNTER_NOT_STARTED,
		[PROBLEM_STORE_UNAVAILABLE] = COUNTER_STORE_UNAVAILABLE,
		[PROBLEM_OVERLOADED] = COUNTER_OVERLOADED,
		[PROBLEM_CONFIGURATION] = COUNTER_CONFIGURATION,
		[PROBLEM_DUPLICATE] = COUNTER_DUPLICATE,
		[PROBLEM_OPERATION_UNKNOWN] = COUNTER_REQUEST_REFUSED,
		[PROBLEM_OPERATION_RELEASED] = COUNTER_REQUEST_REFUSED,
		[PROBLEM_WEBHOOK_REFUSED] = COUNTER_REQUEST_REFUSED,
		[PROBLEM_ACCEPTED] = COUNTER_ACCEPTED,
	};

	return refusal_send_as(r, problem, counters[problem], detail, found, retry_after_s);
}

enum next refusal_store_failed(struct request *r, enum err e)
{
	request_log_detail(r, err_text());
	log_warn("store %s: %s", r->cf->store, err_text());
	if (e == ERR_BROKEN || e == ERR_SYSTEM)
		deployment_discard(r->deployment);
	return refusal_send(r, PROBLEM_STORE_UNAVAILABLE, NULL, NULL, 5);
}

/* A cause that stays until an operator acts: the file is no program here, or its interpreter is
 * missing. */
static bool is_lasting(int failed)
{
	static const int lasting[] = {ENOEXEC, ENOENT, ENOTDIR, EACCES, EPERM, EISDIR, ELOOP,
		ENAMETOOLONG, EINVAL, ELIBBAD, E2BIG};

	for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++)
		if (lasting[i] == failed)
			return true;
	return false;
}

enum next refusal_not_started(struct request *r, int failed)
{
	bool lasts = is_lasting(failed);

	return refusal_send_as(r, lasts ? PROBLEM_CONFIGURATION : PROBLEM_SCRIPT_NOT_STARTED,
		COUNTER_NOT_STARTED, NULL, NULL, lasts ? 0 : 1);
}

enum next refusal_failed(struct request *r, enum err e)
{
	request_log_detail(r, err_text());
	log_warn("%s", err_text());
	return refusal_send_as(r,
		e == ERR_NOMEM || e == ERR_FULL ? PROBLEM_OVERLOADED : PROBLEM_SCRIPT_NOT_STARTED,
		COUNTER_NOT_STARTED, NULL, NULL, 5);
}
