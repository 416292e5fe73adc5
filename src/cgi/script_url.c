/* SPDX-License-Identifier: ISC */
/*
 * cgi/script_url.c - the URL of a request as routes see it
 *
 * RULES
 *
 *   (1) How a client spells a URL (slashes, dots, escapes, a query, path information) does not
 *       decide which route it gets: whatever the URL may mean is a reading of it, and all readings
 *       count (unit/script_url, t86-urls).
 *   (2) What the server sent is decoded, or it is not, in which case it may hold the query.  Both
 *       are readings, unless the file's path, which is never encoded, has segments in common with
 *       one of them only.  A query proves nothing: the client writes it (unit/script,
 *       unit/script_url).
 *   (3) SCRIPT_NAME may hold path information.  So it may end wherever a segment is called like
 *       the file; where the file's directory is called so too, that is the unlikely reading.  Of a
 *       name that does not end like the file, the first such part counts: a client can add to a
 *       URL's end only (unit/script_url).
 *
 * Does not know: routes, and which file a request means (cgi/script.c).
 */
#include "cgi/script_url.h"

#include "cgi/url_path.h"

#include <stdlib.h>
#include <string.h>

static enum err no_memory(void)
{
	return err_set(ERR_NOMEM, "out of memory");
}

static bool is_set(const char *value)
{
	return value && *value;
}

enum err script_url_decode(const char *text, char **out)
{
	bool has_nul;

	*out = NULL;
	if (*text == '/' && !strpbrk(text, "%?"))
		return OK;
	*out = url_path_of_uri(text, &has_nul);
	if (*out)
		return OK;
	return has_nul ? err_set(ERR_REFUSED, "the URL's path holds a NUL") : no_memory();
}

char *script_url_requested(const struct variables *v)
{
	const char *uri = variables_get(v, "REQUEST_URI");
	bool has_nul;
	char *path = uri ? url_path_of_uri(uri, &has_nul) : NULL;

	if (path && (*path != '/' || url_path_goes_up(path))) {
		free(path);
		return NULL;
	}
	if (path)
		url_path_clean(path);
	return path;
}

bool script_url_is_whole(const struct variables *v, const char *name)
{
	const char *uri = variables_get(v, "DOCUMENT_URI");
	char *path = NULL;
	bool is;

	if (!is_set(uri))
		uri = path = script_url_requested(v);
	is = uri && url_path_is_same(uri, strlen(uri), name, strlen(name));
	free(path);
	return is;
}

/* ---- readings ---- */

static enum err add(
	struct script_urls *out, const char *name, size_t len, const char *path, bool is_weak)
{
	struct script_url *url = &out->list[out->n];

	if (out->n == SCRIPT_URLS_MAX)
		return err_set(ERR_REFUSED, "the URL can be read in too many ways");
	url->name = name ? strndup(name, len) : NULL;
	url->path = strdup(path);
	url->is_weak = is_weak;
	out->n++;
	return url->path && (url->name || !name) ? OK : no_memory();
}

/* The path in which a text is SCRIPT_NAME, or all that the server sent. */
static char *join_path(const struct variables *v, const char *text, bool is_name)
{
	const char *info = is_name ? variables_get(v, "PATH_INFO") : NULL;
	char *path;

	if (!info || (*info && script_url_is_whole(v, text)))
		info = "";
	path = malloc(strlen(text) + strlen(info) + 1);
	if (path)
		stpcpy(stpcpy(path, text), info);
	return path;
}

/* Rule (3): a cleaned name, and its parts that may be the name. */
static enum err add_names(
	struct script_urls *out, const char *name, const char *file, const char *path)
{
	const char *last = url_path_last(file);
	size_t len = strlen(name), n_shared = url_path_shared(name, len, file);
	size_t own = len; /* what is before the segments that the file has, too */
	bool has_parts = false;
	enum err rc = OK;

	while (own > 1 && name[own - 1] == '/')
		own--;
	for (size_t n = n_shared; n > 0; n--)
		while (name[--own] != '/')
			;
	for (size_t end = 0; rc == OK && (end = url_path_next(name, end, last)) && end < len;) {
		rc = add(out, name, end, path, end > own || (has_parts && n_shared == 0));
		has_parts = true;
	}
	return rc == OK ? add(out, name, len, path, has_parts && n_shared == 0) : rc;
}

static enum err add_reading(const struct variables *v, const char *text, bool is_name,
	const char *file, struct script_urls *out)
{
	char *path = join_path(v, text, is_name);
	char *name = path && file ? strdup(is_name ? text : path) : NULL;
	enum err rc = path && (name || !file) ? OK : no_memory();

	if (rc == OK) {
		url_path_clean(path);
		if (url_path_goes_up(path))
			rc = err_set(ERR_REFUSED, "the URL's path goes up (\"..\")");
	}
	if (rc == OK && name) {
		url_path_clean(name);
		for (size_t len = strlen(name); is_name && len > 1 && name[len - 1] == '/'; len--)
			name[len - 1] = '\0';
		rc = add_names(out, name, file, path);
	} else if (rc == OK) {
		rc = add(out, NULL, 0, path, false);
	}
	free(path);
	free(name);
	return rc;
}

/* Rule (2): which of the two are readings, as far as the file can tell. */
static void choose(const struct variables *v, const char *sent, const char *decoded,
	const char *file, bool *is_sent, bool *is_decoded)
{
	const char *query = variables_get(v, "QUERY_STRING"), *mark = strchr(sent, '?');
	bool has_mark = mark && !(file && strchr(file, '?'));
	size_t n_sent = file ? url_path_shared(sent, strlen(sent), file) : 0;
	size_t n_decoded = file ? url_path_shared(decoded, strlen(decoded), file) : 0;

	*is_sent = !(has_mark && query && strcmp(mark + 1, query) == 0) && n_sent >= n_decoded;
	*is_decoded = has_mark || n_decoded >= n_sent;
}

enum err script_url_readings(const struct variables *v, const char *file, struct script_urls *out)
{
	const char *name = variables_get(v, "SCRIPT_NAME"), *info = variables_get(v, "PATH_INFO");
	const char *uri = variables_get(v, "DOCUMENT_URI"), *text;
	char *requested = NULL, *decoded = NULL;
	bool is_sent = true, is_decoded = false;
	enum err rc;

	*out = (struct script_urls){0};
	text = is_set(name) ? name : is_set(info) ? info : uri;
	if (!is_set(text))
		text = requested = script_url_requested(v);
	rc = is_set(text) ? script_url_decode(text, &decoded) : OK;
	if (decoded)
		choose(v, text, decoded, file, &is_sent, &is_decoded);
	if (rc == OK && is_sent)
		rc = add_reading(v, text ? text : "", is_set(name), file, out);
	if (rc == OK && is_decoded)
		rc = add_reading(v, decoded, is_set(name), file, out);
	free(requested);
	free(decoded);
	if (rc != OK)
		script_urls_free(out);
	return rc;
}

void script_urls_free(struct script_urls *urls)
{
	for (size_t i = 0; i < urls->n; i++) {
		free(urls->list[i].name);
		free(urls->list[i].path);
	}
	*urls = (struct script_urls){0};
}
