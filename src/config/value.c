/* SPDX-License-Identifier: ISC */
/*
 * config/value.c - reads one value of a configuration: its type, its range, its error messages
 *
 * RULES
 *   (1) A value that could never have an effect is an error (unit/config_value).
 *   (2) A message says what is wrong and what may be written instead (unit/config_value).
 *
 * Does not know: which texts are valid (config/text.c).
 */
#include "config/value.h"
#include "config/config.h"
#include "config/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *suffix;
	int64_t factor;
};

struct type {
	const char *name; /* of an enum or a flag: its words */
	enum err (*read)(
		struct config_where *w, const struct setting *s, const json_t *value, void *field);
	config_text_fn *text;     /* of a text, or of each entry of a list */
	const struct unit *units; /* of a number that may have a unit */
};

/* From the largest down: the first that divides a limit evenly is used to write it. */
static const struct unit duration_units[] = {{"d", CONFIG_DAY}, {"h", 60 * CONFIG_MINUTE},
	{"m", CONFIG_MINUTE}, {"s", CONFIG_SECOND}, {"ms", 1}, {NULL, 0}};
static const struct unit size_units[] = {{"G", CONFIG_GIGA}, {"M", CONFIG_KILO *CONFIG_KILO},
	{"K", CONFIG_KILO}, {"", 1}, {NULL, 0}};

static const struct type types[CONFIG_TYPE__MAX]; /* below, after the functions it names */

static enum err no_memory(void)
{
	return err_set(ERR_NOMEM, "no memory for the configuration");
}

static enum err read_text(
	struct config_where *w, const struct setting *s, const json_t *value, void *field)
{
	char **out = field, *text;
	enum err e;

	if (!json_is_string(value))
		return config_where_wrong(w, value, "is not a string; write it in double quotes");
	if ((e = types[s->type].text(w, json_string_value(value), &text)) != OK)
		return e;
	free(*out);
	*out = text;
	return OK;
}

static void free_list(strings list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

/* A second copy of an entry has no effect: probably another one was meant. */
static enum err check_twice(const struct config_where *w, const strings list, size_t last)
{
	for (size_t i = 0; i < last && list[i]; i++)
		if (strcmp(list[i], list[last]) == 0)
			return config_text_wrong(
				w, list[last], "is in the list twice; write it once");
	return OK;
}

static enum err read_list(
	struct config_where *w, const struct setting *s, const json_t *value, void *field)
{
	size_t n = json_array_size(value);
	strings *out = field, list = NULL;
	enum err e = OK;

	if (!json_is_array(value))
		return config_where_wrong(w, value, "is not a list; write [\"...\", \"...\"]");
	if (n < (size_t)s->min || n > (size_t)s->max)
		return config_where_error(w,
			"the list has %zu entries; allowed are %" PRId64 " to %" PRId64, n, s->min,
			s->max);
	if (!(list = calloc(n + 1, sizeof(*list))))
		return no_memory();
	for (size_t i = 0; i < n && e == OK; i++) {
		const json_t *entry = json_array_get(value, i);

		config_where_enter_index(w, i);
		e = json_is_string(entry)
			    ? types[s->type].text(w, json_string_value(entry), &list[i])
			    : config_where_wrong(
				      w, entry, "is not a string; write it in double quotes");
		if (list[i] && s->type != CONFIG_COMMAND)
			e = check_twice(w, list, i);
		if (e == OK)
			config_where_leave(w);
	}
	if (e == OK) {
		/* If the setting has no default, an empty list cancels the list of `defaults`. */
		strings keep = n || s->fallback ? list : NULL;

		free_list(*out);
		*out = keep;
		list = keep ? NULL : list;
	}
	free_list(list);
	return e;
}

/* Which of the words in "a|b|c" the value is: *out counts from 0. */
static enum err read_which(
	const struct config_where *w, const char *word, const json_t *value, unsigned *out)
{
	char number[24] = "", message[128] = "is not allowed; write";
	const char *text = json_is_string(value) ? json_string_value(value) : number;

	if (json_is_integer(value)) /* a status may be written as a number */
		snprintf(
			number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	for (unsigned i = 0;; i++) {
		size_t len = strcspn(word, "|"), used = strlen(message);

		if (strlen(text) == len && strncmp(word, text, len) == 0) {
			*out = i;
			return OK;
		}
		snprintf(message + used, sizeof(message) - used, "%s \"%.*s\"", i ? " or" : "",
			(int)len, word);
		if (!word[len])
			return config_where_wrong(w, value, message);
		word += len + 1;
	}
}

_Static_assert(sizeof(enum durability) == sizeof(unsigned), "read_word() writes an unsigned");

static enum err read_word(
	struct config_where *w, const struct setting *s, const json_t *value, void *field)
{
	unsigned which;
	enum err e = read_which(w, types[s->type].name, value, &which);

	if (e == OK)
		memcpy(field, &which, sizeof(which));
	return e;
}

static enum err read_flag(
	struct config_where *w, const struct setting *s, const json_t *value, void *field)
{
	unsigned which;
	enum err e = read_which(w, types[s->type].name, value, &which);

	if (e == OK)
		*(bool *)field = which != 0;
	return e;
}

static enum err read_bool(
	struct config_where *w, const struct setting *s, const json_t *value, void *field)
{
	(void)s;
	if (!json_is_boolean(value))
		return config_where_wrong(w, value, "is not allowed; write true or false");
	*(bool *)field = json_is_true(value);
	return OK;
}

/* Digits and a suffix.  A number too large for the type becomes INT64_MAX: out of every range. */
static bool parse(const char *text, const struct unit *units, int64_t *out)
{
	const char *at = text;
	int64_t n = 0;

	for (; isdigit((unsigned char)*at); at++)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *at - '0', &n))
			n = INT64_MAX;
	for (; at > text && units->suffix; units++) {
		if (strcmp(units->suffix, at) == 0) {
			if (__builtin_mul_overflow(n, units->factor, out))
				*out = INT64_MAX;
			return true;
		}
	}
	*out = 0;
	return strcmp(text, "0") == 0;
}

bool config_duration(const char *text, int64_t *ms)
{
	return parse(text, duration_units, ms);
}

/* A limit in the notation of its type. */
static void write_limit(int64_t n, const struct unit *units, char out[CONFIG_VALUE_LIMIT_MAX])
{
	if (!units || n == 0) {
		snprintf(out, CONFIG_VALUE_LIMIT_MAX, "%" PRId64, n);
		return;
	}
	while (n % units->factor != 0)
		units++;
	snprintf(
		out, CONFIG_VALUE_LIMIT_MAX, "\"%" PRId64 "%s\"", n / units->factor, units->suffix);
}

static enum err read_number(
	struct config_where *w, const struct setting *s, const json_t *value, void *field)
{
	char least[CONFIG_VALUE_LIMIT_MAX], most[CONFIG_VALUE_LIMIT_MAX], message[96];
	const struct unit *units = types[s->type].units;
	bool is_valid = json_is_integer(value);
	int64_t n = json_integer_value(value);

	if (units && json_is_string(value))
		is_valid = parse(json_string_value(value), units, &n);
	else if (units == duration_units)
		is_valid = is_valid && n == 0; /* a bare number has no unit */
	if (!is_valid && units == duration_units)
		return config_where_wrong(w, value,
			"is not a duration; write a number and a unit, such as \"90s\", "
			"\"10m\", \"24h\" or \"30d\"");
	if (!is_valid && units)
		return config_where_wrong(w, value,
			"is not a size; write a number of bytes, or a number and a unit, "
			"such as \"64K\", \"10M\" or \"1G\"");
	write_limit(s->min, units, least);
	write_limit(s->max, units, most);
	snprintf(message, sizeof(message), "is %s; write %s to %s",
		is_valid ? "out of range" : "not a whole number", least, most);
	if (!is_valid || n < s->min || n > s->max)
		return config_where_wrong(w, value, message);
	*(int64_t *)field = n;
	return OK;
}

static const struct type types[CONFIG_TYPE__MAX] = {
	[CONFIG_OBJECT] = {"object", NULL, NULL, NULL},
	[CONFIG_ROUTES] = {"list of objects", NULL, NULL, NULL},
	[CONFIG_LIMITS] = {"object", NULL, NULL, NULL},
	[CONFIG_PATH] = {"path", read_text, config_text_path, NULL},
	[CONFIG_STORE] = {"sqlite:PATH", read_text, config_text_store, NULL},
	[CONFIG_URL] = {"URL", read_text, config_text_url, NULL},
	[CONFIG_GLOB] = {"glob", read_text, config_text_glob, NULL},
	[CONFIG_DIRS] = {"list of paths", read_list, config_text_path, NULL},
	[CONFIG_COMMAND] = {"list: path, arguments", read_list, config_text_argument, NULL},
	[CONFIG_METHODS] = {"list of methods", read_list, config_text_method, NULL},
	[CONFIG_KEY_SOURCES] = {"list of places and derive", read_list, config_text_key_source,
		NULL},
	[CONFIG_VARIABLES] = {"list of variables", read_list, config_text_variable, NULL},
	[CONFIG_SITE] = {"list of CGI variables", read_list, config_text_site, NULL},
	[CONFIG_SOURCES] = {"list of places", read_list, config_text_source, NULL},
	[CONFIG_FINGERPRINT] = {"list of parts and places", read_list, config_text_fingerprint,
		NULL},
	[CONFIG_IGNORED] = {"list of JSON pointers and form fields", read_list, config_text_ignored,
		NULL},
	[CONFIG_STATUSES] = {"list of statuses", read_list, config_text_status, NULL},
	[CONFIG_FIELDS] = {"list of header fields", read_list, config_text_field, NULL},
	[CONFIG_URL_BEGINNINGS] = {"list of URLs", read_list, config_text_url_beginning, NULL},
	[CONFIG_DURABILITY] = {"full|normal|off", read_word, NULL, NULL},
	[CONFIG_LOG] = {"text|json", read_word, NULL, NULL},
	[CONFIG_KEY_SYNTAX] = {"lenient|strict", read_word, NULL, NULL},
	[CONFIG_ON_UNCERTAIN] = {"fail|rerun|probe|rollback", read_word, NULL, NULL},
	[CONFIG_IN_PROGRESS] = {"conflict|wait|accept", read_word, NULL, NULL},
	[CONFIG_CONFLICT_STATUS] = {"409|429", read_word, NULL, NULL},
	[CONFIG_ASYNC] = {"off|prefer|always", read_word, NULL, NULL},
	[CONFIG_EXIT_STATUS] = {"any|zero", read_word, NULL, NULL},
	[CONFIG_REPLAY_STATUS] = {"same|200", read_word, NULL, NULL},
	[CONFIG_ON_DUPLICATE] = {"reject|replay", read_word, NULL, NULL},
	[CONFIG_GUARANTEE] = {"strict|result|semantic", read_word, NULL, NULL},
	[CONFIG_FLAG] = {"true|false", read_bool, NULL, NULL},
	[CONFIG_KEY] = {"optional|required", read_flag, NULL, NULL},
	[CONFIG_NUMBER] = {"number", read_number, NULL, NULL},
	[CONFIG_DURATION] = {"duration", read_number, NULL, duration_units},
	[CONFIG_SIZE] = {"size", read_number, NULL, size_units},
};

const char *config_value_type_name(enum config_type type)
{
	return types[type].name;
}

void config_value_write_limit(enum config_type type, int64_t n, char out[CONFIG_VALUE_LIMIT_MAX])
{
	write_limit(n, types[type].units, out);
}

enum err config_value_read(
	struct config_where *w, const struct setting *s, const json_t *value, void *base)
{
	return types[s->type].read(w, s, value, (char *)base + s->at);
}

void config_value_free(const struct setting *s, void *base)
{
	void *field = (char *)base + s->at;

	if (types[s->type].read == read_text) {
		free(*(char **)field);
		*(char **)field = NULL;
	} else if (types[s->type].read == read_list) {
		free_list(*(strings *)field);
		*(strings *)field = NULL;
	}
}
