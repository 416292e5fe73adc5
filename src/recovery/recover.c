/* SPDX-License-Identifier: ISC */
/*
 * recovery/recover.c - probe, rollback, run again
 *
 *     UNCERTAIN --- probe: exit 0 and a CGI response ---> DONE
 *         |
 *         +-------- probe: exit 1; rollback: exit 0 ----> absent, its row kept: the next claim
 *         |                                               takes it over, one attempt more
 *         +-------- rerun ------------------------------> RUNNING, one attempt more
 *         |
 *         +-------- anything else ----------------------> UNCERTAIN, one line more in its history
 *
 * RULES THAT HOLD
 *   (1) Whoever settles holds the operation's own lock; others leave it alone meanwhile.
 *   (2) The commands get the request as it was recorded before the script was started: its
 *       environment, its body on standard input, its script's directory.
 *   (3) Nothing is tried again within a second, however many callers ask.
 *   (4) max_attempts bounds what is run again without asking; a probe or a rollback that says that
 *       nothing was done may free the key at any time.
 *
 * What it does not know: who waits for an answer.
 */
#include "recovery/recover.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/spool.h"
#include "operation/claim.h"
#include "operation/record.h"
#include "store/listing.h"
#include "store/liveness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_MS 1000 /* rule (3) */
bool uncertain_may_rerun(const struct route *route, const struct operation *op)
{
	return route->on_uncertain == UNCERTAIN_RERUN && op->attempts < route->max_attempts;
}

/* ---- the request as it was recorded ---- */

struct past {
	struct stored_request request;
	char **environment; /* into request.variables */
	struct spool body;
	char *dir;
};

static void past_free(struct past *p)
{
	stored_request_free(&p->request);
	free(p->environment);
	free(p->dir);
	spool_close(&p->body);
}

static const char *past_value(const struct past *p, const char *name)
{
	size_t len = strlen(name);

	for (char **e = p->environment; *e; e++)
		if (strncmp(*e, name, len) == 0 && (*e)[len] == '=')
			return *e + len + 1;
	return NULL;
}

/* ERR_ABSENT: no request was kept, or it was another script's (a control file has one only). */
static enum err past_read(
	struct store *st, const struct route *route, const struct operation *op, struct past *p)
{
	const char *script, *slash;
	size_t n = 0, i = 0;
	enum err e = store_find_request(st, op->id, &p->request);

	if (e != OK)
		return e;
	for (size_t at = 0; at < p->request.variables_len; at++)
		n += p->request.variables[at] == '\0';
	p->environment = calloc(n + 1, sizeof(char *));
	if (!p->environment)
		return err_set(ERR_NOMEM, "settle: out of memory");
	for (size_t at = 0; i < n; at += strlen(p->request.variables + at) + 1)
		p->environment[i++] = p->request.variables + at;
	script = past_value(p, "SCRIPT_FILENAME");
	if (route->script && (!script || strcmp(script, route->script) != 0))
		return err_set(ERR_ABSENT, "the operation belongs to another script");
	slash = script ? strrchr(script, '/') : NULL;
	p->dir = slash > script ? strndup(script, (size_t)(slash - script)) : strdup("/");
	if (!p->dir)
		return err_set(ERR_NOMEM, "settle: out of memory");
	e = spool_open(&p->body);
	if (e == OK)
		e = spool_write(&p->body, store_spool(st), p->request.body, p->request.body_len);
	return e == OK ? spool_rewind(&p->body) : e;
}

/* ---- commands ---- */

static void log_text(void *arg, const char *text, size_t len)
{
	(void)arg;
	log_raw(text, len);
}

/* Runs a command with the past request. */
static enum err run_command(const struct config *cf, const struct route *route, strings command,
	const struct past *past, struct keeper_link *link, struct ending *end)
{
	const struct watch watch = {.stop = {{-1, 0, 0}, {-1, 0, 0}}, .on_text = log_text};
	struct script script = {.path = command[0], .dir = past->dir, .argv = command};
	struct record_policy policy = record_policy_of(cf, route);
	struct run_spec spec = {
		.has_time_limit = true,
		.script = &script,
		.environment = past->environment,
		.route = route,
		.store_url = "",
		.spool = cf->spool,
		.policy = &policy,
		.stdin_fd = past->body.fd,
		.second_fd = past->body.fd,
	};
	int failed = 0;
	enum err e = link_order(link, &spec);

	if (e != OK)
		return e;
	e = link_wait(link, &watch, end, &failed);
	if (e != ERR_ABSENT)
		link_forget(link);
	return e;
}

/* It is still not known; says so in the history. */
static enum err note(struct store *st, const struct operation *op, const char *event,
	const struct ending *end, const char *why)
{
	char detail[REASON_MAX + 1];

	if (end && !why)
		snprintf(detail, sizeof(detail), "still unknown: %s %d",
			end->is_timed_out ? "its time was over, exit" : "exit", end->exit_status);
	else
		snprintf(detail, sizeof(detail), "still unknown: %s", why);
	return store_note(st, op, event, detail, clock_wall_ms());
}

static enum err probe(struct store *st, const struct config *cf, const struct route *route,
	const struct operation *op, const struct ending *end)
{
	struct record_policy policy = record_policy_of(cf, route);
	int64_t now_ms = clock_wall_ms();
	enum err e;

	if (end->is_killed || end->is_timed_out || end->exit_status > 1)
		return note(st, op, "probe", end, NULL);
	if (end->exit_status == 1)
		return store_free(st, op, "not done", "the probe says so", now_ms);
	if (end->is_output_lost)
		return note(st, op, "probe", NULL, "there was no room to keep its output");
	e = record_settled(st, op, &policy, end, "done", "the probe says so");
	return e == ERR_INVALID ? note(st, op, "probe", NULL, err_text()) : e;
}

static enum err rollback(struct store *st, const struct operation *op, const struct ending *end)
{
	int64_t now_ms = clock_wall_ms();

	if (end->is_killed || end->is_timed_out || end->exit_status != 0)
		return note(st, op, "rollback", end, NULL);
	return store_free(st, op, "rolled back", "the rollback says so", now_ms);
}

static enum err ask(struct store *st, const struct config *cf, const struct route *route,
	struct keeper_link *link, const struct operation *op)
{
	bool is_probe = route->on_uncertain == UNCERTAIN_PROBE;
	struct past past = {.body = SPOOL_CLOSED};
	struct ending end = ENDING_NONE;
	enum err e = past_read(st, route, op, &past);

	if (e == OK)
		e = run_command(
			cf, route, is_probe ? route->probe : route->rollback, &past, link, &end);
	if (e == ERR_ABSENT) /* no request was kept, or the command does not start */
		e = note(st, op, is_probe ? "probe" : "rollback", NULL, err_text());
	else if (e == OK)
		e = is_probe ? probe(st, cf, route, op, &end) : rollback(st, op, &end);
	ending_free(&end);
	past_free(&past);
	return e;
}

/* When a command was asked last in vain; 0: never. */
static bool find_last(const struct history *h, void *arg)
{
	if (strcmp(h->event, "probe") == 0 || strcmp(h->event, "rollback") == 0)
		*(int64_t *)arg = h->at_ms;
	return true;
}

enum err uncertain_settle(struct store *st, const struct config *cf, const struct route *route,
	struct keeper_link *link, struct operation *op)
{
	char ref[REF_LEN + 1];
	int64_t asked_ms = 0;
	int lock_fd = -1;
	enum err e;

	if (route->on_uncertain != UNCERTAIN_PROBE && route->on_uncertain != UNCERTAIN_ROLLBACK)
		return OK;
	e = liveness_lock_settling(st, op->id, &lock_fd);
	if (e != OK)
		return e;
	operation_ref(op, ref);
	e = store_find_ref(st, ref, op, NULL); /* as it is now that nobody else settles it */
	if (e == OK)
		e = store_history(st, op->id, find_last, &asked_ms);
	/* A clock that went back must not make it wait: hence the absolute difference. */
	if (e == OK && op->state == STATE_UNCERTAIN &&
		llabs(clock_wall_ms() - asked_ms) >= PAUSE_MS) {
		e = ask(st, cf, route, link, op);
		if (e == OK || e == ERR_REFUSED)
			e = store_find_ref(st, ref, op, NULL);
	}
	close(lock_fd);
	return e;
}

/* ---- recover ---- */

/* Runs the recorded request once more; there is nobody to answer. */
static enum err run_again(struct store *st, const struct config *cf, const struct route *route,
	struct keeper_link *link, const struct operation *previous)
{
	const struct watch watch = {.stop = {{-1, 0, 0}, {-1, 0, 0}}, .on_text = log_text};
	struct record_policy policy = record_policy_of(cf, route);
	struct past past = {.body = SPOOL_CLOSED};
	struct ending end = ENDING_NONE;
	struct recorded rec = {0};
	struct script script = {0};
	struct operation op = *previous;
	struct variables vars = {0};
	enum script_problem problem;
	enum verdict verdict = VERDICT_FREE;
	char attempt[16];
	int failed = 0;
	enum err e = past_read(st, route, previous, &past);

	if (e == OK)
		e = variables_copy(&(struct variables){.list = past.environment}, &vars);
	snprintf(attempt, sizeof(attempt), "%d", previous->attempts + 1);
	if (e == OK)
		e = variables_set(&vars, "IDEMPOTENCY_ATTEMPT", attempt);
	if (e == OK)
		e = script_open(past_value(&past, "SCRIPT_FILENAME"), cf, route, &script, &problem);
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
			.stdin_fd = past.body.fd,
			.second_fd = liveness_witness_fd(st),
		};

		claim_prepare(st, previous, clock_wall_ms(), claim_time_limit_ms(cf, route), &op);
		e = link_order(link, &spec);
	}
	if (e == OK) {
		e = claim_take(st, &(struct claim){.op = &op}, &verdict);
		if (e != OK || verdict != VERDICT_TAKEN)
			link_forget(link);
		else
			e = link_go(link);
	}
	if (e == OK && verdict == VERDICT_TAKEN) {
		e = link_wait(link, &watch, &end, &failed);
		if (e == ERR_ABSENT)
			e = store_release(st, &op);
		else if (e == OK)
			e = record_run(st, &op, &policy, &end, &rec);
		if (e == OK)
			link_forget(link);
		else
			link_hand_over(link);
	}
	response_free(&rec.res);
	ending_free(&end);
	script_free(&script);
	variables_free(&vars);
	past_free(&past);
	return e;
}

struct found {
	struct operation *list;
	size_t n, room;
};

static bool collect(const struct operation *op, void *arg)
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

static enum err find_all(struct store *st, enum state state, struct found *f)
{
	struct store_filter filter = {.state = state};

	f->n = 0;
	return store_list(st, &filter, collect, f);
}

static const struct route *route_of(const struct config *cf, const struct operation *op)
{
	for (size_t i = 0; i < cf->n_routes; i++)
		if (!cf->routes[i].match || strcmp(cf->routes[i].match, op->route) == 0)
			return &cf->routes[i];
	return NULL;
}

static enum err recover_one(
	struct store *st, const struct config *cf, struct keeper_link *link, struct operation *op)
{
	const struct route *route = route_of(cf, op);
	char ref[REF_LEN + 1];
	enum err e;

	if (!route || op->state != STATE_UNCERTAIN)
		return OK;
	operation_ref(op, ref);
	e = uncertain_may_rerun(route, op) ? run_again(st, cf, route, link, op)
					   : uncertain_settle(st, cf, route, link, op);
	if (e == OK)
		e = store_find_ref(st, ref, op, NULL);
	return e == ERR_BUSY ? OK : e; /* somebody else is at it */
}

enum err uncertain_recover(struct store *st, const struct config *cf, struct keeper_link *link,
	int64_t *settled, int64_t *left)
{
	struct found f = {0};
	enum err e = find_all(st, STATE_RUNNING, &f);

	*settled = *left = 0;
	for (size_t i = 0; i < f.n && e == OK; i++) {
		e = claim_settle(st, &f.list[i]);
		*settled += f.list[i].state == STATE_DONE || f.list[i].state == STATE_ABSENT;
	}
	if (e == OK)
		e = find_all(st, STATE_UNCERTAIN, &f);
	for (size_t i = 0; i < f.n && e == OK; i++) {
		e = recover_one(st, cf, link, &f.list[i]);
		if (e == ERR_ABSENT) { /* its request or its script is not there any more */
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
