/* SPDX-License-Identifier: ISC */
/*
 * cgi/chunks.c - one byte after the other, but for the data
 *
 *     SIZE --digits, ";" or blank--> EXTENSION --LF--> DATA --> DATA_END --LF--> SIZE
 *       `------------LF------------------------------^ `--size 0--> ENDED
 *
 * Does not know: the source of the bytes, and the use of a broken body.
 */
#include "cgi/chunks.h"

#include <string.h>

#define DIGITS_MAX 15 /* so that `left` cannot overflow */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void end_size(struct chunks *c)
{
	c->at = c->left > 0 ? CHUNKS_DATA : CHUNKS_ENDED;
	c->digits = 0;
}

/* A byte that is no data. */
static void take(struct chunks *c, char byte)
{
	int digit = c->at == CHUNKS_SIZE ? hex_value(byte) : -1;

	if (digit >= 0 && c->digits < DIGITS_MAX) {
		c->left = c->left * 16 + digit;
		c->digits++;
	} else if (byte == '\r' && (c->at == CHUNKS_DATA_END || c->digits > 0)) {
		c->at = c->at == CHUNKS_SIZE ? CHUNKS_EXTENSION : c->at;
	} else if (byte == '\n' && c->at == CHUNKS_DATA_END) {
		c->at = CHUNKS_SIZE;
	} else if (byte == '\n' && c->digits > 0) {
		end_size(c);
	} else if (c->at == CHUNKS_SIZE && c->digits > 0 && strchr("; \t", byte) && byte) {
		c->at = CHUNKS_EXTENSION;
	} else if (c->at != CHUNKS_EXTENSION) {
		c->at = CHUNKS_BROKEN;
	}
}

size_t chunks_decode(struct chunks *c, const char *in, size_t len, char *out)
{
	size_t i = 0, n = 0;

	while (i < len && c->at != CHUNKS_ENDED && c->at != CHUNKS_BROKEN) {
		size_t piece = len - i;

		if (c->at != CHUNKS_DATA) {
			take(c, in[i++]);
			continue;
		}
		if ((int64_t)piece > c->left)
			piece = (size_t)c->left;
		memmove(out + n, in + i, piece);
		i += piece;
		n += piece;
		c->left -= (int64_t)piece;
		if (c->left == 0)
			c->at = CHUNKS_DATA_END;
	}
	return n;
}
