/* SPDX-License-Identifier: ISC */
/*
 * store_try.h - what the tests of the store share: a directory of their own, operations made of a
 * name, this very program as another process, and a SQLite file layer that fails when it is told to
 *
 * try_begin() comes first, try_end() last.
 */
#ifndef RETRYSAFE_STORE_TRY_H
#define RETRYSAFE_STORE_TRY_H

#include "base/clock.h"
#include "base/digest.h"
#include "operation/claim.h"
#include "store/store.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

static char try_dir[] = "/tmp/rs-unit-XXXXXX";
static char try_url[128], try_db[96], try_spool[96];

/* ---- a file layer that counts and fails ---- */

static struct {
	atomic_int log_syncs;   /* of the write-ahead log */
	atomic_int fail_syncs;  /* of the log: SQLITE_IOERR_FSYNC */
	atomic_int fail_writes; /* of any file: SQLITE_FULL */
} try_disk;

struct try_file {
	sqlite3_file base;
	bool is_log;
	sqlite3_file *real;
};

static sqlite3_vfs *try_real;
static sqlite3_io_methods try_methods;

static sqlite3_file *real_of(sqlite3_file *f)
{
	return ((struct try_file *)(void *)f)->real;
}

static int try_close(sqlite3_file *f)
{
	return real_of(f)->pMethods->xClose(real_of(f));
}

static int try_read(sqlite3_file *f, void *buf, int n, sqlite3_int64 at)
{
	return real_of(f)->pMethods->xRead(real_of(f), buf, n, at);
}

static int try_write(sqlite3_file *f, const void *buf, int n, sqlite3_int64 at)
{
	if (try_disk.fail_writes)
		return SQLITE_FULL;
	return real_of(f)->pMethods->xWrite(real_of(f), buf, n, at);
}

static int try_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int try_sync(sqlite3_file *f, int flags)
{
	if (((struct try_file *)(void *)f)->is_log) {
		try_disk.log_syncs++;
		if (try_disk.fail_syncs)
			return SQLITE_IOERR_FSYNC;
	}
	return real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int try_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int try_lock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int try_unlock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int try_reserved(sqlite3_file *f, int *out)
{
	return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int try_control(sqlite3_file *f, int op, void *arg)
{
	return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int try_sector(sqlite3_file *f)
{
	return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int try_characteristics(sqlite3_file *f)
{
	return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int try_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

static int try_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void try_shm_barrier(sqlite3_file *f)
{
	real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int try_shm_unmap(sqlite3_file *f, int remove)
{
	return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

static int try_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct try_file *t = (struct try_file *)(void *)f;
	int rc;

	(void)vfs;
	t->real = (sqlite3_file *)(void *)(t + 1);
	t->is_log = flags & SQLITE_OPEN_WAL;
	t->base.pMethods = NULL;
	rc = try_real->xOpen(try_real, name, t->real, flags, out);
	if (t->real->pMethods)
		t->base.pMethods = &try_methods;
	return rc;
}

/* Puts the layer between SQLite and the disk, for every connection of this process. */
UNUSED static void try_disk_begin(void)
{
	static sqlite3_vfs vfs;

	try_real = sqlite3_vfs_find(NULL);
	vfs = *try_real;
	vfs.zName = "try";
	vfs.szOsFile = (int)sizeof(struct try_file) + try_real->szOsFile;
	vfs.xOpen = try_open;
	try_methods = (sqlite3_io_methods){2, try_close, try_read, try_write, try_truncate,
		try_sync, try_size, try_lock, try_unlock, try_reserved, try_control, try_sector,
		try_characteristics, try_shm_map, try_shm_lock, try_shm_barrier, try_shm_unmap,
		NULL, NULL};
	sqlite3_vfs_register(&vfs, 1);
}

/* ---- a directory ---- */

static int remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void try_remove(const char *dir)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* Names a store in a directory below try_dir, or in try_dir itself (NULL). */
static void try_at(const char *name)
{
	snprintf(try_db, sizeof(try_db), "%s%s%s/s.db", try_dir, name ? "/" : "", name ? name : "");
	snprintf(try_url, sizeof(try_url), "sqlite:%s", try_db);
	snprintf(try_spool, sizeof(try_spool), "%s%s%s/spool", try_dir, name ? "/" : "",
		name ? name : "");
}

static pid_t try_owner; /* of try_dir */

/* At the end of the process that made it, also where a step that has to work has failed. */
static void try_remove_own(void)
{
	if (getpid() == try_owner)
		try_remove(try_dir);
}

/* `dir`: what another process of this program was told, or NULL to make one. */
static void try_begin(const char *dir)
{
	if (dir) {
		snprintf(try_dir, sizeof(try_dir), "%s", dir);
	} else {
		if (!mkdtemp(try_dir))
			exit(111);
		try_owner = getpid();
		atexit(try_remove_own);
	}
	try_at(NULL);
}

UNUSED static int try_end(void)
{
	return done_testing();
}

/* ---- a store and operations ---- */

UNUSED static struct store_options try_options(void)
{
	return (struct store_options){.url = try_url,
		.spool = try_spool,
		.durability = DURABILITY_FULL,
		.busy_timeout_ms = 5000,
		.may_create = true};
}

UNUSED static struct store *try_store(void)
{
	struct store_options opt = try_options();
	struct store *st = NULL;

	if (store_open(&opt, &st) == OK)
		return st;
	printf("Bail out! %s\n", err_text());
	exit(111);
}

/* A step that has to work for the test to mean anything. */
#define must(e) must_at(TAP_HERE, (e))
UNUSED static void must_at(struct tap_place at, enum err e)
{
	if (e != OK)
		tap_ok(at, 0, "a step of the test: %s", err_text());
}

/* An operation whose identity is made of a name; claimed at now_ms. */
UNUSED static struct operation try_operation(struct store *st, const char *name, int64_t now_ms)
{
	struct operation op = {0};
	struct digest d;

	digest_start(&d, (const unsigned char *)"try", 3);
	digest_string(&d, name);
	digest_end(&d, op.identity, sizeof(op.identity));
	memset(op.fingerprint, 7, sizeof(op.fingerprint));
	snprintf(op.route, sizeof(op.route), "/cgi-bin/%.1s.pl", name);
	claim_prepare(st, NULL, now_ms, 60000, &op);
	return op;
}

/* Claims it: 1 taken, 0 not, or minus the error. */
UNUSED static int try_claim(struct store *st, const struct operation *op)
{
	enum claimed result = CLAIM_THERE;
	enum err e = store_claim(st, &(struct claim){.op = op}, &result);

	return e == OK ? result == CLAIM_TAKEN : -(int)e;
}

UNUSED static enum state try_state(struct store *st, const struct operation *op)
{
	struct operation found = {0};
	enum err e = store_find(st, op->identity, &found, NULL);

	return e == OK ? found.state : e == ERR_ABSENT ? STATE_ABSENT : STATE__MAX;
}

/* Bytes that depend on their place. */
UNUSED static char *try_bytes(size_t n)
{
	char *p = malloc(n + 1);

	for (size_t i = 0; p && i < n; i++)
		p[i] = (char)(i * 31 + i / 251);
	return p;
}

/* Records a body of n bytes for it, as the gateway does with a big output: behind a descriptor. */
UNUSED static enum err try_record(struct store *st, const struct operation *op, size_t n,
	int64_t now_ms, int64_t ttl_ms, int64_t tombstone_ms)
{
	static char head[] = "Status: 201 Created\r\nContent-Type: text/plain\r\n";
	struct response res = {.status = 201,
		.head = head,
		.head_len = sizeof(head) - 1,
		.body_len = (int64_t)n,
		.is_kept = true};
	struct record rec = {.op = op,
		.res = &res,
		.body_at = 5,
		.now_ms = now_ms,
		.ttl_ms = ttl_ms,
		.tombstone_ms = tombstone_ms};
	enum err e = ERR_SYSTEM;

	res.body = try_bytes(n);
	res.body_inline_len = n < RESPONSE_INLINE_MAX ? n : RESPONSE_INLINE_MAX;
	rec.body_fd = memfd_create("body", MFD_CLOEXEC);
	if (pwrite(rec.body_fd, res.body, n, 5) == (ssize_t)n)
		e = store_record(st, &rec);
	close(rec.body_fd);
	free(res.body);
	return e;
}

/* Runs SQL on the store's file as another program would; returns the first value, or -1. */
UNUSED static int64_t try_sql(const char *file, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;
	int64_t value = -1;

	if (sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
		int on = 1;

		sqlite3_busy_timeout(db, 5000); /* the store may be purging by the way */
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
		if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK) {
			int rc = sqlite3_step(stmt);

			value = rc == SQLITE_ROW    ? sqlite3_column_int64(stmt, 0)
				: rc == SQLITE_DONE ? 0
						    : -1;
		}
		sqlite3_finalize(stmt);
	}
	sqlite3_close(db);
	return value;
}

/* ---- other processes ---- */

/* Starts this program again (never a fork that goes on) with argv; `fd` becomes its descriptor 3.
 */
UNUSED static pid_t try_exec(const char *role, const char *name, int fd)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* it never outlives the test */
	if (fd >= 0)
		dup2(fd, 3);
	execl("/proc/self/exe", "unit", role, try_dir, name, (char *)NULL);
	_exit(127);
}

/* Its exit status, or 128 + its signal. */
UNUSED static int try_wait(pid_t pid)
{
	int status = 0;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

UNUSED static int64_t file_size(const char *path)
{
	struct stat sb;

	return stat(path, &sb) == 0 ? sb.st_size : -1;
}

#endif
