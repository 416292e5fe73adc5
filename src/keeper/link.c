/* SPDX-License-Identifier: ISC */
/*
 * keeper/link.c - orders to the keeper, and its reports
 *
 * RULES
 *   (1) A report of an earlier run on the channel is dropped (t62-controls).
 *
 * Does not know: which script is run, and why.
 */
#include "keeper/link.h"

#include "base/blocked.h"
#include "base/clock.h"
#include "base/fdpass.h"
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LITTLE_OUTPUT 8192 /* bytes that the keeper may hold until the next run is ordered */

/* Gives the keeper its ends of a channel. */
static enum err send_ends(int control_fd, const int fds[2])
{
	const struct iovec iov = {(char[1]){0}, 1};

	if (fdpass_send(control_fd, &iov, 1, fds, 2, 0) >= 0)
		return OK;
	return err_set(errno == EPIPE || errno == ECONNRESET ? ERR_GONE : ERR_SYSTEM,
		"open a channel to the keeper: %s", strerror(errno));
}

enum err link_open(int control_fd, struct keeper_link *link)
{
	int ours[2] = {-1, -1}, theirs[2] = {-1, -1}, size = 2 * ORDER_MAX;
	enum err e = OK;

	if (link->fd >= 0)
		return OK;
	for (int i = 0; i < 2 && e == OK; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
			e = err_set(ERR_NOMEM, "open a channel to the keeper: %s", strerror(errno));
			break;
		}
		ours[i] = pair[0];
		theirs[i] = pair[1];
		setsockopt(ours[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		setsockopt(theirs[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	if (e == OK)
		e = send_ends(control_fd, theirs);
	fdpass_close(theirs, 2);
	if (e != OK) {
		fdpass_close(ours, 2);
		return e;
	}
	link->fd = ours[0];
	link->lazy_fd = ours[1];
	return OK;
}

void link_close(struct keeper_link *link)
{
	if (link->fd >= 0) {
		close(link->fd);
		close(link->lazy_fd);
	}
	link->fd = link->lazy_fd = -1;
	link->is_over = false;
}

static enum err keeper_gone(const char *doing)
{
	return err_set(ERR_GONE, "%s: the keeper is gone", doing);
}

/* Sends one message, with n_fds descriptors; EPIPE and the like are ERR_GONE. */
static enum err send_message(int fd, const void *data, size_t len, const int *fds, size_t n_fds)
{
	const struct iovec iov = {(void *)(uintptr_t)data, len};

	for (;;) {
		if (fdpass_send(fd, &iov, 1, fds, n_fds, 0) >= 0)
			return OK;
		if (errno == EINTR)
			continue;
		if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
			return keeper_gone("order a run");
		if (errno == EMSGSIZE)
			return err_set(
				ERR_INVALID, "order a run: the request's variables are too large");
		return err_set(ERR_SYSTEM, "order a run: %s", strerror(errno));
	}
}

/* Packs what `spec` says, or only counts it; the length. */
static size_t pack_order(const struct run_spec *spec, int64_t serial, char *buf)
{
	struct order order = {
		.kind = MESSAGE_ORDER,
		.serial = serial,
		.is_protected = spec->is_protected,
		.has_time_limit = spec->is_protected || spec->has_time_limit,
		.timeout_ms = spec->route->timeout_ms,
		.kill_after_ms = spec->route->kill_after_ms,
		.limits = spec->route->limits,
		.has_umask = spec->has_umask,
		.umask = spec->umask,
	};
	struct order_strings texts = {
		.dir = spec->script->dir,
		.url = spec->store_url,
		.spool = spec->spool,
		.argv = spec->script->argv,
		.env = (char **)(uintptr_t)spec->environment,
	};

	if (spec->op)
		order.op = *spec->op;
	if (spec->policy)
		order.policy = *spec->policy;
	order.policy.frame = NULL; /* the keeper is another process */
	return protocol_pack(&order, &texts, buf);
}

static enum err send_command(struct keeper_link *link, int fd, enum message_kind kind)
{
	const struct command command = {.kind = kind, .serial = link->serial};

	return send_message(fd, &command, sizeof(command), NULL, 0);
}

enum err link_order(struct keeper_link *link, const struct run_spec *spec)
{
	const int fds[2] = {spec->stdin_fd, spec->second_fd};
	size_t len = pack_order(spec, ++link->serial, NULL);
	char *buf = len <= ORDER_MAX ? malloc(len) : NULL;
	enum err e;

	link->is_over = false;
	link->is_protected = spec->is_protected;
	if (link->fd < 0) {
		free(buf);
		return keeper_gone("order a run");
	}
	if (len > ORDER_MAX)
		return err_set(ERR_INVALID, "order a run: the request's variables are too large");
	if (!buf)
		return err_set(ERR_NOMEM, "order a run: out of memory");
	pack_order(spec, link->serial, buf);
	e = send_message(link->lazy_fd, buf, len, fds, 2);
	free(buf);
	if (e != OK || spec->is_protected)
		return e;
	e = link_go(link);
	if (e != OK)
		link_close(link); /* which takes the order back */
	return e;
}

enum err link_go(struct keeper_link *link)
{
	return send_command(link, link->fd, MESSAGE_GO);
}

void link_forget(struct keeper_link *link)
{
	(void)!send_command(link, link->is_over ? link->lazy_fd : link->fd, MESSAGE_FORGET);
}

void link_hand_over(struct keeper_link *link)
{
	(void)!send_command(link, link->fd, MESSAGE_KEEP);
}

/* Receives a report and the bytes behind it into buf; the bytes' length is in r->inline_len. */
static enum err receive_report(int fd, struct report *r, char *buf, int *output_fd)
{
	const struct iovec iov[2] = {{r, sizeof(*r)}, {buf, ORDER_INLINE_MAX}};
	ssize_t n;

	do
		n = fdpass_receive(fd, iov, 2, output_fd, 1, 0);
	while (n < 0 && errno == EINTR);
	/* Linux says so when the other end died before it read our last message. */
	if (n < 0 && errno == ECONNRESET)
		return err_set(
			ERR_ABSENT, "the keeper died before it was told to start the script");
	if (n < (ssize_t)sizeof(*r))
		return keeper_gone("wait for a run");
	r->inline_len = n - (ssize_t)sizeof(*r);
	return OK;
}

static enum err take_ending(
	const struct report *r, const char *buf, int output_fd, struct ending *end)
{
	struct ending found = {
		.is_timed_out = r->is_timed_out,
		.is_output_lost = r->is_output_lost,
		.run_us = r->run_us,
		.output_fd = output_fd,
		.output_len = r->output_len,
	};

	ending_set_status(&found, r->wait_status);
	/* Without descriptors to spare, the one that came along did not arrive. */
	if (output_fd < 0 && !r->is_output_lost && r->inline_len != r->output_len)
		return err_set(ERR_NOMEM, "take a run's output: out of descriptors");
	if (output_fd < 0) {
		found.output = malloc((size_t)r->inline_len + 1);
		if (!found.output)
			return err_set(ERR_NOMEM, "take a run's output: out of memory");
		memcpy(found.output, buf, (size_t)r->inline_len);
	}
	*end = found;
	return OK;
}

enum err link_look(struct keeper_link *link,
	void (*on_text)(void *arg, const char *text, size_t len), void *arg, struct ending *end,
	int *failed)
{
	char buf[ORDER_INLINE_MAX];
	struct report r;
	int output_fd = -1;
	enum err e = receive_report(link->fd, &r, buf, &output_fd);

	if (e != OK) {
		*failed = ECONNRESET;
		return e;
	}
	if (r.serial != link->serial) {
		/* The end of an earlier run that had been left to the keeper. */
		if (output_fd >= 0)
			close(output_fd);
		return ERR_BUSY;
	}
	switch (r.kind) {
	case MESSAGE_STDERR:
		if (on_text)
			on_text(arg, buf, (size_t)r.inline_len);
		else
			log_raw(buf, (size_t)r.inline_len);
		e = err_set(ERR_BUSY, "the script is running");
		break;
	case MESSAGE_FAILED:
		*failed = r.failed_errno;
		e = err_set(ERR_ABSENT, "the script could not be started: %s",
			strerror(r.failed_errno));
		break;
	case MESSAGE_ENDED:
		e = take_ending(&r, buf, output_fd, end);
		link->is_over = link->is_protected && r.output_len <= LITTLE_OUTPUT;
		break;
	default:
		e = err_set(ERR_BUSY, "the script is running");
	}
	return e;
}

enum err link_wait(
	struct keeper_link *link, const struct watch *watch, struct ending *end, int *failed)
{
	struct pollfd fds[3] = {{link->fd, POLLIN, 0}, watch->stop[0], watch->stop[1]};
	int64_t left_ms = -1;
	enum err e;
	int n;

	for (;;) {
		if (watch->until_us > 0) {
			left_ms = (watch->until_us - clock_mono_us() + 999) / 1000;
			left_ms = left_ms < 0 ? 0 : left_ms > INT_MAX ? INT_MAX : left_ms;
		}
		blocked_begin();
		n = poll(fds, 3, (int)left_ms);
		blocked_end();
		if (n < 0)
			continue;
		if (fds[0].revents) {
			e = link_look(link, watch->on_text, watch->arg, end, failed);
			if (e != ERR_BUSY)
				return e;
		}
		/* Also while the script writes error output without end. */
		if (fds[1].revents || fds[2].revents || left_ms == 0)
			return err_set(ERR_BUSY, "the script is running");
	}
}

bool link_keeper_is_gone(int control_fd)
{
	struct pollfd fd = {.fd = control_fd};

	return poll(&fd, 1, 0) > 0;
}
