/* SPDX-License-Identifier: ISC */
/*
 * base/digest.h - SHA-256, keyed (HMAC, RFC 2104) and plain, over parts that cannot be confused
 *
 * Each part is preceded by its length, so that ("a", "bc") and ("ab", "c") differ.
 */
#ifndef RETRYSAFE_BASE_DIGEST_H
#define RETRYSAFE_BASE_DIGEST_H

#include <sha2.h>
#include <stddef.h>

#define DIGEST_LEN 32 /* bytes */

struct digest {
	SHA2_CTX ctx;
	SHA2_CTX outer; /* begun with the key */
};

/* Starts a keyed digest; key_len at most 64 bytes. */
void digest_start(struct digest *d, const unsigned char *key, size_t key_len);
/* Adds a part: its length, then its bytes. */
void digest_part(struct digest *d, const void *data, size_t len);
/* Adds a NUL-terminated string as a part; NULL is another part than "". */
void digest_string(struct digest *d, const char *s);
/* out_len at most DIGEST_LEN: a shorter one is the beginning of the whole. */
void digest_end(struct digest *d, unsigned char *out, size_t out_len);

/* Fills buf with unpredictable bytes; from the kernel, never fails once the machine has started. */
void random_bytes(void *buf, size_t len);

/* Lower-case hexadecimal: 2 * len characters and a NUL. */
void hex_text(const unsigned char *data, size_t len, char *out);

#endif
