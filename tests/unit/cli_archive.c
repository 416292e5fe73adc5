/* SPDX-License-Identifier: ISC */
/*
 * Claim: what goes into an archive comes out of it, text as text, everything else as base64,
 * however it is cut into pieces; and no line stays half written.
 */
#include "../../src/cli/archive.c"

#include "tap.h"

/* Text or not, the same for every way to cut it in two. */
static bool is_text(const char *bytes, size_t len)
{
	bool first = false;

	for (size_t cut = 0; cut <= len; cut++) {
		struct utf8 u = {0};

		look_at(&u, bytes, cut);
		look_at(&u, bytes + cut, len - cut);
		if (cut == 0)
			first = is_utf8(&u);
		else if (is_utf8(&u) != first)
			ok(false, "cut at %zu: another verdict", cut);
	}
	return first;
}

#define IS_TEXT(literal) is_text(literal, sizeof(literal) - 1)

static void tell_text(void)
{
	ok(IS_TEXT(""), "nothing");
	ok(IS_TEXT("plain\r\n\t\x01\x7f"), "ASCII with controls");
	ok(!IS_TEXT("a\0b"), "a NUL");
	ok(IS_TEXT("\xc2\x80\xdf\xbf"), "two bytes");
	ok(IS_TEXT("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"), "three bytes");
	ok(IS_TEXT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), "four bytes");
	ok(!IS_TEXT("\xc0\xaf") && !IS_TEXT("\xc1\xbf"), "overlong: two bytes");
	ok(!IS_TEXT("\xe0\x9f\xbf"), "overlong: three bytes");
	ok(!IS_TEXT("\xf0\x8f\xbf\xbf"), "overlong: four bytes");
	ok(!IS_TEXT("\xed\xa0\x80") && !IS_TEXT("\xed\xbf\xbf"), "surrogates");
	ok(!IS_TEXT("\xf4\x90\x80\x80") && !IS_TEXT("\xf5\x80\x80\x80"), "beyond U+10FFFF");
	ok(!IS_TEXT("\x80") && !IS_TEXT("\xbf"), "a continuation without a beginning");
	ok(!IS_TEXT("\xc3") && !IS_TEXT("\xe2\x82") && !IS_TEXT("\xf0\x9f\x98"),
		"half a character");
	ok(!IS_TEXT("\xc3x") && !IS_TEXT("\xe2\x82x"), "half a character and another one");
	ok(!IS_TEXT("J\xfcrgen"), "Latin-1");
}

/* What has been put, as text; the buffer is empty again. */
static const char *taken(struct archive_file *a)
{
	static char text[BUFFER_BYTES + 1];

	memcpy(text, a->buf, a->len);
	text[a->len] = '\0';
	a->len = 0;
	return text;
}

static void encode(struct archive_file *a)
{
	/* RFC 4648, section 10. */
	static const char *const vectors[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="},
		{"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"}, {"\xff\xfb\xbf", "//u/"}};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const char *bytes = vectors[i][0];
		size_t len = strlen(bytes), wrong = 0;

		for (size_t cut = 0; cut <= len; cut++) {
			struct base64 b = {.n = 0};

			if (put_base64(a, &b, bytes, cut, false) != OK ||
				put_base64(a, &b, bytes + cut, len - cut, true) != OK ||
				strcmp(taken(a), vectors[i][1]) != 0)
				wrong++;
		}
		is_int((int64_t)wrong, 0, "base64 \"%s\", however cut", vectors[i][1]);
	}
}

static void escape(struct archive_file *a)
{
	static char line[BUFFER_BYTES + 5];
	char all[127];
	json_t *back;

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)(i + 1);
	ok(put_escaped(a, all, sizeof(all)) == OK, "every character of ASCII but NUL");
	snprintf(line, sizeof(line), "[\"%s\"]", taken(a));
	back = json_loads(line, 0, NULL);
	ok(back && memcmp(json_string_value(json_array_get(back, 0)), all, sizeof(all)) == 0,
		"is the same after a parser has read it");
	json_decref(back);
	ok(!strchr(line, '\n'), "and in one line");
}

/* Opens a file of these bytes as an archive; returns its bytes then, or NULL: it was refused. */
static const char *continued(const char *bytes)
{
	static char path[] = "/tmp/rs-unit-archive-XXXXXX", left[256];
	struct archive_file *a = NULL;
	int fd = mkstemp(path);
	ssize_t n = write(fd, bytes, strlen(bytes));
	enum err e = cli_archive_open(path, &a);

	/* Not synced: closing takes it out again. */
	if (e == OK && put_text(a, "{\"removed\":half") == OK)
		(void)!flush(a);
	cli_archive_close(&a);
	n = pread(fd, left, sizeof(left) - 1, 0);
	left[n > 0 ? n : 0] = '\0';
	close(fd);
	unlink(path);
	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	if (e == OK)
		return left;
	ok(strcmp(left, bytes) == 0, "what is refused stays as it is");
	return NULL;
}

static void take_over(void)
{
	static const char one[] = "{\"removed\":\"response\"}\n";
	const char *left = continued("");

	ok(left && !*left, "an empty file");
	left = continued(one);
	ok(left && strcmp(left, one) == 0, "whole lines");
	left = continued("{\"removed\":\"response\"}\n{\"rem");
	ok(left && strcmp(left, one) == 0, "half a line behind them is taken out");
	left = continued("{\"rem");
	ok(left && !*left, "also when it is the first one");
	ok(!continued("#!/bin/sh\n"), "another file");
	ok(!continued("{\"removal\":1}\n"), "one that looks alike");
	ok(!continued("\n"), "or is empty but for a line");
}

int main(void)
{
	struct archive_file *a = calloc(1, sizeof(*a));

	if (!a)
		return 1;
	a->path = "test";
	tell_text();
	encode(a);
	escape(a);
	take_over();
	free(a);
	return done_testing();
}
