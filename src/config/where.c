/* SPDX-License-Identifier: ISC */
/*
 * config/where.c - the place in a configuration that is being read, for messages about it
 *
 * The JSON library does not tell on which lines values are.  So when a message needs a line, and
 * only then, the text is scanned for it.  The parser has accepted the text before: on any other
 * text the scanner must be safe, but may be wrong.  It does not recurse, so nesting costs no stack
 * (unit/config).
 */
#include "config/where.h"

#include "config/document.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	const char *at, *end;
	size_t line;
};

/* The next byte, or NUL at the end. */
static char peek(const struct scan *s)
{
	return s->at < s->end ? *s->at : '\0';
}

static void skip_blanks(struct scan *s)
{
	for (; s->at < s->end && strchr(" \t\r\n", *s->at); s->at++)
		s->line += *s->at == '\n';
}

static void skip_string(struct scan *s)
{
	for (s->at++; s->at < s->end && *s->at != '"'; s->at++)
		if (*s->at == '\\' && s->at + 1 < s->end)
			s->at++;
	if (s->at < s->end)
		s->at++;
}

/* Skips one value with all that is in it. */
static void skip_value(struct scan *s)
{
	size_t open = 0;

	do {
		skip_blanks(s);
		switch (peek(s)) {
		case '\0':
			return;
		case '"':
			skip_string(s);
			break;
		case '{':
		case '[':
			open++;
			s->at++;
			break;
		case '}':
		case ']':
			open -= open > 0;
			s->at++;
			break;
		case ',':
		case ':':
			s->at++;
			break;
		default:
			while (s->at < s->end && !strchr(" \t\r\n,:]}", *s->at))
				s->at++;
		}
	} while (open > 0);
}

/* Is the string literal text..end the name `key`?  It may be written with escapes. */
static bool is_key(const char *text, const char *end, const char *key)
{
	json_error_t error;
	bool is_no_memory;
	json_t *name = config_document_parse(
		text, (size_t)(end - text), JSON_DECODE_ANY, &error, &is_no_memory);
	bool same = json_is_string(name) && strcmp(json_string_value(name), key) == 0;

	json_decref(name);
	return same;
}

/* Moves from the start of a value to the start of one in it, and *line to where that begins. */
static bool descend(struct scan *s, const struct config_step *step, size_t *line)
{
	skip_blanks(s);
	if (peek(s) != (step->key ? '{' : '['))
		return false;
	s->at++;
	for (size_t i = 0;; i++) {
		const char *start;
		bool found = i == step->index;
		size_t here;

		skip_blanks(s);
		start = s->at;
		here = s->line;
		if (peek(s) == '\0' || peek(s) == '}' || peek(s) == ']')
			return false;
		if (step->key) {
			skip_string(s);
			found = is_key(start, s->at, step->key);
			skip_blanks(s);
			s->at += peek(s) == ':';
		}
		if (found) {
			*line = here;
			return true;
		}
		skip_value(s);
		skip_blanks(s);
		s->at += peek(s) == ',';
	}
}

size_t config_where_line(const struct config_where *w)
{
	struct scan s = {w->text, w->text + w->len, 1};
	size_t line;

	skip_blanks(&s);
	line = s.line;
	for (size_t i = 0; i < w->depth && descend(&s, &w->steps[i], &line); i++)
		;
	return line;
}

static void enter(struct config_where *w, struct config_step step)
{
	if (w->depth < CONFIG_WHERE_DEPTH)
		w->steps[w->depth++] = step;
}

void config_where_enter_key(struct config_where *w, const char *key)
{
	enter(w, (struct config_step){.key = key});
}

void config_where_enter_index(struct config_where *w, size_t index)
{
	enter(w, (struct config_step){.index = index});
}

void config_where_leave(struct config_where *w)
{
	w->depth -= w->depth > 0;
}

void config_where_quote(const json_t *value, char out[CONFIG_WHERE_QUOTE_MAX])
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	size_t len = text ? strlen(text) : 0;

	if (len < CONFIG_WHERE_QUOTE_MAX) {
		memcpy(out, text ? text : "value", text ? len + 1 : sizeof("value"));
	} else {
		len = CONFIG_WHERE_QUOTE_MAX - sizeof("...");
		while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
			len--; /* never half a character */
		memcpy(out, text, len);
		memcpy(out + len, "...", sizeof("..."));
	}
	free(text);
}

static void write_step(const struct config_step *step, char *out, size_t room)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	char quoted[CONFIG_WHERE_QUOTE_MAX];
	json_t *name;

	if (!step->key) {
		snprintf(out, room, "[%zu]", step->index);
	} else if (*step->key && strlen(step->key) < 40 && !step->key[strspn(step->key, plain)]) {
		snprintf(out, room, ".%s", step->key);
	} else {
		name = json_string(step->key);
		config_where_quote(name, quoted);
		json_decref(name);
		snprintf(out, room, "[%s]", quoted);
	}
}

enum err config_where_error(const struct config_where *w, const char *fmt, ...)
{
	char path[CONFIG_WHERE_DEPTH * CONFIG_WHERE_QUOTE_MAX] = "$";
	char what[896];
	va_list ap;

	for (size_t i = 0; i < w->depth; i++) {
		size_t len = strlen(path);

		write_step(&w->steps[i], path + len, sizeof(path) - len);
	}
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_set(ERR_INVALID, "%s:%zu: %s: %s", w->file, config_where_line(w), path, what);
}

enum err config_where_wrong(const struct config_where *w, const json_t *value, const char *text)
{
	char quoted[CONFIG_WHERE_QUOTE_MAX];

	config_where_quote(value, quoted);
	return config_where_error(w, "%s %s", quoted, text);
}
