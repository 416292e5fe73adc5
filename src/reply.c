/* SPDX-License-Identifier: ISC */
/*
 * reply.c - from bytes in the store to bytes on the wire
 *
 * What it does not know: why this answer is given.
 */
#include "reply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum err client_left(void)
{
	return err_set(ERR_GONE, "the client has left before its answer was sent");
}

/* 204 and 304 have no body, and say no length (RFC 9110, section 8.6). */
static bool says_length(int status)
{
	return status != 204 && status != 304;
}

/* The next piece of a body of which `left` bytes, from `at` on, have not been sent. */
static enum err read_rest(
	const struct body_source *rest, int64_t at, int64_t left, char *buf, size_t *len)
{
	ssize_t n;

	if (rest->store)
		return store_read_body(rest->store, rest->op_id, at, buf, len);
	if (rest->memory) {
		*len = left < RESPONSE_INLINE_MAX ? (size_t)left : RESPONSE_INLINE_MAX;
		memcpy(buf, rest->memory + rest->at + at, *len);
		return OK;
	}
	n = pread(rest->fd, buf, RESPONSE_INLINE_MAX, rest->at + at);
	if (n < 0)
		return err_set(ERR_SYSTEM, "read the script's output back: %s", strerror(errno));
	*len = (size_t)n;
	return OK;
}

static enum err send_rest(
	struct peer *peer, const struct response *res, const struct body_source *rest)
{
	char *buf = malloc(RESPONSE_INLINE_MAX);
	int64_t at = (int64_t)res->body_inline_len;
	enum err e = buf ? OK : err_set(ERR_NOMEM, "reply: out of memory");

	while (e == OK && at < res->body_len) {
		struct iovec iov = {.iov_base = buf};

		e = read_rest(rest, at, res->body_len - at, buf, &iov.iov_len);
		if (e == OK && iov.iov_len == 0)
			e = err_set(ERR_BROKEN, "the recorded body is shorter than its length");
		if (e != OK)
			break;
		if ((int64_t)iov.iov_len > res->body_len - at)
			iov.iov_len = (size_t)(res->body_len - at);
		at += (int64_t)iov.iov_len;
		if (!peer_write(peer, &iov, 1, at == res->body_len))
			e = client_left();
	}
	free(buf);
	if (e != OK)
		peer_break(peer);
	return e;
}

enum err reply_recorded(struct peer *peer, const struct response *res,
	const struct body_source *rest, bool is_replay)
{
	static const char marker[] = "Idempotent-Replayed: true\r\n";
	char length[64] = "\r\n";
	bool is_whole = res->body_len == (int64_t)res->body_inline_len;
	struct iovec iov[4];
	int n = 0;

	iov[n++] = (struct iovec){res->head, res->head_len};
	if (is_replay)
		iov[n++] = (struct iovec){(void *)(uintptr_t)marker, sizeof(marker) - 1};
	if (says_length(res->status))
		snprintf(length, sizeof(length), "Content-Length: %" PRId64 "\r\n\r\n",
			res->body_len);
	iov[n++] = (struct iovec){length, strlen(length)};
	if (res->body_inline_len > 0)
		iov[n++] = (struct iovec){res->body, res->body_inline_len};
	if (!peer_write(peer, iov, n, is_whole))
		return client_left();
	return is_whole ? OK : send_rest(peer, res, rest);
}

enum err reply_problem(struct peer *peer, const struct problem_answer *answer)
{
	char length[64];
	struct iovec iov[3];

	snprintf(length, sizeof(length), "Content-Length: %zu\r\n\r\n", answer->body_len);
	iov[0] = (struct iovec){answer->head, answer->head_len};
	iov[1] = (struct iovec){length, strlen(length)};
	iov[2] = (struct iovec){answer->body, answer->body_len};
	return peer_write(peer, iov, 3, true) ? OK : client_left();
}
