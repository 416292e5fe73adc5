/* SPDX-License-Identifier: ISC */
/*
 * disk.c - how long fdatasync(2) takes on a directory's disk, as a write-ahead log uses it
 *
 *   disk FILE SECONDS
 *
 * Overwrites pages of a file that is already as long as it gets, one page and one fdatasync at a
 * time.  Prints the median, the least and the most of it in microseconds.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAGE  4120 /* with the frame's header, as SQLite's log has it */
#define PAGES 256
#define MOST  100000

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static double took[MOST];
	static char page[PAGE];
	double end;
	int fd, n = 0;

	if (argc != 3)
		return 100;
	fd = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < PAGES; i++)
		if (fd < 0 || write(fd, page, PAGE) != PAGE)
			return 111;
	if (fsync(fd) != 0)
		return 111;
	end = now_us() + strtod(argv[2], NULL) * 1e6;
	while (n < MOST && now_us() < end) {
		double start = now_us();

		memset(page, n, PAGE);
		if (pwrite(fd, page, PAGE, (off_t)(n % PAGES) * PAGE) != PAGE || fdatasync(fd) != 0)
			return 111;
		took[n++] = now_us() - start;
	}
	qsort(took, (size_t)n, sizeof(took[0]), compare);
	if (n == 0)
		return 111;
	printf("%.1f %.1f %.1f\n", took[n / 2], took[0], took[n - 1]);
	return 0;
}
