/* SPDX-License-Identifier: ISC */
/*
 * evidence/run_table.c - which process is the run of which operation, in a file of the spool
 *
 *     offset          bytes
 *     0               128   struct head: RSRUNS and two NULs, the version of this format, the boot
 *                           that the rows are of, zeros
 *     128 * n         128   row n: struct run_row, in this machine's byte order
 *
 * The lock on the first byte of a row belongs to the keeper that took the row; that on the first
 * byte of the head to the process that empties the table.
 *
 * RULES
 *   (1) A row is another keeper's while that lives, and afterwards until nothing of its run is left
 *       (unit/evidence).
 *   (2) What cannot be read as a row is not taken for a free one (unit/evidence).
 *   (3) The first process that opens the table after the machine was started empties it, before it
 *       takes a row; so a damaged row, which counts as a run of every operation, lasts no longer
 *       than until the machine is started anew (unit/run_table).
 *   (4) A row that looks damaged is read again: it may be half written (unit/run_table).
 *   (5) A file that is a link, or belongs to another account, is not used (unit/evidence).
 *
 * Does not know: what follows from a row (evidence/evidence.c).
 */
#include "evidence/run_table.h"

#include "base/clock.h"
#include "base/publish.h"
#include "evidence/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define MAGIC     "RSRUNS\0"
#define VERSION   1
#define ROWS_STEP 512  /* rows by which the file grows: 64 KiB */
#define WRITE_US  1000 /* within which a row that is being written is whole */

struct head {
	char magic[8];
	int64_t version;
	int64_t boot_id; /* of all rows, but those that are whole and say another; 0: not known */
	int64_t zero[13];
};
_Static_assert(sizeof(struct head) == RUN_ROW_BYTES, "it takes the place of a row");

struct run_table {
	int fd;
	int64_t n_rows; /* of the file when it was looked at last, with its head */
	uint64_t pid_ns, time_ns;
	int64_t keeper_pid;
	unsigned char taken[RUN_ROWS_MAX / 8]; /* a bit for each row that we hold the lock of */
	unsigned char used[RUN_ROWS_MAX / 8];  /* of them, those that a run has */
};

static uint64_t inode_of(const char *path)
{
	struct stat sb;

	return stat(path, &sb) == 0 ? (uint64_t)sb.st_ino : 0;
}

/* Over the keeper's part. */
static uint64_t sum_of(const struct run_row *row)
{
	return XXH3_64bits(row, offsetof(struct run_row, sum));
}

static bool is_free(const struct run_row *row)
{
	static const struct run_row none;

	return memcmp(row, &none, sizeof(none)) == 0;
}

static bool is_whole(const struct run_row *row)
{
	return row->sum == sum_of(row) && row->pid > 0 &&
	       (row->kind == RUN_KIND_SCRIPT || row->kind == RUN_KIND_COMMAND);
}

/* ---- the file ---- */

static enum err table_path(const char *spool, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/runs", spool) < PATH_MAX
		       ? OK
		       : err_set(ERR_INVALID, "%s: the path is too long", spool);
}

static enum err file_error(const char *path)
{
	return err_set(err_from_errno(errno), "%s: %s", path, strerror(errno));
}

/* Root may use the table of the account to which the directory belongs. */
static enum err check_owner(int fd, const char *spool, const char *path)
{
	struct stat sb, dir;

	if (fstat(fd, &sb) != 0 || stat(spool, &dir) != 0)
		return file_error(path);
	if (!S_ISREG(sb.st_mode))
		return err_set(ERR_BROKEN, "%s is not a regular file", path);
	if (sb.st_uid != geteuid() && !(geteuid() == 0 && sb.st_uid == dir.st_uid))
		return err_set(
			ERR_BROKEN, "%s belongs to another account (uid %d)", path, (int)sb.st_uid);
	return OK;
}

/* Makes room for the next rows: a full disk must not come up when a row is written. */
static enum err grow(int fd, int64_t n_rows, const char *path)
{
	int rc = posix_fallocate(fd, 0, (off_t)n_rows * RUN_ROW_BYTES);

	if (rc == 0)
		return OK;
	errno = rc;
	return file_error(path);
}

/* The first rows, in a file that has no name yet. */
static enum err write_file(int fd, const char *spool, const char *path)
{
	struct head head = {.magic = MAGIC, .version = VERSION, .boot_id = clock_boot_id()};
	struct stat dir;
	enum err e;

	if (geteuid() == 0 && stat(spool, &dir) == 0 && dir.st_uid != 0 &&
		fchown(fd, dir.st_uid, dir.st_gid) != 0)
		return file_error(path);
	e = grow(fd, ROWS_STEP, path);
	if (e == OK && pwrite(fd, &head, sizeof(head), 0) != sizeof(head))
		e = file_error(path);
	return e;
}

/*
 * Makes the table, whole and synced before it has its name: a table without a head after a loss of
 * power, or in the hands of a second process, would keep every script from being started.  Two
 * processes may make it at once: the first one's counts.
 */
static enum err make_file(const char *spool, const char *path)
{
	int fd = open(spool, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	enum err e = fd < 0 ? file_error(path) : write_file(fd, spool, path);

	if (e == OK && !publish_file(fd, spool, path))
		e = file_error(path);
	if (fd >= 0)
		close(fd);
	return e;
}

static int open_file(const char *path)
{
	return open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
}

static enum err read_head(int fd, const char *path, struct head *head)
{
	if (pread(fd, head, sizeof(*head), 0) == sizeof(*head) &&
		memcmp(head->magic, MAGIC, sizeof(head->magic)) == 0 && head->version == VERSION)
		return OK;
	return err_set(ERR_BROKEN,
		"%s is not a table of runs of this version of retrysafe; stop its gateways, and "
		"remove it "
		"when no script of theirs runs any more",
		path);
}

/* Locks the first byte of a row, or of the head, or unlocks it. */
static bool lock_row(int fd, int64_t i, int command, short type)
{
	struct flock fl = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = i * RUN_ROW_BYTES, .l_len = 1};

	return fcntl(fd, command, &fl) == 0;
}

static bool write_free(int fd, int64_t i)
{
	static const struct run_row none;

	return pwrite(fd, &none, sizeof(none), i * RUN_ROW_BYTES) == sizeof(none);
}

/* ---- a new boot ---- */

static bool is_of_earlier_boot(const struct head *head)
{
	return head->boot_id != 0 && clock_boot_id() != 0 && head->boot_id != clock_boot_id();
}

/* Frees row i, unless it is of this boot. */
static enum err empty_row(int fd, int64_t i, const char *path)
{
	struct run_row row;
	ssize_t n = pread(fd, &row, sizeof(row), i * RUN_ROW_BYTES);
	enum err e = OK;

	if (n == sizeof(row) &&
		(is_free(&row) || (is_whole(&row) && row.boot_id == clock_boot_id())))
		return OK;
	if (!lock_row(fd, i, F_OFD_SETLK, F_WRLCK))
		return errno == EAGAIN || errno == EACCES ? OK : file_error(path);
	if (n != sizeof(row) || !write_free(fd, i))
		e = file_error(path);
	lock_row(fd, i, F_OFD_SETLK, F_UNLCK);
	return e;
}

/*
 * Frees all rows of earlier boots, and says in the head that it is this boot's.  The head is
 * locked: no process takes a row before its table has been emptied.
 */
static enum err empty_rows(int fd, const char *path, int64_t n_rows)
{
	struct head head;
	enum err e;

	if (!lock_row(fd, 0, F_OFD_SETLKW, F_WRLCK))
		return file_error(path);
	e = read_head(fd, path, &head);
	if (e == OK && is_of_earlier_boot(&head))
		for (int64_t i = 1; e == OK && i < n_rows; i++)
			e = empty_row(fd, i, path);
	head.boot_id = clock_boot_id();
	if (e == OK && pwrite(fd, &head, sizeof(head), 0) != sizeof(head))
		e = file_error(path);
	lock_row(fd, 0, F_OFD_SETLK, F_UNLCK);
	return e;
}

/* Of a table that was opened to start runs.  Sets *n_rows. */
static enum err enter_boot(int fd, const char *path, int64_t *n_rows)
{
	struct head head;
	struct stat sb;
	enum err e = read_head(fd, path, &head);

	if (e != OK)
		return e;
	if (fstat(fd, &sb) != 0)
		return file_error(path);
	*n_rows = sb.st_size / RUN_ROW_BYTES;
	return head.boot_id == clock_boot_id() ? OK : empty_rows(fd, path, *n_rows);
}

/* ---- opening ---- */

enum err run_table_open(const char *spool, struct run_table **table)
{
	char path[PATH_MAX];
	struct run_table *t;
	enum err e = table_path(spool, path);

	if (e != OK)
		return e;
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(ERR_NOMEM, "%s: out of memory", path);
	t->fd = open_file(path);
	if (t->fd < 0 && errno == ENOENT) {
		e = make_file(spool, path);
		if (e == OK)
			t->fd = open_file(path);
	}
	if (e == OK && t->fd < 0)
		e = file_error(path);
	if (e == OK)
		e = check_owner(t->fd, spool, path);
	if (e == OK)
		e = enter_boot(t->fd, path, &t->n_rows);
	if (e != OK) {
		if (t->fd >= 0)
			close(t->fd);
		free(t);
		return e;
	}
	t->pid_ns = inode_of("/proc/self/ns/pid");
	t->time_ns = inode_of("/proc/self/ns/time");
	t->keeper_pid = getpid();
	*table = t;
	return OK;
}

int run_table_fd(const struct run_table *t)
{
	return t->fd;
}

/* ---- rows ---- */

static bool has_bit(const unsigned char *bits, int64_t i)
{
	return bits[i / 8] >> i % 8 & 1;
}

static void set_bit(unsigned char *bits, int64_t i, bool value)
{
	bits[i / 8] = (unsigned char)((bits[i / 8] & ~(1U << i % 8)) | (unsigned)value << i % 8);
}

/* Is nothing left of the run of a keeper that has died?  Read under its lock. */
static bool is_over(
	const struct run_table *t, const struct run_row *row, const struct processes *all)
{
	if (!is_whole(row))
		return false;
	if (row->boot_id != clock_boot_id())
		return true;
	if (row->pid_ns != t->pid_ns || row->time_ns != t->time_ns)
		return false;
	return !processes_have(all, row);
}

/*
 * Takes row i: one that is free, or, with `all`, one whose run is over.  A row whose lock another
 * process has is left alone.
 */
static bool try_row(struct run_table *t, int64_t i, const struct processes *all)
{
	struct run_row row;

	if (has_bit(t->taken, i) || !lock_row(t->fd, i, F_OFD_SETLK, F_WRLCK))
		return false;
	if (pread(t->fd, &row, sizeof(row), i * RUN_ROW_BYTES) == sizeof(row) &&
		(is_free(&row) || (all && is_over(t, &row, all) && write_free(t->fd, i)))) {
		set_bit(t->taken, i, true);
		return true;
	}
	lock_row(t->fd, i, F_OFD_SETLK, F_UNLCK);
	return false;
}

static int64_t find_row(struct run_table *t, const struct processes *all)
{
	for (int64_t i = 1; i < t->n_rows && i < RUN_ROWS_MAX; i++)
		if (try_row(t, i, all))
			return i;
	return 0;
}

static int64_t find_left_row(struct run_table *t)
{
	struct processes all = {0};
	int64_t found = 0;

	if (processes_read(false, &all) == OK && !all.is_partial)
		found = find_row(t, &all);
	processes_free(&all);
	return found;
}

/* All rows are in use: the file grows, unless another process has made it longer. */
static int64_t find_new_row(struct run_table *t)
{
	struct stat sb;

	if (fstat(t->fd, &sb) == 0 && sb.st_size / RUN_ROW_BYTES > t->n_rows) {
		t->n_rows = sb.st_size / RUN_ROW_BYTES;
	} else if (t->n_rows < RUN_ROWS_MAX) {
		if (grow(t->fd, t->n_rows + ROWS_STEP, "the table of runs") != OK)
			return 0;
		t->n_rows += ROWS_STEP;
	}
	return find_row(t, NULL);
}

enum err run_table_take(struct run_table *t, int64_t *at)
{
	int64_t i;

	for (i = 1; i < t->n_rows && i < RUN_ROWS_MAX; i++)
		if (has_bit(t->taken, i) && !has_bit(t->used, i))
			break;
	if (i >= t->n_rows || i >= RUN_ROWS_MAX)
		i = find_row(t, NULL);
	if (i == 0)
		i = find_left_row(t);
	if (i == 0)
		i = find_new_row(t);
	if (i == 0)
		return err_set(ERR_FULL, "the table of runs has no row left: %lld are in use",
			(long long)t->n_rows);
	set_bit(t->used, i, true);
	*at = i * RUN_ROW_BYTES;
	return OK;
}

void run_table_give(struct run_table *t, int64_t at)
{
	int64_t i = at / RUN_ROW_BYTES;

	/* A row that cannot be freed stays in use: it may not say that nothing is left. */
	if (write_free(t->fd, i))
		set_bit(t->used, i, false);
}

void run_table_close(struct run_table **table)
{
	struct run_table *t = *table;

	*table = NULL;
	if (!t)
		return;
	close(t->fd);
	free(t);
}

void run_table_fill(const struct run_table *t, const struct run_name *name, struct run_row *row)
{
	*row = (struct run_row){
		.op_id = name->op_id,
		.op_nonce = name->op_nonce,
		.attempt = name->attempt,
		.kind = name->is_command ? RUN_KIND_COMMAND : RUN_KIND_SCRIPT,
		.boot_id = clock_boot_id(),
		.pid_ns = t->pid_ns,
		.time_ns = t->time_ns,
		.keeper_pid = t->keeper_pid,
		.made_after_ns = run_row_clock_ns(),
	};
	row->sum = sum_of(row);
}

/* ---- reading ---- */

/* Does a living process hold the lock of this row?  When it cannot be asked, yes. */
static bool is_locked(int fd, int64_t at)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

	return fcntl(fd, F_OFD_GETLK, &fl) != 0 || fl.l_type != F_UNLCK;
}

/* A table, as a reader sees it. */
struct view {
	int fd;
	bool is_over; /* its rows are of an earlier boot, but those that are whole and say another
		       */
	bool has_waited;
	uint64_t pid_ns, time_ns;
};

/* Reads a damaged row again, the first one a moment later: it may have been half written. */
static bool read_again(struct view *v, int64_t at, struct run_row *row)
{
	if (!v->has_waited)
		usleep(WRITE_US);
	v->has_waited = true;
	return pread(v->fd, row, sizeof(*row), at) == sizeof(*row);
}

/* The state of a row that is not free. */
static enum row_state state_of(const struct view *v, int64_t at, const struct run_row *row)
{
	if (!is_whole(row))
		return v->is_over ? ROW_OVER : ROW_DAMAGED;
	if (row->boot_id != clock_boot_id())
		return ROW_OVER;
	if (is_locked(v->fd, at))
		return ROW_KEPT;
	return row->pid_ns != v->pid_ns || row->time_ns != v->time_ns ? ROW_ELSEWHERE : ROW_LEFT;
}

static enum err read_rows(int fd, const char *path,
	bool (*each)(const struct run_row *row, enum row_state state, void *arg), void *arg)
{
	struct view v = {.fd = fd,
		.pid_ns = inode_of("/proc/self/ns/pid"),
		.time_ns = inode_of("/proc/self/ns/time")};
	struct run_row rows[64];
	struct head head;
	int64_t at = RUN_ROW_BYTES;
	enum err e = read_head(fd, path, &head);
	ssize_t n = 1;

	v.is_over = e == OK && is_of_earlier_boot(&head);
	while (e == OK && (n = pread(fd, rows, sizeof(rows), at)) > 0) {
		for (int64_t i = 0; i < n / RUN_ROW_BYTES; i++) {
			int64_t row_at = at + i * RUN_ROW_BYTES;
			struct run_row *row = &rows[i];

			if (!is_free(row) && !is_whole(row) && !v.is_over &&
				!read_again(&v, row_at, row))
				return file_error(path);
			if (!is_free(row) && !each(row, state_of(&v, row_at, row), arg))
				return OK;
		}
		at += n;
	}
	return n < 0 ? file_error(path) : e;
}

enum err run_table_read(const char *spool,
	bool (*each)(const struct run_row *row, enum row_state state, void *arg), void *arg)
{
	char path[PATH_MAX];
	enum err e = table_path(spool, path);
	struct stat sb;
	int fd;

	if (e != OK)
		return e;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? err_set(ERR_ABSENT, "%s is not there", path)
				       : file_error(path);
	if (fstat(fd, &sb) == 0 && sb.st_size == 0) /* it is being made: no run has begun */
		e = err_set(ERR_ABSENT, "%s is empty", path);
	if (e == OK)
		e = check_owner(fd, spool, path);
	if (e == OK)
		e = read_rows(fd, path, each, arg);
	close(fd);
	return e;
}
