/* SPDX-License-Identifier: ISC */
/*
 * cgi/outlet.c - sends bytes whole, without waiting where that is wanted
 *
 * RULES
 *   (1) Bytes of two calls never mix, also of two threads (unit/outlet).
 *   (2) A record of which a part was sent goes on with its rest before anything else (unit/outlet).
 *
 * Does not know: what the bytes mean.
 */
#include "cgi/outlet.h"

#include "base/blocked.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void outlet_open(struct outlet *o, int fd)
{
	*o = (struct outlet){.fd = fd};
	pthread_mutex_init(&o->mutex, NULL);
}

void outlet_close(struct outlet *o)
{
	pthread_mutex_destroy(&o->mutex);
	free(o->queue);
	o->queue = NULL;
}

/* Takes the first n bytes off iov. */
static void skip_bytes(struct iovec **iov, int *n_iov, size_t n)
{
	while (*n_iov > 0 && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		++*iov;
		--*n_iov;
	}
	if (*n_iov > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

/* Sends as much of iov as the other end takes at once, and takes it off.  False: it has left, or fd
 * is no socket. */
static bool send_some(int fd, struct iovec **iov, int *n)
{
	while (*n > 0) {
		struct msghdr message = {.msg_iov = *iov, .msg_iovlen = (size_t)*n};
		ssize_t done = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno == EAGAIN;
		skip_bytes(iov, n, (size_t)done);
	}
	return true;
}

/* Sends all of iov; a thread that waits for the other end says so. */
static bool send_all(int fd, struct iovec *iov, int n)
{
	if (!send_some(fd, &iov, &n) && errno != ENOTSOCK)
		return false;
	while (n > 0) {
		ssize_t done;

		blocked_begin();
		done = writev(fd, iov, n);
		blocked_end();
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		skip_bytes(&iov, &n, (size_t)done);
	}
	return true;
}

/* With the mutex held.  False: the other end has left. */
static bool flush_queue(struct outlet *o)
{
	struct iovec one = {o->queue + o->at, o->n}, *iov = &one;
	int n = o->n > 0;
	bool is_there = send_some(o->fd, &iov, &n);
	size_t left = n > 0 ? iov->iov_len : 0;

	o->at = left > 0 ? o->at + o->n - left : 0;
	o->n = left;
	return is_there;
}

static bool add_to_queue(struct outlet *o, const struct iovec *iov)
{
	size_t end = o->at + o->n;

	if (o->at > 0 && end + iov->iov_len > o->room) {
		memmove(o->queue, o->queue + o->at, o->n);
		o->at = 0;
		end = o->n;
	}
	if (end + iov->iov_len > o->room) {
		size_t room = end + iov->iov_len;
		char *more = room <= OUTLET_QUEUE_MAX ? realloc(o->queue, room) : NULL;

		if (!more)
			return false;
		o->queue = more;
		o->room = room;
	}
	memcpy(o->queue + end, iov->iov_base, iov->iov_len);
	o->n += iov->iov_len;
	return true;
}

/* With the mutex held, and after flush_queue(). */
static bool post(struct outlet *o, struct iovec *iov, int n)
{
	if (o->n == 0 && !send_some(o->fd, &iov, &n))
		return false;
	for (; n > 0; iov++, n--)
		if (!add_to_queue(o, iov))
			return false;
	return true;
}

bool outlet_send(struct outlet *o, struct iovec *iov, int n)
{
	struct iovec queued;
	bool is_there;

	pthread_mutex_lock(&o->mutex);
	queued = (struct iovec){o->queue + o->at, o->n};
	is_there = (o->n == 0 || send_all(o->fd, &queued, 1)) && send_all(o->fd, iov, n);
	o->at = o->n = 0;
	pthread_mutex_unlock(&o->mutex);
	return is_there;
}

bool outlet_post(struct outlet *o, struct iovec *iov, int n)
{
	bool is_there;

	pthread_mutex_lock(&o->mutex);
	is_there = flush_queue(o) && post(o, iov, n);
	pthread_mutex_unlock(&o->mutex);
	return is_there;
}

bool outlet_try(struct outlet *o, struct iovec *iov, int n, bool *was_sent)
{
	bool is_there;

	pthread_mutex_lock(&o->mutex);
	is_there = flush_queue(o);
	*was_sent = is_there && o->n == 0;
	if (*was_sent)
		is_there = post(o, iov, n);
	pthread_mutex_unlock(&o->mutex);
	return is_there;
}

bool outlet_is_full(struct outlet *o)
{
	bool is_full;

	pthread_mutex_lock(&o->mutex);
	is_full = o->n > 0;
	pthread_mutex_unlock(&o->mutex);
	return is_full;
}
