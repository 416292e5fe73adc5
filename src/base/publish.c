/* SPDX-License-Identifier: ISC */
/*
 * base/publish.c - a file is whole, or it is not there
 *
 * Does not know: the contents of the file.
 */
#include "base/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

bool publish_file(int fd, const char *dir, const char *path)
{
	char self[32];
	int dir_fd, failed = 0;

	if (fsync(fd) != 0)
		return false;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return false;
	/* AT_EMPTY_PATH would name the file by its descriptor, but needs a capability. */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if ((linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) != 0 && errno != EEXIST) ||
		fsync(dir_fd) != 0)
		failed = errno;
	close(dir_fd);
	errno = failed;
	return failed == 0;
}
