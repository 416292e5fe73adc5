/* SPDX-License-Identifier: ISC */
/*
 * http/writer.h - a text that grows in memory, and the escaping of HTML
 *
 * A write that fails for lack of memory is remembered; writer_end() then returns NULL, so the
 * writes themselves need no check.
 */
#ifndef RETRYSAFE_HTTP_WRITER_H
#define RETRYSAFE_HTTP_WRITER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct writer {
	FILE *f;
	char *bytes;
	size_t len;
	bool is_cut; /* a write has failed: the text is incomplete */
};

/* Begins an empty text; writer_end() has to follow. */
void writer_begin(struct writer *w);

/* Add text: as printf(3) does; as it is; `len` bytes as they are; escaped, so that it can stand
 * between tags and in an attribute's quotes. */
void writer_print(struct writer *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
void writer_add(struct writer *w, const char *text);
void writer_add_bytes(struct writer *w, const char *bytes, size_t len);
void writer_escape(struct writer *w, const char *text);

/* Ends the text.  Returns it, NUL-terminated, for the caller to free; NULL: there was no memory. */
char *writer_end(struct writer *w);

#endif
