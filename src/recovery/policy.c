/* SPDX-License-Identifier: ISC */
/*
 * recovery/policy.c - what a route's policy makes of an uncertain operation
 *
 *     UNCERTAIN --- probe: exit 0 and a CGI response ---> DONE
 *         |
 *         +-------- probe: exit 1; rollback: exit 0 ----> absent, its row kept: the next claim
 *         |                                               takes it over, one attempt more
 *         +-------- rerun ------------------------------> RUNNING, one attempt more
 *         |
 *         +-------- anything else ----------------------> UNCERTAIN, one line more in its history
 *
 * RULES
 *   (1) A process that settles an operation holds the operation's own lock, and so does the keeper
 *       while a command works for it; others leave it alone meanwhile (unit/policy, t84-evidence).
 *   (2) The commands get the request as it was recorded before the script was started: its
 *       environment, its body on standard input, its script's directory (t34-uncertain).
 *   (3) A command is not asked again within a second, however many callers retry (t34-uncertain).
 *   (4) max_attempts bounds how often a script is run again without asking; a probe or a rollback
 *       that says that nothing was done may free the key at any time (t34-uncertain).
 *   (5) No policy acts while a process of an earlier run, or of an earlier command, lives
 *       (t34-uncertain, t84-evidence).
 *
 * Does not know: clients and their answers.
 */
#include "recovery/policy.h"

#include "base/log.h"
#include "keeper/run.h"
#include "operation/claim.h"
#include "operation/record.h"
#include "recovery/past_request.h"
#include "store/listing.h"
#include "store/liveness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_MS 1000 /* rule (3) */

bool policy_may_rerun(const struct store *st, const struct route *route, const struct operation *op)
{
	return route->on_uncertain == UNCERTAIN_RERUN && op->state == STATE_UNCERTAIN &&
	       op->attempts < route->max_attempts && !claim_anything_lives(st, op);
}

/* ---- commands ---- */

/* An operation that is being settled. */
struct policy_work {
	const struct route *route;
	const struct operation *op;
	struct keeper_link *link;
	int lock_fd; /* liveness_lock_settling() */
};

/*
 * Runs a command with the past request.  The keeper holds a copy of the lock for as long as the
 * command works: so no second process settles the operation when this one has to leave.
 */
static enum err run_command(const struct config *cf, const struct policy_work *work,
	strings command, const struct past_request *past, struct ending *end)
{
	const struct route *route = work->route;
	const struct watch watch = WATCH_NOTHING;
	struct script script = {.path = command[0], .dir = past->dir, .argv = command};
	struct record_policy policy = record_policy_of(cf, route);
	struct run_spec spec = {
		.has_time_limit = true,
		.script = &script,
		.environment = past->vars.list,
		.route = route,
		.store_url = "",
		.spool = cf->spool,
		.op = work->op,
		.policy = &policy,
		.has_umask = past->has_umask,
		.umask = past->umask,
		.stdin_fd = past->body.fd,
		.second_fd = work->lock_fd,
	};

	return run_unclaimed(work->link, &spec, &watch, end);
}

/* Its outcome is still not known; the history says so. */
static enum err note_unknown(struct store *st, const struct operation *op, const char *event,
	const struct ending *end, const char *why)
{
	char detail[REASON_MAX + 1];

	if (end && !why)
		snprintf(detail, sizeof(detail), "still unknown: %s %d",
			end->is_timed_out ? "its time was over, exit" : "exit", end->exit_status);
	else
		snprintf(detail, sizeof(detail), "still unknown: %s", why);
	return store_note(st, op, event, detail, store_now_ms(st));
}

static enum err settle_by_probe(struct store *st, const struct config *cf,
	const struct route *route, const struct operation *op, const struct ending *end)
{
	struct record_policy policy = record_policy_of(cf, route);
	int64_t now_ms = store_now_ms(st);
	enum err e;

	if (end->is_killed || end->is_timed_out || end->exit_status > 1)
		return note_unknown(st, op, "probe", end, NULL);
	if (end->exit_status == 1)
		return store_free(st, op, "not done", "the probe says so", now_ms);
	if (end->is_output_lost)
		return note_unknown(st, op, "probe", NULL, "there was no room to keep its output");
	e = record_settled(st, op, &policy, end, "done", "the probe says so");
	return e == ERR_INVALID ? note_unknown(st, op, "probe", NULL, err_text()) : e;
}

static enum err settle_by_rollback(
	struct store *st, const struct operation *op, const struct ending *end)
{
	int64_t now_ms = store_now_ms(st);

	if (end->is_killed || end->is_timed_out || end->exit_status != 0)
		return note_unknown(st, op, "rollback", end, NULL);
	return store_free(st, op, "rolled back", "the rollback says so", now_ms);
}

struct said {
	const char *text;
	bool is_last;
};

static bool compare_last(const struct history *h, void *arg)
{
	struct said *said = arg;

	said->is_last = strstr(h->detail, said->text) != NULL;
	return true;
}

/* Does the last line of its history say so already? */
static bool has_said(struct store *st, const struct operation *op, const char *text)
{
	char copy[REASON_MAX + 1];
	struct said said = {copy, false};

	snprintf(copy, sizeof(copy), "%s", text);
	return store_history(st, op->id, compare_last, &said) == OK && said.is_last;
}

static enum err ask_command(
	struct store *st, const struct config *cf, const struct policy_work *work)
{
	const struct route *route = work->route;
	const struct operation *op = work->op;
	bool is_probe = route->on_uncertain == UNCERTAIN_PROBE;
	struct past_request past = PAST_REQUEST_NONE;
	struct ending end = ENDING_NONE;
	enum err e = past_request_read(st, cf, route, op, &past);

	if (e == OK)
		e = run_command(cf, work, is_probe ? route->probe : route->rollback, &past, &end);
	if (e == ERR_ABSENT && has_said(st, op, err_text()))
		e = OK;           /* nothing has changed, and the history must not grow for it */
	else if (e == ERR_ABSENT) /* no request was kept, or the command does not start */
		e = note_unknown(st, op, is_probe ? "probe" : "rollback", NULL, err_text());
	else if (e == OK)
		e = is_probe ? settle_by_probe(st, cf, route, op, &end)
			     : settle_by_rollback(st, op, &end);
	ending_free(&end);
	past_request_free(&past);
	return e;
}

/* When a command was last asked without a decision; stays as it is when never. */
static bool find_last_asked(const struct history *h, void *arg)
{
	if (strcmp(h->event, "probe") == 0 || strcmp(h->event, "rollback") == 0)
		*(int64_t *)arg = h->at_ms;
	return true;
}

enum err policy_settle(struct store *st, const struct config *cf, const struct route *route,
	struct keeper_link *link, struct operation *op)
{
	char ref[REF_LEN + 1];
	int64_t asked_ms = 0;
	int lock_fd = -1;
	enum err e;

	if (op->state != STATE_UNCERTAIN || (route->on_uncertain != UNCERTAIN_PROBE &&
						    route->on_uncertain != UNCERTAIN_ROLLBACK))
		return OK;
	e = liveness_lock_settling(st, op->id, &lock_fd);
	if (e != OK)
		return e;
	operation_ref(op, ref);
	e = store_find_ref(st, ref, op, NULL); /* as it is now, under the lock */
	if (e == OK)
		e = store_history(st, op->id, find_last_asked, &asked_ms);
	/* The absolute difference, so that a clock that went back does not delay the command. */
	if (e == OK && op->state == STATE_UNCERTAIN &&
		llabs(store_now_ms(st) - asked_ms) >= PAUSE_MS && !claim_anything_lives(st, op)) {
		e = ask_command(st, cf, &(struct policy_work){route, op, link, lock_fd});
		if (e == OK || e == ERR_REFUSED)
			e = store_find_ref(st, ref, op, NULL);
	}
	close(lock_fd);
	return e;
}
