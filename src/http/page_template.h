/* SPDX-License-Identifier: ISC */
/*
 * http/page_template.h - an operator's frame for the pages for people
 *
 * HTML with places for values, such as {{title}}.  Which values there are, and what a page puts in
 * their places, is said with enum page_value.
 */
#ifndef RETRYSAFE_HTTP_PAGE_TEMPLATE_H
#define RETRYSAFE_HTTP_PAGE_TEMPLATE_H

#include "base/err.h"
#include "http/writer.h"

#include <stdbool.h>
#include <stddef.h>

#define PAGE_TEMPLATE_MAX ((size_t)256 * 1024) /* bytes */

enum page_value {
	PAGE_TITLE,     /* {{title}}: text */
	PAGE_TEXT,      /* {{text}}: text; every template has it */
	PAGE_ACTIONS,   /* {{actions}}: HTML: what to do, links, and the closed details */
	PAGE_REFERENCE, /* {{reference}}: text; empty where there is no operation */
	PAGE_LANGUAGE,  /* {{language}}: text, for the attribute lang */
	PAGE_VALUE__MAX
};

struct page_template;

/*
 * page_template_parse - makes a template of an HTML file's bytes, which are copied
 *
 * Returns OK, free *out with page_template_free(); ERR_INVALID with a text that says what is wrong
 * and what may be written, without the file's name; ERR_NOMEM.  Does not block.
 */
enum err page_template_parse(const char *html, size_t len, struct page_template **out) MUSTCHECK;

/* Frees it and sets *template to NULL, which it may be. */
void page_template_free(struct page_template **template);

/* Is there a place for the value? */
bool page_template_has(const struct page_template *template, enum page_value value);

/* Writes the page: the template's bytes as they are, and the values, which the caller has escaped
 * where they are text. */
void page_template_write(const struct page_template *template,
	const char *const values[PAGE_VALUE__MAX], struct writer *w);

#endif
