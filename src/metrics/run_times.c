/* SPDX-License-Identifier: ISC */
/*
 * metrics/run_times.c - classes of durations, with round borders that people and graphs like
 *
 * RULES
 *   (1) A duration on a border belongs to the class that ends there, as "le" of OpenMetrics says
 *       (unit/run_times).
 *   (2) A quantile lies inside the class that has it (unit/run_times).
 *
 * Does not know: where the counts are.
 */
#include "metrics/run_times.h"

#define PER_POWER 10
#define LEAST_US  100 /* the longest duration of class 0 */

int64_t run_times_most_us(size_t class)
{
	static const int64_t tenths[PER_POWER] = {10, 12, 15, 20, 25, 30, 40, 50, 60, 80};
	int64_t power = LEAST_US / 10;

	if (class >= RUN_TIMES_CLASSES - 1)
		return INT64_MAX;
	for (size_t i = 0; i < class / PER_POWER; i++)
		power *= 10;
	return power * tenths[class % PER_POWER];
}

size_t run_times_class(int64_t us)
{
	size_t first = 0, last = RUN_TIMES_CLASSES - 1;

	while (first < last) {
		size_t middle = (first + last) / 2;

		if (us <= run_times_most_us(middle))
			last = middle;
		else
			first = middle + 1;
	}
	return first;
}

int64_t run_times_quantile_us(const int64_t n[RUN_TIMES_CLASSES], int percent)
{
	int64_t all = 0, before = 0, rank;
	size_t class = 0;

	for (size_t i = 0; i < RUN_TIMES_CLASSES; i++)
		all += n[i];
	if (all <= 0)
		return -1;
	rank = (all * percent + 99) / 100; /* of this many runs, the last one */
	while (class < RUN_TIMES_CLASSES - 1 && before + n[class] < rank)
		before += n[class ++];
	if (class == RUN_TIMES_CLASSES - 1)
		return run_times_most_us(class - 1); /* at least */
	return (class ? run_times_most_us(class - 1) : 0) +
	       (run_times_most_us(class) - (class ? run_times_most_us(class - 1) : 0)) *
		       (rank - before) / (n[class] > 0 ? n[class] : 1);
}
