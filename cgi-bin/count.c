/* SPDX-License-Identifier: ISC */
/*
 * count.c - a counter as a CGI program in C
 *
 *   cc -o count.cgi count.c
 *
 * GET answers the number in the counter file, POST adds one first.  The file is $COUNTER_FILE, else
 * ../var/count.txt (a CGI program's working directory is its own, RFC 3875, section 7.2).
 *
 * Adding one is the smallest thing that a retry gets wrong: behind retrysafe it is added once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Reads the number and writes it back plus `step`; returns the new number, or -1 with errno. */
static long add(const char *path, long step)
{
	char text[32] = "";
	long count = -1;
	int saved_errno, fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd == -1)
		return -1;
	if (flock(fd, LOCK_EX) == 0 && pread(fd, text, sizeof(text) - 1, 0) >= 0) {
		count = strtol(text, NULL, 10) + step;
		snprintf(text, sizeof(text), "%ld\n", count);
		if (step != 0 && pwrite(fd, text, strlen(text), 0) != (ssize_t)strlen(text))
			count = -1;
	}
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return count;
}

int main(void)
{
	const char *path = getenv("COUNTER_FILE");
	const char *method = getenv("REQUEST_METHOD");
	long count;

	count = add(path ? path : "../var/count.txt", method && strcmp(method, "POST") == 0);
	if (count < 0) {
		fprintf(stderr, "count: %s\n", strerror(errno));
		printf("Status: 500 Internal Server Error\r\n\r\n");
		return 0;
	}
	printf("Content-Type: text/plain\r\n\r\n%ld\n", count);
	return 0;
}
