/* SPDX-License-Identifier: ISC */
/*
 * spawn.c - how many runs of a script a machine can make without any gateway
 *
 *   spawn SECONDS PROCESSES DIRECTORY PROGRAM SIZE
 *
 * Each process starts the program with a body of 3 bytes, reads its answer of SIZE bytes and waits
 * for its end, over and over.  Prints runs a second.  No gateway can be faster on this machine.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run(const char *dir, char *argv[], char *env[])
{
	posix_spawn_file_actions_t fa;
	static char buf[65536];
	int in = memfd_create("body", MFD_CLOEXEC), out[2], status = 0;
	size_t got = 0;
	ssize_t n;
	pid_t pid;

	if (in < 0 || write(in, "a=1", 3) != 3 || lseek(in, 0, SEEK_SET) != 0 ||
		pipe2(out, O_CLOEXEC) != 0)
		return 0;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, in, 0);
	posix_spawn_file_actions_adddup2(&fa, out[1], 1);
	posix_spawn_file_actions_addchdir_np(&fa, dir);
	if (posix_spawn(&pid, argv[0], &fa, NULL, argv, env) != 0)
		return 0;
	posix_spawn_file_actions_destroy(&fa);
	close(out[1]);
	close(in);
	while ((n = read(out[0], buf, sizeof(buf))) > 0)
		got += (size_t)n;
	close(out[0]);
	waitpid(pid, &status, 0);
	return status == 0 && got > 0;
}

int main(int argc, char *argv[])
{
	char query[64], *program[2] = {0};
	char *env[] = {query, "CONTENT_LENGTH=3", "REQUEST_METHOD=POST", "PATH=/usr/bin:/bin", NULL};
	double end;
	int n, pipe_fds[2];
	long total = 0;

	if (argc != 6)
		return 100;
	n = atoi(argv[2]);
	program[0] = argv[4];
	snprintf(query, sizeof(query), "QUERY_STRING=%s", argv[5]);
	if (pipe(pipe_fds) != 0)
		return 111;
	end = now() + atof(argv[1]);
	for (int i = 0; i < n; i++)
		if (fork() == 0) {
			long runs = 0;

			while (now() < end) {
				if (!run(argv[3], program, env))
					_exit(1);
				runs++;
			}
			_exit(write(pipe_fds[1], &runs, sizeof(runs)) != sizeof(runs));
		}
	for (int i = 0; i < n; i++) {
		int status;
		long runs;

		wait(&status);
		if (status != 0 || read(pipe_fds[0], &runs, sizeof(runs)) != sizeof(runs))
			return 1;
		total += runs;
	}
	printf("%.1f\n", (double)total / atof(argv[1]));
	return 0;
}
