/* SPDX-License-Identifier: ISC */
/*
 * cli/snippet.h - the server configuration of each wiring, with this host's paths
 */
#ifndef RETRYSAFE_CLI_SNIPPET_H
#define RETRYSAFE_CLI_SNIPPET_H

#include "base/err.h"

#include <limits.h>
#include <stddef.h>

#define SNIPPET_FIRST_PERSON 1000 /* the first user id that is no service's */

/* A way to put retrysafe in front of scripts.  All of it is static. */
struct wiring {
	const char *name, *about; /* about: in one line, what it is for */
	const char *text, *end;   /* the file of conf/snippets/, and behind it; no NUL */
	const char *socket;       /* where the gateway listens, unless told; NULL: nowhere */
};

/* The wirings, in the order in which they are listed; *n: how many. */
const struct wiring *snippet_wirings(size_t *n);

/* The wiring of this name; NULL: there is none. */
const struct wiring *snippet_find(const char *name);

/* Where the scripts are that this account runs, unless told: Debian's /usr/lib/cgi-bin, or
 * public_html/cgi-bin of a person's home.  It need not be there. */
void snippet_scripts_dir(char out[PATH_MAX]);

/* Where things are on this host.  Absolute paths, borrowed; each may be NULL but for config. */
struct snippet_places {
	const char *config; /* the configuration, which need not be there yet */
	const char *store;  /* "sqlite:PATH"; NULL: the default of the setting */
	const char *dir;    /* of the scripts; NULL: where this account's scripts usually are */
	const char *script; /* the only script to be wired; NULL: the whole directory */
	const char *socket; /* NULL: the wiring's own */
};

/*
 * snippet_make - the text of a wiring, with everything filled in
 *
 *   out  set on OK only; the caller frees it
 *
 * Returns OK; ERR_INVALID a path has a character that a server's configuration gives a meaning of
 * its own; ERR_ABSENT retrysafe.fcgi is not where an installation has it; ERR_NOMEM.  The text says
 * what to do.  Blocks on the disk only.
 */
enum err snippet_make(
	const struct wiring *w, const struct snippet_places *places, char **out) MUSTCHECK;

#endif
