/* SPDX-License-Identifier: ISC */
/*
 * http/page_text.c - the table of languages; each has its words in a file of its own
 *
 * RULES
 *   (1) Every message has words in every language (unit/page_text, t83-pages).
 *   (2) A person is told to send something again only where that cannot carry it out twice: where
 *       the table of http/problem.c says that a new key is safe, by going back and sending it
 *       again; where only the same key is safe, by loading this page again, which sends exactly
 *       what was sent before (unit/page_text).
 *   (3) No word of the protocol is outside of the details for programmers (unit/page_text,
 *       t83-pages).
 */
#include "http/page_text.h"

static const struct page_language *const languages[LANGUAGE__MAX] = {
	[LANGUAGE_ENGLISH] = &page_text_en,
	[LANGUAGE_GERMAN] = &page_text_de,
	[LANGUAGE_FRENCH] = &page_text_fr,
	[LANGUAGE_SPANISH] = &page_text_es,
	[LANGUAGE_PORTUGUESE] = &page_text_pt,
	[LANGUAGE_ITALIAN] = &page_text_it,
	[LANGUAGE_DUTCH] = &page_text_nl,
	[LANGUAGE_POLISH] = &page_text_pl,
	[LANGUAGE_JAPANESE] = &page_text_ja,
	[LANGUAGE_CHINESE] = &page_text_zh,
};

const struct page_language *page_text(enum language language)
{
	return languages[language];
}
