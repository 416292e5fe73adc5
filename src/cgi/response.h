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
	int status; /* 200..599 */
	char *head; /* "Status: 201 Created\r\nName: value\r\n..."; without Content-Length and
		       without the blank line; NUL-terminated; freed by cgi_response_free() */
	size_t head_len;
	size_t body_at;   /* offset in `out` of the first byte of the body */
	char outcome[16]; /* Retrysafe-Outcome and Retrysafe-TTL, as far as they fit; "": none */
	char ttl[16];
	bool has_body; /* false for 204 and 304: what follows the header is not sent */
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
 * Returns OK; ERR_INVALID with a sentence that says what is wrong with the output: it is not a
 * complete, valid CGI response; ERR_NOMEM.
 */
enum err cgi_response_parse(const char *out, size_t out_len, int64_t total_len, int exit_status,
	struct cgi_response *res) MUSTCHECK;

/* Frees what res holds and leaves it empty.  res may be NULL. */
void cgi_response_free(struct cgi_response *res);

#endif
