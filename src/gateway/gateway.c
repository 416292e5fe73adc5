/* SPDX-License-Identifier: ISC */
/*
 * gateway/gateway.c - the life of a request
 *
 * Read the files in the order of the table `steps`.  A step returns NEXT or UNPROTECTED, and the
 * table names what follows; or it has answered the request, or dropped it, and returns FINISHED.
 *
 * RULES
 *   (1) Every request gets exactly one answer, unless its client has left (t11-clients,
 *       t20-bad-input).
 *   (2) The body has been read to its end before an answer is sent (t21-abandoned).
 *   (3) Nothing a client or a script sends ends the process (t20-bad-input).
 *
 * Does not know: how a claim is decided (operation/claim.c), how a script is started
 * (keeper/keeper.c), what is in the store.
 */
#include "gateway/gateway.h"

#include "base/log.h"
#include "gateway/body.h"
#include "gateway/key_step.h"
#include "gateway/lookup.h"
#include "gateway/pass.h"
#include "gateway/protect.h"
#include "gateway/refusal.h"
#include "gateway/request_log.h"
#include "gateway/resource.h"
#include "gateway/route.h"

#include <stdlib.h>

static enum next read_variables(struct request *r);

enum step_name {
	END, /* the request has been answered, or dropped */
	READ,
	SCRIPT,
	ROUTE,
	OPERATION,
	KEY,
	PASS,
	BODY,
	LOOKUP,
	CLAIM,
	RUN
};

static const struct step {
	const char *name;
	enum next (*take)(struct request *r);
	enum step_name next;        /* after NEXT */
	enum step_name unprotected; /* after UNPROTECTED */
} steps[] = {
	/* here: cgi/variables.c */
	[READ] = {"read", read_variables, SCRIPT, END},
	/* gateway/route.c: cgi/script.c */
	[SCRIPT] = {"script", route_find_script, ROUTE, END},
	/* gateway/route.c: config/find.c, gateway/deployment.c */
	[ROUTE] = {"route", route_find, OPERATION, END},
	/* gateway/resource.c: GET ?_operation=REF is answered here */
	[OPERATION] = {"operation", resource_answer, KEY, END},
	/* gateway/key_step.c: gateway/value_source.c, http/key.c */
	[KEY] = {"key", key_step_find, BODY, PASS},
	/* gateway/pass.c: what is not protected is answered here */
	[PASS] = {"pass", pass_request, END, END},
	/* gateway/body.c */
	[BODY] = {"body", body_read_protected, LOOKUP, END},
	/* gateway/lookup.c: gateway/fingerprint.c, operation/claim.c; a retry is answered here */
	[LOOKUP] = {"lookup", lookup_request, CLAIM, END},
	/* gateway/protect.c: keeper/link.c, operation/claim.c -> store */
	[CLAIM] = {"claim", protect_claim, RUN, END},
	/* gateway/protect.c: keeper/link.c <-> keeper/keeper.c, then operation/record.c -> store,
	   then gateway/reply.c */
	[RUN] = {"run", protect_run, END, END},
};

/* In programs that are built with FAULTS=1, RETRYSAFE_STEPS=1 writes the name of each step to the
 * log. */
static void trace_step(const struct step *step)
{
#ifdef RETRYSAFE_FAULTS
	if (getenv("RETRYSAFE_STEPS"))
		log_info("step %s", step->name);
#else
	(void)step;
#endif
}

void gateway_serve(struct worker *w, struct web_peer *peer, enum way way, const char *control_path)
{
	struct request r = {
		.worker = w,
		.peer = peer,
		.way = way,
		.control_path = control_path,
		.body.spool = SPOOL_CLOSED,
		.op = {.exit_status = -1},
		.prefer = {.wait_ms = -1},
		.log = {.outcome = "?",
			.claim_us = -1,
			.run_us = -1,
			.record_us = -1,
			.exit_status = -1},
	};
	enum step_name at = READ;

	while (at != END) {
		const struct step *step = &steps[at];
		enum next next;

		trace_step(step);
		next = step->take(&r);
		at = next == NEXT ? step->next : next == UNPROTECTED ? step->unprotected : END;
	}
	request_log_write(&r);
	request_free(&r);
}

/* ---- read: the CGI variables ---- */

static enum next read_variables(struct request *r)
{
	const char *mistake = web_peer_mistake(r->peer);
	enum err e = mistake ? OK
			     : variables_take(web_peer_params(r->peer),
				       r->way == WAY_FASTCGI ? VARIABLES_FASTCGI : VARIABLES_CGI,
				       &r->vars);
	int64_t announced;

	if (mistake)
		return refusal_send(r, PROBLEM_REQUEST_INVALID, mistake, NULL, 0);
	if (e == ERR_REFUSED) { /* the server's mistake, not the client's */
		request_log_detail(r, err_text());
		log_warn("%s", err_text());
		return refusal_send(r, PROBLEM_CONFIGURATION, NULL, NULL, 0);
	}
	if (e != OK)
		return refusal_send(r, PROBLEM_REQUEST_INVALID, err_text(), NULL, 0);
	if (!variables_get(&r->vars, "REQUEST_METHOD"))
		return refusal_send(r, PROBLEM_REQUEST_INVALID,
			"The web server did not say REQUEST_METHOD", NULL, 0);
	if (body_length(r, &announced) != OK)
		return refusal_send(r, PROBLEM_REQUEST_INVALID, err_text(), NULL, 0);
	/* So that draining never waits for more than the client sends. */
	if (r->way != WAY_FASTCGI)
		web_peer_set_length(
			r->peer, announced < 0 && !variables_get(&r->vars, "HTTP_TRANSFER_ENCODING")
					 ? 0
					 : announced);
	return NEXT;
}
