/* SPDX-License-Identifier: ISC */
/*
 * keeper/keeper.c - starts scripts, waits for them, and knows how they ended
 *
 * A small process without threads and without a store, in a session of its own.  The gateway forks
 * it before anything else, so it outlives the gateway whatever a web server does to that.
 *
 * STATES OF A RUN
 *
 *     ORDER             GO                script ended and its output read
 *     ------> READY ---------> RUNNING ---------------------------> ENDED
 *               |                                                     |
 *               | FORGET                                              | FORGET: recorded
 *               v                                                     v
 *              gone                                                  gone
 *               ^                                                     ^
 *               +------ channel closed, or KEEP, or the gateway ------+
 *                       does not record it in time: a child of the
 *                       keeper writes it to the store
 *                       (keeper/recorder.c)
 *
 * A process that ends without having become the script takes its run back to READY: nothing was
 * started.
 *
 * RULES
 *   (1) Only this file, keeper/child.c and keeper/launch.c fork or start a script.  Elsewhere
 *       server/serve.c only starts its own program over, and cli/notify.c only starts
 *       retrysafe-notify (lint/own_forks).
 *   (2) A script gets descriptors 0, 1 and 2, clean signals, its own session, and the environment
 *       of its order; nothing else (unit/launch, t24-environment).
 *   (3) A script's end is the end of its own process, not of the processes that hold its output
 *       open.  The bytes in the pipe at that moment belong to the answer; later ones do not
 *       (t12-classics).
 *   (4) The keeper leaves when the gateway is gone, no run is left, and nothing of a run lives
 *       that only the keeper would find (t23-shutdown).
 *   (5) A script is not started when its operation may already have been settled without it
 *       (unit/child).
 *   (6) Nothing here blocks but the one poll(): a script that floods its output or takes long to
 *       be loaded, or a gateway that does not read, delays no other run (t78-floods).
 *
 * A process group is signalled only while its leader has not been reaped: until then the kernel
 * gives its number to no other process.  The keeper gets every process whose parents have died
 * (PR_SET_CHILD_SUBREAPER), and keeps a run's result until a recorder has ended well.
 *
 * The life of one run is in keeper/child.c; this file brings it the messages, the signals and the
 * time.
 *
 * Does not know: keys, routes, HTTP, SQLite.
 */
#include "keeper/keeper.h"

#include "base/clock.h"
#include "base/fdpass.h"
#include "keeper/child.h"
#include "keeper/launch.h"
#include "keeper/living.h"
#include "keeper/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define REAP_AGAIN_US 10000

/* ---- channels ---- */

/* The outcome of an attempt to receive. */
enum received {
	MESSAGE, /* one message */
	NOTHING, /* there is none now */
	END,     /* the other end is closed, and no message is left */
	CANNOT   /* it failed, for want of memory or after ECONNRESET; messages may be left */
};

/* Receives one message of *len bytes, and up to two descriptors. */
static enum received receive_message(int fd, void *buf, size_t size, size_t *len, int fds[2])
{
	const struct iovec iov = {buf, size};
	ssize_t n = fdpass_receive(fd, &iov, 1, fds, 2, MSG_DONTWAIT);

	*len = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return MESSAGE;
	return n == 0 ? END : errno == EAGAIN ? NOTHING : CANNOT;
}

static bool has_serial(const struct client *client, int64_t serial)
{
	return client->child && client->child->order->serial == serial;
}

static void take_message(
	struct keeper *k, struct client *client, const char *buf, size_t len, int fds[2])
{
	struct command command;
	struct child *c;

	if (len < sizeof(command))
		return;
	memcpy(&command, buf, sizeof(command)); /* an order begins like one */
	if (command.kind == MESSAGE_ORDER && len >= sizeof(struct order)) {
		child_accept(k, client, buf, len, fds);
		return;
	}
	if (!has_serial(client, command.serial))
		return; /* stale: our FAILED and this command crossed */
	c = client->child;
	if (command.kind == MESSAGE_GO && c->phase == PHASE_READY && !c->has_failed)
		child_start(k, c);
	else if (command.kind == MESSAGE_KEEP)
		child_leave(k, c);
	else if (command.kind == MESSAGE_FORGET)
		child_forget(k, c);
}

static void close_client(struct keeper *k, struct client *client)
{
	if (client->child)
		child_leave(k, client->child);
	for (struct client **at = &k->clients; *at; at = &(*at)->next)
		if (*at == client) {
			*at = client->next;
			break;
		}
	close(client->fd);
	close(client->lazy_fd);
	free(client);
}

/* Receives one message, and deals with it. */
static enum received read_message(struct keeper *k, struct client *client, int fd)
{
	static _Alignas(struct order) char buf[ORDER_MAX];
	int fds[2];
	size_t len;
	enum received received = receive_message(fd, buf, sizeof(buf), &len, fds);

	if (received == MESSAGE)
		take_message(k, client, buf, len, fds);
	return received;
}

/*
 * Reads deferred messages until the run with this serial, or a later one, is there.  Stops there:
 * the next ORDER may be queued behind it while the FORGET of the current run is still unread on the
 * main socket.  False: a message may be there that cannot be read now.
 */
static bool read_lazy(struct keeper *k, struct client *client, int64_t serial)
{
	enum received received = MESSAGE;

	while (received == MESSAGE && !(client->child && client->child->order->serial >= serial))
		received = read_message(k, client, client->lazy_fd);
	return received != CANNOT;
}

/* Before a timer acts, sees whether the gateway has already reported the result as recorded. */
static void read_deferred(struct keeper *k, struct client *client)
{
	struct command command;

	if (recv(client->lazy_fd, &command, sizeof(command), MSG_DONTWAIT | MSG_PEEK) ==
			sizeof(command) &&
		command.kind == MESSAGE_FORGET)
		read_message(k, client, client->lazy_fd);
}

static void read_client(struct keeper *k, struct client *client)
{
	struct command next = {.serial = INT64_MAX};
	ssize_t n = recv(client->fd, &next, sizeof(next), MSG_DONTWAIT | MSG_PEEK);

	/* The ORDER that this message is about comes first; poll(2) reports again what is left. */
	if (n < 0 || !read_lazy(k, client, next.serial))
		return;
	if (read_message(k, client, client->fd) == END)
		close_client(k, client);
}

/* The gateway opens a channel.  Where there is no memory for it, it is closed, which the gateway
 * sees. */
static void read_control(struct keeper *k)
{
	struct client *client;
	char byte;
	int fds[2];
	size_t len;
	enum received received = receive_message(k->control_fd, &byte, 1, &len, fds);

	if (received == END) {
		close(k->control_fd);
		k->control_fd = -1;
	}
	client = received == MESSAGE && fds[0] >= 0 && fds[1] >= 0 ? calloc(1, sizeof(*client))
								   : NULL;
	if (!client) {
		fdpass_close(fds, 2);
		return;
	}
	client->fd = fds[0];
	client->lazy_fd = fds[1];
	client->next = k->clients;
	k->clients = client;
}

/* ---- the loop ---- */

/* The sources in the poll set. */
enum poll_source { SOURCE_SIGNAL, SOURCE_CONTROL, SOURCE_OUTPUT, SOURCE_ERRORS, SOURCE_CHANNEL };

struct polled {
	struct pollfd *fds;
	struct {
		enum poll_source source;
		void *owner;
	} * what;
	size_t n, room;
};

/* Without memory for it, the descriptor is left out of this round. */
static void add_polled(struct polled *p, int fd, short events, enum poll_source source, void *owner)
{
	if (fd < 0)
		return;
	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 64;
		void *fds = realloc(p->fds, room * sizeof(*p->fds)), *what;

		if (fds)
			p->fds = fds;
		what = realloc(p->what, room * sizeof(*p->what));
		if (what)
			p->what = what;
		if (!fds || !what)
			return;
		p->room = room;
	}
	p->fds[p->n] = (struct pollfd){.fd = fd, .events = events};
	p->what[p->n].source = source;
	p->what[p->n++].owner = owner;
}

/* Fills the poll set.  Returns poll(2)'s time-out: until the next timer. */
static int gather_events(struct keeper *k, struct polled *p)
{
	int64_t now_us = clock_mono_us(), left_us;
	int64_t next_us = k->must_reap ? now_us + REAP_AGAIN_US : living_due(k);

	p->n = 0;
	/* Outputs first: dispatching them frees neither a client nor a run. */
	for (struct child *c = k->children; c; c = c->next) {
		int64_t due_us = child_due(c);

		next_us = due_us < next_us ? due_us : next_us;
		add_polled(p, c->read_fd, POLLIN, SOURCE_OUTPUT, c);
		if (!c->has_exited && !(c->client && c->client->is_full))
			add_polled(p, c->stderr_fd, POLLIN, SOURCE_ERRORS, c);
	}
	for (struct client *client = k->clients; client; client = client->next)
		add_polled(p, client->fd, client->is_full ? POLLIN | POLLOUT : POLLIN,
			SOURCE_CHANNEL, client);
	add_polled(p, k->signal_fd, POLLIN, SOURCE_SIGNAL, NULL);
	add_polled(p, k->control_fd, POLLIN, SOURCE_CONTROL, NULL);
	if (next_us == INT64_MAX)
		return -1;
	left_us = next_us - now_us;
	return left_us <= 0 ? 0 : left_us > 3600000000 ? 3600000 : (int)(left_us / 1000 + 1);
}

static void dispatch_client(struct keeper *k, struct client *client, short revents)
{
	if (revents & POLLOUT) {
		client->is_full = false;
		if (client->child)
			child_report(k, client->child);
	}
	if (revents & ~POLLOUT)
		read_client(k, client);
}

static void dispatch_events(struct keeper *k, const struct polled *p)
{
	struct signalfd_siginfo si;

	for (size_t i = 0; i < p->n; i++) {
		void *owner = p->what[i].owner;

		if (!p->fds[i].revents)
			continue;
		switch (p->what[i].source) {
		case SOURCE_OUTPUT:
			output_read(owner, OUTPUT_AT_ONCE);
			break;
		case SOURCE_ERRORS:
			output_read_errors(owner, OUTPUT_AT_ONCE);
			break;
		case SOURCE_CHANNEL: /* may free its child, and itself */
			dispatch_client(k, owner, p->fds[i].revents);
			break;
		case SOURCE_SIGNAL:
			if (read(k->signal_fd, &si, sizeof(si)) > 0)
				child_reap(k);
			break;
		case SOURCE_CONTROL:
			read_control(k);
			break;
		}
	}
}

static void run_timers(struct keeper *k)
{
	int64_t now_us = clock_mono_us();

	if (k->must_reap)
		child_reap(k);
	for (struct client *client = k->clients; client; client = client->next)
		if (client->child && now_us >= child_due(client->child))
			read_deferred(k, client);
	for (struct child *c = k->children, *next; c; c = next) {
		next = c->next;
		if (now_us >= child_due(c))
			child_tick(k, c, now_us);
	}
	if (now_us >= living_due(k))
		living_tick(k, now_us);
	living_end_pass(k);
}

static void run_loop(struct keeper *k)
{
	struct polled p = {0};

	while (k->control_fd >= 0 || k->clients || k->children || living_needs_keeper(k)) {
		int timeout_ms = gather_events(k, &p);

		if (poll(p.fds, p.n, timeout_ms) >= 0)
			dispatch_events(k, &p);
		else
			child_reap(k); /* whatever is wrong, scripts that have ended make room */
		run_timers(k);
	}
}

/* ---- start ---- */

static void become_keeper(int control_fd, bool keeps_log)
{
	struct keeper k = {.control_fd = control_fd};
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t child;

	setsid();
	prctl(PR_SET_NAME, "retrysafe-keep");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	living_start();
	launch_prepare(); /* a SIGCHLD that was inherited as ignored would hide every end */
	dup2(null_fd, 0);
	dup2(null_fd, 1);
	if (!keeps_log)
		dup2(null_fd, 2);
	child_close_all_but(&control_fd, 1);
	if (chdir("/") != 0)
		_exit(111);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	k.signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (k.signal_fd < 0)
		_exit(111);
	run_loop(&k);
	_exit(0);
}

enum err keeper_start(bool keeps_log, int *control_fd)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return err_set(ERR_NOMEM, "start the keeper: %s", strerror(errno));
	pid = fork();
	if (pid < 0) {
		close(pair[0]);
		close(pair[1]);
		return err_set(ERR_NOMEM, "start the keeper: fork: %s", strerror(errno));
	}
	if (pid == 0) {
		close(pair[0]);
		become_keeper(pair[1], keeps_log);
	}
	close(pair[1]);
	*control_fd = pair[0];
	return OK;
}
