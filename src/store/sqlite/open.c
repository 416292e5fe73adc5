/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/open.c - the SQLite store: opening, connections, statements
 *
 * RULES THAT HOLD
 *   (1) A database is made only where none ever was (store/sqlite/location.c).
 *   (2) Nothing in this process opens the database, its -wal or its -shm but SQLite: closing any
 *       descriptor of them would drop SQLite's POSIX locks.  stat(2) is allowed, open(2) is not.
 *   (3) No connection checkpoints by itself (wal_autocheckpoint=0, no checkpoint on close): only
 *       store/sqlite/writer.c does, under the writer lock.  SQLite before 3.51.3 needs that to be
 * safe. (4) Before the first operation is read, the log is synced: what is told is on disk.
 */
#include "base/clock.h"
#include "base/digest.h"
#include "store/sqlite/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const sql[ST__MAX] = {
	[ST_BEGIN] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_FIND] = "SELECT " OPERATION_COLUMNS " FROM operation o JOIN route r ON r.id=o.route"
		    " WHERE o.identity=?1",
	[ST_FIND_ID] = "SELECT " OPERATION_COLUMNS " FROM operation o JOIN route r ON r.id=o.route"
		       " WHERE o.id=?1",
	[ST_RESPONSE] = "SELECT head,length,digest,body FROM response WHERE id=?1",
	[ST_CHUNK] = "SELECT digest,data FROM chunk WHERE id=?1 AND at=?2",
	/* Newest first is the order of the ids. */
	[ST_LIST] = "SELECT " OPERATION_COLUMNS " FROM operation o JOIN route r ON r.id=o.route"
		    " WHERE (?1=0 OR o.state=?1) AND (?2 IS NULL OR r.name=?2) AND o.id<?3"
		    " ORDER BY o.id DESC LIMIT ?4",
	/* The same, for a state that has an index of its own. */
	[ST_LIST_OPEN] =
		"SELECT " OPERATION_COLUMNS " FROM operation o JOIN route r ON r.id=o.route"
		" WHERE o.state=?1 AND o.state IN (1,2,4) AND (?2 IS NULL OR r.name=?2)"
		" AND o.id<?3 ORDER BY o.id DESC LIMIT ?4",
	[ST_HISTORY] = "SELECT at,event,detail FROM history WHERE id=?1 ORDER BY rowid",
	[ST_COUNT] = "SELECT state,count(*),total(CASE WHEN state=3 THEN bytes END)"
		     " FROM operation GROUP BY state",
	[ST_ROUTE_ID] = "SELECT id FROM route WHERE name=?1",
	[ST_ROUTE_ADD] = "INSERT INTO route(name) VALUES(?1)",
	[ST_CLAIM] = "INSERT INTO operation(id,nonce,identity,fingerprint,principal,route,state,"
		     "attempts,created,updated,token,witness,boot,deadline)"
		     " VALUES(?1,?2,?3,?4,?5,?6,?7,1,?8,?8,?9,?10,?11,?12)"
		     " ON CONFLICT(identity) DO NOTHING",
	[ST_RELEASE] = "DELETE FROM operation WHERE id=?1 AND token=?2 AND state=?3 AND attempts=1",
	[ST_DONE] =
		"UPDATE operation SET state=?4,updated=?5,due=?6,tombstone=?7,status=?8,bytes=?9,"
		"exit=?10,reason=NULL,token=NULL,witness=NULL,boot=NULL,deadline=NULL"
		" WHERE id=?1 AND token IS ?2 AND state=?3",
	[ST_RESPONSE_ADD] =
		"INSERT INTO response(id,head,length,digest,body) VALUES(?1,?2,?3,?4,?5)",
	[ST_RESPONSE_DROP] = "DELETE FROM response WHERE id=?1",
	[ST_CHUNK_ADD] =
		"INSERT OR REPLACE INTO chunk(id,at,digest,data) SELECT ?1,?2,?3,?4 WHERE"
		" EXISTS(SELECT 1 FROM operation WHERE id=?1 AND token IS ?5 AND state=?6)",
	[ST_CHUNK_DROP] = "DELETE FROM chunk WHERE id=?1",
	[ST_DOUBT] = "UPDATE operation SET state=?4,updated=?5,exit=?6,reason=?7,token=NULL,"
		     "witness=NULL,boot=NULL,deadline=NULL WHERE id=?1 AND token=?2 AND state=?3",
	[ST_EXPIRE] = "UPDATE operation SET state=?2,due=due+tombstone WHERE id=?1",
	[ST_FORGET] = "DELETE FROM operation WHERE id=?1",
	[ST_OUTBOX_DROP] = "DELETE FROM outbox WHERE op=?1 AND due IS NULL",
	/* When somebody purged into an archive for the last time; see store/sqlite/purge.c. */
	[ST_ARCHIVED] = "SELECT value FROM store WHERE name='archived'",
	[ST_ARCHIVED_NOW] = "INSERT OR REPLACE INTO store(name,value) VALUES('archived',?1)",
	[ST_ARCHIVED_NEVER] = "DELETE FROM store WHERE name='archived'",
	[ST_SET_ASIDE] = "UPDATE operation SET identity=?2 WHERE id=?1",
	[ST_DUE] = "SELECT id,state,due,tombstone,bytes FROM operation WHERE due<=?1 ORDER BY due"
		   " LIMIT ?2",
	[ST_VACUUM] = "PRAGMA incremental_vacuum",
	[ST_DATA_VERSION] = "PRAGMA data_version",
	[ST_FREE_PAGES] = "PRAGMA freelist_count",
	[ST_TOUCH] = "INSERT OR REPLACE INTO store(name,value) VALUES('touched',randomblob(8))",
	[ST_HISTORY_ADD] = "INSERT INTO history(id,at,event,detail) VALUES(?1,?2,?3,?4)",
	[ST_HISTORY_DROP] = "DELETE FROM history WHERE id=?1",
	/* `tombstone` of what runs is the state that it was taken from: 0 or 4. */
	[ST_RETAKE] = "UPDATE operation SET state=?3,tombstone=state,attempts=?2,updated=?4,"
		      "fingerprint=?5,"
		      "principal=?6,due=NULL,exit=NULL,reason=NULL,token=?7,witness=?8,boot=?9,"
		      "deadline=?10 WHERE id=?1 AND attempts=?2-1 AND state IN (0,4)",
	/* What this attempt did not do, an uncertain one before it may have done. */
	[ST_RELEASE_AGAIN] =
		"UPDATE operation SET state=coalesce(tombstone,0),attempts=attempts-1,"
		"due=CASE WHEN tombstone=4 THEN NULL ELSE updated+?4 END,"
		"reason=CASE WHEN tombstone=4 THEN 'an earlier attempt is uncertain' END,"
		"tombstone=NULL,token=NULL,witness=NULL,boot=NULL,deadline=NULL"
		" WHERE id=?1 AND token=?2 AND state=?3 AND attempts>1",
	[ST_FREE] = "UPDATE operation SET state=0,updated=?3,due=?4,reason=?5"
		    " WHERE id=?1 AND state=4 AND attempts=?2",
	[ST_NOTE] = "UPDATE operation SET updated=?3 WHERE id=?1 AND state=4 AND attempts=?2",
	[ST_REQUEST_ADD] = "INSERT OR REPLACE INTO request(id,variables,body) SELECT ?1,?2,?3 WHERE"
			   " EXISTS(SELECT 1 FROM operation WHERE id=?1 AND token=?4 AND state=?5)",
	[ST_REQUEST_DROP] = "DELETE FROM request WHERE id=?1",
	[ST_REQUEST] = "SELECT variables,body FROM request WHERE id=?1",
	[ST_NATURAL] = "SELECT op FROM natural WHERE digest=?1 AND (due IS NULL OR due>?2)",
	[ST_NATURAL_ADD] = "INSERT INTO natural(digest,op,ttl) VALUES(?1,?2,?3) ON CONFLICT(digest)"
			   " DO UPDATE SET op=?2,ttl=?3,due=NULL",
	[ST_NATURAL_OF] = "SELECT 1 FROM natural WHERE op=?1",
	[ST_NATURAL_KEEP] = "UPDATE natural SET due=CASE WHEN ttl>0 THEN ?2+ttl END WHERE op=?1",
	[ST_NATURAL_DROP] = "DELETE FROM natural WHERE op=?1 AND NOT EXISTS"
			    "(SELECT 1 FROM operation WHERE id=?1 AND state=4)",
	[ST_NATURAL_PURGE] = "DELETE FROM natural WHERE digest IN"
			     " (SELECT digest FROM natural WHERE due<=?1 LIMIT 200)",
	/* Only what is open is in the index, so few rows are looked at. */
	[ST_RUNNING] = "SELECT count(*),total(route=?1) FROM operation"
		       " WHERE state=2 AND state IN (1,2,4)",
	[ST_WEBHOOK_ADD] =
		"INSERT OR REPLACE INTO webhook(op,url,trusted,max_age) VALUES(?1,?2,?3,?4)",
	[ST_WEBHOOK_DROP] = "DELETE FROM webhook WHERE op=?1",
	/* An attempt of somebody else is not told to whoever asked for an earlier one. */
	[ST_WEBHOOK_LEAVE] = "DELETE FROM webhook WHERE op=?1 AND EXISTS(SELECT 1 FROM operation"
			     " WHERE id=?1 AND attempts=?2-1 AND state IN (0,4)"
			     " AND principal IS NOT ?3)",
	[ST_POST] = "INSERT INTO outbox(op,nonce,route,url,trusted,state,status,bytes,attempts,"
		    "created,updated,give_up,due,tries,said)"
		    " SELECT o.id,o.nonce,r.name,w.url,w.trusted,?2,o.status,o.bytes,o.attempts,"
		    "o.created,?3,?3+w.max_age,?3,0,'' FROM webhook w JOIN operation o ON o.id=w.op"
		    " JOIN route r ON r.id=o.route WHERE w.op=?1 AND (?4 IS NULL OR"
		    " (o.token=?4 AND o.tombstone IS NOT 4))",
	[ST_MESSAGE_NEXT_DUE] = "SELECT min(due) FROM outbox WHERE due IS NOT NULL",
	[ST_MESSAGE_FIRST] = "SELECT " MESSAGE_COLUMNS " FROM outbox WHERE due<=?1"
			     " ORDER BY due,id LIMIT 1",
	[ST_MESSAGE_TAKE] = "UPDATE outbox SET due=?2,tries=tries+1 WHERE id=?1",
	/* What has been delivered or given up is never due again. */
	[ST_MESSAGE_END] = "UPDATE outbox SET due=?3,said=?4 WHERE id=?1 AND tries=?2"
			   " AND (?3 IS NULL OR due IS NOT NULL)",
	[ST_MESSAGE_DROP] = "DELETE FROM outbox WHERE id=?1 AND due IS NULL AND"
			    " NOT EXISTS(SELECT 1 FROM operation o WHERE o.id=outbox.op)",
	[ST_MESSAGE_AFTER] =
		"SELECT " MESSAGE_COLUMNS " FROM outbox WHERE op=?1 AND id>?2 ORDER BY id LIMIT 1",
	/* The whole of scheme, host and port: what follows is a path, a query, or nothing. */
	[ST_MESSAGE_POSTPONE] =
		"UPDATE outbox SET due=?2 WHERE id IN (SELECT id FROM outbox WHERE due<=?1"
		" AND substr(url,1,length(?3))=?3"
		" AND substr(url,length(?3)+1,1) IN ('','/','?') LIMIT ?4)",
};

/* ---- what SQLite says ---- */

static _Thread_local bool has_recovered;

static void hear(void *arg, int code, const char *text)
{
	(void)arg;
	(void)text;
	if (code == SQLITE_NOTICE_RECOVER_WAL)
		has_recovered = true;
}

static void listen_to_sqlite(void)
{
	sqlite3_config(SQLITE_CONFIG_LOG, hear, NULL);
}

/* ---- connections ---- */

#define READER_CACHE_KIB 64 /* others commit all the time, which empties it */
#define WRITER_CACHE_KIB 512

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
		if (rc == SQLITE_IOERR_WRITE &&
			(system == ENOSPC || system == EDQUOT || system == EFBIG))
			return err_set(ERR_FULL, "%s: no room: %s", doing, strerror(system));
		return err_set(ERR_SYSTEM, "%s: %s (SQLite code %d)", doing, what, rc);
	}
}

sqlite3_stmt *conn_statement(struct conn *c, enum statement which)
{
	int rc;

	if (c->stmt[which])
		return c->stmt[which];
	rc = sqlite3_prepare_v3(
		c->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, &c->stmt[which], NULL);
	if (rc != SQLITE_OK) {
		c->why = conn_error(c, rc, "prepare");
		return NULL;
	}
	return c->stmt[which];
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

/* A reader that is idle is at hand: a CGI program needs no second connection. */
enum err writer_open(struct store *st)
{
	struct conn *c = NULL;
	enum err e = reader_take(st, &c);

	if (e == OK)
		e = conn_let_write(st, c);
	if (e == OK)
		st->writer = c;
	else
		conn_close(&c);
	return e;
}

void conn_close(struct conn **c)
{
	if (!*c)
		return;
	for (int i = 0; i < ST__MAX; i++)
		sqlite3_finalize((*c)->stmt[i]);
	sqlite3_close((*c)->db);
	free(*c);
	*c = NULL;
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
		return OK; /* nobody holds anything */
	return err_set(errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_SYSTEM, "%s: %s",
		st->lock_path, strerror(errno));
}

/* Everything that is wrong with the database `c` has opened; fills in what st knows of it. */
static enum err check_store(struct store *st, struct conn *c)
{
	int has_moved = 0;
	enum err e = schema_check(st, c);

	if (e == OK)
		e = read_blob(c, "id", st->id, sizeof(st->id));
	if (e == OK)
		e = read_blob(c, "secret", st->secret, sizeof(st->secret));
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
	enum err e = may_create && access(st->path, F_OK) != 0 ? location_check_account(st) : OK;

	if (e == OK)
		e = location_look(st, opt, known);
	if (e != OK && !(e == ERR_ABSENT && may_create))
		return e;
	e = open_lock(st);
	if (e == OK && may_create && !*known)
		e = schema_create(st);
	has_recovered = false;
	if (e == OK)
		e = conn_open(st, &c);
	if (e == OK)
		e = check_store(st, c);
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
	st->lock_fd = st->witness_fd = -1;
	st->durability = opt->durability;
	st->busy_timeout_ms = opt->busy_timeout_ms;
	st->is_read_only = opt->is_read_only;
	st->last = &st->first;
	pthread_mutex_init(&st->readers_mutex, NULL);
	pthread_mutex_init(&st->mutex, NULL);
	pthread_cond_init(&st->work_there, NULL);
	e = location_set(st, opt);
	if (e == OK)
		e = open_database(st, opt);
	if (e == OK && !st->is_read_only)
		e = witness_take(st);
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
	store_writer_stop(st);
	while (st->readers) {
		struct conn *c = st->readers;

		st->readers = c->next;
		conn_close(&c);
	}
	while (st->pending_releases) {
		struct pending_release *o = st->pending_releases;

		st->pending_releases = o->next;
		free(o);
	}
	if (st->lock_fd >= 0)
		close(st->lock_fd);
	if (st->witness_fd >= 0)
		close(st->witness_fd);
	pthread_mutex_destroy(&st->readers_mutex);
	pthread_mutex_destroy(&st->mutex);
	pthread_cond_destroy(&st->work_there);
	free(st->path);
	free(st->lock_path);
	free(st->spool);
	free(st->sentinel);
	free(st);
	*stp = NULL;
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
