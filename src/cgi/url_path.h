/* SPDX-License-Identifier: ISC */
/*
 * cgi/url_path.h - paths of URLs and files as servers write them: encoded or not, with slashes and
 * dots too many
 */
#ifndef RETRYSAFE_CGI_URL_PATH_H
#define RETRYSAFE_CGI_URL_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* A copy without percent-encoding, which the caller frees; NULL without memory, or with has_nul set
 * for %00. */
char *url_path_decode(const char *text, bool *has_nul);

/*
 * The decoded path of a URI as a client sends it, with its query and even its host, which the
 * caller frees; "": it has none; NULL as above.
 */
char *url_path_of_uri(const char *uri, bool *has_nul);

/* Makes of each run of slashes one, and takes segments "." out; in place. */
void url_path_clean(char *path);

/* Has it a segment ".."? */
bool url_path_goes_up(const char *path);

/* How many bytes all of a and the first b_len bytes of b have in common at their ends. */
size_t url_path_common_end(const char *a, const char *b, size_t b_len);

/* How many segments the first len bytes of a and all of b have in common at their ends, whatever
 * slashes and dots are between them. */
size_t url_path_shared(const char *a, size_t len, const char *b);

/* Would url_path_clean() make the same of both? */
bool url_path_is_same(const char *a, size_t a_len, const char *b, size_t b_len);

/*
 * If the first len bytes of url end with rest, percent-encoded or not, whatever slashes and dots
 * are between the segments of either, the length of what is before it; else len.
 */
size_t url_path_before(const char *url, size_t len, const char *rest);

/* Where the next segment ends that has this name and begins behind the first `from` bytes; 0: there
 * is none. */
size_t url_path_next(const char *path, size_t from, const char *name);

/* The part behind the last slash. */
const char *url_path_last(const char *path);

#endif
