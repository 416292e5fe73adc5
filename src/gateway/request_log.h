/* SPDX-License-Identifier: ISC */
/*
 * gateway/request_log.h - the line of a request in the log, and what its script complains of
 */
#ifndef RETRYSAFE_GATEWAY_REQUEST_LOG_H
#define RETRYSAFE_GATEWAY_REQUEST_LOG_H

#include "gateway/request.h"

/* What the log says about the request beside its outcome; not told to the client. */
void request_log_detail(struct request *r, const char *text);

/*
 * Writes the request's line to the log, once: before its answer, because servers stop listening
 * to what a program says, or end it, as soon as they have the whole answer.
 */
void request_log_write(struct request *r);

/* The script's complaints, as they come; each whole line goes to the server's error log. */
void request_log_complaint(void *request, const char *text, size_t len);
/* Nothing more comes: what is left without an end of line goes there, too. */
void request_log_complaint_end(struct request *r);

#endif
