/* SPDX-License-Identifier: ISC */
/*
 * gateway/pass.c - passes bytes from the server to the script and back, as without us
 *
 * The body is pumped into the script's standard input by a thread of its own, because the
 * peer is read blocking; the output is passed on here.  A script that ignores its body, or writes
 * before it reads, therefore never waits for us.
 *
 * RULES
 *   (1) Not a byte is changed, but that a body without CONTENT_LENGTH (a client that sent chunks)
 *       is read first, because RFC 3875, section 4.2, promises the script its length.  No limit of
 *       protected requests counts (t22-pass-through).
 *   (2) Over FastCGI no output leaves before the body has been read to its end: nginx stops sending
 *       a body once it has the head of the answer, and then waits for the answer's end, as the
 *       script waits for the body's.  Earlier output is held (t22-pass-through).
 *   (3) The answer is over when the script has ended and its pipe is empty, or when the pipe is
 *       closed: a grandchild that holds the pipe delays nothing (t22-pass-through).
 *   (4) When the client leaves, the pipes are closed and the script is left to end by itself, as
 *       web servers do; the keeper enforces its time limit (t22-pass-through).
 *
 * Does not know: keys and the store.
 */
#include "gateway/pass.h"

#include "base/blocked.h"
#include "base/clock.h"
#include "base/log.h"
#include "cgi/listener.h"
#include "gateway/body.h"
#include "gateway/refusal.h"
#include "gateway/request_log.h"
#include "gateway/route.h"
#include "keeper/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PIECE         65536
#define SMALL_BODY    65536      /* bytes: fits into a pipe, needs no thread */
#define HELD_MAX      (16 << 20) /* bytes for a slow reader; then its script waits */
#define FREED_AT_ONCE (1 << 20)  /* bytes */
#define REPORT_MS     50 /* a script that has closed its output has ended by then, as a rule */

struct pump {
	struct web_peer *peer;
	int out_fd;     /* the script's standard input; does not block */
	int over_fd;    /* readable: the answer is over */
	int read_fd;    /* readable: the body has been read to its end, or broke off */
	int64_t length; /* announced; -1: not */
	bool is_started;
	pthread_t thread;
};

/* False: the script, or the answer that is over, wants no more of the body. */
static bool feed_script(const struct pump *p, const char *buf, ssize_t n)
{
	struct pollfd fds[2] = {{p->out_fd, POLLOUT, 0}, {p->over_fd, POLLIN, 0}};

	while (n > 0) {
		ssize_t done = write(p->out_fd, buf, (size_t)n);

		if (done > 0) {
			buf += done;
			n -= done;
		} else if (errno == EAGAIN) {
			/* A grandchild may hold the pipe and never read it. */
			if (poll(fds, 2, -1) > 0 && fds[1].revents)
				return false;
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

static void *pump_body(void *arg)
{
	struct pump *p = arg;
	char buf[PIECE];
	bool is_wanted = true;
	ssize_t n;

	/* A script need not read its body, but the server must get rid of it. */
	while ((n = web_peer_read(p->peer, buf, sizeof(buf))) > 0)
		is_wanted = is_wanted && feed_script(p, buf, n);
	close(p->out_fd);
	eventfd_write(p->read_fd, 1);
	return NULL;
}

/* The output of a script on its way to the client. */
struct answer {
	struct request *r;
	int fd;            /* the script's standard output; does not block; -1: at its end */
	bool is_held;      /* rule (2) */
	struct spool held; /* output that the client has not taken, or must not have yet */
	int64_t sent;      /* bytes of `held` that it has taken */
	int64_t freed;     /* of them, bytes whose room is free again */
	int64_t len;       /* bytes that the script has written */
	bool has_begun;    /* the client may have some of them */
};

static void pass_text(void *arg, const char *text, size_t len)
{
	struct request *r = arg;

	web_peer_log(r->peer, text, len);
}

/* The status that the beginning of an answer says, for the log (RFC 3875, section 6.3.3). */
static int status_of(const char *start, size_t len)
{
	char head[1024], *line, *save = NULL;

	snprintf(head, sizeof(head), "%.*s", (int)(len < sizeof(head) ? len : sizeof(head) - 1),
		start);
	for (line = strtok_r(head, "\n", &save); line && *line != '\r';
		line = strtok_r(NULL, "\n", &save))
		if (strncasecmp(line, "Status:", 7) == 0)
			return (int)strtol(line + 7, NULL, 10);
	return 200;
}

static enum err client_left(void)
{
	return err_set(ERR_GONE, "the client has left");
}

static bool is_anything_held(const struct answer *a)
{
	return a->held.fd >= 0 && a->sent < a->held.len;
}

/* Gives the room of bytes that were sent back, where the file system can do that. */
static void free_sent(struct answer *a)
{
	if (a->sent - a->freed >= FREED_AT_ONCE &&
		fallocate(a->held.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)a->freed,
			(off_t)(a->sent - a->freed)) == 0)
		a->freed = a->sent;
}

/* Sends what is held, all of it, or as much as the client takes. */
static enum err send_held(struct answer *a, bool may_wait)
{
	char buf[PIECE];

	while (is_anything_held(a)) {
		ssize_t n = pread(a->held.fd, buf, sizeof(buf), (off_t)a->sent), taken;

		if (n <= 0)
			return err_set(ERR_SYSTEM, "read held output: %s",
				n < 0 ? strerror(errno) : "its end is missing");
		a->has_begun = true;
		taken = !may_wait ? web_peer_pass(a->r->peer, buf, (size_t)n)
			: web_peer_write(a->r->peer, &(struct iovec){buf, (size_t)n}, 1, false)
				? n
				: -1;
		if (taken < 0)
			return client_left();
		if (taken == 0)
			return OK;
		a->sent += taken;
		free_sent(a);
	}
	spool_close(&a->held);
	a->sent = a->freed = 0;
	return OK;
}

/*
 * Keeps bytes until the client takes them: a script does not wait for a slow reader.  Where nothing
 * can be held any more they go as they come, also before the end of the body: some servers take
 * that.
 */
static enum err hold_bytes(struct answer *a, char *buf, size_t len)
{
	int64_t before = a->held.fd < 0 ? 0 : a->held.len;
	enum err e = a->held.fd < 0 ? spool_open(&a->held) : OK;

	if (e == OK && before - a->freed + (int64_t)len <= a->r->cf->max_passed_bytes)
		e = spool_write(&a->held, a->r->cf->spool, buf, len);
	else if (e == OK)
		e = ERR_FULL;
	if (e == OK)
		return OK;
	if (a->is_held)
		log_warn("output that came before the request's end is no longer held: %s",
			e == ERR_FULL ? "there is too much of it" : err_text());
	if (a->held.fd >= 0) {
		if (ftruncate(a->held.fd, before) != 0)
			return err_set(ERR_SYSTEM, "held output: %s", strerror(errno));
		a->held.len = before;
	}
	a->is_held = false;
	e = send_held(a, true);
	a->has_begun = true;
	if (e == OK && !web_peer_write(a->r->peer, &(struct iovec){buf, len}, 1, false))
		e = client_left();
	return e;
}

static enum err pass_bytes(struct answer *a, char *buf, size_t len)
{
	if (a->len == 0)
		a->r->log.status = status_of(buf, len);
	a->len += (int64_t)len;
	while (len > 0 && !a->is_held && !is_anything_held(a)) {
		ssize_t taken = web_peer_pass(a->r->peer, buf, len);

		a->has_begun = true;
		if (taken < 0)
			return client_left();
		if (taken == 0)
			break;
		buf += taken;
		len -= (size_t)taken;
	}
	return len > 0 ? hold_bytes(a, buf, len) : OK;
}

/* Passes on at most `limit` bytes that are in the pipe now. */
static enum err pass_some(struct answer *a, int64_t limit)
{
	char buf[PIECE];

	while (limit > 0) {
		ssize_t n = read(a->fd, buf, limit < PIECE ? (size_t)limit : PIECE);
		enum err e;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return OK;
		if (n <= 0) {
			a->fd = -1;
			return OK;
		}
		e = pass_bytes(a, buf, (size_t)n);
		if (e != OK)
			return e;
		limit -= n;
	}
	return OK;
}

/* A client that takes nothing is waited for as long as by a call that blocks.  False: no longer. */
static bool shorten_wait(int64_t taken_us, int *wait_ms)
{
	int64_t left_ms = LISTENER_WRITE_SECONDS * 1000 - (clock_mono_us() - taken_us) / 1000;

	if (left_ms > 0 && (*wait_ms < 0 || left_ms < *wait_ms))
		*wait_ms = (int)left_ms;
	return left_ms > 0;
}

/* Passes output on until the answer is over: rule (3). */
static enum err pass_output(struct answer *a, struct keeper_link *link, const struct pump *pump,
	struct ending *end, int *failed)
{
	struct request *r = a->r;
	struct pollfd fds[4] = {{a->fd, POLLIN, 0}, {link->fd, POLLIN, 0}, web_peer_pollfd(r->peer),
		{pump->read_fd, POLLIN, 0}};
	const short watched = fds[2].events;
	int64_t taken_us = clock_mono_us(); /* when the client took bytes, or had none to take */
	int timeout_ms = -1, there = 0;

	for (;;) {
		enum err e = OK;
		int wait_ms = timeout_ms, n;

		if (fds[0].fd >= 0)
			fds[0].events = a->is_held || a->held.len - a->sent < HELD_MAX ? POLLIN : 0;
		fds[2].events = watched;
		if (web_peer_is_full(r->peer) || (!a->is_held && is_anything_held(a)))
			fds[2].events |= POLLOUT;
		if (!(fds[2].events & POLLOUT))
			taken_us = clock_mono_us();
		else if (!shorten_wait(taken_us, &wait_ms))
			return client_left();
		blocked_begin();
		n = poll(fds, 4, wait_ms);
		blocked_end();
		if (n == 0 && timeout_ms >= 0 && wait_ms == timeout_ms)
			return OK; /* the script goes on, its answer is over */
		if (n <= 0)
			continue;
		if (fds[2].revents & POLLOUT)
			taken_us = clock_mono_us();
		if (fds[3].revents) {
			fds[3].fd = -1;
			a->is_held = false;
		}
		if ((fds[2].revents & POLLOUT) && web_peer_pass(r->peer, NULL, 0) < 0)
			e = client_left();
		if (e == OK && !a->is_held)
			e = send_held(a, false);
		if (e == OK && fds[0].revents)
			e = pass_some(a, 1 << 20);
		if (e != OK)
			return e;
		if (a->fd < 0 && fds[0].fd >= 0) {
			/* The report says how it ended, and why there is no answer at all. */
			fds[0].fd = -1;
			timeout_ms = a->len > 0 ? REPORT_MS : -1;
		}
		if ((fds[2].revents & ~POLLOUT) && web_peer_is_gone(r->peer))
			return client_left();
		if (!fds[1].revents)
			continue;
		e = link_look(link, pass_text, r, end, failed);
		if (e == ERR_BUSY)
			continue;
		if (e == OK && a->fd >= 0 && ioctl(a->fd, FIONREAD, &there) == 0)
			e = pass_some(a, there);
		return e;
	}
}

/* Moves the body that was read out of r: the descriptor is the caller's. */
static enum err take_body(struct request *r, int *in_fd)
{
	enum err e = body_fd(r, in_fd);

	if (e == OK)
		r->body.spool.fd = -1;
	return e;
}

/*
 * A body whose length the server does not say: in chunks, or as HTTP/2 and FastCGI allow it.  Where
 * there is none, some servers send its end only when they have the answer, so it is not waited for
 * with the methods that have none.
 */
static bool may_have_body(const struct request *r)
{
	const char *method = variables_get(&r->vars, "REQUEST_METHOD");

	return variables_get(&r->vars, "HTTP_TRANSFER_ENCODING") ||
	       (!web_peer_is_cgi(r->peer) && strcasecmp(method, "GET") != 0 &&
		       strcasecmp(method, "HEAD") != 0 && strcasecmp(method, "OPTIONS") != 0);
}

/* The script's standard input: *in_fd for the script, and a pump when the body has to be streamed.
 */
static enum err open_input(struct request *r, int *in_fd, struct pump *pump_out)
{
	int pipe_fds[2];
	enum err e = body_length(r, &pump_out->length);

	if (e != OK)
		return e;
	if (r->body.is_read) /* a key was looked for in it, and was not there */
		return take_body(r, in_fd);
	if (pump_out->length < 0 && may_have_body(r)) {
		e = body_read(r, r->cf->max_passed_bytes, r->cf->spool);
		if (e == OK && r->body.len == 0) /* as it came: without a length */
			e = variables_set(&r->vars, "CONTENT_LENGTH", NULL);
		return e == OK ? take_body(r, in_fd) : e;
	}
	if (pump_out->length <= 0) {
		*in_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (*in_fd < 0)
			return err_set(ERR_NOMEM, "open /dev/null: %s", strerror(errno));
		return OK;
	}
	if (pump_out->length <= SMALL_BODY) {
		e = body_read(r, SMALL_BODY, NULL);
		return e == OK ? take_body(r, in_fd) : e;
	}
	web_peer_set_length(r->peer, pump_out->length);
	if (pipe2(pipe_fds, O_CLOEXEC) != 0)
		return err_set(ERR_NOMEM, "pipe: %s", strerror(errno));
	fcntl(pipe_fds[1], F_SETFL, O_NONBLOCK);
	*in_fd = pipe_fds[0];
	pump_out->out_fd = pipe_fds[1];
	pump_out->peer = r->peer;
	return OK;
}

static enum err start_pump(struct pump *p)
{
	if (p->out_fd < 0)
		return OK;
	p->over_fd = eventfd(0, EFD_CLOEXEC);
	p->read_fd = eventfd(0, EFD_CLOEXEC);
	if (p->over_fd < 0 || p->read_fd < 0 || pthread_create(&p->thread, NULL, pump_body, p) != 0)
		return err_set(ERR_NOMEM, "start a thread: %s", strerror(errno));
	p->is_started = true;
	return OK;
}

/* After the answer: the script does not need the rest of the body, but the server must get rid of
 * it.
 */
static void stop_pump(struct request *r, struct pump *p, bool has_client)
{
	if (p->is_started) {
		eventfd_write(p->over_fd, 1);
		if (!has_client)
			web_peer_stop_reading(r->peer);
		/* A CGI program's input cannot be stopped; its server closes it when the client
		 * leaves. */
		blocked_begin();
		pthread_join(p->thread, NULL);
		blocked_end();
	} else if (p->out_fd >= 0) {
		close(p->out_fd);
	}
	if (p->over_fd >= 0)
		close(p->over_fd);
	if (p->read_fd >= 0)
		close(p->read_fd);
}

/* The run of a request that passes through. */
struct passed {
	struct answer answer;
	struct ending end;
	int failed;      /* the errno with which the script could not be started */
	bool is_ordered; /* it may have been started */
	bool has_client; /* the client had not left when the run was over */
};

/*
 * Orders the run with in_fd as its standard input, and passes its output on.
 *
 * Returns like pass_output(); ERR_ABSENT nothing was started and nothing was sent; ERR_GONE the
 * client or the keeper has left; ERR_INVALID too many variables for an order; ERR_NOMEM;
 * ERR_SYSTEM.  Closes in_fd.
 */
static enum err run_script(struct request *r, int in_fd, struct pump *pump, struct passed *p)
{
	struct keeper_link *link = &r->worker->link;
	int out[2] = {-1, -1};
	struct run_spec spec = {
		.script = &r->script,
		.store_url = "",
		.spool = "",
		.route = r->route ? r->route : &r->cf->defaults,
		.environment = r->vars.list,
		.stdin_fd = in_fd,
	};
	/* The pump first: once the order is sent, the script may run. */
	enum err e = start_pump(pump);

	if (e == OK && pipe2(out, O_CLOEXEC) != 0)
		e = err_set(ERR_NOMEM, "pipe: %s", strerror(errno));
	if (e == OK) {
		fcntl(out[0], F_SETFL, O_NONBLOCK);
		spec.second_fd = out[1];
		e = link_order(link, &spec);
		p->is_ordered = e == OK;
	}
	close(in_fd);
	if (out[1] >= 0)
		close(out[1]);
	p->answer.fd = out[0];
	p->answer.is_held = pump->is_started && !web_peer_is_cgi(r->peer);
	if (e == OK)
		e = pass_output(&p->answer, link, pump, &p->end, &p->failed);
	p->has_client = !web_peer_is_gone(r->peer); /* before we stop reading from it */
	if (out[0] >= 0)
		close(out[0]);
	if (p->is_ordered && e != ERR_ABSENT)
		link_forget(link);
	if (e == ERR_GONE && p->has_client) /* it was the keeper */
		link_close(link);
	return e;
}

/* Ends the answer when the script has ended, or refuses the request when it could not be run. */
static enum next finish_answer(struct request *r, enum err e, struct passed *p)
{
	if (e == ERR_ABSENT) {
		log_warn("%s: %s", r->script.path, strerror(p->failed));
		return refusal_not_started(r, p->failed);
	}
	if (e == OK)
		e = send_held(&p->answer, true);
	if (e == OK && p->answer.len > 0) {
		request_log_write(r);
		web_peer_write(r->peer, NULL, 0, true);
		return FINISHED;
	}
	if (e == OK)
		return refusal_send_as(r, PROBLEM_SCRIPT_FAILED, COUNTER_NOT_STARTED,
			"The script ended without an answer", NULL, 0);
	if (p->answer.has_begun || !p->has_client) {
		web_peer_break(r->peer); /* a part of an answer must not look like all of it */
		return FINISHED;
	}
	if (p->is_ordered)
		return refusal_send_as(r, PROBLEM_SCRIPT_FAILED, COUNTER_NOT_STARTED,
			"The script was started, and it is not known what became of it", NULL, 0);
	return refusal_failed(r, e);
}

static void count_passed(struct request *r)
{
	request_count(r, COUNTER_PASSED);
	r->log.outcome = "passed";
}

/* `max_passing` of this process: false when so many pass through already. */
static _Atomic int64_t n_passing;

static bool begin_passing(const struct request *r)
{
	if (atomic_fetch_add(&n_passing, 1) < r->cf->max_passing)
		return true;
	atomic_fetch_sub(&n_passing, 1);
	return false;
}

/* Runs it in one of the places; what is slow before and behind the run takes none. */
static enum next pass_script(struct request *r, int in_fd, struct pump *pump)
{
	struct passed p = {
		.answer = {.r = r, .fd = -1, .held = SPOOL_CLOSED},
		.end = {.output_fd = -1, .exit_status = -1}, /* until it has been seen */
		.has_client = true,
	};
	enum next next;
	enum err e;

	if (!begin_passing(r)) {
		close(in_fd);
		stop_pump(r, pump, true);
		return refusal_send(r, PROBLEM_OVERLOADED,
			"As many requests as may are passing through", NULL, 1);
	}
	web_peer_go_on(r->peer);
	e = run_script(r, in_fd, pump, &p);
	atomic_fetch_sub(&n_passing, 1);
	stop_pump(r, pump, e == OK || e == ERR_ABSENT || p.has_client);
	count_passed(r);
	r->log.exit_status = p.end.exit_status;
	r->log.run_us = p.end.run_us > 0 ? p.end.run_us : -1;
	next = finish_answer(r, e, &p);
	spool_close(&p.answer.held);
	ending_free(&p.end);
	return next;
}

enum next pass_request(struct request *r)
{
	struct pump pump = {.out_fd = -1, .over_fd = -1, .read_fd = -1};
	int in_fd = -1;
	enum err e;

	if (route_open_script(r) == FINISHED)
		return FINISHED;
	e = link_open(r->worker->control_fd, &r->worker->link);
	if (e != OK)
		return refusal_failed(r, e);
	e = open_input(r, &in_fd, &pump);
	if (e == OK)
		return pass_script(r, in_fd, &pump);
	count_passed(r);
	return body_refuse(r, e);
}
