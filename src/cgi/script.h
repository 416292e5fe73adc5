/* SPDX-License-Identifier: ISC */
/*
 * cgi/script.h - which script a request means, and the CGI variables it shall see
 *
 * Every server and every wiring names the script in another way; here they become one.  The rule:
 * the script sees what it would see without us (RFC 3875, section 4.1).
 */
#ifndef RETRYSAFE_CGI_SCRIPT_H
#define RETRYSAFE_CGI_SCRIPT_H

#include "base/err.h"
#include "cgi/variables.h"
#include "config/config.h"

#include <stdbool.h>
#include <sys/stat.h>

/* How the request reached us. */
enum way {
	WAY_FASTCGI,     /* params of a FastCGI request */
	WAY_CGI,         /* the environment of a CGI process */
	WAY_CONTROL_FILE /* like WAY_CGI; argv[1] was a control file, whose route names the script
			  */
};

/*
 * A script that may be started.  The checks are made on the file that the names lead to.  Where
 * `script_dirs` is set it is started by the file's resolved path; the variables stay as the server
 * spells them, because the script would see them so without us.
 */
struct script {
	char *path;  /* absolute; goes into SCRIPT_FILENAME: as the server or the route names it;
			resolved, for an interpreter and with script_dirs */
	char *dir;   /* the working directory: where the file is that is started */
	char **argv; /* NULL-terminated: interpreter and its arguments, if any, then the file: its
			resolved path with script_dirs, else as it is named */
};

/*
 * script_locate - finds the script file that the variables name and rewrites SCRIPT_NAME,
 * SCRIPT_FILENAME, PATH_INFO and PATH_TRANSLATED so that they are what the script would see without
 * us.  Done before the route is known, because routes match SCRIPT_NAME.
 *
 * Through an Action the rest is put back, too: REDIRECT_REMOTE_USER is REMOTE_USER again, a
 * REDIRECT_X that SetEnv made is X again, and what only the Action added is removed.  The caller
 * gives REDIRECT_STATUS to an interpreter that wants it.
 *
 *   v     from variables_take(); after an error it may be changed in part
 *   path  set on OK only: the new SCRIPT_FILENAME (symbolic links not resolved); free() it.  With
 *         WAY_CONTROL_FILE nothing is located or changed and *path is the control file.
 *
 * Returns OK; ERR_ABSENT no such script (the variables of an Action have been put back
 * nevertheless); ERR_REFUSED the request names this program itself, or it is called directly
 * without an Action, or the path is not absolute, goes up ("..") or holds a NUL, or it is not
 * certain where the script's name ends in the URL; ERR_INVALID a variable is missing (the text says
 * which); ERR_NOMEM.  No text holds what a client sent.
 */
enum err script_locate(enum way way, struct variables *v, char **path) MUSTCHECK;

/*
 * script_divide - makes the first len bytes of a URL's path SCRIPT_NAME and the others PATH_INFO,
 * and PATH_TRANSLATED what belongs to that
 *
 * For a route that names the script itself.  Returns OK; ERR_NOMEM, some of it may be done.
 */
enum err script_divide(struct variables *v, const char *path, size_t len) MUSTCHECK;

/* Is it the file of the program that we are?  Yes where that cannot be known. */
bool script_is_self(const struct stat *st);

/*
 * script_open - the script to run for a located path and a route
 *
 *   located  from script_locate(); route->script, where set, wins over it, and located may then be
 *            NULL.  The caller sets SCRIPT_FILENAME to out->path
 *   route    NULL when none matched: cf->defaults
 *
 * The file is opened once, and checked as it was opened: inside cf->script_dirs after symbolic
 * links are resolved, where that is set; a regular file; executable, unless there is an interpreter
 * (then readable); neither this program itself nor a control file of it, which would start one
 * gateway after the other without end.
 *
 * An interpreter takes any readable file.  As the script is the first file on the path, a request
 * for /upload/picture.jpg/x.php names picture.jpg: routes with an interpreter match by suffix.
 *
 * Returns OK; ERR_ABSENT or ERR_REFUSED with what is wrong in the text, *problem is then one of
 * SCRIPT_*, for the problem type of the answer (SCRIPT_OK otherwise); ERR_NOMEM.  On OK the caller
 * frees with script_free().
 */
enum script_problem { SCRIPT_OK, SCRIPT_MISSING, SCRIPT_NOT_EXECUTABLE, SCRIPT_OUTSIDE };
enum err script_open(const char *located, const struct config *cf, const struct route *route,
	struct script *out, enum script_problem *problem) MUSTCHECK;

/* Frees what is in it; s is then all zero.  It may be all zero. */
void script_free(struct script *s);

#endif
