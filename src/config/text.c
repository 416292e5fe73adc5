/* SPDX-License-Identifier: ISC */
/*
 * config/text.c - checks the texts of a configuration and makes the strings that are stored
 *
 * RULES
 *   (1) A text that could never have an effect is an error: a glob that no SCRIPT_NAME fits, a name
 *       that no header field can have (unit/config_value).
 *   (2) Every path in the result is absolute (unit/config_value).
 */
#include "config/text.h"
#include "base/store_url.h"
#include "http/json_pointer.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static enum err no_room(void)
{
	return err_set(ERR_NOMEM, "no memory for the configuration");
}

enum err config_text_wrong(const struct config_where *w, const char *value, const char *text)
{
	json_t *json = json_string(value);
	enum err e = config_where_wrong(w, json, text);

	json_decref(json);
	return e;
}

static enum err copy(const char *text, char **out)
{
	char *made = strdup(text);

	if (!made)
		return no_room();
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
 * Sets start to the directory in which a relative path starts: that of the configuration, with "./"
 * and "../" at the path's beginning resolved.  *path is moved behind those, so that no script sees
 * dots in its SCRIPT_FILENAME.
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

/* Makes prefix and an absolute path; a relative one starts in the directory of the configuration.
 */
static enum err take_path_after(
	const struct config_where *w, const char *prefix, const char *path, char **out)
{
	char *made, start[PATH_MAX] = "";

	if (!*path)
		return config_where_error(w, "the path is empty; write an absolute one, or one "
					     "relative to the directory of this file");
	if (*path == '~')
		return config_text_wrong(
			w, path, "starts with \"~\", which is not expanded; write the whole path");
	if (*path != '/')
		start_of(w, &path, start);
	if (asprintf(&made, "%s%s%s%s", prefix, start,
		    *path == '/' || strcmp(start, "/") == 0 ? "" : "/", path) < 0)
		return no_room();
	*out = made;
	return OK;
}

enum err config_text_path(const struct config_where *w, const char *text, char **out)
{
	return take_path_after(w, "", text, out);
}

/* Of an unknown store only the scheme is quoted: the rest may hold a password. */
enum err config_text_store(const struct config_where *w, const char *text, char **out)
{
	const char *path = store_url_path(text), *colon = strchr(text, ':');
	char scheme[16];

	if (path)
		return take_path_after(w, STORE_URL_SQLITE, path, out);
	if (!colon)
		return config_text_wrong(
			w, text, "names no store; the stores are: \"sqlite:PATH\"");
	snprintf(scheme, sizeof(scheme), "%.*s", (int)(colon - text + 1), text);
	return config_text_wrong(
		w, scheme, "is not a store of this program; the stores are: \"sqlite:PATH\"");
}

/* The URL goes into a Link header field between < and >. */
enum err config_text_url(const struct config_where *w, const char *text, char **out)
{
	const char *at = strstr(text, "://");

	if ((strncmp(text, "https://", 8) && strncmp(text, "http://", 7)) ||
		strchr("/?#", at[3])) /* no host; at[3] may be the NUL */
		return config_text_wrong(w, text,
			"is not a URL; write one that starts with \"https://\" or \"http://\"");
	for (at = text; *at; at++)
		if (*at <= ' ' || *at > '~' || strchr("<>\"", *at))
			return config_text_wrong(w, text,
				"is not a URL; blanks, quotes, \"<\", \">\" and "
				"characters outside ASCII have to be %-encoded");
	return copy(text, out);
}

enum err config_text_glob(const struct config_where *w, const char *text, char **out)
{
	if (!*text || !strchr("/*?[", *text))
		return config_text_wrong(w, text,
			"can never match: SCRIPT_NAME starts with \"/\"; write a "
			"pattern such as \"/cgi-bin/order.pl\" or \"*/order.pl\"");
	return copy(text, out);
}

/* The program is not searched for: no PATH of the environment decides which program runs. */
enum err config_text_argument(const struct config_where *w, const char *text, char **out)
{
	if (w->depth && w->steps[w->depth - 1].index == 0 && *text != '/')
		return config_text_wrong(w, text,
			"is not an absolute path; the first entry is the program, "
			"and PATH is not searched; write it such as \"/usr/bin/perl\"");
	return copy(text, out);
}

enum err config_text_method(const struct config_where *w, const char *text, char **out)
{
	if (!strcmp(text, "HEAD") || !strcmp(text, "GET") || !strcmp(text, "OPTIONS"))
		return config_text_wrong(w, text,
			"cannot be protected: safe methods are never claimed; "
			"write methods such as \"POST\", \"PATCH\", \"PUT\" or \"DELETE\"");
	for (const char *at = text; *at; at++)
		if (islower((unsigned char)*at))
			return config_text_wrong(w, text,
				"is not a method; methods are written in capitals, "
				"such as \"POST\"");
	if (!is_token(text))
		return config_text_wrong(w, text, "is not a method; write one such as \"POST\"");
	return copy(text, out);
}

/* Not "", which points to the whole document. */
static bool is_pointer(const char *text)
{
	return *text && json_pointer_is_valid(text);
}

static bool is_name(const char *text)
{
	return *text;
}

/* The places of a request where a value may stand (gateway/value_source.h). */
enum err config_text_source(const struct config_where *w, const char *text, char **out)
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
				       : config_text_wrong(w, text, sources[i].is_wrong);
	}
	return config_text_wrong(w, text,
		"is not a place of a request; write \"header:NAME\", \"query:NAME\", "
		"\"cookie:NAME\", \"form:NAME\" or \"json:/pointer\"");
}

enum err config_text_key_source(const struct config_where *w, const char *text, char **out)
{
	return strcmp(text, "derive") == 0 ? copy(text, out) : config_text_source(w, text, out);
}

enum err config_text_fingerprint(const struct config_where *w, const char *text, char **out)
{
	static const char *const words[] = {"method", "path", "query", "body", "json"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(text, words[i]) == 0)
			return copy(text, out);
	if (!strchr(text, ':'))
		return config_text_wrong(w, text,
			"is not a part of a request; write \"method\", \"path\", \"query\", "
			"\"body\", \"json\", or a place such as \"header:Content-Type\" or "
			"\"json:/order/id\"");
	return config_text_source(w, text, out);
}

/* A pointer, or the name of a field, may be written without a prefix; it is stored with one. */
enum err config_text_ignored(const struct config_where *w, const char *text, char **out)
{
	if (strncmp(text, "json:", 5) == 0 || strncmp(text, "form:", 5) == 0)
		return config_text_source(w, text, out);
	if (strncmp(text, "header:", 7) == 0 || strncmp(text, "query:", 6) == 0 ||
		strncmp(text, "cookie:", 7) == 0)
		return config_text_wrong(w, text,
			"is not in the body, and only parts of the body can be left out; other "
			"parts of a request are named in \"fingerprint\"");
	if (*text == '/' ? !is_pointer(text) : !*text)
		return config_text_wrong(w, text,
			"names nothing that could be left out; write a JSON pointer such as "
			"\"/meta/sent_at\", or the name of a form field");
	if (asprintf(out, "%s%s", *text == '/' ? "json:" : "form:", text) < 0)
		return no_room();
	return OK;
}

enum err config_text_status(const struct config_where *w, const char *text, char **out)
{
	bool is_status = *text >= '2' && *text <= '5' && strlen(text) == 3 &&
			 (strcmp(text + 1, "xx") == 0 || (isdigit((unsigned char)text[1]) &&
								 isdigit((unsigned char)text[2])));

	return is_status ? copy(text, out)
			 : config_text_wrong(w, text,
				   "is neither a status nor a class of them; write \"503\" or "
				   "\"5xx\"");
}

enum err config_text_field(const struct config_where *w, const char *text, char **out)
{
	return is_token(text) ? copy(text, out)
			      : config_text_wrong(w, text,
					"is not the name of a header field; write it such as "
					"\"Set-Cookie\"");
}

/* Whole host names only: "https://good.example" must not allow "https://good.example.evil/". */
enum err config_text_url_beginning(const struct config_where *w, const char *text, char **out)
{
	const char *host = strstr(text, "://");

	if (host && host[3 + strcspn(host + 3, "/?#@\\")] != '/')
		return config_text_wrong(w, text,
			"does not end its host with \"/\", or names a user; write it such as "
			"\"https://hooks.example.org/\"");
	return config_text_url(w, text, out);
}

/* Any case is allowed: modules of web servers make variables such as OIDC_CLAIM_sub. */
enum err config_text_variable(const struct config_where *w, const char *text, char **out)
{
	static const char cookie[] = "cookie:";
	/* If one of these is misspelt, the variable is absent in all requests: one scope for all.
	 */
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
			return config_text_wrong(w, text,
				"is no variable that a web server sets: those are in upper case, "
				"such as \"REMOTE_USER\"");
	if (at == text || *at)
		return config_text_wrong(w, text,
			"is neither a CGI variable nor a cookie; write a name such as "
			"\"REMOTE_USER\" or \"HTTP_X_TENANT\", or \"cookie:NAME\"");
	return copy(text, out);
}

enum err config_text_site(const struct config_where *w, const char *text, char **out)
{
	if (strncmp(text, "cookie:", 7) == 0)
		return config_text_wrong(w, text,
			"is no CGI variable; a site is told by the web server's words, such as "
			"\"SERVER_NAME\" or \"HTTP_HOST\"");
	return config_text_variable(w, text, out);
}
