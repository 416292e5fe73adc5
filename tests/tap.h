/* SPDX-License-Identifier: ISC */
/*
 * tap.h - the Test Anything Protocol for unit tests in C
 *
 * A test program calls ok(), is_str() and is_int() and ends with `return done_testing();`.
 */
#ifndef RETRYSAFE_TAP_H
#define RETRYSAFE_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int tap_run, tap_failed;

__attribute__((format(printf, 2, 0))) static int tap_report(int passed, const char *fmt, va_list ap)
{
	printf("%sok %d - ", passed ? "" : "not ", ++tap_run);
	vprintf(fmt, ap);
	putchar('\n');
	fflush(stdout);
	tap_failed += !passed;
	return passed;
}

__attribute__((format(printf, 2, 3), unused)) static int ok(int passed, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	passed = tap_report(passed, fmt, ap);
	va_end(ap);
	return passed;
}

__attribute__((format(printf, 3, 4), unused)) static int is_str(
	const char *got, const char *want, const char *fmt, ...)
{
	int passed = got && want ? strcmp(got, want) == 0 : got == want;
	va_list ap;

	va_start(ap, fmt);
	tap_report(passed, fmt, ap);
	va_end(ap);
	if (!passed)
		printf("#   got:  %s\n#   want: %s\n", got ? got : "(null)",
			want ? want : "(null)");
	return passed;
}

__attribute__((format(printf, 3, 4), unused)) static int is_int(
	long long got, long long want, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_report(got == want, fmt, ap);
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
