/* SPDX-License-Identifier: ISC */
/*
 * http/language.h - the languages of the pages for people, and which one a caller asks for
 */
#ifndef RETRYSAFE_HTTP_LANGUAGE_H
#define RETRYSAFE_HTTP_LANGUAGE_H

enum language {
	LANGUAGE_ENGLISH, /* also for callers that ask for none of these */
	LANGUAGE_GERMAN,
	LANGUAGE_FRENCH,
	LANGUAGE_SPANISH,
	LANGUAGE_PORTUGUESE,
	LANGUAGE_ITALIAN,
	LANGUAGE_DUTCH,
	LANGUAGE_POLISH,
	LANGUAGE_JAPANESE,
	LANGUAGE_CHINESE, /* in simplified characters, whatever script is asked for */
	LANGUAGE__MAX
};

/* "de": for lang="" and Content-Language (RFC 5646); static. */
const char *language_tag(enum language language);

/*
 * language_choose - the language that an Accept-Language field (may be NULL) asks for
 *
 * RFC 9110, 12.5.4, by lookup (RFC 4647, 3.4): the range with the highest weight counts, of equal
 * ones the first; a range is cut from its end until a language fits, so that de-AT is German.  "*"
 * is the first language that is not excluded by q=0.  Cannot fail.
 */
enum language language_choose(const char *accept_language);

#endif
