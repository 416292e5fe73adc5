/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/copy.c - makes a copy of the store while it is in use, and refuses one that has not
 * been accepted
 *
 * The copy is made of one read transaction, so writers go on.  It is made under a name of its own
 * in the directory of the file, and gets the file's name when it is whole, checked and synced.
 *
 * RULES
 *   (1) Nothing is overwritten, and the file is whole or not there (unit/store_backup, t39-backup).
 *   (2) A copy has a mark, with which no store is opened: keys that were claimed since are not in
 *       it (unit/store_backup, t39-backup).
 *
 * Does not know: who accepts a copy (cli/backup.c).
 */
#include "store/sqlite/copy.h"

#include "base/digest.h"
#include "store/backup.h"
#include "store/sqlite/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STEP_PAGES 256 /* 1 MiB between two questions whether to go on */

/* ---- the mark ---- */

static struct statement find_mark = SQL("SELECT value FROM store WHERE name='copied'");

static enum err refuse_copy(const struct store *st, int64_t made_ms)
{
	time_t s = (time_t)(made_ms / 1000);
	char at[40];
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(at, sizeof(at), "%Y-%m-%d %H:%M:%S UTC", &tm);
	return err_set(ERR_BROKEN,
		"%s is a copy that `retrysafe backup` made at %s: keys that were claimed since are "
		"not in it, and retries of those requests would run scripts a second time.  Put "
		"the store itself back, or accept that with: retrysafe store --accept-loss",
		st->path, at);
}

static enum err remove_mark(struct store *st)
{
	struct conn *c = NULL;
	enum err e = lock_wait(st);

	if (e != OK)
		return e;
	e = conn_open(st, &c);
	if (e == OK)
		e = conn_let_write(st, c);
	if (e == OK)
		e = conn_execute(c, "DELETE FROM store WHERE name='copied'", "accept a copy");
	conn_close(&c);
	lock_release(st);
	return e;
}

enum err copy_check(struct store *st, struct conn *c, bool *accepted)
{
	sqlite3_stmt *stmt = conn_statement(c, &find_mark);
	int64_t made_ms = 0;
	bool is_copy;

	if (!stmt)
		return c->why;
	is_copy = sqlite3_step(stmt) == SQLITE_ROW;
	if (is_copy)
		made_ms = sqlite3_column_int64(stmt, 0);
	if (sqlite3_reset(stmt) != SQLITE_OK)
		return conn_error(c, sqlite3_extended_errcode(c->db), "look for a copy's mark");
	if (accepted)
		*accepted = is_copy;
	if (!is_copy)
		return OK;
	return accepted ? remove_mark(st) : refuse_copy(st, made_ms);
}

/* ---- making one ---- */

/* The file while it is being made. */
struct target {
	char path[PATH_MAX]; /* its directory without symbolic links */
	char partial[PATH_MAX];
	int fd;
	struct conn c; /* only `db` is used */
};

static enum err name_target(const char *path, struct target *t)
{
	char dir[PATH_MAX], name[PATH_MAX], resolved[PATH_MAX], hex[9];
	unsigned char bytes[4];
	struct stat sb;

	snprintf(dir, sizeof(dir), "%s", path);
	snprintf(name, sizeof(name), "%s", path);
	if (!realpath(dirname(dir), resolved))
		return err_set(
			errno == ENOENT || errno == ENOTDIR ? ERR_ABSENT : err_from_errno(errno),
			"%s: its directory: %s", path, strerror(errno));
	random_bytes(bytes, sizeof(bytes));
	hex_text(bytes, sizeof(bytes), hex);
	if ((size_t)snprintf(t->path, sizeof(t->path), "%s/%s",
		    strcmp(resolved, "/") == 0 ? "" : resolved,
		    basename(name)) >= sizeof(t->path) - 32)
		return err_set(ERR_INVALID, "%s: the path is too long", path);
	snprintf(t->partial, sizeof(t->partial), "%.*s.partial-%s", PATH_MAX - 32, t->path, hex);
	if (lstat(t->path, &sb) == 0)
		return err_set(ERR_REFUSED, "%s is there already; nothing is overwritten", t->path);
	return OK;
}

static enum err open_target(struct target *t)
{
	int rc;

	t->fd = open(t->partial, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (t->fd < 0)
		return err_set(err_from_errno(errno), "%s: %s", t->partial, strerror(errno));
	rc = sqlite3_open_v2(t->partial, &t->c.db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE |
			SQLITE_OPEN_NOMUTEX,
		NULL);
	return rc == SQLITE_OK ? OK : conn_error(&t->c, rc, t->partial);
}

/* Of one moment: the transaction of the reader lasts until the end. */
static enum err copy_pages(struct conn *from, struct target *t, bool (*go_on)(void))
{
	sqlite3_backup *b = sqlite3_backup_init(t->c.db, "main", from->db, "main");
	int rc = SQLITE_OK;

	if (!b)
		return conn_error(&t->c, sqlite3_extended_errcode(t->c.db), "copy the store");
	while (rc == SQLITE_OK && go_on())
		rc = sqlite3_backup_step(b, STEP_PAGES);
	sqlite3_backup_finish(b);
	if (rc == SQLITE_DONE)
		return OK;
	return rc == SQLITE_OK ? err_set(ERR_BUSY, "copy the store: it was interrupted")
			       : conn_error(&t->c, rc, "copy the store");
}

/* The log of a copy would be a second file: without it the file is all there is. */
static enum err finish_pages(struct target *t, int64_t made_ms, struct backup *out)
{
	char text[256], answer[128] = "";
	enum err e = conn_ask(&t->c, "PRAGMA journal_mode=DELETE", answer, sizeof(answer));

	snprintf(text, sizeof(text),
		"INSERT OR REPLACE INTO store(name,value) VALUES('copied',%" PRId64 ")", made_ms);
	if (e == OK)
		e = conn_execute(&t->c, text, "mark the copy");
	if (e == OK)
		e = conn_ask(&t->c, "PRAGMA quick_check(1)", answer, sizeof(answer));
	if (e == OK && strcmp(answer, "ok") != 0)
		e = err_set(ERR_BROKEN, "the store is damaged: %s", answer);
	if (e == OK)
		e = conn_ask(&t->c, "SELECT count(*) FROM operation", answer, sizeof(answer));
	out->operations = strtoll(answer, NULL, 10);
	out->made_ms = made_ms;
	return e;
}

static enum err sync_directory(const char *path)
{
	char dir[PATH_MAX];
	int fd, rc;

	snprintf(dir, sizeof(dir), "%s", path);
	fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = fd < 0 ? -1 : fsync(fd);
	if (fd >= 0)
		close(fd);
	return rc == 0 ? OK : err_set(err_from_errno(errno), "%s: %s", path, strerror(errno));
}

/* link(2) gives the name only where there is none. */
static enum err publish(struct target *t, struct backup *out)
{
	struct stat sb, named;

	if (fsync(t->fd) != 0 || fstat(t->fd, &sb) != 0 || lstat(t->partial, &named) != 0)
		return err_set(err_from_errno(errno), "%s: %s", t->partial, strerror(errno));
	if (sb.st_dev != named.st_dev || sb.st_ino != named.st_ino)
		return err_set(ERR_REFUSED, "%s was replaced meanwhile", t->partial);
	if (link(t->partial, t->path) != 0)
		return err_set(errno == EEXIST ? ERR_REFUSED : err_from_errno(errno), "%s: %s",
			t->path, strerror(errno));
	out->bytes = sb.st_size;
	return sync_directory(t->path);
}

static void remove_partial(const struct target *t)
{
	static const char *const ends[] = {"", "-journal", "-wal", "-shm"};
	char path[PATH_MAX + 16];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", t->partial, ends[i]);
		unlink(path);
	}
}

enum err store_backup(struct store *st, const char *path, bool (*go_on)(void), struct backup *out)
{
	struct target t = {.fd = -1};
	struct backup made = {0};
	struct conn *from = NULL;
	int64_t made_ms = 0;
	enum err e = name_target(path, &t);

	if (e == OK)
		e = open_target(&t);
	if (e == OK)
		e = reader_take(st, &from);
	if (e == OK)
		e = conn_execute(
			from, "BEGIN; SELECT count(*) FROM sqlite_schema", "copy the store");
	if (e == OK) {
		made_ms = store_now_ms(st);
		e = copy_pages(from, &t, go_on);
	}
	if (from) {
		sqlite3_exec(from->db, "ROLLBACK", NULL, NULL, NULL); /* it has only read */
		reader_give(st, &from);
	}
	if (e == OK)
		e = finish_pages(&t, made_ms, &made);
	sqlite3_close(t.c.db);
	if (e == OK)
		e = publish(&t, &made);
	if (t.fd >= 0) {
		close(t.fd);
		remove_partial(&t);
	}
	if (e == OK)
		*out = made;
	return e;
}
