/* SPDX-License-Identifier: ISC */
/*
 * tap.h - the Test Anything Protocol for unit tests in C
 *
 * A test program calls ok(), is_str() and is_int() and ends with `return done_testing();`.  A check
 * that fails prints its file and line, and the value that it got and the one that it wanted.
 */
#ifndef RETRYSAFE_TAP_H
#define RETRYSAFE_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int tap_run, tap_failed;

/* File and line of a check. */
struct tap_place {
	const char *file;
	int line;
};
#define TAP_HERE ((struct tap_place){__FILE__, __LINE__})

__attribute__((format(printf, 3, 0))) static int tap_report(
	struct tap_place at, int passed, const char *fmt, va_list ap)
{
	printf("%sok %d - ", passed ? "" : "not ", ++tap_run);
	vprintf(fmt, ap);
	putchar('\n');
	if (!passed)
		printf("# failed at %s:%d\n", at.file, at.line);
	fflush(stdout);
	tap_failed += !passed;
	return passed;
}

#define ok(passed, ...)        tap_ok(TAP_HERE, (passed), __VA_ARGS__)
#define is_str(got, want, ...) tap_is_str(TAP_HERE, (got), (want), __VA_ARGS__)
#define is_int(got, want, ...) tap_is_int(TAP_HERE, (got), (want), __VA_ARGS__)

__attribute__((format(printf, 3, 4), unused)) static int tap_ok(
	struct tap_place at, int passed, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	passed = tap_report(at, passed, fmt, ap);
	va_end(ap);
	return passed;
}

__attribute__((format(printf, 4, 5), unused)) static int tap_is_str(
	struct tap_place at, const char *got, const char *want, const char *fmt, ...)
{
	int passed = got && want ? strcmp(got, want) == 0 : got == want;
	va_list ap;

	va_start(ap, fmt);
	tap_report(at, passed, fmt, ap);
	va_end(ap);
	if (!passed)
		printf("#   got:  %s\n#   want: %s\n", got ? got : "(null)",
			want ? want : "(null)");
	return passed;
}

__attribute__((format(printf, 4, 5), unused)) static int tap_is_int(
	struct tap_place at, long long got, long long want, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_report(at, got == want, fmt, ap);
	va_end(ap);
	if (got != want)
		printf("#   got:  %lld\n#   want: %lld\n", got, want);
	return got == want;
}

__attribute__((unused)) static int done_testing(void)
{
	printf("1..%d\n", tap_run);
	return tap_failed ? 1 : 0;
}

#endif
