/* SPDX-License-Identifier: ISC */
/*
 * cli/notify.c - starts retrysafe-notify after `recover`, to deliver the messages that are due
 *
 * The program is in the directory of this one; on a host that must not send anything it is not
 * installed.  cli/notify.c starts no other program, and only for an operator's verb
 * (lint/own_forks).
 */
#include "cli/notify.h"

#include "cli/program.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void cli_notify(const char *config_path)
{
	char path[PATH_MAX] = "retrysafe-notify", option[] = "--config", config[PATH_MAX];
	char *argv[] = {path, option, config, NULL};
	pid_t pid;
	int rc, status;

	snprintf(config, sizeof(config), "%s", config_path);
	rc = program_path("retrysafe-notify", path, sizeof(path))
		     ? posix_spawn(&pid, path, NULL, NULL, argv, environ)
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
