/* SPDX-License-Identifier: ISC */
/*
 * Claims: Accept-Language chooses the language that RFC 9110 and the lookup of RFC 4647 say;
 * whatever it says, there is one.
 */
#include "../../src/http/language.c"

#include "../tap.h"

static const struct {
	const char *want, *field;
} cases[] = {
	{"en", NULL},
	{"en", ""},
	{"en", "en"},
	{"de", "de"},
	{"de", "de-AT"},
	{"de", "DE-at"},
	{"de", "de-AT,de;q=0.9,en;q=0.8"},
	{"de", "de-CH-1996"},
	{"fr", "fr-CA,en;q=0.5"},
	{"es", "es-419,es;q=0.9"},
	{"pt", "pt-BR,pt;q=0.9,en-US;q=0.8"},
	{"it", "it-IT"},
	{"nl", "nl-BE"},
	{"pl", "pl"},
	{"ja", "ja-JP,ja;q=0.9"},
	{"zh", "zh-TW,zh;q=0.9,en;q=0.8"},
	{"zh", "zh-Hant"},
	{"zh", "zh-Hans-CN"},
	/* weights before order, order where they are equal */
	{"fr", "de;q=0.5, fr"},
	{"de", "de, fr"},
	{"de", "fr;q=0.8, de;q=0.8001, de;q=0.81"},
	{"nl", " nl ; q=0.9 ,\tde;q=0.8"},
	/* ours or not */
	{"en", "sv"},
	{"en", "sv, da;q=0.9"},
	{"de", "sv, da;q=0.9, de;q=0.1"},
	{"en", "deu, den, d, dex-AT, fra"},
	{"en", "xx-de"},
	{"en", "de_AT"},
	/* q=0 */
	{"en", "de;q=0"},
	{"fr", "de;q=0, fr;q=0.1"},
	{"en", "de-AT, de;q=0"},
	{"de", "de-AT;q=0, de"},
	{"en", "de;q=0.0, *"},
	/* "*" */
	{"en", "*"},
	{"en", "*;q=0.5"},
	{"de", "*, de;q=0.1"},
	{"de", "*, en;q=0"},
	{"fr", "*;q=0.1, en;q=0, de;q=0.000"},
	{"en", "*;q=0"},
	{"en", "en;q=0"},
	{"zh", "zh, *;q=0"},
	/* malformed weights: the entry does not count, and excludes nothing */
	{"en", "de;q=2"},
	{"en", "de;q=x"},
	{"de", "de;q=, de;q=0.3"},
	{"en", ",;,;q=1,, ;,-,*-DE"},
};

int main(void)
{
	static const char *const all[] = {
		"en", "de", "fr", "es", "pt", "it", "nl", "pl", "ja", "zh"};

	is_int(LANGUAGE__MAX, 10, "ten languages");
	for (enum language l = LANGUAGE_ENGLISH; l < LANGUAGE__MAX; l++) {
		is_str(language_tag(l), all[l], "tag %s", all[l]);
		is_int(language_choose(all[l]), l, "chosen by it");
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_str(language_tag(language_choose(cases[i].field)), cases[i].want,
			"Accept-Language: %s", cases[i].field ? cases[i].field : "(none)");
	return done_testing();
}
