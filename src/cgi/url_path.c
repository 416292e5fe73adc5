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

char *url_path_of_uri(const char *uri, bool *has_nul)
{
	const char *authority = *uri == '/' ? NULL : strstr(uri, "://");
	char *raw, *path;

	*has_nul = false;
	if (authority) /* RFC 9112, section 3.2.2 */
		uri = strchr(authority + 3, '/');
	raw = strndup(uri ? uri : "", uri ? strcspn(uri, "?") : 0);
	path = raw ? url_path_decode(raw, has_nul) : NULL;
	free(raw);
	return path;
}

size_t url_path_common_end(const char *a, const char *b, size_t b_len)
{
	size_t a_len = strlen(a), n = 0;

	while (n < a_len && n < b_len && a[a_len - 1 - n] == b[b_len - 1 - n])
		n++;
	return n;
}

/* The byte in front of `at`, and where it begins: as it is, or what an escape stands for. */
static int byte_before(const char *text, size_t at, bool is_encoded, size_t *start)
{
	int byte = is_encoded && at >= 3 ? escaped_byte(text + at - 3) : -1;

	if (at == 0)
		return -1;
	*start = at - (byte > 0 ? 3 : 1);
	return byte > 0 ? byte : (unsigned char)text[*start];
}

/*
 * Steps back over one byte of a path as url_path_clean() leaves it, and returns the byte; -1: there
 * is none.  Of slashes and dots that mean one slash, *at is then where the first begins.
 */
static int step_back(const char *text, size_t *at, bool is_encoded)
{
	int byte = byte_before(text, *at, is_encoded, at);
	size_t before, dot;

	if (byte != '/')
		return byte;
	while ((byte = byte_before(text, *at, is_encoded, &before)) == '/' || byte == '.') {
		dot = before;
		if (byte == '.' && byte_before(text, dot, is_encoded, &before) != '/')
			break;
		*at = before;
	}
	return '/';
}

/* Where a path of len bytes ends: not with "/.", which is a slash. */
static size_t clean_end(const char *text, size_t len, bool is_encoded)
{
	size_t dot, slash;

	if (byte_before(text, len, is_encoded, &dot) == '.' &&
		byte_before(text, dot, is_encoded, &slash) == '/')
		return dot;
	return len;
}

/* url_path_before() for a url that is encoded, or for one that is not. */
static size_t before_rest(const char *url, size_t len, const char *rest, bool is_encoded)
{
	size_t at = clean_end(url, len, is_encoded);
	size_t rest_at = clean_end(rest, strlen(rest), false);

	while (rest_at > 0)
		if (step_back(url, &at, is_encoded) != step_back(rest, &rest_at, false))
			return len;
	return at;
}

size_t url_path_before(const char *url, size_t len, const char *rest)
{
	size_t before = before_rest(url, len, rest, false);

	return before < len ? before : before_rest(url, len, rest, true);
}

size_t url_path_shared(const char *a, size_t len, const char *b)
{
	size_t b_len = strlen(b), n = 0;

	while (len > 1 && a[len - 1] == '/')
		len--;
	for (int byte; (byte = step_back(a, &len, false)) >= 0;) {
		if (byte != step_back(b, &b_len, false))
			break;
		n += byte == '/';
	}
	return n;
}

bool url_path_is_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int byte;

	a_len = clean_end(a, a_len, false);
	b_len = clean_end(b, b_len, false);
	do {
		byte = step_back(a, &a_len, false);
		if (byte != step_back(b, &b_len, false))
			return false;
	} while (byte >= 0);
	return true;
}

size_t url_path_next(const char *path, size_t from, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = path + from; (at = strstr(at, name)); at++)
		if (at > path && at[-1] == '/' && (at[len] == '/' || at[len] == '\0'))
			return (size_t)(at - path) + len;
	return 0;
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
