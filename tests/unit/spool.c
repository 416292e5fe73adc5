/* SPDX-License-Identifier: ISC */
/* Claim: a spool keeps every byte in order, in memory while small, else in a file without a name.
 */
#include "base/spool.h"

#include "tap.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE 5001

static char dir[] = "/tmp/rs-unit-XXXXXX";

/* Writes n pieces, each of its own letter; true: they can be read back. */
static bool holds(struct spool *s, const char *where, int n)
{
	char *piece = malloc(PIECE);
	bool is_right = true;

	for (int i = 0; i < n && is_right; i++) {
		memset(piece, 'a' + i % 26, PIECE);
		is_right = spool_write(s, where, piece, PIECE) == OK;
	}
	is_right = is_right && spool_rewind(s) == OK && s->len == (int64_t)n * PIECE;
	for (int i = 0; i < n && is_right; i++) {
		size_t have = 0;
		ssize_t got = 1;

		while (have < PIECE && (got = read(s->fd, piece + have, PIECE - have)) > 0)
			have += (size_t)got;
		for (size_t j = 0; j < PIECE; j++)
			is_right = is_right && have == PIECE && piece[j] == 'a' + i % 26;
	}
	free(piece);
	return is_right;
}

int main(void)
{
	struct spool s = SPOOL_CLOSED;
	struct stat sb;

	if (!mkdtemp(dir))
		return 111;
	ok(spool_open(&s) == OK && holds(&s, dir, 10) && !s.is_on_disk, "small: in memory");
	spool_close(&s);
	ok(spool_open(&s) == OK && holds(&s, dir, 50) && s.is_on_disk, "large: on disk");
	fstat(s.fd, &sb);
	ok(sb.st_nlink == 0 && (sb.st_mode & 0777) == 0600, "in a file of ours without a name");
	spool_close(&s);
	spool_close(&s);
	is_int(s.fd, -1, "closed twice");
	ok(spool_open(&s) == OK && holds(&s, NULL, 50) && !s.is_on_disk,
		"without a directory: in memory");
	spool_close(&s);
	ok(spool_open(&s) == OK && !holds(&s, "/nonexistent/spool", 50),
		"a directory that cannot be made: an error");
	ok(s.len > 0 && s.len <= SPOOL_MEMORY_MAX, "what fitted into memory stays");
	spool_close(&s);
	is_int(rmdir(dir), 0, "nothing is left behind");
	return done_testing();
}
