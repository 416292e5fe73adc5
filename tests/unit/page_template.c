/* SPDX-License-Identifier: ISC */
/*
 * Claims: a template is taken as it is but for its values; one that could not say what happened, or
 * that names a value that there is not, is refused with a message that says what to write.
 */
#include "../../src/http/page_template.c"

#include "../tap.h"

static const char *const values[PAGE_VALUE__MAX] = {"T", "<x>", "A", "R", "de"};

static void becomes(const char *html, const char *want)
{
	struct page_template *t = NULL;
	struct writer w;
	char *got;

	if (!ok(page_template_parse(html, strlen(html), &t) == OK, "read: %s", html))
		return;
	writer_begin(&w);
	page_template_write(t, values, &w);
	got = writer_end(&w);
	is_str(got, want, "filled in");
	free(got);
	page_template_free(&t);
	ok(!t, "freed");
}

static void refused(const char *html, size_t len, const char *says)
{
	struct page_template *t = NULL;

	is_int(page_template_parse(html, len, &t), ERR_INVALID, "refused: %.40s", html);
	ok(strstr(err_text(), says) != NULL && !t, "%s: %s", says, err_text());
}

static void refused_text(const char *html, const char *says)
{
	refused(html, strlen(html), says);
}

int main(void)
{
	char *large = malloc(PAGE_TEMPLATE_MAX + 2);

	becomes("{{text}}", "<x>");
	becomes("a{{ title\t}}b{{text}}{{text}}{{actions}}{{reference}}c{{language}}",
		"aTb<x><x>ARcde");
	becomes("{ {title} } }}{{text}}%s%n{", "{ {title} } }}<x>%s%n{");
	becomes("\xef\xbb\xbf\xc3\xa4{{text}}", "\xef\xbb\xbf\xc3\xa4<x>");

	refused_text("", "has no {{text}}");
	refused_text("{{title}}{{actions}}", "has no {{text}}");
	refused_text("{{text}}\n{{titel}}", "line 2: unknown {{titel}}; did you mean {{title}}?");
	refused_text("{{text}}{{Text }}", "did you mean {{text}}?");
	refused_text("{{text}}{{refrence}}", "did you mean {{reference}}?");
	refused_text("{{text}}\n\n{{user.name}}",
		"line 3: unknown {{user.name}}; allowed are {{title}}");
	refused_text("{{text}}{{}}", "unknown {{}}; allowed are");
	refused_text("{{text}} {{title", "begins no value");
	refused_text("{{text}} {{title\n}}", "begins no value");
	refused_text("{{text}} {{ an object of a script, that is longer than a name }}",
		"begins no value");
	refused_text("{{{text}}}", "unknown {{{text}}");
	refused("{{text}}\0", 9, "is not UTF-8 text");
	refused_text("{{text}}\xe4", "is not UTF-8 text");

	memset(large, 'x', PAGE_TEMPLATE_MAX + 1);
	memcpy(large, "{{text}}", 8);
	refused(large, PAGE_TEMPLATE_MAX + 1, "is larger than 256 KiB");
	large[PAGE_TEMPLATE_MAX] = '\0';
	memcpy(large + PAGE_TEMPLATE_MAX - 9, "{{title}}", 9);
	{
		struct page_template *t = NULL;

		ok(page_template_parse(large, PAGE_TEMPLATE_MAX, &t) == OK, "the largest");
		ok(page_template_has(t, PAGE_TITLE) && !page_template_has(t, PAGE_ACTIONS), "has");
		page_template_free(&t);
		page_template_free(&t);
	}
	free(large);
	return done_testing();
}
