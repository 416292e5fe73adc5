/* SPDX-License-Identifier: ISC */
/*
 * metrics/run_times.h - the classes that durations of runs are counted in, and what they tell
 *
 * Ten classes to a power of ten, from 0.1 ms to a day: a quantile is wrong by a few per cent.
 */
#ifndef RETRYSAFE_METRICS_RUN_TIMES_H
#define RETRYSAFE_METRICS_RUN_TIMES_H

#include <stddef.h>
#include <stdint.h>

#define RUN_TIMES_CLASSES 92 /* in the format of the file: never another number */

/* The class of a duration, 0 to RUN_TIMES_CLASSES - 1; a negative one counts as 0. */
size_t run_times_class(int64_t us);

/* The longest duration of a class, in microseconds; INT64_MAX for the last class. */
int64_t run_times_most_us(size_t class);

/*
 * run_times_quantile_us - the duration that a share of all runs did not exceed, in microseconds
 *
 *   n        how many runs there are in each class
 *   percent  1 to 100
 *
 * Returns -1 when there is no run.
 */
int64_t run_times_quantile_us(const int64_t n[RUN_TIMES_CLASSES], int percent);

#endif
