/* SPDX-License-Identifier: ISC */
/*
 * http/page.h - writes a page for a person: what happened, what to do now, a way back, a reference
 */
#ifndef RETRYSAFE_HTTP_PAGE_H
#define RETRYSAFE_HTTP_PAGE_H

#include "http/language.h"
#include "http/page_template.h"
#include "http/page_text.h"

#include <stdbool.h>

/* A line of the details for programmers, in English. */
struct page_fact {
	const char *name; /* trusted */
	const char *value;
};

/* All of it is borrowed. */
struct page {
	enum page_message message;
	enum language language;
	const char *location; /* where the result will be, for the waiting page; or NULL */
	const char *back;     /* path of the page before, on this site; NULL: its first page */
	const char *ref;      /* of the operation; or NULL */
	const char *docs_url; /* trusted as a URL; or NULL */
	const struct page_fact *facts;
	size_t n_facts;
	const struct page_template *template; /* NULL: the frame of this file */
};

/* What Content-Security-Policy says of a page in the frame of http/page.c: it loads nothing. */
#define PAGE_POLICY \
	"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

/* Returns the page in UTF-8, for the caller to free; NULL: there is no memory for it. */
char *page_write(const struct page *page);

#endif
