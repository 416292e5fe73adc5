/* SPDX-License-Identifier: ISC */
/*
 * http/accept.c - the entries of a list with weights, and whether a caller prefers a page
 *
 * Every browser names text/html and gives "*" a lower weight; programs that have nothing to say
 * send a bare "*" or no field at all.
 *
 * RULES
 *   (1) Only a caller that names a type of page, and ranks it higher than everything that covers
 *       JSON, gets a page (unit/accept, t41-http-docs).
 */
#include "http/accept.h"

#include <string.h>
#include <strings.h>

/* RFC 9110, 12.4.2: a weight in thousandths; -1 when it is none. */
static int read_weight(const char *s, size_t len)
{
	int weight, unit = 100;

	if (len == 0 || len > 5 || (s[0] != '0' && s[0] != '1') || (len > 1 && s[1] != '.'))
		return -1;
	weight = (s[0] - '0') * 1000;
	for (size_t i = 2; i < len; i++, unit /= 10) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		weight += (s[i] - '0') * unit;
	}
	return weight <= 1000 ? weight : -1;
}

/* Cuts the next part off *list, up to `separator`, without the blanks around it. */
static bool next_part(
	const char **list, const char *end, char separator, const char **part, size_t *len)
{
	const char *stop;

	if (*list >= end)
		return false;
	stop = memchr(*list, separator, (size_t)(end - *list));
	*part = *list;
	*list = stop ? stop + 1 : end;
	if (!stop)
		stop = end;
	while (*part < stop && (**part == ' ' || **part == '\t'))
		(*part)++;
	while (*part < stop && (stop[-1] == ' ' || stop[-1] == '\t'))
		stop--;
	*len = (size_t)(stop - *part);
	return true;
}

bool accept_next(const char **field, struct accept_range *range)
{
	const char *entry, *end, *part;
	size_t len;

	*range = (struct accept_range){.name = "", .weight = 1000};
	if (!next_part(field, *field + strlen(*field), ',', &entry, &len))
		return false;
	end = entry + len;
	if (next_part(&entry, end, ';', &range->name, &range->len))
		while (next_part(&entry, end, ';', &part, &len))
			if (len >= 2 && strncasecmp(part, "q=", 2) == 0)
				range->weight = read_weight(part + 2, len - 2);
	return true;
}

static bool is_among(const char *const *names, const struct accept_range *range)
{
	for (; *names; names++)
		if (strlen(*names) == range->len &&
			strncasecmp(*names, range->name, range->len) == 0)
			return true;
	return false;
}

bool accept_prefers_html(const char *accept)
{
	static const char *const pages[] = {"text/html", "application/xhtml+xml", NULL};
	static const char *const others[] = {
		"application/problem+json", "application/json", "application/*", "*/*", NULL};
	struct accept_range range;
	int page = 0, other = 0;

	while (accept && accept_next(&accept, &range)) {
		if (is_among(pages, &range) && range.weight > page)
			page = range.weight;
		if (is_among(others, &range) && range.weight > other)
			other = range.weight;
	}
	return page > other;
}
