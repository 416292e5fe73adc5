/* SPDX-License-Identifier: ISC */
/*
 * gateway/body.h - the body of a request, read and proven (RFC 3875, section 4.2)
 */
#ifndef RETRYSAFE_GATEWAY_BODY_H
#define RETRYSAFE_GATEWAY_BODY_H

#include "gateway/request.h"

/* CONTENT_LENGTH, in bytes; *len is -1 when there is none.  Returns OK; ERR_INVALID not a number.
 */
enum err body_length(const struct request *r, int64_t *len) MUSTCHECK;

/*
 * body_read - reads the whole body into r->body, with its length and its SHA-256
 *
 *   max_bytes  more are refused
 *   spool      directory for a body that does not fit into memory (base/spool.h); NULL: none
 *
 * The length is proven: with CONTENT_LENGTH exactly that many bytes must come, and without it a
 * proper end.  CONTENT_LENGTH is then set to the length and HTTP_TRANSFER_ENCODING removed.
 *
 * Returns OK; ERR_REFUSED over max_bytes; ERR_GONE it broke off or is of another length than
 * announced; ERR_INVALID CONTENT_LENGTH is not a number; ERR_FULL, ERR_NOMEM, ERR_SYSTEM no room
 * for it.  After an error nothing of it may be used.  Blocks while the client sends.
 */
enum err body_read(struct request *r, int64_t max_bytes, const char *spool) MUSTCHECK;

/*
 * body_fd - the descriptor of the body that was read, at its start; borrowed from r
 *
 * A small body gets one only now.  Returns OK; ERR_NOMEM (also: no descriptors), ERR_SYSTEM: *fd is
 * -1, and the body is still there.  Does not block.
 */
enum err body_fd(struct request *r, int *fd) MUSTCHECK;

/*
 * body_each - hands all bytes of the body that was read to take(arg), in pieces, from the first on
 *
 *   request  a struct request
 *
 * Returns OK; ERR_SYSTEM they cannot be read; or what take() returned, which ends it if not OK. May
 * be called again.  Takes no descriptor, leaves the body's offset as it is.  May block on a disk.
 */
typedef enum err body_take(void *arg, const char *bytes, size_t len);
enum err body_each(void *request, body_take *take, void *arg) MUSTCHECK;

/* The first bytes of the body that was read; *n: how many, at most size.  Returns like body_each().
 */
enum err body_start(const struct request *r, char *buf, size_t size, size_t *n) MUSTCHECK;

/*
 * body_refuse - answers a request whose body could not be read, or handed to its script
 *
 *   e  body_read()'s error, or that of the descriptor; its err_text() goes into the answer or the
 * log
 *
 * No script was started.  Returns FINISHED.  Blocks like refusal_send().
 */
enum next body_refuse(struct request *r, enum err e);

/*
 * body_read_to_look - reads the body of a request for a route, unless it is read, to look for a key
 * in it
 *
 * Where a request without a key passes through, no limit of protected requests counts, but
 * `max_passed`: the body waits in the spool.  Returns NEXT; FINISHED it was refused.  Blocks while
 * the client sends.
 */
enum next body_read_to_look(struct request *r);

/*
 * body_read_protected - step `body`: reads the body of a request for a route, unless it is read
 *
 * Returns NEXT; FINISHED it has been refused.  Blocks like body_read().
 */
enum next body_read_protected(struct request *r);

#endif
