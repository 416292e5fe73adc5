/* SPDX-License-Identifier: ISC */
/*
 * Claims: no bytes break a pointer or a document; a document that is written and read again is the
 * same; a pointer to each member finds it; a removed member is not found.
 */
#include <unistd.h>

#define pread give
static ssize_t give(int fd, void *buf, size_t n, off_t at);

#include "../../src/http/json_pointer.c"

#include <stdio.h>

#undef pread

static const char *text;

static ssize_t give(int fd, void *buf, size_t n, off_t at)
{
	(void)fd;
	memcpy(buf, text + at, n);
	return (ssize_t)n;
}

static void write_again(const json_t *root)
{
	char *dump = json_dumps(root, JSON_ENCODE_ANY | JSON_COMPACT);
	json_t *same;

	if (!dump)
		abort();
	text = dump;
	if (strlen(dump) <= POINTER_JSON_MAX) {
		if (json_pointer_load(0, (int64_t)strlen(dump), &same) != OK ||
			!json_equal(root, same))
			abort();
		json_decref(same);
	}
	free(dump);
}

static void find_members(json_t *object)
{
	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
		const char *name = json_object_iter_key(at);
		char *pointer = malloc(2 * strlen(name) + 2), *p = pointer;

		for (*p++ = '/'; *name; name++) {
			if (*name == '~' || *name == '/')
				*p++ = '~';
			*p++ = (char)(*name == '~' ? '0' : *name == '/' ? '1' : *name);
		}
		*p = '\0';
		if (!json_pointer_is_valid(pointer) ||
			json_pointer_find(object, pointer) != json_object_iter_value(at))
			abort();
		free(pointer);
	}
}

/* How many values are in the array or object that holds what the pointer names. */
static size_t count_siblings(json_t *root, const char *pointer)
{
	char *parent = strndup(pointer, (size_t)(strrchr(pointer, '/') - pointer));
	json_t *value = json_pointer_find(root, parent);

	free(parent);
	return json_array_size(value) + json_object_size(value);
}

static void take_out(json_t *root, const char *pointer)
{
	json_t *value = json_pointer_find(root, pointer);
	const json_t *after;
	size_t before = 0;

	if (value && !json_pointer_is_valid(pointer))
		abort();
	if ((value == root) != !*pointer)
		abort();
	if (value && *pointer)
		before = count_siblings(root, pointer);
	json_pointer_remove(root, pointer);
	if (!value || !*pointer)
		return;
	/* Out of an object it is gone; in an array null has its place. */
	after = json_pointer_find(root, pointer);
	if (after ? !json_is_null(after) || count_siblings(root, pointer) != before
		  : count_siblings(root, pointer) != before - 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	char *pointer;
	json_t *root;

	if (!end)
		return 0;
	pointer = strndup((const char *)data, (size_t)(end - data));
	text = (const char *)end + 1;
	(void)json_pointer_is_json(pointer);
	(void)json_pointer_is_valid(pointer);
	if (json_pointer_load(0, (int64_t)(size - (size_t)(end + 1 - data)), &root) == OK) {
		write_again(root);
		find_members(root);
		take_out(root, pointer);
		write_again(root);
		json_decref(root);
	}
	free(pointer);
	return 0;
}
