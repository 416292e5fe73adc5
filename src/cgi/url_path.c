/* SPDX-License-Identifier: ISC */
/*
 * cgi/url_path.c - paths of URLs and files as servers write them: encoded or not, with slashes and
 * dots too many
 *
 * Does not know: variables, files and routes.
 */
#include "cgi/url_path.h"

#include <stdlib.h>
#include <string.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that the three characters of an escape stand for, or -1.  Stops at a NUL. */
static int escaped_byte(const char *text)
{
	int high, low;

	if (text[0] != '%' || (high = hex_value(text[1])) < 0 || (low = hex_value(text[2])) < 0)
		return -1;
	return high * 16 + low;
}

char *url_path_decode(const char *text, bool *has_nul)
{
	char *out = malloc(strlen(text) + 1), *to = out;

	*has_nul = false;
	if (!out)
		return NULL;
	while (*text) {
		int byte = escaped_byte(text);

		if (byte == 0) {
			*has_nul = true;
			free(out);
			return NULL;
		}
		text += byte < 0 ? 1 : 3;
		*to++ = byte < 0 ? text[-1] : (char)byte;
	}
	*to = '\0';
	return out;
}

size_t url_path_common_end(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b), n = 0;

	while (n < a_len && n < b_len && a[a_len - 1 - n] == b[b_len - 1 - n])
		n++;
	return n;
}

/* The number of bytes of url before an equal or encoded rest at its end; its length if there is
 * none. */
static size_t before_encoded(const char *url, const char *rest)
{
	size_t url_len = strlen(url), rest_len = strlen(rest), at = url_len;

	while (rest_len > 0 && at > 0) {
		int byte = at >= 3 ? escaped_byte(url + at - 3) : -1;

		at -= byte < 0 ? 1 : 3;
		if ((byte < 0 ? url[at] : (char)byte) != rest[--rest_len])
			return url_len;
	}
	return rest_len == 0 ? at : url_len;
}

/* The same, where one of the two has slashes that the other has not. */
static size_t before_slashes(const char *url, const char *rest)
{
	size_t url_len = strlen(url), rest_len = strlen(rest), at = url_len;

	while (rest_len > 0 && at > 0 && url[at - 1] == rest[rest_len - 1]) {
		if (url[at - 1] == '/') {
			for (; at > 1 && url[at - 2] == '/'; at--)
				;
			for (; rest_len > 1 && rest[rest_len - 2] == '/'; rest_len--)
				;
		}
		at--;
		rest_len--;
	}
	return rest_len == 0 ? at : url_len;
}

size_t url_path_before(const char *url, const char *rest)
{
	size_t len = strlen(url), at = len - strlen(rest);

	if (url_path_common_end(url, rest) != strlen(rest)) {
		at = before_encoded(url, rest);
		if (at == len)
			at = before_slashes(url, rest);
	}
	/* Of several slashes before the rest, the file's name has none. */
	for (; *rest == '/' && at < len && at > 1 && url[at - 1] == '/'; at--)
		;
	return at;
}

bool url_path_goes_up(const char *path)
{
	for (; path; path = strchr(path, '/')) {
		path += *path == '/';
		if (path[0] == '.' && path[1] == '.' && (path[2] == '/' || path[2] == '\0'))
			return true;
	}
	return false;
}

/* Is text at a slash or a dot that means nothing behind a slash? */
static bool is_void(const char *text)
{
	return text[0] == '/' || (text[0] == '.' && (text[1] == '/' || text[1] == '\0'));
}

void url_path_clean(char *path)
{
	const char *from = path;
	char *to = path;

	while (*from) {
		char c = *from++;

		*to++ = c;
		while (c == '/' && is_void(from))
			from++;
	}
	*to = '\0';
}

const char *url_path_last(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
