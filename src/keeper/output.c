/* SPDX-License-Identifier: ISC */
/*
 * keeper/output.c - what a script writes: its output is kept, its error output passed on
 *
 * Does not know: whether the script has ended.
 */
#include "keeper/output.h"

#include "base/log.h"
#include "keeper/report.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_ALONE_MAX (1024 * 1024) /* bytes of a script's error output */
#define OUTPUT_PIECE  65536         /* bytes read at once */
/* Output that begins beyond this many times max_response is counted but not kept anywhere. */
#define OUTPUT_FACTOR 16

static void close_fd(int *fd)
{
	close(*fd);
	*fd = -1;
}

/*
 * The disk takes no more: the output stays in memory as far as an answer may be recorded whole; of
 * a longer one the beginning is enough.  What part of `data` had been written is in c->rest.
 */
static enum err keep_in_memory(struct child *c, const char *data, size_t n, int64_t before)
{
	int64_t done = c->rest.len - before;
	enum err e = spool_leave_disk(&c->rest);

	c->is_without_disk = true;
	if (e == OK && c->output_len <= c->order->policy.max_response_bytes + ORDER_INLINE_MAX)
		e = spool_write(&c->rest, NULL, data + done, n - (size_t)done);
	else
		c->is_cut = true;
	return e;
}

/* Keeps n more bytes of output: in memory, then in the spool, then only their number. */
static void keep_output(struct child *c, const char *data, size_t n)
{
	int64_t max = c->order->policy.max_response_bytes * OUTPUT_FACTOR + ORDER_INLINE_MAX;
	int64_t before = c->output_len;
	enum err e = OK;

	c->output_len += (int64_t)n;
	if (c->rest.fd < 0 && c->output_len <= ORDER_INLINE_MAX) {
		char *grown = realloc(c->output, (size_t)c->output_len);

		if (grown) {
			c->output = grown;
			memcpy(grown + before, data, n);
		}
		c->is_output_lost = c->is_output_lost || !grown;
		return;
	}
	if (c->is_output_lost || c->is_cut || before > max)
		return;
	if (c->rest.fd < 0) {
		e = spool_open(&c->rest);
		if (e == OK && before > 0)
			e = spool_write(&c->rest, NULL, c->output, (size_t)before);
	}
	if (e == OK && !c->is_without_disk)
		e = spool_write(&c->rest, c->strings.spool, data, n);
	if ((e != OK && c->rest.fd >= 0) || c->is_without_disk)
		e = keep_in_memory(c, data, n, before);
	if (e != OK) {
		log_warn("a script's output cannot be kept: %s", err_text());
		c->is_output_lost = true;
	}
}

void output_read(struct child *c, int64_t limit)
{
	static char buf[OUTPUT_PIECE];

	while (limit > 0) {
		size_t want = limit < OUTPUT_PIECE ? (size_t)limit : OUTPUT_PIECE;
		ssize_t n = read(c->read_fd, buf, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			/* A failure is not the end of the output: no answer may be made
			 * of the bytes before. */
			c->is_output_lost = c->is_output_lost || n < 0;
			close_fd(&c->read_fd);
			return;
		}
		keep_output(c, buf, (size_t)n);
		limit -= n;
	}
}

/* Can the channel take a message?  Asked before the pipe is read, so that nothing gets lost. */
static bool has_room(struct client *client)
{
	struct pollfd p = {.fd = client->fd, .events = POLLOUT};

	client->is_full = poll(&p, 1, 0) == 0;
	return !client->is_full;
}

/* Without a client, error output goes to the log; one script must not fill that. */
static void log_alone(struct child *c, const char *text, size_t len)
{
	if (c->logged < LOG_ALONE_MAX)
		log_raw(text, len);
	c->logged += (int64_t)len;
	if (c->logged >= LOG_ALONE_MAX && c->logged - (int64_t)len < LOG_ALONE_MAX)
		log_warn("the rest of a script's error output is dropped: it is over %d bytes",
			LOG_ALONE_MAX);
}

int output_read_errors(struct child *c, int limit)
{
	char buf[4096];
	int done = 0;

	while (done < limit && (!c->client || has_room(c->client))) {
		struct report r = {.kind = MESSAGE_STDERR, .serial = c->order->serial};
		int left = limit - done;
		ssize_t n = read(
			c->stderr_fd, buf, left < (int)sizeof(buf) ? (size_t)left : sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			close_fd(&c->stderr_fd);
			break;
		}
		done += (int)n;
		r.inline_len = n;
		if (!c->client)
			log_alone(c, buf, (size_t)n);
		else if (report_send(c->client, &r, buf, (size_t)n, -1) != SENT)
			log_warn("some of a script's error output was lost");
	}
	return done;
}
