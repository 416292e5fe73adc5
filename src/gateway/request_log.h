/* SPDX-License-Identifier: ISC */
/*
 * gateway/request_log.h - the line of a request in the log, and the complaints of its script
 */
#ifndef RETRYSAFE_GATEWAY_REQUEST_LOG_H
#define RETRYSAFE_GATEWAY_REQUEST_LOG_H

#include "gateway/request.h"

/*
 * request_log_detail - the sentence that the log adds to the outcome; the client does not see it
 *
 *   text  copied, cut after 255 bytes; a later one replaces it
 */
void request_log_detail(struct request *r, const char *text);

/*
 * request_log_write - writes the request's line to the log, once
 *
 * To be called before the answer is sent: servers stop listening to a program, or end it, as soon
 * as they have the whole answer.  Blocks for a second at most.
 */
void request_log_write(struct request *r);

/*
 * request_log_complaint - takes a piece of the script's error output, and sends each whole line of
 * it to the server's error log, marked with the ref
 *
 *   request  struct request *, as link_wait() hands it on
 *   text     len bytes; borrowed
 *
 * Blocks for a second at most in a whole request; then text is dropped (web_peer_log()).
 */
void request_log_complaint(void *request, const char *text, size_t len);

/* The script's error output has ended: sends the rest that has no end of line. */
void request_log_complaint_end(struct request *r);

#endif
