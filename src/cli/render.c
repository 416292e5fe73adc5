/* SPDX-License-Identifier: ISC */
/*
 * cli/render.c - how verbs show operations, objects and errors
 *
 * Keys are shown as the beginning of their digest; nothing here can show a key, a credential or a
 * body.
 */
#include "cli/render.h"

#include "base/digest.h"
#include "base/exit_code.h"
#include "store/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool is_local;

void cli_show_local_times(void)
{
	is_local = true;
}

const char *cli_time_text(int64_t ms, char out[CLI_TIME_MAX])
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	size_t n;

	if (ms == 0)
		return "-";
	if (is_local && localtime_r(&s, &tm)) {
		strftime(out, CLI_TIME_MAX, "%Y-%m-%d %H:%M:%S", &tm);
		return out;
	}
	gmtime_r(&s, &tm);
	n = strftime(out, CLI_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, CLI_TIME_MAX - n, ".%03dZ", (int)(ms % 1000));
	return out;
}

json_t *cli_operation_json(const struct operation *op)
{
	char ref[REF_LEN + 1], key[2 * IDENTITY_SHOWN + 1], created[CLI_TIME_MAX],
		updated[CLI_TIME_MAX], expires[CLI_TIME_MAX];
	json_t *o;

	operation_ref(op, ref);
	hex_text(op->identity, IDENTITY_SHOWN, key);
	o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "ref", ref, "state",
		state_name(op->state), "route", op->route, "key", key, "created",
		cli_time_text(op->created_ms, created), "updated",
		cli_time_text(op->updated_ms, updated), "attempts", op->attempts);
	if (!o)
		return NULL;
	json_object_set_new(o, "status", op->status ? json_integer(op->status) : json_null());
	json_object_set_new(o, "bytes", op->status ? json_integer(op->bytes) : json_null());
	json_object_set_new(o, "expires",
		op->expires_ms ? json_string(cli_time_text(op->expires_ms, expires)) : json_null());
	json_object_set_new(
		o, "exit", op->exit_status >= 0 ? json_integer(op->exit_status) : json_null());
	json_object_set_new(o, "reason", op->reason[0] ? json_string(op->reason) : json_null());
	return o;
}

static bool add_history(const struct history *h, void *arg)
{
	char at[CLI_TIME_MAX];

	json_array_append_new(arg, json_pack("{s:s, s:s, s:s}", "at", cli_time_text(h->at_ms, at),
					   "event", h->event, "detail", h->detail));
	return true;
}

enum err cli_history_json(struct store *st, const struct operation *op, json_t **out)
{
	json_t *history = json_array();
	enum err e = store_history(st, op->id, add_history, history);

	if (e == OK)
		*out = history;
	else
		json_decref(history);
	return e;
}

/* Bytes of the UTF-8 character that begins here, when it is whole and no control character; 0. */
static size_t shown_bytes(const unsigned char *s, size_t len)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (n == 1)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] < 0xc2 || s[0] > 0xf4 || n > len || (n == 2 && s[0] == 0xc2 && s[1] < 0xa0))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

void cli_put(FILE *to, const char *text, size_t len, bool lines)
{
	for (size_t i = 0; i < len;) {
		const unsigned char *at = (const unsigned char *)text + i;
		size_t n = lines && (*at == '\n' || *at == '\t') ? 1 : shown_bytes(at, len - i);

		if (n > 0)
			fwrite(at, 1, n, to);
		else
			fprintf(to, "\\x%02x", *at);
		i += n > 0 ? n : 1;
	}
}

void cli_put_text(const char *text)
{
	if (text)
		cli_put(stdout, text, strlen(text), false);
}

int cli_complain(const char *what, enum err e)
{
	fprintf(stderr, "retrysafe: %s%s", what ? what : "", what ? ": " : "");
	cli_put(stderr, err_text(), strlen(err_text()), false);
	fputc('\n', stderr);
	return e == ERR_BUSY || e == ERR_FULL || e == ERR_NOMEM || e == ERR_SYSTEM ||
			       e == ERR_GONE || e == ERR_UNKNOWN
		       ? EXIT_TEMPORARY
		       : EXIT_USAGE;
}

void cli_print_json(json_t *o)
{
	char *line = o ? json_dumps(o, JSON_COMPACT) : NULL;

	if (line)
		puts(line);
	free(line);
	json_decref(o);
}
