/* SPDX-License-Identifier: ISC */
/*
 * gateway/gateway.c - the life of a request
 *
 * Read the files in the order of the table `steps` below.  A step returns NEXT, or it has answered
 * (or dropped) the request and returns FINISHED.  The steps of a request that is protected are in
 * gateway/protect.c; one that is not leaves the table at `key`.
 *
 * RULES THAT HOLD
 *   (1) Every request gets exactly one answer, unless its client has left.
 *   (2) The body has been read to its end before an answer is sent.
 *   (3) Nothing a client or a script sends ends the process.
 *
 * What it does not know: how a claim is decided (operation/claim.c), how a script is started
 * (keeper/keeper.c), what is in the store.
 */
#include "gateway/gateway.h"

#include "gateway/body.h"
#include "gateway/key_step.h"
#include "gateway/lookup.h"
#include "gateway/protect.h"
#include "gateway/refusal.h"
#include "gateway/request_log.h"
#include "gateway/resource.h"
#include "gateway/route.h"

struct step {
	const char *name;
	enum next (*take)(struct request *r);
};

/* ---- read: the CGI variables ---- */

static enum next read_variables(struct request *r)
{
	enum err e = variables_take(web_peer_params(r->peer), &r->vars);
	int64_t announced;

	if (e != OK)
		return refusal_send(
			r, PROBLEM_REQUEST_INVALID, COUNTER_REQUEST_REFUSED, err_text(), NULL, 0);
	if (!variables_get(&r->vars, "REQUEST_METHOD"))
		return refusal_send(r, PROBLEM_REQUEST_INVALID, COUNTER_REQUEST_REFUSED,
			"The web server did not say REQUEST_METHOD", NULL, 0);
	if (body_length(r, &announced) != OK)
		return refusal_send(
			r, PROBLEM_REQUEST_INVALID, COUNTER_REQUEST_REFUSED, err_text(), NULL, 0);
	/* So that draining never waits for more than the client sends. */
	if (r->way != WAY_FASTCGI)
		web_peer_set_length(
			r->peer, announced < 0 && !variables_get(&r->vars, "HTTP_TRANSFER_ENCODING")
					 ? 0
					 : announced);
	return NEXT;
}

/* ---- the table ---- */

static const struct step steps[] = {
	{"read", read_variables},       /* cgi/variables.c */
	{"script", route_find_script},  /* cgi/script.c */
	{"route", route_find},          /* config/config.c, gateway/deployment.c */
	{"operation", resource_answer}, /* gateway/resource.c: GET ?_operation=REF */
	{"key", key_step_find}, /* gateway/value_source.c, http/key.c; what is not protected goes to
			      gateway/pass.c */
	{"body", body_read_protected}, /* gateway/body.c */
	{"look", lookup_request}, /* gateway/fingerprint.c, operation/claim.c: a retry is answered
				   here */
	{"claim", protect_claim}, /* cgi/script.c, keeper/link.c, operation/claim.c -> store */
	{"run", protect_run},     /* keeper/link.c <-> keeper/keeper.c, then operation/record.c ->
				   * store, then gateway/reply.c
				   */
};

void gateway_serve(struct worker *w, struct web_peer *peer, enum way way, const char *control_path)
{
	struct request r = {
		.worker = w,
		.peer = peer,
		.way = way,
		.control_path = control_path,
		.body = SPOOL_CLOSED,
		.op = {.exit_status = -1},
		.prefer = {.wait_ms = -1},
		.log = {.outcome = "?",
			.claim_us = -1,
			.run_us = -1,
			.record_us = -1,
			.exit_status = -1},
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i].take(&r) == FINISHED)
			break;
	request_log_write(&r);
	request_free(&r);
}
