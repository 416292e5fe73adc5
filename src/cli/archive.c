/* SPDX-License-Identifier: ISC */
/*
 * cli/archive.c - writes what `retrysafe purge --archive` removes to a file, as JSON lines
 *
 *     {"removed":"response", ... as `list --json` ..., "head":TEXT, "body":TEXT}
 *     {"removed":"operation", ... as `list --json` ..., "history":[...]}
 *
 * A head or body that is not UTF-8, or holds a NUL, is "head_base64" or "body_base64" instead; a
 * body that was over max_response is null; an operation without a history has no "history".  A body
 * is read in pieces: it is never in memory as a whole.
 *
 * RULES
 *   (1) Every line ends with "}" and a newline.  A line that was cut off, by the end of the process
 *       or a full disk, is removed before anything else is written (t37-archive).
 *   (2) Only a file that is empty or begins like an archive is written to, by one process at a time
 *       (t37-archive).
 *   (3) No key, scope or credential is written; the store does not have them (t37-archive).
 *
 * Does not know: which operations are removed, and when (store/sqlite/purge.c).
 */
#include "cli/archive.h"

#include "cli/render.h"
#include "store/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES 65536

static const char beginning[] = "{\"removed\":";

struct archive_file {
	struct store *st; /* borrowed */
	const char *path; /* borrowed */
	bool is_file;     /* not standard output */
	bool is_ours;     /* checked: it is an archive, and locked */
	int fd;
	off_t synced_len; /* bytes on disk; whole lines only */
	char buf[BUFFER_BYTES];
	size_t len;
};

/* ---- bytes ---- */

static enum err failed(const struct archive_file *a)
{
	return err_set(errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERR_FULL : ERR_SYSTEM,
		"archive %s: %s", a->path, strerror(errno));
}

static enum err flush(struct archive_file *a)
{
	size_t at = 0;

	while (at < a->len) {
		ssize_t n = write(a->fd, a->buf + at, a->len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(a);
		at += (size_t)n;
	}
	a->len = 0;
	return OK;
}

static enum err put(struct archive_file *a, const char *bytes, size_t len)
{
	enum err e = OK;

	while (len > 0 && e == OK) {
		size_t room = BUFFER_BYTES - a->len, n = len < room ? len : room;

		memcpy(a->buf + a->len, bytes, n);
		a->len += n;
		bytes += n;
		len -= n;
		if (a->len == BUFFER_BYTES)
			e = flush(a);
	}
	return e;
}

static enum err put_text(struct archive_file *a, const char *text)
{
	return put(a, text, strlen(text));
}

/* ---- one value: text, or bytes ---- */

/* Checks bytes in pieces: are they UTF-8 (RFC 3629, section 4) without a NUL? */
struct utf8 {
	int left;                /* bytes of the current character still to come */
	unsigned char low, high; /* the least and the most that the next byte may be */
	bool is_bad;
};

static void start_character(struct utf8 *u, unsigned char c)
{
	u->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	u->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	u->left = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	u->is_bad = c == 0 || (c >= 0x80 && c < 0xc2) || c > 0xf4;
}

static void look_at(struct utf8 *u, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len && !u->is_bad; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (u->left == 0) {
			start_character(u, c);
			continue;
		}
		u->is_bad = c < u->low || c > u->high;
		u->low = 0x80;
		u->high = 0xbf;
		u->left--;
	}
}

static bool is_utf8(const struct utf8 *u)
{
	return !u->is_bad && u->left == 0;
}

/* RFC 8259, section 7. */
static bool is_plain(char c)
{
	return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

static enum err put_escape(struct archive_file *a, char c)
{
	char escape[8];

	if (c == '"' || c == '\\')
		snprintf(escape, sizeof(escape), "\\%c", c);
	else
		snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)c);
	return put_text(a, c == '\n' ? "\\n" : c == '\r' ? "\\r" : escape);
}

static enum err put_escaped(struct archive_file *a, const char *bytes, size_t len)
{
	enum err e = OK;

	for (size_t at = 0, n; at < len && e == OK; at += n + 1) {
		for (n = 0; at + n < len && is_plain(bytes[at + n]); n++)
			;
		e = put(a, bytes + at, n);
		if (e == OK && at + n < len)
			e = put_escape(a, bytes[at + n]);
	}
	return e;
}

/* RFC 4648, section 4; one or two bytes at the end of a piece wait for the next piece. */
struct base64 {
	unsigned char wait[3];
	size_t n;
};

static enum err put_group(struct archive_file *a, struct base64 *b)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = (unsigned)b->wait[0] << 16 | (unsigned)b->wait[1] << 8 | b->wait[2];
	char out[4] = {digits[bits >> 18], digits[bits >> 12 & 63], digits[bits >> 6 & 63],
		digits[bits & 63]};

	for (size_t i = b->n + 1; i < 4; i++)
		out[i] = '=';
	memset(b, 0, sizeof(*b));
	return put(a, out, sizeof(out));
}

static enum err put_base64(
	struct archive_file *a, struct base64 *b, const char *bytes, size_t len, bool is_end)
{
	enum err e = OK;

	for (size_t i = 0; i < len && e == OK; i++) {
		b->wait[b->n++] = (unsigned char)bytes[i];
		if (b->n == 3)
			e = put_group(a, b);
	}
	return e == OK && is_end && b->n > 0 ? put_group(a, b) : e;
}

/* ---- the body, in pieces ---- */

/* Receives the pieces of a body twice: first to see whether it is text, then to write it. */
struct sink {
	struct archive_file *a;
	struct utf8 utf8;
	struct base64 base64;
	bool is_written, is_text;
};

static enum err take_piece(struct sink *s, const char *bytes, size_t len)
{
	if (!s->is_written) {
		look_at(&s->utf8, bytes, len);
		return OK;
	}
	return s->is_text ? put_escaped(s->a, bytes, len)
			  : put_base64(s->a, &s->base64, bytes, len, false);
}

static enum err take_body(
	struct sink *s, const struct operation *op, const struct response *res, char *buf)
{
	enum err e = take_piece(s, res->body, res->body_inline_len);

	for (int64_t at = (int64_t)res->body_inline_len; at < res->body_len && e == OK;) {
		size_t len = 0;

		e = store_read_body(s->a->st, op->id, at, buf, &len);
		if (e == OK && len == 0)
			e = err_set(ERR_BROKEN, "the recorded body is shorter than its length");
		if (e == OK)
			e = take_piece(s, buf, len);
		at += (int64_t)len;
	}
	return e;
}

static enum err put_name(struct archive_file *a, const char *name, bool is_text)
{
	enum err e = put_text(a, ",\"");

	if (e == OK)
		e = put_text(a, name);
	return e == OK ? put_text(a, is_text ? "\":\"" : "_base64\":\"") : e;
}

static enum err put_body(
	struct archive_file *a, const struct operation *op, const struct response *res)
{
	struct sink s = {.a = a};
	char *buf;
	enum err e;

	if (!res->is_kept)
		return put_text(a, ",\"body\":null");
	buf = malloc(RESPONSE_INLINE_MAX);
	e = buf ? take_body(&s, op, res, buf) : err_set(ERR_NOMEM, "archive: out of memory");
	s.is_text = is_utf8(&s.utf8);
	s.is_written = true;
	if (e == OK)
		e = put_name(a, "body", s.is_text);
	if (e == OK)
		e = take_body(&s, op, res, buf);
	if (e == OK)
		e = put_base64(a, &s.base64, NULL, 0, true);
	free(buf);
	return e == OK ? put_text(a, "\"") : e;
}

static enum err put_head(struct archive_file *a, const struct response *res)
{
	struct utf8 utf8 = {0};
	struct base64 base64 = {.n = 0};
	enum err e;

	look_at(&utf8, res->head, res->head_len);
	e = put_name(a, "head", is_utf8(&utf8));
	if (e == OK)
		e = is_utf8(&utf8) ? put_escaped(a, res->head, res->head_len)
				   : put_base64(a, &base64, res->head, res->head_len, true);
	return e == OK ? put_text(a, "\"") : e;
}

/* ---- a line ---- */

/* The beginning of a line, without the brace at its end. */
static enum err put_facts(
	struct archive_file *a, const struct operation *op, const struct response *res)
{
	json_t *facts = cli_operation_json(op), *line = json_object(), *history = NULL;
	char *text = NULL;
	enum err e = OK;

	json_object_set_new(line, "removed", json_string(res ? "response" : "operation"));
	json_object_update(line, facts);
	if (!res)
		e = cli_history_json(a->st, op, &history);
	if (history && json_array_size(history) > 0)
		json_object_set(line, "history", history);
	if (e == OK && facts)
		text = json_dumps(line, JSON_COMPACT);
	if (e == OK && !text)
		e = err_set(ERR_NOMEM, "archive: out of memory");
	if (e == OK)
		e = put(a, text, strlen(text) - 1);
	free(text);
	json_decref(history);
	json_decref(facts);
	json_decref(line);
	return e;
}

static enum err write_line(const struct operation *op, const struct response *res, void *arg)
{
	struct archive_file *a = arg;
	enum err e = put_facts(a, op, res);

	if (e == OK && res)
		e = put_head(a, res);
	if (e == OK && res)
		e = put_body(a, op, res);
	return e == OK ? put_text(a, "}\n") : e;
}

static enum err sync_file(void *arg)
{
	struct archive_file *a = arg;
	enum err e = flush(a);

	if (e != OK || !a->is_file)
		return e;
	if (fdatasync(a->fd) != 0)
		return failed(a);
	a->synced_len = lseek(a->fd, 0, SEEK_END);
	return OK;
}

struct archive cli_archive(struct archive_file *a, struct store *st)
{
	a->st = st;
	return (struct archive){.write = write_line, .sync = sync_file, .arg = a};
}

/* ---- the file ---- */

/* The offset behind the last whole line; -1: the file cannot be read. */
static off_t end_of_lines(int fd, off_t len)
{
	char buf[4096];

	while (len > 0) {
		off_t from = len > (off_t)sizeof(buf) ? len - (off_t)sizeof(buf) : 0;
		ssize_t n = pread(fd, buf, (size_t)(len - from), from);
		const char *found;

		if (n <= 0)
			return -1;
		found = memrchr(buf, '\n', (size_t)n);
		if (found)
			return from + (found - buf) + 1;
		len = from;
	}
	return 0;
}

/* Checks and locks the file that is there, and removes its last line if that was cut off. */
static enum err continue_file(struct archive_file *a)
{
	char start[sizeof(beginning)] = "";
	struct stat sb;
	size_t want;

	if (fstat(a->fd, &sb) != 0)
		return failed(a);
	if (!S_ISREG(sb.st_mode))
		return err_set(ERR_REFUSED,
			"archive %s is not a regular file; - is standard output", a->path);
	if (flock(a->fd, LOCK_EX | LOCK_NB) != 0)
		return err_set(ERR_BUSY, "archive %s: another purge is writing to it", a->path);
	/* A first line that was cut off early is a beginning of `beginning`: compare what is there.
	 */
	want = sb.st_size < (off_t)sizeof(start) - 1 ? (size_t)sb.st_size : sizeof(start) - 1;
	if (pread(a->fd, start, want, 0) != (ssize_t)want)
		return failed(a);
	if (memcmp(start, beginning, want) != 0)
		return err_set(ERR_REFUSED, "archive %s is another file: it does not begin with %s",
			a->path, beginning);
	a->synced_len = end_of_lines(a->fd, sb.st_size);
	if (a->synced_len < 0)
		return failed(a);
	a->is_ours = true;
	if (a->synced_len == sb.st_size)
		return OK;
	fprintf(stderr,
		"retrysafe: archive %s: its last line was cut off and is removed; the store still "
		"has what that line was about\n",
		a->path);
	return ftruncate(a->fd, a->synced_len) == 0 ? OK : failed(a);
}

/* Opens or makes the file.  A new file's name is on disk once its directory is synced. */
static enum err open_file(struct archive_file *a)
{
	char dir[PATH_MAX];
	int dir_fd;
	enum err e;

	if (snprintf(dir, sizeof(dir), "%s", a->path) >= (int)sizeof(dir))
		return err_set(ERR_INVALID, "archive: the path is too long");
	dir_fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return err_set(
			ERR_INVALID, "archive %s: its directory: %s", a->path, strerror(errno));
	a->fd = open(a->path,
		O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (a->fd < 0 && errno == ELOOP)
		e = err_set(ERR_REFUSED, "archive %s is a symbolic link; name the file itself",
			a->path);
	else if (a->fd < 0)
		e = errno == EACCES || errno == EISDIR
			    ? err_set(ERR_INVALID, "archive %s: %s", a->path, strerror(errno))
			    : failed(a);
	else
		e = fsync(dir_fd) == 0 ? continue_file(a) : failed(a);
	close(dir_fd);
	return e;
}

enum err cli_archive_open(const char *path, struct archive_file **out)
{
	struct archive_file *a = calloc(1, sizeof(*a));
	enum err e = OK;

	if (!a)
		return err_set(ERR_NOMEM, "archive: out of memory");
	a->path = path;
	a->is_file = strcmp(path, "-") != 0;
	a->fd = a->is_file ? -1 : STDOUT_FILENO;
	if (a->is_file)
		e = open_file(a);
	if (e == OK)
		*out = a;
	else
		cli_archive_close(&a);
	return e;
}

void cli_archive_close(struct archive_file **a)
{
	struct archive_file *f = *a;

	if (!f)
		return;
	/* The store still has what the lines behind synced_len are about. */
	if (f->is_ours)
		(void)!ftruncate(f->fd, f->synced_len);
	if (f->is_file && f->fd >= 0)
		close(f->fd);
	free(f);
	*a = NULL;
}
