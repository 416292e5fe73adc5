/* SPDX-License-Identifier: ISC */
/*
 * http/page.c - a page for a person, in a frame of our own or in the operator's
 *
 * The page works without JavaScript, pictures and fonts of its own.  It loads nothing, and never
 * sends anything anew by itself: the waiting page is led on by the header field Refresh, which is a
 * GET of the operation's own address and works in every frame.
 *
 * RULES
 *   (1) Every value is escaped, wherever it comes from (unit/page, unit/problem).
 *   (2) What a program needs is in the closed <details>, in English, and marked so (unit/page,
 *       t83-pages).
 *   (3) A template never loses what to do: where it has no place for the actions or for the
 *       reference, they follow the text (unit/page).
 *
 * Does not know: which problem it is about (http/problem.c).
 */
#include "http/page.h"

#include <stdlib.h>

/* Contrast: at least 4.5 to 1 for all text, in both schemes (tests/pages/). */
static const char style[] =
	":root{color-scheme:light dark;--back:#f3f4f6;--card:#fff;--text:#1c1f24;--soft:#4b5563;"
	"--line:#d5d9e0;--link:#0b5394;--mark:#0b5394}\n"
	"@media (prefers-color-scheme:dark){:root{--back:#14161a;--card:#1e2127;--text:#e8eaee;"
	"--soft:#b3bac6;--line:#3a404b;--link:#8fc1ff;--mark:#8fc1ff}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0;background:var(--back);color:var(--text);"
	"font:1.0625rem/1.6 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}\n"
	"main{max-width:42rem;margin:8vh auto 2rem;padding:1.75rem 2rem;background:var(--card);"
	"border:1px solid var(--line);border-top:.3rem solid var(--mark);border-radius:.5rem}\n"
	"h1{margin:0 0 "
	"1rem;font-size:1.6rem;line-height:1.25;overflow-wrap:break-word;text-wrap:balance;word-"
	"break:auto-phrase}\n"
	"p{margin:0 0 1rem}\n.do{border-left:.25rem solid var(--mark);padding-left:.9rem}\n"
	"a{color:var(--link)}\na:focus-visible,summary:focus-visible{outline:.2rem solid "
	"var(--mark);"
	"outline-offset:.15rem}\n"
	".ref,details{color:var(--soft);font-size:.9375rem}\n"
	"code{font:.9em/1.5 ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}\n"
	"details{margin-top:1.5rem;padding-top:1rem;border-top:1px solid var(--line)}\n"
	"summary{cursor:pointer;padding:.25rem 0}\n"
	"dl{margin:.75rem 0}\ndt{font-weight:600}\ndd{margin:0 0 .5rem;overflow-wrap:anywhere}\n"
	"@media "
	"(max-width:30rem){main{margin:0;min-height:100vh;padding:1.25rem;border-width:.3rem 0 0;"
	"border-radius:0}h1{font-size:1.375rem}}\n"
	"@media print{body{background:none}main{margin:0;padding:0;border:0;max-width:none}}\n";

static void write_link(struct writer *w, const char *to, const char *text)
{
	writer_add(w, "<p><a href=\"");
	writer_escape(w, to);
	writer_add(w, "\">");
	writer_escape(w, text);
	writer_add(w, "</a></p>\n");
}

static void write_details(struct writer *w, const struct page *page, const char *summary)
{
	bool is_english = page->language == LANGUAGE_ENGLISH;

	writer_add(w, "<details>\n<summary>");
	writer_escape(w, summary);
	writer_print(
		w, "</summary>\n<div%s>\n<dl>\n", is_english ? "" : " lang=\"en\" dir=\"ltr\"");
	for (size_t i = 0; i < page->n_facts; i++) {
		writer_print(w, "<dt>%s</dt>\n<dd>", page->facts[i].name);
		writer_escape(w, page->facts[i].value);
		writer_add(w, "</dd>\n");
	}
	writer_add(w, "</dl>\n");
	if (page->docs_url)
		write_link(w, page->docs_url, "How requests and keys work here");
	writer_add(w, "</div>\n</details>\n");
}

static void write_reference(
	struct writer *w, const struct page *page, const struct page_language *words)
{
	writer_add(w, "<p class=\"ref\">");
	writer_escape(w, words->reference);
	writer_print(w, "%s<code>",
		page->language == LANGUAGE_CHINESE || page->language == LANGUAGE_JAPANESE
			? "：" /* of full width */
			: ": ");
	writer_escape(w, page->ref);
	writer_add(w, "</code></p>\n");
}

/* What to do now, links, the reference where it has no other place, and the details. */
static void write_actions(
	struct writer *w, const struct page *page, const struct page_language *words, bool has_ref)
{
	const char *way = page->back ? page->back : "/";

	writer_add(w, "<p class=\"do\">");
	writer_escape(w, words->messages[page->message].actions);
	writer_add(w, "</p>\n");
	if (page->location)
		write_link(w, page->location, words->look);
	write_link(w, way, page->back ? words->back : words->home);
	if (has_ref && page->ref)
		write_reference(w, page, words);
	write_details(w, page, words->details);
}

static void write_own_frame(
	struct writer *w, const struct page *page, const struct page_language *words)
{
	const struct page_words *says = &words->messages[page->message];

	writer_print(w,
		"<!DOCTYPE html>\n<html lang=\"%s\" dir=\"ltr\">\n<head>\n"
		"<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<title>",
		language_tag(page->language));
	writer_escape(w, says->title);
	writer_add(w, "</title>\n<style>\n");
	writer_add(w, style);
	writer_add(w, "</style>\n</head>\n<body>\n<main>\n<h1>");
	writer_escape(w, says->title);
	writer_add(w, "</h1>\n<p>");
	writer_escape(w, says->text);
	writer_add(w, "</p>\n");
	write_actions(w, page, words, true);
	writer_add(w, "</main>\n</body>\n</html>\n");
}

/* Escaped; NULL: no memory. */
static char *escape(const char *text)
{
	struct writer w;

	writer_begin(&w);
	writer_escape(&w, text);
	return writer_end(&w);
}

static char *make_actions(const struct page *page, const struct page_language *words)
{
	struct writer w;

	writer_begin(&w);
	write_actions(&w, page, words, !page_template_has(page->template, PAGE_REFERENCE));
	return writer_end(&w);
}

/* What happened; and, where the template has no place for it, what to do and what to quote. */
static char *make_text(const struct page *page, const struct page_language *words)
{
	const struct page_words *says = &words->messages[page->message];
	struct writer w;

	writer_begin(&w);
	writer_escape(&w, says->text);
	if (!page_template_has(page->template, PAGE_ACTIONS)) {
		writer_add(&w, " ");
		writer_escape(&w, says->actions);
		if (page->ref && !page_template_has(page->template, PAGE_REFERENCE)) {
			writer_add(&w, " ");
			writer_escape(&w, words->reference);
			writer_add(&w, ": ");
			writer_escape(&w, page->ref);
		}
	}
	return writer_end(&w);
}

/* False: no memory. */
static bool write_template(
	struct writer *w, const struct page *page, const struct page_language *words)
{
	char *values[PAGE_VALUE__MAX] = {
		[PAGE_TITLE] = escape(words->messages[page->message].title),
		[PAGE_TEXT] = make_text(page, words),
		[PAGE_ACTIONS] = make_actions(page, words),
		[PAGE_REFERENCE] = escape(page->ref ? page->ref : ""),
		[PAGE_LANGUAGE] = escape(language_tag(page->language)),
	};
	bool is_whole = true;

	for (int i = 0; i < PAGE_VALUE__MAX; i++)
		is_whole = is_whole && values[i];
	if (is_whole)
		page_template_write(page->template, (const char *const *)values, w);
	for (int i = 0; i < PAGE_VALUE__MAX; i++)
		free(values[i]);
	return is_whole;
}

char *page_write(const struct page *page)
{
	const struct page_language *words = page_text(page->language);
	struct writer w;

	writer_begin(&w);
	if (page->template)
		w.is_cut = !write_template(&w, page, words) || w.is_cut;
	else
		write_own_frame(&w, page, words);
	return writer_end(&w);
}
