/* SPDX-License-Identifier: ISC */
/*
 * cgi/fastcgi.h - reads FastCGI 1.0 records of one connection, byte by byte as they come
 *
 * No input or output happens here: the caller has the bytes, in pieces of any size, and the reader
 * says what they bring.  Its memory is bounded, whatever is sent.
 */
#ifndef RETRYSAFE_CGI_FASTCGI_H
#define RETRYSAFE_CGI_FASTCGI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The parameters of a request that are held, as many as cgi/variables.h takes.  The rest is read
 * and dropped. */
#define FASTCGI_PARAMS_MAX       1000
#define FASTCGI_PARAMS_BYTES_MAX (128 * 1024)

/* Records that bring nothing, in a row, before the peer is taken for broken. */
#define FASTCGI_IDLE_RECORDS_MAX 1000

#define FASTCGI_ANSWER_MAX 96 /* bytes */

enum fastcgi_event {
	FASTCGI_MORE,    /* all of the input is used */
	FASTCGI_REQUEST, /* the parameters of a request are there: `request`, fastcgi_params() */
	FASTCGI_BODY,    /* bytes of its body: `data`, `len`, within the input */
	FASTCGI_BODY_END,
	FASTCGI_ABORT,  /* the server gives the request up */
	FASTCGI_ANSWER, /* the caller sends `answer` now, all `answer_len` bytes of it */
	FASTCGI_BROKEN, /* the connection is of no use any more: `mistake` says why */
	FASTCGI_NOMEM   /* the same, though nothing is wrong with what was sent */
};

struct fastcgi_reader {
	/* For the caller. */
	struct fastcgi_request {
		uint16_t id;
		bool may_keep;    /* FCGI_KEEP_CONN */
		bool has_nul;     /* a name or value holds a NUL, which a CGI variable cannot */
		bool is_too_long; /* there are more parameters, or bytes of them, than are held */
	} request;
	const unsigned char *data;
	size_t len;
	unsigned char answer[FASTCGI_ANSWER_MAX];
	size_t answer_len;
	const char *mistake; /* static text */

	/* The record that is being read. */
	unsigned char header[8];
	size_t header_len;             /* bytes of it that have come */
	size_t content_left, pad_left; /* bytes that are still to come */
	unsigned char begin[8];        /* the content of BEGIN_REQUEST */
	int idle_records;              /* in a row */
	bool is_last;                  /* nothing more is taken from this connection */

	/* The name-value pair that is being read (section 3.4): of PARAMS, of GET_VALUES. */
	struct fastcgi_pair {
		unsigned char lengths[8];
		size_t n_lengths; /* bytes of them that have come */
		bool is_open;     /* the lengths are known */
		uint32_t name_left, value_left;
		size_t start;  /* of a parameter in `bytes` */
		char name[20]; /* of a value that is asked for, as far as it fits */
		size_t name_len;
	} param, asked;
	unsigned asked_values; /* bits */

	enum { FASTCGI_IDLE, FASTCGI_PARAMS, FASTCGI_STDIN, FASTCGI_ENDED } phase;
	char *bytes; /* "NAME=value" and a NUL, one after the other; owned */
	size_t n_bytes, bytes_room, n_params;
	char **params; /* made when asked for; owned */
};

/* A reader for a new connection. */
void fastcgi_init(struct fastcgi_reader *r);

/* Frees what the reader holds; it may be used again after fastcgi_init(). */
void fastcgi_free(struct fastcgi_reader *r);

/*
 * fastcgi_read - uses input until it brings something
 *
 *   in, n  the input; used bytes are taken off its front
 *
 * After FASTCGI_BROKEN and FASTCGI_NOMEM the reader is of no use.  After FASTCGI_BODY_END and
 * FASTCGI_ABORT nothing more is read before fastcgi_finish(): what a server sends then is the next
 * request's.  Does not block.
 */
enum fastcgi_event fastcgi_read(struct fastcgi_reader *r, const unsigned char **in, size_t *n);

/*
 * fastcgi_body_left - bytes of the body that the record has left which is being read
 *
 * So many bytes may be read from the connection into the caller's own memory, past the reader,
 * once its input is used up; fastcgi_body_taken() tells it how many (at most so many) were.
 */
size_t fastcgi_body_left(const struct fastcgi_reader *r);
void fastcgi_body_taken(struct fastcgi_reader *r, size_t n);

/*
 * fastcgi_params - the parameters of the request, "NAME=value", NULL-terminated, repeated names
 * included, in the order that they came in; what is behind a NUL is cut off
 *
 * Borrowed until fastcgi_finish() or fastcgi_free(); NULL: no memory.
 */
char *const *fastcgi_params(struct fastcgi_reader *r);

/* The request has been answered: records of it that still come are skipped, and another one may
 * begin. */
void fastcgi_finish(struct fastcgi_reader *r);

/* True between two records. */
bool fastcgi_is_between(const struct fastcgi_reader *r);

/* True between two records while no request is open: nothing is lost when the reader is freed. */
bool fastcgi_is_idle(const struct fastcgi_reader *r);

#endif
