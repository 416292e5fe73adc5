/* SPDX-License-Identifier: ISC */
/*
 * http/accept.h - reads the fields with which a caller says what it would like: Accept, and lists
 * like it (RFC 9110, section 12.5)
 */
#ifndef RETRYSAFE_HTTP_ACCEPT_H
#define RETRYSAFE_HTTP_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>

/* One entry of such a list. */
struct accept_range {
	const char *name; /* "text/html", "de-AT"; not NUL-terminated; borrowed from the field */
	size_t len;
	int weight; /* in thousandths; -1: malformed (12.4.2) */
};

/* Cuts the next entry off *field, which is moved behind it.  False: there is none.  Cannot fail. */
bool accept_next(const char **field, struct accept_range *range);

/*
 * accept_prefers_html - true when an Accept field (may be NULL) names text/html or
 * application/xhtml+xml with a higher weight than any range that covers problem+json
 */
bool accept_prefers_html(const char *accept);

#endif
