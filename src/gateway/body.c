/* SPDX-License-Identifier: ISC */
/*
 * gateway/body.c - the body of a request, read and proven
 *
 * RFC 3875, section 4.2: the body is exactly CONTENT_LENGTH bytes.  A server may send less, give
 * up, or break off.  Only the right number of bytes and a proper end make a body; a request with
 * anything else is not claimed.
 *
 * Does not know: what the bytes mean.
 */
#include "gateway/body.h"

#include "base/spool.h"
#include "gateway/refusal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum err body_length(const struct request *r, int64_t *len)
{
	const char *text = variables_get(&r->vars, "CONTENT_LENGTH");
	char *end;

	*len = -1;
	if (!text)
		return OK;
	errno = 0;
	if (*text >= '0' && *text <= '9') {
		*len = strtoll(text, &end, 10);
		if (errno == 0 && *end == '\0')
			return OK;
	}
	return err_set(ERR_INVALID, "CONTENT_LENGTH is not a number of bytes");
}

/* Adds bytes to the body; once it is over BODY_HELD, all of it goes into a descriptor. */
static enum err keep_bytes(struct request *r, const char *spool, const char *data, size_t n)
{
	enum err e = OK;

	if (r->body.spool.fd < 0 && r->body.len + (int64_t)n <= BODY_HELD) {
		memcpy(r->body.held + r->body.len, data, n);
		return OK;
	}
	if (r->body.spool.fd < 0) {
		e = spool_open(&r->body.spool);
		if (e == OK)
			e = spool_write(&r->body.spool, spool, r->body.held, (size_t)r->body.len);
	}
	return e == OK ? spool_write(&r->body.spool, spool, data, n) : e;
}

static enum err read_all(struct request *r, int64_t max_bytes, const char *spool)
{
	char buf[16384];
	SHA2_CTX ctx;
	enum err e = OK;
	ssize_t n;

	SHA256Init(&ctx);
	while (e == OK && (n = web_peer_read(r->peer, buf, sizeof(buf))) != 0) {
		if (n < 0)
			return err_set(ERR_GONE,
				"the request's body broke off after %" PRId64 " bytes",
				r->body.len);
		if (r->body.len + n > max_bytes)
			return err_set(ERR_REFUSED, "the request's body is over %" PRId64 " bytes",
				max_bytes);
		SHA256Update(&ctx, (const uint8_t *)buf, (size_t)n);
		e = keep_bytes(r, spool, buf, (size_t)n);
		r->body.len += n;
	}
	SHA256Final(r->body.digest, &ctx);
	return e;
}

enum err body_read(struct request *r, int64_t max_bytes, const char *spool)
{
	char text[24];
	int64_t announced;
	enum err e = body_length(r, &announced);

	if (e != OK)
		return e;
	if (announced > max_bytes)
		return err_set(ERR_REFUSED,
			"the request's body has %" PRId64 " bytes, over %" PRId64, announced,
			max_bytes);
	/* A CGI program without CONTENT_LENGTH has a body only when chunks were announced. */
	if (announced < 0 && web_peer_is_cgi(r->peer) &&
		!variables_get(&r->vars, "HTTP_TRANSFER_ENCODING"))
		announced = 0;
	web_peer_set_length(r->peer, announced);
	e = read_all(r, max_bytes, spool);
	if (e == OK && announced >= 0 && r->body.len != announced)
		e = err_set(ERR_GONE,
			"the request's body has %" PRId64 " bytes instead of %" PRId64, r->body.len,
			announced);
	if (e == OK && r->body.spool.fd >= 0)
		e = spool_rewind(&r->body.spool);
	if (e != OK)
		return e;
	r->body.is_read = true;
	snprintf(text, sizeof(text), "%" PRId64, r->body.len);
	e = variables_set(&r->vars, "CONTENT_LENGTH", text);
	return e == OK ? variables_set(&r->vars, "HTTP_TRANSFER_ENCODING", NULL) : e;
}

enum err body_fd(struct request *r, int *fd)
{
	enum err e = OK;

	if (r->body.spool.fd < 0) {
		e = spool_open(&r->body.spool);
		if (e == OK)
			e = spool_write(&r->body.spool, NULL, r->body.held, (size_t)r->body.len);
		if (e == OK)
			e = spool_rewind(&r->body.spool);
	}
	if (e != OK) /* a part of it must not be taken for all */
		spool_close(&r->body.spool);
	*fd = r->body.spool.fd;
	return e;
}

/* Reads up to `size` bytes from the offset `at` on; 0 only at the end of the body. */
static enum err read_some(const struct request *r, int64_t at, char *buf, size_t size, size_t *n)
{
	ssize_t got;

	if (r->body.len - at < (int64_t)size)
		size = (size_t)(r->body.len - at);
	*n = size;
	if (size == 0)
		return OK;
	if (r->body.spool.fd < 0) {
		memcpy(buf, r->body.held + at, size);
		return OK;
	}
	do
		got = pread(r->body.spool.fd, buf, size, (off_t)at);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_set(ERR_SYSTEM, "a request's body: %s", strerror(errno));
	if (got == 0)
		return err_set(ERR_SYSTEM, "a request's body is shorter than its length");
	*n = (size_t)got;
	return OK;
}

enum err body_start(const struct request *r, char *buf, size_t size, size_t *n)
{
	return read_some(r, 0, buf, size, n);
}

enum err body_each(void *request, body_take *take, void *arg)
{
	const struct request *r = request;
	char buf[16384];
	enum err e = OK;
	size_t n;

	for (int64_t at = 0; e == OK && at < r->body.len; at += (int64_t)n) {
		e = read_some(r, at, buf, sizeof(buf), &n);
		if (e == OK)
			e = take(arg, buf, n);
	}
	return e;
}

enum next body_refuse(struct request *r, enum err e)
{
	switch (e) {
	case ERR_REFUSED:
		return refusal_send(r, PROBLEM_REQUEST_TOO_LARGE, err_text(), NULL, 0);
	case ERR_GONE:
	case ERR_INVALID:
		return refusal_send(r, PROBLEM_REQUEST_INCOMPLETE, err_text(), NULL, 0);
	default:
		return refusal_failed(r, e);
	}
}

/* Reads the body unless it is read.  FINISHED: it was refused. */
static enum next read_once(struct request *r, int64_t max_bytes)
{
	enum err e = r->body.is_read ? OK : body_read(r, max_bytes, r->cf->spool);

	return e == OK ? NEXT : body_refuse(r, e);
}

enum next body_read_to_look(struct request *r)
{
	const struct route *route = r->route;
	bool may_pass = !route->key_required && (!route->unique || route->unique_optional);
	int64_t most = r->cf->max_passed_bytes;

	if (!may_pass || most < route->max_request_bytes)
		most = route->max_request_bytes;
	return read_once(r, most);
}

enum next body_read_protected(struct request *r)
{
	int64_t most = r->route->max_request_bytes;

	if (read_once(r, most) == FINISHED)
		return FINISHED;
	if (r->body.len <= most)
		return NEXT;
	return body_refuse(
		r, err_set(ERR_REFUSED, "the request's body is over %" PRId64 " bytes", most));
}
