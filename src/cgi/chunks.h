/* SPDX-License-Identifier: ISC */
/*
 * cgi/chunks.h - takes a body out of the chunks that a script printed itself (RFC 9112, 7.1)
 *
 * The body comes in pieces of any size; a cut at any byte makes no difference.  Lines may end in
 * LF alone.  Extensions, trailers and what follows the last chunk are dropped.
 */
#ifndef RETRYSAFE_CGI_CHUNKS_H
#define RETRYSAFE_CGI_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

enum chunks_at {
	CHUNKS_SIZE,      /* digits of a size; where every body begins */
	CHUNKS_EXTENSION, /* the rest of their line */
	CHUNKS_DATA,
	CHUNKS_DATA_END, /* the line end behind the data */
	CHUNKS_ENDED,    /* the last chunk was there */
	CHUNKS_BROKEN    /* these are no chunks */
};

struct chunks {
	enum chunks_at at;
	int64_t left; /* bytes of this chunk; while at CHUNKS_SIZE what the digits say so far */
	int digits;
};

#define CHUNKS_START              \
	{                         \
		.at = CHUNKS_SIZE \
	}

/*
 * chunks_decode - the next piece
 *
 *   out  len bytes of room; may be `in`
 *
 * Returns how many bytes of the body were in it.  The body is whole when c->at is CHUNKS_ENDED;
 * what was decoded before CHUNKS_BROKEN means nothing.
 */
size_t chunks_decode(struct chunks *c, const char *in, size_t len, char *out);

#endif
