/* SPDX-License-Identifier: ISC */
/*
 * config_value.c - one value of a configuration: its type, its range, what is said when it is wrong
 *
 * RULES
 *
 *   (1) A value that could never have an effect is an error, not a setting without one: a glob
 *       that no SCRIPT_NAME fits, a header name that is none.
 *   (2) A message says what was wrong and what may be written instead.
 *   (3) Every path that comes out is absolute.
 *
 * Proved by tests/unit/config.c.
 */
#include "config_value.h"
#include "config.h"
#include "pointer.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Checks a text, or one of a list, and makes what is kept of it; the caller frees *out. */
typedef enum err (*text_fn)(const struct config_where *w, const char *text, char **out);

struct unit {
	const char *suffix;
	int64_t factor;
};

struct type {
	const char *name; /* of an enum or a flag: its words */
	enum err (*read)(
		struct config_where *w, const struct setting *s, const json_t *value, void *field);
	text_fn text;             /* of a text, or of each entry of a list */
	const struct unit *units; /* of a number that is not a bare one */
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

/* "VALUE text": what is wrong with a value and what may be written instead. */
static enum err wrong(const struct config_where *w, const json_t *value, const char *text)
{
	char quoted[CONFIG_WHERE_QUOTE_MAX];

	config_where_quote(value, quoted);
	return config_where_error(w, "%s %s", quoted, text);
}

static enum err wrong_text(const struct config_where *w, const char *value, const char *text)
{
	json_t *json = json_string(value);
	enum err e = wrong(w, json, text);

	json_decref(json);
	return e;
}

static enum err copy(const char *text, char **out)
{
	char *made = strdup(text);

	if (!made)
		return no_memory();
	*out = made;
	return OK;
}

/* RFC 9110, section 5.6.2. */
static bool is_token(const char *text)
{
	const char *at = text;

	while (*at && (isalnum((unsigned char)*at) || strchr("!#$%&'*+-.^_`|~", *at)))
		at++;
	return at > text && !*at;
}

/*
 * Where a relative path starts: the directory of the configuration, or, for "../", the one that
 * leads to.  *path is moved behind the dots, so that no script sees them in its SCRIPT_FILENAME.
 */
static void start_of(const struct config_where *w, const char **path, char start[PATH_MAX])
{
	size_t dots = 0;
	char up[PATH_MAX];

	while (strncmp(*path + dots, "../", 3) == 0 || strncmp(*path + dots, "./", 2) == 0)
		dots += (*path)[dots + 1] == '.' ? 3 : 2;
	if (dots > 0 && snprintf(up, sizeof(up), "%s/%.*s", w->dir, (int)dots, *path) < PATH_MAX &&
		realpath(up, start))
		*path += dots;
	else
		snprintf(start, PATH_MAX, "%s", w->dir);
}

/* prefix and path, where a relative path starts in the directory of the configuration. */
static enum err take_path_after(
	const struct config_where *w, const char *prefix, const char *path, char **out)
{
	char *made, start[PATH_MAX] = "";

	if (!*path)
		return config_where_error(w, "the path is empty; write an absolute one, or one "
					     "relative to the directory of this file");
	if (*path == '~')
		return wrong_text(
			w, path, "starts with \"~\", which is not expanded; write the whole path");
	if (*path != '/')
		start_of(w, &path, start);
	if (asprintf(&made, "%s%s%s%s", prefix, start,
		    *path == '/' || strcmp(start, "/") == 0 ? "" : "/", path) < 0)
		return no_memory();
	*out = made;
	return OK;
}

static enum err take_path(const struct config_where *w, const char *text, char **out)
{
	return take_path_after(w, "", text, out);
}

/* Of an unknown store only the scheme is quoted: what follows may hold a password. */
static enum err take_store(const struct config_where *w, const char *text, char **out)
{
	static const char sqlite[] = "sqlite:";
	const char *colon = strchr(text, ':');
	char scheme[16];

	if (strncmp(text, sqlite, strlen(sqlite)) == 0)
		return take_path_after(w, sqlite, text + strlen(sqlite), out);
	if (!colon)
		return wrong_text(w, text, "names no store; the stores are: \"sqlite:PATH\"");
	snprintf(scheme, sizeof(scheme), "%.*s", (int)(colon - text + 1), text);
	return wrong_text(
		w, scheme, "is not a store of this program; the stores are: \"sqlite:PATH\"");
}

/* It goes into a Link header field between < and >. */
static enum err take_url(const struct config_where *w, const char *text, char **out)
{
	const char *at = strstr(text, "://");

	if ((strncmp(text, "https://", 8) && strncmp(text, "http://", 7)) || !at[3])
		return wrong_text(w, text,
			"is not a URL; write one that starts with \"https://\" or \"http://\"");
	for (at = text; *at; at++)
		if (*at <= ' ' || *at > '~' || strchr("<>\"", *at))
			return wrong_text(w, text,
				"is not a URL; blanks, quotes, \"<\", \">\" and "
				"characters outside ASCII have to be %-encoded");
	return copy(text, out);
}

static enum err take_glob(const struct config_where *w, const char *text, char **out)
{
	if (!*text || !strchr("/*?[", *text))
		return wrong_text(w, text,
			"can never match: SCRIPT_NAME starts with \"/\"; write a "
			"pattern such as \"/cgi-bin/order.pl\" or \"*/order.pl\"");
	return copy(text, out);
}

/* The program is not searched for, so that no PATH of anybody decides what is run. */
static enum err take_argument(const struct config_where *w, const char *text, char **out)
{
	if (w->depth && w->steps[w->depth - 1].index == 0 && *text != '/')
		return wrong_text(w, text,
			"is not an absolute path; the first entry is the program, "
			"and PATH is not searched; write it such as \"/usr/bin/perl\"");
	return copy(text, out);
}

static enum err take_method(const struct config_where *w, const char *text, char **out)
{
	if (!strcmp(text, "HEAD") || !strcmp(text, "GET") || !strcmp(text, "OPTIONS"))
		return wrong_text(w, text,
			"cannot be protected: safe methods are never claimed; "
			"write methods such as \"POST\", \"PATCH\", \"PUT\" or \"DELETE\"");
	for (const char *at = text; *at; at++)
		if (islower((unsigned char)*at))
			return wrong_text(w, text,
				"is not a method; methods are written in capitals, "
				"such as \"POST\"");
	if (!is_token(text))
		return wrong_text(w, text, "is not a method; write one such as \"POST\"");
	return copy(text, out);
}

/* The whole document is no value of it. */
static bool is_pointer(const char *text)
{
	return *text && pointer_is_valid(text);
}

static bool is_name(const char *text)
{
	return *text;
}

/* The places of a request where a value may stand (source.h). */
static enum err take_source(const struct config_where *w, const char *text, char **out)
{
	static const struct {
		const char *prefix;
		bool (*is_valid)(const char *name);
		const char *is_wrong;
	} sources[] = {
		{"header:", is_token,
			"does not name a header field; write \"header:NAME\", such as "
			"\"header:Idempotency-Key\""},
		{"query:", is_name, "does not name a parameter; write \"query:NAME\""},
		{"cookie:", is_token, "does not name a cookie; write \"cookie:NAME\""},
		{"form:", is_name, "does not name a field; write \"form:NAME\""},
		{"json:", is_pointer,
			"is not a JSON pointer (RFC 6901); write it such as \"json:/order/id\""},
	};

	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
		size_t len = strlen(sources[i].prefix);

		if (strncmp(text, sources[i].prefix, len) == 0)
			return sources[i].is_valid(text + len)
				       ? copy(text, out)
				       : wrong_text(w, text, sources[i].is_wrong);
	}
	return wrong_text(w, text,
		"is not a place of a request; write \"header:NAME\", \"query:NAME\", "
		"\"cookie:NAME\", \"form:NAME\" or \"json:/pointer\"");
}

static enum err take_key_source(const struct config_where *w, const char *text, char **out)
{
	return strcmp(text, "derive") == 0 ? copy(text, out) : take_source(w, text, out);
}

static enum err take_fingerprint(const struct config_where *w, const char *text, char **out)
{
	static const char *const words[] = {"method", "path", "query", "body"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(text, words[i]) == 0)
			return copy(text, out);
	if (!strchr(text, ':'))
		return wrong_text(w, text,
			"is not a part of a request; write \"method\", \"path\", \"query\", "
			"\"body\", or a place such as \"header:Content-Type\" or "
			"\"json:/order/id\"");
	return take_source(w, text, out);
}

/* A pointer and the name of a field may also stand alone; they are kept with their prefix. */
static enum err take_ignored(const struct config_where *w, const char *text, char **out)
{
	if (strncmp(text, "json:", 5) == 0 || strncmp(text, "form:", 5) == 0)
		return take_source(w, text, out);
	if (*text == '/' ? !is_pointer(text) : !*text)
		return wrong_text(w, text,
			"names nothing that could be left out; write a JSON pointer such as "
			"\"/meta/sent_at\", or the name of a form field");
	if (asprintf(out, "%s%s", *text == '/' ? "json:" : "form:", text) < 0)
		return no_memory();
	return OK;
}

static enum err take_status(const struct config_where *w, const char *text, char **out)
{
	bool is_status = *text >= '2' && *text <= '5' && strlen(text) == 3 &&
			 (strcmp(text + 1, "xx") == 0 || (isdigit((unsigned char)text[1]) &&
								 isdigit((unsigned char)text[2])));

	return is_status ? copy(text, out)
			 : wrong_text(w, text,
				   "is neither a status nor a class of them; write \"503\" or "
				   "\"5xx\"");
}

static enum err take_field(const struct config_where *w, const char *text, char **out)
{
	return is_token(text) ? copy(text, out)
			      : wrong_text(w, text,
					"is not the name of a header field; write it such as "
					"\"Set-Cookie\"");
}

/* Whole host names only: "https://good.example" must not allow "https://good.example.evil/". */
static enum err take_url_beginning(const struct config_where *w, const char *text, char **out)
{
	enum err e = take_url(w, text, out);
	const char *host = e == OK ? strstr(text, "://") + 3 : text;

	if (e != OK || (strchr(host, '/') && !strchr(host, '@') && *host != '/'))
		return e;
	free(*out);
	return wrong_text(w, text,
		"does not end its host with \"/\", or names a user; write it such as "
		"\"https://hooks.example.org/\"");
}

/* The case is free: modules of web servers make variables such as OIDC_CLAIM_sub. */
static enum err take_variable(const struct config_where *w, const char *text, char **out)
{
	static const char cookie[] = "cookie:";
	/* A misspelt one of these would be absent for everybody: one scope for all users. */
	static const char *const usual[] = {"REMOTE_", "HTTP_", "AUTH_TYPE", "SERVER_"};
	const char *at = text;

	if (strncmp(text, cookie, strlen(cookie)) == 0 && is_token(text + strlen(cookie)))
		return copy(text, out);
	while (*at == '_' || isalpha((unsigned char)*at) ||
		(at > text && isdigit((unsigned char)*at)))
		at++;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (strncasecmp(text, usual[i], strlen(usual[i])) == 0 &&
			strncmp(text, usual[i], strlen(usual[i])) != 0)
			return wrong_text(w, text,
				"is no variable that a web server sets: those are in upper case, "
				"such as \"REMOTE_USER\"");
	if (at == text || *at)
		return wrong_text(w, text,
			"is neither a CGI variable nor a cookie; write a name such as "
			"\"REMOTE_USER\" or \"HTTP_X_TENANT\", or \"cookie:NAME\"");
	return copy(text, out);
}

static enum err read_text(
	struct config_where *w, const struct setting *s, const json_t *value, void *field)
{
	char **out = field, *text;
	enum err e;

	if (!json_is_string(value))
		return wrong(w, value, "is not a string; write it in double quotes");
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

static enum err read_list(
	struct config_where *w, const struct setting *s, const json_t *value, void *field)
{
	size_t n = json_array_size(value);
	strings *out = field, list = NULL;
	enum err e = OK;

	if (!json_is_array(value))
		return wrong(w, value, "is not a list; write [\"...\", \"...\"]");
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
			    : wrong(w, entry, "is not a string; write it in double quotes");
		if (e == OK)
			config_where_leave(w);
	}
	if (e == OK) {
		/* Where there is no default, an empty list takes back what `defaults` gave. */
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

	if (json_is_integer(value)) /* a status may be written as what it is */
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
			return wrong(w, value, message);
		word += len + 1;
	}
}

_Static_assert(sizeof(enum durability) == sizeof(unsigned) &&
		       sizeof(enum log_format) == sizeof(unsigned) &&
		       sizeof(enum key_syntax) == sizeof(unsigned) &&
		       sizeof(enum on_uncertain) == sizeof(unsigned) &&
		       sizeof(enum in_progress) == sizeof(unsigned) &&
		       sizeof(enum conflict_status) == sizeof(unsigned) &&
		       sizeof(enum async) == sizeof(unsigned) &&
		       sizeof(enum replay_status) == sizeof(unsigned) &&
		       sizeof(enum on_duplicate) == sizeof(unsigned) &&
		       sizeof(enum guarantee) == sizeof(unsigned),
	"read_word() writes an unsigned");

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
		return wrong(w, value, "is not allowed; write true or false");
	*(bool *)field = json_is_true(value);
	return OK;
}

/* Digits and a suffix.  What is too large for the type becomes INT64_MAX: out of any range. */
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
static void write_limit(int64_t n, const struct unit *units, char out[32])
{
	if (!units || n == 0) {
		snprintf(out, 32, "%" PRId64, n);
		return;
	}
	while (n % units->factor != 0)
		units++;
	snprintf(out, 32, "\"%" PRId64 "%s\"", n / units->factor, units->suffix);
}

static enum err read_number(
	struct config_where *w, const struct setting *s, const json_t *value, void *field)
{
	char least[32], most[32], message[96];
	const struct unit *units = types[s->type].units;
	bool is_valid = json_is_integer(value);
	int64_t n = json_integer_value(value);

	if (units && json_is_string(value))
		is_valid = parse(json_string_value(value), units, &n);
	else if (units == duration_units)
		is_valid = is_valid && n == 0; /* of what? */
	if (!is_valid && units == duration_units)
		return wrong(w, value,
			"is not a duration; write a number and a unit, such as \"90s\", "
			"\"10m\", \"24h\" or \"30d\"");
	if (!is_valid && units)
		return wrong(w, value,
			"is not a size; write a number of bytes, or a number and a unit, "
			"such as \"64K\", \"10M\" or \"1G\"");
	write_limit(s->min, units, least);
	write_limit(s->max, units, most);
	snprintf(message, sizeof(message), "is %s; write %s to %s",
		is_valid ? "out of range" : "not a whole number", least, most);
	if (!is_valid || n < s->min || n > s->max)
		return wrong(w, value, message);
	*(int64_t *)field = n;
	return OK;
}

static const struct type types[CONFIG_TYPE__MAX] = {
	[CONFIG_OBJECT] = {"object", NULL, NULL, NULL},
	[CONFIG_ROUTES] = {"list of objects", NULL, NULL, NULL},
	[CONFIG_LIMITS] = {"object", NULL, NULL, NULL},
	[CONFIG_PATH] = {"path", read_text, take_path, NULL},
	[CONFIG_STORE] = {"sqlite:PATH", read_text, take_store, NULL},
	[CONFIG_URL] = {"URL", read_text, take_url, NULL},
	[CONFIG_GLOB] = {"glob", read_text, take_glob, NULL},
	[CONFIG_DIRS] = {"list of paths", read_list, take_path, NULL},
	[CONFIG_COMMAND] = {"list: path, arguments", read_list, take_argument, NULL},
	[CONFIG_METHODS] = {"list of methods", read_list, take_method, NULL},
	[CONFIG_KEY_SOURCES] = {"list of places and derive", read_list, take_key_source, NULL},
	[CONFIG_VARIABLES] = {"list of CGI variables and cookie:NAME", read_list, take_variable,
		NULL},
	[CONFIG_SOURCES] = {"list of places", read_list, take_source, NULL},
	[CONFIG_FINGERPRINT] = {"list of parts and places", read_list, take_fingerprint, NULL},
	[CONFIG_IGNORED] = {"list of JSON pointers and form fields", read_list, take_ignored, NULL},
	[CONFIG_STATUSES] = {"list of statuses", read_list, take_status, NULL},
	[CONFIG_FIELDS] = {"list of header fields", read_list, take_field, NULL},
	[CONFIG_URL_BEGINNINGS] = {"list of URLs", read_list, take_url_beginning, NULL},
	[CONFIG_DURABILITY] = {"full|normal|off", read_word, NULL, NULL},
	[CONFIG_LOG] = {"text|json", read_word, NULL, NULL},
	[CONFIG_KEY_SYNTAX] = {"lenient|strict", read_word, NULL, NULL},
	[CONFIG_ON_UNCERTAIN] = {"fail|rerun|probe|rollback", read_word, NULL, NULL},
	[CONFIG_IN_PROGRESS] = {"conflict|wait|accept", read_word, NULL, NULL},
	[CONFIG_CONFLICT_STATUS] = {"409|429", read_word, NULL, NULL},
	[CONFIG_ASYNC] = {"off|prefer|always", read_word, NULL, NULL},
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
