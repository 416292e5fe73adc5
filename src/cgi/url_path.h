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

/* Makes of each run of slashes one, and takes segments "." out; in place. */
void url_path_clean(char *path);

/* Has it a segment ".."? */
bool url_path_goes_up(const char *path);

/* How many bytes the two have in common at their ends. */
size_t url_path_common_end(const char *a, const char *b);

/*
 * If url ends with rest, percent-encoded or not, and whatever the number of slashes in each run of
 * them, the length of what is before it; else the length of url.
 */
size_t url_path_before(const char *url, const char *rest);

/* The part behind the last slash. */
const char *url_path_last(const char *path);

#endif
