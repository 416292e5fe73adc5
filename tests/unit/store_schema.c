/* SPDX-License-Identifier: ISC */
/*
 * Claim: a store of an older version is brought forward once, as a whole or not at all, with what
 * is in it; one that cannot be is refused, and says why.
 */
#include "store/listing.h"
#include "store_try.h"

#include "store/sqlite/schema.h"

/* Version 1, as it was; it is written down here because it will never change. */
static const char version_1[] =
	"PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;"
	"CREATE TABLE store(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE route(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
	"CREATE TABLE operation(id INTEGER PRIMARY KEY, nonce INTEGER NOT NULL, identity BLOB NOT "
	"NULL, fingerprint BLOB NOT NULL, principal BLOB, route INTEGER NOT NULL, state INTEGER "
	"NOT NULL, attempts INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL, "
	"due INTEGER, tombstone INTEGER, status INTEGER, bytes INTEGER, exit INTEGER, reason TEXT, "
	"token BLOB, witness INTEGER, boot INTEGER, deadline INTEGER) STRICT;"
	"CREATE UNIQUE INDEX operation_identity ON operation(identity);"
	"CREATE INDEX operation_due ON operation(due) WHERE due IS NOT NULL;"
	"CREATE INDEX operation_open ON operation(state) WHERE state IN (1,2,4);"
	"CREATE TABLE response(id INTEGER PRIMARY KEY, head BLOB NOT NULL, length INTEGER NOT NULL,"
	" digest BLOB NOT NULL, body BLOB) STRICT;"
	"CREATE TABLE chunk(id INTEGER NOT NULL, at INTEGER NOT NULL, digest BLOB NOT NULL,"
	" data BLOB NOT NULL, UNIQUE(id, at)) STRICT;"
	"CREATE TABLE history(id INTEGER NOT NULL, at INTEGER NOT NULL, event TEXT NOT NULL,"
	" detail TEXT NOT NULL) STRICT;"
	"CREATE INDEX history_id ON history(id);"
	"CREATE TABLE request(id INTEGER PRIMARY KEY, variables BLOB NOT NULL, body BLOB NOT NULL)"
	" STRICT;";

/* Columns of an operation in version 1. */
#define COLUMNS_1                                                                           \
	"id,nonce,identity,fingerprint,principal,route,state,attempts,created,updated,due," \
	"tombstone,status,bytes,exit,reason,token,witness,boot,deadline"

#define MAX       RESPONSE_INLINE_MAX
#define PROCESSES 6

static struct operation done, uncertain, running;

/* ---- stores ---- */

static void start(const char *name)
{
	char dir[64];

	try_at(name);
	snprintf(dir, sizeof(dir), "%s/%s", try_dir, name);
	mkdir(dir, 0700);
}

static void run_sql(const char *text)
{
	sqlite3 *db = NULL;
	char *why = NULL;

	if (sqlite3_open_v2(try_db, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
			SQLITE_OK ||
		sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		ok(0, "a step of the test: %s", why ? why : sqlite3_errmsg(db));
	sqlite3_free(why);
	sqlite3_close(db);
}

static const char *ask(const char *file, const char *sql)
{
	static char text[2][16384];
	static int next;
	char *out = text[next++ % 2];
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;

	snprintf(out, sizeof(text[0]), "(no answer)");
	if (sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
		sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_ROW)
		snprintf(out, sizeof(text[0]), "%s", (const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return out;
}

/* A store of this version, with an operation in each state. */
static void make_new(void)
{
	struct store *st;
	int body = memfd_create("body", MFD_CLOEXEC);

	start("new");
	st = try_store();
	done = try_operation(st, "done", 1000);
	(void)try_claim(st, &done);
	must(try_record(st, &done, 2 * MAX + 5, clock_wall_ms(), 3600000, 1000));
	uncertain = try_operation(st, "uncertain", 1001);
	(void)try_claim(st, &uncertain);
	(void)!pwrite(body, "body", 4, 0);
	must(store_save_request(st, &uncertain, "A=1", 4, body, 4));
	must(store_mark_uncertain(st, &uncertain, 3, "nobody knows", 2000));
	running = try_operation(st, "running", 1002);
	(void)try_claim(st, &running);
	store_close(&st);
	close(body);
}

/* A store of version 1 with the same in it. */
static void make_old(const char *name)
{
	char sql[1024];

	start(name);
	run_sql(version_1);
	snprintf(sql, sizeof(sql),
		"ATTACH '%s/new/s.db' AS new;"
		"INSERT INTO store SELECT * FROM new.store;"
		"INSERT INTO route SELECT * FROM new.route;"
		"INSERT INTO operation SELECT " COLUMNS_1 " FROM new.operation;"
		"INSERT INTO response SELECT * FROM new.response;"
		"INSERT INTO chunk SELECT * FROM new.chunk;"
		"INSERT INTO history SELECT * FROM new.history;"
		"INSERT INTO request SELECT * FROM new.request;"
		"PRAGMA application_id=%d; PRAGMA user_version=1",
		try_dir, STORE_APPLICATION_ID);
	run_sql(sql);
	chmod(try_db, 0600);
}

static enum err open_it(bool is_read_only)
{
	struct store_options opt = try_options();
	struct store *st = NULL;
	enum err e;

	opt.is_read_only = is_read_only;
	opt.busy_timeout_ms = 300;
	e = store_open(&opt, &st);
	store_close(&st);
	return e;
}

static int64_t version(void)
{
	return try_sql(try_db, "PRAGMA user_version");
}

/* ---- the tests ---- */

static bool count_history(const struct history *h, void *arg)
{
	ok(strcmp(h->event, "uncertain") == 0 && h->at_ms == 2000, "with its history");
	++*(int *)arg;
	return true;
}

static void keep_what_is_there(void)
{
	struct store *st;
	struct operation found;
	struct response res;
	struct stored_request request;
	char *want = try_bytes(2 * MAX + 5), buf[MAX];
	size_t len = 0;
	int events = 0;

	make_old("kept");
	is_int(version(), 1, "a store of version 1");
	st = try_store();
	is_int(version(), STORE_SCHEMA_VERSION, "is brought forward");
	is_int(store_find(st, done.identity, &found, &res), OK, "what was done is done");
	ok(res.body_len == 2 * MAX + 5 && memcmp(res.body, want, MAX) == 0, "with its response");
	is_int(store_read_body(st, done.id, 2 * MAX, buf, &len), OK, "and the rest of it");
	ok(len == 5 && memcmp(buf, want + 2 * MAX, 5) == 0, "byte for byte");
	response_free(&res);
	is_int(store_find(st, uncertain.identity, &found, NULL), OK, "what is uncertain is there");
	ok(found.state == STATE_UNCERTAIN && found.exit_status == 3, "uncertain");
	is_str(found.reason, "nobody knows", "with its reason");
	must(store_history(st, uncertain.id, count_history, &events));
	is_int(events, 1, "as long as it was");
	is_int(store_find_request(st, uncertain.id, &request), OK, "and its request");
	ok(request.body_len == 4 && memcmp(request.body, "body", 4) == 0, "whole");
	stored_request_free(&request);
	is_int(try_state(st, &running), STATE_RUNNING, "what runs runs");
	is_int(try_record(st, &running, 10, 3000, 1000, 1000), OK, "and can be recorded");
	store_close(&st);
	free(want);
}

static void make_the_same_tables(void)
{
	static const char all[] =
		"SELECT group_concat(name || ': ' || sql, char(10)) FROM"
		" (SELECT * FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name)";
	char fresh[96];

	snprintf(fresh, sizeof(fresh), "%s/new/s.db", try_dir);
	ok(strlen(ask(fresh, all)) > 1000, "a new one has tables");
	is_str(ask(try_db, all), ask(fresh, all), "and an old one has the same then");
	is_str(ask(try_db, "PRAGMA integrity_check"), "ok", "and it is whole");
}

/* Version 2 said in `tombstone` from which state a running attempt took its row over. */
static void move_what_was_taken_over(void)
{
	struct operation found;
	struct store *st;
	int64_t kept;

	make_old("taken");
	run_sql("UPDATE operation SET tombstone=4,attempts=2 WHERE state=2;"
		"UPDATE operation SET tombstone=0 WHERE state=4");
	kept = try_sql(try_db, "SELECT tombstone FROM operation WHERE state=3");
	st = try_store();
	is_int(try_sql(try_db, "SELECT taken_from FROM operation WHERE state=2"), 4,
		"what an attempt took over: has a column of its own");
	is_int(try_sql(try_db, "SELECT count(*) FROM operation WHERE tombstone IS NOT NULL AND "
			       "state NOT IN (2)"),
		1, "and `tombstone` is for what is done");
	is_int(try_sql(try_db, "SELECT tombstone FROM operation WHERE state=3"), kept,
		"which keeps it");
	must(store_release(st, &running));
	must(store_find(st, running.identity, &found, NULL));
	ok(found.state == STATE_UNCERTAIN && found.attempts == 1,
		"released, it is uncertain again: what was not done now may have been done before");
	is_str(found.reason, "an earlier attempt is uncertain", "and says so");
	store_close(&st);
}

/* Once: the next one who opens it changes nothing. */
static void leave_it_alone(void)
{
	int64_t cookie = try_sql(try_db, "PRAGMA schema_version");
	struct store *st = try_store();
	unsigned char natural[NATURAL_LEN] = {1};
	struct operation op = try_operation(st, "natural", 1000);
	struct claim claim = {.op = &op, .natural = natural};
	enum claimed result = CLAIM_THERE;

	is_int(try_sql(try_db, "PRAGMA schema_version"), cookie, "opened again: the same tables");
	is_int(store_claim(st, &claim, &result), OK, "a claim that version 1 did not know");
	is_int(result, CLAIM_TAKEN, "is taken");
	store_close(&st);
}

static void upgrade_at_once(void)
{
	for (int round = 0; round < 3; round++) {
		pid_t pids[PROCESSES];
		int gate[2], failed = 0;
		char name[16];

		snprintf(name, sizeof(name), "race%d", round);
		make_old(name);
		if (pipe2(gate, O_CLOEXEC) != 0)
			return;
		for (int i = 0; i < PROCESSES; i++)
			pids[i] = try_exec("open", name, gate[0]);
		usleep(100000); /* until all of them wait */
		close(gate[0]);
		close(gate[1]);
		for (int i = 0; i < PROCESSES; i++)
			failed += try_wait(pids[i]) != 0;
		is_int(failed, 0, "%d processes open an old store", PROCESSES);
		is_int(version(), STORE_SCHEMA_VERSION, "it is brought forward");
		is_int(try_sql(try_db, "SELECT count(*) FROM operation"), 3, "with its rows");
		is_str(ask(try_db, "PRAGMA integrity_check"), "ok", "whole");
	}
}

/* "open": waits for the end of descriptor 3, opens the store, and looks into it; exit status: the
 * error. */
static int be_opener(const char *name)
{
	struct store_options opt;
	struct store *st = NULL;
	struct operation found, op = {0};
	char byte;
	enum err e;

	try_at(name);
	opt = try_options();
	(void)!read(3, &byte, 1);
	e = store_open(&opt, &st);
	if (e == OK) {
		op = try_operation(st, "done", 1000);
		e = store_find(st, op.identity, &found, NULL);
	}
	store_close(&st);
	return (int)e;
}

/* Holds the writer lock as another process would. */
static int hold_lock(void)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	char lock[128];
	int fd;

	snprintf(lock, sizeof(lock), "%s-lock", try_db);
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	fcntl(fd, F_OFD_SETLKW, &fl);
	return fd;
}

/* A program that is newer still brings it forward while we wait for our turn. */
static void be_overtaken(void)
{
	int fd, gate[2];
	pid_t pid;

	make_old("overtaken");
	must(open_it(false)); /* it is known from now on, so opening it waits for nothing else */
	run_sql("DROP TABLE natural; DROP TABLE webhook; DROP TABLE outbox; DROP TABLE printed;"
		"PRAGMA user_version=1");
	fd = hold_lock();
	if (pipe2(gate, O_CLOEXEC) != 0)
		return;
	pid = try_exec("open", "overtaken", gate[0]);
	close(gate[0]);
	close(gate[1]);
	usleep(300000); /* until it waits for the lock */
	run_sql("PRAGMA user_version=1000");
	close(fd);
	is_int(try_wait(pid), ERR_REFUSED, "overtaken by a newer program: refused");
	is_int(version(), 1000, "and the newer version stands");
}

static void refuse_to_read_an_old_one(void)
{
	make_old("reading");
	is_int(open_it(true), ERR_REFUSED, "an old store, for reading only");
	ok(strstr(err_text(), try_db) && strstr(err_text(), "older") &&
			strstr(err_text(), "schema 1") && strstr(err_text(), "up to date"),
		"is refused with what to do: %s", err_text());
	is_int(version(), 1, "and left as it is");
	is_int(open_it(false), OK, "who may write brings it forward");
	is_int(open_it(true), OK, "then it can be read");
}

static void refuse_other_versions(void)
{
	char sql[64];

	make_old("newer");
	snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", STORE_SCHEMA_VERSION + 1);
	try_sql(try_db, sql);
	for (int is_read_only = 0; is_read_only < 2; is_read_only++) {
		is_int(open_it(is_read_only), ERR_REFUSED, "a newer store");
		ok(strstr(err_text(), "newer") && strstr(err_text(), "upgrade this one"),
			"is refused: %s", err_text());
	}
	is_int(version(), STORE_SCHEMA_VERSION + 1, "and left as it is");
	is_int(try_sql(try_db, "SELECT count(*) FROM sqlite_schema WHERE name='natural'"), 0,
		"without new tables");
	try_sql(try_db, "PRAGMA user_version=0");
	is_int(open_it(false), ERR_BROKEN, "no version: %s", err_text());
	try_sql(try_db, "PRAGMA user_version=-1");
	is_int(open_it(false), ERR_BROKEN, "or a strange one");
}

/* As a whole or not at all. */
static void fail_as_a_whole(void)
{
	int fd;

	make_old("failing");
	try_disk.fail_writes = 1;
	ok(open_it(false) != OK, "no room to bring it forward: %s", err_text());
	try_disk.fail_writes = 0;
	is_int(version(), 1, "it is as it was");
	is_int(try_sql(try_db, "SELECT count(*) FROM sqlite_schema WHERE name='natural'"), 0,
		"without new tables");
	fd = hold_lock();
	is_int(open_it(false), ERR_BUSY, "while somebody writes it waits: %s", err_text());
	is_int(version(), 1, "and changes nothing");
	close(fd);
	run_sql("CREATE TABLE webhook(x)");
	ok(open_it(false) != OK, "a table is in its way: %s", err_text());
	is_int(version(), 1, "it is as it was");
	is_int(try_sql(try_db, "SELECT count(*) FROM sqlite_schema WHERE name='natural'"), 0,
		"nothing of the step is left");
	run_sql("DROP TABLE webhook");
	is_int(open_it(false), OK, "without it, it works");
	is_int(version(), STORE_SCHEMA_VERSION, "and is brought forward");
}

int main(int argc, char *argv[])
{
	umask(077);
	try_begin(argc == 4 ? argv[2] : NULL);
	if (argc == 4)
		return be_opener(argv[3]);
	try_disk_begin();
	make_new();
	keep_what_is_there();
	make_the_same_tables();
	leave_it_alone();
	move_what_was_taken_over();
	upgrade_at_once();
	be_overtaken();
	refuse_to_read_an_old_one();
	refuse_other_versions();
	fail_as_a_whole();
	return try_end();
}
