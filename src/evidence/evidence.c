/* SPDX-License-Identifier: ISC */
/*
 * evidence/evidence.c - what lives of an operation's runs
 *
 * Three things are asked, from what tells most to what tells least:
 *
 *     the run table   the script's process and its start time, its session and group, and whether
 *                     the keeper, which is the parent of every process that has lost its own, lives
 *     the mark        a limit that a process hands on to all that it starts (run_row_mark())
 *     the environment IDEMPOTENCY_OPERATION, which a script hands on unless it changes it
 *
 * RULES
 *   (1) A row of a keeper that lives counts as alive: that keeper frees the row when nothing of the
 *       run is left (unit/evidence, t84-evidence).
 *   (2) What cannot be asked counts as alive: another PID or time namespace, a table that cannot be
 *       read, a row that is damaged, and processes that /proc hides (unit/evidence).
 *   (3) Of an earlier boot nothing lives (unit/evidence).
 *
 * Does not know: stores, states, and what follows from an answer.
 */
#include "evidence/evidence.h"

#include "evidence/processes.h"
#include "evidence/run_table.h"

#include <stdio.h>
#include <string.h>

#define ROWS_MAX 64 /* runs of one operation that are looked at one by one */

struct search {
	int64_t id, nonce;
	const char *spool, *ref;
	struct evidence *out;
	struct {
		struct run_row row;
		enum row_state state;
	} found[ROWS_MAX];
	size_t n;
	bool has_table;
};

static void not_known(struct evidence *out, const char *why)
{
	out->anything_lives = true;
	if (!out->unknown[0])
		snprintf(out->unknown, sizeof(out->unknown), "%s", why);
}

/* A row of a run of this operation, or one that may be. */
static bool take_row(const struct run_row *row, enum row_state state, void *arg)
{
	struct search *s = arg;

	if (state == ROW_DAMAGED) {
		char why[sizeof(s->out->unknown)];

		snprintf(why, sizeof(why),
			"a row of the table of runs is damaged: start the machine anew, or stop "
			"its gateways and, when none of their scripts runs any more, remove "
			"%s/runs",
			s->spool);
		not_known(s->out, why);
		return true;
	}
	if (state == ROW_OVER || row->op_id != s->id || row->op_nonce != s->nonce)
		return true;
	if (s->n == ROWS_MAX) {
		not_known(s->out, "the operation has too many runs");
		return false;
	}
	s->found[s->n].row = *row;
	s->found[s->n++].state = state;
	return true;
}

static const char *describe(const struct search *s, const struct process *p)
{
	for (size_t i = 0; i < s->n; i++)
		if (p->pid == s->found[i].row.pid)
			return s->found[i].row.kind == RUN_KIND_SCRIPT ? "the script"
								       : "the policy's command";
	return p->belongs ? "started by it" : "perhaps started by it";
}

/* A name is the process's own choice: only printable ASCII is shown. */
static void copy_name(char to[16], const char from[16])
{
	for (size_t i = 0; i < 16; i++)
		to[i] = (char)(from[i] == '\0' || (from[i] >= ' ' && from[i] < 127) ? from[i]
										    : '?');
}

/* Names the processes, the scripts and commands themselves first. */
static void name_processes(const struct search *s, const struct processes *all, bool is_first)
{
	struct evidence *out = s->out;

	for (size_t i = 0; i < all->n; i++) {
		const struct process *p = &all->list[i];
		bool may = p->belongs;
		const char *what = describe(s, p);

		for (size_t k = 0; k < s->n && !may; k++)
			may = s->found[k].state == ROW_KEPT &&
			      processes_adopted(p, (pid_t)s->found[k].row.keeper_pid,
				      s->found[k].row.made_after_ns);
		if (!may || (strncmp(what, "the", 3) == 0) != is_first)
			continue;
		if (out->n < LIVING_NAMED) {
			out->living[out->n].pid = p->pid;
			copy_name(out->living[out->n].name, p->name);
			out->living[out->n].what = what;
		}
		out->n++;
	}
}

/* Judges the rows together with the processes. */
static void judge_rows(struct search *s, struct processes *all)
{
	struct evidence *out = s->out;
	for (size_t i = 0; i < s->n; i++) {
		const struct run_row *row = &s->found[i].row;
		bool is_script = row->kind == RUN_KIND_SCRIPT, lives;

		if (s->found[i].state == ROW_ELSEWHERE) {
			not_known(out, "it was started in another PID or time namespace");
			out->script_lives = out->script_lives || is_script;
			continue;
		}
		lives = processes_have_root(all, row);
		if (s->found[i].state == ROW_LEFT && all->is_partial)
			not_known(out, "/proc does not show every process here");
		out->script_lives = out->script_lives ||
				    (is_script && (lives || s->found[i].state == ROW_KEPT));
		out->anything_lives = out->anything_lives || lives || s->found[i].state == ROW_KEPT;
		processes_claim(all, row, 0, s->ref);
	}
	if (processes_claim(all, NULL, run_row_mark(s->id, s->nonce), s->ref) > 0) {
		out->anything_lives = true;
		/* Without a table any of them may be the script; a script has its row in one. */
		out->script_lives = out->script_lives || !s->has_table;
	}
}

void evidence_look(
	const char *spool, int64_t id, int64_t nonce, const char *ref, struct evidence *out)
{
	struct search s = {.id = id, .nonce = nonce, .spool = spool, .ref = ref, .out = out};
	struct processes all = {0};
	enum err e;

	*out = (struct evidence){0};
	e = run_table_read(spool, take_row, &s);
	s.has_table = e == OK;
	if (e != OK && e != ERR_ABSENT) {
		not_known(out, err_text());
		out->script_lives = true;
	}
	if (processes_read(true, &all) != OK) {
		not_known(out, err_text());
		out->script_lives = true;
		return;
	}
	judge_rows(&s, &all);
	name_processes(&s, &all, true);
	name_processes(&s, &all, false);
	processes_free(&all);
}

void evidence_text(const struct evidence *e, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < e->n && i < LIVING_NAMED && at + 48 < size; i++)
		at += (size_t)snprintf(buf + at, size - at, "%sprocess %d (%s)", at ? ", " : "",
			(int)e->living[i].pid, e->living[i].name);
	if (e->n > LIVING_NAMED && at + 24 < size)
		snprintf(buf + at, size - at, " and more");
	if (e->n == 0)
		snprintf(buf, size, "%s",
			e->unknown[0]       ? e->unknown
			: e->anything_lives ? "the keeper has not seen the last of it"
					    : "nothing");
}
