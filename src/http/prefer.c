/* SPDX-License-Identifier: ISC */
/*
 * http/prefer.c - finds respond-async and wait=N in a Prefer field (RFC 7240, 4.1 and 4.3)
 *
 * Does not know: whether the route allows them.
 */
#include "http/prefer.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define WAIT_MAX_S 86400

/* The end of a preference with its parameters: a comma that is not in a quoted string. */
static const char *end_of(const char *at)
{
	bool is_quoted = false;

	for (; *at && (is_quoted || *at != ','); at++) {
		if (*at == '\\' && is_quoted && at[1])
			at++;
		else if (*at == '"')
			is_quoted = !is_quoted;
	}
	return at;
}

/* 1 to 9 digits, also in quotes, up to the end of the value; -1: not a number. */
static int64_t read_seconds(const char *at, const char *end)
{
	int64_t n = 0;
	int digits = 0;

	if (end - at >= 2 && *at == '"' && end[-1] == '"') {
		at++;
		end--;
	}
	for (; at < end && isdigit((unsigned char)*at) && digits < 9; at++, digits++)
		n = n * 10 + (*at - '0');
	return digits > 0 && at == end ? n : -1;
}

struct prefer prefer_read(const char *field)
{
	struct prefer found = {.wait_ms = -1};

	while (field && *field) {
		const char *end = end_of(field), *name = field + strspn(field, " \t,");
		size_t len = strcspn(name, " \t=;,"), all = strcspn(name, ";,");
		const char *value = name + len + strspn(name + len, " \t");

		if (len == 13 && strncasecmp(name, "respond-async", 13) == 0)
			found.respond_async = true;
		if (len == 4 && strncasecmp(name, "wait", 4) == 0 && *value == '=' &&
			found.wait_ms < 0) {
			const char *value_end = name + all;
			int64_t s;

			value += 1 + strspn(value + 1, " \t");
			while (value_end > value && (value_end[-1] == ' ' || value_end[-1] == '\t'))
				value_end--;
			s = read_seconds(value, value_end);
			if (s >= 0)
				found.wait_ms = (s < WAIT_MAX_S ? s : WAIT_MAX_S) * 1000;
		}
		field = *end ? end + 1 : end;
	}
	return found;
}
