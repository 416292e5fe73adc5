/* SPDX-License-Identifier: ISC */
/*
 * memory_try.h - makes each allocation of a call fail, one after the other
 *
 * Defines malloc(), calloc(), realloc() and free() for the whole test program, so what libc,
 * jansson and SQLite allocate counts as well.  A case is a function that brackets the call under
 * test with memory_on() and memory_off(), checks what the call left behind with keeps(), frees what
 * it has made, and returns what the call returned.  memory_try() runs the case with the first
 * allocation failing, then with the second, and so on, until the call gets by with the ones before;
 * then again with every allocation from the n-th on failing.  Each time
 *
 *   - the call returns ERR_NOMEM, or another code that the case allows, or it gets by and returns
 * OK;
 *   - what the case checks with keeps() holds;
 *   - as many blocks are allocated afterwards as before (with SAN=1 the leak checker looks as
 * well).
 */
#ifndef RETRYSAFE_MEMORY_TRY_H
#define RETRYSAFE_MEMORY_TRY_H

#include "base/err.h"
#include "tap.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* These run before the sanitizer is ready for code of ours. */
#ifdef __SANITIZE_ADDRESS__
#define REAL(name)    __interceptor_##name
#define COUNTS_BLOCKS 0 /* some are the sanitizer's own; it looks for leaks by itself */
#define BARE          __attribute__((no_sanitize("address", "undefined")))
#else
#define REAL(name)    __libc_##name
#define COUNTS_BLOCKS 1
#define BARE
#endif
void *REAL(malloc)(size_t n);
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *p, size_t n);
void REAL(free)(void *p);

static struct {
	atomic_bool is_on;
	atomic_long count;   /* allocations since memory_on() */
	atomic_long fail_at; /* 1: the first */
	atomic_bool from_there_on;
	atomic_bool has_failed;
	atomic_long blocks; /* allocated now */
	int step;           /* 1: each one; n: one in n, and the first ones */
	char broken[256];   /* what keeps() found first; "": nothing */
} memory = {.step = 1};

/* The sanitizer does not survive a thread of ours that begins without memory: there only what the
 * thread of the call itself allocates fails. */
#ifdef __SANITIZE_ADDRESS__
static _Thread_local bool memory_is_ours;
#else
static const bool memory_is_ours = true;
#endif

/* Whether the allocation that is being asked for fails. */
BARE static bool memory_fails(void)
{
	long n;

	if (!memory.is_on || !memory_is_ours)
		return false;
	n = ++memory.count;
	if (memory.fail_at == 0 || n < memory.fail_at ||
		(n > memory.fail_at && !memory.from_there_on))
		return false;
	memory.has_failed = true;
	errno = ENOMEM;
	return true;
}

BARE void *malloc(size_t n)
{
	void *p = memory_fails() ? NULL : REAL(malloc)(n);

	memory.blocks += p != NULL;
	return p;
}

BARE void *calloc(size_t n, size_t size)
{
	void *p = memory_fails() ? NULL : REAL(calloc)(n, size);

	memory.blocks += p != NULL;
	return p;
}

BARE void *realloc(void *p, size_t n)
{
	void *grown = memory_fails() ? NULL : REAL(realloc)(p, n);

	memory.blocks += !p && grown;
	return grown;
}

BARE void free(void *p)
{
	int before = errno;

	memory.blocks -= p != NULL;
	REAL(free)(p);
	errno = before;
}

#ifdef __SANITIZE_ADDRESS__
/* The sanitizer's own would not call the functions above. */
char *strndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *copy = malloc(len + 1);

	if (copy) {
		memcpy(copy, s, len);
		copy[len] = '\0';
	}
	return copy;
}

char *strdup(const char *s)
{
	return strndup(s, strlen(s));
}
#endif

/* The call under test begins, and has returned. */
static void memory_on(void)
{
	memory.count = 0;
#ifdef __SANITIZE_ADDRESS__
	memory_is_ours = true;
#endif
	memory.is_on = true;
}

static void memory_off(void)
{
	memory.is_on = false;
}

/* A fact that holds whatever failed. */
static void keeps(bool is_so, const char *fact)
{
	if (!is_so && !*memory.broken)
		snprintf(memory.broken, sizeof(memory.broken), "%s", fact);
}

#define ALLOW(code) (1U << (code))

static bool memory_try_from(
	const char *what, enum err (*call)(void), unsigned allowed, bool from_there_on)
{
	long before, n = 0, total;
	enum err e;

	memory.from_there_on = from_there_on;
	memory.fail_at = 0;
	*memory.broken = '\0';
	/* Twice, so that what is allocated once and then stays counts as there before. */
	if (call() != OK || call() != OK || *memory.broken)
		return ok(0, "%s, with all the memory: %s", what,
			*memory.broken ? memory.broken : err_text());
	total = memory.count;
	do {
		before = memory.blocks;
		n += n < memory.step ? 1 : memory.step;
		memory.fail_at = n;
		memory.has_failed = false;
		e = call();
		memory.fail_at = 0;
		/* OK: asprintf(3), for one, does without the memory to make its result smaller. */
		if (memory.has_failed && e != OK && e != ERR_NOMEM && !(allowed & ALLOW(e)))
			return ok(0, "%s, allocation %ld: returned %d (%s)", what, n, (int)e,
				err_text());
		if (!memory.has_failed)
			keeps(e == OK, "it works when nothing fails");
		if (COUNTS_BLOCKS)
			keeps(memory.blocks == before, "nothing leaks");
		if (*memory.broken)
			return ok(0, "%s, allocation %ld: not true: %s (%d, %+ld blocks)", what, n,
				memory.broken, (int)e, memory.blocks - before);
	} while (memory.has_failed);
	return ok(1, "%s: %ld allocations, %s failing", what, total,
		from_there_on ? "all from one on" : "one of them");
}

/* `allowed`: what it may return besides ERR_NOMEM when memory is short, as ALLOW(code) | ... */
static void memory_try(const char *what, enum err (*call)(void), unsigned allowed)
{
	if (memory_try_from(what, call, allowed, false))
		memory_try_from(what, call, allowed, true);
}

/* The same for a call that allocates nothing: there is nothing to fail. */
__attribute__((unused)) static void memory_none(const char *what, enum err (*call)(void))
{
	*memory.broken = '\0';
	memory.fail_at = 0;
	/* Once before: of a time zone, say, libc reads the file once. */
	ok(call() == OK && call() == OK && memory.count == 0 && !*memory.broken,
		"%s: allocates nothing%s%s", what, *memory.broken ? ", but not true: " : "",
		memory.broken);
}

#endif
