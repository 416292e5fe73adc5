/* SPDX-License-Identifier: ISC */
/*
 * cli/program.c - finds the programs beside this one, and becomes retrysafe-doctor
 *
 * Does not know: what they do, and which options they take.
 */
#include "cli/program.h"

#include "base/exit_code.h"
#include "cli/verbs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool program_path(const char *name, char *out, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", out, size - 1);
	char *slash;

	if (n <= 0)
		return false;
	out[n] = '\0';
	slash = strrchr(out, '/');
	if (!slash || (size_t)(slash + 1 - out) + strlen(name) >= size)
		return false;
	memcpy(slash + 1, name, strlen(name) + 1);
	return true;
}

int cli_doctor(const struct cli *c)
{
	char path[PATH_MAX] = "retrysafe-doctor";
	int rc = ENOENT;

	if (program_path("retrysafe-doctor", path, sizeof(path))) {
		execv(path, c->argv);
		rc = errno;
	}
	fprintf(stderr,
		"retrysafe: %s: this verb needs the program %s, which cannot be started: %s\n",
		c->argv[1], path, strerror(rc));
	return EXIT_TEMPORARY;
}
