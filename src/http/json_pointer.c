/* SPDX-License-Identifier: ISC */
/*
 * http/json_pointer.c - follows a pointer through a document while it is read
 *
 * RULES
 *   (1) A token is compared with a name piece by piece, without decoding it first: nothing is
 *       copied (unit/json).
 *   (2) Two members of one name on a pointer's way are noticed: parsers take the first, or the last
 *       of them, or refuse (unit/json).
 *
 * Does not know what the values are for.
 */
#include "http/json_pointer.h"

#include <string.h>
#include <strings.h>

bool json_pointer_is_valid(const char *pointer)
{
	if (*pointer && *pointer != '/')
		return false;
	for (; *pointer; pointer++)
		if (*pointer == '~' && pointer[1] != '0' && pointer[1] != '1')
			return false;
	return true;
}

void json_walk_start(struct json_walk *w, const char *pointer)
{
	*w = (struct json_walk){.pointer = pointer, .at = pointer};
}

/* Is the way to what holds this value the pointer's, and does the pointer go on? */
static bool is_on_the_way(const struct json_walk *w, int depth)
{
	return w->common == depth - 1 && *w->at == '/';
}

void json_walk_name(struct json_walk *w, int depth)
{
	w->name = is_on_the_way(w, depth) ? w->at + 1 : NULL;
}

/* RFC 6901, 4: "first transforming any occurrence of the sequence '~1' to '/', and then [...] '~0'
 * to '~'"; decoding from left to right has the same result. */
void json_walk_text(struct json_walk *w, const char *text, size_t len)
{
	for (; w->name && len > 0; text++, len--) {
		char c = *w->name++;

		if (c == '~')
			c = *w->name++ == '1' ? '/' : '~';
		else if (c == '/')
			c = '\0';
		if (c == '\0' || c != *text)
			w->name = NULL;
	}
}

static void go_on(struct json_walk *w, int depth, const char *end)
{
	w->at = end;
	w->common = depth;
	if (w->found >= depth)
		w->is_doubled = true;
	w->found = depth;
}

void json_walk_member(struct json_walk *w, int depth)
{
	if (w->name && (*w->name == '/' || *w->name == '\0'))
		go_on(w, depth, w->name);
	w->name = NULL;
}

/* RFC 6901, 4: "0" or digits without a leading zero; otherwise -1, which no element has. */
static int64_t read_index(const char *token, const char *end)
{
	int64_t index = 0;

	if (token == end || (*token == '0' && end - token > 1) || end - token > 18)
		return -1;
	for (; token < end; token++) {
		if (*token < '0' || *token > '9')
			return -1;
		index = index * 10 + (*token - '0');
	}
	return index;
}

void json_walk_element(struct json_walk *w, int depth, int64_t index)
{
	const char *end;

	if (!is_on_the_way(w, depth))
		return;
	end = w->at + 1 + strcspn(w->at + 1, "/");
	if (read_index(w->at + 1, end) == index)
		go_on(w, depth, end);
}

bool json_walk_is_there(const struct json_walk *w, int depth)
{
	return w->common == depth && !*w->at;
}

void json_walk_leave(struct json_walk *w, int depth)
{
	if (w->common != depth || depth == 0)
		return;
	w->common--;
	do
		w->at--;
	while (*w->at != '/');
}

static bool is_type_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("!#$&-^_.+", c));
}

/* RFC 6838, 4.2: type "/" subtype */
bool json_pointer_is_json(const char *content_type)
{
	static const char json[] = "application/json", suffix[] = "+json";
	size_t len = 0, slashes = 0;
	const char *p = content_type;

	if (!p)
		return false;
	p += strspn(p, " \t");
	for (; is_type_char(p[len]) || (p[len] == '/' && len > 0); len++)
		slashes += p[len] == '/';
	if (slashes != 1 || (p[len] && !strchr("; \t", p[len])))
		return false;
	if (len == strlen(json) && strncasecmp(p, json, len) == 0)
		return true;
	return len > strlen(suffix) &&
	       strncasecmp(p + len - strlen(suffix), suffix, strlen(suffix)) == 0;
}
