/* SPDX-License-Identifier: ISC */
/*
 * listener.h - the socket that FastCGI connections arrive at
 */
#ifndef RETRYSAFE_LISTENER_H
#define RETRYSAFE_LISTENER_H

#include "err.h"

#include <pthread.h>
#include <stdbool.h>

struct listener {
	int fd;
	int stop_fd;            /* eventfd; readable: leave */
	pthread_mutex_t leader; /* held by the one thread that waits for a connection */
	char *unlink_path;      /* our own Unix socket; or NULL */
};

/* Is this descriptor a listening socket? */
bool listener_is(int fd);

/*
 * listener_open - takes over a listening descriptor, or makes one
 *
 *   fd       a listening descriptor, or -1: make one at `address`
 *   address  "unix:/path" (mode 0660; a dead socket file there is replaced) or "HOST:PORT"
 *
 * Returns OK; ERR_INVALID the address is not one (the text says what is); ERR_REFUSED somebody
 * listens there; ERR_SYSTEM.
 */
enum err listener_open(int fd, const char *address, struct listener *out) MUSTCHECK;

/*
 * listener_accept - the next connection; CLOEXEC, blocking
 *
 * One thread at a time waits in it, the others wait for their turn.  Between connections that fail
 * for want of descriptors it pauses.  Returns OK; ERR_GONE: stop_fd is readable.
 */
enum err listener_accept(struct listener *l, int *fd) MUSTCHECK;

/* Makes every listener_accept(), now and later, return ERR_GONE.  May be called from a signal
 * handler. */
void listener_stop(struct listener *l);

/*
 * After listener_stop(), once we really leave: a socket of our own is gone from its address, so
 * that whoever comes next can listen there while we finish.  One that a server handed us stays
 * open.
 */
void listener_withdraw(struct listener *l);

void listener_close(struct listener *l);

#endif
