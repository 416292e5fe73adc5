/* SPDX-License-Identifier: ISC */
/*
 * keeper/report.c - what the keeper says to a client
 *
 * Does not know: when there is something to say.
 */
#include "keeper/report.h"

#include "base/fdpass.h"
#include "base/log.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>

enum sent report_send(
	struct client *client, const struct report *r, const void *data, size_t n, int fd)
{
	const struct iovec iov[2] = {
		{(void *)(uintptr_t)r, sizeof(*r)}, {(void *)(uintptr_t)data, n}};

	if (fdpass_send(client->fd, iov, n > 0 ? 2 : 1, &fd, fd >= 0 ? 1 : 0, MSG_DONTWAIT) >= 0 ||
		errno == EPIPE || errno == ECONNRESET)
		return SENT;
	return errno == EAGAIN ? SENT_NOT_FULL : SENT_NOT;
}

void report_failed(struct client *client, int64_t serial, int why)
{
	struct report r = {.kind = MESSAGE_FAILED, .serial = serial, .failed_errno = why};

	/* Error output fills at most a part of the channel, and this run has written none: it fits.
	 */
	if (report_send(client, &r, NULL, 0, -1) != SENT)
		log_warn("a failed start could not be reported");
}
