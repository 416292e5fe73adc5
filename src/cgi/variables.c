/* SPDX-License-Identifier: ISC */
/*
 * cgi/variables.c - the CGI variables of a request, cleaned when they come in
 *
 * RULES
 *
 *   (1) No name is there twice: a script that looks at the first and a check that looked at the
 *       last would not mean the same request.  Of what the server's configuration says twice the
 *       last counts, as with php-fpm; of a field that the client sent twice, all of it, and where
 *       that would be two users, none (unit/variables, t86-urls).
 *   (2) What the gateway tells the script (IDEMPOTENCY_*) and what configures the gateway
 *       (RETRYSAFE_*) never comes from a request (unit/variables, t24-environment).
 *   (3) No header field of a client becomes anything but a variable HTTP_*, and none becomes
 *       HTTP_PROXY, which many libraries take for a setting: httpoxy, CVE-2016-5385
 *       (unit/variables, t24-environment).
 *   (4) No variable makes the loader of a program load something else, or a shell define a
 * function: LD_* but LD_LIBRARY_PATH, BASH_FUNC_* (unit/variables).
 *
 * A NUL in a value cannot be seen here: values come as C strings, cut off there.  cgi/fastcgi.c
 * refuses a request that has one.
 *
 * Does not know: where the variables come from, and what they mean; cgi/script.c does.
 */
#include "cgi/variables.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Variables that the gateway may have added to those of a stored request, and bytes of each. */
#define OURS_MAX       32
#define OURS_BYTES_MAX 512

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_name(const char *name, size_t len)
{
	if (len == 0 || !is_letter(name[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_letter(name[i]) && !(name[i] >= '0' && name[i] <= '9'))
			return false;
	return true;
}

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* True when the first len bytes of entry are exactly this name. */
static bool is_named(const char *entry, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(entry, name, len) == 0;
}

/* May a variable of this name, the first len bytes of entry, come in?  IDEMPOTENCY_* may, where the
 * caller is ourselves. */
static bool is_wanted(const char *entry, size_t len)
{
	static const char *const unwanted[] = {
		/* Servers that map every header field: what counts is CONTENT_*. */
		"HTTP_CONTENT_LENGTH",
		"HTTP_CONTENT_TYPE",
		/* Belongs to the protocol between the server and us. */
		"FCGI_ROLE",
	};

	if (!is_name(entry, len) || has_prefix(entry, "RETRYSAFE_") ||
		has_prefix(entry, "BASH_FUNC_"))
		return false;
	if (has_prefix(entry, "LD_") && !is_named(entry, len, "LD_LIBRARY_PATH"))
		return false;
	if (len == strlen("HTTP_PROXY") && strncasecmp(entry, "HTTP_PROXY", len) == 0)
		return false;
	for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++)
		if (is_named(entry, len, unwanted[i]))
			return false;
	return true;
}

/* The index of the variable with this name, or v->n. */
static size_t find_index(const struct variables *v, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		if (v->list[i][0] == name[0] && strncmp(v->list[i], name, len) == 0 &&
			v->list[i][len] == '=')
			break;
	return i;
}

/* Makes room for one more entry and the NULL after it. */
static enum err make_room(struct variables *v)
{
	size_t room = v->room ? 2 * v->room : 64;
	char **list;

	if (v->n + 1 < v->room)
		return OK;
	list = reallocarray(v->list, room, sizeof(*list));
	if (!list)
		return err_set(ERR_NOMEM, "out of memory");
	v->list = list;
	v->room = room;
	v->list[v->n] = NULL;
	return OK;
}

/* Takes over entry on OK only. */
static enum err append_entry(struct variables *v, char *entry)
{
	if (!entry || make_room(v) != OK)
		return err_set(ERR_NOMEM, "out of memory");
	v->list[v->n++] = entry;
	v->list[v->n] = NULL;
	return OK;
}

/* A copy of entry at the end. */
static enum err append_copy(struct variables *v, const char *entry)
{
	char *copy = strdup(entry);
	enum err rc = append_entry(v, copy);

	if (rc != OK)
		free(copy);
	return rc;
}

static void remove_at(struct variables *v, size_t at)
{
	free(v->list[at]);
	memmove(v->list + at, v->list + at + 1, (v->n - at) * sizeof(*v->list));
	v->n--;
}

/* Replaces the entry by a copy of another one. */
static enum err replace_at(struct variables *v, size_t at, const char *entry)
{
	char *copy = strdup(entry);

	if (!copy)
		return err_set(ERR_NOMEM, "out of memory");
	free(v->list[at]);
	v->list[at] = copy;
	return OK;
}

/*
 * A name that is there already.
 *
 * A field of the client's request: RFC 3875, section 4.1.18: "If multiple header fields with the
 * same field-name are received then the server MUST rewrite them as a single value having the same
 * semantics."  No server hands on two Host fields of a client, so that two of HTTP_HOST are its
 * configuration's; two different Authorization fields have no joint meaning.
 */
static enum err take_again(struct variables *v, size_t at, const char *entry, size_t name_len)
{
	const char *separator = is_named(entry, name_len, "HTTP_COOKIE") ? "; " : ", ";
	bool is_same = strcmp(v->list[at], entry) == 0;
	char *joined;

	if (!is_same && (is_named(entry, name_len, "CONTENT_LENGTH") ||
				is_named(entry, name_len, "REQUEST_METHOD")))
		return err_set(ERR_REFUSED, "the server sent %.*s more than once, and not the same",
			(int)name_len, entry);
	if (is_named(entry, name_len, "HTTP_AUTHORIZATION"))
		return is_same ? OK
			       : err_set(ERR_INVALID,
					 "two different Authorization fields were sent");
	if (!has_prefix(entry, "HTTP_") || is_named(entry, name_len, "HTTP_HOST"))
		return is_same ? OK : replace_at(v, at, entry);
	if (asprintf(&joined, "%s%s%s", v->list[at], separator, entry + name_len + 1) < 0)
		return err_set(ERR_NOMEM, "out of memory");
	free(v->list[at]);
	v->list[at] = joined;
	return OK;
}

static enum err take_one(struct variables *v, const char *entry, enum variables_from from)
{
	const char *equals = strchr(entry, '=');
	size_t len, at;

	/* FastCGI has names and values apart: only a NUL in the name can hide the sign between
	 * them. */
	if (!equals && from == VARIABLES_FASTCGI)
		return err_set(ERR_INVALID, "the name of a variable holds a NUL");
	if (!equals)
		return OK;
	len = (size_t)(equals - entry);
	if (!is_wanted(entry, len) ||
		(has_prefix(entry, "IDEMPOTENCY_") && from != VARIABLES_STORED))
		return OK;
	at = find_index(v, entry, len);
	return at < v->n ? take_again(v, at, entry, len) : append_copy(v, entry);
}

/*
 * nginx sends these two empty when there is no body; a script may take "" for a number.  Done last,
 * so that an empty one beside a full one is still seen as a repeated name.
 */
static void drop_empty(struct variables *v, const char *name)
{
	size_t at = find_index(v, name, strlen(name));

	if (at < v->n && v->list[at][strlen(name) + 1] == '\0')
		remove_at(v, at);
}

enum err variables_take(char *const *params, enum variables_from from, struct variables *out)
{
	struct variables v = {0};
	size_t n = 0, bytes = 0, ours = from == VARIABLES_STORED ? OURS_MAX : 0;
	enum err rc = make_room(&v);

	for (; rc == OK && params && *params; params++) {
		bytes += strlen(*params) + 1;
		if (++n > VARIABLES_MAX + ours ||
			bytes > VARIABLES_BYTES_MAX + ours * OURS_BYTES_MAX)
			rc = err_set(ERR_FULL,
				"the server sent more than %d variables or %d bytes of them",
				VARIABLES_MAX, VARIABLES_BYTES_MAX);
		else
			rc = take_one(&v, *params, from);
	}
	if (rc != OK) {
		variables_free(&v);
		return rc;
	}
	drop_empty(&v, "CONTENT_LENGTH");
	drop_empty(&v, "CONTENT_TYPE");
	*out = v;
	return OK;
}

const char *variables_get(const struct variables *v, const char *name)
{
	size_t len = strlen(name), at = find_index(v, name, len);

	return at < v->n ? v->list[at] + len + 1 : NULL;
}

enum err variables_set(struct variables *v, const char *name, const char *value)
{
	size_t at = find_index(v, name, strlen(name));
	char *entry;

	if (!value) {
		if (at < v->n)
			remove_at(v, at);
		return OK;
	}
	if (at < v->n && strcmp(v->list[at] + strlen(name) + 1, value) == 0)
		return OK;
	entry = malloc(strlen(name) + strlen(value) + 2);
	if (!entry)
		return err_set(ERR_NOMEM, "out of memory");
	stpcpy(stpcpy(stpcpy(entry, name), "="), value);
	if (at < v->n) {
		free(v->list[at]);
		v->list[at] = entry;
		return OK;
	}
	if (append_entry(v, entry) != OK) {
		free(entry);
		return ERR_NOMEM;
	}
	return OK;
}

enum err variables_copy(const struct variables *v, struct variables *out)
{
	struct variables copy = {0};
	enum err rc = make_room(&copy);

	for (size_t i = 0; rc == OK && i < v->n; i++)
		rc = append_copy(&copy, v->list[i]);
	if (rc == OK)
		*out = copy;
	else
		variables_free(&copy);
	return rc;
}

void variables_unprefix(struct variables *v, const char *prefix)
{
	size_t i = 0;

	while (i < v->n) {
		char *entry = v->list[i], *rest = entry + strlen(prefix);
		size_t len;

		if (!has_prefix(entry, prefix)) {
			i++;
			continue;
		}
		len = strcspn(rest, "=");
		/* Two prefixes become one: that name is not taken, its owner loses one as well. */
		if (!is_wanted(rest, len) || has_prefix(rest, "IDEMPOTENCY_") ||
			(!has_prefix(rest, prefix) && find_index(v, rest, len) < v->n)) {
			remove_at(v, i);
			continue;
		}
		memmove(entry, rest, strlen(rest) + 1);
		i++;
	}
}

void variables_free(struct variables *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->list[i]);
	free(v->list);
	*v = (struct variables){0};
}
