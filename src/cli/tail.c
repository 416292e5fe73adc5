/* SPDX-License-Identifier: ISC */
/*
 * cli/tail.c - the verb tail: a line for each operation that ends, as the store shows it
 *
 * The store is looked at when its version has changed, at most four times a second:
 *
 *     new rows          those whose ids are behind those of the last look, less the time for which
 *                       a claim may have waited for its turn: ids are made before that
 *     the history       rows that became uncertain, were settled, run again, ...
 *     `released`        operations that are gone: only their refs are left
 *
 * The first look finds what runs already.  An operation that was seen is remembered while it runs,
 * and as long as its row counts as new.
 *
 * RULES
 *   (1) An operation's end is printed once (t18-status).
 *   (2) While nothing is written to the store, it is not read (t18-status).
 *   (3) An outcome is the word that the log has for it (t18-status).
 *
 * Does not know: answers to retries, which change nothing in the store.
 */
#include "cli/verbs.h"

#include "base/exit_code.h"
#include "base/spelling.h"
#include "cli/render.h"
#include "cli/store.h"
#include "cli/until.h"
#include "store/glance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_MS    250
#define SLACK_MS    1000  /* besides busy_timeout: a claim's own work */
#define RUNNING_MAX 10000 /* operations that run; more are not waited for */
#define PAGE        64
#define ENDS_MAX    1000 /* in one look; more are printed as they are found */

struct seen {
	int64_t id;
	enum state state;
	int attempts;
	bool is_found;        /* in this look */
	struct operation *op; /* while it runs: what is known of it when its row goes; owned */
};

struct tail {
	const struct cli *cli;
	struct store *st;
	struct seen *seen; /* by id; owned */
	size_t n, room;
	int64_t slack_ms;
	int64_t looked_ms;               /* when the last look began, in the store's time */
	int64_t event;                   /* the newest that is known */
	bool is_quiet;                   /* the first look: what is there already is not printed */
	struct operation ends[ENDS_MAX]; /* of this look, to be printed in their order */
	size_t n_ends;
	enum err e;
};

/* ---- lines ---- */

/* A response that is not the script's own, and an end without one, have a reason. */
static const char *outcome_of(const struct operation *op)
{
	switch (op->state) {
	case STATE_DONE:
	case STATE_EXPIRED:
		return op->reason[0] ? "script-failed" : "first";
	case STATE_UNCERTAIN:
		if (strncmp(op->reason, "its time was over", 17) == 0)
			return "script-timeout";
		return op->exit_status >= 0 ? "script-failed" : "outcome-uncertain";
	default:
		return "released";
	}
}

static void print_line(const struct tail *t, const struct operation *op, const char *ref)
{
	char at[CLI_TIME_MAX], status[12] = "-";
	const char *outcome = outcome_of(op);

	if (op->status)
		snprintf(status, sizeof(status), "%d", op->status);
	if (t->cli->json) {
		cli_print_json(json_pack("{s:s, s:s, s:s*, s:s, s:o, s:i, s:s*}", "time",
			cli_time_text(op->updated_ms, at), "ref", ref, "route",
			op->route[0] ? op->route : NULL, "outcome", outcome, "status",
			op->status ? json_integer(op->status) : json_null(), "attempts",
			op->attempts, "reason", op->reason[0] ? op->reason : NULL));
		return;
	}
	printf("%s  %s  %-17s  %3s  ", cli_time_text(op->updated_ms, at), ref, outcome, status);
	cli_put_text(op->route[0] ? op->route : "-");
	if (op->reason[0]) {
		printf("  ");
		cli_put_text(op->reason);
	}
	putchar('\n');
}

static int compare_ends(const void *a, const void *b)
{
	const struct operation *x = a, *y = b;

	return x->updated_ms != y->updated_ms ? (x->updated_ms > y->updated_ms ? 1 : -1)
	       : x->id != y->id               ? (x->id > y->id ? 1 : -1)
					      : 0;
}

static void print_ends(struct tail *t)
{
	char ref[REF_LEN + 1];

	qsort(t->ends, t->n_ends, sizeof(t->ends[0]), compare_ends);
	for (size_t i = 0; i < t->n_ends; i++) {
		operation_ref(&t->ends[i], ref);
		print_line(t, &t->ends[i], ref);
	}
	t->n_ends = 0;
}

static void report(struct tail *t, const struct operation *op)
{
	const char *route = t->cli->filter.route, *outcome = t->cli->outcome;

	if (t->is_quiet || op->state == STATE_RUNNING || (route && strcmp(route, op->route) != 0) ||
		(outcome && strcmp(outcome, outcome_of(op)) != 0))
		return;
	if (t->n_ends == ENDS_MAX)
		print_ends(t);
	t->ends[t->n_ends++] = *op;
}

/* ---- what was seen ---- */

static size_t place_of(const struct tail *t, int64_t id)
{
	size_t first = 0, last = t->n;

	while (first < last) {
		size_t middle = (first + last) / 2;

		if (t->seen[middle].id < id)
			first = middle + 1;
		else
			last = middle;
	}
	return first;
}

static struct seen *find(const struct tail *t, int64_t id)
{
	size_t i = place_of(t, id);

	return i < t->n && t->seen[i].id == id ? &t->seen[i] : NULL;
}

static struct seen *add(struct tail *t, int64_t id)
{
	size_t i;

	if (t->n == t->room) {
		size_t room = t->room ? t->room * 2 : 256;
		struct seen *more = realloc(t->seen, room * sizeof(*more));

		if (!more) {
			t->e = err_set(ERR_NOMEM, "tail: out of memory");
			return NULL;
		}
		t->seen = more;
		t->room = room;
	}
	i = place_of(t, id);
	memmove(&t->seen[i + 1], &t->seen[i], (t->n - i) * sizeof(*t->seen));
	t->n++;
	t->seen[i] = (struct seen){.id = id};
	return &t->seen[i];
}

static void keep_running(struct tail *t, struct seen *s, const struct operation *op)
{
	if (op->state != STATE_RUNNING) {
		free(s->op);
		s->op = NULL;
		return;
	}
	if (!s->op)
		s->op = malloc(sizeof(*s->op));
	if (s->op)
		*s->op = *op;
	else
		t->e = err_set(ERR_NOMEM, "tail: out of memory");
}

/* An operation as it is now. */
static bool observe(const struct operation *op, void *arg)
{
	struct tail *t = arg;
	struct seen *s = find(t, op->id);
	bool is_new = !s;

	if (is_new)
		s = add(t, op->id);
	if (!s)
		return false;
	s->is_found = true;
	if (is_new || s->attempts != op->attempts ||
		(s->state != op->state && op->state != STATE_EXPIRED))
		report(t, op);
	s->state = op->state;
	s->attempts = op->attempts;
	keep_running(t, s, op);
	return t->e == OK;
}

/* Its row is gone: nothing was started, or the route gave the key back. */
static void observe_gone(struct tail *t, struct seen *s, int64_t at_ms)
{
	struct operation op = *s->op;

	op.state = STATE_ABSENT;
	op.updated_ms = at_ms;
	observe(&op, t);
}

/* The least id of operations that began at a time. */
static int64_t id_at(int64_t ms)
{
	return (ms & ((INT64_C(1) << 43) - 1)) << 20;
}

/* Forgets what neither runs nor counts as new. */
static void forget(struct tail *t, int64_t from)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->n; i++)
		if (t->seen[i].state == STATE_RUNNING || t->seen[i].id >= from)
			t->seen[kept++] = t->seen[i];
	t->n = kept;
}

/* ---- a look ---- */

static enum err observe_id(struct tail *t, int64_t id)
{
	struct operation op;
	struct seen *s;
	enum err e = store_find_id(t->st, id, &op);

	if (e == OK)
		observe(&op, t);
	s = e == ERR_ABSENT ? find(t, id) : NULL;
	if (s && s->op)
		observe_gone(t, s, t->looked_ms);
	return e == ERR_ABSENT ? OK : e;
}

/* Does a line of the history only say that nothing has changed? */
static bool is_note(const struct store_event *ev)
{
	return strncmp(ev->detail, "still unknown", 13) == 0 ||
	       strcmp(ev->event, "request dropped") == 0;
}

static enum err look_at_events(struct tail *t)
{
	struct store_event page[PAGE];
	int64_t newest = 0;
	int n = PAGE;
	enum err e = store_newest_event(t->st, &newest);

	if (e == OK && (t->is_quiet || newest < t->event)) /* a purge has removed some */
		t->event = newest;
	while (e == OK && n == PAGE) {
		e = store_events(t->st, t->event, page, &n);
		for (int i = 0; i < n && e == OK; i++) {
			t->event = page[i].number;
			if (!is_note(&page[i]))
				e = observe_id(t, page[i].op_id);
		}
	}
	return e;
}

static enum err look_at_released(struct tail *t, int64_t from)
{
	struct operation page[PAGE];
	int n = PAGE;
	enum err e = OK;

	while (e == OK && n == PAGE) {
		e = store_released(t->st, from, page, &n);
		for (int i = 0; i < n && e == OK; i++) {
			struct seen *s = find(t, page[i].id);

			from = page[i].id;
			if (s && s->op)
				observe_gone(t, s, page[i].updated_ms);
			else if (!s)
				observe(&page[i], t);
		}
	}
	return e;
}

static enum err look(struct tail *t)
{
	int64_t from = id_at(t->looked_ms - t->slack_ms) - 1;
	enum err e;

	t->looked_ms = store_now_ms(t->st);
	if (t->is_quiet)
		from = id_at(t->looked_ms - t->slack_ms) - 1;
	for (size_t i = 0; i < t->n; i++)
		t->seen[i].is_found = false;
	e = store_oldest(t->st, STATE_ABSENT, from, INT64_MAX, observe, t);
	if (e == OK && t->is_quiet)
		e = store_oldest(t->st, STATE_RUNNING, INT64_MIN, RUNNING_MAX, observe, t);
	if (e == OK)
		e = look_at_events(t);
	if (e == OK)
		e = look_at_released(t, from);
	for (size_t i = 0; i < t->n && e == OK; i++)
		if (!t->seen[i].is_found && t->seen[i].state == STATE_RUNNING)
			e = observe_id(t, t->seen[i].id);
	print_ends(t);
	forget(t, id_at(t->looked_ms - t->slack_ms));
	return e == OK ? t->e : e;
}

/* ---- the verb ---- */

static bool is_outcome(const char *word)
{
	static const char *const words[] = {
		"first", "released", "script-failed", "script-timeout", "outcome-uncertain", NULL};
	const char *meant;

	for (const char *const *w = words; word && *w; w++)
		if (strcmp(word, *w) == 0)
			return true;
	if (!word)
		return true;
	meant = spelling_nearest(word, words);
	fprintf(stderr, "retrysafe: tail: --outcome ");
	cli_put(stderr, word, strlen(word), false);
	fprintf(stderr, ": write " TAIL_OUTCOMES);
	if (meant)
		fprintf(stderr, "; did you mean %s?", meant);
	else
		fprintf(stderr, ".  Other answers change nothing in the store; the log has them");
	fputc('\n', stderr);
	return false;
}

static enum err follow(struct tail *t)
{
	int64_t version = -1, before;
	enum err e;

	cli_until_begin();
	do {
		before = version;
		e = store_version(t->st, &version);
		if (e == OK && version != before)
			e = look(t);
		t->is_quiet = false;
	} while (e == OK && cli_until_pause(PAUSE_MS));
	return e;
}

int cli_tail(const struct cli *c)
{
	static struct tail t = {.is_quiet = true}; /* too large for the stack */
	struct config *cf = NULL;
	enum err e = OK;
	int code = is_outcome(c->outcome) ? cli_open_store(c, true, &cf, &t.st) : EXIT_USAGE;

	if (code != 0)
		return code;
	t.cli = c;
	if (cli_route_is_mistyped(cf, "tail", c->filter.route)) {
		code = EXIT_USAGE;
	} else {
		t.slack_ms = cf->busy_timeout_ms + SLACK_MS;
		e = follow(&t);
	}
	for (size_t i = 0; i < t.n; i++)
		free(t.seen[i].op);
	free(t.seen);
	store_close(&t.st);
	config_free(&cf);
	return e == OK ? code : cli_complain("tail", e);
}
