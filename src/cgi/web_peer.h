/* SPDX-License-Identifier: ISC */
/*
 * cgi/web_peer.h - the web server at the other end of one request: FastCGI or CGI
 *
 * Records are written in large pieces straight from the caller's memory, and the whole of a short
 * answer in one system call.
 */
#ifndef RETRYSAFE_CGI_WEB_PEER_H
#define RETRYSAFE_CGI_WEB_PEER_H

#include "base/err.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct web_peer;

#define WEB_PEER_EARLY_MAX 8192 /* bytes */

/* A FastCGI connection between two requests. */
struct web_connection {
	int fd;      /* -1: it is closed, or a request's */
	int stop_fd; /* readable: a request that has not come yet is not waited for; -1: none */
	size_t n_early;
	unsigned char early[WEB_PEER_EARLY_MAX]; /* bytes of its next request, read already */
};

/*
 * web_peer_accept - reads the beginning of a FastCGI request
 *
 *   c   the connection; blocking.  The peer owns it until web_peer_close(), which gives it back
 * when it can be used for another request, and else closes it.  It must live longer than the peer.
 *
 * Returns OK; ERR_BUSY there is no request yet, and no byte of one: the connection is given back,
 * to be waited for; ERR_GONE the server has closed it; ERR_INVALID it is not FastCGI, or broke off
 * (the connection is closed); ERR_NOMEM (the same).  Blocks until the parameters are there, at most
 * a minute for each read.
 */
enum err web_peer_accept(struct web_connection *c, struct web_peer **out) MUSTCHECK;

/* The one request of a CGI process: its environment, descriptors 0, 1 and 2. */
enum err web_peer_cgi(struct web_peer **out) MUSTCHECK;

bool web_peer_is_cgi(const struct web_peer *p);

/* The variables that the server sent, "NAME=value", NULL-terminated, duplicates included; borrowed
 * from p. */
char *const *web_peer_params(struct web_peer *p);

/* Why these are not the variables of a request; NULL: they are.  A static text. */
const char *web_peer_mistake(const struct web_peer *p);

/*
 * web_peer_read - reads the request's body
 *
 *   want  at most this many bytes; CGI: never more than CONTENT_LENGTH in all
 *
 * Returns the bytes read, 0 at the end of the body, -1 when it broke off (also: an ABORT, a broken
 * record, nothing for a minute, or over a minute less than WEB_PEER_SLOW_BYTES a second).  Blocks.
 */
ssize_t web_peer_read(struct web_peer *p, void *buf, size_t want);

/* Was the request broken off because it came slower than WEB_PEER_SLOW_BYTES a second? */
#define WEB_PEER_SLOW_BYTES 1024
bool web_peer_is_slow(const struct web_peer *p);

/* CGI: bytes of the body as announced, so that web_peer_read() stops there; -1: until end of file.
 */
void web_peer_set_length(struct web_peer *p, int64_t len);

/* Has the other end left?  Does not block.  False when it cannot be known. */
bool web_peer_is_gone(const struct web_peer *p);

/* For poll(2): whatever it reports is a reason to ask web_peer_is_gone(). */
struct pollfd web_peer_pollfd(const struct web_peer *p);

/*
 * web_peer_write - sends bytes of the response
 *
 *   is_last  nothing follows: the request is ended in the same system call
 *
 * Returns false when the other end has left; nothing can be sent any more then.  Blocks.
 */
bool web_peer_write(struct web_peer *p, const struct iovec *iov, int n, bool is_last);

/* The answer cannot be completed: web_peer_close() then closes without ending the request properly.
 */
void web_peer_break(struct web_peer *p);

/*
 * web_peer_pass - sends bytes of the response as far as the other end takes them
 *
 * The rest of a record that was begun waits in the peer and goes first; web_peer_is_full() then,
 * and the peer's descriptor tells poll(2) with POLLOUT when to try again, also with len 0.  Returns
 * how many bytes were taken; -1 when the other end has left.  Does not block, but for a CGI
 * program.
 */
ssize_t web_peer_pass(struct web_peer *p, const char *buf, size_t len);
bool web_peer_is_full(struct web_peer *p);

/* From now on the request is read to its end although the gateway has to leave: its script runs. */
void web_peer_go_on(struct web_peer *p);

/*
 * Sends text to the server's error log, while the request lasts.  A server that does not read is
 * waited for a second at most in all; then text is dropped.
 */
void web_peer_log(struct web_peer *p, const char *text, size_t len);

/*
 * web_peer_drain - reads what is left of the body and drops it
 *
 * A server may lose the answer of a program that left its body unread (mod_cgid does).
 * At most max_bytes and about a minute.
 */
void web_peer_drain(struct web_peer *p, int64_t max_bytes);

/* Ends a read that blocks in another thread. */
void web_peer_stop_reading(struct web_peer *p);

/*
 * Ends the request and frees p; sets *p to NULL.  A connection that is closed is read to the end of
 * the body before, as web_peer_drain() does, and blocks as long as that; one that is given back is
 * not: what still comes of the body is skipped in front of the next request.
 */
void web_peer_close(struct web_peer **p);

#endif
