/* SPDX-License-Identifier: ISC */
/*
 * Claims: no bytes break key_parse(); a key that it accepts is within its limits, and is the same
 * key after it is written as a String and read again.
 */
#include "../../src/http/key.c"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char again[2 * KEY_MAX + 2];
	size_t n = 0;
	struct key key, same;

	if (size == 0 || key_parse((const char *)data + 1, size - 1,
				 data[0] & 1 ? KEY_SYNTAX_STRICT : KEY_SYNTAX_LENIENT,
				 "Idempotency-Key", &key) != OK)
		return 0;
	if (key.len < 1 || key.len > KEY_MAX || strlen(key.text) != key.len)
		abort();
	again[n++] = '"';
	for (size_t i = 0; i < key.len; i++) {
		if (key.text[i] == '"' || key.text[i] == '\\')
			again[n++] = '\\';
		again[n++] = key.text[i];
	}
	again[n++] = '"';
	if (key_parse(again, n, KEY_SYNTAX_STRICT, "Idempotency-Key", &same) != OK ||
		strcmp(key.text, same.text) != 0)
		abort();
	return 0;
}
