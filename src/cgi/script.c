/* SPDX-License-Identifier: ISC */
/*
 * cgi/script.c - which script a request means, and the CGI variables it shall see
 *
 * What servers send for /form.pl/more (recorded in tests/unit/script.c):
 *
 *   file and rest apart       most CGI and FastCGI modules: nothing to do
 *   file and rest in one      nginx, and Apache's ProxyPass, which also writes SCRIPT_FILENAME as a
 *                             URL ("proxy:fcgi://host/srv/form.pl/more"), percent-encoded or not
 *   us, and the script        Apache's Action: an internal redirect to this program, the script's
 *   where the rest belongs    URL in PATH_INFO and its file in PATH_TRANSLATED
 *
 * script_locate() turns the third into the second and the second into the first.
 *
 * RULES
 *
 *   (1) The script is the first regular file on the path (unit/script).
 *   (2) This program never starts itself, neither by its name nor by a control file
 *       (unit/script_open).
 *   (3) Only REDIRECT_HANDLER says that an Action called us.  Apache sets it, no header field of a
 *       client can. Without it, any caller of this program's URL could name any file (unit/script,
 *       t20-bad-input).
 *   (4) No variable HTTP_* decides anything here (unit/script).
 *
 * The checks of script_open() are made before the script is started, by name: a user who may write
 * to a script's directory may swap it in between, but may change the script as well.
 *
 * Does not know: routes' names, and how a script is started.
 */
#include "cgi/script.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err no_memory(void)
{
	return err_set(ERR_NOMEM, "out of memory");
}

/*
 * Is this path the file that we are running from?  Also through links of both kinds.  Yes when it
 * is not known which file we are running from: that refuses requests, while the other answer would
 * start us without end.
 */
static struct stat own_file;
static bool is_self_known;

static void stat_own_file(void)
{
	is_self_known = stat("/proc/self/exe", &own_file) == 0;
}

static bool is_own_file(const struct stat *other)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, stat_own_file);
	return !is_self_known ||
	       (own_file.st_dev == other->st_dev && own_file.st_ino == other->st_ino);
}

static bool is_self(const char *path)
{
	struct stat other;

	return stat(path, &other) == 0 && is_own_file(&other);
}

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

/* A copy without percent-encoding; NULL without memory, or with has_nul set for %00. */
static char *decode_percent(const char *text, bool *has_nul)
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

/* How many bytes the two have in common at their ends. */
static size_t common_end(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b), n = 0;

	while (n < a_len && n < b_len && a[a_len - 1 - n] == b[b_len - 1 - n])
		n++;
	return n;
}

/*
 * If url ends with rest, percent-encoded or not, the length of what is before it; else the length
 * of url.
 */
static size_t length_before(const char *url, const char *rest)
{
	size_t url_len = strlen(url), rest_len = strlen(rest), at = url_len;

	if (common_end(url, rest) == rest_len)
		return url_len - rest_len;
	while (rest_len > 0 && at > 0) {
		int byte = at >= 3 ? escaped_byte(url + at - 3) : -1;

		at -= byte < 0 ? 1 : 3;
		if ((byte < 0 ? url[at] : (char)byte) != rest[--rest_len])
			return url_len;
	}
	return rest_len == 0 ? at : url_len;
}

static bool has_dot_dot(const char *path)
{
	for (; path; path = strchr(path, '/')) {
		path += *path == '/';
		if (path[0] == '.' && path[1] == '.' && (path[2] == '/' || path[2] == '\0'))
			return true;
	}
	return false;
}

/* The path in "proxy:fcgi://host/path" and its relatives; text itself without "proxy:". */
static const char *path_in_url(const char *text)
{
	static const char *const schemes[] = {"fcgi://", "balancer://"};

	if (strncmp(text, "proxy:", 6) != 0)
		return text;
	text += 6;
	if (strncmp(text, "unix:", 5) == 0) { /* unix:/run/retrysafe.sock|fcgi://host/path */
		text = strchr(text, '|');
		if (!text)
			return NULL;
		text++;
	}
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncmp(text, schemes[i], strlen(schemes[i])) == 0)
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
 * path does, so the reading that has more in common with it is the right one.  To decode always
 * would decode some twice, and let a client reach a file whose name the server never looked at.
 */
static enum err name_path(const struct variables *v, const char *url, char **out)
{
	const char *text = variables_get(v, "SCRIPT_FILENAME");
	const char *raw_path = text ? path_in_url(text) : NULL;
	char *raw, *decoded;
	size_t raw_end, decoded_end;
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

	decoded = decode_percent(raw, &has_nul);
	if (!decoded) {
		free(raw);
		return has_nul ? err_set(ERR_REFUSED, "SCRIPT_FILENAME holds a NUL") : no_memory();
	}
	raw_end = common_end(raw, url);
	decoded_end = common_end(decoded, url);
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

/* SCRIPT_NAME without the rest that was found behind the file, and PATH_INFO with it. */
static enum err move_rest(struct variables *v, const char *rest)
{
	const char *url = variables_get(v, "SCRIPT_NAME");
	const char *had = variables_get(v, "PATH_INFO");
	char *name = strndup(url, length_before(url, rest)), *info = NULL;
	enum err rc = OK;

	if (!name)
		return no_memory();
	/* Where SCRIPT_NAME does not have it, a PATH_INFO that the server sent is the better one.
	 */
	if (strlen(name) < strlen(url) || !had || !*had) {
		info = malloc(strlen(rest) + (had ? strlen(had) : 0) + 1);
		if (info)
			stpcpy(stpcpy(info, rest), had ? had : "");
		rc = info ? variables_set(v, "SCRIPT_NAME", name) : no_memory();
		if (rc == OK)
			rc = variables_set(v, "PATH_INFO", info);
		if (rc == OK)
			rc = variables_set(v, "PATH_TRANSLATED", NULL);
	}
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
	if (*path != '/' || has_dot_dot(path))
		return err_set(
			ERR_REFUSED, "SCRIPT_FILENAME is not an absolute path without \"..\"");
	return OK;
}

/* Divides *path after the script's file, and writes both parts into the variables. */
static enum err split_path(struct variables *v, char **path)
{
	struct stat st;
	size_t len = find_file(*path, &st);
	enum err rc = OK;

	/* We are what was asked for, and nothing behind us: an Action, or a client that guessed our
	 * URL. */
	if (len > 0 && (*path)[len] == '\0' && is_own_file(&st)) {
		rc = undo_action(v, path);
		if (rc == OK)
			rc = check_path(*path);
		if (rc != OK)
			return rc;
		len = find_file(*path, &st);
	}
	if (len == 0)
		return err_set(ERR_ABSENT, "there is no script at this URL");
	if ((*path)[len])
		rc = move_rest(v, *path + len);
	if (rc != OK)
		return rc;
	(*path)[len] = '\0';
	if (is_own_file(&st))
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

enum err script_locate(enum way way, struct variables *v, char **path)
{
	const char *url = variables_get(v, "SCRIPT_NAME");
	char *found = NULL;
	enum err rc;

	if (way == WAY_CONTROL_FILE)
		return name_control_file(v, path);
	if (!url)
		return err_set(ERR_INVALID, "the server did not send SCRIPT_NAME");

	rc = name_path(v, url, &found);
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

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	while (len > 0 && dir[len - 1] == '/')
		len--;
	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* Is the resolved path below one of the directories?  It has no links in it, so neither has one
 * that it begins with; the others are resolved. */
static bool is_inside(const char *real, const strings dirs)
{
	char dir[PATH_MAX];

	for (size_t i = 0; dirs[i]; i++)
		if (is_below(real, dirs[i]) || (realpath(dirs[i], dir) && is_below(real, dir)))
			return true;
	return false;
}

/*
 * Does the file begin with "#!" and the path of this program?  A file that cannot be read cannot be
 * run by an interpreter either.
 */
static bool is_control_file(const char *path)
{
	char line[PATH_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;
	char *name;

	if (fd < 0)
		return false;
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (n < 2 || memcmp(line, "#!", 2) != 0)
		return false;
	line[n] = '\0';
	name = line + 2 + strspn(line + 2, " \t");
	name[strcspn(name, " \t\r\n")] = '\0';
	return is_self(name);
}

/* The checks on the file that the names lead to. */
static enum err check_file(const char *named, const char *real, const struct config *cf,
	const strings interpreter, enum script_problem *problem)
{
	struct stat st;

	*problem = SCRIPT_OUTSIDE;
	if (cf->script_dirs && !is_inside(real, cf->script_dirs))
		return err_set(ERR_REFUSED, "%s: not inside script_dirs", named);
	*problem = SCRIPT_NOT_EXECUTABLE;
	if (stat(real, &st) < 0)
		return err_set(ERR_REFUSED, "%s: %s", named, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(ERR_REFUSED, "%s: not a regular file", named);
	if (is_own_file(&st) || is_control_file(real) || (interpreter && is_self(interpreter[0])))
		return err_set(ERR_REFUSED, "%s: would start this program again", named);
	if (faccessat(AT_FDCWD, real, interpreter ? R_OK : X_OK, AT_EACCESS) < 0)
		return err_set(ERR_REFUSED, "%s: not %s: %s", named,
			interpreter ? "readable" : "executable", strerror(errno));
	*problem = SCRIPT_OK;
	return OK;
}

/* Fills in a script whose file has passed. */
static enum err name_script(const char *named, const strings interpreter, struct script *s)
{
	const char *slash = strrchr(named, '/');
	size_t n = 0;

	while (interpreter && interpreter[n])
		n++;
	s->path = strdup(named);
	s->dir = strndup(named, slash > named ? (size_t)(slash - named) : 1);
	s->argv = calloc(n + 2, sizeof(*s->argv));
	if (!s->path || !s->dir || !s->argv)
		return no_memory();
	for (size_t i = 0; i <= n; i++) {
		s->argv[i] = strdup(i < n ? interpreter[i] : named);
		if (!s->argv[i])
			return no_memory();
	}
	return OK;
}

enum err script_open(const char *located, const struct config *cf, const struct route *route,
	struct script *out, enum script_problem *problem)
{
	const struct route *rule = route ? route : &cf->defaults;
	const char *named = rule->script ? rule->script : located;
	struct script s = {0};
	char real[PATH_MAX];
	enum err rc;

	*problem = SCRIPT_MISSING;
	if (*named != '/')
		return err_set(ERR_REFUSED, "the script's path is not absolute");
	if (!realpath(named, real)) {
		if (errno != EACCES)
			return err_set(ERR_ABSENT, "%s: %s", named, strerror(errno));
		*problem = SCRIPT_NOT_EXECUTABLE;
		return err_set(ERR_REFUSED, "%s: %s", named, strerror(errno));
	}
	rc = check_file(named, real, cf, rule->interpreter, problem);
	if (rc != OK)
		return rc;
	rc = name_script(named, rule->interpreter, &s);
	if (rc == OK)
		*out = s;
	else
		script_free(&s);
	return rc;
}

void script_free(struct script *s)
{
	free(s->path);
	free(s->dir);
	for (size_t i = 0; s->argv && s->argv[i]; i++)
		free(s->argv[i]);
	free(s->argv);
	*s = (struct script){0};
}
