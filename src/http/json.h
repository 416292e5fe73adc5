/* SPDX-License-Identifier: ISC */
/*
 * http/json.h - reads JSON (RFC 8259) as text, piece by piece, in constant memory
 *
 * The bytes may come in pieces of any length.  A document is never in memory: what it holds is
 * handed over in the order in which it comes.
 */
#ifndef RETRYSAFE_HTTP_JSON_H
#define RETRYSAFE_HTTP_JSON_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 512 /* arrays and objects within one another */

/*
 * NAME, STRING and NUMBER are followed by any number of TEXT, then by END; OBJECT and ARRAY by
 * their members and elements, then by CLOSE.  A member is a NAME and a value.
 */
enum json_event {
	EVENT_OBJECT,
	EVENT_ARRAY,
	EVENT_STRING,
	EVENT_NUMBER,
	EVENT_TRUE,
	EVENT_FALSE,
	EVENT_NULL,
	EVENT_NAME,
	EVENT_TEXT, /* more of a name or string, decoded; or of a number, as it was sent */
	EVENT_END,
	EVENT_CLOSE
};

/* Does a value begin with this event? */
static inline bool json_is_value(enum json_event event)
{
	return event <= EVENT_NULL;
}

/*
 * Receives one event; text and len are those of a EVENT_TEXT, which has at least one byte and is
 * borrowed for the call.  An error that it returns ends the reading.
 */
typedef enum err json_handler(void *arg, enum json_event event, const char *text, size_t len);

struct json {
	json_handler *handler;
	void *arg;
	int64_t at, line_at;     /* offsets of the next byte, and of the first one of its line */
	int64_t line;            /* from 1 */
	int depth;               /* arrays and objects that are open */
	int state;               /* what may come next: enum state of json.c */
	bool is_name;            /* the string that is read is a name */
	unsigned code;           /* of a \u escape, as far as it has come */
	unsigned high;           /* half a surrogate that waits for its other half; 0: none */
	int digits;              /* of the escape, still to come */
	int need;                /* bytes that the UTF-8 character still needs ... */
	unsigned char low, top;  /* ... the first of them is at least and at most this */
	const char *word;        /* the rest of true, false or null */
	enum json_event word_is; /* which of them */
	unsigned char is_object[JSON_DEPTH_MAX / 8]; /* one bit for each open one */
};

/* Begins a document.  arg is the handler's. */
void json_start(struct json *j, json_handler *handler, void *arg);

/*
 * json_feed - reads the next bytes of the document
 *
 * Returns OK; ERR_INVALID this is not JSON, or is nested deeper than JSON_DEPTH_MAX, or a member's
 * name has a NUL in it: the error text says where and why, and quotes nothing; or the handler's
 * error.  After an error j must not be fed again.  Takes no memory, does not block.
 */
enum err json_feed(struct json *j, const char *bytes, size_t len) MUSTCHECK;

/* json_finish - ends the document; to be called once, after all bytes.  Returns as json_feed(). */
enum err json_finish(struct json *j) MUSTCHECK;

/* Receives the next bytes of a document; an error that it returns ends the reading. */
typedef enum err json_take(void *arg, const char *bytes, size_t len);

/* Hands all bytes of a document to take(arg), from the first one on, each time it is called.
 * Returns OK, an error of its own, or take()'s. */
typedef enum err json_source(void *from, json_take *take, void *arg);

#endif
