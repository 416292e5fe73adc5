/* SPDX-License-Identifier: ISC */
/*
 * cgi/listener.c - waits for connections, and never misses a signal
 *
 * RULES
 *   (1) A thread waits for the socket, for the connections that are kept open and for stop_fd
 *       together; accept(2) itself never blocks, also when other threads and processes share the
 *       socket (t23-shutdown, t25-keep-alive).
 *   (2) A connection is CLOEXEC from its first moment: a script that held it would keep the client
 *       waiting (t24-environment).
 *   (3) Where FCGI_WEB_SERVER_ADDRS is set, the address of a TCP peer must be in it (FastCGI 1.0,
 *       section 3.2) (t25-keep-alive).
 *
 * Does not know: what comes over a connection.
 */
#include "cgi/listener.h"

#include "base/clock.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG          511
#define ROOM_FOR_REQUEST 16 /* descriptors that one takes, and some */
#define READ_SECONDS     60 /* that a server may let us wait for its next bytes */

bool listener_is(int fd)
{
	int is = 0;
	socklen_t len = sizeof(is);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is, &len) == 0 && is;
}

static enum err listen_failed(const char *address)
{
	return err_set(errno == EADDRINUSE ? ERR_REFUSED : ERR_SYSTEM, "listen on %s: %s", address,
		strerror(errno));
}

/* Removes the socket file of a process that is gone.  ERR_REFUSED: a process listens there. */
static enum err remove_dead_socket(const struct sockaddr_un *sun)
{
	struct stat sb;
	int fd, rc;

	if (lstat(sun->sun_path, &sb) != 0)
		return OK;
	if (!S_ISSOCK(sb.st_mode))
		return err_set(ERR_REFUSED, "listen on %s: a file that is not a socket is there",
			sun->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	rc = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
	if (fd >= 0)
		close(fd);
	if (rc == 0)
		return err_set(
			ERR_REFUSED, "listen on %s: another process listens there", sun->sun_path);
	unlink(sun->sun_path);
	return OK;
}

static enum err listen_unix(const char *path, struct listener *l)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	enum err e;

	if (*path != '/' || strlen(path) >= sizeof(sun.sun_path))
		return err_set(ERR_INVALID,
			"listen on unix:%s: the path must be absolute and shorter than %zu bytes",
			path, sizeof(sun.sun_path));
	memcpy(sun.sun_path, path, strlen(path) + 1);
	e = remove_dead_socket(&sun);
	if (e != OK)
		return e;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* The mode first, on the socket itself: no moment in which others may connect. */
	if (l->fd < 0 || fchmod(l->fd, 0660) != 0 ||
		bind(l->fd, (struct sockaddr *)&sun, sizeof(sun)) != 0)
		return listen_failed(path);
	l->unlink_path = strdup(path);
	if (chmod(path, 0660) != 0 || listen(l->fd, BACKLOG) != 0)
		return listen_failed(path);
	return OK;
}

static enum err listen_tcp(const char *address, struct listener *l)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				.ai_flags = AI_PASSIVE | AI_NUMERICSERV},
			*ai;
	const char *colon = strrchr(address, ':');
	char host[256];
	int one = 1, rc;

	if (!colon || colon == address || colon[1] == '\0')
		return err_set(ERR_INVALID,
			"listen on \"%s\": write unix:/absolute/path or HOST:PORT, such as "
			"127.0.0.1:9000",
			address);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
	rc = getaddrinfo(host, colon + 1, &hints, &ai);
	if (rc != 0)
		return err_set(ERR_INVALID, "listen on %s: %s", address, gai_strerror(rc));
	l->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd >= 0)
		setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	rc = l->fd < 0 || bind(l->fd, ai->ai_addr, ai->ai_addrlen) != 0 ||
	     listen(l->fd, BACKLOG) != 0;
	freeaddrinfo(ai);
	return rc ? listen_failed(address) : OK;
}

/* Waits for one event of fd; called again for the next one. */
static bool watch_fd(struct listener *l, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0 ||
	       (errno == ENOENT && epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

enum err listener_open(int fd, const char *address, struct listener *out)
{
	struct listener l = {.fd = fd, .is_ours = address};
	enum err e = OK;

	l.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l.stop_fd < 0 || l.epoll_fd < 0)
		return err_set(ERR_NOMEM, "listen: %s", strerror(errno));
	if (fd < 0)
		e = strncmp(address, "unix:", 5) == 0 ? listen_unix(address + 5, &l)
						      : listen_tcp(address, &l);
	else if (address && strncmp(address, "unix:", 5) == 0)
		l.unlink_path = strdup(address + 5); /* ours, from before we started over */
	if (e == OK) {
		fcntl(l.fd, F_SETFL, fcntl(l.fd, F_GETFL) | O_NONBLOCK);
		if (!watch_fd(&l, l.fd, EPOLLIN | EPOLLONESHOT) ||
			!watch_fd(&l, l.stop_fd, EPOLLIN))
			e = err_set(ERR_NOMEM, "listen: %s", strerror(errno));
	}
	if (e != OK)
		listener_close(&l);
	else
		*out = l;
	return e;
}

/* Rule (3). */
static bool may_connect(const struct sockaddr *sa)
{
	const char *allowed = getenv("FCGI_WEB_SERVER_ADDRS");
	char address[INET6_ADDRSTRLEN] = "", *list, *save = NULL;
	bool may = false;

	if (!allowed || !*allowed)
		return true;
	if (sa->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr,
			address, sizeof(address));
	else
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr,
			address, sizeof(address));
	list = strdup(allowed);
	for (char *a = list ? strtok_r(list, ", ", &save) : NULL; a && !may;
		a = strtok_r(NULL, ", ", &save))
		may = strcmp(a, address) == 0;
	free(list);
	return may;
}

/* Makes room for a connection where there are no descriptors. */
static bool close_parked(struct listener *l)
{
	int n = 0;
	char byte;

	for (int fd = 0; fd < LISTENER_IDLE_MAX && n < ROOM_FOR_REQUEST; fd++) {
		if (!atomic_load(&l->is_idle[fd]) ||
			recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0 ||
			!atomic_exchange(&l->is_idle[fd], false))
			continue;
		close(fd);
		n++;
	}
	return n > 0;
}

/* accept(2) has failed. */
static void make_room(struct listener *l)
{
	static _Atomic int64_t next_us; /* the log is not flooded */
	struct timespec pause = {.tv_nsec = 50000000};
	int error = errno;
	int64_t now_us = clock_mono_us();

	if ((error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) &&
		close_parked(l))
		return;
	if (now_us >= atomic_load(&next_us)) {
		atomic_store(&next_us, now_us + 1000000);
		log_warn("accept: %s; requests have to wait%s", strerror(error),
			error == EMFILE ? " (raise LimitNOFILE, or lower max_connections)" : "");
	}
	nanosleep(&pause, NULL);
}

/* A connection that may be served; -1: none now. */
static int accept_connection(struct listener *l)
{
	struct timeval rcv = {.tv_sec = READ_SECONDS}, snd = {.tv_sec = LISTENER_WRITE_SECONDS};
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof(sa);
	int one = 1, fd = accept4(l->fd, (struct sockaddr *)&sa, &len, SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			make_room(l);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &rcv, sizeof(rcv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &snd, sizeof(snd));
	if (sa.ss_family == AF_INET || sa.ss_family == AF_INET6) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (!may_connect((struct sockaddr *)&sa)) {
			log_warn("a connection from an address that is not in "
				 "FCGI_WEB_SERVER_ADDRS");
			close(fd);
			return -1;
		}
	}
	return fd;
}

void listener_park(struct listener *l, int fd)
{
	if (fd >= LISTENER_IDLE_MAX || atomic_load(&l->has_stopped)) {
		close(fd);
		return;
	}
	/* From here on the thread that takes the mark away has the connection. */
	atomic_store(&l->is_idle[fd], true);
	if (!watch_fd(l, fd, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT) &&
		atomic_exchange(&l->is_idle[fd], false))
		close(fd);
}

/* A parked connection with bytes to read; -1: its server has closed it, and so have we. */
static int take_parked(struct listener *l, int fd, uint32_t events)
{
	char byte;

	if (!atomic_exchange(&l->is_idle[fd], false))
		return -1; /* listener_withdraw() has closed it */
	if (events == EPOLLIN || recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
		return fd;
	close(fd);
	return -1;
}

enum err listener_accept(struct listener *l, int *fd)
{
	struct epoll_event event;
	int got = -1;

	while (got < 0) {
		if (epoll_wait(l->epoll_fd, &event, 1, -1) < 1)
			continue;
		if (event.data.fd == l->stop_fd || atomic_load(&l->has_stopped))
			return err_set(ERR_GONE, "the gateway has to leave");
		if (event.data.fd != l->fd) {
			got = take_parked(l, event.data.fd, event.events);
			continue;
		}
		got = accept_connection(l);
		/* One thread was woken for one connection; another thread takes the next one. */
		(void)!watch_fd(l, l->fd, EPOLLIN | EPOLLONESHOT);
	}
	*fd = got;
	return OK;
}

void listener_stop(struct listener *l)
{
	uint64_t one = 1;
	ssize_t ignored;

	atomic_store(&l->has_stopped, true);
	ignored = write(l->stop_fd, &one, sizeof(one));

	(void)ignored;
}

static void unlink_socket(struct listener *l)
{
	if (l->unlink_path)
		unlink(l->unlink_path);
	free(l->unlink_path);
	l->unlink_path = NULL;
}

void listener_withdraw(struct listener *l)
{
	/* Not closed: a thread may be about to accept from it.  Another process's socket would be
	 * shut down for that process, too. */
	if (l->is_ours) {
		shutdown(l->fd, SHUT_RDWR);
		unlink_socket(l);
	}
	for (int fd = 0; fd < LISTENER_IDLE_MAX; fd++)
		if (atomic_exchange(&l->is_idle[fd], false))
			close(fd);
}

void listener_close(struct listener *l)
{
	unlink_socket(l);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	if (l->stop_fd >= 0)
		close(l->stop_fd);
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	l->stop_fd = l->epoll_fd = -1;
}
