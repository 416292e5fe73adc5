/* SPDX-License-Identifier: ISC */
/*
 * Claims: no bytes break chunks_decode(); the place of a cut changes neither the body nor the
 * verdict, and a body is never longer than its chunks.
 */
#include "../../src/cgi/chunks.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct chunks whole = CHUNKS_START, cut = CHUNKS_START;
	const char *in = (const char *)data + 1;
	size_t len = size > 0 ? size - 1 : 0, step = size > 0 ? data[0] % 7 + 1 : 1, n, m = 0;
	char *one = malloc(len + 1), *other = malloc(len + 1);

	n = chunks_decode(&whole, in, len, one);
	for (size_t at = 0; at < len; at += step)
		m += chunks_decode(&cut, in + at, len - at < step ? len - at : step, other + m);
	if (n > len || whole.at != cut.at || n != m || memcmp(one, other, n) != 0)
		abort();
	free(one);
	free(other);
	return 0;
}
