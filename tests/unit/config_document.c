/* SPDX-License-Identifier: ISC */
/*
 * Claims: where memory ends, jansson neither calls it wrong JSON nor reads on, whichever allocation
 * fails.
 */
#include <stddef.h>
#include <stdlib.h>
static void *get_memory(size_t n);

#define malloc get_memory
#include "../../src/config/document.c"
#undef malloc

#include "tap.h"

#include <string.h>

static int allocations = -1; /* so many are left; -1: no limit */
static bool is_failing_once;

static void *get_memory(size_t n)
{
	if (allocations == 0) {
		allocations -= is_failing_once;
		return NULL;
	}
	allocations -= allocations > 0;
	return malloc(n);
}

int main(void)
{
	const char *text = "{\"a\":[1,-2.5,\"x\"],\"b\":{},\"c\":\"a string that needs more than "
			   "one of jansson's small buffers\",\"d\":12345678901234567}";
	json_error_t error;
	json_t *root = NULL;

	for (int once = 0; once < 2; once++) {
		bool is_no_memory = true;
		int n;

		is_failing_once = once;
		for (n = 0; n < 100 && is_no_memory; n++) {
			allocations = n;
			root = config_document_parse(text, strlen(text), 0, &error, &is_no_memory);
		}
		ok(root != NULL, "without memory, %s", once ? "once" : "for good");
		ok(n > 20 && n < 100, "  number %d is not needed", n - 1);
		allocations = -1;
		json_decref(root);
	}
	allocations = 0;
	ok(!json_object(), "no memory for something else");
	allocations = -1;
	root = json_object();
	ok(root != NULL, "  does not last");
	json_decref(root);
	return done_testing();
}
