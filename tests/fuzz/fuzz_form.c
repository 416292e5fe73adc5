/* SPDX-License-Identifier: ISC */
/*
 * Claims: no bytes break form_read(); neither fields nor messages depend on where its blocks end;
 * it hands over no more bytes than the body has; pairs are the same after they are encoded and read
 * again.
 */
/* links: src/http/parameter.c */
#include <unistd.h>

#define FORM_BLOCK 300
#define pread      give
static ssize_t give(int fd, void *buf, size_t n, off_t at);

#include "../../src/http/form.c"

#include <stdio.h>
#include <stdlib.h>

#undef pread

static const char *body;
static size_t body_len, piece;

static ssize_t give(int fd, void *buf, size_t n, off_t at)
{
	size_t left = body_len - (size_t)at;

	(void)fd;
	n = n < left ? n : left;
	n = n < piece ? n : piece;
	memcpy(buf, body + at, n);
	return (ssize_t)n;
}

/* What was handed over, as urlencoded pairs. */
struct account {
	FILE *pairs;
	size_t bytes; /* of the body, at least */
};

static void put(const struct account *a, const char *before, const char *bytes, size_t len)
{
	fputs(before, a->pairs);
	for (size_t i = 0; i < len; i++)
		fprintf(a->pairs, "%%%02x", (unsigned char)bytes[i]);
}

static enum err field(void *arg, const char *name, size_t len, const char *head, size_t head_len)
{
	struct account *a = arg;

	if (len > FORM_NAME_MAX + 1 || head_len > FORM_HEAD_MAX)
		abort();
	if (head && (head_len < 2 || memcmp(head + head_len - 2, "\r\n", 2) != 0))
		abort();
	a->bytes += head ? head_len : len;
	put(a, "&", head, head_len);
	put(a, "&", name, len);
	put(a, "=", NULL, 0);
	return OK;
}

static enum err data(void *arg, const char *bytes, size_t len)
{
	struct account *a = arg;

	if (len == 0)
		abort();
	a->bytes += len;
	put(a, "", bytes, len);
	return OK;
}

/* What form_read() hands over, or says when it is not OK; owned. */
static char *read_form(const struct form_type *type, size_t pieces, enum err *rc)
{
	struct account a = {.bytes = 0};
	struct form_handler h = {.field = field, .data = data, .arg = &a};
	char *pairs = NULL;
	size_t len;

	a.pairs = open_memstream(&pairs, &len);
	piece = pieces;
	*rc = form_read(0, 0, (int64_t)body_len, type, &h);
	fclose(a.pairs);
	if (a.bytes > body_len || (*rc != OK && *rc != ERR_INVALID))
		abort();
	if (*rc == OK)
		return pairs;
	/* How much of a value comes before an error depends on the blocks. */
	free(pairs);
	return strdup(err_text());
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static const char *const types[] = {"application/x-www-form-urlencoded",
		"multipart/form-data; boundary=b", "multipart/form-data; boundary=\"-- -\"",
		"multipart/related; boundary=b"};
	const uint8_t *end = size > 2 ? memchr(input + 2, '\n', size - 2) : NULL;
	char *whole, *again, *own;
	enum err rc, rc_again;
	struct form_type type;

	if (!end)
		return 0;
	own = strndup((const char *)input + 2, (size_t)(end - input) - 2);
	type = form_type_of(input[0] % 5 < 4 ? types[input[0] % 5] : own);
	free(own);
	if ((type.kind >= FORM_MULTIPART) != (strlen(type.boundary) > 0))
		abort();
	body = (const char *)end + 1;
	body_len = size - (size_t)(end + 1 - input);
	whole = read_form(&type, SIZE_MAX, &rc);
	again = read_form(&type, 1 + input[1], &rc_again);
	if (rc != rc_again || strcmp(whole, again) != 0)
		abort();
	free(again);
	if (rc == OK && type.kind == FORM_URLENCODED) {
		body = whole;
		body_len = strlen(whole);
		again = read_form(&type, 1 + input[1], &rc_again);
		if (rc_again != OK || strcmp(whole, again) != 0)
			abort();
		free(again);
	}
	free(whole);
	return 0;
}
