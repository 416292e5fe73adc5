/* SPDX-License-Identifier: ISC */
/*
 * crowd.h - which processes the supervisor may hit, by what they are
 */
#ifndef RETRYSAFE_TORTURE_CROWD_H
#define RETRYSAFE_TORTURE_CROWD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MANY 1024

struct pids {
	pid_t pid[MANY];
	int n;
};

struct crowd {
	struct pids gateways, keepers, recorders, scripts, verbs;
};

/* What the supervisor knows of its own children. */
struct known {
	bool (*is_gateway)(const void *arg, pid_t pid);
	bool (*is_operator)(const void *arg, pid_t pid);
	bool (*is_stalled)(const void *arg, pid_t pid); /* left alone until it goes on */
	const void *arg;
};

void children_of(pid_t pid, struct pids *out);

/* When a process was started, in ticks since the boot; 0: it is gone. */
uint64_t start_of(pid_t pid);

/* Sorts all descendants of this process but the operators; a list that is full takes no more. */
void look_around(const struct known *known, struct crowd *c);

#endif
