/* SPDX-License-Identifier: ISC */
/*
 * http/json_pointer.h - JSON pointers (RFC 6901), and the way of one through a document that is
 * read
 *
 * A pointer is "" (the whole document) or "/a/b~1c/0": ~1 stands for "/", ~0 for "~".
 */
#ifndef RETRYSAFE_HTTP_JSON_POINTER_H
#define RETRYSAFE_HTTP_JSON_POINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True when the syntax is valid (RFC 6901, section 3). */
bool json_pointer_is_valid(const char *pointer);

/* True for the Content-Type application/json and types that end in +json (RFC 6839, 3.1), in any
 * case; parameters are ignored.  False for NULL. */
bool json_pointer_is_json(const char *content_type);

/*
 * Where a document that http/json.h reads is, seen from a pointer.  `depth` counts the arrays and
 * objects that a value is in: 0 is the document itself.
 */
struct json_walk {
	const char *pointer; /* borrowed */
	const char *at;      /* behind the tokens that the way to the present value has in common */
	const char *name;    /* while a name comes: what must follow of it; NULL: another name */
	int common;          /* so many tokens */
	int found;           /* so many of them have been found, in the places before this one */
	bool is_doubled;     /* the way led to two members of one name */
};

/* Begins at the document itself. */
void json_walk_start(struct json_walk *w, const char *pointer);

/* A member's name begins, in an object whose members have this depth; more of it; the member's
 * value begins. */
void json_walk_name(struct json_walk *w, int depth);
void json_walk_text(struct json_walk *w, const char *text, size_t len);
void json_walk_member(struct json_walk *w, int depth);

/* An element of an array begins; index from 0. */
void json_walk_element(struct json_walk *w, int depth, int64_t index);

/* Is the value that has begun, at this depth, the one that the pointer names? */
bool json_walk_is_there(const struct json_walk *w, int depth);

/* The member's value, or the element, has ended. */
void json_walk_leave(struct json_walk *w, int depth);

#endif
