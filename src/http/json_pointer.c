/* SPDX-License-Identifier: ISC */
/*
 * http/json_pointer.c - follows a pointer through a document, and parses documents
 *
 * A token is compared with the names of an object without decoding it first: nothing is copied, and
 * no lookup fails for want of memory.  Does not know what the values are for.
 */
#include "http/json_pointer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

bool json_pointer_is_valid(const char *pointer)
{
	if (*pointer && *pointer != '/')
		return false;
	for (; *pointer; pointer++)
		if (*pointer == '~' && pointer[1] != '0' && pointer[1] != '1')
			return false;
	return true;
}

/* RFC 6901, 4: "first transforming any occurrence of the sequence '~1' to '/', and then [...] '~0'
 * to '~'"; decoding from left to right has the same result. */
static bool is_name(const char *token, const char *end, const char *name)
{
	for (; token < end && *name; token++, name++) {
		char c = *token;

		if (c == '~')
			c = *++token == '1' ? '/' : '~';
		if (c != *name)
			return false;
	}
	return token == end && !*name;
}

/* The member of an object that a token names: its name, or NULL. */
static const char *find_name(json_t *object, const char *token, const char *end)
{
	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at))
		if (is_name(token, end, json_object_iter_key(at)))
			return json_object_iter_key(at);
	return NULL;
}

/* RFC 6901, 4: "0" or digits without a leading zero; otherwise SIZE_MAX, which no array has. */
static size_t read_index(const char *token, const char *end)
{
	size_t index = 0;

	if (token == end || (*token == '0' && end - token > 1) || end - token > 9)
		return SIZE_MAX;
	for (; token < end; token++) {
		if (*token < '0' || *token > '9')
			return SIZE_MAX;
		index = index * 10 + (size_t)(*token - '0');
	}
	return index;
}

/* Follows the tokens from p to end; p is at a "/" or at the end. */
static json_t *walk(json_t *at, const char *p, const char *end)
{
	while (at && p < end) {
		const char *token = p + 1;
		const char *name;

		for (p = token; p < end && *p != '/';)
			p++;
		if (json_is_array(at)) {
			at = json_array_get(at, read_index(token, p));
		} else {
			name = find_name(at, token, p);
			at = name ? json_object_get(at, name) : NULL;
		}
	}
	return at;
}

json_t *json_pointer_find(json_t *root, const char *pointer)
{
	return json_pointer_is_valid(pointer) ? walk(root, pointer, pointer + strlen(pointer))
					      : NULL;
}

void json_pointer_remove(json_t *root, const char *pointer)
{
	const char *end = pointer + strlen(pointer), *last = strrchr(pointer, '/');
	json_t *parent = last && json_pointer_is_valid(pointer) ? walk(root, pointer, last) : NULL;

	if (json_is_array(parent)) {
		size_t i = read_index(last + 1, end);

		if (i < json_array_size(parent))
			json_array_set_new(parent, i, json_null());
	} else if (parent) {
		const char *name = find_name(parent, last + 1, end);

		if (name)
			json_object_del(parent, name);
	}
}

static enum err read_all(int fd, char *text, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, text + done, len - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(ERR_SYSTEM, "a request's body: %s", strerror(errno));
		if (n == 0)
			return err_set(ERR_SYSTEM, "a request's body is shorter than its length");
		done += (size_t)n;
	}
	return OK;
}

/*
 * After a failed allocation jansson's lexer goes on with a text that is cut off, and reads behind
 * its end for the quote that closes a string.  So after the first failure all allocations fail
 * until the parser gives up, which it does before it reads there.
 */
static _Thread_local bool is_parsing, has_failed;

static void *allocate(size_t n)
{
	void *p = is_parsing && has_failed ? NULL : malloc(n);

	has_failed = has_failed || !p;
	return p;
}

/* A constructor runs before there are threads: jansson sets its functions without a lock. */
__attribute__((constructor)) static void set_allocator(void)
{
	json_set_alloc_funcs(allocate, free);
}

json_t *json_pointer_parse(
	const char *text, size_t len, size_t flags, json_error_t *error, bool *is_no_memory)
{
	json_t *root;

	is_parsing = true;
	has_failed = false;
	root = json_loadb(text, len, flags, error);
	is_parsing = false;
	*is_no_memory = !root && has_failed;
	return root;
}

/* Sets a text of our own, because jansson's quotes the document. */
static enum err refuse(const json_error_t *error)
{
	enum json_error_code code = json_error_code(error);

	return err_set(ERR_INVALID, "the JSON is wrong in line %d, column %d: %s", error->line,
		error->column,
		code == json_error_duplicate_key            ? "a member name is there twice"
		: code == json_error_null_byte_in_key       ? "a member name has a NUL in it"
		: code == json_error_numeric_overflow       ? "a number is too large"
		: code == json_error_invalid_utf8           ? "it is not UTF-8"
		: code == json_error_premature_end_of_input ? "it ends too early"
		: code == json_error_end_of_input_expected  ? "something follows its end"
							    : "it is not well-formed");
}

/*
 * jansson parses, writes, copies and frees by recursion and accepts 2048 levels; writing so many
 * takes more stack than a worker has.
 */
static bool is_too_deep(const char *text, size_t len)
{
	bool is_string = false;
	int depth = 0;

	for (size_t i = 0; i < len && depth <= POINTER_DEPTH_MAX; i++) {
		if (text[i] == '"')
			is_string = !is_string;
		else if (is_string && text[i] == '\\')
			i++;
		else if (!is_string && (text[i] == '[' || text[i] == '{'))
			depth++;
		else if (!is_string && (text[i] == ']' || text[i] == '}'))
			depth--;
	}
	return depth > POINTER_DEPTH_MAX;
}

static enum err parse(const char *text, size_t len, json_t **out)
{
	json_error_t error;
	bool is_no_memory;
	json_t *root;

	if (is_too_deep(text, len))
		return err_set(ERR_INVALID, "the JSON is nested deeper than %d", POINTER_DEPTH_MAX);
	root = json_pointer_parse(text, len,
		JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error, &is_no_memory);
	if (is_no_memory)
		return err_set(ERR_NOMEM, "no memory for the JSON of a body");
	if (!root)
		return refuse(&error);
	*out = root;
	return OK;
}

enum err json_pointer_load(int fd, int64_t len, json_t **out)
{
	size_t size = len > 0 ? (size_t)len : 0;
	char *text;
	enum err rc;

	if (len > POINTER_JSON_MAX)
		return err_set(ERR_REFUSED, "the JSON is larger than %d bytes", POINTER_JSON_MAX);
	text = malloc(size + 1);
	if (!text)
		return err_set(ERR_NOMEM, "no memory for the JSON of a body");
	rc = read_all(fd, text, size);
	if (rc == OK)
		rc = parse(text, size, out);
	free(text);
	return rc;
}

static bool is_type_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("!#$&-^_.+", c));
}

/* RFC 6838, 4.2: type "/" subtype */
bool json_pointer_is_json(const char *content_type)
{
	static const char json[] = "application/json", suffix[] = "+json";
	size_t len = 0, slashes = 0;
	const char *p = content_type;

	if (!p)
		return false;
	p += strspn(p, " \t");
	for (; is_type_char(p[len]) || (p[len] == '/' && len > 0); len++)
		slashes += p[len] == '/';
	if (slashes != 1 || (p[len] && !strchr("; \t", p[len])))
		return false;
	if (len == strlen(json) && strncasecmp(p, json, len) == 0)
		return true;
	return len > strlen(suffix) &&
	       strncasecmp(p + len - strlen(suffix), suffix, strlen(suffix)) == 0;
}
