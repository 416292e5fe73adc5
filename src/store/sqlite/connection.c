/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/connection.c - connections to the database, the statements prepared on each, and the
 * list of idle ones
 *
 * A statement stands beside the function that binds it.  Each connection prepares it at its first
 * use and keeps it: struct statement has a number, the place of its prepared form in every
 * connection, which the first use in this process gives it.
 *
 * RULES
 *   (1) A copy is not opened with the log of another database beside it (unit/store_backup).
 *
 * No connection checkpoints by itself (wal_autocheckpoint=0, no checkpoint on close): only
 * store/sqlite/upkeep.c does, under the writer lock.  SQLite before 3.51.3 needs that to be safe.
 *
 * Does not know: tables, transactions, and the writer lock.
 */
#include "store/sqlite/connection.h"

#include "store/sqlite/location.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define READER_CACHE_KIB 64 /* others commit all the time, which empties it */
#define WRITER_CACHE_KIB 512
/* A process that sees only its own commits, as a CGI program does, purges when the log has grown by
 * so much. */
#define PURGE_PAGES 32

/* ---- statements ---- */

enum err conn_error(struct conn *c, int rc, const char *doing)
{
	int system = errno; /* SQLite does not keep that of a failed COMMIT */
	const char *what = c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc);

	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return OK;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(ERR_BUSY, "%s: the database is locked by another program", doing);
	case SQLITE_FULL:
		return err_set(ERR_FULL, "%s: no room: %s", doing, what);
	case SQLITE_NOMEM:
		return err_set(ERR_NOMEM, "%s: out of memory", doing);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_set(ERR_BROKEN, "%s: the database is damaged: %s", doing, what);
	case SQLITE_CONSTRAINT:
		return err_set(ERR_REFUSED, "%s: %s", doing, what);
	default:
		/* A full quota or file size limit comes as IOERR_WRITE. */
		if (rc == SQLITE_IOERR_WRITE && err_from_errno(system) == ERR_FULL)
			return err_set(ERR_FULL, "%s: no room: %s", doing, strerror(system));
		return err_set(ERR_SYSTEM, "%s: %s (SQLite code %d)", doing, what, rc);
	}
}

/* The statement's place in every connection; 0: there are too many statements. */
static int number_of(struct statement *which)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	static int last;
	int number = atomic_load_explicit(&which->number, memory_order_relaxed);

	if (number != 0)
		return number;
	pthread_mutex_lock(&mutex);
	number = atomic_load(&which->number); /* another thread may have been faster */
	if (number == 0 && last + 1 < STATEMENTS_MAX) {
		number = ++last;
		atomic_store(&which->number, number);
	}
	pthread_mutex_unlock(&mutex);
	return number;
}

sqlite3_stmt *conn_statement(struct conn *c, struct statement *which)
{
	int number = number_of(which), rc;

	if (c->stmt[number])
		return c->stmt[number];
	if (number == 0) {
		c->why =
			err_set(ERR_SYSTEM, "prepare: more than %d statements", STATEMENTS_MAX - 1);
		return NULL;
	}
	rc = sqlite3_prepare_v3(
		c->db, which->sql, -1, SQLITE_PREPARE_PERSISTENT, &c->stmt[number], NULL);
	if (rc != SQLITE_OK) {
		c->why = conn_error(c, rc, "prepare");
		return NULL;
	}
	return c->stmt[number];
}

enum err conn_run(struct conn *c, sqlite3_stmt *stmt, const char *doing)
{
	enum err e = OK;
	int rc;

	if (!stmt)
		return c->why;
	do
		rc = sqlite3_step(stmt);
	while (rc == SQLITE_ROW);
	if (rc != SQLITE_DONE)
		e = conn_error(c, sqlite3_extended_errcode(c->db), doing);
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return e;
}

enum err conn_execute(struct conn *c, const char *text, const char *doing)
{
	int rc = sqlite3_exec(c->db, text, NULL, NULL, NULL);

	return rc == SQLITE_OK ? OK : conn_error(c, sqlite3_extended_errcode(c->db), doing);
}

enum err conn_ask(struct conn *c, const char *text, char *out, size_t size)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(c->db, text, -1, &stmt, NULL);
	const char *value = NULL;
	enum err e = OK;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW && !(value = (const char *)sqlite3_column_text(stmt, 0)))
		rc = SQLITE_NOMEM; /* a number becomes a text in memory of its own */
	if (value)
		snprintf(out, size, "%s", value);
	else
		e = rc == SQLITE_DONE ? err_set(ERR_BROKEN, "%s: no answer", text)
				      : conn_error(c, rc, text);
	sqlite3_finalize(stmt);
	return e;
}

/* ---- opening and closing ---- */

static int remember_wal_pages(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct store *st = arg;
	int written = 0, most = 0;

	(void)name;
	sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_WRITE, &written, &most, 1);
	st->wal_pages = pages;
	if (!st->has_purged && pages / PURGE_PAGES != (pages - written) / PURGE_PAGES)
		st->is_purge_due = true;
	return SQLITE_OK;
}

#define JOURNAL_AT  18 /* in the file's header: 1 a rollback journal, 2 a log */
#define NO_LOG_BYTE 1

/*
 * A backup that was put in the place of the store says that it has no log.  One that lies beside it
 * belongs to the store before, and SQLite would mix the two.  Looked at before SQLite reads either,
 * through the file that SQLite has open.
 */
static enum err refuse_foreign_log(const struct store *st, const struct conn *c)
{
	char log_path[PATH_MAX];
	unsigned char byte = 0;
	sqlite3_file *file = NULL;
	struct stat sb;

	if (sqlite3_file_control(c->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
		!file || !file->pMethods ||
		file->pMethods->xRead(file, &byte, 1, JOURNAL_AT) != SQLITE_OK ||
		byte != NO_LOG_BYTE)
		return OK;
	snprintf(log_path, sizeof(log_path), "%s-wal", st->path);
	if (stat(log_path, &sb) != 0 || sb.st_size == 0)
		return OK;
	return err_set(ERR_BROKEN,
		"%s is a copy, and %s beside it is the log of another database, which would damage "
		"it; stop the gateways, remove %s and %s-shm, and copy it anew",
		st->path, log_path, log_path, st->path);
}

enum err conn_open(struct store *st, struct conn **out)
{
	static const char *const synchronous[] = {[DURABILITY_FULL] = "FULL",
		[DURABILITY_NORMAL] = "NORMAL",
		[DURABILITY_OFF] = "OFF"};
	struct conn *c = calloc(1, sizeof(*c));
	char pragmas[512];
	int one = 1, rc;
	enum err e;

	if (!c)
		return err_set(ERR_NOMEM, "open the store: out of memory");
	rc = sqlite3_open_v2(st->path, &c->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE |
			SQLITE_OPEN_NOMUTEX,
		NULL);
	e = store_is_there(st);
	if (e == OK && rc != SQLITE_OK)
		e = conn_error(c, rc, st->path);
	if (e == OK && st->path_id.ino == 0) /* the first one */
		e = refuse_foreign_log(st, c);
	if (e != OK) {
		conn_close(&c);
		return e;
	}
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_limit(c->db, SQLITE_LIMIT_ATTACHED, 0);
	/* The queue is the lock file; this is for programs that do not know it. */
	sqlite3_busy_timeout(c->db, (int)st->busy_timeout_ms);
	snprintf(pragmas, sizeof(pragmas),
		"PRAGMA synchronous=%s; PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=-1;"
		"PRAGMA mmap_size=0; PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY;"
		"PRAGMA secure_delete=FAST; PRAGMA cell_size_check=ON; PRAGMA query_only=ON",
		synchronous[st->durability], READER_CACHE_KIB);
	e = conn_execute(c, pragmas, "open the store");
	if (e != OK) {
		conn_close(&c);
		return e;
	}
	sqlite3_file_control(c->db, "main", SQLITE_FCNTL_PERSIST_WAL, &one);
	*out = c;
	return OK;
}

enum err conn_let_write(struct store *st, struct conn *c)
{
	char pragmas[80];

	snprintf(pragmas, sizeof(pragmas), "PRAGMA query_only=OFF; PRAGMA cache_size=-%d",
		WRITER_CACHE_KIB);
	sqlite3_wal_hook(c->db, remember_wal_pages, st);
	return conn_execute(c, pragmas, "open the store");
}

void conn_close(struct conn **c)
{
	if (!*c)
		return;
	for (int i = 0; i < STATEMENTS_MAX; i++)
		sqlite3_finalize((*c)->stmt[i]);
	sqlite3_close((*c)->db);
	free(*c);
	*c = NULL;
}

/* ---- idle connections ---- */

enum err reader_take(struct store *st, struct conn **out)
{
	struct conn *c;
	enum err e;

	pthread_mutex_lock(&st->readers_mutex);
	c = st->readers;
	if (c)
		st->readers = c->next;
	pthread_mutex_unlock(&st->readers_mutex);
	if (!c)
		return conn_open(st, out);
	e = store_is_there(st);
	if (e == OK)
		*out = c;
	else
		conn_close(&c);
	return e;
}

void reader_give(struct store *st, struct conn **c)
{
	if (!*c)
		return;
	pthread_mutex_lock(&st->readers_mutex);
	(*c)->next = st->readers;
	st->readers = *c;
	pthread_mutex_unlock(&st->readers_mutex);
	*c = NULL;
}

enum err reader_prepare(
	struct store *st, struct statement *s, struct conn **out, sqlite3_stmt **stmt)
{
	enum err e = reader_take(st, out);

	if (e != OK)
		return e;
	*stmt = conn_statement(*out, s);
	if (*stmt)
		return OK;
	e = (*out)->why;
	reader_give(st, out);
	return e;
}
