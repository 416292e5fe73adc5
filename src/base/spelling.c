/* SPDX-License-Identifier: ISC */
/*
 * base/spelling.c - the distance of two names
 *
 * Does not know: what the names stand for.
 */
#include "base/spelling.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

static char fold(char c)
{
	return c == '-' ? '_' : (char)tolower((unsigned char)c);
}

size_t spelling_distance(const char *a, const char *b)
{
	size_t d[40][40] = {{0}}, n = strlen(a), m = strlen(b);

	if (n >= 40 || m >= 40)
		return SIZE_MAX;
	for (size_t i = 0; i <= n; i++) {
		for (size_t j = 0; j <= m; j++) {
			size_t least;

			if (i == 0 || j == 0) {
				d[i][j] = i + j;
				continue;
			}
			least = d[i - 1][j - 1] + (fold(a[i - 1]) != fold(b[j - 1]));
			if (d[i - 1][j] + 1 < least)
				least = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < least)
				least = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
				fold(a[i - 2]) == fold(b[j - 1]) && d[i - 2][j - 2] + 1 < least)
				least = d[i - 2][j - 2] + 1;
			d[i][j] = least;
		}
	}
	return d[n][m];
}

const char *spelling_nearest(const char *name, const char *const *names)
{
	size_t most = strlen(name) / 2 < 2 ? strlen(name) / 2 : 2;
	const char *found = NULL;

	for (; *names; names++) {
		size_t d = spelling_distance(name, *names);

		if (d < most || (d == most && !found)) {
			most = d;
			found = *names;
		}
	}
	return found;
}
