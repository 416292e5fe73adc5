/* SPDX-License-Identifier: ISC */
/*
 * cgi/web_peer.c - FastCGI 1.0 (through libfcgi for reading) and CGI/1.1, made alike
 *
 * RULES
 *   (1) libfcgi never accepts: the connection is accepted in cgi/listener.c and put into an
 *       FCGX_Request.  libfcgi's accept misses signals, and hands its descriptors on to scripts
 *       (t23-shutdown, t24-environment).
 *   (2) A connection that the server wants to keep is given back after each request; no thread
 *       waits for its next one.  It is kept only when the body was read to its end and the answer
 *       was sent as a whole (t25-keep-alive).
 *   (3) The body has ended only when libfcgi says so without an error (t20-bad-input).
 *
 * libfcgi's output streams are not used; records are written here, with writev(2).
 *
 * Does not know: what a request means.
 */
#include "cgi/web_peer.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fastcgi.h>
#include <fcgiapp.h>
#include <fcgios.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

extern char **environ;

#define RECORD_MAX      65528 /* content of one record: the largest multiple of 8 */
#define READ_MAX        8192  /* that libfcgi reads at once */
#define DRAIN_SECONDS   60
#define LOG_PATIENCE_MS 1000

struct web_peer {
	bool is_cgi;
	bool has_ended;   /* the body is read to its end */
	bool is_broken;   /* it broke off */
	bool is_answered; /* the request has been ended */
	bool is_lost;     /* writing failed */
	bool may_keep;    /* the server wants to use the connection again (FCGI_KEEP_CONN) */
	int *kept;        /* see web_peer_reuse(); NULL: the connection is closed at the end */
	int log_patience_ms;
	unsigned char protocol_status; /* what the end of the request says */
	int64_t left; /* CGI: bytes of the body not read yet; -1: until end of file */
	FCGX_Request fcgi;
};

enum err web_peer_prepare(void)
{
	if (FCGX_Init() != 0)
		return err_set(ERR_SYSTEM, "libfcgi cannot start");
	return OK;
}

enum err web_peer_cgi(struct web_peer **out)
{
	struct web_peer *p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(ERR_NOMEM, "out of memory");
	p->is_cgi = true;
	p->log_patience_ms = LOG_PATIENCE_MS;
	p->left = -1;
	*out = p;
	return OK;
}

enum err web_peer_accept(int fd, struct web_peer **out)
{
	struct web_peer *p = calloc(1, sizeof(*p));

	if (!p) {
		close(fd);
		return err_set(ERR_NOMEM, "out of memory");
	}
	p->log_patience_ms = LOG_PATIENCE_MS;
	FCGX_InitRequest(&p->fcgi, -1, 0);
	p->fcgi.ipcFd = fd;
	p->fcgi.keepConnection = 1; /* so that libfcgi takes this connection instead of accepting */
	if (FCGX_Accept_r(&p->fcgi) != 0) {
		/* libfcgi has closed the connection, and found no listening socket for another. */
		if (p->fcgi.ipcFd >= 0)
			close(p->fcgi.ipcFd);
		FCGX_Free(&p->fcgi, 0);
		free(p);
		return err_set(ERR_INVALID, "a connection did not bring a FastCGI request");
	}
	p->may_keep = p->fcgi.keepConnection;
	p->fcgi.keepConnection = 0;
	/* Parameters that break off between two of them look complete, but for this. */
	if (FCGX_GetError(p->fcgi.in) != 0) {
		web_peer_close(&p);
		return err_set(ERR_INVALID, "the parameters of a FastCGI request broke off");
	}
	if (p->fcgi.role != FCGI_RESPONDER) {
		p->protocol_status = FCGI_UNKNOWN_ROLE;
		web_peer_close(&p);
		return err_set(ERR_INVALID, "a FastCGI request was not for a responder");
	}
	*out = p;
	return OK;
}

bool web_peer_is_cgi(const struct web_peer *p)
{
	return p->is_cgi;
}

char *const *web_peer_params(const struct web_peer *p)
{
	return p->is_cgi ? environ : p->fcgi.envp;
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

/* Can libfcgi have another byte without waiting?  The rest of a record may be padding, and the next
 * one's header comes before its content. */
static bool has_more(const struct web_peer *p)
{
	int there = 0;

	return ioctl(p->fcgi.ipcFd, FIONREAD, &there) == 0 &&
	       there > UINT8_MAX + (int)sizeof(FCGI_Header);
}

/*
 * What libfcgi has, else one byte and what came with it, and what else is there: never waits for a
 * full buffer.  libfcgi gives out READ_MAX bytes at most, and then what is left of a record.
 */
static ssize_t read_fastcgi(struct web_peer *p, char *buf, size_t want)
{
	FCGX_Stream *in = p->fcgi.in;
	size_t done = 0;

	do {
		size_t there = (size_t)(in->stop - in->rdNext);
		int n;

		if (there == 0)
			there = 1;
		n = FCGX_GetStr(buf + done, (int)(there < want - done ? there : want - done), in);
		if (n <= 0) {
			p->is_broken = FCGX_GetError(in) != 0;
			p->has_ended = !p->is_broken;
			break;
		}
		done += (size_t)n;
	} while (done < want && (in->stop > in->rdNext || (done > READ_MAX / 2 && has_more(p))));
	return done > 0 || p->has_ended ? (ssize_t)done : -1;
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
			 : (struct pollfd){.fd = p->fcgi.ipcFd, .events = POLLRDHUP};
}

bool web_peer_is_gone(const struct web_peer *p)
{
	struct pollfd fd = web_peer_pollfd(p);

	return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* Writes all of iov, which is changed. */
static bool write_all(int fd, struct iovec *iov, int n)
{
	while (n > 0) {
		ssize_t done = writev(fd, iov, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		while (n > 0 && (size_t)done >= iov->iov_len) {
			done -= (ssize_t)iov->iov_len;
			iov++;
			n--;
		}
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	return true;
}

static FCGI_Header record_header(const struct web_peer *p, int type, size_t content, size_t padding)
{
	return (FCGI_Header){
		.version = FCGI_VERSION_1,
		.type = (unsigned char)type,
		.requestIdB1 = (unsigned char)(p->fcgi.requestId >> 8),
		.requestIdB0 = (unsigned char)p->fcgi.requestId,
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
		.body = {.protocolStatus = p->protocol_status}};

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
		if (!write_all(p->fcgi.ipcFd, out, n_out))
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
	p->is_lost = p->is_cgi ? !write_all(STDOUT_FILENO, copy, n)
			       : !write_records(p, copy, n, is_last);
	p->is_answered = is_last;
	return !p->is_lost;
}

void web_peer_break(struct web_peer *p)
{
	p->is_lost = true;
}

/* A script's complaints must not hold up its end. */
static bool waits_for_room(struct web_peer *p)
{
	struct pollfd fd = {.fd = p->is_cgi ? STDERR_FILENO : p->fcgi.ipcFd, .events = POLLOUT};
	int64_t start_us = clock_mono_us();
	bool has_room = poll(&fd, 1, p->log_patience_ms) == 1;

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
		p->is_lost = !write_all(p->fcgi.ipcFd, iov, 2);
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
		shutdown(p->fcgi.ipcFd, SHUT_RD);
}

void web_peer_reuse(struct web_peer *p, int *fd)
{
	*fd = -1;
	p->kept = fd;
}

void web_peer_close(struct web_peer **pp)
{
	struct web_peer *p = *pp;

	if (!p)
		return;
	if (!p->is_cgi) {
		if (!p->is_answered)
			web_peer_write(p, NULL, 0, true);
		/*
		 * mod_proxy_fcgi may send the end of a body, also of none, when it has its answer
		 * already, and takes a connection that is closed before for an error.
		 */
		if (!p->is_lost)
			web_peer_drain(p, INT64_MAX);
		/* A server that sent another request before, which FCGI_MPXS_CONNS=0 forbids, has
		 * lost it: libfcgi has read it, too. */
		if (p->kept && p->may_keep && p->has_ended && !p->is_lost)
			*p->kept = p->fcgi.ipcFd;
		else
			close(p->fcgi.ipcFd);
		FCGX_Free(&p->fcgi, 0);
	}
	free(p);
	*pp = NULL;
}
