/* SPDX-License-Identifier: ISC */
/*
 * Claim: with and without limits a program starts in the same way, clean, with its limits and
 * nobody else's; when the answer is an errno nothing was started; and whoever starts programs may
 * go on at once, with other programs and with an errno of its own.
 */
#include "keeper/launch.h"

#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/rs-unit-XXXXXX";

static const struct limits none;
static const struct limits some = {.file_bytes = INT64_C(1) << 40};

/* ---- one program ---- */

static int exit_status;
static pid_t last_pid;

/* What the program writes to 1 and 2; owned.  rc: why it was not started, or 0. */
static char *run(const struct limits *limits, char *const argv[], char *const env[], int *rc)
{
	int in = memfd_create("in", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
	struct launch how = {.limits = limits,
		.dir = dir,
		.argv = (char **)(uintptr_t)argv,
		.env = (char **)(uintptr_t)env,
		.fds = {in, out, out},
		.table_fd = -1};
	char *text;
	off_t len;
	int status = 0;

	(void)!pwrite(in, "input", 5, 0);
	last_pid = -1;
	*rc = launch(&how, &last_pid);
	if (*rc == 0) {
		waitpid(last_pid, &status, 0);
		*rc = how.failed;
	}
	exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	len = lseek(out, 0, SEEK_END);
	text = calloc(1, (size_t)len + 1);
	(void)!pread(out, text, (size_t)len, 0);
	close(in);
	close(out);
	return text;
}

/* What a line of the shell writes. */
static char *shell(const struct limits *limits, const char *line)
{
	char *argv[] = {(char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-c",
		(char *)(uintptr_t)line, NULL};
	char *env[] = {(char *)(uintptr_t) "A=1", (char *)(uintptr_t) "PATH=/usr/bin:/bin", NULL};
	int rc;
	char *text = run(limits, argv, env, &rc);

	if (rc != 0)
		ok(0, "a step of the test: %s", strerror(rc));
	return text;
}

static void says(const struct limits *limits, const char *line, const char *want)
{
	char *got = shell(limits, line);

	is_str(got, want, "%s: %s", limits == &none ? "without limits" : "with limits", line);
	free(got);
}

/* ---- a clean start ---- */

static void start_clean(const struct limits *limits)
{
	char want[64];
	char *got;

	says(limits, "cat", "input");
	says(limits, "echo a; echo b >&2", "a\nb\n");
	says(limits, "env | grep -v -e PWD= -e _= | sort", "A=1\nPATH=/usr/bin:/bin\n");
	snprintf(want, sizeof(want), "%s\n", dir);
	says(limits, "pwd -P", want);
	says(limits, "ls /proc/$$/fd; :", "0\n1\n2\n");
	says(limits, "cat /proc/self/status | sed -n '/^Sig[BIC]/p'",
		"SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
		"SigCgt:\t0000000000000000\n");
	got = shell(limits, "cut -d' ' -f5,6 /proc/$$/stat; :");
	snprintf(want, sizeof(want), "%d %d\n", (int)last_pid, (int)last_pid);
	is_str(got, want, "it leads a session and a group of its own");
	free(got);
	free(shell(limits, "kill -9 $$"));
	is_int(exit_status, 128 + 9, "its end is seen");
	free(shell(limits, "exit 7"));
	is_int(exit_status, 7, "and its exit status");
}

/* What must not come through: descriptors, blocked, ignored and caught signals. */
static void soil_ourselves(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t all;

	is_int(dup2(STDIN_FILENO, 100), 100, "a descriptor that is left open");
	is_int(dup2(STDIN_FILENO, 900), 900, "and one far away");
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	sigaction(SIGRTMIN + 3, &ignore, NULL);
	/* As posix_spawn(3) leaves it to those that it starts; only the kernel can be told so. */
	syscall(SYS_rt_sigaction, 32, (const unsigned long[8]){1}, NULL, 8);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

/* ---- limits ---- */

/* A line of /proc/self/limits: "Max cpu time", then soft and hard. */
static void limited(const struct limits *limits, const char *name, const char *want)
{
	char line[160];
	char *got;

	snprintf(line, sizeof(line),
		"sed -n 's/^%s  *\\([^ ]*\\)  *\\([^ ]*\\).*/\\1 \\2/p' /proc/self/limits", name);
	got = shell(limits, line);
	if (*got)
		got[strlen(got) - 1] = '\0';
	is_str(got, want, "%s", name);
	free(got);
}

static const char *own(int resource)
{
	static char text[2][48];
	static int next;
	char *out = text[next++ % 2];
	struct rlimit now;

	getrlimit(resource, &now);
	snprintf(out, sizeof(text[0]), now.rlim_cur == RLIM_INFINITY ? "unlimited" : "%llu",
		(unsigned long long)now.rlim_cur);
	snprintf(out + strlen(out), sizeof(text[0]) - strlen(out),
		now.rlim_max == RLIM_INFINITY ? " unlimited" : " %llu",
		(unsigned long long)now.rlim_max);
	return out;
}

static void set_limits(void)
{
	struct limits all = {.cpu_ms = 2500,
		.memory_bytes = INT64_C(512) << 20,
		.processes = 5000,
		.file_bytes = 123456};
	struct rlimit before, after;
	char path[64];
	struct stat sb = {0};

	getrlimit(RLIMIT_FSIZE, &before);
	limited(&all, "Max cpu time", "3 4");
	limited(&all, "Max address space", "536870912 536870912");
	limited(&all, "Max processes", "5000 5000");
	limited(&all, "Max file size", "123456 123456");
	free(shell(&all, "head -c 1000000 /dev/zero >file"));
	snprintf(path, sizeof(path), "%s/file", dir);
	stat(path, &sb);
	is_int(sb.st_size, 123456, "a file ends there");
	getrlimit(RLIMIT_FSIZE, &after);
	ok(before.rlim_cur == after.rlim_cur && before.rlim_max == after.rlim_max,
		"whoever starts it has no such limit");

	limited(&(struct limits){.cpu_ms = 1000}, "Max cpu time", "1 2");
	limited(&(struct limits){.cpu_ms = 1}, "Max cpu time", "1 2");
	limited(&(struct limits){.cpu_ms = 1001}, "Max cpu time", "2 3");
	limited(&(struct limits){.cpu_ms = 1000}, "Max file size", own(RLIMIT_FSIZE));
	limited(&(struct limits){.file_bytes = 1 << 20}, "Max address space", own(RLIMIT_AS));
	limited(&none, "Max cpu time", own(RLIMIT_CPU));
	limited(&none, "Max processes", own(RLIMIT_NPROC));
}

/* What is stricter already stays so: the soft limit first, then the hard one, which is for good. */
static void keep_stricter_ones(void)
{
	struct rlimit own_limit;

	getrlimit(RLIMIT_FSIZE, &own_limit);
	own_limit.rlim_cur = 1 << 20;
	setrlimit(RLIMIT_FSIZE, &own_limit);
	limited(&(struct limits){.file_bytes = 2 << 20}, "Max file size", "1048576 2097152");
	limited(&(struct limits){.file_bytes = 1 << 19}, "Max file size", "524288 524288");
	own_limit.rlim_max = 3 << 20;
	setrlimit(RLIMIT_FSIZE, &own_limit);
	limited(&(struct limits){.file_bytes = 4 << 20}, "Max file size", "1048576 3145728");
	limited(&(struct limits){.file_bytes = 2 << 20}, "Max file size", "1048576 2097152");
}

/* ---- what cannot be started ---- */

static void refuse(const struct limits *limits, char *const argv[], char *const env[], int want,
	const char *what)
{
	int rc;
	char *text = run(limits, argv, env, &rc);

	is_int(rc, want, "%s, %s limits: %s", what, limits == &none ? "without" : "with",
		strerror(want));
	is_str(text, "", "nothing has run");
	ok(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "and nobody is left");
	free(text);
}

static void start_nothing(const struct limits *limits)
{
	static char longest[256 * 1024];
	char path[64], old[sizeof(dir)];
	char *missing[] = {(char *)(uintptr_t) "/nonexistent/program", NULL};
	char *file[] = {path, NULL}, *echo[] = {(char *)(uintptr_t) "/bin/echo", NULL};
	char *empty[] = {NULL}, *large[] = {longest, NULL};

	refuse(limits, missing, empty, ENOENT, "no such program");
	memset(longest, 'a', sizeof(longest) - 1);
	refuse(limits, echo, large, E2BIG, "too long an environment");
	refuse(limits, (char *[]){echo[0], longest, NULL}, empty, E2BIG, "too long an argument");
	snprintf(path, sizeof(path), "%s/program", dir);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	refuse(limits, file, empty, EACCES, "not executable");
	chmod(path, 0700);
	refuse(limits, file, empty, ENOEXEC, "no format that is known");
	unlink(path);
	snprintf(old, sizeof(old), "%s", dir);
	snprintf(dir, sizeof(dir), "/nonexistent");
	refuse(limits, echo, empty, ENOENT, "no such directory");
	snprintf(dir, sizeof(dir), "%s", old);
}

/* ---- many at once ---- */

#define MANY 200

/* Half of them cannot be started; meanwhile no call of ours fails with somebody else's errno. */
static void start_many(void)
{
	static struct launch how[MANY];
	static pid_t pids[MANY];
	char *yes[] = {(char *)(uintptr_t) "/bin/true", NULL}, *empty[] = {NULL};
	char *no[] = {(char *)(uintptr_t) "/nonexistent/program", NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), wrong = 0, started = 0, ended = 0;

	null = fcntl(null, F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i < MANY; i++) {
		how[i] = (struct launch){.limits = i % 4 < 2 ? &none : &some,
			.dir = dir,
			.argv = i % 2 ? no : yes,
			.env = empty,
			.fds = {null, null, null},
			.table_fd = -1};
		started += launch(&how[i], &pids[i]) == 0;
		for (int n = 0; n < 1000; n++)
			wrong += close(-1) == 0 || errno != EBADF;
	}
	for (int i = 0; i < MANY; i++) {
		int status = 0;

		if (waitpid(pids[i], &status, 0) != pids[i] || !WIFEXITED(status))
			continue;
		ended += WEXITSTATUS(status) == (i % 2 ? LAUNCH_FAILED : 0) &&
			 how[i].failed == (i % 2 ? ENOENT : 0);
	}
	is_int(started, MANY, "%d programs are started without waiting for any", MANY);
	is_int(ended, MANY, "each says how it went");
	is_int(wrong, 0, "and none has touched our errno");
	close(null);
}

static int remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

int main(void)
{
	if (!mkdtemp(dir))
		return 111;
	soil_ourselves();
	launch_prepare();
	start_clean(&none);
	start_clean(&some);
	start_nothing(&none);
	start_nothing(&some);
	start_many();
	set_limits();
	keep_stricter_ones();
	nftw(dir, remove_one, 4, FTW_DEPTH | FTW_PHYS);
	return done_testing();
}
