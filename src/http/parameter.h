/* SPDX-License-Identifier: ISC */
/*
 * http/parameter.h - words and parameters of a header field, such as Content-Type
 *
 * The text is a span of bytes that need not end in NUL; the results are borrowed from it.  None of
 * these functions fails or blocks.
 */
#ifndef RETRYSAFE_HTTP_PARAMETER_H
#define RETRYSAFE_HTTP_PARAMETER_H

#include <stdbool.h>
#include <stddef.h>

struct span {
	const char *p, *end;
};

struct parameter {
	struct span name, value; /* value: without its quotes, with its escapes */
	bool is_quoted;
};

enum found { FOUND, NO_MORE, MALFORMED };

/* Bytes of it. */
size_t span_len(struct span s);

/* Is it this word, in upper or lower case? */
bool span_is(struct span s, const char *word);

/* A space or tab. */
bool parameter_is_blank(char c);

/* A character of a token (RFC 9110, 5.6.2). */
bool parameter_is_token_char(char c);

/* Takes blanks and the ends of lines. */
void parameter_skip_blanks(struct span *in);

/* Takes the bytes before the next blank, semicolon or quote. */
struct span parameter_word(struct span *in);

/* Takes the next parameter, with the semicolons before it (RFC 9110, 5.6.6). */
enum found parameter_next(struct span *in, struct parameter *out);

#endif
