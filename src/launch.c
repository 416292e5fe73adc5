/* SPDX-License-Identifier: ISC */
/*
 * launch.c - from a list of strings to a running program
 *
 * The new process shares our memory until its exec, and we sleep that long: nothing of a big
 * address space is copied, and what it could not do it says in a variable.  posix_spawn(3) does the
 * same, but knows no limits, and sets 64 signal actions and asks for seven limits for each program.
 *
 * RULES THAT HOLD
 *   (1) The program gets descriptors 0, 1 and 2 and nothing else.
 *   (2) When the answer is an errno, nothing of the program has run.
 *   (3) The keeper, which calls this, never has the limits itself: it would be stopped by them.
 *   (4) The new process changes nothing in the memory but its own stack and that variable.
 *       (valgrind gives it memory of its own: what could not be started seems to have ended.)
 *
 * What it does not know: what is started, and who waits for it.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_BYTES 65536

/* Its frames are left by an exec: a sanitizer must not remember them for whoever comes next. */
#define ON_ITS_STACK __attribute__((no_sanitize("address")))

/* setrlimit(2) of what the route says; what is stricter already stays so.  0, or an errno. */
ON_ITS_STACK static int limit(const struct limits *l)
{
	/* SIGXCPU, which says why, comes a second before SIGKILL. */
	const rlim_t cpu_s = (rlim_t)((l->cpu_ms + 999) / 1000);
	const struct {
		int resource;
		rlim_t soft, hard;
	} all[] = {
		{RLIMIT_CPU, cpu_s, cpu_s + 1},
		{RLIMIT_AS, (rlim_t)l->memory_bytes, (rlim_t)l->memory_bytes},
		{RLIMIT_NPROC, (rlim_t)l->processes, (rlim_t)l->processes},
		{RLIMIT_FSIZE, (rlim_t)l->file_bytes, (rlim_t)l->file_bytes},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct rlimit now;

		if (all[i].soft == 0)
			continue;
		if (getrlimit(all[i].resource, &now) != 0)
			return errno;
		if (all[i].hard < now.rlim_max)
			now.rlim_max = all[i].hard;
		if (all[i].soft < now.rlim_cur)
			now.rlim_cur = all[i].soft;
		if (setrlimit(all[i].resource, &now) != 0)
			return errno;
	}
	return 0;
}

/* An errno, or it does not return. */
ON_ITS_STACK static int become(const struct launch *s)
{
	sigset_t none;
	int rc;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	for (int i = 0; i < 3; i++)
		if (dup2(s->fds[i], i) < 0)
			return errno;
	/* The flag is of Linux 5.11; all that is open in the keeper is CLOEXEC anyway. */
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
		close_range(3, ~0U, 0);
	if (chdir(s->dir) != 0)
		return errno;
	rc = limit(s->limits);
	if (rc != 0)
		return rc;
	execve(s->argv[0], s->argv, s->env);
	return errno;
}

struct start {
	const struct launch *launch;
	volatile int failed;
};

/* In the new process. */
ON_ITS_STACK static int begin(void *arg)
{
	struct start *start = arg;

	start->failed = become(start->launch);
	_exit(127);
}

void launch_prepare(void)
{
	/* The kernel's own form: sigaction(2) of the C library refuses the two signals that it uses
	 * itself, which a posix_spawn(3) of some ancestor may have left ignored. */
	static const unsigned long by_default[8]; /* SIG_DFL, no flags, an empty mask */
	sigset_t all;

	for (int sig = 1; sig < NSIG; sig++)
		syscall(SYS_rt_sigaction, sig, by_default, NULL, (NSIG - 1) / 8);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

int launch(const struct launch *s, pid_t *pid)
{
	static _Alignas(16) char stack[STACK_BYTES]; /* one is started at a time */
	struct start start = {.launch = s};
	int rc;

	*pid = clone(begin, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &start);
	if (*pid < 0)
		return errno;
	rc = start.failed;
	if (rc != 0)
		waitpid(*pid, NULL, 0);
	return rc;
}
