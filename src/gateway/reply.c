/* SPDX-License-Identifier: ISC */
/*
 * gateway/reply.c - from bytes in the store to bytes on the wire
 *
 * Does not know: why this answer is sent.
 */
#include "gateway/reply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
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
	struct web_peer *peer, const struct response *res, const struct body_source *rest)
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
		if (!web_peer_write(peer, &iov, 1, at == res->body_len))
			e = client_left();
	}
	free(buf);
	if (e != OK)
		web_peer_break(peer);
	return e;
}

static bool is_named(const char *name, size_t len, const char *other)
{
	return strlen(other) == len && strncasecmp(name, other, len) == 0;
}

/*
 * Does the field tell a cache what to do?  So do all whose name ends with Cache-Control (RFC 9213),
 * and X-Accel-Expires, which nginx heeds before Cache-Control.
 */
static bool is_about_caching(const char *name, size_t len)
{
	static const char *const names[] = {"Expires", "Pragma", "Age", "ETag", "Last-Modified",
		"Surrogate-Control", "X-Accel-Expires"};
	static const char control[] = "Cache-Control";
	size_t n = sizeof(control) - 1;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_named(name, len, names[i]))
			return true;
	return len >= n && is_named(name + len - n, n, control);
}

static bool is_status_changed(const struct response *res, const struct replay *replay)
{
	return replay->says_200 && res->status / 100 == 2 && res->status != 200;
}

static bool is_dropped(
	const struct response *res, const struct replay *replay, const char *name, size_t len)
{
	if (replay->drops_cookies && is_named(name, len, "Set-Cookie"))
		return true;
	/* Apache takes a 200 with a local Location for another page. */
	if (is_status_changed(res, replay) && is_named(name, len, "Location"))
		return true;
	if (replay->is_uncacheable && is_about_caching(name, len))
		return true;
	for (strings s = replay->drop; s && *s; s++)
		if (is_named(name, len, *s))
			return true;
	return false;
}

/* The head as a replay has it; owned.  Every other line stays as it is, byte for byte. */
static char *filter_head(const struct response *res, const struct replay *replay, size_t *out_len)
{
	static const char ok[] = "Status: 200 OK\r\n";
	char *out = malloc(res->head_len + sizeof(ok)), *to = out;
	const char *at = res->head, *end = res->head + res->head_len;

	for (bool is_first = true; out && at < end; is_first = false) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((line_end ? line_end + 1 : end) - at);
		bool is_status = is_first && replay->says_200 && res->status / 100 == 2;

		if (is_status)
			to = mempcpy(to, ok, sizeof(ok) - 1);
		else if (is_first || !is_dropped(res, replay, at, strcspn(at, ":\r\n")))
			to = mempcpy(to, at, len);
		at += len;
	}
	*out_len = (size_t)(to - out);
	return out;
}

enum err reply_recorded(struct web_peer *peer, const struct response *res,
	const struct body_source *rest, const struct replay *replay)
{
	static const char marker[] = "Idempotent-Replayed: true\r\n";
	static const char uncacheable[] = "Cache-Control: no-store\r\n";
	char length[64] = "\r\n";
	bool is_whole = res->body_len == (int64_t)res->body_inline_len;
	struct iovec iov[5];
	char *filtered = NULL;
	bool is_sent;
	int n = 0;

	iov[n++] = (struct iovec){res->head, res->head_len};
	if (replay && (replay->says_200 || replay->drops_cookies || replay->is_uncacheable ||
			      replay->drop)) {
		filtered = iov[0].iov_base = filter_head(res, replay, &iov[0].iov_len);
		if (!filtered) {
			web_peer_break(peer);
			return err_set(ERR_NOMEM, "reply: out of memory");
		}
	}
	if (replay)
		iov[n++] = (struct iovec){(void *)(uintptr_t)marker, sizeof(marker) - 1};
	if (replay && replay->is_uncacheable)
		iov[n++] = (struct iovec){(void *)(uintptr_t)uncacheable, sizeof(uncacheable) - 1};
	if (says_length(replay && is_status_changed(res, replay) ? 200 : res->status))
		snprintf(length, sizeof(length), "Content-Length: %" PRId64 "\r\n\r\n",
			res->body_len);
	iov[n++] = (struct iovec){length, strlen(length)};
	if (res->body_inline_len > 0)
		iov[n++] = (struct iovec){res->body, res->body_inline_len};
	is_sent = web_peer_write(peer, iov, n, is_whole);
	free(filtered);
	if (!is_sent)
		return client_left();
	return is_whole ? OK : send_rest(peer, res, rest);
}

enum err reply_problem(struct web_peer *peer, const struct problem_answer *answer)
{
	char length[64];
	struct iovec iov[3];

	snprintf(length, sizeof(length), "Content-Length: %zu\r\n\r\n", answer->body_len);
	iov[0] = (struct iovec){answer->head, answer->head_len};
	iov[1] = (struct iovec){length, strlen(length)};
	iov[2] = (struct iovec){answer->body, answer->body_len};
	return web_peer_write(peer, iov, 3, true) ? OK : client_left();
}
