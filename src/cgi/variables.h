/* SPDX-License-Identifier: ISC */
/*
 * cgi/variables.h - the CGI variables of a request (RFC 3875, section 4.1)
 *
 * The variables that a server sends are taken once, and cleaned; from then on no name is there
 * twice.
 */
#ifndef RETRYSAFE_CGI_VARIABLES_H
#define RETRYSAFE_CGI_VARIABLES_H

#include "base/err.h"

#include <stddef.h>

/*
 * An owned, NULL-terminated array of owned "NAME=value" strings.  One that is all zero is empty,
 * and its list is then NULL.
 */
struct variables {
	char **list;
	size_t n, room;
};

/* The value of a variable, or NULL; borrowed until the next change. */
const char *variables_get(const struct variables *v, const char *name);

/* Sets, or with value NULL removes, a variable.  Returns OK or ERR_NOMEM (nothing changed). */
enum err variables_set(struct variables *v, const char *name, const char *value) MUSTCHECK;

/* Frees everything; v is then empty.  v may be empty. */
void variables_free(struct variables *v);

/* Where variables come from: a FastCGI server, the environment of a CGI program, or our own store,
 * which has those of an earlier request and what we told its script. */
enum variables_from { VARIABLES_FASTCGI, VARIABLES_CGI, VARIABLES_STORED };

/*
 * variables_take - what the server sent, made into CGI variables
 *
 * Drops HTTP_PROXY (in any case), HTTP_CONTENT_LENGTH, HTTP_CONTENT_TYPE, FCGI_ROLE, LD_* but
 * LD_LIBRARY_PATH, BASH_FUNC_*, names that are not [A-Za-z_][A-Za-z0-9_]*, every RETRYSAFE_*, every
 * IDEMPOTENCY_* that is not VARIABLES_STORED, and an empty CONTENT_LENGTH or CONTENT_TYPE.
 *
 * Of a repeated name the last one counts.  A repeated HTTP_* variable is joined with ", "
 * (HTTP_COOKIE with "; "), as RFC 3875 section 4.1.18 asks; but of HTTP_HOST the last one counts,
 * and two different HTTP_AUTHORIZATION are an error.
 *
 * Limits, on what the server sent: VARIABLES_MAX variables, VARIABLES_BYTES_MAX bytes in all; a
 * little more where it is VARIABLES_STORED.  Returns OK; ERR_INVALID the client's mistake, also a
 * NUL in a name (VARIABLES_FASTCGI); ERR_REFUSED the server's: CONTENT_LENGTH or REQUEST_METHOD
 * twice, and not the same; both texts name the variable; ERR_FULL over a limit; ERR_NOMEM.  out is
 * set on OK only; the caller frees it with variables_free(); its list is never NULL.
 */
#define VARIABLES_MAX       1000
#define VARIABLES_BYTES_MAX (128 * 1024)
enum err variables_take(
	char *const *params, enum variables_from from, struct variables *out) MUSTCHECK;

/* A copy of v that the caller owns; out is set on OK only.  Returns OK or ERR_NOMEM. */
enum err variables_copy(const struct variables *v, struct variables *out) MUSTCHECK;

/*
 * variables_unprefix - takes `prefix` off the front of every name that has it, once
 *
 * Removed altogether is a variable whose new name is there already, or which variables_take() would
 * not have let in under its new name.  Cannot fail.
 */
void variables_unprefix(struct variables *v, const char *prefix);

#endif
