/* SPDX-License-Identifier: ISC */
/*
 * cgi/web_peer.c - FastCGI 1.0 and CGI/1.1, made alike
 *
 * RULES
 *   (1) A connection that the server wants to keep is given back after each request; no thread
 *       waits for its next one, nor for the first one of a new connection.  It is kept only when
 *       the answer was sent as a whole (t25-keep-alive).
 *   (2) Bytes that came behind a request are the next one's, and are kept with the connection
 *       (t25-keep-alive).
 *   (3) The body has ended only when its empty record has come (t20-bad-input).
 *
 * Does not know: what a request means.
 */
#include "cgi/web_peer.h"

#include "base/blocked.h"
#include "base/clock.h"
#include "base/log.h"
#include "cgi/fastcgi.h"
#include "cgi/outlet.h"

#include <errno.h>
#include <fastcgi.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern char **environ;

#define RECORD_MAX      65528 /* content of one record: the largest multiple of 8 */
#define SLOW_SECONDS    60    /* that a request may take to come at any speed */
#define LEAVING_MS      1000  /* the same, when the gateway has to leave */
#define SILENT_MS       60000 /* that a server may let us wait for its next bytes */
#define FIRST_WAIT_MS   100   /* for the first bytes of a request, before a thread is freed */
#define DRAIN_SECONDS   60
#define LOG_PATIENCE_MS 1000

struct web_peer {
	bool is_cgi;
	bool has_ended;   /* the body is read to its end */
	bool is_broken;   /* it broke off */
	bool is_answered; /* the request has been ended */
	bool is_lost;     /* writing failed */
	int log_patience_ms;
	int64_t left; /* CGI: bytes of the body not read yet; -1: until end of file */

	/* FastCGI */
	int64_t waited_us; /* for bytes of the request */
	int64_t n_read;    /* bytes that have come */
	bool is_slow;
	bool goes_on; /* see web_peer_go_on() */
	struct outlet out;
	struct web_connection *connection; /* borrowed; its fd is -1 meanwhile */
	int fd;                            /* owned */
	struct fastcgi_reader reader;
	size_t at, n; /* bytes of `in` that the reader has not had: from `at`, n of them */
	unsigned char in[WEB_PEER_EARLY_MAX];
};

enum err web_peer_cgi(struct web_peer **out)
{
	struct web_peer *p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(ERR_NOMEM, "out of memory");
	p->is_cgi = true;
	outlet_open(&p->out, STDOUT_FILENO);
	p->log_patience_ms = LOG_PATIENCE_MS;
	p->left = -1;
	*out = p;
	return OK;
}

/* Only the time counts in which we waited: a script that does not read is not the sender's fault.
 */
static bool is_too_slow(const struct web_peer *p)
{
	int64_t seconds = p->waited_us / 1000000;

	return seconds > SLOW_SECONDS && p->n_read < seconds * WEB_PEER_SLOW_BYTES;
}

/* Waits for bytes of the request.  False: none come, too few have come, or the gateway leaves. */
static bool await_bytes(struct web_peer *p)
{
	struct pollfd fds[2] = {
		{p->fd, POLLIN, 0}, {p->goes_on ? -1 : p->connection->stop_fd, POLLIN, 0}};
	int64_t start_us = clock_mono_us();
	int n;

	blocked_begin();
	do
		n = poll(fds, 2, SILENT_MS);
	while (n < 0 && errno == EINTR);
	if (n > 0 && !fds[0].revents) /* the gateway has to leave: a sender may go on, a silent one
					 not */
		(void)!poll(fds, 1, LEAVING_MS);
	blocked_end();
	p->waited_us += clock_mono_us() - start_us;
	p->is_slow = is_too_slow(p);
	return fds[0].revents && !p->is_slow;
}

/* recvmsg(2) that waits. */
static ssize_t receive(struct web_peer *p, struct iovec *iov, int n_iov)
{
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = (size_t)n_iov};
	ssize_t n;

	do
		n = recvmsg(p->fd, &message, MSG_DONTWAIT);
	while (n < 0 && (errno == EINTR || (errno == EAGAIN && await_bytes(p))));
	if (n > 0)
		p->n_read += n;
	return n;
}

/* Reads more into the empty `in`; like read(2). */
static ssize_t fill(struct web_peer *p, bool may_block)
{
	struct iovec iov = {p->in, sizeof(p->in)};
	ssize_t n =
		may_block ? receive(p, &iov, 1) : recv(p->fd, p->in, sizeof(p->in), MSG_DONTWAIT);

	p->at = 0;
	p->n = n > 0 ? (size_t)n : 0;
	return n;
}

/* Gives the reader at most `most` of the bytes that are there. */
static enum fastcgi_event step(struct web_peer *p, size_t most)
{
	const unsigned char *in = p->in + p->at;
	size_t given = p->n < most ? p->n : most, left = given;
	enum fastcgi_event event = fastcgi_read(&p->reader, &in, &left);

	p->at += given - left;
	p->n -= given - left;
	return event;
}

/* Waits for the first bytes of a request: OK, ERR_BUSY, ERR_GONE. */
static enum err await_request(struct web_peer *p)
{
	struct pollfd fd = {p->fd, POLLIN, 0};
	ssize_t n = fill(p, false);

	if (n < 0 && errno == EAGAIN) {
		/* A request that has come a moment after its connection is served even when the
		 * gateway has to leave: a parked connection would be closed. */
		blocked_begin();
		(void)!poll(&fd, 1, FIRST_WAIT_MS);
		blocked_end();
		n = fill(p, false);
	}
	if (n < 0 && errno == EAGAIN)
		return err_set(ERR_BUSY, "there is no request yet");
	return n > 0 ? OK : err_set(ERR_GONE, "the server has closed the connection");
}

static bool send_answer(struct web_peer *p);

/* Reads on until the parameters of a request are there; returns like web_peer_accept(). */
static enum err read_request(struct web_peer *p)
{
	for (;;) {
		enum err e = OK;

		switch (step(p, sizeof(p->in))) {
		case FASTCGI_MORE:
			if (fastcgi_is_idle(&p->reader))
				e = await_request(p);
			else if (fill(p, true) <= 0)
				e = err_set(ERR_INVALID, "a FastCGI request broke off");
			if (e != OK)
				return e;
			break;
		case FASTCGI_ANSWER:
			if (!send_answer(p))
				return err_set(ERR_GONE, "the server has closed the connection");
			break;
		case FASTCGI_REQUEST:
			return fastcgi_params(&p->reader) ? OK
							  : err_set(ERR_NOMEM, "out of memory");
		case FASTCGI_NOMEM:
			return err_set(ERR_NOMEM, "out of memory");
		default:
			return err_set(ERR_INVALID,
				"a connection did not bring a FastCGI request: %s",
				p->reader.mistake);
		}
	}
}

/* The connection goes back to where it came from, with what was read of the next request. */
static void give_back(struct web_peer *p)
{
	memcpy(p->connection->early, p->in + p->at, p->n);
	p->connection->n_early = p->n;
	p->connection->fd = p->fd;
}

enum err web_peer_accept(struct web_connection *c, struct web_peer **out)
{
	struct web_peer *p = malloc(sizeof(*p));
	enum err e = p ? OK : err_set(ERR_NOMEM, "out of memory");

	if (p) {
		memset(p, 0, offsetof(struct web_peer, in));
		p->log_patience_ms = LOG_PATIENCE_MS;
		p->connection = c;
		p->fd = c->fd;
		p->n = c->n_early;
		outlet_open(&p->out, p->fd);
		memcpy(p->in, c->early, c->n_early);
		fastcgi_init(&p->reader);
		c->fd = -1;
		c->n_early = 0;
		e = read_request(p);
	}
	if (e == OK) {
		*out = p;
		return OK;
	}
	if (e == ERR_BUSY)
		give_back(p);
	else
		close(p ? p->fd : c->fd);
	if (!p)
		c->fd = -1;
	else {
		fastcgi_free(&p->reader);
		outlet_close(&p->out);
	}
	free(p);
	return e;
}

bool web_peer_is_cgi(const struct web_peer *p)
{
	return p->is_cgi;
}

char *const *web_peer_params(struct web_peer *p)
{
	return p->is_cgi ? environ : fastcgi_params(&p->reader);
}

const char *web_peer_mistake(const struct web_peer *p)
{
	if (p->is_cgi)
		return NULL;
	if (p->reader.request.is_too_long)
		return "The web server sent more variables, or more bytes of them, than are taken";
	return p->reader.request.has_nul ? "A variable of the request holds a NUL byte" : NULL;
}

bool web_peer_is_slow(const struct web_peer *p)
{
	return p->is_slow;
}

void web_peer_set_length(struct web_peer *p, int64_t len)
{
	p->left = len;
}

static ssize_t read_cgi(struct web_peer *p, void *buf, size_t want)
{
	ssize_t n;

	if (p->left >= 0 && (int64_t)want > p->left)
		want = (size_t)p->left;
	if (want == 0) {
		p->has_ended = true;
		return 0;
	}
	do
		n = read(STDIN_FILENO, buf, want);
	while (n < 0 && errno == EINTR);
	if (n > 0 && p->left > 0)
		p->left -= n;
	p->has_ended = n == 0;
	p->is_broken = n < 0;
	return n;
}

/* Reads bytes of the record of the body that has begun, and what is behind it, past the reader. */
static ssize_t read_through(struct web_peer *p, void *buf, size_t want)
{
	size_t left = fastcgi_body_left(&p->reader), body;
	struct iovec iov[2] = {{buf, want < left ? want : left}, {p->in, sizeof(p->in)}};
	ssize_t n = receive(p, iov, 2);

	if (n <= 0)
		return -1;
	body = (size_t)n < iov[0].iov_len ? (size_t)n : iov[0].iov_len;
	fastcgi_body_taken(&p->reader, body);
	p->at = 0;
	p->n = (size_t)n - body;
	return (ssize_t)body;
}

static ssize_t read_fastcgi(struct web_peer *p, void *buf, size_t want)
{
	for (;;) {
		if (p->n == 0 && fastcgi_body_left(&p->reader) > 0) {
			ssize_t n = read_through(p, buf, want);

			p->is_broken = n < 0;
			return n;
		}
		switch (step(p, want)) {
		case FASTCGI_BODY:
			memcpy(buf, p->reader.data, p->reader.len);
			return (ssize_t)p->reader.len;
		case FASTCGI_BODY_END:
			p->has_ended = true;
			return 0;
		case FASTCGI_ANSWER:
			p->is_broken = !send_answer(p);
			break;
		case FASTCGI_MORE:
			p->is_broken = p->n == 0 && fastcgi_body_left(&p->reader) == 0 &&
				       fill(p, true) <= 0;
			break;
		default:
			p->is_broken = true;
		}
		if (p->is_broken)
			return -1;
	}
}

ssize_t web_peer_read(struct web_peer *p, void *buf, size_t want)
{
	if (p->has_ended || want == 0)
		return 0;
	if (p->is_broken)
		return -1;
	return p->is_cgi ? read_cgi(p, buf, want) : read_fastcgi(p, buf, want);
}

struct pollfd web_peer_pollfd(const struct web_peer *p)
{
	/* A server may close its half of a CGI program's stdin socket when the body is sent. */
	return p->is_cgi ? (struct pollfd){.fd = STDOUT_FILENO}
			 : (struct pollfd){.fd = p->fd, .events = POLLRDHUP};
}

bool web_peer_is_gone(const struct web_peer *p)
{
	struct pollfd fd = web_peer_pollfd(p);

	return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* ---- output ---- */

/* The answer to a management record, from whichever thread reads. */
static bool send_answer(struct web_peer *p)
{
	struct iovec iov = {p->reader.answer, p->reader.answer_len};

	return outlet_post(&p->out, &iov, 1);
}

static FCGI_Header record_header(const struct web_peer *p, int type, size_t content, size_t padding)
{
	return (FCGI_Header){
		.version = FCGI_VERSION_1,
		.type = (unsigned char)type,
		.requestIdB1 = (unsigned char)(p->reader.request.id >> 8),
		.requestIdB0 = (unsigned char)p->reader.request.id,
		.contentLengthB1 = (unsigned char)(content >> 8),
		.contentLengthB0 = (unsigned char)content,
		.paddingLength = (unsigned char)padding,
	};
}

/* Moves up to `room` bytes from the front of `from` into `to`; returns their number. */
static size_t move_bytes(
	struct iovec **from, int *n_from, struct iovec *to, int *n_to, int max_to, size_t room)
{
	size_t moved = 0;

	while (*n_from > 0 && moved < room && *n_to < max_to) {
		size_t piece = (*from)->iov_len < room - moved ? (*from)->iov_len : room - moved;

		if (piece > 0)
			to[(*n_to)++] = (struct iovec){(*from)->iov_base, piece};
		(*from)->iov_base = (char *)(*from)->iov_base + piece;
		(*from)->iov_len -= piece;
		moved += piece;
		if ((*from)->iov_len == 0) {
			++*from;
			--*n_from;
		}
	}
	return moved;
}

/* One STDOUT record a turn, and with the last one the end of the stream and of the request. */
static bool write_records(struct web_peer *p, struct iovec *in, int n, bool is_last)
{
	static const char zeros[8];
	FCGI_Header head, end_of_stream = record_header(p, FCGI_STDOUT, 0, 0);
	FCGI_EndRequestRecord end = {
		.header = record_header(p, FCGI_END_REQUEST, sizeof(end.body), 0),
		.body = {.protocolStatus = FCGI_REQUEST_COMPLETE}};

	do {
		struct iovec out[16];
		int n_out = 1;
		size_t len = move_bytes(&in, &n, out, &n_out, 12, RECORD_MAX);
		size_t padding = (8 - len % 8) % 8;

		head = record_header(p, FCGI_STDOUT, len, padding);
		out[0] = (struct iovec){&head, len > 0 ? sizeof(head) : 0};
		if (padding > 0)
			out[n_out++] = (struct iovec){(void *)(uintptr_t)zeros, padding};
		if (n == 0 && is_last) {
			out[n_out++] = (struct iovec){&end_of_stream, sizeof(end_of_stream)};
			out[n_out++] = (struct iovec){&end, sizeof(end)};
		}
		if (!outlet_send(&p->out, out, n_out))
			return false;
	} while (n > 0);
	return true;
}

/*
 * Some servers send TERM to a CGI program as soon as they have its whole answer.  From the first
 * byte on so little is left to do that the signal waits until it is done.
 */
static void block_term(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

bool web_peer_write(struct web_peer *p, const struct iovec *iov, int n, bool is_last)
{
	struct iovec copy[8];

	if (p->is_lost || p->is_answered || n > 8)
		return false;
	if (p->is_cgi)
		block_term();
	if (n > 0)
		memcpy(copy, iov, (size_t)n * sizeof(*iov));
	p->is_lost =
		p->is_cgi ? !outlet_send(&p->out, copy, n) : !write_records(p, copy, n, is_last);
	p->is_answered = is_last;
	return !p->is_lost;
}

ssize_t web_peer_pass(struct web_peer *p, const char *buf, size_t len)
{
	size_t piece = len < RECORD_MAX ? len : RECORD_MAX;
	FCGI_Header head = record_header(p, FCGI_STDOUT, piece, 0);
	struct iovec iov[2] = {{&head, sizeof(head)}, {(void *)(uintptr_t)buf, piece}};
	struct iovec all = {(void *)(uintptr_t)buf, len};
	bool was_sent = false;

	if (p->is_cgi)
		return web_peer_write(p, &all, 1, false) ? (ssize_t)len : -1;
	if (p->is_lost || p->is_answered)
		return -1;
	p->is_lost = !outlet_try(&p->out, iov, piece > 0 ? 2 : 0, &was_sent);
	if (p->is_lost)
		return -1;
	return was_sent ? (ssize_t)piece : 0;
}

bool web_peer_is_full(struct web_peer *p)
{
	return outlet_is_full(&p->out);
}

void web_peer_go_on(struct web_peer *p)
{
	p->goes_on = true;
}

void web_peer_break(struct web_peer *p)
{
	p->is_lost = true;
}

/* A script's complaints must not hold up its end. */
static bool waits_for_room(struct web_peer *p)
{
	struct pollfd fd = {.fd = p->is_cgi ? STDERR_FILENO : p->fd, .events = POLLOUT};
	int64_t start_us = clock_mono_us();
	bool has_room = poll(&fd, 1, 0) == 1;

	if (!has_room) {
		blocked_begin();
		has_room = poll(&fd, 1, p->log_patience_ms) == 1;
		blocked_end();
	}

	p->log_patience_ms -= (int)((clock_mono_us() - start_us) / 1000);
	if (p->log_patience_ms < 0)
		p->log_patience_ms = 0;
	return has_room;
}

void web_peer_log(struct web_peer *p, const char *text, size_t len)
{
	if (p->is_cgi) {
		if (waits_for_room(p))
			log_raw(text, len);
		return;
	}
	if (p->is_answered)
		return;
	while (len > 0 && !p->is_lost) {
		size_t piece = len < RECORD_MAX ? len : RECORD_MAX;
		FCGI_Header head = record_header(p, FCGI_STDERR, piece, 0);
		struct iovec iov[2] = {{&head, sizeof(head)}, {(void *)(uintptr_t)text, piece}};

		if (!waits_for_room(p))
			return;
		p->is_lost = !outlet_post(&p->out, iov, 2);
		text += piece;
		len -= piece;
	}
}

void web_peer_drain(struct web_peer *p, int64_t max_bytes)
{
	int64_t end_us = clock_mono_us() + DRAIN_SECONDS * INT64_C(1000000);
	char buf[8192];

	while (max_bytes > 0 && clock_mono_us() < end_us) {
		ssize_t n = web_peer_read(p, buf, sizeof(buf));

		if (n <= 0)
			return;
		max_bytes -= n;
	}
}

void web_peer_stop_reading(struct web_peer *p)
{
	if (!p->is_cgi)
		shutdown(p->fd, SHUT_RD);
}

void web_peer_close(struct web_peer **pp)
{
	struct web_peer *p = *pp;
	bool is_kept;

	if (!p)
		return;
	if (!p->is_cgi) {
		if (!p->is_answered)
			web_peer_write(p, NULL, 0, true);
		is_kept = p->reader.request.may_keep && !p->is_lost && !p->is_broken &&
			  fastcgi_is_between(&p->reader);
		/*
		 * mod_proxy_fcgi may send the end of a body, also of none, when it has its answer
		 * already, and takes a connection that is closed before for an error.
		 */
		if (!is_kept && !p->is_lost)
			web_peer_drain(p, INT64_MAX);
		if (is_kept)
			give_back(p);
		else
			close(p->fd);
		fastcgi_free(&p->reader);
	}
	outlet_close(&p->out);
	free(p);
	*pp = NULL;
}
