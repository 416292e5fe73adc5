/* SPDX-License-Identifier: ISC */
/*
 * tests/pages/write_pages.c - writes every page in every language into a directory, for a browser
 *
 *     write_pages DIRECTORY [TEMPLATE]     makes DIRECTORY/TYPE.LANGUAGE.html
 */
#include "http/page_template.h"
#include "http/problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool write_page(const char *dir, const struct problem_facts *facts)
{
	struct problem_answer answer;
	char path[512];
	FILE *f;

	if (problem_build(facts, &answer) != OK)
		return false;
	snprintf(path, sizeof(path), "%s/%s.%s.html", dir, answer.type,
		language_tag(facts->language));
	f = fopen(path, "w");
	if (f) {
		fwrite(answer.body, 1, answer.body_len, f);
		fclose(f);
	}
	problem_answer_free(&answer);
	return f;
}

static struct page_template *read_template(const char *path)
{
	static char html[PAGE_TEMPLATE_MAX + 1];
	struct page_template *t = NULL;
	FILE *f = fopen(path, "r");
	size_t len = f ? fread(html, 1, sizeof(html), f) : 0;

	if (f)
		fclose(f);
	return page_template_parse(html, len, &t) == OK ? t : NULL;
}

int main(int argc, char **argv)
{
	struct page_template *template = argc > 2 ? read_template(argv[2]) : NULL;

	if (argc < 2 || (argc > 2 && !template))
		return 1;
	for (enum problem p = PROBLEM_KEY_MISSING; p < PROBLEM__MAX; p++)
		for (enum language l = LANGUAGE_ENGLISH; l < LANGUAGE__MAX; l++) {
			bool runs = p == PROBLEM_ACCEPTED || p == PROBLEM_IN_PROGRESS;
			bool has_ref = runs || p == PROBLEM_OUTCOME_UNCERTAIN ||
				       p == PROBLEM_SCRIPT_FAILED || p == PROBLEM_SCRIPT_TIMEOUT ||
				       p == PROBLEM_RESULT_EXPIRED;
			struct problem_facts facts = {
				.problem = p,
				.ref = has_ref ? "1a204b1bed055bd08ce4199de1ff6ac7" : NULL,
				.operation_state = runs ? "running" : "uncertain",
				.retry_after_s = runs ? 2 : 0,
				.location = runs ? "/cgi-bin/order.pl?_operation="
						   "1a204b1bed055bd08ce4199de1ff6ac7"
						 : NULL,
				.docs_url = "https://example.org/idempotency",
				.prefers_html = true,
				.language = l,
				.back = p % 2 ? "/shop/order.html?item=1&size=2" : NULL,
				.template = template,
			};

			if (!write_page(argv[1], &facts))
				return 1;
		}
	page_template_free(&template);
	return 0;
}
