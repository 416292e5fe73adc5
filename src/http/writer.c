/* SPDX-License-Identifier: ISC */
/*
 * http/writer.c - a text that grows in memory, and the escaping of HTML
 *
 * When open_memstream(3) has no memory, the write fails, and ferror(3) is silent: so each write's
 * own result counts.
 *
 * RULES
 *   (1) A text that is not whole is never returned (unit/memory).
 */
#include "http/writer.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void writer_begin(struct writer *w)
{
	*w = (struct writer){0};
	w->f = open_memstream(&w->bytes, &w->len);
	w->is_cut = !w->f;
}

void writer_print(struct writer *w, const char *fmt, ...)
{
	va_list ap;

	if (w->is_cut)
		return;
	va_start(ap, fmt);
	w->is_cut = vfprintf(w->f, fmt, ap) < 0;
	va_end(ap);
}

void writer_add_bytes(struct writer *w, const char *bytes, size_t len)
{
	w->is_cut = w->is_cut || fwrite(bytes, 1, len, w->f) != len;
}

void writer_add(struct writer *w, const char *text)
{
	writer_add_bytes(w, text, strlen(text));
}

void writer_escape(struct writer *w, const char *text)
{
	while (*text) {
		size_t plain = strcspn(text, "&<>\"'");

		writer_add_bytes(w, text, plain);
		text += plain;
		switch (*text) {
		case '&':
			writer_add(w, "&amp;");
			break;
		case '<':
			writer_add(w, "&lt;");
			break;
		case '>':
			writer_add(w, "&gt;");
			break;
		case '"':
			writer_add(w, "&quot;");
			break;
		case '\'':
			writer_add(w, "&#39;");
			break;
		default:
			return;
		}
		text++;
	}
}

char *writer_end(struct writer *w)
{
	bool is_whole = w->f && fclose(w->f) == 0 && !w->is_cut;

	if (is_whole)
		return w->bytes;
	free(w->bytes);
	return NULL;
}
