/* SPDX-License-Identifier: ISC */
/*
 * cgi/script_url.h - the URL of a request as routes see it
 */
#ifndef RETRYSAFE_CGI_SCRIPT_URL_H
#define RETRYSAFE_CGI_SCRIPT_URL_H

#include "base/err.h"
#include "cgi/variables.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * One reading of a URL's path: decoded, and cleaned of slashes and dots that mean nothing, so that
 * a client cannot choose a route by spelling.
 */
struct script_url {
	char *name;   /* of the located script; NULL: none was located.  For a script at the root,
			 whose SCRIPT_NAME is empty, the whole path */
	char *path;   /* the whole path; "": the server sent nothing that says it */
	bool is_weak; /* counts only where no other one reaches a route; then the first does */
};

/* All readings, in the order in which they count.  Owned. */
#define SCRIPT_URLS_MAX 8
struct script_urls {
	struct script_url list[SCRIPT_URLS_MAX];
	size_t n; /* at least 1 */
};

/*
 * script_url_readings - the URL of a request, in every way in which it can be read
 *
 * There is more than one where it cannot be known whether the server has decoded it, or where the
 * script's name ends in it.  The request belongs to the route that these readings reach; where
 * those that are not weak reach several routes, it has to be refused.
 *
 *   v     after script_locate()
 *   file  what that located; NULL: nothing
 *   out   set on OK only; script_urls_free() it
 *
 * Returns OK; ERR_REFUSED it goes up (".."), holds a NUL, or there are more than SCRIPT_URLS_MAX;
 * ERR_NOMEM.
 */
enum err script_url_readings(
	const struct variables *v, const char *file, struct script_urls *out) MUSTCHECK;
void script_urls_free(struct script_urls *urls);

/*
 * script_url_decode - what a URL's path means if the server has not decoded it
 *
 *   out  the path without query and escapes, which the caller frees; NULL: there are none in text
 *
 * Returns OK; ERR_REFUSED it holds a NUL; ERR_NOMEM.
 */
enum err script_url_decode(const char *text, char **out) MUSTCHECK;

/* The path of REQUEST_URI, decoded and cleaned, which the caller frees; NULL: there is none that is
 * certain, or no memory. */
char *script_url_requested(const struct variables *v);

/*
 * Is name the URL's whole path already?  Some configurations of nginx send that as SCRIPT_NAME, and
 * a part of it as PATH_INFO once more.
 */
bool script_url_is_whole(const struct variables *v, const char *name);

#endif
