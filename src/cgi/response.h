/* SPDX-License-Identifier: ISC */
/*
 * cgi/response.h - what a script printed, parsed and normalised once
 *
 * RFC 3875, section 6.  The result is independent of the web server: an explicit Status, the
 * header fields in their order with repeats, no hop-by-hop fields, no fields that are for us.
 * Knows neither the store nor processes.
 */
#ifndef RETRYSAFE_CGI_RESPONSE_H
#define RETRYSAFE_CGI_RESPONSE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CGI_HEADER_MAX 65536 /* bytes of a header block, blank line included */

struct cgi_response {
	int status; /* 200..999 */
	char *head; /* "Status: 201 Created\r\nName: value\r\n..."; without Content-Length and
		       without the blank line; NUL-terminated; freed by cgi_response_free() */
	size_t head_len;
	size_t body_at;   /* offset in `out` of the first byte of the body */
	char outcome[16]; /* Retrysafe-Outcome and Retrysafe-TTL, as far as they fit; "": none */
	char ttl[16];
	bool has_length; /* the body is as long as its Content-Length says, or longer */
	bool has_body;   /* false for 204 and 304: what follows the header is not sent */
	bool is_chunked; /* the body is in chunks that the script made (cgi/chunks.h) */
	bool is_text;    /* there is no header, and all of the output is the body */
	int dropped_lines, first_dropped; /* of the header: how many lines are no fields, and the
					     number of the first, from 1 */
	bool has_odd_status; /* its Status holds no number from 100 to 999; 500 stands for it */
};

/*
 * cgi_response_parse - the header block at the start of a script's output
 *
 *   out        the output, or its first bytes (CGI_HEADER_MAX of them always suffice); out_len of
 *              them; borrowed
 *   total_len  bytes of the whole output, >= out_len; a declared Content-Length larger than what
 *              follows the header is dropped, or an error when exit_status is not 0 (the script
 *              died half-way)
 *   res        set on OK only
 *
 * Only what no web server delivers is invalid: nothing at all, a header that is too long, a status
 * that is not a final one.  Whether is_text, which may be the beginning of a header, is the answer
 * of a script that failed is up to the caller.
 *
 * Returns OK; ERR_INVALID with a sentence that says what is wrong with the output: it is not a
 * complete, valid CGI response; ERR_NOMEM.
 */
enum err cgi_response_parse(const char *out, size_t out_len, int64_t total_len, int exit_status,
	struct cgi_response *res) MUSTCHECK;

/* Frees what res holds and leaves it empty.  res may be NULL. */
void cgi_response_free(struct cgi_response *res);

#endif
