/* SPDX-License-Identifier: ISC */
/*
 * http/language.c - chooses the language of a page
 *
 * All languages here have tags of one subtag, so the lookup of RFC 4647 comes down to comparing the
 * first subtag of a range.
 *
 * RULES
 *   (1) The choice depends on nothing but the field: two answers to one browser are in one language
 *       (unit/language, t83-pages).
 *   (2) A language with q=0 is not chosen as long as another one is asked for (unit/language).
 *
 * Does not know: the texts (http/page_text.c).
 */
#include "http/language.h"

#include "http/accept.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const char *const tags[LANGUAGE__MAX] = {
	[LANGUAGE_ENGLISH] = "en",
	[LANGUAGE_GERMAN] = "de",
	[LANGUAGE_FRENCH] = "fr",
	[LANGUAGE_SPANISH] = "es",
	[LANGUAGE_PORTUGUESE] = "pt",
	[LANGUAGE_ITALIAN] = "it",
	[LANGUAGE_DUTCH] = "nl",
	[LANGUAGE_POLISH] = "pl",
	[LANGUAGE_JAPANESE] = "ja",
	[LANGUAGE_CHINESE] = "zh",
};

const char *language_tag(enum language language)
{
	return tags[language];
}

/* The language of which the range is a kind: "de" and "de-AT" of "de"; LANGUAGE__MAX: of none. */
static enum language find_language(const struct accept_range *range)
{
	for (enum language l = LANGUAGE_ENGLISH; l < LANGUAGE__MAX; l++) {
		size_t len = strlen(tags[l]);

		if (range->len >= len && strncasecmp(range->name, tags[l], len) == 0 &&
			(range->len == len || range->name[len] == '-'))
			return l;
	}
	return LANGUAGE__MAX;
}

/* Notes the languages that q=0 excludes.  de-AT;q=0 excludes no German but Austria's. */
static void note_excluded(const char *field, bool excluded[LANGUAGE__MAX])
{
	struct accept_range range;

	while (accept_next(&field, &range)) {
		enum language l = find_language(&range);

		if (range.weight == 0 && l < LANGUAGE__MAX && range.len == strlen(tags[l]))
			excluded[l] = true;
	}
}

static bool is_any(const struct accept_range *range)
{
	return range->len == 1 && *range->name == '*';
}

enum language language_choose(const char *accept_language)
{
	bool excluded[LANGUAGE__MAX] = {false};
	enum language best = LANGUAGE__MAX, any = LANGUAGE_ENGLISH;
	int best_weight = 0, any_weight = 0;
	const char *at = accept_language;
	struct accept_range range;

	if (!at)
		return LANGUAGE_ENGLISH;
	note_excluded(at, excluded);
	while (accept_next(&at, &range)) {
		enum language l = find_language(&range);

		if (is_any(&range) && range.weight > any_weight)
			any_weight = range.weight;
		if (l < LANGUAGE__MAX && !excluded[l] && range.weight > best_weight) {
			best = l;
			best_weight = range.weight;
		}
	}
	if (best < LANGUAGE__MAX)
		return best;
	while (any_weight > 0 && any + 1 < LANGUAGE__MAX && excluded[any])
		any++;
	return any;
}
