/* SPDX-License-Identifier: ISC */
/*
 * cgi/script.c - which script a request means, and the CGI variables it shall see
 *
 * What servers send for /form.pl/more (recorded in tests/unit/script.c):
 *
 *   file and rest apart       most CGI and FastCGI modules: nothing to do
 *   file and rest in one      nginx, and Apache's ProxyPass, which also writes SCRIPT_FILENAME as a
 *                             URL ("proxy:fcgi://host/srv/form.pl/more"), percent-encoded or not
 *   us, or no file at all,    Apache's Action: an internal redirect to this program, or to a
 *   and the script where the  location that is ours ("virtual"), the script's URL in PATH_INFO and
 *   rest belongs              its file in PATH_TRANSLATED
 *   no SCRIPT_NAME            gateways that are mounted at the root: the URL's whole path is in
 *                             PATH_INFO, the script's file may be in it
 *   no file                   front controllers: a route names the script, its `match` the URL
 *
 * script_locate() turns the others into the first; script_divide() the last, once the route is
 * known.
 *
 * RULES
 *
 *   (1) The script is the first regular file on the path (unit/script).
 *   (2) This program never starts itself, neither by its name nor by a control file
 *       (unit/script_open).
 *   (3) Only REDIRECT_HANDLER says that an Action called us.  Apache sets it, no header field of a
 *       client can. Without it, any caller of this program's URL could name any file (unit/script,
 *       t20-bad-input, t86-urls).
 *   (4) No variable HTTP_* decides anything here (unit/script).
 *   (5) Where it is not certain which part of the URL is the script's name, the request is refused
 *       (unit/script, unit/script_url).
 *
 * Does not know: routes and what they see of the URL (cgi/script_url.c), and how a script is opened
 * and started (cgi/script_file.c).
 */
#include "cgi/script.h"

#include "cgi/script_url.h"
#include "cgi/url_path.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static enum err no_memory(void)
{
	return err_set(ERR_NOMEM, "out of memory");
}

/* The path in "proxy:fcgi://host/path" and its relatives; text itself without "proxy:". */
static const char *path_in_url(const char *text)
{
	static const char *const schemes[] = {"fcgi://", "balancer://"};

	if (strncasecmp(text, "proxy:", 6) != 0)
		return text;
	text += 6;
	if (strncasecmp(text, "unix:", 5) == 0) { /* unix:/run/retrysafe.sock|fcgi://host/path */
		text = strchr(text, '|');
		if (!text)
			return NULL;
		text++;
	}
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncasecmp(text, schemes[i], strlen(schemes[i])) == 0)
			return strchr(text + strlen(schemes[i]), '/');
	return NULL;
}

/* Cuts "?query" off the end of a path that was part of a URL. */
static void cut_query(char *path, const char *query)
{
	size_t len = query ? strlen(query) : 0, path_len = strlen(path);

	if (len > 0 && path_len > len && path[path_len - len - 1] == '?' &&
		strcmp(path + path_len - len, query) == 0)
		path[path_len - len - 1] = '\0';
}

/*
 * The path in SCRIPT_FILENAME: out of its URL, and decoded where it is encoded.
 *
 * Apache encodes with ProxyPass and does not with SetHandler; `ProxyFCGIBackendType GENERIC` takes
 * the "proxy:" away and leaves the encoding.  SCRIPT_NAME is never encoded there and ends like the
 * path does, so the reading that has more in common with it is the right one; a query, which some
 * wirings leave in it, is the client's and proves nothing.  To decode always would decode some
 * twice, and let a client reach a file whose name the server never looked at.
 */
static enum err name_path(const struct variables *v, const char *url, char **out)
{
	const char *text = variables_get(v, "SCRIPT_FILENAME");
	const char *raw_path = text ? path_in_url(text) : NULL;
	char *raw, *decoded;
	size_t url_len, raw_end, decoded_end;
	bool has_nul;

	if (!text)
		return err_set(ERR_INVALID, "the server did not send SCRIPT_FILENAME");
	if (!raw_path)
		return err_set(ERR_REFUSED, "SCRIPT_FILENAME is a URL without a path that we know");
	raw = strdup(raw_path);
	if (!raw)
		return no_memory();
	if (raw_path != text)
		cut_query(raw, variables_get(v, "QUERY_STRING"));

	decoded = url_path_decode(raw, &has_nul);
	if (!decoded) {
		free(raw);
		return has_nul ? err_set(ERR_REFUSED, "SCRIPT_FILENAME holds a NUL") : no_memory();
	}
	url_len = strcspn(url, "?");
	raw_end = url_path_common_end(raw, url, url_len);
	decoded_end = url_path_common_end(decoded, url, url_len);
	if (decoded_end > raw_end || (decoded_end == raw_end && raw_path != text)) {
		free(raw);
		*out = decoded;
	} else {
		free(decoded);
		*out = raw;
	}
	return OK;
}

/*
 * Takes back what Apache's Action did: an internal redirect that put the script's URL into
 * PATH_INFO and its file into PATH_TRANSLATED, both with the rest of the path, and REDIRECT_ before
 * the name of every variable there was.  *path becomes the file.
 */
static enum err undo_action(struct variables *v, char **path)
{
	static const char *const added[] = {"REDIRECT_HANDLER", "REDIRECT_STATUS", "REDIRECT_URL",
		"REDIRECT_QUERY_STRING", "PATH_INFO", "PATH_TRANSLATED",
		/* These two describe where this program is. */
		"CONTEXT_PREFIX", "CONTEXT_DOCUMENT_ROOT"};
	const char *url = variables_get(v, "PATH_INFO");
	const char *file = variables_get(v, "PATH_TRANSLATED");
	enum err rc;

	if (!variables_get(v, "REDIRECT_HANDLER"))
		return err_set(ERR_REFUSED, "this program was called directly, without an Action");
	if (!url || !file)
		return err_set(ERR_INVALID, "the server did not send %s with the Action",
			url ? "PATH_TRANSLATED" : "PATH_INFO");
	free(*path);
	*path = strdup(file);
	rc = *path ? variables_set(v, "SCRIPT_NAME", url) : no_memory();
	for (size_t i = 0; rc == OK && i < sizeof(added) / sizeof(added[0]); i++)
		rc = variables_set(v, added[i], NULL);
	variables_unprefix(v, "REDIRECT_");
	return rc;
}

/*
 * The length of the first regular file on path, or 0; *st is set to what it is.  Looks from the
 * right, as most paths have no rest; what is longer than any file's name needs no look.
 */
static size_t find_file(const char *path, struct stat *st)
{
	size_t len = strlen(path);
	char name[PATH_MAX];

	while (len > 0) {
		if (len < sizeof(name)) {
			memcpy(name, path, len);
			name[len] = '\0';
			if (stat(name, st) == 0)
				return S_ISREG(st->st_mode) ? len : 0;
		}
		while (len > 0 && path[len - 1] != '/')
			len--;
		while (len > 0 && path[len - 1] == '/')
			len--;
	}
	return 0;
}

/* ---- the URL ---- */

static bool is_set(const char *value)
{
	return value && *value;
}

/*
 * How much of url is the name of a script that this file is: up to the segment that the file is
 * called, with most of the file's directories before it; 0: the URL does not have it.
 */
static size_t find_name(const char *url, const char *file)
{
	const char *last = url_path_last(file);
	size_t best = 0, most = 0;

	for (size_t end = 0; (end = url_path_next(url, end, last));) {
		size_t shared = url_path_shared(url, end, file);

		if (shared > most) {
			most = shared;
			best = end;
		}
	}
	return best;
}

/* Makes len bytes of a URL's path SCRIPT_NAME, and what is behind them PATH_INFO. */
static enum err divide(struct variables *v, const char *url, size_t len)
{
	char *name = strndup(url, len);
	enum err rc = name ? variables_set(v, "SCRIPT_NAME", name) : no_memory();

	free(name);
	if (rc == OK)
		rc = variables_set(v, "PATH_INFO", url[len] ? url + len : NULL);
	return rc == OK ? variables_set(v, "PATH_TRANSLATED", NULL) : rc;
}

#define NO_NAME ((size_t)-1)

static enum err refuse_division(void)
{
	return err_set(ERR_REFUSED, "it is not certain which part of the URL is the script's name");
}

/* The length of a URL's path.  A question mark begins a query, which a client writes as it likes,
 * unless the file is called so. */
static size_t path_len(const char *url, const char *file)
{
	return strchr(file, '?') ? strlen(url) : strcspn(url, "?");
}

/* How many segments the first len bytes of url, decoded or not, have in common with the file. */
static enum err count_shared(const char *url, size_t len, const char *file, size_t *n)
{
	char *part = strndup(url, len), *decoded = NULL;
	enum err rc = part ? script_url_decode(part, &decoded) : no_memory();

	*n = url_path_shared(url, len, file);
	if (decoded) {
		size_t n_decoded = url_path_shared(decoded, strlen(decoded), file);

		*n = n_decoded > *n ? n_decoded : *n;
	}
	free(part);
	free(decoded);
	return rc;
}

/*
 * How much of url is before the rest that was found behind the file; NO_NAME: it does not end with
 * that, but is the script's name, or has nothing of it.  Where the name itself ends like the rest,
 * url may be the name alone.
 */
static enum err find_before_rest(
	const char *url, const char *rest, const char *file, size_t *len, size_t *n_shared)
{
	size_t whole = path_len(url, file), n_name;
	enum err rc = count_shared(url, whole, file, n_shared);

	*len = url_path_before(url, whole, rest);
	if (*len == whole) /* the question mark may belong to the rest */
		*len = url_path_before(url, strlen(url), rest);
	if (rc != OK || *len >= whole) {
		*len = NO_NAME;
		return rc;
	}
	rc = count_shared(url, *len, file, &n_name);
	return rc == OK && *n_shared > n_name ? refuse_division() : rc;
}

/* Finds the script's name in url, which the server may have decoded or not, and divides it. */
static enum err divide_unnamed(
	struct variables *v, const char *url, const char *file, bool *is_found)
{
	char *sent = strndup(url, path_len(url, file)), *decoded = NULL;
	enum err rc = sent ? script_url_decode(url, &decoded) : no_memory();
	size_t len = sent ? find_name(sent, file) : 0;
	size_t decoded_len = decoded ? find_name(decoded, file) : 0;

	*is_found = len > 0 || decoded_len > 0;
	if (decoded && (url_path_goes_up(decoded) ||
			       (len > 0 && decoded_len > 0 &&
				       !url_path_is_same(sent, len, decoded, decoded_len))))
		rc = refuse_division();
	if (rc == OK && *is_found)
		rc = len > 0 ? divide(v, url, len) : divide(v, decoded, decoded_len);
	free(sent);
	free(decoded);
	return rc;
}

/*
 * Finds SCRIPT_NAME where the server sent none, or an empty one.  Where the URL does not have the
 * file's name, the script is at the root, and all of the URL is its path information.
 */
static enum err name_unnamed(struct variables *v, const char *file, const char *rest)
{
	const char *info = variables_get(v, "PATH_INFO"), *uri = variables_get(v, "DOCUMENT_URI");
	bool is_info = is_set(info), is_found = true;
	char *url = is_info ? strdup(info) : is_set(uri) ? strdup(uri) : script_url_requested(v);
	size_t len, n_shared;
	enum err rc;

	if (!url)
		return is_info || is_set(uri) ? no_memory() : variables_set(v, "SCRIPT_NAME", "");
	rc = *rest ? find_before_rest(url, rest, file, &len, &n_shared)
		   : divide_unnamed(v, url, file, &is_found);
	if (rc == OK && *rest)
		rc = len == NO_NAME ? refuse_division() : divide(v, url, len);
	if (rc == OK && !is_found)
		rc = variables_set(v, "SCRIPT_NAME", is_info ? "" : url);
	free(url);
	return rc;
}

/* SCRIPT_NAME without the rest that was found behind the file, and PATH_INFO with it. */
static enum err move_rest(struct variables *v, const char *file, const char *rest)
{
	const char *url = variables_get(v, "SCRIPT_NAME");
	const char *had = variables_get(v, "PATH_INFO");
	size_t len, n_shared;
	char *name, *info;
	enum err rc = find_before_rest(url, rest, file, &len, &n_shared);

	if (is_set(had) && script_url_is_whole(v, url))
		had = NULL;
	if (rc == OK && len == NO_NAME && is_set(had))
		return OK; /* a PATH_INFO that the server sent is the better one */
	if (rc == OK && len == NO_NAME && n_shared == 0)
		rc = refuse_division();
	if (rc != OK)
		return rc;
	if (len == NO_NAME)
		len = strlen(url);
	name = strndup(url, len);
	info = malloc(strlen(rest) + (had ? strlen(had) : 0) + 1);
	if (info)
		stpcpy(stpcpy(info, rest), had ? had : "");
	rc = name && info ? variables_set(v, "SCRIPT_NAME", name) : no_memory();
	if (rc == OK)
		rc = variables_set(v, "PATH_INFO", info);
	if (rc == OK)
		rc = variables_set(v, "PATH_TRANSLATED", NULL);
	free(name);
	free(info);
	return rc;
}

/*
 * RFC 3875, section 4.1.6: "If PATH_INFO is undefined" - or empty, says 4.1.5 - PATH_TRANSLATED "is
 * undefined" too; else it is what "would be accessed by" PATH_INFO as a URL.
 */
static enum err translate_rest(struct variables *v)
{
	const char *info = variables_get(v, "PATH_INFO");
	const char *root = variables_get(v, "DOCUMENT_ROOT");
	size_t root_len;
	char *path;
	enum err rc;

	if (!info || !*info) {
		rc = variables_set(v, "PATH_INFO", NULL);
		return rc == OK ? variables_set(v, "PATH_TRANSLATED", NULL) : rc;
	}
	if (variables_get(v, "PATH_TRANSLATED") || !root)
		return OK;
	for (root_len = strlen(root); root_len > 0 && root[root_len - 1] == '/'; root_len--)
		;
	path = malloc(root_len + strlen(info) + 1);
	if (!path)
		return no_memory();
	memcpy(path, root, root_len);
	memcpy(path + root_len, info, strlen(info) + 1);
	rc = variables_set(v, "PATH_TRANSLATED", path);
	free(path);
	return rc;
}

static enum err check_path(const char *path)
{
	if (*path != '/' || url_path_goes_up(path))
		return err_set(
			ERR_REFUSED, "SCRIPT_FILENAME is not an absolute path without \"..\"");
	return OK;
}

/*
 * Did an Action call us?  Either this program is what was asked for, with nothing behind it, or,
 * with `virtual`, what was asked for is no file.
 */
static bool is_action(
	const struct variables *v, const char *path, size_t len, const struct stat *st)
{
	if (len > 0)
		return path[len] == '\0' && script_is_self(st);
	return variables_get(v, "REDIRECT_HANDLER") && variables_get(v, "PATH_INFO") &&
	       variables_get(v, "PATH_TRANSLATED");
}

/* Divides *path after the script's file, and writes both parts into the variables. */
static enum err split_path(struct variables *v, char **path)
{
	struct stat st;
	size_t len = find_file(*path, &st);
	enum err rc = OK;

	if (is_action(v, *path, len, &st)) {
		rc = undo_action(v, path);
		if (rc == OK)
			rc = check_path(*path);
		if (rc != OK)
			return rc;
		len = find_file(*path, &st);
	}
	if (len == 0)
		return err_set(ERR_ABSENT, "there is no script at this URL");
	if ((*path)[len] || !is_set(variables_get(v, "SCRIPT_NAME"))) {
		char *rest = strdup(*path + len);

		(*path)[len] = '\0';
		rc = !rest                                     ? no_memory()
		     : is_set(variables_get(v, "SCRIPT_NAME")) ? move_rest(v, *path, rest)
							       : name_unnamed(v, *path, rest);
		free(rest);
	}
	if (rc != OK)
		return rc;
	if (script_is_self(&st))
		return err_set(ERR_REFUSED, "the script is this program itself");
	rc = variables_set(v, "SCRIPT_FILENAME", *path);
	return rc == OK ? translate_rest(v) : rc;
}

/* The control file is the script's place as far as the server knows. */
static enum err name_control_file(const struct variables *v, char **path)
{
	const char *name = variables_get(v, "SCRIPT_FILENAME");

	if (!name)
		return err_set(ERR_INVALID, "the server did not send SCRIPT_FILENAME");
	if (*name != '/')
		return err_set(ERR_REFUSED, "SCRIPT_FILENAME is not an absolute path");
	*path = strdup(name);
	return *path ? OK : no_memory();
}

/* What SCRIPT_NAME ends with; where it is empty, the variables that have the path instead. */
static bool knows_url(const struct variables *v)
{
	static const char *const names[] = {
		"SCRIPT_NAME", "PATH_INFO", "DOCUMENT_URI", "REQUEST_URI"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (variables_get(v, names[i]))
			return true;
	return false;
}

enum err script_locate(enum way way, struct variables *v, char **path)
{
	const char *url = variables_get(v, "SCRIPT_NAME");
	char *found = NULL;
	enum err rc;

	if (way == WAY_CONTROL_FILE)
		return name_control_file(v, path);
	if (!knows_url(v))
		return err_set(ERR_INVALID, "the server did not send SCRIPT_NAME");
	if (!is_set(url))
		url = variables_get(v, "PATH_INFO");

	rc = name_path(v, url ? url : "", &found);
	if (rc == OK)
		rc = check_path(found);
	if (rc == OK)
		rc = split_path(v, &found);
	if (rc == OK)
		*path = found;
	else
		free(found);
	return rc;
}

enum err script_divide(struct variables *v, const char *path, size_t len)
{
	enum err rc = divide(v, path, len);

	return rc == OK ? translate_rest(v) : rc;
}
