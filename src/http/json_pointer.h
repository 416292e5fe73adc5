/* SPDX-License-Identifier: ISC */
/*
 * http/json_pointer.h - JSON pointers (RFC 6901), and the JSON documents of bodies
 *
 * A pointer is "" (the whole document) or "/a/b~1c/0": ~1 stands for "/", ~0 for "~".
 */
#ifndef RETRYSAFE_HTTP_JSON_POINTER_H
#define RETRYSAFE_HTTP_JSON_POINTER_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POINTER_JSON_MAX  (1024 * 1024) /* bytes of a document */
#define POINTER_DEPTH_MAX 512           /* arrays and objects within one another */

/* True when the syntax is valid (RFC 6901, section 3). */
bool json_pointer_is_valid(const char *pointer);

/*
 * json_pointer_find - the value that a pointer names, borrowed from root; NULL: it is not there, or
 * the pointer is not valid
 *
 * Array indices are digits without a leading zero; "-" is never there.
 */
json_t *json_pointer_find(json_t *root, const char *pointer);

/*
 * json_pointer_remove - removes a value from its object; in an array it is replaced by null, so
 * that pointers to the other elements still hold
 *
 * Does nothing when there is no such value, or when it is the root.
 */
void json_pointer_remove(json_t *root, const char *pointer);

/*
 * json_pointer_load - the document in the first len bytes behind fd, whose offset does not change
 *
 *   out  set on OK only; the caller owns it: json_decref().  A string may hold NULs and is as long
 *        as jansson says, not strlen().
 *
 * Returns OK; ERR_INVALID it is not JSON (RFC 8259), or jansson does not accept it: a member name
 * twice in one object (script and gateway might not read the same one), or with a NUL in it,
 * numbers that do not fit, or nesting over POINTER_DEPTH_MAX; the error text does not quote it;
 * ERR_REFUSED over POINTER_JSON_MAX; ERR_NOMEM; ERR_SYSTEM it cannot be read, or is shorter than
 * len.  Takes up to 80 times the document's length in memory.  Blocks on the disk only.
 */
enum err json_pointer_load(int fd, int64_t len, json_t **out) MUSTCHECK;

/*
 * json_pointer_parse - json_loadb(3), safe when memory ends; for every text from outside
 *
 *   error         set when NULL is returned
 *   is_no_memory  set; true: NULL was returned for want of memory, which jansson itself reports as
 *                 an error of the text
 *
 * After a failed allocation json_loadb() alone goes on, and reads behind the end of the text.
 * Returns the document, which the caller owns; or NULL.
 */
json_t *json_pointer_parse(
	const char *text, size_t len, size_t flags, json_error_t *error, bool *is_no_memory);

/* True for the Content-Type application/json and types that end in +json (RFC 6839, 3.1), in any
 * case; parameters are ignored.  False for NULL. */
bool json_pointer_is_json(const char *content_type);

#endif
