/* SPDX-License-Identifier: ISC */
/*
 * operation/saved_result.c - one file for one result
 *
 *     struct saved_result, then the script's output
 *
 * The file is read only by a program with the same layout of struct saved_result: its size and a
 * version are in it.  A digest tells a damaged file from a good one.
 */
#include "operation/saved_result.h"

#include "base/digest.h"
#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define SAVED_RESULT_VERSION 3

struct saved_result {
	char magic[8]; /* "RSKEPT" */
	int version;
	int size; /* of this struct */
	struct operation op;
	struct record_policy policy;
	int exit_status;
	bool is_killed, is_timed_out, is_output_lost;
	int64_t run_us;
	int64_t output_len;               /* bytes the script wrote */
	int64_t saved_len;                /* bytes of it that follow */
	unsigned char digest[DIGEST_LEN]; /* over everything else */
};

static enum err fail(const char *path)
{
	return err_set(err_from_errno(errno), "%s: %s", path, strerror(errno));
}

static enum err file_path(const char *spool, const struct operation *op, char out[PATH_MAX])
{
	char ref[REF_LEN + 1];

	operation_ref(op, ref);
	return snprintf(out, PATH_MAX, "%s/kept-%s", spool, ref) < PATH_MAX - 8
		       ? OK
		       : err_set(ERR_INVALID, "%s: the path is too long", spool);
}

/* Digest of the head without its digest, and of the bytes that follow in the file. */
static enum err digest_file(struct saved_result head, int fd, unsigned char out[DIGEST_LEN])
{
	char buf[65536];
	struct digest d;
	int64_t at = 0;

	memset(head.digest, 0, sizeof(head.digest));
	digest_start(&d, (const unsigned char *)head.magic, sizeof(head.magic));
	digest_part(&d, &head, sizeof(head));
	while (at < head.saved_len) {
		int64_t left = head.saved_len - at;
		ssize_t n = pread(fd, buf, left < (int64_t)sizeof(buf) ? (size_t)left : sizeof(buf),
			(off_t)sizeof(head) + at);

		if (n <= 0)
			return err_set(ERR_BROKEN, "a kept result is cut off");
		digest_part(&d, buf, (size_t)n);
		at += n;
	}
	digest_end(&d, out, DIGEST_LEN);
	return OK;
}

static bool write_whole(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool write_output(int fd, const struct ending *end, int64_t len)
{
	off_t at = 0;

	if (end->output)
		return write_whole(fd, end->output, (size_t)len);
	while (at < len)
		if (sendfile(fd, end->output_fd, &at, (size_t)(len - at)) <= 0)
			return false;
	return true;
}

static bool sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

enum err saved_result_write(const char *spool, const struct operation *op,
	const struct record_policy *policy, const struct ending *end)
{
	struct saved_result head;
	char path[PATH_MAX], self[32];
	off_t there = end->output_len;
	enum err e = file_path(spool, op, path);
	int fd;

	if (e != OK)
		return e;
	memset(&head, 0, sizeof(head)); /* padding too: it is digested */
	memcpy(head.magic, "RSKEPT\0", 8);
	head.version = SAVED_RESULT_VERSION;
	head.size = (int)sizeof(head);
	memcpy(&head.op, op, sizeof(*op));
	memcpy(&head.policy, policy, sizeof(*policy));
	head.exit_status = end->exit_status;
	head.is_killed = end->is_killed;
	head.is_timed_out = end->is_timed_out;
	head.is_output_lost = end->is_output_lost;
	head.run_us = end->run_us;
	head.output_len = end->output_len;
	if (!end->output)
		there = lseek(end->output_fd, 0, SEEK_END);
	head.saved_len = end->is_output_lost       ? 0
			 : there < end->output_len ? there
						   : end->output_len;
	fd = open(spool, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(spool);
	if (!write_whole(fd, &head, sizeof(head)) || !write_output(fd, end, head.saved_len))
		e = fail(path);
	if (e == OK)
		e = digest_file(head, fd, head.digest);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	/* A file of this name can only be an earlier copy of the same result. */
	if (e == OK &&
		(pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) || fsync(fd) != 0 ||
			(linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) != 0 &&
				errno != EEXIST) ||
			!sync_directory(spool)))
		e = fail(path);
	close(fd);
	return e;
}

enum err saved_result_read(const char *spool, const struct operation *op, struct operation *owner,
	struct record_policy *policy, struct ending *end)
{
	struct saved_result head;
	unsigned char digest[DIGEST_LEN];
	char path[PATH_MAX];
	struct spool output = SPOOL_CLOSED;
	off_t at = (off_t)sizeof(head);
	enum err e = file_path(spool, op, path);
	int fd;

	if (e != OK)
		return e;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_set(errno == ENOENT ? ERR_ABSENT : err_from_errno(errno), "%s: %s", path,
			strerror(errno));
	if (read(fd, &head, sizeof(head)) != (ssize_t)sizeof(head) ||
		memcmp(head.magic, "RSKEPT\0", 8) != 0 || head.version != SAVED_RESULT_VERSION ||
		head.size != (int)sizeof(head) || head.saved_len < 0)
		e = err_set(ERR_BROKEN, "%s is not a result that this version kept", path);
	if (e == OK)
		e = digest_file(head, fd, digest);
	if (e == OK && memcmp(digest, head.digest, sizeof(digest)) != 0)
		e = err_set(ERR_BROKEN, "%s is damaged: it does not match its digest", path);
	if (e == OK)
		e = spool_open(&output);
	while (e == OK && at < (off_t)sizeof(head) + head.saved_len)
		if (sendfile(output.fd, fd, &at,
			    (size_t)((off_t)sizeof(head) + head.saved_len - at)) <= 0)
			e = fail(path);
	close(fd);
	if (e != OK) {
		spool_close(&output);
		return e;
	}
	memcpy(owner, &head.op, sizeof(*owner));
	memcpy(policy, &head.policy, sizeof(*policy));
	*end = (struct ending){
		.exit_status = head.exit_status,
		.is_killed = head.is_killed,
		.is_timed_out = head.is_timed_out,
		.is_output_lost = head.is_output_lost,
		.run_us = head.run_us,
		.output_fd = output.fd,
		.output_len = head.output_len,
	};
	return OK;
}

void saved_result_remove(const char *spool, const struct operation *op)
{
	char path[PATH_MAX];

	if (file_path(spool, op, path) == OK)
		unlink(path);
}
