/* SPDX-License-Identifier: ISC */
/*
 * Claims: a key is taken in the forms that the specification allows and in no other; a key that is
 * present and wrong is never absent; no message quotes a key.
 */
#include "../../src/http/key.c"

#include "../tap.h"

#include <stdlib.h>

static const char *parse(const char *value, enum key_syntax mode)
{
	static struct key key;
	char *exact = malloc(strlen(value) + !*value); /* so that reading too far is seen */
	enum err rc;

	memcpy(exact, value, strlen(value));
	rc = key_parse(exact, strlen(value), mode, "Idempotency-Key", &key);
	free(exact);
	return rc == OK && strlen(key.text) == key.len ? key.text : NULL;
}

/* want NULL: both modes refuse. */
static void both(const char *value, const char *want, const char *claim)
{
	is_str(parse(value, KEY_SYNTAX_STRICT), want, "strict: %s", claim);
	is_str(parse(value, KEY_SYNTAX_LENIENT), want, "lenient: %s", claim);
}

static void lenient_only(const char *value, const char *want, const char *claim)
{
	is_str(parse(value, KEY_SYNTAX_STRICT), NULL, "strict: not %s", claim);
	is_str(parse(value, KEY_SYNTAX_LENIENT), want, "lenient: %s", claim);
}

static void test_strings(void)
{
	both("\"8e03978e-40d5-43e8-bc93-6894a57f9324\"", "8e03978e-40d5-43e8-bc93-6894a57f9324",
		"a String");
	both("  \"k\"  ", "k", "spaces around the Item");
	both("\"a b\"", "a b", "a space inside");
	both("\" a \"", " a ", "spaces at the ends inside are kept");
	both("\"a, b;c\"", "a, b;c", "comma and semicolon inside");
	both("\"a\\\"b\\\\c\"", "a\"b\\c", "escaped quote and backslash");
	both("\"a\\nb\"", NULL, "another escape");
	both("\"a\\", NULL, "a backslash at the end");
	both("\"a", NULL, "no closing quote");
	both("\"", NULL, "one quote");
	both("a\"", NULL, "a closing quote only");
	both("\"a\"b", NULL, "text after the closing quote");
	both("\"a\" \"b\"", NULL, "two Strings");
	both("\"a\tb\"", NULL, "a TAB inside");
	both("\"a\x7f\"", NULL, "a DEL inside");
	both("\"a\xc3\xa4\"", NULL, "UTF-8 inside");
	both("\"a\xff\"", NULL, "0xFF inside");
	both("\t\"a\"", NULL, "a TAB before the Item");
	both("'a b'", NULL, "single quotes around a space");
	both("(\"a\" \"b\")", NULL, "an inner list");
}

static void test_bare(void)
{
	lenient_only("k", "k", "a bare key");
	lenient_only(" k ", "k", "a bare key between spaces");
	lenient_only("123", "123", "an Integer");
	lenient_only("?1", "?1", "a Boolean");
	lenient_only(":aGk=:", ":aGk=:", "a Byte Sequence");
	lenient_only("a\\b'c", "a\\b'c", "backslash and apostrophe");
	both("a b", NULL, "a bare key with a space");
	both("a\tb", NULL, "a bare key with a TAB");
	both("a;b=1", NULL, "a bare key with a semicolon");
	both("\xc3\xa4", NULL, "a bare key that is not ASCII");
	both("a\x01", NULL, "a bare key with a control character");
	both("\x85", NULL, "a bare C1 control character");
	is_str(parse("\"k\"", KEY_SYNTAX_LENIENT), "k", "\"k\" and k are the same key");
}

static void test_parameters(void)
{
	both("\"k\";a", "k", "a parameter without a value");
	both("\"k\"; a=1;b=-2.5 ", "k", "numbers");
	both("\"k\";*a_-.9=tok:/en", "k", "a Token");
	both("\"k\";a=\"x;,\\\"y\"", "k", "a String");
	both("\"k\";a=:aGk=:", "k", "a Byte Sequence");
	both("\"k\";a=?0;b=?1", "k", "Booleans");
	both("\"k\";a=@1659578233;b=%\"f%c3%bc\"", "k", "Date and Display String (RFC 9651)");
	both("\"k\";a=123456789012345", "k", "an Integer of 15 digits");
	both("\"k\";a=1234567890123456", NULL, "an Integer of 16 digits");
	both("\"k\";a=1234567890123.1", NULL, "a Decimal of 13 digits before the point");
	both("\"k\";a=1.", NULL, "a Decimal without digits after the point");
	both("\"k\";a=1.2345", NULL, "a Decimal of 4 digits after the point");
	both("\"k\";a=-", NULL, "a sign alone");
	both("\"k\";a=@1.5", NULL, "a Date with a point");
	both("\"k\";a=%\"%C3\"", NULL, "a Display String in upper case");
	both("\"k\";a=%\"%c", NULL, "a Display String that breaks off");
	both("\"k\";a=?2", NULL, "a Boolean that is none");
	both("\"k\";a=?", NULL, "a Boolean that breaks off");
	both("\"k\";a=:x", NULL, "a Byte Sequence that breaks off");
	both("\"k\";a=:!:", NULL, "a Byte Sequence of other characters");
	both("\"k\";a=\"x", NULL, "a String that breaks off");
	both("\"k\";a=", NULL, "an empty value");
	both("\"k\";A=1", NULL, "an upper-case name");
	both("\"k\";1=1", NULL, "a name that starts with a digit");
	both("\"k\";", NULL, "a semicolon alone");
	both("\"k\" ;a=1", NULL, "a space before the semicolon");
	both("\"k\";a =1", NULL, "a space before the equals sign");
	both("\"k\";a= 1", NULL, "a space after the equals sign");
	both("\"k\";a=(1)", NULL, "an inner list");
	both("\"k\";\ta=1", NULL, "a TAB before the name");
}

static void test_lengths(void)
{
	char bare[300], quoted[600];

	both("", NULL, "an empty value");
	both("   ", NULL, "a blank value");
	both("\"\"", NULL, "an empty String");
	both("\"   \"", NULL, "a blank String");

	memset(bare, 'a', sizeof(bare));
	bare[255] = '\0';
	is_str(parse(bare, KEY_SYNTAX_LENIENT), bare, "255 characters, bare");
	snprintf(quoted, sizeof(quoted), "\"%s\"", bare);
	both(quoted, bare, "255 characters, quoted");
	bare[255] = 'a';
	bare[256] = '\0';
	both(bare, NULL, "256 characters, bare");
	snprintf(quoted, sizeof(quoted), "\"%s\"", bare);
	both(quoted, NULL, "256 characters, quoted");

	quoted[0] = '"';
	for (int i = 0; i < 255; i++)
		memcpy(quoted + 1 + 2 * i, "\\\"", 2);
	memcpy(quoted + 511, "\"", 2);
	memset(bare, '"', 255);
	bare[255] = '\0';
	both(quoted, bare, "the length counts after parsing");
}

static void test_nul(void)
{
	struct key key = {.text = "untouched", .len = 9};

	ok(key_parse("a\0b", 3, KEY_SYNTAX_LENIENT, "X", &key) == ERR_INVALID, "NUL in a bare key");
	ok(key_parse("\"a\0b\"", 5, KEY_SYNTAX_LENIENT, "X", &key) == ERR_INVALID,
		"NUL in a String");
	ok(key_parse("\"k\";a=\0", 7, KEY_SYNTAX_LENIENT, "X", &key) == ERR_INVALID,
		"NUL in a parameter");
	ok(key_parse(NULL, 0, KEY_SYNTAX_LENIENT, "X", &key) == ERR_INVALID, "no bytes at all");
	is_str(key.text, "untouched", "the out-parameter is set on OK only");
}

/* The form of keys that come from anywhere but a header field. */
static const char *bare(const char *value)
{
	static struct key key;
	char *exact = malloc(strlen(value) + !*value);
	enum err rc;

	memcpy(exact, value, strlen(value));
	rc = key_parse_bare(exact, strlen(value), "the-field", &key);
	free(exact);
	return rc == OK && strlen(key.text) == key.len ? key.text : NULL;
}

static void test_other_sources(void)
{
	static const char *const bad[] = {"", " ", "sEcReT ", " sEcReT", "sEc ReT", "sEc,ReT", ",",
		"sEcReT;", "\"sEcReT\"", "sEcReT\"", "\t", "sEcReT\x7f", "sEcReT\xc3\xa4",
		"sEcReT\n"};
	char longest[KEY_MAX + 2];

	is_str(bare("k"), "k", "bare: a key");
	is_str(bare("a\\b'c=:/?1"), "a\\b'c=:/?1", "bare: visible characters");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		is_str(bare(bad[i]), NULL, "bare: not %zu", i);
		ok(strstr(err_text(), "the-field") && !strstr(err_text(), "sEcReT"),
			"named, and not quoted: %s", err_text());
	}
	memset(longest, 'a', sizeof(longest));
	longest[KEY_MAX] = '\0';
	is_str(bare(longest), longest, "bare: %d characters", KEY_MAX);
	longest[KEY_MAX] = 'a';
	longest[KEY_MAX + 1] = '\0';
	is_str(bare(longest), NULL, "bare: one more");
}

static void test_bare_nul(void)
{
	struct key key = {.text = "untouched", .len = 9};

	ok(key_parse_bare("a\0b", 3, "x", &key) == ERR_INVALID, "bare: NUL");
	ok(key_parse_bare(NULL, 0, "x", &key) == ERR_INVALID, "bare: no bytes at all");
	is_str(key.text, "untouched", "bare: the out-parameter is set on OK only");
}

/* Servers join two fields of one name by a comma; two variables are counted by
 * gateway/value_source.c. */
static void test_many(void)
{
	static const char *const lists[] = {"\"k1\", \"k2\"", "\"k1\";a=1\t,\"k2\"", "\"k\",",
		"k1, k2", "k1, \"k2\"", ", k2", "\"k1\" , k2"};
	struct key key;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		both(lists[i], NULL, "more than one");
		ok(strstr(err_text(), "more than one Idempotency-Key") != NULL, "and says so: %s",
			err_text());
	}
	is_int(key_parse("a, b", 4, KEY_SYNTAX_LENIENT, "X", &key), ERR_INVALID,
		"of another header");
	ok(strstr(err_text(), "more than one X ") != NULL, "which is named");
}

static void test_messages(void)
{
	static const char *const bad[] = {"sEcReT sEcReT", "\"sEcReT", "\"sEcReT\\x\"",
		"\"sEcReT\"sEcReT", "sEcReT,sEcReT", "sEcReT;sEcReT", "\"sEcReT\";A=sEcReT",
		"\"sEcReT\xff\""};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ok(!parse(bad[i], KEY_SYNTAX_LENIENT) && !strstr(err_text(), "sEcReT"),
			"not quoted: %s", err_text());
	}
}

int main(void)
{
	test_strings();
	test_bare();
	test_parameters();
	test_lengths();
	test_nul();
	test_other_sources();
	test_bare_nul();
	test_many();
	test_messages();
	return done_testing();
}
