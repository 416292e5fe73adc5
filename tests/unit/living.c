/* SPDX-License-Identifier: ISC */
/*
 * Claim: the keeper reads /proc once, however many runs reach their time limit, end, or are looked
 * at together.
 */
#include "evidence/processes.h"

static int reads;
static bool fails;

/* In place of processes_read(). */
static enum err count_read(bool has_refs, struct processes *out)
{
	reads++;
	if (fails)
		return err_set(ERR_NOMEM, "/proc: a failure of the test");
	return processes_read(has_refs, out);
}

#define processes_read count_read
#include "keeper/living.c"
#undef processes_read

#include "keeper/child.h"
#include "keeper/keeper.c"

#include "tap.h"

#define RUNS 20

static char spool[] = "/tmp/rs-unit-XXXXXX";
static struct keeper k = {.control_fd = -1, .signal_fd = -1};
static struct client clients[RUNS];

/* Starts a script that leaves a process that is deaf to TERM. */
static void start(int n)
{
	static _Alignas(struct order) char buf[ORDER_MAX];
	static const char script[] = "(trap '' TERM; exec setsid sleep 60) & exec sleep 60";
	const char *const argv[] = {"/bin/sh", "-c", script, NULL}, *const env[] = {NULL};
	struct order_strings s = {.dir = "/",
		.url = "",
		.spool = spool,
		.argv = (char **)(uintptr_t)argv,
		.env = (char **)(uintptr_t)env};
	struct order o = {.kind = MESSAGE_ORDER,
		.serial = n + 1,
		.is_protected = true,
		.has_time_limit = true,
		.timeout_ms = 60000,
		.kill_after_ms = 60000,
		.op.id = n + 1,
		.op.deadline_mono_ms = INT64_MAX};
	int pair[2], fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		exit(111);
	clients[n] = (struct client){.fd = pair[0], .lazy_fd = -1};
	fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	child_accept(&k, &clients[n], buf, protocol_pack(&o, &s, buf), fds);
	child_start(&k, k.children);
}

/* How many scripts, and what they have left, have become what they are to be. */
static int count_sleepers(void)
{
	struct processes all = {0};
	int n = 0;

	if (processes_read(false, &all) != OK)
		exit(111);
	for (size_t i = 0; i < all.n; i++)
		for (int run = 0; run < RUNS; run++)
			n += all.list[i].mark == run_row_mark(run + 1, 0) &&
			     strcmp(all.list[i].name, "sleep") == 0;
	processes_free(&all);
	return n;
}

static int count_remains(void)
{
	int n = 0;

	for (const struct remains *r = k.remains; r; r = r->next)
		n++;
	return n;
}

/* Waits until as many children have ended, and collects none. */
static void await_ends(int wanted)
{
	for (int n = 0; n < wanted; usleep(10000)) {
		struct processes all = {0};
		FILE *children = fopen("/proc/thread-self/children", "re");
		int pid;

		n = 0;
		if (!children || processes_read(false, &all) != OK)
			exit(111);
		while (fscanf(children, "%d", &pid) == 1)
			n += !processes_find(&all, pid);
		processes_free(&all);
		fclose(children);
	}
}

int main(void)
{
	char file[64];

	alarm(60);
	if (!mkdtemp(spool) || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		return 111;
	snprintf(file, sizeof(file), "%s/runs", spool);
	for (int i = 0; i < RUNS; i++)
		start(i);
	while (count_sleepers() < 2 * RUNS)
		usleep(10000);
	for (struct child *c = k.children; c; c = c->next)
		c->deadline_us = 0;
	run_timers(&k);
	is_int(reads, 1, "%d runs reach their time limit: /proc is read once", RUNS);
	await_ends(RUNS);
	reads = 0;
	child_reap(&k);
	is_int(reads, 1, "all of them end: once");
	is_int(count_remains(), RUNS, "and each has left something");
	for (struct remains *r = k.remains; r; r = r->next)
		r->kill_us = 0;
	reads = 0;
	run_timers(&k);
	is_int(reads, 1, "what they have left is killed: once");
	await_ends(RUNS);
	child_reap(&k);
	reads = 0;
	k.look_us = 1;
	fails = true;
	run_timers(&k);
	is_int(reads, 1, "it is looked again, in vain: once");
	is_int(count_remains(), RUNS, "and everything counts as alive");
	reads = 0;
	k.look_us = 1;
	fails = false;
	run_timers(&k);
	is_int(reads, 1, "in the next pass: once");
	is_int(count_remains(), 0, "and nothing is left");
	unlink(file);
	rmdir(spool);
	return done_testing();
}
