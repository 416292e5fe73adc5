/* SPDX-License-Identifier: ISC */
/*
 * script.c - the CGI program that is measured: reads its body, has one effect, answers
 *
 * The effect is one byte at the end of the file `effects` in its own directory, so that the
 * benchmark can count runs.  The answer has as many bytes as the query string says (300).  Its cost
 * is its start: it does nothing else.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE 65536

static int write_all(const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, data, len);

		if (n <= 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int main(void)
{
	static const char head[] = "Content-Type: text/plain\r\n\r\n";
	static char piece[PIECE];
	const char *query = getenv("QUERY_STRING"), *length = getenv("CONTENT_LENGTH");
	long long size = query && *query ? strtoll(query, NULL, 10) : 300;
	long long left = length ? strtoll(length, NULL, 10) : 0;
	int fd;

	while (left > 0) {
		ssize_t n = read(STDIN_FILENO, piece, sizeof(piece));

		if (n <= 0)
			return 1; /* a body that is cut short must not count as a run */
		left -= n;
	}
	fd = open("effects", O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0 || write(fd, ".", 1) != 1)
		return 1;
	memset(piece, 'x', sizeof(piece));
	memcpy(piece, head, sizeof(head) - 1);
	left = (long long)sizeof(head) - 1 + size;
	while (left > 0) {
		size_t n = left < PIECE ? (size_t)left : PIECE;

		if (write_all(piece, n) != 0)
			return 1;
		left -= (long long)n;
		memset(piece, 'x', sizeof(head));
	}
	return 0;
}
