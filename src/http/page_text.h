/* SPDX-License-Identifier: ISC */
/*
 * http/page_text.h - what the pages for people say, in every language
 *
 * A message is for a person who pressed a button.  It speaks of "this website" and of what was
 * sent, never of requests, keys or statuses.
 */
#ifndef RETRYSAFE_HTTP_PAGE_TEXT_H
#define RETRYSAFE_HTTP_PAGE_TEXT_H

#include "http/language.h"

enum page_message {
	PAGE_FORM,            /* the form did not send all that it should; nothing was done */
	PAGE_UNREADABLE,      /* not understood; not done now */
	PAGE_INCOMPLETE,      /* it did not arrive as a whole; not done now */
	PAGE_TOO_LARGE,       /* nothing was done */
	PAGE_REUSED,          /* sent before with other contents; not done now */
	PAGE_IN_PROGRESS,     /* it is being done, and this page does not lead to the result */
	PAGE_OTHER_PRINCIPAL, /* sent before by another person, or one signed in otherwise
			       */
	PAGE_EXPIRED,         /* it was done; the answer is gone */
	PAGE_UNCERTAIN,       /* it may have been done */
	PAGE_FAILED,          /* it may have been done: an error */
	PAGE_TIMEOUT,         /* it may have been done: it took too long */
	PAGE_MISSING,         /* nothing is at this address; not done now */
	PAGE_CONFIGURATION,   /* a mistake of the operator's; not done now */
	PAGE_BUSY,            /* it will pass; not done now */
	PAGE_DUPLICATE,       /* the same details were sent before; not done now */
	PAGE_UNKNOWN,         /* no such operation, or another caller's */
	PAGE_RELEASED,        /* an operation of which it is certain that it was not done */
	PAGE_ACCEPTED,        /* it is being done, and this page leads to the result */
	PAGE__MAX
};

struct page_words {
	const char *title;
	const char *text;    /* what happened to what was sent */
	const char *actions; /* what to do now */
};

/* All of it in UTF-8, and plain text. */
struct page_language {
	const char *reference; /* label of the operation's ref */
	const char *back;      /* link to the page before */
	const char *home;      /* link to the site's first page */
	const char *look;      /* link of the waiting page */
	const char *details;   /* what opens the facts for programmers */
	struct page_words messages[PAGE__MAX];
};

/* The words of a language; static. */
const struct page_language *page_text(enum language language);

/* One file each. */
extern const struct page_language page_text_de, page_text_en, page_text_es, page_text_fr,
	page_text_it, page_text_ja, page_text_nl, page_text_pl, page_text_pt, page_text_zh;

#endif
