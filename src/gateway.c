/* SPDX-License-Identifier: ISC */
/*
 * gateway.c - the life of a request
 *
 * Read the files in the order of the table `steps` below.  A step returns NEXT, or it has answered
 * (or dropped) the request and returns FINISHED.  A request that is not protected leaves the
 * table at `pass`.
 *
 * RULES THAT HOLD
 *   (1) Every request gets exactly one answer, unless its client has left.
 *   (2) The body has been read to its end before an answer is sent.
 *   (3) Nothing a client or a script sends ends the process.
 *
 * What it does not know: how a claim is decided (claim.c), how a script is started (keeper.c),
 * what is in the store.
 */
#include "gateway.h"

#include "claim.h"
#include "clock.h"
#include "fault.h"
#include "fingerprint.h"
#include "keeper.h"
#include "pass.h"
#include "problem.h"
#include "record.h"
#include "reply.h"
#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD_MS 5000 /* beyond its other limits, for the end of a run to be recorded */
#define DRAIN_MAX INT64_MAX /* a body that nobody wants is read all the same: rule (2) */

enum next { NEXT, FINISHED };

struct step {
	const char *name;
	enum next (*take)(struct request *r);
};

/* ---- answers ---- */

static struct counters *counters_of(struct request *r)
{
	return r->site ? site_counters(r->site) : NULL;
}

static void write_log_line(void *arg, const char *line, size_t len)
{
	struct request *r = arg;

	peer_log(r->peer, line, len);
}

/* Answers with a problem.  `found`: the operation it is about, or NULL; `detail` may be NULL. */
static enum next refuse(struct request *r, enum problem problem, enum counter counter,
	const char *detail, const struct operation *found, int retry_after_s)
{
	struct problem_facts facts = {
		.problem = problem,
		.detail = detail,
		.retry_after_s = retry_after_s,
		.docs_url = r->cf ? r->cf->docs_url : NULL,
		.prefers_html = problem_prefers_html(variables_get(&r->vars, "HTTP_ACCEPT")),
	};

	if (found) {
		operation_ref(found, r->ref);
		facts.ref = r->log.ref = r->ref;
		facts.operation_state = state_name(found->state);
	}
	if (detail) {
		snprintf(r->log_detail, sizeof(r->log_detail), "%s", detail);
		r->log.detail = r->log_detail;
	}
	counters_add(counters_of(r), counter);
	peer_drain(r->peer, DRAIN_MAX);
	if (reply_problem(r->peer, &facts, &r->log.status, &r->log.outcome) != OK && !r->log.status)
		r->log.outcome = "unanswered";
	return FINISHED;
}

/* The store failed before anything was run. */
static enum next refuse_for_store(struct request *r, enum err e)
{
	log_warn("store %s: %s", r->cf->store, err_text());
	if (e == ERR_BROKEN || e == ERR_SYSTEM)
		site_doubt(r->site);
	return refuse(r, PROBLEM_STORE_UNAVAILABLE, COUNTER_STORE_UNAVAILABLE, NULL, NULL, 5);
}

static enum next refuse_internal(struct request *r, enum err e)
{
	char text[256];

	snprintf(text, sizeof(text), "%s", err_text());
	log_warn("%s", text);
	return refuse(r, e == ERR_NOMEM || e == ERR_FULL ? PROBLEM_OVERLOADED : PROBLEM_SCRIPT_NOT_STARTED,
		COUNTER_NOT_STARTED, NULL, NULL, 5);
}

/* ---- read: the CGI variables ---- */

static enum next read_variables(struct request *r)
{
	enum err e = variables_take(peer_params(r->peer), &r->vars);
	int64_t announced;

	if (e != OK)
		return refuse(r, PROBLEM_REQUEST_INVALID, COUNTER_REQUEST_REFUSED, err_text(), NULL, 0);
	if (!variables_get(&r->vars, "REQUEST_METHOD"))
		return refuse(r, PROBLEM_REQUEST_INVALID, COUNTER_REQUEST_REFUSED,
			"The web server did not say REQUEST_METHOD", NULL, 0);
	if (request_length(r, &announced) != OK)
		return refuse(r, PROBLEM_REQUEST_INVALID, COUNTER_REQUEST_REFUSED, err_text(), NULL, 0);
	/* So that draining never waits for more than the client sends. */
	if (r->way != WAY_FASTCGI)
		peer_set_length(r->peer,
			announced < 0 && !variables_get(&r->vars, "HTTP_TRANSFER_ENCODING") ? 0 : announced);
	return NEXT;
}

/* ---- route: which script, which configuration ---- */

/* The value of a variable as the server sent it; variables_take() drops RETRYSAFE_*. */
static const char *sent_value(struct request *r, const char *name)
{
	size_t len = strlen(name);

	for (char *const *p = peer_params(r->peer); *p; p++)
		if (strncmp(*p, name, len) == 0 && (*p)[len] == '=')
			return *p + len + 1;
	return NULL;
}

static enum next find_script(struct request *r)
{
	enum err e;

	if (r->way == WAY_CONTROL_FILE) {
		r->located = strdup(r->control_path);
		return r->located ? NEXT : refuse_internal(r, ERR_NOMEM);
	}
	e = script_locate(r->way, &r->vars, &r->located);
	if (e == OK)
		return NEXT;
	log_warn("%s", err_text());
	return refuse(r,
		e == ERR_ABSENT	 ? PROBLEM_SCRIPT_MISSING
		: e == ERR_REFUSED ? PROBLEM_SCRIPT_OUTSIDE
				   : PROBLEM_REQUEST_INVALID,
		COUNTER_REQUEST_REFUSED, NULL, NULL, 0);
}

/* The configuration's path for this request; owned. */
static enum err find_configuration(struct request *r, char **path)
{
	const char *given = r->worker->config_path, *slash = strrchr(r->located, '/');
	char *dir;
	enum err e;

	if (r->way == WAY_CONTROL_FILE)
		given = r->control_path;
	/* SetEnv of the server's configuration; the second is what an Action makes of it. */
	if (!given)
		given = sent_value(r, "RETRYSAFE_CONFIG");
	if (!given)
		given = sent_value(r, "REDIRECT_RETRYSAFE_CONFIG");
	if (given) {
		*path = strdup(given);
		return *path ? OK : err_set(ERR_NOMEM, "out of memory");
	}
	dir = strndup(r->located, slash ? (size_t)(slash - r->located) : 0);
	e = config_find(dir, true, path);
	free(dir);
	return e;
}

static enum next find_route(struct request *r)
{
	const char *name = variables_get(&r->vars, "SCRIPT_NAME");
	char *path = NULL;
	enum err e = find_configuration(r, &path);

	if (e == OK)
		e = site_take(path, r->way == WAY_CONTROL_FILE, &r->site);
	free(path);
	if (e != OK) {
		log_warn("%s", err_text());
		return refuse(r, PROBLEM_CONFIGURATION, COUNTER_CONFIGURATION, NULL, NULL, 0);
	}
	r->cf = site_config(r->site);
	log_format(r->cf->log);
	r->route = config_route(r->cf, name ? name : "");
	if (r->route)
		r->log.route = route_name(r->route, name);
	return NEXT;
}

/* Opens r->script for the route, and puts its path and directory where the script expects them. */
static enum next open_script(struct request *r)
{
	static const enum problem problems[] = {
		[SCRIPT_OK] = PROBLEM_SCRIPT_NOT_STARTED,
		[SCRIPT_MISSING] = PROBLEM_SCRIPT_MISSING,
		[SCRIPT_NOT_EXECUTABLE] = PROBLEM_SCRIPT_NOT_EXECUTABLE,
		[SCRIPT_OUTSIDE] = PROBLEM_SCRIPT_OUTSIDE,
	};
	enum script_problem problem;
	enum err e = script_open(r->located, r->cf, r->route, &r->script, &problem);

	if (e != OK) {
		log_warn("%s", err_text());
		return refuse(r, problems[problem], COUNTER_NOT_STARTED, NULL, NULL, 0);
	}
	if (r->route && r->route->script)
		e = variables_set(&r->vars, "SCRIPT_FILENAME", r->script.path);
	if (e == OK && !variables_get(&r->vars, "GATEWAY_INTERFACE"))
		e = variables_set(&r->vars, "GATEWAY_INTERFACE", "CGI/1.1");
	if (e == OK && !variables_get(&r->vars, "PATH"))
		e = variables_set(&r->vars, "PATH", "/usr/local/bin:/usr/bin:/bin");
	/* php-cgi runs nothing without it (cgi.force_redirect): the proof that a server sent it. */
	if (e == OK && r->route && r->route->interpreter && !variables_get(&r->vars, "REDIRECT_STATUS"))
		e = variables_set(&r->vars, "REDIRECT_STATUS", "200");
	return e == OK ? NEXT : refuse_internal(r, e);
}

/* ---- the worker's channel ---- */

static enum err open_channel(struct worker *w)
{
	return w->channel.fd >= 0 ? OK : keeper_channel(w->control_fd, &w->channel.fd);
}

static void close_channel(struct worker *w)
{
	if (w->channel.fd >= 0)
		close(w->channel.fd);
	w->channel.fd = -1;
}

/* ---- pass: what is not protected ---- */

static enum next answer_pass(struct request *r, enum err e, int64_t sent, const struct ending *end, int failed)
{
	counters_add(counters_of(r), COUNTER_PASSED);
	r->log.outcome = "passed";
	r->log.exit_status = end->exit_status;
	r->log.run_us = end->run_us > 0 ? end->run_us : -1;
	switch (e) {
	case OK:
		if (sent > 0) {
			peer_write(r->peer, NULL, 0, true);
			return FINISHED;
		}
		return refuse(r, PROBLEM_SCRIPT_FAILED, COUNTER_NOT_STARTED,
			"The script ended without an answer", NULL, 0);
	case ERR_ABSENT:
		log_warn("%s: %s", r->script.path, strerror(failed));
		return refuse(r, PROBLEM_SCRIPT_NOT_STARTED, COUNTER_NOT_STARTED, NULL, NULL, 0);
	case ERR_REFUSED:
		return refuse(r, PROBLEM_REQUEST_TOO_LARGE, COUNTER_REQUEST_REFUSED, err_text(), NULL, 0);
	case ERR_GONE:
		r->is_abandoned = true;
		return FINISHED;
	default:
		return sent > 0 ? FINISHED : refuse_internal(r, e);
	}
}

static enum next pass(struct request *r)
{
	struct ending end;
	int64_t sent = 0;
	int failed = 0;
	enum err e;

	if (open_script(r) == FINISHED)
		return FINISHED;
	e = open_channel(r->worker);
	if (e != OK)
		return refuse_internal(r, e);
	e = pass_through(r, &r->worker->channel, &sent, &end, &failed);
	if (e == ERR_GONE) /* perhaps it was the keeper */
		close_channel(r->worker);
	answer_pass(r, e, sent, &end, failed);
	ending_free(&end);
	return FINISHED;
}

/* ---- key ---- */

static enum next take_key(struct request *r)
{
	const char *method = variables_get(&r->vars, "REQUEST_METHOD");
	enum err e;

	if (!r->route || !config_route_protects(r->route, method))
		return pass(r);
	e = key_take(peer_params(r->peer), r->route, &r->key);
	if (e == ERR_ABSENT && !r->route->key_required)
		return pass(r);
	if (e == ERR_ABSENT)
		return refuse(r, PROBLEM_KEY_MISSING, COUNTER_KEY_MISSING, NULL, NULL, 0);
	if (e != OK)
		return refuse(r, PROBLEM_KEY_INVALID, COUNTER_KEY_INVALID, err_text(), NULL, 0);
	return NEXT;
}

/* ---- body ---- */

static enum next read_body(struct request *r)
{
	enum err e = request_read_body(r, r->route->max_request_bytes, r->cf->spool);

	switch (e) {
	case OK:
		return NEXT;
	case ERR_REFUSED:
		return refuse(r, PROBLEM_REQUEST_TOO_LARGE, COUNTER_REQUEST_REFUSED, err_text(), NULL, 0);
	case ERR_GONE:
	case ERR_INVALID:
		return refuse(r, PROBLEM_REQUEST_INCOMPLETE, COUNTER_REQUEST_REFUSED, err_text(), NULL, 0);
	default:
		return refuse_internal(r, e);
	}
}

/* ---- look: what is known about the key ---- */

/* Seconds until a retry makes sense: as long as it has been running, within reason. */
static int retry_after(const struct operation *found, int64_t now_ms)
{
	int64_t s = (now_ms - found->created_ms) / 1000;

	return s < 1 ? 1 : s > 30 ? 30 : (int)s;
}

static enum next replay(struct request *r, const struct operation *found, struct response *res)
{
	struct body_source rest = {.store = r->store, .op_id = found->id};
	enum err e;

	operation_ref(found, r->ref);
	r->log.ref = r->ref;
	r->log.outcome = "replayed";
	r->log.status = res->status;
	counters_add(counters_of(r), COUNTER_REPLAYED);
	e = reply_recorded(r->peer, res, &rest, true);
	if (e != OK && e != ERR_GONE)
		log_warn("operation %s: %s", r->ref, err_text());
	response_free(res);
	return FINISHED;
}

static enum next tell(struct request *r, enum verdict verdict, const struct operation *found, struct response *res)
{
	switch (verdict) {
	case VERDICT_REPLAY:
		return replay(r, found, res);
	case VERDICT_EXPIRED:
		return refuse(r, PROBLEM_RESULT_EXPIRED, COUNTER_EXPIRED, NULL, found, 0);
	case VERDICT_IN_PROGRESS:
		return refuse(r, PROBLEM_IN_PROGRESS, COUNTER_IN_PROGRESS, NULL, found,
			retry_after(found, clock_wall_ms()));
	case VERDICT_KEY_REUSED:
		return refuse(r, PROBLEM_KEY_REUSED, COUNTER_KEY_REUSED, NULL, NULL, 0);
	case VERDICT_OTHER_PRINCIPAL:
		return refuse(r, PROBLEM_OTHER_PRINCIPAL, COUNTER_OTHER_PRINCIPAL, NULL, NULL, 0);
	default:
		return refuse(r, PROBLEM_OUTCOME_UNCERTAIN, COUNTER_STILL_UNCERTAIN, NULL, found, 0);
	}
}

static enum next look(struct request *r)
{
	struct operation found;
	struct response res = {0};
	enum verdict verdict;
	enum err e = site_store(r->site, variables_get(&r->vars, "DOCUMENT_ROOT"), &r->store);

	if (e != OK)
		return refuse_for_store(r, e);
	fingerprint_take(store_secret(r->store), r->route, &r->key, &r->vars, r->body_digest, &r->op);
	e = claim_look(r->store, &r->op, clock_wall_ms(), &found, &res, &verdict);
	if (e != OK)
		return refuse_for_store(r, e);
	return verdict == VERDICT_FREE ? NEXT : tell(r, verdict, &found, &res);
}

/* ---- claim ---- */

static struct record_policy policy_of(const struct request *r)
{
	return (struct record_policy){
		.durability = r->cf->durability,
		.busy_timeout_ms = r->cf->busy_timeout_ms,
		.ttl_ms = r->route->ttl_ms,
		.tombstone_ms = r->route->tombstone_ms,
		.max_response_bytes = r->route->max_response_bytes,
	};
}

/* What the script learns from us (SPEC 7). */
static enum err set_environment(struct request *r)
{
	char downstream[37];
	const struct {
		const char *name, *value;
	} ours[] = {
		{"IDEMPOTENCY_KEY", r->key.text},
		{"IDEMPOTENCY_OPERATION", r->ref},
		{"IDEMPOTENCY_ATTEMPT", "1"},
		{"IDEMPOTENCY_DOWNSTREAM_KEY", downstream},
	};
	enum err e = OK;

	fingerprint_downstream(store_secret(r->store), &r->op, downstream);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]) && e == OK; i++)
		e = variables_set(&r->vars, ours[i].name, ours[i].value);
	return e;
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
		.stdin_fd = r->body.fd,
		.second_fd = store_witness_fd(r->store),
	};
	enum err e;

	claim_prepare(r->store, clock_wall_ms(),
		r->route->timeout_ms + r->route->kill_after_ms + r->cf->busy_timeout_ms + RECORD_MS, &r->op);
	operation_ref(&r->op, r->ref);
	e = set_environment(r);
	spec.environment = r->vars.list;
	if (e == OK)
		e = open_channel(r->worker);
	return e == OK ? run_order(&r->worker->channel, &spec) : e;
}

static enum next claim(struct request *r)
{
	int64_t start_us;
	enum verdict verdict;
	enum err e;

	if (open_script(r) == FINISHED)
		return FINISHED;
	/* A request whose client has left may lie in a server's queue while its retry is served. */
	if (peer_is_gone(r->peer)) {
		r->log.outcome = "abandoned";
		counters_add(counters_of(r), COUNTER_ABANDONED);
		r->is_abandoned = true;
		return FINISHED;
	}
	e = order(r);
	if (e != OK) {
		close_channel(r->worker);
		return refuse_internal(r, e);
	}
	fault("gateway.ordered");
	start_us = clock_mono_us();
	e = claim_take(r->store, &r->op, &verdict);
	r->log.claim_us = clock_mono_us() - start_us;
	if (e == OK && verdict == VERDICT_TAKEN) {
		r->log.ref = r->ref;
		return NEXT;
	}
	run_forget(&r->worker->channel);
	if (e != OK)
		return refuse_for_store(r, e);
	/* Somebody was faster; by now there is something to tell. */
	if (look(r) == FINISHED)
		return FINISHED;
	return refuse(r, PROBLEM_STORE_UNAVAILABLE, COUNTER_STORE_UNAVAILABLE, NULL, NULL, 1);
}

/* ---- run ---- */

/* The script's complaints go to the server's error log, line by line, marked with the ref. */
static void log_text(void *arg, const char *text, size_t len)
{
	struct request *r = arg;
	char line[1024];

	while (len > 0) {
		const char *newline = memchr(text, '\n', len);
		size_t piece = newline ? (size_t)(newline - text) : len;
		int n = snprintf(line, sizeof(line), "retrysafe %s: %.*s\n", r->ref,
			piece > sizeof(line) - 64 ? (int)sizeof(line) - 64 : (int)piece, text);

		if (n > (int)sizeof(line) - 1)
			n = (int)sizeof(line) - 1;
		peer_log(r->peer, line, (size_t)n);
		piece += newline != NULL;
		if (piece > len)
			piece = len;
		text += piece;
		len -= piece;
	}
}

/* Nothing was started, and we know it: the claim is let go. */
static enum next release(struct request *r, int failed)
{
	log_warn("%s could not be started: %s", r->script.path, strerror(failed));
	if (store_release(r->store, &r->op) != OK)
		log_warn("operation %s is not released yet: %s", r->ref, err_text());
	return refuse(r, PROBLEM_SCRIPT_NOT_STARTED, COUNTER_NOT_STARTED, NULL, NULL, 1);
}

/* The keeper has died: nobody will see how the script ends. */
static enum next lose_sight(struct request *r)
{
	static const char reason[] = "the keeper died while it ran: nobody has seen how it ended";
	enum err e;

	close_channel(r->worker);
	e = store_doubt(r->store, &r->op, -1, reason, clock_wall_ms());
	if (e != OK)
		log_warn("operation %s: %s", r->ref, err_text());
	r->op.state = STATE_UNCERTAIN;
	return refuse(r, PROBLEM_OUTCOME_UNCERTAIN, COUNTER_UNCERTAIN, NULL, &r->op, 0);
}

static enum next record(struct request *r, struct ending *end);

/* The client has left, or we have to: the keeper goes on without us. */
static enum next hand_over(struct request *r)
{
	close_channel(r->worker);
	if (!peer_is_gone(r->peer))
		return refuse(r, PROBLEM_IN_PROGRESS, COUNTER_IN_PROGRESS, NULL, &r->op, 1);
	r->log.outcome = "client-left";
	return FINISHED;
}

static enum next keep(struct request *r, enum err e);

static enum next run(struct request *r)
{
	struct pollfd stop[2] = {{r->worker->stop_fd, POLLIN, 0}, peer_pollfd(r->peer)};
	struct ending end = ENDING_NONE;
	int failed = 0;
	enum next next;
	enum err e = run_go(&r->worker->channel);

	if (e != OK) { /* what was not told to start has not started */
		close_channel(r->worker);
		return release(r, EPIPE);
	}
	fault("gateway.went");
	e = run_wait(&r->worker->channel, stop, log_text, r, &end, &failed);
	switch (e) {
	case OK:
		break;
	case ERR_ABSENT:
		return release(r, failed);
	case ERR_BUSY:
		return hand_over(r);
	case ERR_NOMEM:
		return keep(r, e);
	default:
		return lose_sight(r);
	}
	r->log.run_us = end.run_us;
	r->log.exit_status = end.exit_status;
	fault("gateway.ended");
	next = record(r, &end);
	ending_free(&end);
	return next;
}

/* ---- record and reply ---- */

/* It ran, but the store does not take its result now: the keeper goes on trying. */
static enum next keep(struct request *r, enum err e)
{
	log_warn("operation %s: its result is kept until it can be recorded: %s", r->ref, err_text());
	if (e == ERR_BROKEN || e == ERR_SYSTEM)
		site_doubt(r->site);
	run_keep(&r->worker->channel);
	return refuse(r, PROBLEM_IN_PROGRESS, COUNTER_STORE_UNAVAILABLE,
		"The script has run and its result is kept, but it could not be recorded yet", &r->op, 5);
}

/* Somebody else has settled the operation: what is there now is the truth. */
static enum next tell_settled(struct request *r)
{
	run_forget(&r->worker->channel);
	if (look(r) == FINISHED)
		return FINISHED;
	return refuse(r, PROBLEM_OUTCOME_UNCERTAIN, COUNTER_STILL_UNCERTAIN, NULL, NULL, 0);
}

static enum next reply_first(struct request *r, const struct ending *end, struct recorded *rec)
{
	struct body_source rest = {
		.memory = end->output, .fd = end->output_fd, .at = rec->body_at};
	enum err e;

	r->op.state = STATE_DONE;
	counters_add(counters_of(r), COUNTER_FIRST);
	r->log.outcome = "first";
	r->log.status = rec->res.status;
	/* Far too much of it: the end was not kept anywhere. */
	if (end->output_fd >= 0 && lseek(end->output_fd, 0, SEEK_END) < end->output_len)
		return refuse(r, PROBLEM_RESULT_EXPIRED, COUNTER_EXPIRED,
			"The script was done, but its response is far too large to be passed on", &r->op, 0);
	e = reply_recorded(r->peer, &rec->res, &rest, false);
	if (e == ERR_GONE)
		r->log.detail = "client left";
	else if (e != OK)
		log_warn("operation %s: %s", r->ref, err_text());
	return FINISHED;
}

static enum next refuse_uncertain(struct request *r, const struct recorded *rec)
{
	bool is_timeout = rec->outcome == OUTCOME_TIMED_OUT;

	log_warn("operation %s is uncertain: %s", r->ref, rec->reason);
	r->op.state = STATE_UNCERTAIN;
	return refuse(r, is_timeout ? PROBLEM_SCRIPT_TIMEOUT : PROBLEM_SCRIPT_FAILED, COUNTER_UNCERTAIN, NULL,
		&r->op, 0);
}

static enum next record(struct request *r, struct ending *end)
{
	struct record_policy policy = policy_of(r);
	int64_t start_us = clock_mono_us();
	struct recorded rec;
	enum err e = record_run(r->store, &r->op, &policy, end, &rec);

	fault("gateway.recorded");
	r->log.record_us = clock_mono_us() - start_us;
	if (e == ERR_REFUSED)
		return tell_settled(r);
	if (e != OK)
		return keep(r, e);
	run_forget(&r->worker->channel);
	if (rec.outcome == OUTCOME_RECORDED)
		reply_first(r, end, &rec);
	else
		refuse_uncertain(r, &rec);
	fault("gateway.replied");
	response_free(&rec.res);
	return FINISHED;
}

/* ---- the table ---- */

static const struct step steps[] = {
	{"read", read_variables}, /* variables.c */
	{"script", find_script},  /* script.c */
	{"route", find_route},    /* config.c, site.c */
	{"key", take_key},        /* key.c; what is not protected goes to pass.c */
	{"body", read_body},      /* request.c */
	{"look", look},           /* fingerprint.c, claim.c: a retry is answered here */
	{"claim", claim},         /* script.c, run.c, claim.c -> store */
	{"run", run},             /* run.c <-> keeper.c, then record.c -> store, then reply.c */
};

void gateway_serve(struct worker *w, struct peer *peer, enum way way, const char *control_path)
{
	struct request r = {
		.worker = w,
		.peer = peer,
		.way = way,
		.control_path = control_path,
		.body = SPOOL_CLOSED,
		.op = {.exit_status = -1},
		.log = {.outcome = "?", .claim_us = -1, .run_us = -1, .record_us = -1, .exit_status = -1},
	};

	peer_hold_end(peer, log_leads_nowhere());
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i].take(&r) == FINISHED)
			break;
	log_request(&r.log, log_leads_nowhere() ? write_log_line : NULL, &r);
	request_free(&r);
}
