/* SPDX-License-Identifier: ISC */
/*
 * Claims: every problem has a page in each of ten languages, in words of that language and for
 * people; and the advice never says more than the two booleans of the problem allow.
 */
#include "../../src/http/problem.c"

#include "../tap.h"

#include <ctype.h>
#include <regex.h>

/* Every text of a message, and the labels, by number; NULL behind the last one. */
static const char *text_at(const struct page_language *l, int i)
{
	const char *labels[] = {l->reference, l->back, l->home, l->look, l->details};

	if (i < 5)
		return labels[i];
	i -= 5;
	if (i >= 3 * PAGE__MAX)
		return NULL;
	return i % 3 == 0   ? l->messages[i / 3].title
	       : i % 3 == 1 ? l->messages[i / 3].text
			    : l->messages[i / 3].actions;
}

static bool is_utf8(const char *text)
{
	json_t *json = json_string(text);

	json_decref(json);
	return json;
}

static bool matches(const char *text, const char *pattern)
{
	regex_t re;
	bool found;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB | REG_ICASE) != 0) {
		ok(false, "a pattern: %s", pattern);
		return true;
	}
	found = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return found;
}

/* A word of the protocol, a status, a variable, or a tag. */
static bool is_technical(const char *text)
{
	return matches(text,
		"urn:|idempoten|(^|[^a-z])(http|post|get|cgi|uuid|json|header|header field|"
		"retry|status code|request|token|script|server|gateway|operation id)"
		"([^a-z]|$)|[0-9]|[<>&{}_%]|/[a-z]");
}

static void test_language(enum language language)
{
	const struct page_language *l = page_text(language), *en = &page_text_en;
	const char *tag = language_tag(language), *text;
	bool is_asian = language == LANGUAGE_JAPANESE || language == LANGUAGE_CHINESE;

	for (int i = 0; (text = text_at(l, i)); i++) {
		int wide = 0;

		ok(text && strlen(text) >= 6 && is_utf8(text), "%s: text %d", tag, i);
		ok(!is_technical(text), "%s: words for people: %s", tag, text);
		ok(!isspace((unsigned char)text[0]) && !strstr(text, "  ") &&
				text[strlen(text) - 1] != ' ',
			"%s: spaces: %s", tag, text);
		for (const char *at = text; *at; at++)
			wide += (unsigned char)*at >= 0xe3;
		ok(is_asian ? wide > 2 : wide == 0, "%s: its own script: %s", tag, text);
		for (enum language other = LANGUAGE_ENGLISH; other < language; other++)
			ok(strcmp(text, text_at(page_text(other), i)) != 0, "%s: not %s: %s", tag,
				language_tag(other), text);
		/* A sentence of one is a sentence of all: none has been forgotten. */
		ok(strlen(text) * 4 > strlen(text_at(en, i)), "%s: long enough: %s", tag, text);
		if (i >= 5 && (i - 5) % 3 > 0)
			ok(matches(text, "([.]|。)$"), "%s: whole sentences: %s", tag, text);
	}
	ok(!text_at(l, 5 + 3 * PAGE__MAX), "%s: all of them", tag);
}

/* What the advice of a message may say. */
static const struct {
	const char *tag, *send, *dont, *reload;
} advice[LANGUAGE__MAX] = {
	{"en", "and send it( again| once more)?[.]|and send it again[.]", "do not (send|fill in)",
		"reload this page"},
	{"de", "noch einmal ab|erneut ab|senden Sie es ab",
		"senden Sie es nicht|Füllen Sie das Formular nicht|senden Sie bitte vorerst nichts",
		"Sie (dann )?diese Seite neu"},
	{"fr", "envoyez-le|envoyez le formulaire",
		"ne pas l’envoyer|Ne remplissez pas|ne rien envoyer", "recharge[rz] cette page"},
	{"es", "y env(i|í)elo|envíelo otra vez", "no lo envíe|No rellene|no envíe nada",
		"[Rr]ecargue esta página"},
	{"pt", "envie-o|e envie novamente", "[Nn]ão envie|Não preencha",
		"[Rr]ecarregue esta página"},
	{"it", "e inviarlo|e inviare di nuovo il modulo", "di non inviar|Non compilare",
		"ricaricare questa pagina"},
	{"nl", "en verzend het( opnieuw| nog een keer)?[.]",
		"[Vv]erzend het niet|Vul het formulier niet|verzend dan voorlopig niets",
		"laad deze pagina( dan)? opnieuw"},
	{"pl", "i wysłać( go| formularz)?( jeszcze raz)?[.]",
		"nie wysyłać|nie wypełniać|niczego nie wysyłać", "odświeżyć tę stronę"},
	{"ja", "もう一度送信してください|入力し、送信してください", "送信しないでください",
		"このページを再読み込みして"},
	{"zh", "(然后|后)再次提交|再提交一次|填写后提交",
		"不要(再次提交|重新填写)|暂时不要再次提交", "重新加载此页面"},
};

/*
 * "Send it again" only where a new key is safe; "reload this page" only where the same key is; "do
 * not send it again" wherever neither is, and something may have been done.
 */
static void test_advice(enum problem p, enum language l)
{
	const struct entry *e = &entries[p];
	const char *text = page_text(l)->messages[e->page].actions;
	bool sends = matches(text, advice[l].send), stops = matches(text, advice[l].dont);
	bool reloads = matches(text, advice[l].reload);
	bool may_be_done = p == PROBLEM_IN_PROGRESS || p == PROBLEM_OTHER_PRINCIPAL ||
			   p == PROBLEM_RESULT_EXPIRED || p == PROBLEM_OUTCOME_UNCERTAIN ||
			   p == PROBLEM_SCRIPT_FAILED || p == PROBLEM_SCRIPT_TIMEOUT ||
			   p == PROBLEM_OPERATION_UNKNOWN || p == PROBLEM_ACCEPTED;
	/* script-not-started shares its words with problems where only the same key is safe. */
	bool new_is_told = e->new_key_is_safe && p != PROBLEM_SCRIPT_NOT_STARTED;

	is_str(advice[l].tag, language_tag(l), "the row of %s", language_tag(l));
	is_int(sends, new_is_told, "%s, %s: send it again: %s", e->type, language_tag(l), text);
	is_int(stops, may_be_done, "%s, %s: do not: %s", e->type, language_tag(l), text);
	/* With the credentials of before, or of a page that is a GET, it is the same request. */
	if (p != PROBLEM_OTHER_PRINCIPAL && p != PROBLEM_OPERATION_UNKNOWN)
		is_int(reloads, e->retry_same_key && !new_is_told && p != PROBLEM_ACCEPTED,
			"%s, %s: reload: %s", e->type, language_tag(l), text);
}

int main(void)
{
	/* The looker sees what it looks for. */
	ok(is_technical("The Idempotency-Key is") && is_technical("a 409 is") &&
			is_technical("POST it") && is_technical("urn:x") && is_technical("a <b>") &&
			is_technical("the HTTP header"),
		"what is technical");
	ok(!is_technical("What you posted, e-mail or account."), "and what is not");
	for (enum language l = LANGUAGE_ENGLISH; l < LANGUAGE__MAX; l++) {
		test_language(l);
		for (enum problem p = PROBLEM_KEY_MISSING; p < PROBLEM__MAX; p++)
			test_advice(p, l);
	}
	return done_testing();
}
