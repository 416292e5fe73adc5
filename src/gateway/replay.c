/* SPDX-License-Identifier: ISC */
/*
 * gateway/replay.c - the answer to a retry of what was done
 *
 *     strict     the recorded response, byte for byte, but for what the route leaves out
 *     result     its status and header fields
 *     semantic   the script's answer of today, asked with IDEMPOTENCY_REPLAY=1
 *
 * RULES
 *   (1) A replay is marked as one (t10-servers, unit/reply).
 *   (2) A caller that nothing identifies gets no cookies, unless it looks exactly as the first one
 *       did: another caller may have been given them (t72-who).
 *   (3) A run that shows a result anew is never recorded, and cannot change the record
 *       (t76-policies).
 *   (4) At most max_running such runs are under way at one time, beside those that are claimed
 *       (t26-channels, t76-policies).
 *
 * Does not know: whether the caller may have the answer (operation/claim.c).
 */
#include "gateway/replay.h"

#include "base/log.h"
#include "gateway/body.h"
#include "gateway/fingerprint.h"
#include "gateway/refusal.h"
#include "gateway/reply.h"
#include "gateway/request_log.h"
#include "gateway/route.h"
#include "keeper/run.h"
#include "operation/record.h"
#include "store/liveness.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct replay replay_of(const struct request *r, const struct operation *found)
{
	return (struct replay){
		.says_200 = r->route->replay_status == REPLAY_200,
		.drops_cookies = !fingerprint_is_known(r) &&
				 memcmp(r->op.looks, found->looks, LOOKS_LEN) != 0,
		.is_uncacheable = r->is_resource,
		.drop = r->route->replay_drop,
	};
}

static void log_replay(struct request *r, const struct operation *found, int status)
{
	operation_ref(found, r->ref);
	r->log.ref = r->ref;
	r->log.outcome = "replayed";
	r->log.status = status;
	request_count(r, COUNTER_REPLAYED);
	if (!r->is_resource)
		request_count(r, COUNTER_PREVENTED);
	request_log_write(r);
}

enum next replay_recorded(struct request *r, const struct operation *found, bool is_duplicate)
{
	struct body_source rest = {.store = r->store, .op_id = found->id};
	struct replay how = replay_of(r, found);
	enum err e;

	how.says_200 = how.says_200 || is_duplicate;
	log_replay(r, found, how.says_200 && r->res.status / 100 == 2 ? 200 : r->res.status);
	e = reply_recorded(r->peer, &r->res, &rest, &how);
	if (e != OK && e != ERR_GONE)
		log_warn("operation %s: %s", r->ref, err_text());
	response_free(&r->res);
	return FINISHED;
}

/* ---- semantic ---- */

/* Runs the script.  place_fd is held until it has ended, also when anonymous waits for it. */
static enum err run(
	struct request *r, const struct record_policy *policy, int place_fd, struct ending *end)
{
	struct watch watch = {
		.stop = {{r->worker->stop_fd, POLLIN, 0}, web_peer_pollfd(r->peer)},
		.on_text = request_log_complaint,
		.arg = r,
	};
	struct run_spec spec = {
		.has_time_limit = true,
		.script = &r->script,
		.environment = r->vars.list,
		.route = r->route,
		.store_url = "",
		.spool = r->cf->spool,
		.op = &r->found,
		.policy = policy,
		.second_fd = place_fd,
	};
	enum err e = link_open(r->worker->control_fd, &r->worker->link);

	if (e == OK)
		e = body_fd(r, &spec.stdin_fd);
	return e == OK ? run_unclaimed(&r->worker->link, &spec, &watch, end) : e;
}

/* A slot for the run; the store does not count it among the running ones, because nothing is
 * claimed. */
static enum err take_run_slot(const struct request *r, int *fd)
{
	char name[ROUTE_NAME_MAX + 8];

	snprintf(name, sizeof(name), "anew %s", r->found.route);
	return liveness_take_waiting_slot(r->store, name, r->route->max_running, fd);
}

static enum next refuse_replay(struct request *r)
{
	request_log_detail(r, err_text());
	log_warn("operation %s: shown anew: %s", r->ref, err_text());
	return refusal_send(r, PROBLEM_RESULT_EXPIRED,
		"The operation of this Idempotency-Key was carried out, but the script could not "
		"show "
		"its result again",
		&r->found, 0);
}

enum next replay_anew(struct request *r)
{
	struct record_policy policy = record_policy_of(r->cf, r->route);
	struct replay how = replay_of(r, &r->found);
	struct ending end = ENDING_NONE;
	struct recorded rec = {0};
	struct body_source rest;
	int place_fd = -1;
	enum err e;

	operation_ref(&r->found, r->ref);
	r->log.ref = r->ref;
	if (route_open_script(r) == FINISHED)
		return FINISHED;
	e = route_set_environment(r, &r->found);
	if (e == OK)
		e = variables_set(&r->vars, "IDEMPOTENCY_REPLAY", "1");
	if (e == OK)
		e = take_run_slot(r, &place_fd);
	if (e == ERR_BUSY)
		return refusal_send(r, PROBLEM_OVERLOADED, NULL, &r->found, 1);
	if (e == OK)
		e = run(r, &policy, place_fd, &end);
	if (place_fd >= 0)
		close(place_fd);
	request_log_complaint_end(r);
	if (e == OK && (end.is_killed || end.is_timed_out))
		e = err_set(ERR_INVALID, "the script was ended by a signal");
	if (e == OK && end.is_output_lost)
		e = err_set(ERR_FULL, "there was no room to keep its output");
	if (e == OK)
		e = record_response(&end, &policy, r->cf->spool, &rec);
	if (e == OK && !rec.res.is_kept)
		e = err_set(ERR_REFUSED, "the response is over max_response");
	if (e != OK) {
		recorded_free(&rec);
		ending_free(&end);
		return refuse_replay(r);
	}
	log_replay(r, &r->found, rec.res.status);
	rest = (struct body_source){.memory = rec.body, .fd = rec.body_fd, .at = rec.body_at};
	e = reply_recorded(r->peer, &rec.res, &rest, &how);
	if (e != OK && e != ERR_GONE)
		log_warn("operation %s: %s", r->ref, err_text());
	recorded_free(&rec);
	ending_free(&end);
	return FINISHED;
}
