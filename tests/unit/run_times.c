/* SPDX-License-Identifier: ISC */
/*
 * Claim: every duration has one class, whose border is its own; quantiles lie in the class of the
 * run that has them.
 */
#include "metrics/run_times.h"

#include "tap.h"

#include <stdbool.h>

static void borders(void)
{
	bool rising = true, own = true;

	for (size_t i = 0; i + 1 < RUN_TIMES_CLASSES; i++) {
		int64_t most = run_times_most_us(i);

		rising = rising && most < run_times_most_us(i + 1);
		own = own && run_times_class(most) == i && run_times_class(most + 1) == i + 1;
	}
	ok(rising, "borders rise");
	ok(own, "a border belongs to the class that it ends");
	is_int(run_times_class(0), 0, "no time at all");
	is_int(run_times_class(-5), 0, "less than none");
	is_int(run_times_class(INT64_MAX), RUN_TIMES_CLASSES - 1, "for ever");
	is_int(run_times_most_us(10), 1000, "1 ms is a border");
	is_int(run_times_most_us(40), 1000000, "so is 1 s");
	is_int(run_times_most_us(90), INT64_C(100000000000), "and more than a day");
}

static void quantiles(void)
{
	int64_t n[RUN_TIMES_CLASSES] = {0};

	is_int(run_times_quantile_us(n, 50), -1, "of no run nothing is known");
	for (int i = 1; i <= 1000; i++)
		n[run_times_class(i * INT64_C(1000))]++; /* 1 ms to 1 s */
	for (int p = 1; p <= 100; p++) {
		int64_t got = run_times_quantile_us(n, p), want = p * INT64_C(10000);

		if (p == 50 || p == 95 || p == 100 || p == 1)
			ok(got > want * 9 / 10 && got < want * 11 / 10,
				"%d %% of them: %lld for %lld us", p, (long long)got,
				(long long)want);
	}
	for (size_t i = 0; i < RUN_TIMES_CLASSES; i++)
		n[i] = 0;
	n[run_times_class(20000)] = 1;
	ok(run_times_quantile_us(n, 50) > 15000 && run_times_quantile_us(n, 50) <= 20000,
		"a single run is in its own class");
	n[run_times_class(20000)] = 0;
	n[RUN_TIMES_CLASSES - 1] = 1;
	is_int(run_times_quantile_us(n, 95), run_times_most_us(RUN_TIMES_CLASSES - 2),
		"of one that took for ever: at least");
}

int main(void)
{
	borders();
	quantiles();
	return done_testing();
}
