/* SPDX-License-Identifier: ISC */
/*
 * cli/notify.c - `recover` lets retrysafe-notify deliver what is due
 *
 * The program lies beside this one.  It is the only program that is started here, and only by an
 * operator's verb; it is not there on hosts that were not meant to send anything.
 */
#include "cli/notify.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Beside our own executable, whatever link it was started by.  False: it cannot be found out. */
static bool find_program(char *path, size_t size)
{
	static const char name[] = "retrysafe-notify";
	ssize_t n = readlink("/proc/self/exe", path, size - sizeof(name));
	char *slash;

	if (n <= 0)
		return false;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return false;
	memcpy(slash + 1, name, sizeof(name));
	return true;
}

void cli_notify(const char *config_path)
{
	char path[PATH_MAX] = "retrysafe-notify", option[] = "--config", config[PATH_MAX];
	char *argv[] = {path, option, config, NULL};
	pid_t pid;
	int rc, status;

	snprintf(config, sizeof(config), "%s", config_path);
	rc = find_program(path, sizeof(path)) ? posix_spawn(&pid, path, NULL, NULL, argv, environ)
					      : ENOENT;
	if (rc != 0) {
		fprintf(stderr,
			"retrysafe: messages of webhooks are due, and %s cannot be started: %s\n",
			path, strerror(rc));
		return;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}
