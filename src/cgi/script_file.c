/* SPDX-License-Identifier: ISC */
/*
 * cgi/script_file.c - the file of a script: opened once, checked, and named for its start
 *
 * RULES
 *
 *   (1) What is checked is what is executed: the file is opened, and the checks are made on it and
 *       on the path at which the kernel has it.  Where `script_dirs` is set, it is started by that
 *       path, in that directory, so that a link that is changed in between leads to no other file
 *       (unit/script_open, t86-urls).
 *   (2) This program never starts itself, neither by its name nor by a control file
 *       (unit/script_open).
 *
 * Without `script_dirs` every file may be run, and a script is started by the name that the server
 * gave it, as the server would have started it.  An account that may write to a directory inside
 * `script_dirs` may run anything there: that is no promise of this file.
 *
 * Does not know: which file a request means (cgi/script.c).
 */
#include "cgi/script.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
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

bool script_is_self(const struct stat *other)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, stat_own_file);
	return !is_self_known ||
	       (own_file.st_dev == other->st_dev && own_file.st_ino == other->st_ino);
}

static bool is_self(const char *path)
{
	struct stat other;

	return stat(path, &other) == 0 && script_is_self(&other);
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
static bool is_control_file(const char *handle)
{
	char line[PATH_MAX];
	int fd = open(handle, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
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

/* A file that has been opened to be looked at (O_PATH). */
struct opened {
	int fd;
	char handle[32];     /* a path that leads to it, whatever becomes of its name */
	char real[PATH_MAX]; /* where it is, without links */
};

/* Opens what the name leads to.  0, or an errno. */
static int open_file(const char *named, struct opened *f)
{
	ssize_t n;

	f->fd = open(named, O_PATH | O_CLOEXEC);
	if (f->fd < 0)
		return errno;
	snprintf(f->handle, sizeof(f->handle), "/proc/self/fd/%d", f->fd);
	n = readlink(f->handle, f->real, sizeof(f->real) - 1);
	if (n < 0 || (size_t)n == sizeof(f->real) - 1)
		return n < 0 ? errno : ENAMETOOLONG;
	f->real[n] = '\0';
	return 0;
}

/* The checks on an opened file. */
static enum err check_file(const char *named, const struct opened *f, const struct config *cf,
	const strings interpreter, enum script_problem *problem)
{
	struct stat st;

	*problem = SCRIPT_OUTSIDE;
	if (cf->script_dirs && !is_inside(f->real, cf->script_dirs))
		return err_set(ERR_REFUSED, "%s: not inside script_dirs", named);
	*problem = SCRIPT_NOT_EXECUTABLE;
	if (fstat(f->fd, &st) < 0)
		return err_set(ERR_REFUSED, "%s: %s", named, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(ERR_REFUSED, "%s: not a regular file", named);
	if (script_is_self(&st) || is_control_file(f->handle) ||
		(interpreter && is_self(interpreter[0])))
		return err_set(ERR_REFUSED, "%s: would start this program again", named);
	if (faccessat(AT_FDCWD, f->handle, interpreter ? R_OK : X_OK, AT_EACCESS) < 0)
		return err_set(ERR_REFUSED, "%s: not %s: %s", named,
			interpreter ? "readable" : "executable", strerror(errno));
	*problem = SCRIPT_OK;
	return OK;
}

/* Fills in a script whose file has passed, and which is started as the file `started`. */
static enum err name_script(
	const char *named, const char *started, const strings interpreter, struct script *s)
{
	const char *slash = strrchr(started, '/');
	size_t n = 0;

	while (interpreter && interpreter[n])
		n++;
	s->path = strdup(named);
	s->dir = strndup(started, slash > started ? (size_t)(slash - started) : 1);
	s->argv = calloc(n + 2, sizeof(*s->argv));
	if (!s->path || !s->dir || !s->argv)
		return no_memory();
	for (size_t i = 0; i <= n; i++) {
		s->argv[i] = strdup(i < n ? interpreter[i] : started);
		if (!s->argv[i])
			return no_memory();
	}
	return OK;
}

static enum err open_script(const char *named, const struct config *cf, const strings interpreter,
	struct script *s, enum script_problem *problem)
{
	struct opened f = {.fd = -1};
	int why = open_file(named, &f);
	enum err rc;

	*problem = SCRIPT_MISSING;
	if (why == EACCES) {
		*problem = SCRIPT_NOT_EXECUTABLE;
		rc = err_set(ERR_REFUSED, "%s: %s", named, strerror(why));
	} else if (why != 0) {
		rc = err_set(ERR_ABSENT, "%s: %s", named, strerror(why));
	} else {
		rc = check_file(named, &f, cf, interpreter, problem);
		if (rc == OK)
			/* An interpreter may open what SCRIPT_FILENAME says: php-cgi does. */
			rc = name_script(interpreter && cf->script_dirs ? f.real : named,
				cf->script_dirs ? f.real : named, interpreter, s);
	}
	if (f.fd >= 0)
		close(f.fd);
	return rc;
}

enum err script_open(const char *located, const struct config *cf, const struct route *route,
	struct script *out, enum script_problem *problem)
{
	const struct route *rule = route ? route : &cf->defaults;
	const char *named = rule->script ? rule->script : located;
	struct script s = {0};
	enum err rc;

	*problem = SCRIPT_MISSING;
	if (!named || *named != '/')
		return err_set(ERR_REFUSED, "the script's path is not absolute");
	rc = open_script(named, cf, rule->interpreter, &s, problem);
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
