/* SPDX-License-Identifier: ISC */
/*
 * metrics/counters.c - a file of the spool directory that all processes map
 *
 *     first page    counts of all routes, run times; as it has always been
 *     second page   the version of what follows, and its age
 *     the rest      a slot for each route: the first one for those that find no other
 *
 * RULES
 *   (1) Nothing waits: a slot belongs to the route whose hash came first (unit/counters).
 *   (2) A file of an older program is made longer; its counts stay.  One whose second page has
 *       another version keeps it, and routes are not counted then (unit/counters).
 *   (3) A reader never makes or changes the file (unit/counters, t18-status).
 *
 * Does not know: what a route is, besides its name.
 */
#include "metrics/counters.h"

#include "base/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES 4096
#define ROUTES     64
#define SLOT_BYTES 2048
#define FILE_BYTES (2 * PAGE_BYTES + ROUTES * SLOT_BYTES)
#define COUNTS_MAX 64 /* of a route */

/* Of the second page and the slots; the number at its end is the version. */
#define FORMAT INT64_C(0x7273726f75746501)

/*
 * The second half of the page holds run times.  The hash of a route's name chooses its slot; the
 * upper half of the number in the slot is that hash.  Of two routes with one slot the one that
 * learned last has it.
 */
#define RUN_TIMES (PAGE_BYTES / sizeof(int64_t) / 2)

struct slot {
	_Atomic uint64_t hash;    /* of the route's name; 0: the slot is empty */
	_Atomic int64_t is_named; /* the name is complete */
	char name[COUNTERS_NAME_MAX + 1];
	_Atomic int64_t count[COUNTS_MAX];
	_Atomic int64_t run_us;
	_Atomic int64_t n[RUN_TIMES_CLASSES];
};

struct counters {
	_Atomic int64_t count[RUN_TIMES];
	_Atomic uint64_t run_times[RUN_TIMES];
	union {
		struct {
			_Atomic int64_t format, since_ms, boot_id, restarted_ms;
		};
		char page[PAGE_BYTES];
	};
	union {
		struct slot slot;
		char bytes[SLOT_BYTES];
	} slots[ROUTES];
};

_Static_assert(sizeof(struct counters) == FILE_BYTES && sizeof(struct slot) <= SLOT_BYTES &&
		       COUNTER__MAX <= COUNTS_MAX,
	"the file has another format");

/* The files that are mapped now.  Atomic, because a signal handler must not take a lock. */
static _Atomic(void *) pages[64];
static size_t page_bytes; /* of the machine */

/*
 * A write to the page of a file system that is gone or full raises SIGBUS.  The handler replaces
 * the page by a private one: counting goes on, and its counts are lost (metrics/counters.h).
 */
static void replace_page(int sig, siginfo_t *si, void *context)
{
	(void)context;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		char *file = atomic_load(&pages[i]), *at = si->si_addr;

		if (!file || at < file || at >= file + FILE_BYTES)
			continue;
		at -= (size_t)(at - file) % page_bytes;
		if (mmap(at, page_bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
			return;
	}
	signal(sig, SIG_DFL); /* not our page: the signal comes again and ends the process */
}

/* False: there is no room in pages[], so that the handler could not replace this page. */
static bool remember(void *page)
{
	struct sigaction sa = {.sa_sigaction = replace_page, .sa_flags = SA_SIGINFO};

	page_bytes = (size_t)sysconf(_SC_PAGESIZE);
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

/*
 * Room for the whole file first: a hole that cannot be filled would be a SIGBUS later.  On a full
 * disk the first page does; what is behind it is replaced when it is touched.
 */
static bool make_room(int fd)
{
	struct stat sb;

	if (fstat(fd, &sb) != 0)
		return false;
	return sb.st_size >= FILE_BYTES || posix_fallocate(fd, 0, FILE_BYTES) == 0 ||
	       sb.st_size >= PAGE_BYTES || posix_fallocate(fd, 0, PAGE_BYTES) == 0;
}

static struct counters *map(const char *spool, int flags, int protection)
{
	char path[4096];
	void *file = MAP_FAILED;
	int fd;

	if (snprintf(path, sizeof(path), "%s/counters", spool) >= (int)sizeof(path))
		return NULL;
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return NULL;
	if (flags == O_RDONLY || make_room(fd))
		file = mmap(NULL, FILE_BYTES, protection, MAP_SHARED, fd, 0);
	close(fd);
	if (file == MAP_FAILED)
		return NULL;
	if (remember(file))
		return file;
	munmap(file, FILE_BYTES);
	return NULL;
}

struct counters *counters_open(const char *spool)
{
	struct counters *c = map(spool, O_RDWR | O_CREAT, PROT_READ | PROT_WRITE);
	int64_t none = 0;

	/* The time first: a reader that sees the format sees it, too. */
	if (c && atomic_load(&c->format) == 0) {
		atomic_compare_exchange_strong(&c->since_ms, &none, clock_wall_ms());
		none = 0;
		atomic_compare_exchange_strong(&c->format, &none, FORMAT);
	}
	return c;
}

struct counters *counters_open_read(const char *spool)
{
	return map(spool, O_RDONLY, PROT_READ);
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

/* ---- routes ---- */

/* FNV-1a of 64 bits, of as much of the name as is kept; never 0. */
static uint64_t long_hash_of(const char *route, size_t *len)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (*len = 0; route[*len] && *len < COUNTERS_NAME_MAX; ++*len)
		hash = (hash ^ (unsigned char)route[*len]) * UINT64_C(1099511628211);
	return hash ? hash : 1;
}

/* Processes that name it at the same time write the same bytes. */
static void name_slot(struct slot *s, const char *route, size_t len)
{
	memcpy(s->name, route, len);
	s->name[len] = '\0';
	atomic_store_explicit(&s->is_named, 1, memory_order_release);
}

/* The route's slot, or the first one; NULL: routes are not counted. */
static struct slot *slot_of(struct counters *c, const char *route)
{
	size_t len;
	uint64_t hash;

	if (!c || !route || atomic_load_explicit(&c->format, memory_order_relaxed) != FORMAT)
		return NULL;
	hash = long_hash_of(route, &len);
	for (size_t i = 0; i < ROUTES - 1; i++) {
		struct slot *s = &c->slots[1 + (hash + i) % (ROUTES - 1)].slot;
		uint64_t has = atomic_load_explicit(&s->hash, memory_order_relaxed);

		if (has == 0 && atomic_compare_exchange_strong(&s->hash, &has, hash))
			has = hash;
		if (has != hash)
			continue;
		if (!atomic_load_explicit(&s->is_named, memory_order_relaxed))
			name_slot(s, route, len);
		return s;
	}
	return &c->slots[0].slot;
}

void counters_add_route(struct counters *c, const char *route, enum counter which)
{
	struct slot *s = slot_of(c, route);

	counters_add(c, which);
	if (s)
		atomic_fetch_add_explicit(&s->count[which], 1, memory_order_relaxed);
}

/* A start of the machine is noticed when the first run after it has ended. */
static void notice_restart(struct counters *c)
{
	int64_t now = clock_boot_id(),
		before = atomic_load_explicit(&c->boot_id, memory_order_relaxed);

	if (before != now && atomic_compare_exchange_strong(&c->boot_id, &before, now) &&
		before != 0)
		atomic_store(&c->restarted_ms, clock_wall_ms() - clock_since_boot_ms());
}

static void count_run(struct counters *c, const char *route, int64_t run_us)
{
	struct slot *s = slot_of(c, route);

	if (!s)
		return;
	notice_restart(c);
	atomic_fetch_add_explicit(&s->run_us, run_us, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->n[run_times_class(run_us)], 1, memory_order_relaxed);
}

static void read_slot(const struct slot *s, struct route_counts *out)
{
	memset(out, 0, sizeof(*out));
	if (atomic_load_explicit(&s->is_named, memory_order_acquire))
		memcpy(out->name, s->name, COUNTERS_NAME_MAX);
	for (int i = 0; i < COUNTER__MAX; i++)
		out->count[i] = atomic_load_explicit(&s->count[i], memory_order_relaxed);
	out->run_us = atomic_load_explicit(&s->run_us, memory_order_relaxed);
	for (int i = 0; i < RUN_TIMES_CLASSES; i++) {
		out->n[i] = atomic_load_explicit(&s->n[i], memory_order_relaxed);
		out->runs += out->n[i];
	}
}

/* Has something been counted in it? */
static bool is_used(const struct route_counts *r)
{
	bool is = r->runs > 0;

	for (int i = 0; i < COUNTER__MAX; i++)
		is = is || r->count[i] > 0;
	return is;
}

void counters_routes(
	const struct counters *c, bool (*each)(const struct route_counts *r, void *arg), void *arg)
{
	struct route_counts r;
	bool go_on = c && atomic_load(&c->format) == FORMAT;

	for (size_t i = 1; i <= ROUTES && go_on; i++) { /* the first slot last */
		read_slot(&c->slots[i % ROUTES].slot, &r);
		r.is_rest = i == ROUTES;
		/* The process that was to name it has died: the next one that counts does. */
		if (!r.is_rest && !atomic_load(&c->slots[i % ROUTES].slot.is_named))
			continue;
		if (is_used(&r))
			go_on = each(&r, arg);
	}
}

void counters_age(const struct counters *c, struct counters_age *out)
{
	*out = (struct counters_age){0};
	if (!c || atomic_load(&c->format) != FORMAT)
		return;
	out->since_ms = atomic_load(&c->since_ms);
	out->restarted_ms = atomic_load(&c->restarted_ms);
}

/* ---- run times ---- */

void counters_learn(struct counters *c, const char *route, int64_t run_us)
{
	int64_t run_ms = run_us / 1000;
	int64_t before = counters_expect(c, route), now = run_ms;
	uint32_t hash = hash_of(route);

	if (!c)
		return;
	count_run(c, route, run_us);
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

bool counter_is_problem(enum counter which)
{
	static const bool is[COUNTER__MAX] = {
		[COUNTER_IN_PROGRESS] = true,
		[COUNTER_KEY_REUSED] = true,
		[COUNTER_OTHER_PRINCIPAL] = true,
		[COUNTER_UNCERTAIN] = true,
		[COUNTER_STILL_UNCERTAIN] = true,
		[COUNTER_EXPIRED] = true,
		[COUNTER_KEY_MISSING] = true,
		[COUNTER_KEY_INVALID] = true,
		[COUNTER_REQUEST_REFUSED] = true,
		[COUNTER_NOT_STARTED] = true,
		[COUNTER_STORE_UNAVAILABLE] = true,
		[COUNTER_CONFIGURATION] = true,
		[COUNTER_DUPLICATE] = true,
		[COUNTER_OVERLOADED] = true,
	};

	return is[which];
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
		[COUNTER_PREVENTED] = "prevented",
	};

	return names[which];
}
