/* SPDX-License-Identifier: ISC */
/*
 * counters.c - a shared page of numbers
 */
#include "counters.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES 4096

struct counters {
	_Atomic int64_t count[FILE_BYTES / sizeof(int64_t)];
};

struct counters *counters_open(const char *spool)
{
	char path[4096];
	struct stat sb;
	void *page = MAP_FAILED;
	int fd;

	if (snprintf(path, sizeof(path), "%s/counters", spool) >= (int)sizeof(path))
		return NULL;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return NULL;
	/* Room for the whole page first: a hole that cannot be filled would be a SIGBUS later. */
	if (fstat(fd, &sb) == 0 &&
		(sb.st_size >= FILE_BYTES || posix_fallocate(fd, 0, FILE_BYTES) == 0))
		page = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

void counters_close(struct counters **c)
{
	if (*c)
		munmap(*c, FILE_BYTES);
	*c = NULL;
}

void counters_add(struct counters *c, enum counter which)
{
	if (c)
		atomic_fetch_add_explicit(&c->count[which], 1, memory_order_relaxed);
}

int64_t counters_get(const struct counters *c, enum counter which)
{
	return c ? atomic_load_explicit(&c->count[which], memory_order_relaxed) : 0;
}

const char *counter_name(enum counter which)
{
	static const char *const names[COUNTER__MAX] = {
		[COUNTER_FIRST] = "first",
		[COUNTER_REPLAYED] = "replayed",
		[COUNTER_IN_PROGRESS] = "in_progress",
		[COUNTER_KEY_REUSED] = "key_reused",
		[COUNTER_OTHER_PRINCIPAL] = "other_principal",
		[COUNTER_UNCERTAIN] = "uncertain",
		[COUNTER_STILL_UNCERTAIN] = "still_uncertain",
		[COUNTER_EXPIRED] = "expired",
		[COUNTER_KEY_MISSING] = "key_missing",
		[COUNTER_KEY_INVALID] = "key_invalid",
		[COUNTER_REQUEST_REFUSED] = "request_refused",
		[COUNTER_NOT_STARTED] = "not_started",
		[COUNTER_STORE_UNAVAILABLE] = "store_unavailable",
		[COUNTER_ABANDONED] = "abandoned",
		[COUNTER_PASSED] = "passed",
		[COUNTER_CONFIGURATION] = "configuration",
	};

	return names[which];
}
