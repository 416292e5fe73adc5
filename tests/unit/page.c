/* SPDX-License-Identifier: ISC */
/*
 * Claims: a page says what happened, what to do, a way back and the reference, escapes every value,
 * keeps everything technical in the closed details, and loses nothing in an operator's frame.
 */
#include "../../src/http/page.c"

#include "../tap.h"

#include <string.h>

static const struct page_fact facts[] = {
	{"type", "urn:retrysafe:problem:outcome-uncertain"},
	{"detail", "The Idempotency-Key <b>&</b> \"409\""},
};

static struct page page_of(enum language l)
{
	return (struct page){
		.message = PAGE_UNCERTAIN,
		.language = l,
		.back = "/order.html?a=1&b='2'",
		.ref = "0123",
		.docs_url = "https://docs.example/?a&b",
		.facts = facts,
		.n_facts = 2,
	};
}

static int count(const char *text, const char *part)
{
	int n = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

static void test_own_frame(enum language l)
{
	const struct page_language *words = page_text(l);
	const struct page_words *says = &words->messages[PAGE_UNCERTAIN];
	struct page page = page_of(l);
	char *html = page_write(&page), *details = strstr(html, "<details>"), start[64];
	const char *tag = language_tag(l);

	snprintf(start, sizeof(start), "<!DOCTYPE html>\n<html lang=\"%s\" dir=\"ltr\">\n", tag);
	ok(strncmp(html, start, strlen(start)) == 0, "%s: its language", tag);
	ok(strstr(html, "<meta charset=\"utf-8\">") && strstr(html, "name=\"viewport\""),
		"%s: meta", tag);
	is_int(count(html, says->title), 2, "%s: title and heading", tag);
	ok(strstr(html, says->text) && strstr(html, says->actions), "%s: what happened, what to do",
		tag);
	ok(strstr(html, "<a href=\"/order.html?a=1&amp;b=&#39;2&#39;\">") &&
			strstr(html, words->back),
		"%s: a way back", tag);
	ok(strstr(html, "<code>0123</code>") && strstr(html, words->reference), "%s: the reference",
		tag);
	ok(details && !strstr(html, "<details open") && strstr(details, words->details) &&
			strstr(details, "&lt;b&gt;&amp;&lt;/b&gt; &quot;409&quot;") &&
			strstr(details, "<a href=\"https://docs.example/?a&amp;b\">"),
		"%s: the details", tag);
	is_int(count(html, "<div lang=\"en\" dir=\"ltr\">"), l != LANGUAGE_ENGLISH,
		"%s: say that they are in English", tag);
	*details = '\0';
	ok(!strstr(html, "urn:") && !strstr(html, "Idempotency") && !strstr(html, "docs.example"),
		"%s: nothing technical before them", tag);
	ok(!strstr(html, "<script") && !strstr(html, "http-equiv") && !strstr(html, "<form") &&
			!strstr(html, "src="),
		"%s: it loads and sends nothing", tag);
	free(html);
}

static void test_parts(void)
{
	struct page page = page_of(LANGUAGE_ENGLISH);
	char *html;

	page.back = page.ref = page.docs_url = NULL;
	html = page_write(&page);
	ok(strstr(html, "<a href=\"/\">To the home page</a>") && !strstr(html, page_text_en.back),
		"without a page before: to the first page");
	ok(!strstr(html, "class=\"ref\"") && !strstr(html, page_text_en.reference), "no reference");
	is_int(count(html, "href="), 1, "no other link");
	free(html);
	page.message = PAGE_ACCEPTED;
	page.location = "/a.pl?_operation=\"1";
	html = page_write(&page);
	ok(strstr(html, "<a href=\"/a.pl?_operation=&quot;1\">Check now") != NULL,
		"a link for those who do not want to wait");
	free(html);
}

static char *fill_in(const char *frame, bool has_ref)
{
	struct page page = page_of(LANGUAGE_GERMAN);
	struct page_template *t = NULL;
	char *html;

	ok(page_template_parse(frame, strlen(frame), &t) == OK, "template: %s", frame);
	page.template = t;
	if (!has_ref)
		page.ref = NULL;
	html = page_write(&page);
	page_template_free(&t);
	return html;
}

static void test_template(void)
{
	const struct page_words *says = &page_text_de.messages[PAGE_UNCERTAIN];
	char want[4096], *html;

	html = fill_in("<{{language}}|{{title}}|{{text}}|{{reference}}>", true);
	snprintf(want, sizeof(want), "<de|%s|%s %s|0123>", says->title, says->text, says->actions);
	is_str(html, want, "without a place for the actions they follow the text");
	free(html);
	html = fill_in("{{text}}", true);
	snprintf(want, sizeof(want), "%s %s %s: 0123", says->text, says->actions,
		page_text_de.reference);
	is_str(html, want, "and so does the reference");
	free(html);
	html = fill_in("{{text}}|{{actions}}", true);
	ok(strstr(html, "<code>0123</code>") && strstr(html, "<details>") &&
			strstr(html, "order.html?a=1&amp;b") && count(html, says->actions) == 1,
		"the actions have links, reference and details");
	free(html);
	html = fill_in("{{text}}{{actions}}[{{reference}}]", true);
	ok(strstr(html, "[0123]") && !strstr(html, "<code>"), "the reference has its own place");
	free(html);
	html = fill_in("{{text}}{{actions}}[{{reference}}]", false);
	ok(strstr(html, "[]") != NULL, "which is empty where there is none");
	free(html);
}

int main(void)
{
	for (enum language l = LANGUAGE_ENGLISH; l < LANGUAGE__MAX; l++)
		test_own_frame(l);
	test_parts();
	test_template();
	return done_testing();
}
