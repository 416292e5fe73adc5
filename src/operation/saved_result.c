/* SPDX-License-Identifier: ISC */
/*
 * operation/saved_result.c - one file for one result
 *
 *     offset      bytes
 *     0           8      RSKEPT and two NULs
 *     8           8      version of this format
 *     16          32     digest over everything else in the file
 *     48          2000   the fields of struct saved_result in their order, then zeros
 *     2048               the script's output
 *
 * Numbers have eight bytes, the lowest first; so the file does not depend on a compiler's layout of
 * structs.
 *
 * RULES
 *   (1) Nothing is read from a file of another version, one that is cut off, or one that is damaged
 *       (unit/saved_result).
 *
 * Does not know: why a result is saved, and when it is recorded.
 */
#include "operation/saved_result.h"

#include "base/digest.h"
#include "base/publish.h"
#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define MAGIC    "RSKEPT\0"
#define VERSION  6
#define HEAD_LEN 2048

/* Where the fixed parts of the head are, in bytes. */
enum { AT_MAGIC = 0, AT_VERSION = 8, AT_DIGEST = 16, AT_FIELDS = AT_DIGEST + DIGEST_LEN };

/* The contents of a head. */
struct saved_result {
	struct operation op;
	struct record_policy policy;
	struct ending end; /* without its output */
	int64_t saved_len; /* bytes of output that follow the head: fewer than end.output_len when
			      they were far too many, none when they were lost */
};

/* ---- the head ---- */

/* A place in a head, and whether fields are read from it or written to it. */
struct cursor {
	unsigned char *at;
	bool is_reading;
};

/* Eight bytes, the lowest first.  Returns the number that was read, or n, which was written. */
static int64_t number_field(struct cursor *c, int64_t n)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		if (c->is_reading)
			value |= (uint64_t)c->at[i] << 8 * i;
		else
			c->at[i] = (unsigned char)((uint64_t)n >> 8 * i);
	c->at += 8;
	return c->is_reading ? (int64_t)value : n;
}

static void bytes_field(struct cursor *c, void *data, size_t len)
{
	if (c->is_reading)
		memcpy(data, c->at, len);
	else
		memcpy(c->at, data, len);
	c->at += len;
}

/* A string in an array of `size` bytes; its NUL is there even when the head's is not. */
static void text_field(struct cursor *c, char *s, size_t size)
{
	bytes_field(c, s, size);
	s[size - 1] = '\0';
}

static void operation_fields(struct cursor *c, struct operation *op)
{
	op->id = number_field(c, op->id);
	op->nonce = number_field(c, op->nonce);
	bytes_field(c, op->identity, sizeof(op->identity));
	bytes_field(c, op->fingerprint, sizeof(op->fingerprint));
	bytes_field(c, op->principal, sizeof(op->principal));
	bytes_field(c, op->looks, sizeof(op->looks));
	bytes_field(c, op->place, sizeof(op->place));
	text_field(c, op->route, sizeof(op->route));
	text_field(c, op->address, sizeof(op->address));
	op->state = (enum state)number_field(c, op->state);
	op->attempts = (int)number_field(c, op->attempts);
	op->created_ms = number_field(c, op->created_ms);
	op->updated_ms = number_field(c, op->updated_ms);
	op->expires_ms = number_field(c, op->expires_ms);
	op->forgotten_ms = number_field(c, op->forgotten_ms);
	op->key_ttl_ms = number_field(c, op->key_ttl_ms);
	op->status = (int)number_field(c, op->status);
	op->bytes = number_field(c, op->bytes);
	op->exit_status = (int)number_field(c, op->exit_status);
	text_field(c, op->reason, sizeof(op->reason));
	bytes_field(c, op->token, sizeof(op->token));
	op->witness = number_field(c, op->witness);
	op->boot_id = number_field(c, op->boot_id);
	op->deadline_mono_ms = number_field(c, op->deadline_mono_ms);
}

static void policy_fields(struct cursor *c, struct record_policy *policy)
{
	policy->durability = (enum durability)number_field(c, policy->durability);
	policy->busy_timeout_ms = number_field(c, policy->busy_timeout_ms);
	policy->ttl_ms = number_field(c, policy->ttl_ms);
	policy->tombstone_ms = number_field(c, policy->tombstone_ms);
	policy->max_response_bytes = number_field(c, policy->max_response_bytes);
	policy->keeps_head_only = number_field(c, policy->keeps_head_only) != 0;
	policy->needs_exit_zero = number_field(c, policy->needs_exit_zero) != 0;
	policy->prefers_html = number_field(c, policy->prefers_html) != 0;
	policy->language = (enum language)number_field(c, policy->language);
	if (c->is_reading && policy->language >= LANGUAGE__MAX)
		policy->language = LANGUAGE_ENGLISH; /* of a newer program */
	bytes_field(c, policy->release_on, sizeof(policy->release_on));
}

static void ending_fields(struct cursor *c, struct ending *end)
{
	end->exit_status = (int)number_field(c, end->exit_status);
	end->is_killed = number_field(c, end->is_killed) != 0;
	end->is_timed_out = number_field(c, end->is_timed_out) != 0;
	end->is_output_lost = number_field(c, end->is_output_lost) != 0;
	end->run_us = number_field(c, end->run_us);
	end->output_len = number_field(c, end->output_len);
}

/* All that a head holds behind its digest, in the order of the file. */
static void all_fields(struct cursor *c, struct saved_result *saved)
{
	operation_fields(c, &saved->op);
	policy_fields(c, &saved->policy);
	ending_fields(c, &saved->end);
	saved->saved_len = number_field(c, saved->saved_len);
}

_Static_assert(sizeof(struct saved_result) + AT_FIELDS < HEAD_LEN,
	"numbers that are shorter in the struct take eight bytes in the file, which has room");

static void pack_head(struct saved_result *saved, unsigned char head[HEAD_LEN])
{
	struct cursor version = {.at = head + AT_VERSION}, at = {.at = head + AT_FIELDS};

	memset(head, 0, HEAD_LEN);
	memcpy(head + AT_MAGIC, MAGIC, sizeof(MAGIC));
	number_field(&version, VERSION);
	all_fields(&at, saved);
}

/* ERR_BROKEN: it is not the head of a file that this version understands. */
static enum err unpack_head(
	unsigned char head[HEAD_LEN], const char *path, struct saved_result *saved)
{
	struct cursor version = {.at = head + AT_VERSION, .is_reading = true};
	struct cursor at = {.at = head + AT_FIELDS, .is_reading = true};
	int64_t found;

	if (memcmp(head + AT_MAGIC, MAGIC, sizeof(MAGIC)) != 0)
		return err_set(ERR_BROKEN, "%s is not a saved result", path);
	found = number_field(&version, 0);
	if (found != VERSION)
		return err_set(ERR_BROKEN,
			"%s was saved by another version of retrysafe (format %lld, not %d)", path,
			(long long)found, VERSION);
	*saved = (struct saved_result){.end = ENDING_NONE};
	all_fields(&at, saved);
	if (saved->saved_len < 0 || saved->saved_len > saved->end.output_len)
		return err_set(ERR_BROKEN, "%s is damaged: the length of its output", path);
	return OK;
}

/* ---- the file ---- */

static enum err file_error(const char *path)
{
	return err_set(err_from_errno(errno), "%s: %s", path, strerror(errno));
}

static enum err file_path(const char *spool, const struct operation *op, char out[PATH_MAX])
{
	char ref[REF_LEN + 1];

	operation_ref(op, ref);
	return snprintf(out, PATH_MAX, "%s/kept-%s-%d", spool, ref, op->attempts) < PATH_MAX - 8
		       ? OK
		       : err_set(ERR_INVALID, "%s: the path is too long", spool);
}

/* Digest of the head without its digest, and of the saved_len bytes behind it. */
static enum err digest_file(const unsigned char head[HEAD_LEN], int fd, int64_t saved_len,
	const char *path, unsigned char out[DIGEST_LEN])
{
	char buf[65536];
	struct digest d;
	int64_t at = 0;

	digest_start(&d, (const unsigned char *)MAGIC, sizeof(MAGIC));
	digest_part(&d, head, AT_DIGEST);
	digest_part(&d, head + AT_FIELDS, HEAD_LEN - AT_FIELDS);
	while (at < saved_len) {
		int64_t left = saved_len - at;
		ssize_t n = pread(fd, buf, left < (int64_t)sizeof(buf) ? (size_t)left : sizeof(buf),
			(off_t)HEAD_LEN + at);

		if (n <= 0)
			return err_set(ERR_BROKEN, "%s is cut off", path);
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

/* How much of the output can be saved: of one that is far too long, the keeper has a part. */
static int64_t length_to_save(const struct ending *end)
{
	off_t there = end->output_len;

	if (end->is_output_lost)
		return 0;
	if (!end->output)
		there = lseek(end->output_fd, 0, SEEK_END);
	return there < end->output_len ? there : end->output_len;
}

enum err saved_result_write(const char *spool, const struct operation *op,
	const struct record_policy *policy, const struct ending *end)
{
	struct saved_result saved = {.op = *op, .policy = *policy, .end = *end};
	unsigned char head[HEAD_LEN];
	char path[PATH_MAX];
	enum err e = file_path(spool, op, path);
	int fd;

	if (e != OK)
		return e;
	saved.saved_len = length_to_save(end);
	pack_head(&saved, head);
	fd = open(spool, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return file_error(spool);
	if (!write_whole(fd, head, HEAD_LEN) || !write_output(fd, end, saved.saved_len))
		e = file_error(path);
	if (e == OK)
		e = digest_file(head, fd, saved.saved_len, path, head + AT_DIGEST);
	/* A file of this name can only be an earlier copy of this result. */
	if (e == OK &&
		(pwrite(fd, head, HEAD_LEN, 0) != HEAD_LEN || !publish_file(fd, spool, path)))
		e = file_error(path);
	close(fd);
	return e;
}

/* The output, in a spool of its own. */
static enum err read_saved_output(int fd, int64_t saved_len, const char *path, struct spool *output)
{
	off_t at = HEAD_LEN;
	enum err e = spool_open(output);

	while (e == OK && at < HEAD_LEN + saved_len)
		if (sendfile(output->fd, fd, &at, (size_t)(HEAD_LEN + saved_len - at)) <= 0)
			e = file_error(path);
	if (e != OK)
		spool_close(output);
	return e;
}

static enum err read_file(int fd, const char *path, struct saved_result *saved)
{
	unsigned char head[HEAD_LEN], digest[DIGEST_LEN];
	struct spool output = SPOOL_CLOSED;
	enum err e;

	if (read(fd, head, HEAD_LEN) != HEAD_LEN)
		return err_set(ERR_BROKEN, "%s is cut off", path);
	e = unpack_head(head, path, saved);
	if (e == OK)
		e = digest_file(head, fd, saved->saved_len, path, digest);
	if (e == OK && memcmp(digest, head + AT_DIGEST, DIGEST_LEN) != 0)
		e = err_set(ERR_BROKEN, "%s is damaged: it does not match its digest", path);
	if (e == OK)
		e = read_saved_output(fd, saved->saved_len, path, &output);
	saved->end.output_fd = output.fd;
	return e;
}

enum err saved_result_read(const char *spool, const struct operation *op, struct operation *owner,
	struct record_policy *policy, struct ending *end)
{
	struct saved_result saved;
	char path[PATH_MAX];
	enum err e = file_path(spool, op, path);
	int fd;

	if (e != OK)
		return e;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_set(errno == ENOENT ? ERR_ABSENT : err_from_errno(errno), "%s: %s", path,
			strerror(errno));
	e = read_file(fd, path, &saved);
	close(fd);
	if (e != OK)
		return e;
	*owner = saved.op;
	*policy = saved.policy;
	*end = saved.end;
	return OK;
}

void saved_result_remove(const char *spool, const struct operation *op)
{
	char path[PATH_MAX];

	if (file_path(spool, op, path) == OK)
		unlink(path);
}
