/* SPDX-License-Identifier: ISC */
/* Claim: bytes leave whole and in order, also when the other end takes few and two threads send. */
#include "cgi/outlet.h"
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE  3000
#define PIECES 400

static int ends[2];

static struct outlet open_pair(void)
{
	struct outlet o;
	int size = 4096;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		abort();
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	outlet_open(&o, ends[0]);
	return o;
}

static void close_pair(struct outlet *o)
{
	outlet_close(o);
	close(ends[0]);
	if (ends[1] >= 0)
		close(ends[1]);
}

/* A piece of one letter in two parts. */
static int make_piece(char letter, char *buf, struct iovec iov[2])
{
	memset(buf, letter, PIECE);
	iov[0] = (struct iovec){buf, 8};
	iov[1] = (struct iovec){buf + 8, PIECE - 8};
	return 2;
}

/* Reads pieces until the other end closes; the number of whole ones, or -1 when two are mixed. */
static void *read_pieces(void *arg)
{
	int *n_whole = arg;
	char buf[PIECE];
	ssize_t n;

	*n_whole = 0;
	while ((n = recv(ends[1], buf, sizeof(buf), MSG_WAITALL)) == PIECE) {
		for (int i = 1; i < PIECE; i++)
			if (buf[i] != buf[0]) {
				*n_whole = -1;
				return NULL;
			}
		++*n_whole;
		usleep(50);
	}
	if (n != 0)
		*n_whole = -1;
	return NULL;
}

static void *post_pieces(void *arg)
{
	struct outlet *o = arg;
	char buf[PIECE];
	struct iovec iov[2];
	bool is_there = true;

	for (int i = 0; i < PIECES / 8 && is_there; i++)
		is_there = outlet_post(o, iov, make_piece('p', buf, iov));
	return is_there ? arg : NULL;
}

/* One thread sends and waits, another one posts, and the reader is slow. */
static void send_and_post(void)
{
	struct outlet o = open_pair();
	pthread_t reader, poster;
	char buf[PIECE];
	struct iovec iov[2];
	int n_whole = 0, n_sent = 0;
	void *has_posted;

	pthread_create(&reader, NULL, read_pieces, &n_whole);
	pthread_create(&poster, NULL, post_pieces, &o);
	while (n_sent < PIECES && outlet_send(&o, iov, make_piece('s', buf, iov)))
		n_sent++;
	pthread_join(poster, &has_posted);
	ok(has_posted != NULL, "all is posted");
	is_int(n_sent, PIECES, "all is sent");
	outlet_send(&o, iov, 0); /* what is queued */
	shutdown(ends[0], SHUT_WR);
	pthread_join(reader, NULL);
	is_int(n_whole, PIECES + PIECES / 8, "and comes whole");
	close_pair(&o);
}

/* A sender that must not wait is told when to come again. */
static void try_to_send(void)
{
	struct outlet o = open_pair();
	pthread_t reader;
	char buf[PIECE];
	struct iovec iov[2];
	int n_sent = 0, n_full = 0, n_whole = 0;
	bool was_sent = true, is_there = true;

	while (is_there && was_sent && n_sent < PIECES) {
		is_there = outlet_try(&o, iov, make_piece('t', buf, iov), &was_sent);
		n_sent += was_sent;
	}
	ok(is_there && !was_sent, "no thread reads: %d pieces, and no more", n_sent);
	ok(outlet_is_full(&o), "it is full");
	ok(!(poll(&(struct pollfd){ends[0], POLLOUT, 0}, 1, 0) > 0), "and poll(2) says so");
	pthread_create(&reader, NULL, read_pieces, &n_whole);
	while (is_there && n_sent < PIECES) {
		is_there = outlet_try(&o, iov, make_piece('t', buf, iov), &was_sent);
		n_sent += was_sent;
		n_full += !was_sent;
		if (!was_sent)
			poll(&(struct pollfd){ends[0], POLLOUT, 0}, 1, 10000);
	}
	ok(is_there && n_full > 0, "it was full %d times more", n_full);
	outlet_send(&o, iov, 0);
	ok(!outlet_is_full(&o), "at the end all has left");
	shutdown(ends[0], SHUT_WR);
	pthread_join(reader, NULL);
	is_int(n_whole, PIECES, "each piece came once");
	close_pair(&o);
}

static void have_limits(void)
{
	struct outlet o = open_pair();
	char buf[PIECE];
	struct iovec iov[2];
	int n_posted = 0;
	bool was_sent;

	while (n_posted < 2 * OUTLET_QUEUE_MAX / PIECE &&
		outlet_post(&o, iov, make_piece('q', buf, iov)))
		n_posted++;
	ok(n_posted * PIECE >= OUTLET_QUEUE_MAX / 2 && n_posted * PIECE < 2 * OUTLET_QUEUE_MAX,
		"%d pieces are queued, and no more", n_posted);
	close(ends[1]);
	ends[1] = -1;
	ok(!outlet_try(&o, iov, make_piece('g', buf, iov), &was_sent), "the other end has left");
	ok(!outlet_send(&o, iov, make_piece('g', buf, iov)), "also for one that would wait");
	close_pair(&o);
}

/* A CGI program's standard output is a pipe or a file. */
static void write_to_pipe(void)
{
	struct outlet o;
	char buf[PIECE];
	struct iovec iov[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		abort();
	outlet_open(&o, ends[1]);
	ok(outlet_send(&o, iov, make_piece('f', buf, iov)), "a pipe takes it");
	is_int((int)read(ends[0], buf, sizeof(buf)), PIECE, "all of it");
	close_pair(&o);
}

int main(void)
{
	send_and_post();
	try_to_send();
	have_limits();
	write_to_pipe();
	return done_testing();
}
