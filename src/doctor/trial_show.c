/* SPDX-License-Identifier: ISC */
/*
 * doctor/trial_show.c - a trial for people, and as JSON
 *
 * Both answers stand side by side in two columns of the terminal's width.
 *
 * RULES
 *   (1) Bytes of an answer cannot act on the terminal (t28-try).
 *
 * Does not know: what the answers mean.
 */
#include "cli/render.h"
#include "doctor/trial.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BODY_LINES 12
#define WIDTH      80 /* where the output is no terminal */
#define WIDTH_MAX  200

/* One answer as lines that are ready to print. */
struct column {
	char *text; /* lines, "\n" behind each; owned */
	size_t len;
	const char *at;
};

static void put_field(FILE *to, const struct exchange *x, const char *name)
{
	char value[512];

	if (!exchange_field(x, name, value, sizeof(value)))
		return;
	fprintf(to, "%s: ", name);
	cli_put(to, value, strlen(value), false);
	fputc('\n', to);
}

static void put_body(FILE *to, const struct exchange *x)
{
	const char *at = x->body, *end = x->body ? x->body + x->body_len : NULL;

	for (int n = 0; at && at < end && n < BODY_LINES; n++) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((line_end ? line_end : end) - at);

		cli_put(to, at, len > 0 && at[len - 1] == '\r' ? len - 1 : len, false);
		fputc('\n', to);
		at += len + (line_end != NULL);
	}
	if (at && at < end)
		fprintf(to, "... %lld bytes in all\n", (long long)x->n_body);
}

static struct column make_column(const struct exchange *x, const char *title)
{
	static const char *const fields[] = {
		"Content-Type", "Location", "Set-Cookie", "Retry-After", "Idempotent-Replayed"};
	struct column c = {0};
	FILE *to = open_memstream(&c.text, &c.len);

	if (!to)
		return c;
	fprintf(to, "%s\n\n", title);
	if (x->has_answer) {
		const char *line = x->head ? x->head : "";

		cli_put(to, line, strcspn(line, "\r\n"), false);
		fprintf(to, "\n(%lld ms)\n", (long long)x->took_ms);
		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
			put_field(to, x, fields[i]);
		fputc('\n', to);
		put_body(to, x);
	} else {
		fprintf(to, "no answer: ");
		cli_put(to, x->error, strlen(x->error), false);
		fputc('\n', to);
	}
	fclose(to);
	c.at = c.text;
	return c;
}

/* Bytes of the characters that fit into `width` columns, up to the line's end; *n is the columns.
 */
static size_t piece_of(const char *line, size_t width, size_t *n)
{
	size_t len = 0;

	*n = 0;
	while (line[len] && line[len] != '\n') {
		size_t next = len + 1;

		while (((unsigned char)line[next] & 0xc0) == 0x80)
			next++;
		if (*n == width)
			break;
		++*n;
		len = next;
	}
	return len;
}

/* Prints the column's next piece, and blanks up to `width` where another column follows. */
static void print_piece(struct column *c, size_t width, bool is_last)
{
	size_t n = 0, len = c->at ? piece_of(c->at, width, &n) : 0;

	printf("%.*s%*s", (int)len, c->at ? c->at : "", is_last ? 0 : (int)(width - n), "");
	if (c->at)
		c->at += len + (c->at[len] == '\n');
}

static size_t terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 40)
		return WIDTH;
	return size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;
}

void trial_show(const struct trial *t)
{
	struct column first = make_column(&t->first, "first");
	struct column retry = make_column(&t->retry, "retry, with the same key");
	size_t width = (terminal_width() - 3) / 2;

	printf("%s\n\n", t->text);
	while ((first.at && *first.at) || (t->first.has_answer && retry.at && *retry.at)) {
		print_piece(&first, t->first.has_answer ? width : WIDTH_MAX, !t->first.has_answer);
		if (t->first.has_answer) {
			printf(" | ");
			print_piece(&retry, width, true);
		}
		putchar('\n');
	}
	if (t->fix)
		printf("\n%s\n", t->fix);
	free(first.text);
	free(retry.text);
}

static json_t *exchange_json(const struct exchange *x)
{
	char replayed[16], problem[64];

	if (!x->has_answer)
		return x->error[0] ? json_pack("{s:s}", "error", x->error) : json_null();
	return json_pack("{s:I, s:b, s:s?, s:I, s:I}", "status", (json_int_t)x->status, "replayed",
		exchange_field(x, "Idempotent-Replayed", replayed, sizeof(replayed)) != NULL,
		"problem", trial_problem(x, problem, sizeof(problem)), "bytes",
		(json_int_t)x->n_body, "ms", (json_int_t)x->took_ms);
}

void trial_show_json(const struct trial *t)
{
	cli_print_json(json_pack("{s:s, s:s, s:s, s:s?, s:s, s:o, s:o}", "url", t->url, "verdict",
		verdict_name(t->verdict), "text", t->text, "fix", t->fix, "key", t->key, "first",
		exchange_json(&t->first), "retry", exchange_json(&t->retry)));
}
