/* SPDX-License-Identifier: ISC */
/*
 * base/digest.c - HMAC-SHA-256 over parts with their lengths; libmd does the hashing
 */
#include "base/digest.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#define BLOCK 64

/*
 * Both hashes of an HMAC begin with a block that depends on the key alone.  Each thread keeps the
 * two states after that block for the last key that it used.
 */
struct keyed {
	unsigned char key[BLOCK];
	SHA2_CTX inner, outer;
	bool is_set;
};

static void begin(SHA2_CTX *ctx, const unsigned char key[BLOCK], unsigned char pad)
{
	unsigned char block[BLOCK];

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = key[i] ^ pad;
	SHA256Init(ctx);
	SHA256Update(ctx, block, sizeof(block));
}

void digest_start(struct digest *d, const unsigned char *key, size_t key_len)
{
	static _Thread_local struct keyed last;
	unsigned char padded[BLOCK] = {0};

	memcpy(padded, key, key_len < sizeof(padded) ? key_len : sizeof(padded));
	if (!last.is_set || memcmp(padded, last.key, sizeof(padded)) != 0) {
		begin(&last.inner, padded, 0x36);
		begin(&last.outer, padded, 0x5c);
		memcpy(last.key, padded, sizeof(padded));
		last.is_set = true;
	}
	d->ctx = last.inner;
	d->outer = last.outer;
}

void digest_part(struct digest *d, const void *data, size_t len)
{
	uint64_t n = len;

	SHA256Update(&d->ctx, (const uint8_t *)&n, sizeof(n));
	if (len > 0)
		SHA256Update(&d->ctx, data, len);
}

void digest_raw(struct digest *d, const void *data, size_t len)
{
	SHA256Update(&d->ctx, data, len);
}

void digest_string(struct digest *d, const char *s)
{
	uint64_t none = UINT64_MAX;

	if (s)
		digest_part(d, s, strlen(s));
	else
		SHA256Update(&d->ctx, (const uint8_t *)&none, sizeof(none));
}

void digest_end(struct digest *d, unsigned char *out, size_t out_len)
{
	unsigned char hash[DIGEST_LEN];

	SHA256Final(hash, &d->ctx);
	SHA256Update(&d->outer, hash, sizeof(hash));
	SHA256Final(hash, &d->outer);
	memcpy(out, hash, out_len < sizeof(hash) ? out_len : sizeof(hash));
}

void random_bytes(void *buf, size_t len)
{
	unsigned char *p = buf;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}

void hex_text(const unsigned char *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[data[i] >> 4];
		*out++ = digits[data[i] & 15];
	}
	*out = '\0';
}
