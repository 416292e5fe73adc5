/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/open.c - opens and closes the SQLite store
 *
 * RULES
 *   (1) A database is made only where none ever was (unit/store).
 *
 * Only SQLite opens the database, its -wal or its -shm in this process: closing any other
 * descriptor of them would drop SQLite's POSIX locks.  stat(2) is allowed, open(2) is not.
 *
 * Does not know: operations.
 */
#include "base/clock.h"
#include "base/digest.h"
#include "store/sqlite/clock.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/copy.h"
#include "store/sqlite/location.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/upkeep.h"
#include "store/sqlite/writer.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what SQLite says ---- */

static _Thread_local bool has_recovered;

static void note_recovery(void *arg, int code, const char *text)
{
	(void)arg;
	(void)text;
	if (code == SQLITE_NOTICE_RECOVER_WAL)
		has_recovered = true;
}

static void listen_to_sqlite(void)
{
	sqlite3_config(SQLITE_CONFIG_LOG, note_recovery, NULL);
}

/* ---- opening ---- */

static enum err read_blob(struct conn *c, const char *name, unsigned char *out, int len)
{
	sqlite3_stmt *stmt = NULL;
	enum err e = ERR_BROKEN;
	int rc =
		sqlite3_prepare_v2(c->db, "SELECT value FROM store WHERE name=?1", -1, &stmt, NULL);

	if (rc == SQLITE_OK) {
		sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
		rc = sqlite3_step(stmt);
	}
	if (rc == SQLITE_ROW && sqlite3_column_bytes(stmt, 0) == len) {
		memcpy(out, sqlite3_column_blob(stmt, 0), (size_t)len);
		e = OK;
	} else if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		e = conn_error(c, sqlite3_extended_errcode(c->db), "read the store's id");
	} else {
		e = err_set(ERR_BROKEN, "the store has no %s", name);
	}
	sqlite3_finalize(stmt);
	return e;
}

static enum err out_of_memory(void)
{
	return err_set(ERR_NOMEM, "open the store: out of memory");
}

static enum err remember_file(int fd, const char *path, struct file_id *id)
{
	struct stat sb;

	if ((fd >= 0 ? fstat(fd, &sb) : stat(path, &sb)) != 0)
		return err_set(ERR_SYSTEM, "%s: %s", path, strerror(errno));
	*id = (struct file_id){sb.st_dev, sb.st_ino};
	return OK;
}

static enum err open_lock(struct store *st)
{
	st->lock_fd = open(st->lock_path,
		(st->is_read_only ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (st->lock_fd >= 0)
		return remember_file(st->lock_fd, st->lock_path, &st->lock_id);
	if (errno == ENOENT && st->is_read_only)
		return OK; /* no process has a lock */
	return err_set(err_from_errno(errno), "%s: %s", st->lock_path, strerror(errno));
}

/* Everything that is wrong with the database `c` has opened; fills in what st knows of it. */
static enum err check_store(struct store *st, const struct store_options *opt, struct conn *c)
{
	int has_moved = 0;
	enum err e = schema_check(st, c);

	if (e == OK)
		e = read_blob(c, "id", st->id, sizeof(st->id));
	if (e == OK)
		e = read_blob(c, "secret", st->secret, sizeof(st->secret));
	if (e == OK)
		e = copy_check(st, c, opt->accepted_copy);
	if (e == OK)
		e = schema_check_journal(st, c);
	if (e == OK)
		e = clock_row_read(st, c);
	if (e == OK)
		e = remember_file(-1, st->path, &st->path_id);
	if (e == OK &&
		sqlite3_file_control(c->db, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved) ==
			SQLITE_OK &&
		has_moved)
		e = err_set(ERR_BUSY, "%s was replaced while it was opened", st->path);
	return e;
}

static enum err open_database(struct store *st, const struct store_options *opt)
{
	char known[2 * STORE_ID_LEN + 1] = "", id[2 * STORE_ID_LEN + 1];
	bool may_create = opt->may_create && !opt->is_read_only;
	struct conn *c = NULL;
	enum err e = opt->is_read_only ? OK : location_check_account(st);

	if (e == OK)
		e = location_check(st, opt, known);
	if (e != OK && !(e == ERR_ABSENT && may_create))
		return e;
	e = open_lock(st);
	st->liveness.lock_path = st->lock_path;
	st->liveness.query_fd = st->lock_fd;
	if (e == OK && may_create && !*known)
		e = schema_create(st);
	has_recovered = false;
	if (e == OK)
		e = conn_open(st, &c);
	if (e == OK)
		e = check_store(st, opt, c);
	st->has_recovered = has_recovered;
	if (e == ERR_ABSENT && *known)
		e = location_refuse_missing(st);
	if (e == OK) {
		hex_text(st->id, sizeof(st->id), id);
		if (*known && strcmp(id, known) != 0)
			e = err_set(ERR_BROKEN,
				"%s is not the store that was used before (%s remembers another "
				"one); put the "
				"right file back, or, if this one is meant to take over, remove %s",
				st->path, st->sentinel, st->sentinel);
		else if (!*known && !opt->is_read_only)
			e = location_remember(st);
	}
	if (e == OK)
		reader_give(st, &c);
	conn_close(&c);
	return e;
}

enum err store_open(const struct store_options *opt, struct store **out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct store *st = calloc(1, sizeof(*st));
	enum err e;

	if (!st)
		return out_of_memory();
	pthread_once(&once, listen_to_sqlite);
	st->next_purge_us = clock_mono_us() + PURGE_EVERY_US;
	st->lock_fd = st->liveness.witness_fd = -1;
	st->durability = opt->durability;
	st->busy_timeout_ms = opt->busy_timeout_ms;
	st->is_read_only = opt->is_read_only;
	st->max_bytes = opt->max_bytes;
	st->reserve_bytes = opt->reserve_bytes;
	st->last = &st->first;
	pthread_mutex_init(&st->readers_mutex, NULL);
	pthread_mutex_init(&st->mutex, NULL);
	pthread_mutex_init(&st->clock_mutex, NULL);
	pthread_cond_init(&st->work_there, NULL);
	e = location_set(st, opt);
	if (e == OK)
		e = open_database(st, opt);
	if (e == OK && !st->is_read_only)
		e = liveness_start(&st->liveness);
	if (e != OK) {
		store_close(&st);
		return e;
	}
	*out = st;
	return OK;
}

void store_close(struct store **stp)
{
	struct store *st = *stp;

	if (!st)
		return;
	writer_stop(st);
	while (st->readers) {
		struct conn *c = st->readers;

		st->readers = c->next;
		conn_close(&c);
	}
	if (st->lock_fd >= 0)
		close(st->lock_fd);
	liveness_stop(&st->liveness);
	pthread_mutex_destroy(&st->readers_mutex);
	pthread_mutex_destroy(&st->mutex);
	pthread_mutex_destroy(&st->clock_mutex);
	pthread_cond_destroy(&st->work_there);
	free(st->path);
	free(st->lock_path);
	free(st->spool);
	free(st->sentinel);
	free(st);
	*stp = NULL;
}

const struct liveness *store_liveness(const struct store *st)
{
	return &st->liveness;
}

const char *store_spool(const struct store *st)
{
	return st->spool;
}

const unsigned char *store_secret(const struct store *st)
{
	return st->secret;
}

const char *store_engine_version(void)
{
	static char version[40];

	snprintf(version, sizeof(version), "SQLite %s", sqlite3_libversion());
	return version;
}
