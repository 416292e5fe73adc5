/* SPDX-License-Identifier: ISC */
/*
 * keeper/living.c - a run's row in the run table, and what is left of it after its script
 *
 * The keeper is a child subreaper: a process whose parents have died becomes its child, whatever
 * session, group or user it has.  So while the keeper has no children but those that it started,
 * nothing is left of any run that has ended.
 *
 * RULES
 *   (1) A run that did not end well keeps its row until nothing of it is left (t84-evidence).
 *   (2) The time limit ends all that a run has started, in whatever session, and the log names what
 *       it could not end (t84-evidence).
 *   (3) Only what certainly belongs to a run is signalled; what may belong to it counts as alive
 *       (t84-evidence).
 *   (4) Where /proc hides processes, a child that the keeper did not start and cannot see counts
 *       for every run that has not ended well (t84-evidence).
 *   (5) A keeper whose gateway was started by a run sheds that run's mark, so that it tells what it
 *       starts itself (t84-evidence).
 *   (6) However many runs reach their time limit, end or are looked at together, /proc is read once
 *       for all of them (unit/living).
 *   (7) What a script that ended well has started is left alone, and does not keep the keeper
 *       (t12-classics, t23-shutdown).
 *
 * Does not know: how the script is started, and who wants its answer.
 */
#include "keeper/living.h"

#include "base/clock.h"
#include "base/log.h"
#include "evidence/processes.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_US       20000  /* until it is looked again, after a child has ended */
#define KILL_AGAIN_US 100000 /* a process may have been started while the others were killed */
#define READ_AGAIN_US 500000 /* /proc could not be read */

/* ---- the row ---- */

static struct run_table *find_table(struct keeper *k, const char *spool)
{
	struct keeper_table *t;
	size_t len = strlen(spool) + 1;

	for (t = k->tables; t; t = t->next)
		if (strcmp(t->spool, spool) == 0)
			return t->table;
	t = calloc(1, sizeof(*t) + len);
	if (!t || run_table_open(spool, &t->table) != OK) {
		if (!t)
			(void)err_set(ERR_NOMEM, "%s: out of memory", spool);
		free(t);
		return NULL;
	}
	memcpy(t->spool, spool, len);
	t->next = k->tables;
	k->tables = t;
	return t->table;
}

static int refuse_row(void)
{
	log_warn("no script is started: %s", err_text());
	return EIO;
}

/* Where the account has a limit, there are no marks.  A mark that we have inherited is none. */
static bool has_marks(void)
{
	struct rlimit now;

	return sizeof(now.rlim_cur) == 8 && getrlimit(RLIMIT_RTTIME, &now) == 0 &&
	       now.rlim_max == RLIM_INFINITY &&
	       (now.rlim_cur == RLIM_INFINITY || run_row_is_mark(now.rlim_cur));
}

void living_start(void)
{
	const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};

	if (has_marks())
		setrlimit(RLIMIT_RTTIME, &none);
}

int living_begin(struct keeper *k, struct child *c)
{
	static int marks = -1;
	const struct operation *op = &c->order->op;
	struct run_name name = {.op_id = op->id,
		.op_nonce = op->nonce,
		.attempt = op->attempts,
		.is_command = !c->order->is_protected};
	struct run_table *table = NULL;

	if (marks < 0)
		marks = has_marks();
	if (op->id != 0) {
		table = find_table(k, c->strings.spool);
		if (!table || run_table_take(table, &c->launch.row_at) != OK)
			return refuse_row();
		c->table = table;
		run_table_fill(table, &name, &c->launch.row);
	} else { /* no row: but the time limit wants to know what it is */
		c->launch.row = (struct run_row){.made_after_ns = run_row_clock_ns()};
		name.op_id = getpid();
		name.op_nonce = ++k->n_passed;
	}
	c->launch.table_fd = table ? run_table_fd(table) : -1;
	c->launch.mark = marks ? run_row_mark(name.op_id, name.op_nonce) : 0;
	return 0;
}

void living_forget(struct child *c)
{
	if (c->table)
		run_table_give(c->table, c->launch.row_at);
	c->table = NULL;
}

/* ---- what belongs to a run ---- */

static void ref_of(const struct child *c, char ref[REF_LEN + 1])
{
	ref[0] = '\0';
	if (c->order->op.id != 0)
		operation_ref(&c->order->op, ref);
}

static struct run_row row_of(const struct child *c)
{
	struct run_row row = c->launch.row;

	if (!c->table) {
		row.pid = c->pid;
		row.made_before_ns = INT64_MAX / 2;
	}
	return row;
}

/* Signals what is marked as belonging.  Returns how many we may not signal; *first: one of them. */
static size_t signal_all(const struct processes *all, int sig, const struct process **first)
{
	size_t failed = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct process *p = &all->list[i];
		int why = p->belongs ? processes_signal(p, sig) : 0;

		if (why == EPERM) {
			*first = p;
			failed++;
		}
		if (p->belongs && sig == SIGTERM) /* a stopped process does not see TERM */
			processes_signal(p, SIGCONT);
	}
	return failed;
}

/* The processes, for this pass.  NULL: they cannot be read now, and all live until they can. */
static struct processes *processes_now(struct keeper *k)
{
	struct pass *pass = &k->pass;

	if (!pass->has_read) {
		pass->has_read = true;
		pass->has_failed = processes_read(true, &pass->all) != OK;
		if (pass->has_failed)
			log_warn("what scripts have started cannot be looked for now: %s",
				err_text());
	}
	return pass->has_failed ? NULL : &pass->all;
}

void living_end_pass(struct keeper *k)
{
	processes_free(&k->pass.all);
	k->pass = (struct pass){0};
}

/* Marks what belongs to a run, and nothing else.  Returns how many processes. */
static size_t claim(struct processes *all, const struct run_row *row, uint64_t mark,
	const char ref[REF_LEN + 1])
{
	_Static_assert(PROCESS_REF == REF_LEN, "a ref is a ref");
	processes_disclaim(all);
	return processes_claim(all, row, mark, ref);
}

void living_signal(struct keeper *k, const struct child *c, int sig)
{
	struct processes *all;
	struct run_row row = row_of(c);
	const struct process *first;
	char ref[REF_LEN + 1];

	/* The group at once; until setsid(2) has made one, the process alone. */
	if (kill(-c->pid, sig) != 0)
		kill(c->pid, sig);
	if (sig == SIGTERM && kill(-c->pid, SIGCONT) != 0)
		kill(c->pid, SIGCONT);
	all = processes_now(k);
	if (!all)
		return;
	ref_of(c, ref);
	claim(all, &row, c->launch.mark, ref);
	for (size_t i = 0; i < all->n; i++) /* they have had it */
		all->list[i].belongs = all->list[i].belongs && all->list[i].group != c->pid;
	signal_all(all, sig, &first);
}

/* ---- what is left ---- */

static bool is_known(const struct keeper *k, pid_t pid)
{
	for (const struct child *c = k->children; c; c = c->next)
		if ((c->pid == pid && !c->has_exited) || c->recorder_pid == pid)
			return true;
	return false;
}

/* Of a child: it waits to be collected. */
static bool has_ended(pid_t pid)
{
	siginfo_t si = {0};

	return waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) != 0 || si.si_pid != 0;
}

/*
 * Has the keeper children that live and that it did not start?  Also when that cannot be found out.
 * Those that are in `seen` do not count; it may be NULL.
 */
static bool has_adopted(const struct keeper *k, const struct processes *seen)
{
	FILE *children = fopen("/proc/thread-self/children", "re");
	bool found = !children;
	char *text = NULL;
	size_t room = 0;

	while (!found && getdelim(&text, &room, ' ', children) > 0) {
		pid_t pid = (pid_t)strtol(text, NULL, 10);

		found = !is_known(k, pid) && !(seen && processes_find(seen, pid)) &&
			!has_ended(pid);
	}
	free(text);
	if (children) {
		found = found || !feof(children);
		fclose(children);
	}
	return found;
}

/* Found out once in a pass. */
static bool is_true(enum answer *answer, const struct keeper *k, const struct processes *seen)
{
	if (*answer == NOT_ASKED)
		*answer = has_adopted(k, seen) ? YES : NO;
	return *answer == YES;
}

/* Sets r->needs_us.  True: something is left. */
static bool look(struct keeper *k, struct remains *r, struct processes *all)
{
	bool is_left = claim(all, &r->row, r->mark, r->ref) > 0;

	r->needs_us = false;
	for (size_t i = 0; i < all->n; i++) {
		const struct process *p = &all->list[i];
		bool may = *r->ref && !p->belongs &&
			   processes_adopted(p, getpid(), r->row.made_after_ns);

		is_left = is_left || may;
		r->needs_us = r->needs_us || may || (p->belongs && p->mark != r->mark);
	}
	/* A child of ours that /proc hides may be of any run, like one that has shed its signs. */
	if (*r->ref && all->is_partial && is_true(&k->pass.has_hidden, k, all))
		is_left = r->needs_us = true;
	return is_left;
}

static void look_at(struct keeper *k, int64_t when_us)
{
	if (k->look_us == 0 || when_us < k->look_us)
		k->look_us = when_us;
}

/* Looks, if /proc can be read; else r is looked at again later.  True: something is left. */
static bool look_now(struct keeper *k, struct remains *r)
{
	struct processes *all = processes_now(k);
	int64_t again_us = clock_mono_us() + READ_AGAIN_US;

	if (all)
		return look(k, r, all);
	r->needs_us = true;
	look_at(k, again_us);
	if (r->kill_us < again_us)
		r->kill_us = again_us;
	return true;
}

static bool ended_well(const struct child *c)
{
	return WIFEXITED(c->wait_status) && WEXITSTATUS(c->wait_status) == 0 && !c->is_timed_out &&
	       !c->is_output_lost;
}

void living_end(struct keeper *k, struct child *c)
{
	struct remains *r = NULL;

	if ((c->table || c->is_timed_out) && !ended_well(c) &&
		is_true(&k->pass.has_adopted, k, NULL)) {
		r = calloc(1, sizeof(*r));
		if (!r) { /* what is left cannot be watched: the row stays */
			log_warn("out of memory: a run counts as alive until its keeper ends");
			c->table = NULL;
		}
	}
	if (r) {
		r->table = c->table;
		r->row_at = c->launch.row_at;
		r->row = row_of(c);
		r->mark = c->launch.mark;
		r->kill_us = c->is_timed_out ? clock_mono_us() + c->order->kill_after_ms * 1000
					     : INT64_MAX;
		if (c->is_timed_out && c->kill_us < r->kill_us)
			r->kill_us = c->kill_us;
		ref_of(c, r->ref);
		if (look_now(k, r)) {
			r->next = k->remains;
			k->remains = r;
			c->table = NULL; /* the row is r's */
		} else {
			free(r);
		}
	}
	living_forget(c);
}

static void free_remains(struct keeper *k, struct remains *r)
{
	for (struct remains **at = &k->remains; *at; at = &(*at)->next)
		if (*at == r) {
			*at = r->next;
			break;
		}
	if (r->table)
		run_table_give(r->table, r->row_at);
	free(r);
}

/* Its time is over: nothing of it may go on. */
static void kill_remains(struct remains *r, const struct processes *all, int64_t now_us)
{
	const struct process *first = NULL;
	size_t failed, belong = 0;

	for (size_t i = 0; i < all->n; i++)
		belong += all->list[i].belongs;
	failed = signal_all(all, SIGKILL, &first);
	r->kill_us = belong > failed ? now_us + KILL_AGAIN_US : INT64_MAX;
	if (failed == 0 || r->is_told)
		return;
	log_warn("%s%s: %zu processes cannot be ended at its time limit, such as process %d (%s); "
		 "they count as alive",
		*r->ref ? "operation " : "a run", r->ref, failed, (int)first->pid, first->name);
	r->is_told = true;
}

void living_lost_one(struct keeper *k)
{
	if (k->remains)
		look_at(k, clock_mono_us() + LOOK_US);
}

int64_t living_due(const struct keeper *k)
{
	int64_t due_us = k->look_us ? k->look_us : INT64_MAX;

	for (const struct remains *r = k->remains; r; r = r->next)
		if (r->kill_us < due_us)
			due_us = r->kill_us;
	return k->remains ? due_us : INT64_MAX;
}

void living_tick(struct keeper *k, int64_t now_us)
{
	k->look_us = INT64_MAX;
	for (struct remains *r = k->remains, *next; r; r = next) {
		next = r->next;
		if (!look_now(k, r))
			free_remains(k, r);
		else if (now_us >= r->kill_us)
			kill_remains(r, &k->pass.all, now_us);
	}
}

bool living_needs_keeper(const struct keeper *k)
{
	for (const struct remains *r = k->remains; r; r = r->next)
		if (r->needs_us || r->kill_us != INT64_MAX)
			return true;
	return false;
}
