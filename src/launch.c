/* SPDX-License-Identifier: ISC */
/*
 * launch.c - posix_spawn(3), and the same with limits, which it does not know
 *
 * RULES THAT HOLD
 *   (1) The program gets descriptors 0, 1 and 2 and nothing else.
 *   (2) When the answer is an errno, nothing of the program has run.
 *   (3) The keeper, which calls this, never has the limits itself: it would be stopped by them.
 *
 * What it does not know: what is started, and who waits for it.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int spawn(const struct launch *s, pid_t *pid)
{
	posix_spawn_file_actions_t fa;
	int rc = posix_spawn_file_actions_init(&fa);

	if (rc != 0)
		return rc;
	for (int i = 0; i < 3 && rc == 0; i++)
		rc = posix_spawn_file_actions_adddup2(&fa, s->fds[i], i);
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(&fa, 3);
	if (rc == 0)
		rc = posix_spawn_file_actions_addchdir_np(&fa, s->dir);
	if (rc == 0)
		rc = posix_spawn(pid, s->argv[0], &fa, s->attr, s->argv, s->env);
	posix_spawn_file_actions_destroy(&fa);
	return rc;
}

/* setrlimit(2) of what the route says; what is stricter already stays so.  0, or an errno. */
static int limit(const struct limits *l)
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

/* In the new process.  An errno, or it does not return. */
static int become(const struct launch *s)
{
	/* The kernel's own form: sigaction(2) of the C library refuses the two signals that it uses
	 * itself, which a posix_spawn(3) of some ancestor may have left ignored. */
	static const unsigned long by_default[8]; /* SIG_DFL, no flags, an empty mask */
	sigset_t none;
	int rc;

	for (int sig = 1; sig < NSIG; sig++)
		syscall(SYS_rt_sigaction, sig, by_default, NULL, (NSIG - 1) / 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	for (int i = 0; i < 3; i++)
		if (dup2(s->fds[i], i) < 0)
			return errno;
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0 || chdir(s->dir) != 0)
		return errno;
	rc = limit(s->limits);
	if (rc != 0)
		return rc;
	execve(s->argv[0], s->argv, s->env);
	return errno;
}

/* What the new process says before its exec closes the pipe is why it failed. */
static int spawn_limited(const struct launch *s, pid_t *pid)
{
	int report[2], rc = 0;

	if (pipe2(report, O_CLOEXEC) != 0)
		return errno;
	*pid = fork();
	if (*pid == 0) {
		rc = become(s);
		(void)!write(report[1], &rc, sizeof(rc));
		_exit(127);
	}
	if (*pid < 0)
		rc = errno;
	close(report[1]);
	if (rc == 0 && read(report[0], &rc, sizeof(rc)) == (ssize_t)sizeof(rc))
		waitpid(*pid, NULL, 0);
	close(report[0]);
	return rc;
}

int launch(const struct launch *s, pid_t *pid)
{
	const struct limits *l = s->limits;
	bool has_limits = l->cpu_ms || l->memory_bytes || l->processes || l->file_bytes;

	return has_limits ? spawn_limited(s, pid) : spawn(s, pid);
}
