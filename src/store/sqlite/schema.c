/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/schema.c - the tables of the SQLite store: made once, never guessed at
 *
 * RULES
 *   (1) The schema has a version, and a store of another one is refused (unit/store_schema).
 *   (2) Tables are made only in a file with nothing in it (unit/store_schema).
 *
 * Does not know: what the tables mean (store/sqlite/claim.c and the other moves).
 */
#include "store/sqlite/schema.h"

#include "base/clock.h"
#include "base/digest.h"
#include "store/sqlite/clock.h"
#include "store/sqlite/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char tables[] =
	"CREATE TABLE store(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
	/* One row: struct store_clock of store/clock.h. */
	"CREATE TABLE clock(id INTEGER PRIMARY KEY, now INTEGER NOT NULL, wall INTEGER NOT NULL,"
	" boot_ms INTEGER NOT NULL, boot INTEGER NOT NULL, ahead INTEGER NOT NULL,"
	" lasted INTEGER NOT NULL) STRICT;"
	/* `kept`: bytes that are kept for its operations; NULL: not counted (store/sqlite/room.c).
	 */
	"CREATE TABLE route(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kept INTEGER);"
	/*
	 * `due`: when time alone moves the operation on: done -> expired, expired -> absent; where
	 * it is uncertain, when another operation may have its key.
	 */
	/*
	 * `taken_from`: the state from which a running attempt took the row over; NULL: it is the
	 * first.
	 */
	"CREATE TABLE operation(id INTEGER PRIMARY KEY, nonce INTEGER NOT NULL, identity BLOB NOT "
	"NULL, fingerprint BLOB NOT NULL, principal BLOB, place BLOB NOT NULL, address TEXT NOT "
	"NULL, route INTEGER NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL, created "
	"INTEGER NOT NULL, updated INTEGER NOT NULL, due INTEGER, tombstone INTEGER, status "
	"INTEGER, bytes INTEGER, exit INTEGER, reason TEXT, token BLOB, witness INTEGER, boot "
	"INTEGER, deadline INTEGER, taken_from INTEGER, looks BLOB NOT NULL, key_ttl INTEGER)"
	" STRICT;"
	"CREATE UNIQUE INDEX operation_identity ON operation(identity);"
	"CREATE INDEX operation_due ON operation(due) WHERE due IS NOT NULL AND state<>4;"
	"CREATE INDEX operation_open ON operation(state) WHERE state IN (1,2,4);"
	/* `body` is the beginning of it, NULL when it was too large to keep; the rest is in chunk.
	 */
	"CREATE TABLE response(id INTEGER PRIMARY KEY, head BLOB NOT NULL, length INTEGER NOT NULL,"
	" digest BLOB NOT NULL, body BLOB) STRICT;"
	"CREATE TABLE chunk(id INTEGER NOT NULL, at INTEGER NOT NULL, digest BLOB NOT NULL,"
	" data BLOB NOT NULL, UNIQUE(id, at)) STRICT;"
	"CREATE TABLE history(id INTEGER NOT NULL, at INTEGER NOT NULL, event TEXT NOT NULL,"
	" detail TEXT NOT NULL) STRICT;"
	"CREATE INDEX history_id ON history(id);"
	/* `keep`: for how long after the operation has become uncertain, in milliseconds; `due`:
	 * until when, NULL while it runs. */
	"CREATE TABLE request(id INTEGER PRIMARY KEY, variables BLOB NOT NULL, body BLOB NOT NULL,"
	" keep INTEGER NOT NULL, due INTEGER) STRICT;"
	"CREATE INDEX request_due ON request(due) WHERE due IS NOT NULL;"
	/*
	 * natural: of all operations with these values one may be done; kept beyond its operation.
	 * webhook: the URL to tell how an operation ends.  outbox: the messages; `due` is NULL
	 * when there is nothing left to do.
	 */
	"CREATE TABLE natural(digest BLOB PRIMARY KEY, op INTEGER NOT NULL, ttl INTEGER NOT NULL,"
	" due INTEGER) STRICT, WITHOUT ROWID;"
	"CREATE INDEX natural_op ON natural(op);"
	"CREATE INDEX natural_due ON natural(due) WHERE due IS NOT NULL;"
	"CREATE TABLE webhook(op INTEGER PRIMARY KEY, url TEXT NOT NULL, trusted INTEGER NOT NULL,"
	" max_age INTEGER NOT NULL) STRICT;"
	"CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, op INTEGER NOT NULL, nonce "
	"INTEGER NOT NULL,"
	" route TEXT NOT NULL, url TEXT NOT NULL, trusted INTEGER NOT NULL, state INTEGER NOT NULL,"
	" status INTEGER, bytes INTEGER, attempts INTEGER NOT NULL, created INTEGER NOT NULL,"
	" updated INTEGER NOT NULL, give_up INTEGER NOT NULL, due INTEGER, tries INTEGER NOT NULL,"
	" said TEXT NOT NULL) STRICT;"
	"CREATE INDEX outbox_op ON outbox(op);"
	"CREATE INDEX outbox_due ON outbox(due) WHERE due IS NOT NULL;"
	/* The output of a script that gave no valid response; `length` is that of all of it. */
	"CREATE TABLE printed(id INTEGER PRIMARY KEY, length INTEGER NOT NULL, data BLOB NOT NULL)"
	" STRICT;"
	/* Operations that were released, for as long as a page may still ask what became of them.
	 */
	"CREATE TABLE released(id INTEGER PRIMARY KEY, nonce INTEGER NOT NULL, identity BLOB NOT "
	"NULL, fingerprint BLOB NOT NULL, principal BLOB, place BLOB NOT NULL, due INTEGER NOT "
	"NULL) STRICT;";

static enum err set_journal(const struct store *st, struct conn *c)
{
	char mode[16] = "";
	enum err e = conn_ask(c, "PRAGMA journal_mode=WAL", mode, sizeof(mode));

	if (e == OK && strcmp(mode, "wal") != 0)
		e = err_set(ERR_REFUSED,
			"%s: no write-ahead log on this file system (journal mode %s)", st->path,
			mode);
	return e;
}

static enum err create_tables(struct store *st, struct conn *c)
{
	char text[256], id[2 * STORE_ID_LEN + 1], secret[2 * SECRET_LEN + 1];
	enum err e;

	random_bytes(st->id, sizeof(st->id));
	random_bytes(st->secret, sizeof(st->secret));
	hex_text(st->id, sizeof(st->id), id);
	hex_text(st->secret, sizeof(st->secret), secret);
	e = conn_execute(
		c, "PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL", "make the store");
	if (e == OK)
		e = set_journal(st, c);
	if (e == OK)
		e = conn_execute(c, "BEGIN IMMEDIATE", "make the store");
	if (e == OK)
		e = conn_execute(c, tables, "make the store");
	if (e == OK)
		e = clock_row_add(c);
	snprintf(text, sizeof(text),
		"INSERT INTO store VALUES('id',x'%s'),('secret',x'%s'),('created',%" PRId64 ");"
		"PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
		id, secret, clock_wall_ms(), STORE_APPLICATION_ID, STORE_SCHEMA_VERSION);
	if (e == OK)
		e = conn_execute(c, text, "make the store");
	return e;
}

enum err schema_create(struct store *st)
{
	struct conn *c = NULL;
	char n[24] = "";
	int fd;
	enum err e = lock_wait(st);

	if (e != OK)
		return e;
	fd = open(st->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		close(fd); /* before SQLite opens it: see store/sqlite/open.c */
	else if (errno != EEXIST)
		e = err_set(err_from_errno(errno), "%s: %s", st->path, strerror(errno));
	if (e == OK)
		e = conn_open(st, &c);
	if (e == OK)
		e = conn_let_write(st, c);
	if (e == OK)
		e = conn_ask(c, "SELECT count(*) FROM sqlite_schema", n, sizeof(n));
	if (e == OK && strcmp(n, "0") == 0)
		e = create_tables(st, c);
	conn_close(&c);
	lock_release(st);
	return e;
}

/* A copy that a backup made, or a tool, may have left another journal mode in the file. */
enum err schema_check_journal(struct store *st, struct conn *c)
{
	char mode[16] = "";
	enum err e = conn_ask(c, "PRAGMA journal_mode", mode, sizeof(mode));

	if (e != OK || strcmp(mode, "wal") == 0 || st->is_read_only)
		return e;
	e = lock_wait(st);
	if (e != OK)
		return e;
	c = NULL;
	e = conn_open(st, &c);
	if (e == OK)
		e = conn_let_write(st, c);
	if (e == OK)
		e = set_journal(st, c);
	conn_close(&c);
	lock_release(st);
	return e;
}

enum err schema_check(struct store *st, struct conn *c)
{
	char text[24];
	long application, version;
	enum err e = conn_ask(c, "PRAGMA application_id", text, sizeof(text));

	if (e != OK)
		return e;
	application = strtol(text, NULL, 10);
	e = conn_ask(c, "PRAGMA user_version", text, sizeof(text));
	if (e != OK)
		return e;
	version = strtol(text, NULL, 10);
	if (application == 0 && version == 0) {
		e = conn_ask(c, "SELECT count(*) FROM sqlite_schema", text, sizeof(text));
		if (e != OK)
			return e;
		if (strcmp(text, "0") == 0)
			return err_set(ERR_ABSENT, "%s is empty: its making was cut off", st->path);
	}
	if (application != STORE_APPLICATION_ID)
		return err_set(ERR_BROKEN,
			"%s is a database of another program (application id %#lx)", st->path,
			(unsigned long)application);
	if (version > STORE_SCHEMA_VERSION)
		return err_set(ERR_REFUSED,
			"%s was written by a newer retrysafe (schema %ld, this one knows %d); "
			"upgrade this one",
			st->path, version, STORE_SCHEMA_VERSION);
	if (version < 1)
		return err_set(
			ERR_BROKEN, "%s has an unknown schema version %ld", st->path, version);
	if (version < STORE_SCHEMA_VERSION)
		return err_set(ERR_REFUSED,
			"%s was written by a retrysafe from before the first release (schema %ld, "
			"this one knows %d), whose keys this one cannot find; move it and %s away, "
			"and a new one is made: the keys in it are forgotten",
			st->path, version, STORE_SCHEMA_VERSION, st->sentinel);
	return OK;
}
