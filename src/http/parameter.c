/* SPDX-License-Identifier: ISC */
/*
 * http/parameter.c - words and parameters of a header field, such as Content-Type
 *
 * Does not know: what they mean.
 */
#include "http/parameter.h"

#include <string.h>
#include <strings.h>

bool parameter_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 9110, 5.6.2 */
bool parameter_is_token_char(char c)
{
	return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

size_t span_len(struct span s)
{
	return (size_t)(s.end - s.p);
}

bool span_is(struct span s, const char *word)
{
	return span_len(s) == strlen(word) && strncasecmp(s.p, word, span_len(s)) == 0;
}

/* In a head, a line end inside of a field is a fold (RFC 5322, 2.2.3), and is read as a blank. */
static bool is_fold(char c)
{
	return parameter_is_blank(c) || c == '\r' || c == '\n';
}

void parameter_skip_blanks(struct span *in)
{
	while (in->p < in->end && is_fold(*in->p))
		in->p++;
}

/* Takes the bytes before the next blank, semicolon or quote. */
struct span parameter_word(struct span *in)
{
	struct span word = *in;

	while (in->p < in->end && !is_fold(*in->p) && *in->p != ';' && *in->p != '"')
		in->p++;
	word.end = in->p;
	return word;
}

/* Takes a quoted string whose opening quote was read; false: it has no end. */
static bool take_quoted(struct span *in, struct span *out)
{
	out->p = in->p;
	while (in->p < in->end && *in->p != '"') {
		if (*in->p == '\\' && in->p + 1 < in->end && (in->p[1] == '"' || in->p[1] == '\\'))
			in->p++;
		in->p++;
	}
	out->end = in->p;
	if (in->p == in->end)
		return false;
	in->p++;
	return true;
}

/* RFC 9110, 5.6.6: *( OWS ";" OWS [ parameter ] ) */
enum found parameter_next(struct span *in, struct parameter *out)
{
	bool is_separated = false;

	parameter_skip_blanks(in);
	while (in->p < in->end && *in->p == ';') {
		is_separated = true;
		in->p++;
		parameter_skip_blanks(in);
	}
	if (in->p == in->end)
		return NO_MORE;
	out->name.p = in->p;
	while (in->p < in->end && parameter_is_token_char(*in->p))
		in->p++;
	out->name.end = in->p;
	if (!is_separated || in->p == in->end || *in->p++ != '=')
		return MALFORMED;
	out->is_quoted = in->p < in->end && *in->p == '"';
	if (out->is_quoted) {
		in->p++;
		return take_quoted(in, &out->value) ? FOUND : MALFORMED;
	}
	out->value = parameter_word(in);
	return FOUND;
}
