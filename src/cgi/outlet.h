/* SPDX-License-Identifier: ISC */
/*
 * cgi/outlet.h - bytes on their way out of a descriptor: sent, queued, or waited for
 *
 * Each call sends its bytes in one piece, behind those of earlier calls, whichever threads call.
 */
#ifndef RETRYSAFE_CGI_OUTLET_H
#define RETRYSAFE_CGI_OUTLET_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#define OUTLET_QUEUE_MAX (1 << 20) /* bytes */

struct outlet {
	int fd;                /* borrowed */
	pthread_mutex_t mutex; /* around all that follows, and what is sent */
	char *queue;           /* bytes that go before all others; owned */
	size_t at, n, room;    /* of the queue: n bytes from `at` on */
};

void outlet_open(struct outlet *o, int fd);
/* Drops what is queued.  fd stays open. */
void outlet_close(struct outlet *o);

/* Sends all of iov, which is changed; blocks, up to the time-out of a socket.  False: the other end
 * has left. */
bool outlet_send(struct outlet *o, struct iovec *iov, int n);

/* Sends what the other end takes at once, and queues the rest.  False: the other end has left, or
 * the queue is full.  fd is a socket.  Does not block. */
bool outlet_post(struct outlet *o, struct iovec *iov, int n);

/* outlet_post(), but only where nothing is queued once the queue has been tried.  *was_sent: was
 * it? Returns like outlet_post(). */
bool outlet_try(struct outlet *o, struct iovec *iov, int n, bool *was_sent);

/* Is anything queued?  Then poll(2) says with POLLOUT when outlet_try() may send. */
bool outlet_is_full(struct outlet *o);

#endif
