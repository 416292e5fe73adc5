/* SPDX-License-Identifier: ISC */
/*
 * digest.c - HMAC-SHA-256 over parts with their lengths; libmd does the hashing
 */
#include "digest.h"

#include <stdint.h>
#include <string.h>
#include <sys/random.h>

void digest_start(struct digest *d, const unsigned char *key, size_t key_len)
{
	unsigned char inner[64] = {0};

	if (key_len > sizeof(inner))
		key_len = sizeof(inner);
	memcpy(inner, key, key_len);
	for (size_t i = 0; i < sizeof(inner); i++) {
		d->outer[i] = inner[i] ^ 0x5c;
		inner[i] ^= 0x36;
	}
	SHA256Init(&d->ctx);
	SHA256Update(&d->ctx, inner, sizeof(inner));
}

void digest_part(struct digest *d, const void *data, size_t len)
{
	uint64_t n = len;

	SHA256Update(&d->ctx, (const uint8_t *)&n, sizeof(n));
	if (len > 0)
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
	SHA256Init(&d->ctx);
	SHA256Update(&d->ctx, d->outer, sizeof(d->outer));
	SHA256Update(&d->ctx, hash, sizeof(hash));
	SHA256Final(hash, &d->ctx);
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
