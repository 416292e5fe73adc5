/* SPDX-License-Identifier: ISC */
/*
 * http/form.h - reads the fields of a form in a request's body, as the script will see them
 *
 * Two encodings: application/x-www-form-urlencoded (WHATWG URL Standard, 5.1) and
 * multipart/form-data (RFC 7578, RFC 2046, 5.1).  The body is read as a stream, in constant memory.
 */
#ifndef RETRYSAFE_HTTP_FORM_H
#define RETRYSAFE_HTTP_FORM_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORM_NAME_MAX   1024  /* bytes of a decoded field name */
#define FORM_HEAD_MAX   8192  /* bytes of a part's header block, line ends included */
#define FORM_FIELDS_MAX 32768 /* a limit, because even an empty field takes time */

/* FORM_PARTS: the parts of any multipart body, which need no names; multipart/related, for example
 */
enum form_kind { FORM_NONE, FORM_URLENCODED, FORM_MULTIPART, FORM_PARTS };

struct form_type {
	enum form_kind kind;
	char boundary[71]; /* RFC 2046, 5.1.1: 1 to 70 characters; NUL-terminated; else "" */
};

/*
 * form_type_of - what a Content-Type field announces
 *
 *   content_type  may be NULL; borrowed
 *
 * FORM_MULTIPART: multipart/form-data; FORM_PARTS: multipart/ and anything else.  FORM_NONE: any
 * other type, and multipart without exactly one valid boundary.
 */
struct form_type form_type_of(const char *content_type);

/*
 * form_part_type - form_type_of() the Content-Type in a part's head
 *
 *   boundary_at, boundary_len  where the boundary stands in the head; set if the type has one
 */
struct form_type form_part_type(
	const char *head, size_t head_len, size_t *boundary_at, size_t *boundary_len);

/*
 * The functions that receive a form, in the order of the body: field() once per field, then data()
 * any number of times (never with 0 bytes), with the decoded value (urlencoded) or the raw bytes
 * (multipart).  If one does not return OK, form_read() ends and returns that.  All bytes are
 * borrowed for the call, end in no NUL and may hold any byte.
 *
 *   name_len  FORM_NAME_MAX + 1: the name of an urlencoded field is longer, and cut
 *   name  of a part of FORM_PARTS: ""
 *   head  the header block of the part: lines with their CRLF, without the empty one; urlencoded:
 *         NULL
 */
struct form_handler {
	enum err (*field)(
		void *arg, const char *name, size_t name_len, const char *head, size_t head_len);
	enum err (*data)(void *arg, const char *bytes, size_t len);
	void *arg;
	bool *semicolon;  /* urlencoded: not NULL: a ";" ends a pair as "&" does (CGI.pm reads so,
			     PHP does not), and this is set to true when there is one */
	int64_t *data_at; /* multipart: not NULL: set to the offset behind fd of a part's data
			     before its field() */
};

/*
 * form_read - reads the form in the len bytes behind fd that begin at the offset `at`
 *
 *   fd  anything that pread(2) reads; its offset does not change
 *
 * Returns OK; ERR_INVALID it is not a well-formed form, or has more than FORM_FIELDS_MAX fields,
 * the text says why and quotes nothing of it; ERR_SYSTEM it cannot be read, or is shorter than len;
 * or the handler's error.  After an error the handler has received the fields before it, and the
 * last value may be incomplete.  Takes about 30 KB of stack.  Blocks on the disk only.
 */
enum err form_read(int fd, int64_t at, int64_t len, const struct form_type *type,
	const struct form_handler *h) MUSTCHECK;

#endif
