/* SPDX-License-Identifier: ISC */
/*
 * keeper/launch.c - from a list of strings to a running program
 *
 * The new process shares our memory until its exec, so that no address space is copied; it has a
 * stack of its own, and we go on meanwhile.  It reports its failure in a variable.  (posix_spawn(3)
 * waits until each program is loaded, knows no limits, and sets 64 signal actions.)
 *
 * RULES
 *   (1) The program gets descriptors 0, 1 and 2 and nothing else (unit/launch).
 *   (2) When `failed` is an errno, nothing of the program has run (unit/launch).
 *   (3) The keeper, which calls this, never has the limits itself: they would stop it
 *       (unit/launch).
 *   (4) The new process changes nothing in the keeper's memory but its stack, its row and `failed`
 *       (unit/launch).
 *   (5) There is no program without its row in the run table, and without its mark: the process
 *       writes them before it becomes the program, and ends where it cannot (unit/launch).
 *
 * The new process makes its system calls by itself, because the C library would set errno, which
 * is the keeper's.  On processors for which this file has no such calls, the keeper waits until the
 * process has become the program.
 *
 * valgrind refuses such a process; built with -DLAUNCH_WAITS we wait for each, which it can follow.
 *
 * Does not know: which program it starts, and why.
 */
#include "keeper/launch.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* An exec leaves its frames: a sanitizer must not remember them for the next process here. */
#define ON_ITS_STACK __attribute__((no_sanitize("address")))

/* One system call: its result, or an errno as a negative number. */
#if defined(__x86_64__) && defined(__LP64__) && !defined(LAUNCH_WAITS)
#define WE_WAIT 0
ON_ITS_STACK static long system_call(long number, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long rc;

	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return rc;
}
#elif defined(__aarch64__) && defined(__LP64__) && !defined(LAUNCH_WAITS)
#define WE_WAIT 0
ON_ITS_STACK static long system_call(long number, long a, long b, long c, long d)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	return x0;
}
#else
#define WE_WAIT CLONE_VFORK
ON_ITS_STACK static long system_call(long number, long a, long b, long c, long d)
{
	long rc = syscall(number, a, b, c, d);

	return rc < 0 ? -errno : rc;
}
#endif

/* Of open files, for us and for programs: each run takes several descriptors here, and a soft limit
 * above 1024 would break programs that use select(2). */
static struct {
	uint64_t soft, hard; /* as prlimit64(2) has it everywhere */
} most_files, files_of_programs;

#define OPEN_FILES_MAX 65536

/* Sets the route's limits; a limit that is stricter already stays so.  0, or -errno. */
ON_ITS_STACK static long set_limits(const struct limits *l)
{
	/* SIGXCPU, which says why, comes a second before SIGKILL. */
	const uint64_t cpu_s = (uint64_t)((l->cpu_ms + 999) / 1000);
	const struct {
		int resource;
		uint64_t soft, hard;
	} all[] = {
		{RLIMIT_CPU, cpu_s, cpu_s + 1},
		{RLIMIT_AS, (uint64_t)l->memory_bytes, (uint64_t)l->memory_bytes},
		{RLIMIT_NPROC, (uint64_t)l->processes, (uint64_t)l->processes},
		{RLIMIT_FSIZE, (uint64_t)l->file_bytes, (uint64_t)l->file_bytes},
	};
	long rc = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && rc == 0; i++) {
		struct {
			uint64_t soft, hard;
		} now; /* as prlimit64(2) has it everywhere */

		if (all[i].soft == 0)
			continue;
		rc = system_call(SYS_prlimit64, 0, all[i].resource, 0, (long)&now);
		if (rc != 0)
			break;
		if (all[i].hard < now.hard)
			now.hard = all[i].hard;
		if (all[i].soft < now.soft)
			now.soft = all[i].soft;
		rc = system_call(SYS_prlimit64, 0, all[i].resource, (long)&now, 0);
	}
	return rc;
}

/*
 * Writes the row.  The locks by which the keeper proves to be alive are in our copies of its
 * descriptors until the program starts, so no other process finds the keeper dead and no row.
 */
ON_ITS_STACK static long write_row(struct launch *s)
{
	struct timespec now = {0};
	long rc;

	s->row.pid = system_call(SYS_getpid, 0, 0, 0, 0);
	rc = system_call(SYS_clock_gettime, CLOCK_BOOTTIME, (long)&now, 0, 0);
	if (rc != 0)
		return rc;
	s->row.made_before_ns = now.tv_sec * 1000000000L + now.tv_nsec;
#ifdef __LP64__
	rc = system_call(
		SYS_pwrite64, s->table_fd, (long)&s->row, (long)sizeof(s->row), (long)s->row_at);
#else
	rc = pwrite(s->table_fd, &s->row, sizeof(s->row), (off_t)s->row_at) < 0
		     ? -errno
		     : (long)sizeof(s->row);
#endif
	return rc == (long)sizeof(s->row) ? 0 : rc < 0 ? rc : -ENOSPC;
}

/* The caller has made sure that there is no hard limit. */
ON_ITS_STACK static void set_mark(uint64_t mark)
{
	const struct {
		uint64_t soft, hard;
	} limit = {mark, UINT64_MAX}; /* as prlimit64(2) has it everywhere */

	system_call(SYS_prlimit64, 0, RLIMIT_RTTIME, (long)&limit, 0);
}

/* -errno, or it does not return. */
ON_ITS_STACK static long become_program(struct launch *s)
{
	static const uint64_t none[2];
	long rc = 0;

	system_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)none, 0, (NSIG - 1) / 8);
	system_call(SYS_setsid, 0, 0, 0, 0);
	if (s->has_umask)
		system_call(SYS_umask, s->umask, 0, 0, 0);
	if (s->mark != 0)
		set_mark(s->mark);
	if (s->table_fd >= 0)
		rc = write_row(s);
	if (rc != 0)
		return rc;
	for (int i = 0; i < 3; i++) {
		rc = system_call(SYS_dup3, s->fds[i], i, 0, 0);
		if (rc < 0)
			return rc;
	}
	/* The flag is of Linux 5.11; all that is open in the keeper is CLOEXEC anyway. */
	if (system_call(SYS_close_range, 3, UINT_MAX, CLOSE_RANGE_CLOEXEC, 0) != 0)
		system_call(SYS_close_range, 3, UINT_MAX, 0, 0);
	rc = most_files.soft == files_of_programs.soft
		     ? 0
		     : system_call(SYS_prlimit64, 0, RLIMIT_NOFILE, (long)&files_of_programs, 0);
	if (rc == 0)
		rc = system_call(SYS_chdir, (long)s->dir, 0, 0, 0);
	if (rc == 0)
		rc = set_limits(s->limits);
	if (rc == 0)
		rc = system_call(SYS_execve, (long)s->argv[0], (long)s->argv, (long)s->env, 0);
	return rc;
}

/* In the new process. */
ON_ITS_STACK static int begin_program(void *arg)
{
	struct launch *s = arg;

	s->failed = (int)-become_program(s);
	return LAUNCH_FAILED; /* its exit status: clone(3) ends the process, in one system call */
}

void launch_prepare(void)
{
	/* The kernel's own form: sigaction(2) of the C library refuses the two signals that it uses
	 * itself, which a posix_spawn(3) of some ancestor may have left ignored. */
	static const unsigned long by_default[8]; /* SIG_DFL, no flags, an empty mask */
	sigset_t all;

	if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &files_of_programs) == 0) {
		most_files = files_of_programs;
		if (most_files.soft < OPEN_FILES_MAX)
			most_files.soft =
				most_files.hard < OPEN_FILES_MAX ? most_files.hard : OPEN_FILES_MAX;
		if (most_files.soft != files_of_programs.soft &&
			syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &most_files, NULL) != 0)
			most_files = files_of_programs;
	}
	for (int sig = 1; sig < NSIG; sig++)
		syscall(SYS_rt_sigaction, sig, by_default, NULL, (NSIG - 1) / 8);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

int launch(struct launch *s, pid_t *pid)
{
	s->failed = 0;
	*pid = clone(begin_program, s->stack + sizeof(s->stack), CLONE_VM | WE_WAIT | SIGCHLD, s);
	if (*pid < 0 && errno == EINVAL) /* an emulator knows only those that are waited for */
		*pid = clone(begin_program, s->stack + sizeof(s->stack),
			CLONE_VM | CLONE_VFORK | SIGCHLD, s);
	return *pid < 0 ? errno : 0;
}
