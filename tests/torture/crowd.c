/* SPDX-License-Identifier: ISC */
/*
 * crowd.c - the descendants of the supervisor, sorted by what they are
 *
 *     supervisor +- gateway --- keeper +- recorder
 *                |                     +- script, or a policy's command --- what it has started
 *                +- operator --- verb --- keeper
 *                +- whatever has lost its parents
 */
#include "crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static void add(struct pids *list, pid_t pid)
{
	if (list->n < MANY)
		list->pid[list->n++] = pid;
}

void children_of(pid_t pid, struct pids *out)
{
	char path[64];
	FILE *f;
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	f = fopen(path, "re");
	out->n = 0;
	while (f && fscanf(f, "%d", &child) == 1)
		add(out, child);
	if (f)
		fclose(f);
}

static bool is_called(pid_t pid, const char *name)
{
	char path[64], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	if (f && !fgets(comm, sizeof(comm), f))
		*comm = '\0';
	if (f)
		fclose(f);
	comm[strcspn(comm, "\n")] = '\0';
	return strcmp(comm, name) == 0;
}

uint64_t start_of(pid_t pid)
{
	char path[64], line[1024] = "", *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f && !fgets(line, sizeof(line), f))
		*line = '\0';
	if (f)
		fclose(f);
	at = strrchr(line, ')');
	/* The 22nd field; the second one ends there. */
	for (int i = 0; at && i < 20; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

/* A script, or a policy's command, and what it has started. */
static void add_script(struct crowd *c, pid_t script, int depth)
{
	struct pids *children = depth < 4 ? malloc(sizeof(*children)) : NULL;

	add(&c->scripts, script);
	if (!children)
		return;
	children_of(script, children);
	for (int i = 0; i < children->n; i++)
		add_script(c, children->pid[i], depth + 1);
	free(children);
}

static void add_keeper(const struct known *k, struct crowd *c, pid_t keeper)
{
	static struct pids children;

	if (!k->is_stalled(k->arg, keeper))
		add(&c->keepers, keeper);
	children_of(keeper, &children);
	for (int i = 0; i < children.n; i++)
		if (is_called(children.pid[i], "retrysafe-recor"))
			add(&c->recorders, children.pid[i]);
		else
			add_script(c, children.pid[i], 0);
}

static void add_keepers_of(const struct known *k, struct crowd *c, pid_t parent)
{
	static struct pids keepers;

	children_of(parent, &keepers);
	for (int i = 0; i < keepers.n; i++)
		add_keeper(k, c, keepers.pid[i]);
}

static void add_verbs_of(const struct known *k, struct crowd *c, pid_t operator)
{
	static struct pids verbs;

	children_of(operator, & verbs);
	for (int i = 0; i < verbs.n; i++) {
		add(&c->verbs, verbs.pid[i]);
		add_keepers_of(k, c, verbs.pid[i]);
	}
}

void look_around(const struct known *k, struct crowd *c)
{
	static struct pids mine;

	c->gateways.n = c->keepers.n = c->recorders.n = c->scripts.n = c->verbs.n = 0;
	children_of(getpid(), &mine);
	for (int i = 0; i < mine.n; i++) {
		pid_t pid = mine.pid[i];

		if (k->is_gateway(k->arg, pid)) {
			if (!k->is_stalled(k->arg, pid))
				add(&c->gateways, pid);
			add_keepers_of(k, c, pid);
		} else if (k->is_operator(k->arg, pid)) {
			add_verbs_of(k, c, pid);
		} else if (is_called(pid, "retrysafe-keep")) {
			add_keeper(k, c, pid);
		} else if (is_called(pid, "retrysafe-recor")) {
			add(&c->recorders, pid);
		} else {
			add_script(c, pid, 0);
		}
	}
}
