/* SPDX-License-Identifier: ISC */
/*
 * base/fdpass.c - messages that carry descriptors
 *
 * One system call a message.  Does not know: what the messages say, and what an error means
 * to its caller.
 */
#include "base/fdpass.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The ancillary data of a message, aligned as the kernel wants it. */
union control {
	char bytes[CMSG_SPACE(FDPASS_MAX * sizeof(int))];
	struct cmsghdr align;
};

ssize_t fdpass_send(int socket_fd, const struct iovec *iov, size_t n_iov, const int *fds,
	size_t n_fds, int flags)
{
	union control control = {0};
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n_iov};

	if (n_fds > 0) {
		struct cmsghdr *c;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	return sendmsg(socket_fd, &msg, flags | MSG_NOSIGNAL);
}

ssize_t fdpass_receive(
	int socket_fd, const struct iovec *iov, size_t n_iov, int *fds, size_t n_fds, int flags)
{
	union control control;
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = n_iov,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(n_fds * sizeof(int))};
	ssize_t n;

	for (size_t i = 0; i < n_fds; i++)
		fds[i] = -1;
	n = recvmsg(socket_fd, &msg, flags | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return n;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		size_t len = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(fds, CMSG_DATA(c),
				len < n_fds * sizeof(int) ? len : n_fds * sizeof(int));
	}
	return n;
}

void fdpass_close(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}
