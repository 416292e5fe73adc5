/* SPDX-License-Identifier: ISC */
/* Claim: digests are HMAC-SHA-256 over parts that cannot run into each other. */
#include "base/digest.h"

#include "tap.h"

#include <stdint.h>

static const char *of(const char *key, const char *one, const char *two)
{
	static char text[2][2 * DIGEST_LEN + 1];
	static int turn;
	unsigned char out[DIGEST_LEN];
	struct digest d;

	turn = !turn;
	digest_start(&d, (const unsigned char *)key, strlen(key));
	digest_string(&d, one);
	digest_string(&d, two);
	digest_end(&d, out, sizeof(out));
	hex_text(out, sizeof(out), text[turn]);
	return text[turn];
}

int main(void)
{
	unsigned char random[2][64] = {{0}}, half[16 + 1], whole[DIGEST_LEN];
	char hex[5], text[2 * DIGEST_LEN + 1];
	struct digest d;

	/* perl -MDigest::SHA=hmac_sha256_hex -e 'print
	 * hmac_sha256_hex(pack("Q<a2Q<a1",2,"ab",1,"c"),"key")' */
	is_str(of("key", "ab", "c"),
		"8c568fcbf2953946832018520a5eb5a6a63fe007671cf14e924b528f355076d0",
		"as Perl computes it");
	ok(strcmp(of("key", "ab", "c"), of("key", "a", "bc")) != 0, "parts keep their bounds");
	ok(strcmp(of("key", "", "x"), of("key", NULL, "x")) != 0, "none is not an empty one");
	ok(strcmp(of("key", "ab", "c"), of("kez", "ab", "c")) != 0, "the key counts");
	half[16] = 0x55;
	for (int i = 0; i < 2; i++) {
		digest_start(&d, (const unsigned char *)"k", 1);
		digest_part(&d, "data", 4);
		digest_end(&d, i ? whole : half, i ? DIGEST_LEN : 16);
	}
	ok(memcmp(half, whole, 16) == 0 && half[16] == 0x55,
		"a short one is the beginning of the long one");
	/* RFC 4231, 4.3 */
	digest_start(&d, (const unsigned char *)"Jefe", 4);
	digest_raw(&d, "what do ya want ", 16);
	digest_raw(&d, "for nothing?", 12);
	digest_end(&d, whole, DIGEST_LEN);
	hex_text(whole, DIGEST_LEN, text);
	is_str(text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		"bytes alone make the HMAC of the standard");
	hex_text((const unsigned char *)"\0\xff", 2, hex);
	is_str(hex, "00ff", "hexadecimal digits");
	random_bytes(random[0], 64);
	random_bytes(random[1], 64);
	ok(memcmp(random[0], random[1], 64) != 0, "random bytes differ");
	return done_testing();
}
