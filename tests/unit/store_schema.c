/* SPDX-License-Identifier: ISC */
/*
 * Claim: a store of another schema than ours is refused, says why, and is left as it is; tables are
 * made only in a file with nothing in it.
 */
#include "store_try.h"

#include "store/sqlite/schema.h"

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

static const char *ask(const char *sql)
{
	static char text[2][16384];
	static int next;
	char *out = text[next++ % 2];
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;

	snprintf(out, sizeof(text[0]), "(no answer)");
	if (sqlite3_open_v2(try_db, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
		sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_ROW)
		snprintf(out, sizeof(text[0]), "%s", (const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return out;
}

/* Everything that there is in the tables of operations. */
static const char *content(void)
{
	return ask("SELECT (SELECT group_concat(name || sql) FROM sqlite_schema) ||"
		   " (SELECT count(*) || max(updated) FROM operation)");
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

/* A store of this version, with an operation in it, that says that it is of another one. */
static void make_other(const char *name, int version)
{
	struct store *st;
	struct operation op;
	char sql[64];

	start(name);
	st = try_store();
	op = try_operation(st, "k", 1000);
	(void)try_claim(st, &op);
	must(try_record(st, &op, 10, clock_wall_ms(), 3600000, 1000));
	store_close(&st);
	snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", version);
	run_sql(sql);
}

/* ---- the tests ---- */

static void make_tables(void)
{
	struct store *st;

	start("new");
	st = try_store();
	store_close(&st);
	is_int(try_sql(try_db, "PRAGMA user_version"), STORE_SCHEMA_VERSION, "a new store");
	is_str(ask("PRAGMA integrity_check"), "ok", "is whole");
	is_int(open_it(true), OK, "and can be read");
}

static void refuse_older_ones(void)
{
	for (int version = 1; version < STORE_SCHEMA_VERSION; version++) {
		char name[16], before[16384];

		snprintf(name, sizeof(name), "older%d", version);
		make_other(name, version);
		snprintf(before, sizeof(before), "%s", content());
		for (int is_read_only = 0; is_read_only < 2; is_read_only++) {
			is_int(open_it(is_read_only), ERR_REFUSED, "a store of schema %d", version);
			ok(strstr(err_text(), try_db) && strstr(err_text(), "first release") &&
					strstr(err_text(), "away") &&
					strstr(err_text(), "keys in it are forgotten"),
				"is refused with what to do: %s", err_text());
			ok(strstr(err_text(), try_spool) != NULL,
				"and what of the spool goes with it");
		}
		is_int(try_sql(try_db, "PRAGMA user_version"), version, "and left as it is");
		is_str(content(), before, "with all that is in it");
	}
}

static void refuse_newer_ones(void)
{
	make_other("newer", STORE_SCHEMA_VERSION + 1);
	for (int is_read_only = 0; is_read_only < 2; is_read_only++) {
		is_int(open_it(is_read_only), ERR_REFUSED, "a newer store");
		ok(strstr(err_text(), "newer") && strstr(err_text(), "upgrade this one"),
			"is refused: %s", err_text());
	}
	is_int(try_sql(try_db, "PRAGMA user_version"), STORE_SCHEMA_VERSION + 1,
		"and left as it is");
	try_sql(try_db, "PRAGMA user_version=0");
	is_int(open_it(false), ERR_BROKEN, "no version: %s", err_text());
	try_sql(try_db, "PRAGMA user_version=-1");
	is_int(open_it(false), ERR_BROKEN, "or a strange one: %s", err_text());
}

/* What the sentence about an older store asks for works. */
static void follow_the_advice(void)
{
	struct store *st;
	char command[512];

	make_other("advised", 1);
	snprintf(command, sizeof(command), "cd %s/advised && mkdir old && mv *.db* spool old/",
		try_dir);
	is_int(system(command), 0, "moved away");
	st = try_store();
	is_int(try_sql(try_db, "SELECT count(*) FROM operation"), 0, "a new one is made");
	store_close(&st);
}

/* A table is made with all the others or not at all. */
static void leave_others_alone(void)
{
	start("others");
	run_sql("CREATE TABLE webhook(x)");
	chmod(try_db, 0600);
	is_int(open_it(false), ERR_BROKEN, "a database of another program: %s", err_text());
	is_int(try_sql(try_db, "SELECT count(*) FROM sqlite_schema"), 1, "is left as it is");
	start("full");
	try_disk.fail_writes = 1;
	ok(open_it(false) != OK, "no room for the tables: %s", err_text());
	try_disk.fail_writes = 0;
	is_int(open_it(false), OK, "with room they are made");
	is_int(try_sql(try_db, "PRAGMA user_version"), STORE_SCHEMA_VERSION, "all of them");
}

int main(void)
{
	umask(077);
	try_begin(NULL);
	try_disk_begin();
	make_tables();
	refuse_older_ones();
	refuse_newer_ones();
	follow_the_advice();
	leave_others_alone();
	return try_end();
}
