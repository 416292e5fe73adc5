/* SPDX-License-Identifier: ISC */
/*
 * base/fdpass.h - messages that carry descriptors, over a socket of this machine (SCM_RIGHTS)
 */
#ifndef RETRYSAFE_BASE_FDPASS_H
#define RETRYSAFE_BASE_FDPASS_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#define FDPASS_MAX 2 /* descriptors in a message */

/*
 * fdpass_send - sends one message, with descriptors or without
 *
 *   fds    borrowed: the receiver gets copies
 *   n_fds  0..FDPASS_MAX
 *   flags  of sendmsg(2); MSG_NOSIGNAL is added
 *
 * Returns the length sent; -1, and errno is sendmsg(2)'s: nothing was sent.  Blocks unless flags
 * has MSG_DONTWAIT.
 */
ssize_t fdpass_send(int socket_fd, const struct iovec *iov, size_t n_iov, const int *fds,
	size_t n_fds, int flags);

/*
 * fdpass_receive - receives one message and the descriptors that came with it
 *
 *   fds    n_fds of them are set: CLOEXEC and the caller's to close, or -1 where none came, as
 *          when this process has no room for more
 *   n_fds  1..FDPASS_MAX
 *   flags  of recvmsg(2); MSG_CMSG_CLOEXEC is added
 *
 * Returns the length received; 0 at the end of file; -1, and errno is recvmsg(2)'s.  Blocks unless
 * flags has MSG_DONTWAIT.
 */
ssize_t fdpass_receive(
	int socket_fd, const struct iovec *iov, size_t n_iov, int *fds, size_t n_fds, int flags);

/* Closes those of n descriptors that are not -1. */
void fdpass_close(const int *fds, size_t n);

#endif
