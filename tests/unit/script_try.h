/* SPDX-License-Identifier: ISC */
/*
 * script_try.h - what the tests of cgi/script.c share: the code under test, with allocations that
 * fail on demand, and a temporary directory with this program in it under other names
 */
#ifndef RETRYSAFE_SCRIPT_TRY_H
#define RETRYSAFE_SCRIPT_TRY_H

#include "../../src/cgi/script.h"

#include "../tap.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail_at; /* the allocation that fails, counted from now; 0: none */

static bool fails(void)
{
	return fail_at > 0 && --fail_at == 0;
}

#define malloc(n)                (fails() ? NULL : malloc(n))
#define calloc(n, size)          (fails() ? NULL : calloc(n, size))
#define reallocarray(p, n, size) (fails() ? NULL : reallocarray(p, n, size))
#define strdup(s)                (fails() ? NULL : strdup(s))
#define strndup(s, n)            (fails() ? NULL : strndup(s, n))
#undef asprintf
#define asprintf(...) (fails() ? -1 : asprintf(__VA_ARGS__))

#include "../../src/cgi/script.c"
#define no_memory no_memory_too
#include "../../src/cgi/script_file.c"
#undef no_memory
#include "../../src/cgi/variables.c"

static char root[] = "/tmp/retrysafe-script-XXXXXX"; /* htdocs/, bin/ and dirs/ are in it */

static const char *at(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* A path below root; four can be used at a time. */
static const char *at(const char *fmt, ...)
{
	static char paths[4][512];
	static int next;
	char *path = paths[next++ % 4];
	int n = snprintf(path, sizeof(paths[0]), "%s/", root);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path + n, sizeof(paths[0]) - (size_t)n, fmt, ap);
	va_end(ap);
	return path;
}

/* A file with its directories. */
static void put(const char *path, const char *content, mode_t mode)
{
	char dir[512];
	int fd;

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
		mkdir(dir, 0755);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0 || write(fd, content, strlen(content)) < 0 || fchmod(fd, mode) < 0) {
		printf("Bail out! %s: %s\n", path, strerror(errno));
		exit(1);
	}
	close(fd);
}

/* A symbolic link at path. */
static void link_to(const char *target, const char *path)
{
	if (symlink(target, path) < 0) {
		printf("Bail out! %s: %s\n", path, strerror(errno));
		exit(1);
	}
}

/* Makes root, with bin/retrysafe.cgi and bin/link.cgi, which are this program. */
static void make_root(char *self, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", self, size - 1);

	if (!mkdtemp(root) || n < 0) {
		printf("Bail out! %s\n", strerror(errno));
		exit(1);
	}
	self[n] = '\0';
	put(at("bin/x"), "", 0644);
	link_to(self, at("bin/retrysafe.cgi"));
	link_to("retrysafe.cgi", at("bin/link.cgi"));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void remove_root(void)
{
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
