/* SPDX-License-Identifier: ISC */
/*
 * base/spool.c - memory files whose bytes move to an unlinked file when there are many
 */
#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err fail(const char *doing)
{
	return err_set(err_from_errno(errno), "%s: %s", doing, strerror(errno));
}

enum err spool_open(struct spool *s)
{
	int fd = memfd_create("retrysafe", MFD_CLOEXEC);

	if (fd < 0)
		return fail("make a memory file");
	*s = (struct spool){.fd = fd};
	return OK;
}

static enum err move_to_disk(struct spool *s, const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	off_t at = 0;

	/* A request that passes through may come before the first one that makes the store. */
	if (fd < 0 && errno == ENOENT && mkdir(dir, 0700) == 0)
		fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(dir);
	while (at < s->len)
		if (sendfile(fd, s->fd, &at, (size_t)(s->len - at)) <= 0) {
			enum err e = fail(dir);

			close(fd);
			return e;
		}
	close(s->fd);
	s->fd = fd;
	s->is_on_disk = true;
	return OK;
}

enum err spool_write(struct spool *s, const char *dir, const void *data, size_t len)
{
	const char *p = data;

	if (dir && !s->is_on_disk && s->len + (int64_t)len > SPOOL_MEMORY_MAX) {
		enum err e = move_to_disk(s, dir);

		if (e != OK)
			return e;
	}
	while (len > 0) {
		ssize_t n = write(s->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail("write to the spool");
		p += n;
		len -= (size_t)n;
		s->len += n;
	}
	return OK;
}

enum err spool_leave_disk(struct spool *s)
{
	struct spool memory;
	off_t at = 0;
	enum err e = OK;

	if (!s->is_on_disk)
		return OK;
	e = spool_open(&memory);
	if (e != OK)
		return e;
	while (at < s->len)
		if (sendfile(memory.fd, s->fd, &at, (size_t)(s->len - at)) <= 0) {
			e = fail("read the spool back");
			spool_close(&memory);
			return e;
		}
	memory.len = s->len;
	spool_close(s);
	*s = memory;
	return OK;
}

enum err spool_rewind(struct spool *s)
{
	return lseek(s->fd, 0, SEEK_SET) == 0 ? OK : fail("rewind the spool");
}

void spool_close(struct spool *s)
{
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct spool)SPOOL_CLOSED;
}
