/* SPDX-License-Identifier: ISC */
/*
 * fill.c - puts many keys into a store that no process has open
 *
 *   fill DATABASE SCRIPT_NAME TEMPLATE PREFIX COUNT [DUE_MS]
 *
 * Copies the operation of the key TEMPLATE, which is done, and its response COUNT times, for the keys
 * PREFIX0, PREFIX1, ...; each copy can be replayed like an operation that was recorded.  With DUE_MS the copies expire, and are forgotten, at that time (ms since 1970).  The
 * index of identities is made anew at the end: sorting once is faster than ten million insertions
 * at random.  Never for a store whose contents matter: nothing is synced.
 */
#include "gateway/fingerprint.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sqlite3 *db;

static int fail(const char *what)
{
	fprintf(stderr, "fill: %s: %s\n", what, db ? sqlite3_errmsg(db) : "out of memory");
	exit(111);
}

static void execute(const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail(sql);
}

static sqlite3_stmt *prepare(const char *sql)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail(sql);
	return stmt;
}

static sqlite3_int64 ask(const char *sql)
{
	sqlite3_stmt *stmt = prepare(sql);
	sqlite3_int64 answer = 0;

	if (sqlite3_step(stmt) == SQLITE_ROW)
		answer = sqlite3_column_int64(stmt, 0);
	else
		fail(sql);
	sqlite3_finalize(stmt);
	return answer;
}

static void run(sqlite3_stmt *stmt)
{
	if (sqlite3_step(stmt) != SQLITE_DONE)
		fail("copy");
	sqlite3_reset(stmt);
}

/* A table's columns but `id`, with their values in the row ?2, but for those of `changed`. */
static sqlite3_stmt *copy_statement(const char *table, const char *const changed[][2])
{
	char sql[4096], names[1500] = "id", values[2000] = "?1";
	sqlite3_stmt *columns;

	snprintf(sql, sizeof(sql), "SELECT name FROM pragma_table_info('%s') WHERE name<>'id'",
		table);
	columns = prepare(sql);
	while (sqlite3_step(columns) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(columns, 0), *value = name;

		for (int i = 0; changed[i][0]; i++)
			if (strcmp(changed[i][0], name) == 0)
				value = changed[i][1];
		snprintf(names + strlen(names), sizeof(names) - strlen(names), ",%s", name);
		snprintf(values + strlen(values), sizeof(values) - strlen(values), ",%s", value);
	}
	sqlite3_finalize(columns);
	snprintf(sql, sizeof(sql), "INSERT INTO %s(%s) SELECT %s FROM %s WHERE id=?2", table, names,
		values, table);
	return prepare(sql);
}

static void read_secret(unsigned char secret[SECRET_LEN])
{
	sqlite3_stmt *stmt = prepare("SELECT value FROM store WHERE name='secret'");

	if (sqlite3_step(stmt) != SQLITE_ROW || sqlite3_column_bytes(stmt, 0) != SECRET_LEN)
		fail("the store's secret");
	memcpy(secret, sqlite3_column_blob(stmt, 0), SECRET_LEN);
	sqlite3_finalize(stmt);
}

/* The operation of an identity; 0: there is none. */
static sqlite3_int64 find(const unsigned char identity[IDENTITY_LEN])
{
	sqlite3_stmt *stmt = prepare("SELECT id FROM operation WHERE identity=?1 AND status=200");
	sqlite3_int64 id;

	sqlite3_bind_blob(stmt, 1, identity, IDENTITY_LEN, SQLITE_STATIC);
	id = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
	sqlite3_finalize(stmt);
	return id;
}

static void copy(char **argv, long count, const char *due)
{
	static const char *const same[][2] = {{NULL, NULL}};
	const char *const operation[][2] = {{"identity", "?3"}, {"nonce", "random()"},
		{due ? "due" : NULL, "?4"}, {"tombstone", "0"}, {NULL, NULL}};
	static const char *const no_scope[] = {NULL};
	unsigned char secret[SECRET_LEN], identity[IDENTITY_LEN], place[PLACE_LEN];
	sqlite3_stmt *op = copy_statement("operation", operation),
		     *res = copy_statement("response", same);
	sqlite3_stmt *places = prepare("SELECT DISTINCT place FROM operation WHERE address=?1");
	sqlite3_int64 id = ask("SELECT max(id) FROM operation"), template = 0;
	char key[256];

	read_secret(secret);
	sqlite3_bind_text(places, 1, argv[2], -1, SQLITE_STATIC);
	while (template == 0 && sqlite3_step(places) == SQLITE_ROW) {
		memcpy(place, sqlite3_column_blob(places, 0), PLACE_LEN);
		fingerprint_identity(secret, place, argv[3], no_scope, 1, identity);
		template = find(identity);
	}
	if (template == 0)
		fail("the template is not there");
	sqlite3_finalize(places);
	execute("DROP INDEX operation_identity");
	for (long i = 0; i < count; i++) {
		snprintf(key, sizeof(key), "%s%ld", argv[4], i);
		fingerprint_identity(secret, place, key, no_scope, 1, identity);
		sqlite3_bind_int64(op, 1, ++id);
		sqlite3_bind_int64(op, 2, template);
		sqlite3_bind_blob(op, 3, identity, IDENTITY_LEN, SQLITE_STATIC);
		if (due)
			sqlite3_bind_int64(op, 4, strtoll(due, NULL, 10));
		run(op);
		sqlite3_bind_int64(res, 1, id);
		sqlite3_bind_int64(res, 2, template);
		run(res);
	}
	sqlite3_finalize(op);
	sqlite3_finalize(res);
}

int main(int argc, char **argv)
{
	sqlite3_stmt *index;
	char *sql;

	if (argc != 6 && argc != 7)
		return 100;
	if (sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		fail(argv[1]);
	execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-400000;"
		"PRAGMA temp_store=FILE; BEGIN IMMEDIATE");
	index = prepare("SELECT sql FROM sqlite_schema WHERE name='operation_identity'");
	if (sqlite3_step(index) != SQLITE_ROW)
		fail("the index of identities");
	sql = strdup((const char *)sqlite3_column_text(index, 0));
	sqlite3_finalize(index);
	copy(argv, strtol(argv[5], NULL, 10), argc == 7 ? argv[6] : NULL);
	execute(sql);
	free(sql);
	execute("COMMIT; PRAGMA journal_mode=WAL");
	if (sqlite3_close(db) != SQLITE_OK)
		fail("close");
	return 0;
}
