/* SPDX-License-Identifier: ISC */
/*
 * keeper.c - starts scripts, waits for them, and knows how they ended
 *
 * A small process without threads and without a store, in a session of its own.  It is forked by
 * the gateway at its very start, so it outlives it whatever web servers do to the gateway.
 *
 * STATES OF A RUN
 *
 *     ORDER             GO                script ended and its output read
 *     ------> READY ---------> RUNNING ---------------------------> ENDED
 *               |                                                     |
 *               | FORGET                                              | FORGET: recorded
 *               v                                                     v
 *              gone <------------------------------------------------gone
 *               ^                                                     ^
 *               +------ channel closed, or KEEP: a child of the ------+
 *                       keeper writes it to the store (harvest.c)
 *
 * RULES THAT HOLD
 *   (1) Only this file starts programs and forks.  A script gets descriptors 0, 1 and 2, clean
 *       signals, its own session, and the environment of its order; nothing else.
 *   (2) A script's end is the end of its own process, not of those that hold its output open.
 *       What is in the pipe at that moment belongs to the answer; later bytes do not.
 *   (3) A process group is signalled only while its leader has not been reaped, so that a number
 *       that has been given to somebody else is never hit.
 *   (4) The keeper leaves when the gateway is gone and no run is left.
 *   (5) Nothing here waits but the one poll(): a script that floods its output, or a gateway that
 *       does not read, delays nobody else.
 *
 * What it does not know: keys, routes, HTTP, SQLite.
 */
#include "keeper.h"

#include "clock.h"
#include "fault.h"
#include "harvest.h"
#include "log.h"
#include "order.h"
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_PIECE 65536 /* bytes read at once */
/* Output that begins beyond this many times max_response is counted but not kept anywhere. */
#define OUTPUT_FACTOR 16

enum phase { PHASE_READY, PHASE_RUNNING, PHASE_ENDED };

struct run {
	struct run *next;
	struct channel *channel; /* NULL: nobody waits for it any more */
	enum phase phase;
	struct order *order; /* with the strings behind it; owned */
	const char *dir, *url, *spool;
	char **argv, **env;           /* owned arrays of borrowed strings */
	int in_fd, out_fd, witness_fd; /* what the script gets as 0; as 1 when passed through */
	int read_fd, stderr_fd;       /* our ends of its output and error output */
	char *output;                 /* the first ORDER_INLINE_MAX bytes */
	struct spool rest;            /* all of it, once it is longer */
	int64_t output_len;
	pid_t pid;
	int wait_status;
	bool has_exited, is_timed_out, is_output_lost;
	int64_t start_us, end_us, deadline_us, kill_us;
};

struct channel {
	struct channel *next;
	int fd;
	struct run *run;
	bool is_full; /* it did not take our last message: wait until it can be written */
};

struct keeper {
	int control_fd; /* -1: the gateway is gone */
	int signal_fd;
	struct channel *channels;
	struct run *runs;
	posix_spawnattr_t attr;
};

/* ---- messages ---- */

/* Sends `r`, n bytes and perhaps a descriptor.  False: the channel is full; nothing was sent. */
static bool send_report(struct channel *ch, const struct report *r, const void *data, size_t n, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct report head = *r;
	struct iovec iov[2] = {{&head, sizeof(head)}, {(void *)(uintptr_t)data, n}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n > 0 ? 2 : 1};

	if (fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	/* Other errors mean that the gateway is gone; its end of file will be seen. */
	return sendmsg(ch->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != EAGAIN;
}

/* Receives one message and up to two descriptors.  Its length; 0 end of file; -1 nothing there. */
static ssize_t receive(int fd, void *buf, size_t size, int fds[2])
{
	union {
		char bytes[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {buf, size};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	ssize_t n;

	fds[0] = fds[1] = -1;
	n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -1 : 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(fds, CMSG_DATA(c),
				c->cmsg_len - CMSG_LEN(0) < 2 * sizeof(int) ? c->cmsg_len - CMSG_LEN(0)
									   : 2 * sizeof(int));
	return n;
}

/* ---- the life of a run ---- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void run_free(struct keeper *k, struct run *run)
{
	for (struct run **at = &k->runs; *at; at = &(*at)->next)
		if (*at == run) {
			*at = run->next;
			break;
		}
	if (run->channel)
		run->channel->run = NULL;
	close_fd(&run->in_fd);
	close_fd(&run->out_fd);
	close_fd(&run->witness_fd);
	close_fd(&run->read_fd);
	close_fd(&run->stderr_fd);
	spool_close(&run->rest);
	free(run->output);
	free(run->argv);
	free(run->env);
	free(run->order);
	free(run);
}

static const char *take_string(const char **at, const char *end)
{
	const char *s = *at, *nul = memchr(s, '\0', (size_t)(end - s));

	*at = nul ? nul + 1 : end;
	return nul ? s : NULL;
}

/* Points into the strings behind the order.  False: they are not what an order says. */
static bool unpack(struct run *run, size_t len)
{
	const char *at = (const char *)(run->order + 1), *end = (const char *)run->order + len;
	int argc = run->order->argc, envc = run->order->envc;

	if (argc < 1 || argc > 1000 || envc < 0 || envc > 10000)
		return false;
	run->argv = calloc((size_t)argc + 1, sizeof(char *));
	run->env = calloc((size_t)envc + 1, sizeof(char *));
	if (!run->argv || !run->env)
		return false;
	run->dir = take_string(&at, end);
	run->url = take_string(&at, end);
	run->spool = take_string(&at, end);
	for (int i = 0; i < argc; i++)
		run->argv[i] = (char *)(uintptr_t)take_string(&at, end);
	for (int i = 0; i < envc; i++)
		run->env[i] = (char *)(uintptr_t)take_string(&at, end);
	return run->dir && run->url && run->spool && run->argv[argc - 1] &&
	       (envc == 0 || run->env[envc - 1]);
}

static void take_order(struct keeper *k, struct channel *ch, const char *buf, size_t len, int fds[2])
{
	struct run *run = calloc(1, sizeof(*run));
	const struct order *order = (const struct order *)(const void *)buf;
	struct report failed = {
		.kind = MESSAGE_FAILED, .serial = order->serial, .failed_errno = ENOMEM};

	if (run)
		run->order = malloc(len);
	if (!run || !run->order || ch->run) {
		free(run);
		close_fd(&fds[0]);
		close_fd(&fds[1]);
		send_report(ch, &failed, NULL, 0, -1);
		return;
	}
	memcpy(run->order, buf, len);
	run->in_fd = fds[0];
	run->out_fd = run->order->is_protected ? -1 : fds[1];
	run->witness_fd = run->order->is_protected ? fds[1] : -1;
	run->read_fd = run->stderr_fd = run->rest.fd = -1;
	run->channel = ch;
	ch->run = run;
	run->next = k->runs;
	k->runs = run;
	if (!unpack(run, len)) {
		failed.failed_errno = EINVAL;
		send_report(ch, &failed, NULL, 0, -1);
		run_free(k, run);
	}
}

/* posix_spawn(3) of the order; errno, 0 when the script runs. */
static int spawn(struct keeper *k, struct run *run, int out_fd, int err_fd)
{
	posix_spawn_file_actions_t fa;
	int rc = posix_spawn_file_actions_init(&fa);

	if (rc != 0)
		return rc;
	rc = posix_spawn_file_actions_adddup2(&fa, run->in_fd, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&fa, out_fd, 1);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&fa, err_fd, 2);
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(&fa, 3);
	if (rc == 0)
		rc = posix_spawn_file_actions_addchdir_np(&fa, run->dir);
	if (rc == 0)
		rc = posix_spawn(&run->pid, run->argv[0], &fa, &k->attr, run->argv, run->env);
	posix_spawn_file_actions_destroy(&fa);
	return rc;
}

/* Starts the script.  errno, 0 when it runs. */
static int start(struct keeper *k, struct run *run)
{
	int out[2] = {-1, -1}, err[2] = {-1, -1}, rc = 0;

	fault("keeper.starting");
	if (pipe2(err, O_CLOEXEC) != 0 || (run->out_fd < 0 && pipe2(out, O_CLOEXEC) != 0))
		rc = errno;
	if (rc == 0)
		rc = spawn(k, run, run->out_fd >= 0 ? run->out_fd : out[1], err[1]);
	fault("keeper.started");
	close_fd(&out[1]);
	close_fd(&err[1]);
	close_fd(&run->in_fd);
	close_fd(&run->out_fd);
	run->read_fd = out[0];
	run->stderr_fd = err[0];
	if (rc != 0)
		return rc;
	if (run->read_fd >= 0)
		fcntl(run->read_fd, F_SETFL, O_NONBLOCK);
	fcntl(run->stderr_fd, F_SETFL, O_NONBLOCK);
	run->phase = PHASE_RUNNING;
	run->start_us = clock_mono_us();
	/* What passes through has no time limit of ours as long as somebody waits for it. */
	run->deadline_us = run->order->is_protected ? run->start_us + run->order->timeout_ms * 1000
						    : INT64_MAX;
	return 0;
}

static void go(struct keeper *k, struct run *run)
{
	struct report failed = {.kind = MESSAGE_FAILED, .serial = run->order->serial};
	struct channel *ch = run->channel;

	failed.failed_errno = start(k, run);
	if (failed.failed_errno == 0)
		return;
	run_free(k, run);
	send_report(ch, &failed, NULL, 0, -1);
}

/* ---- output ---- */

/* Keeps n more bytes of output: in memory, then in the spool, then only their number. */
static void keep_output(struct run *run, const char *data, size_t n)
{
	int64_t max = run->order->policy.max_response_bytes * OUTPUT_FACTOR + ORDER_INLINE_MAX;
	int64_t before = run->output_len;
	enum err e = OK;

	run->output_len += (int64_t)n;
	if (run->rest.fd < 0 && run->output_len <= ORDER_INLINE_MAX) {
		if (!run->output)
			run->output = malloc(ORDER_INLINE_MAX);
		if (!run->output)
			run->is_output_lost = true;
		else
			memcpy(run->output + before, data, n);
		return;
	}
	if (run->is_output_lost || before > max)
		return;
	if (run->rest.fd < 0) {
		e = spool_open(&run->rest);
		if (e == OK && before > 0)
			e = spool_write(&run->rest, run->spool, run->output, (size_t)before);
	}
	if (e == OK)
		e = spool_write(&run->rest, run->spool, data, n);
	if (e != OK) {
		log_warn("a script's output cannot be kept: %s", err_text());
		run->is_output_lost = true;
	}
}

/* Reads at most `limit` bytes of what is in the pipe.  False: nothing more can come. */
static bool read_output(struct run *run, int64_t limit)
{
	static char buf[OUTPUT_PIECE];

	while (limit > 0) {
		size_t want = limit < OUTPUT_PIECE ? (size_t)limit : OUTPUT_PIECE;
		ssize_t n = read(run->read_fd, buf, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		keep_output(run, buf, (size_t)n);
		limit -= n;
	}
	return true;
}

/* Hands on what is in the error output.  False: nothing more can come. */
static bool read_errors(struct run *run, int64_t limit)
{
	char buf[8192];

	while (limit > 0) {
		struct report r = {.kind = MESSAGE_STDERR, .serial = run->order->serial};
		int there = 0;
		ssize_t n;

		/* Look before reading: what the channel does not take stays in the pipe. */
		if (run->channel) {
			struct pollfd p = {.fd = run->channel->fd, .events = POLLOUT};

			run->channel->is_full = poll(&p, 1, 0) == 0;
			if (run->channel->is_full)
				return true;
		}
		ioctl(run->stderr_fd, FIONREAD, &there);
		n = read(run->stderr_fd, buf, limit < (int64_t)sizeof(buf) ? (size_t)limit : sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		limit -= n;
		r.inline_len = n;
		if (run->channel) {
			send_report(run->channel, &r, buf, (size_t)n, -1);
		} else {
			ssize_t ignored = write(STDERR_FILENO, buf, (size_t)n);

			(void)ignored;
		}
	}
	return true;
}

/* ---- the end of a run ---- */

static void close_all_but(const int *keep, int n)
{
	int from = 3;

	/* The few descriptors to keep are in ascending order after this. */
	for (int i = 0; i < n; i++) {
		int lowest = -1;

		for (int j = 0; j < n; j++)
			if (keep[j] >= from && (lowest < 0 || keep[j] < lowest))
				lowest = keep[j];
		if (lowest < 0)
			break;
		if (lowest > from)
			close_range((unsigned)from, (unsigned)lowest - 1, 0);
		from = lowest + 1;
	}
	close_range((unsigned)from, ~0U, 0);
}

/* Writes the run to the store, in a process of its own: the keeper stays small and awake. */
static void finish_without_gateway(struct keeper *k, struct run *run)
{
	struct ending end = ENDING_NONE;
	pid_t pid = fork();

	if (pid < 0) {
		log_warn("fork: %s; trying again", strerror(errno));
		run->end_us = clock_mono_us() + 100000; /* when to try again */
		return;
	}
	if (pid > 0) {
		run_free(k, run);
		return;
	}
	close_all_but((const int[]){run->witness_fd, run->rest.fd}, 2);
	prctl(PR_SET_NAME, "retrysafe-harv");
	if (run->phase == PHASE_ENDED) {
		ending_set_status(&end, run->wait_status);
		end.is_timed_out = run->is_timed_out;
		end.is_output_lost = run->is_output_lost;
		end.run_us = run->end_us - run->start_us;
		end.output_len = run->output_len;
		end.output_fd = run->rest.fd;
		end.output = run->rest.fd < 0 ? run->output : NULL;
		if (end.output_fd < 0 && !end.output)
			end.output = malloc(1);
	}
	harvest(run->order, run->url, run->spool, run->phase == PHASE_ENDED ? &end : NULL);
	_exit(0);
}

static void settle_alone(struct keeper *k, struct run *run)
{
	if (!run->order->is_protected)
		run_free(k, run);
	else
		finish_without_gateway(k, run);
}

/* The script has ended and its pipes are read: tell the gateway, or do its work. */
static void end(struct keeper *k, struct run *run)
{
	struct report r = {.kind = MESSAGE_ENDED,
		.serial = run->order->serial,
		.wait_status = run->wait_status,
		.is_timed_out = run->is_timed_out,
		.is_output_lost = run->is_output_lost,
		.run_us = run->end_us - run->start_us,
		.output_len = run->output_len,
		.inline_len = run->rest.fd < 0 ? run->output_len : 0};

	fault("keeper.ended");
	if (run->is_output_lost)
		r.inline_len = 0;
	if (run->channel && !send_report(run->channel, &r, run->output, (size_t)r.inline_len, run->rest.fd)) {
		run->channel->is_full = true;
		return; /* again when it can be written */
	}
	fault("keeper.told");
	close_fd(&run->read_fd);
	close_fd(&run->stderr_fd);
	run->phase = PHASE_ENDED;
	if (!run->channel)
		settle_alone(k, run);
}

/* Rule (2).  The amount that is there now bounds what is read: a grandchild may go on writing. */
static void read_last(struct keeper *k, struct run *run)
{
	int there = 0;

	if (run->read_fd >= 0) {
		if (ioctl(run->read_fd, FIONREAD, &there) == 0)
			read_output(run, there);
		close_fd(&run->read_fd);
	}
	there = 0;
	if (run->stderr_fd >= 0 && ioctl(run->stderr_fd, FIONREAD, &there) == 0) {
		read_errors(run, there);
		if (run->channel && run->channel->is_full)
			return; /* the rest of its complaints first */
	}
	end(k, run);
}

/* Collects children.  Rule (3): a group that must go is killed before its leader is reaped. */
static void reap(struct keeper *k)
{
	siginfo_t si;

	for (;;) {
		struct run *run;
		int status;

		si.si_pid = 0;
		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) != 0 || si.si_pid == 0)
			return;
		for (run = k->runs; run && (run->pid != si.si_pid || run->has_exited);)
			run = run->next;
		if (run && run->is_timed_out)
			kill(-run->pid, SIGKILL);
		if (waitpid(si.si_pid, &status, 0) != si.si_pid || !run)
			continue;
		run->has_exited = true;
		run->wait_status = status;
		run->end_us = clock_mono_us();
		read_last(k, run);
	}
}

static void check_time(struct run *run, int64_t now_us)
{
	if (run->phase != PHASE_RUNNING || run->has_exited)
		return;
	if (!run->is_timed_out && now_us >= run->deadline_us) {
		run->is_timed_out = true;
		run->kill_us = now_us + run->order->kill_after_ms * 1000;
		kill(-run->pid, SIGTERM);
		kill(-run->pid, SIGCONT); /* a stopped process does not see TERM */
	}
	if (run->is_timed_out && now_us >= run->kill_us) {
		kill(-run->pid, SIGKILL);
		run->kill_us = INT64_MAX;
	}
}

/* ---- channels ---- */

/* Nobody waits for the run any more. */
static void leave(struct run *run)
{
	run->channel->run = NULL;
	run->channel = NULL;
	if (run->deadline_us == INT64_MAX)
		run->deadline_us = clock_mono_us() + run->order->timeout_ms * 1000;
}

static void take_message(struct keeper *k, struct channel *ch, const char *buf, size_t len, int fds[2])
{
	struct command command;
	struct run *run = ch->run;

	if (len < sizeof(command))
		return;
	memcpy(&command, buf, sizeof(command)); /* an order begins like one */
	if (command.kind == MESSAGE_ORDER && len >= sizeof(struct order)) {
		take_order(k, ch, buf, len, fds);
		if (ch->run && !ch->run->order->is_protected)
			go(k, ch->run);
		return;
	}
	if (!run || run->order->serial != command.serial)
		return; /* FAILED crossed it */
	switch (command.kind) {
	case MESSAGE_GO:
		if (run->phase == PHASE_READY)
			go(k, run);
		break;
	case MESSAGE_KEEP:
		leave(run);
		if (run->phase == PHASE_ENDED)
			settle_alone(k, run);
		break;
	case MESSAGE_FORGET:
		if (run->phase == PHASE_RUNNING)
			leave(run); /* its time limit still holds */
		else
			run_free(k, run);
		break;
	default:
		break;
	}
}

static void close_channel(struct keeper *k, struct channel *ch)
{
	struct run *run = ch->run;

	if (run)
		leave(run);
	for (struct channel **at = &k->channels; *at; at = &(*at)->next)
		if (*at == ch) {
			*at = ch->next;
			break;
		}
	close(ch->fd);
	free(ch);
	if (!run)
		return;
	if (run->phase != PHASE_RUNNING)
		settle_alone(k, run);
	else if (run->has_exited)
		end(k, run);
}

/* False: the channel is closed and gone. */
static bool read_channel(struct keeper *k, struct channel *ch)
{
	static _Alignas(struct order) char buf[ORDER_MAX];
	int fds[2];
	ssize_t n = receive(ch->fd, buf, sizeof(buf), fds);

	if (n == 0) {
		close_channel(k, ch);
		return false;
	}
	if (n > 0)
		take_message(k, ch, buf, (size_t)n, fds);
	return true;
}

static void read_control(struct keeper *k)
{
	struct channel *ch;
	char byte;
	int fds[2];
	ssize_t n = receive(k->control_fd, &byte, 1, fds);

	if (n == 0) {
		close_fd(&k->control_fd);
		return;
	}
	if (n < 0 || fds[0] < 0)
		return;
	ch = calloc(1, sizeof(*ch));
	if (!ch) {
		close_fd(&fds[0]);
		return;
	}
	ch->fd = fds[0];
	ch->next = k->channels;
	k->channels = ch;
}

/* ---- the loop ---- */

struct polled {
	struct pollfd *fds;
	size_t n, room;
};

static bool poll_add(struct polled *p, int fd, short events)
{
	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 64;
		struct pollfd *more = realloc(p->fds, room * sizeof(*more));

		if (!more)
			return false;
		p->fds = more;
		p->room = room;
	}
	p->fds[p->n++] = (struct pollfd){.fd = fd, .events = events};
	return true;
}

/* Everything that may happen next; the order is that of dispatch(). */
static int gather(struct keeper *k, struct polled *p)
{
	int64_t next_us = INT64_MAX, now_us;
	bool ok;

	p->n = 0;
	ok = poll_add(p, k->signal_fd, POLLIN) && poll_add(p, k->control_fd, POLLIN);
	for (struct run *r = k->runs; r && ok; r = r->next) {
		bool is_blocked = r->channel && r->channel->is_full;

		ok = poll_add(p, r->phase == PHASE_RUNNING ? r->read_fd : -1, POLLIN) &&
		     poll_add(p, r->phase == PHASE_RUNNING && !is_blocked && !r->has_exited ? r->stderr_fd : -1,
			     POLLIN);
		if (r->phase == PHASE_RUNNING && !r->has_exited) {
			int64_t at = r->is_timed_out ? r->kill_us : r->deadline_us;

			next_us = at < next_us ? at : next_us;
		} else if (!r->channel && r->order->is_protected) {
			next_us = r->end_us < next_us ? r->end_us : next_us; /* fork again */
		}
	}
	for (struct channel *ch = k->channels; ch && ok; ch = ch->next)
		ok = poll_add(p, ch->fd, ch->is_full ? POLLIN | POLLOUT : POLLIN);
	if (!ok)
		return 100; /* out of memory: look at what there is, soon again */
	if (next_us == INT64_MAX)
		return -1;
	now_us = clock_mono_us();
	if (next_us <= now_us)
		return 0;
	return next_us - now_us > 3600000000 ? 3600000 : (int)((next_us - now_us) / 1000 + 1);
}

static void dispatch_runs(struct keeper *k, const struct pollfd *fds, size_t n)
{
	size_t i = 0;

	for (struct run *r = k->runs; r && i + 1 < n; r = r->next, i += 2) {
		if (fds[i].revents && r->read_fd == fds[i].fd && !read_output(r, 1 << 20))
			close_fd(&r->read_fd);
		if (fds[i + 1].revents && r->stderr_fd == fds[i + 1].fd && !read_errors(r, 1 << 20))
			close_fd(&r->stderr_fd);
	}
}

static size_t count_runs(const struct keeper *k)
{
	size_t n = 0;

	for (const struct run *r = k->runs; r; r = r->next)
		n++;
	return n;
}

static void dispatch(struct keeper *k, const struct polled *p, size_t n_runs)
{
	const struct pollfd *fds = p->fds;
	struct signalfd_siginfo si;
	size_t i = 2 + 2 * n_runs;

	/* Runs and channels are only added in front, and removed after they were looked at. */
	dispatch_runs(k, fds + 2, p->n - 2 < 2 * n_runs ? p->n - 2 : 2 * n_runs);
	for (struct channel *ch = k->channels, *next; ch && i < p->n; ch = next, i++) {
		next = ch->next;
		if (fds[i].fd != ch->fd || !fds[i].revents)
			continue;
		ch->is_full = ch->is_full && !(fds[i].revents & POLLOUT);
		if (!read_channel(k, ch))
			continue;
		if (!ch->is_full && ch->run && ch->run->phase == PHASE_RUNNING && ch->run->has_exited)
			read_last(k, ch->run);
	}
	if (fds[0].revents && read(k->signal_fd, &si, sizeof(si)) > 0)
		reap(k);
	if (fds[1].revents && k->control_fd >= 0)
		read_control(k);
}

static void retry_and_time(struct keeper *k)
{
	int64_t now_us = clock_mono_us();

	for (struct run *r = k->runs, *next; r; r = next) {
		next = r->next;
		check_time(r, now_us);
		if (!r->channel && r->phase != PHASE_RUNNING && now_us >= r->end_us)
			settle_alone(k, r);
	}
}

static void keep(struct keeper *k)
{
	struct polled p = {0};

	while (k->control_fd >= 0 || k->channels || k->runs) {
		size_t n_runs = count_runs(k);
		int timeout_ms = gather(k, &p);

		if (poll(p.fds, p.n, timeout_ms) > 0)
			dispatch(k, &p, n_runs);
		retry_and_time(k);
	}
}

/* ---- start ---- */

static void become_keeper(int control_fd, bool keeps_log)
{
	struct keeper k = {.control_fd = control_fd};
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t all, none, child;

	setsid();
	prctl(PR_SET_NAME, "retrysafe-keep");
	sigfillset(&all);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &all, NULL);
	dup2(null_fd, 0);
	dup2(null_fd, 1);
	if (!keeps_log)
		dup2(null_fd, 2);
	close_all_but(&control_fd, 1);
	if (chdir("/") != 0)
		_exit(111);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	k.signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (k.signal_fd < 0 || posix_spawnattr_init(&k.attr) != 0)
		_exit(111);
	posix_spawnattr_setflags(
		&k.attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	memset(&all, 0xff, sizeof(all)); /* also the two that sigfillset(3) leaves out */
	posix_spawnattr_setsigdefault(&k.attr, &all);
	posix_spawnattr_setsigmask(&k.attr, &none);
	keep(&k);
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

enum err keeper_channel(int control_fd, int *channel_fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {(char[1]){0}, 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int pair[2], size = 2 * ORDER_MAX;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return err_set(ERR_NOMEM, "open a channel to the keeper: %s", strerror(errno));
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &pair[1], sizeof(int));
	if (sendmsg(control_fd, &msg, MSG_NOSIGNAL) < 0) {
		int why = errno;

		close(pair[0]);
		close(pair[1]);
		return err_set(why == EPIPE || why == ECONNRESET ? ERR_GONE : ERR_SYSTEM,
			"open a channel to the keeper: %s", strerror(why));
	}
	close(pair[1]);
	*channel_fd = pair[0];
	return OK;
}
