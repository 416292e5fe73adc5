/* SPDX-License-Identifier: ISC */
/*
 * cli/output.c - shows what a script printed in vain
 *
 * Does not know: why it was in vain; the operation's reason and history say so.
 */
#include "cli/output.h"

#include "cli/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGINNING 2000 /* bytes that `show` prints of it */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Owned; NULL: out of memory. */
static char *base64_of(const char *bytes, size_t len)
{
	char *out = malloc((len + 2) / 3 * 4 + 1), *to = out;

	for (size_t i = 0; out && i < len; i += 3) {
		uint32_t group = 0;

		for (size_t j = 0; j < 3; j++)
			group = group << 8 | (i + j < len ? (unsigned char)bytes[i + j] : 0);
		for (size_t j = 0; j < 4; j++)
			*to++ = i + j > len ? '=' : letters[group >> (18 - 6 * j) & 63];
	}
	if (out)
		*to = '\0';
	return out;
}

static json_t *printed_json(const struct operation *op, const struct printed *printed)
{
	char ref[REF_LEN + 1];
	json_t *o, *text = memchr(printed->bytes, '\0', printed->len)
				   ? NULL
				   : json_stringn(printed->bytes, printed->len);
	char *base64 = text ? NULL : base64_of(printed->bytes, printed->len);

	operation_ref(op, ref);
	o = json_pack("{s:s, s:I, s:o*, s:s*}", "ref", ref, "bytes", (json_int_t)printed->total_len,
		"output", text, "output_base64", base64);
	free(base64);
	return o;
}

static void print_lines(const struct printed *printed, size_t most)
{
	size_t len = printed->len < most ? printed->len : most;

	cli_put(stdout, printed->bytes, len, true);
	if (len > 0 && printed->bytes[len - 1] != '\n')
		putchar('\n');
}

enum err cli_output_print(struct store *st, const struct operation *op, bool json)
{
	struct printed printed = {.len = 0};
	char *bytes = NULL;
	enum err e = store_find_printed(st, op->id, &printed, &bytes);

	if (e != OK)
		return e;
	if (json)
		cli_print_json(printed_json(op, &printed));
	else
		print_lines(&printed, printed.len);
	if (!json && printed.total_len > (int64_t)printed.len)
		fprintf(stderr, "retrysafe: show: the first %zu of %" PRId64 " bytes are kept\n",
			printed.len, printed.total_len);
	free(bytes);
	return OK;
}

enum err cli_output_append(struct store *st, const struct operation *op)
{
	struct printed printed = {.len = 0};
	char ref[REF_LEN + 1], *bytes = NULL;
	enum err e = store_find_printed(st, op->id, &printed, &bytes);

	operation_ref(op, ref);
	if (op->state == STATE_UNCERTAIN)
		printf("\nFind out whether it took effect, then say so:\n"
		       "    retrysafe settle %s --done FILE --why TEXT\n"
		       "    retrysafe settle %s --not-done --why TEXT\n",
			ref, ref);
	if (e == ERR_ABSENT)
		return OK;
	if (e != OK)
		return e;
	printf("\nIts script printed %" PRId64 " bytes%s:\n", printed.total_len,
		printed.total_len > BEGINNING ? ", which begin so (show --output has more)" : "");
	print_lines(&printed, BEGINNING);
	free(bytes);
	return OK;
}
