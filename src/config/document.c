/* SPDX-License-Identifier: ISC */
/*
 * config/document.c - reads a configuration's JSON into a document
 *
 * RULES
 *   (1) Where memory ends, the parser neither calls it wrong JSON nor reads on
 * (unit/config_document).
 *
 * Does not know: what the document says.  Bodies of requests are read by http/json.c.
 */
#include "config/document.h"

#include <stdlib.h>

/*
 * After a failed allocation jansson's lexer goes on with a text that is cut off, and reads behind
 * its end for the quote that closes a string.  So after the first failure all allocations fail
 * until the parser gives up, which it does before it reads there.
 */
static _Thread_local bool is_parsing, has_failed;

static void *allocate(size_t n)
{
	void *p = is_parsing && has_failed ? NULL : malloc(n);

	has_failed = has_failed || !p;
	return p;
}

/* A constructor runs before there are threads: jansson sets its functions without a lock. */
__attribute__((constructor)) static void set_allocator(void)
{
	json_set_alloc_funcs(allocate, free);
}

json_t *config_document_parse(
	const char *text, size_t len, size_t flags, json_error_t *error, bool *is_no_memory)
{
	json_t *root;

	is_parsing = true;
	has_failed = false;
	root = json_loadb(text, len, flags, error);
	is_parsing = false;
	*is_no_memory = !root && has_failed;
	return root;
}
