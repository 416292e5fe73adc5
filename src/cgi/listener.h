/* SPDX-License-Identifier: ISC */
/*
 * cgi/listener.h - the socket that FastCGI connections arrive at
 */
#ifndef RETRYSAFE_CGI_LISTENER_H
#define RETRYSAFE_CGI_LISTENER_H

#include "base/err.h"

#include <stdbool.h>

#define LISTENER_IDLE_MAX      4096
#define LISTENER_WRITE_SECONDS 300 /* that a server may take none of our bytes (SO_SNDTIMEO) */

struct listener {
	int fd;
	int stop_fd;  /* eventfd; readable: leave */
	int epoll_fd; /* watches fd, stop_fd and the idle connections */
	_Atomic bool has_stopped;
	_Atomic bool is_idle[LISTENER_IDLE_MAX]; /* by descriptor: connections that are kept open */
	bool is_ours;      /* we have made the socket, and no other process waits at it */
	char *unlink_path; /* our own Unix socket; or NULL */
};

/* Is this descriptor a listening socket? */
bool listener_is(int fd);

/*
 * listener_open - takes over a listening descriptor, or makes one
 *
 *   fd       a listening descriptor, or -1: make one at `address`
 *   address  "unix:/path" (mode 0660; a dead socket file there is replaced) or "HOST:PORT"; NULL:
 *            another process has made fd
 *
 * Returns OK; ERR_INVALID the address is not one (the text says what is); ERR_REFUSED another
 * process listens there; ERR_SYSTEM. Close it with listener_close(). Blocks while a name of a host
 * is looked up.
 */
enum err listener_open(int fd, const char *address, struct listener *out) MUSTCHECK;

/*
 * listener_accept - the next connection that brings a request; CLOEXEC, blocking
 *
 * A new one, or one that was kept (listener_park()) and has something to read.
 * Several threads may wait in it; the kernel wakes one for each connection.  For want of
 * descriptors it closes a parked connection, or pauses for 50 ms.  Returns OK; ERR_GONE: stop_fd is
 * readable.
 */
enum err listener_accept(struct listener *l, int *fd) MUSTCHECK;

/*
 * listener_park - takes back a connection that its server wants to use for another request
 *
 * No thread waits for it alone. The listener owns it from now on, and closes it when its server
 * does, when there are more than LISTENER_IDLE_MAX descriptors, and in listener_withdraw(). Never
 * fails; does not block.
 */
void listener_park(struct listener *l, int fd);

/* Makes every listener_accept(), now and later, return ERR_GONE.  May be called from a signal
 * handler. */
void listener_stop(struct listener *l);

/*
 * After listener_stop(), once we really leave: a socket of our own is gone from its address, so
 * that the next gateway can listen there while we finish. One that a server handed us stays open.
 * Closes the parked connections.
 */
void listener_withdraw(struct listener *l);

/* Closes the socket, and removes it from its address when it is ours.  l may be closed already. */
void listener_close(struct listener *l);

#endif
