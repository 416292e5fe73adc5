/* SPDX-License-Identifier: ISC */
/*
 * http/page_template.c - reads an operator's frame once, as pieces of text and values
 *
 * RULES
 *   (1) A template that would lose what a page has to say, or show a person a place that nothing
 *       fills, is an error when it is read (unit/page_template, t83-pages).
 *
 * Does not know: where the file is (config/frame.c), and what the values are (http/page.c).
 */
#include "http/page_template.h"

#include "base/spelling.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Text, and the value that follows it. */
struct piece {
	const char *text; /* points into the copy of the file */
	size_t len;
	enum page_value value; /* PAGE_VALUE__MAX: none, it is the last piece */
};

struct page_template {
	char *html;
	size_t n;
	bool has[PAGE_VALUE__MAX];
	struct piece pieces[];
};

#define ALLOWED "{{title}}, {{text}}, {{actions}}, {{reference}} and {{language}}"

static const char *const names[PAGE_VALUE__MAX + 1] = {
	[PAGE_TITLE] = "title",
	[PAGE_TEXT] = "text",
	[PAGE_ACTIONS] = "actions",
	[PAGE_REFERENCE] = "reference",
	[PAGE_LANGUAGE] = "language",
};

static int line_of(const char *html, const char *at)
{
	int line = 1;

	for (; html < at; html++)
		line += *html == '\n';
	return line;
}

/* Reads the name behind "{{", and moves *at behind its "}}". */
static enum err read_value(const char *html, const char **at, enum page_value *value)
{
	const char *start = *at + strspn(*at, " \t"), *end = strstr(*at, "}}");
	size_t len = end ? (size_t)(end - start) : 0;
	char name[40] = "";
	const char *meant;

	if (!end || end < start || len >= sizeof(name) || memchr(start, '\n', len))
		return err_set(ERR_INVALID, "line %d: \"{{\" begins no value; allowed are " ALLOWED,
			line_of(html, start));
	memcpy(name, start, len);
	while (len > 0 && (name[len - 1] == ' ' || name[len - 1] == '\t'))
		name[--len] = '\0';
	*at = end + 2;
	for (*value = PAGE_TITLE; *value < PAGE_VALUE__MAX; ++*value)
		if (strcmp(names[*value], name) == 0)
			return OK;
	meant = spelling_nearest(name, names);
	return meant ? err_set(ERR_INVALID, "line %d: unknown {{%s}}; did you mean {{%s}}?",
			       line_of(html, start), name, meant)
		     : err_set(ERR_INVALID, "line %d: unknown {{%s}}; allowed are " ALLOWED,
			       line_of(html, start), name);
}

static size_t count_places(const char *html)
{
	size_t n = 0;

	while ((html = strstr(html, "{{"))) {
		n++;
		html += 2;
	}
	return n;
}

static enum err find_values(struct page_template *t)
{
	const char *at = t->html, *open;
	enum err e = OK;

	while (e == OK && (open = strstr(at, "{{"))) {
		struct piece *p = &t->pieces[t->n++];

		*p = (struct piece){.text = at, .len = (size_t)(open - at)};
		at = open + 2;
		e = read_value(t->html, &at, &p->value);
		if (e == OK)
			t->has[p->value] = true;
	}
	t->pieces[t->n++] = (struct piece){at, strlen(at), PAGE_VALUE__MAX};
	if (e == OK && !t->has[PAGE_TEXT])
		e = err_set(ERR_INVALID, "has no {{text}}, so no page could say what happened; "
					 "allowed are " ALLOWED);
	return e;
}

/* The page says that it is UTF-8. */
static bool is_utf8(const char *html, size_t len)
{
	json_t *json = json_stringn(html, len);

	json_decref(json);
	return json;
}

enum err page_template_parse(const char *html, size_t len, struct page_template **out)
{
	char *copy;
	struct page_template *t;
	enum err e;

	if (len > PAGE_TEMPLATE_MAX)
		return err_set(ERR_INVALID, "is larger than 256 KiB, the most that it may have");
	if (memchr(html, '\0', len) || !is_utf8(html, len))
		return err_set(ERR_INVALID, "is not UTF-8 text; save it as UTF-8");
	copy = strndup(html, len);
	t = copy ? calloc(1, sizeof(*t) + (count_places(copy) + 1) * sizeof(t->pieces[0])) : NULL;
	if (!t) {
		free(copy);
		return err_set(ERR_NOMEM, "no memory for a template");
	}
	t->html = copy;
	e = find_values(t);
	if (e == OK)
		*out = t;
	else
		page_template_free(&t);
	return e;
}

void page_template_free(struct page_template **template)
{
	if (!*template)
		return;
	free((*template)->html);
	free(*template);
	*template = NULL;
}

bool page_template_has(const struct page_template *template, enum page_value value)
{
	return template->has[value];
}

void page_template_write(const struct page_template *template,
	const char *const values[PAGE_VALUE__MAX], struct writer *w)
{
	for (size_t i = 0; i < template->n; i++) {
		const struct piece *p = &template->pieces[i];

		writer_add_bytes(w, p->text, p->len);
		if (p->value < PAGE_VALUE__MAX)
			writer_add(w, values[p->value]);
	}
}
