/* SPDX-License-Identifier: ISC */
/*
 * gateway/body.h - the body of a request, read and proven
 */
#ifndef RETRYSAFE_GATEWAY_BODY_H
#define RETRYSAFE_GATEWAY_BODY_H

#include "gateway/request.h"

/*
 * body_read - reads the whole body, and its SHA-256 into r->body.digest
 *
 * The length is proven: with CONTENT_LENGTH exactly that many bytes must come, and without it a
 * proper end.  CONTENT_LENGTH is then set to the length and HTTP_TRANSFER_ENCODING removed.
 *
 * Returns OK; ERR_REFUSED over max_bytes; ERR_GONE it broke off or is of another length than
 * announced; ERR_INVALID CONTENT_LENGTH is not a number; ERR_FULL, ERR_NOMEM, ERR_SYSTEM no room
 * for it.  Blocks while the client sends.
 */
enum err body_read(struct request *r, int64_t max_bytes, const char *spool) MUSTCHECK;

/*
 * body_fd - the descriptor of the body that was read, at its start; borrowed from r
 *
 * Returns OK; ERR_NOMEM (also: no descriptors), ERR_SYSTEM.
 */
enum err body_fd(struct request *r, int *fd) MUSTCHECK;

/* CONTENT_LENGTH; -1 when there is none.  ERR_INVALID: not a number. */
enum err body_length(const struct request *r, int64_t *len) MUSTCHECK;

/* Step `body`: reads the body of a protected request, where that has not been done. */
enum next body_read_protected(struct request *r);

#endif
