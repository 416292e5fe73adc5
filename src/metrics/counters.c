/* SPDX-License-Identifier: ISC */
/*
 * metrics/counters.c - one page of a file, shared by all processes
 */
#include "metrics/counters.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES 4096

/*
 * The second half of the page holds run times.  The hash of a route's name chooses its slot; the
 * upper half of the number in the slot is that hash.  Of two routes with one slot the one that
 * learned last has it.
 */
#define RUN_TIMES (FILE_BYTES / sizeof(int64_t) / 2)

struct counters {
	_Atomic int64_t count[RUN_TIMES];
	_Atomic uint64_t run_times[RUN_TIMES];
};

/* The pages that are mapped now.  Atomic, because a signal handler must not take a lock. */
static _Atomic(void *) pages[64];

/*
 * A write to the page of a file system that is gone or full raises SIGBUS.  The handler replaces
 * the page by a private one: counting goes on, and its counts are lost (metrics/counters.h).
 */
static void replace_page(int sig, siginfo_t *si, void *context)
{
	(void)context;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		char *page = atomic_load(&pages[i]);

		if (page && (char *)si->si_addr >= page &&
			(char *)si->si_addr < page + FILE_BYTES &&
			mmap(page, FILE_BYTES, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
			return;
	}
	signal(sig, SIG_DFL); /* not our page: the signal comes again and ends the process */
}

/* False: there is no room in pages[], so that the handler could not replace this page. */
static bool remember(void *page)
{
	struct sigaction sa = {.sa_sigaction = replace_page, .sa_flags = SA_SIGINFO};

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		void *none = NULL;

		if (atomic_compare_exchange_strong(&pages[i], &none, page))
			return sigaction(SIGBUS, &sa, NULL) == 0;
	}
	return false;
}

static void forget(void *page)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		void *it = page;

		atomic_compare_exchange_strong(&pages[i], &it, NULL);
	}
}

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
	if (page == MAP_FAILED)
		return NULL;
	if (remember(page))
		return page;
	munmap(page, FILE_BYTES);
	return NULL;
}

void counters_close(struct counters **c)
{
	if (*c) {
		forget(*c);
		munmap(*c, FILE_BYTES);
	}
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

/* FNV-1a; never 0, which marks an empty slot. */
static uint32_t hash_of(const char *route)
{
	uint32_t hash = 2166136261U;

	for (; *route; route++)
		hash = (hash ^ (unsigned char)*route) * 16777619U;
	return hash ? hash : 1;
}

void counters_learn(struct counters *c, const char *route, int64_t run_ms)
{
	int64_t before = counters_expect(c, route), now = run_ms;
	uint32_t hash = hash_of(route);

	if (!c)
		return;
	if (before >= 0)
		now = before + (run_ms - before) / 4;
	if (now > INT32_MAX)
		now = INT32_MAX;
	atomic_store_explicit(&c->run_times[hash % RUN_TIMES], (uint64_t)hash << 32 | (uint32_t)now,
		memory_order_relaxed);
}

int64_t counters_expect(const struct counters *c, const char *route)
{
	uint32_t hash = hash_of(route);
	uint64_t found = 0;

	if (c)
		found = atomic_load_explicit(&c->run_times[hash % RUN_TIMES], memory_order_relaxed);
	return found >> 32 == hash ? (int64_t)(uint32_t)found : -1;
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
		[COUNTER_ACCEPTED] = "accepted",
		[COUNTER_WAITED] = "waited",
		[COUNTER_RELEASED] = "released",
		[COUNTER_DUPLICATE] = "duplicate",
		[COUNTER_OVERLOADED] = "overloaded",
	};

	return names[which];
}
