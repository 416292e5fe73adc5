/* SPDX-License-Identifier: ISC */
/*
 * evidence/run_row.c - the mark of a run's processes, and the clock of their start times
 *
 * Does not know: files and processes.
 */
#include "evidence/run_row.h"

#include <time.h>

int64_t run_row_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* splitmix64's last steps: neighbours become strangers. */
uint64_t run_row_mark(int64_t op_id, int64_t op_nonce)
{
	uint64_t x = (uint64_t)op_id * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)op_nonce;

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return UINT64_C(1) << 62 | ((x ^ x >> 31) & ((UINT64_C(1) << 61) - 1));
}

bool run_row_is_mark(uint64_t limit)
{
	return limit >> 61 == 2;
}
