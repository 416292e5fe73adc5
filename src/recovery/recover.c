/* SPDX-License-Identifier: ISC */
/*
 * recovery/recover.c - settles what can be settled, at a gateway's start and for `retrysafe
 * recover`
 *
 * Every operation that a process left running is settled by evidence (operation/claim.c), every
 * uncertain one by its route's policy.  One whose stored request or script is gone is passed over;
 * an error of the store, or a keeper that has died, ends it.
 *
 * Does not know: clients and their answers.
 */
#include "recovery/recover.h"

#include "base/log.h"
#include "keeper/run.h"
#include "operation/claim.h"
#include "recovery/past_request.h"
#include "recovery/policy.h"
#include "store/listing.h"
#include "store/liveness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum err start_and_record(struct store *st, struct keeper_link *link,
	const struct operation *op, const struct record_policy *policy)
{
	struct claimed_run run = {
		.store = st,
		.link = link,
		.control_fd = -1,
		.op = op,
		.policy = policy,
		.watch = WATCH_NOTHING,
	};
	struct run_outcome out;

	run_claimed(&run, &out);
	recorded_free(&out.rec);
	ending_free(&out.end);
	return out.e;
}

/* Runs the recorded request once more; no client gets the answer. */
static enum err run_again(struct store *st, const struct config *cf, const struct route *route,
	struct keeper_link *link, const struct operation *previous)
{
	struct record_policy policy = record_policy_of(cf, route);
	struct past_request past = PAST_REQUEST_NONE;
	struct script script = {0};
	struct operation op = *previous;
	struct variables vars = {0};
	enum script_problem problem;
	enum verdict verdict = VERDICT_FREE;
	char attempt[16];
	enum err e = past_request_read(st, cf, route, previous, &past);

	if (e == OK)
		e = variables_copy(&past.vars, &vars);
	snprintf(attempt, sizeof(attempt), "%d", previous->attempts + 1);
	if (e == OK)
		e = variables_set(&vars, "IDEMPOTENCY_ATTEMPT", attempt);
	if (e == OK)
		e = script_open(
			variables_get(&past.vars, "SCRIPT_FILENAME"), cf, route, &script, &problem);
	if (e == OK) {
		struct run_spec spec = {
			.is_protected = true,
			.script = &script,
			.environment = vars.list,
			.route = route,
			.store_url = cf->store,
			.spool = cf->spool,
			.op = &op,
			.policy = &policy,
			.has_umask = past.has_umask,
			.umask = past.umask,
			.stdin_fd = past.body.fd,
			.second_fd = liveness_witness_fd(st),
		};

		claim_prepare(st, previous, store_now_ms(st), claim_time_limit_ms(cf, route), &op);
		e = link_order(link, &spec);
	}
	if (e == OK) {
		e = claim_take(st, &(struct claim){.op = &op}, &verdict);
		if (e != OK || verdict != VERDICT_TAKEN)
			link_forget(link);
	}
	if (e == OK && verdict == VERDICT_TAKEN)
		e = start_and_record(st, link, &op, &policy);
	script_free(&script);
	variables_free(&vars);
	past_request_free(&past);
	return e;
}

struct found {
	struct operation *list;
	size_t n, room;
};

static bool collect_operation(const struct operation *op, void *arg)
{
	struct found *f = arg;

	if (f->n == f->room) {
		size_t room = f->room ? 2 * f->room : 64;
		struct operation *more = realloc(f->list, room * sizeof(*more));

		if (!more)
			return false;
		f->list = more;
		f->room = room;
	}
	f->list[f->n++] = *op;
	return true;
}

static enum err find_in_state(struct store *st, enum state state, struct found *f)
{
	struct store_filter filter = {.state = state};

	f->n = 0;
	return store_list(st, &filter, collect_operation, f);
}

static enum err recover_one(
	struct store *st, const struct config *cf, struct keeper_link *link, struct operation *op)
{
	const struct route *route = config_route_of(cf, op->address, op->route);
	char ref[REF_LEN + 1];
	enum err e;

	if (!route || op->state != STATE_UNCERTAIN)
		return OK;
	operation_ref(op, ref);
	e = policy_may_rerun(st, route, op) ? run_again(st, cf, route, link, op)
					    : policy_settle(st, cf, route, link, op);
	if (e == OK)
		e = store_find_ref(st, ref, op, NULL);
	/* Another process is settling it, or has settled it. */
	return e == ERR_BUSY || e == ERR_REFUSED ? OK : e;
}

enum err recover_all(struct store *st, const struct config *cf, struct keeper_link *link,
	int64_t *settled, int64_t *left)
{
	struct found f = {0};
	enum err e = find_in_state(st, STATE_RUNNING, &f);

	*settled = *left = 0;
	for (size_t i = 0; i < f.n && e == OK; i++) {
		e = claim_settle(st, &f.list[i]);
		*settled += f.list[i].state == STATE_DONE || f.list[i].state == STATE_ABSENT;
	}
	if (e == OK)
		e = find_in_state(st, STATE_UNCERTAIN, &f);
	for (size_t i = 0; i < f.n && e == OK; i++) {
		e = recover_one(st, cf, link, &f.list[i]);
		if (e == ERR_ABSENT) { /* its request or its script is gone */
			log_warn("%s", err_text());
			e = OK;
		}
		if (f.list[i].state == STATE_UNCERTAIN)
			++*left;
		else
			++*settled;
	}
	free(f.list);
	return e;
}
