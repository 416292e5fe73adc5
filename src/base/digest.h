/* SPDX-License-Identifier: ISC */
/*
 * base/digest.h - HMAC-SHA-256 (RFC 2104) over parts that cannot be confused, and random bytes
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
	SHA2_CTX outer; /* the second hash of the HMAC: has its block of the key */
};

/* Starts a keyed digest; key_len at most 64 bytes.  None of these functions fails or blocks. */
void digest_start(struct digest *d, const unsigned char *key, size_t key_len);
/* Adds a part: its length, then its bytes. */
void digest_part(struct digest *d, const void *data, size_t len);
/*
 * Adds bytes alone, without a length: for an HMAC that other programs compute, too.  Two calls add
 * what one call with both texts would.
 */
void digest_raw(struct digest *d, const void *data, size_t len);
/* Adds a NUL-terminated string as a part; NULL and "" are different parts. */
void digest_string(struct digest *d, const char *s);
/* Writes the first out_len bytes of the digest to out; out_len at most DIGEST_LEN. */
void digest_end(struct digest *d, unsigned char *out, size_t out_len);

/* Fills buf with unpredictable bytes of the kernel; blocks only early in the machine's start. */
void random_bytes(void *buf, size_t len);

/* Writes lower-case hexadecimal digits to out: 2 * len characters and a NUL. */
void hex_text(const unsigned char *data, size_t len, char *out);

#endif
