/* SPDX-License-Identifier: ISC */
/*
 * Claim: status, metrics and tail find what runs, what is uncertain and what has changed by an
 * index or by the order of the ids.
 */
#include "store/glance.h"
#include "store/sqlite/glance.c"
#include "store_try.h"

#include <string.h>

static struct store *st;

static int n_listed;
static int64_t last_id;
static bool is_rising;

static bool list(const struct operation *op, void *arg)
{
	is_rising = is_rising && op->id > last_id;
	last_id = op->id;
	n_listed++;
	return arg == NULL;
}

static int listed(enum state state, int64_t after_id, int64_t limit, void *arg)
{
	n_listed = 0;
	last_id = INT64_MIN;
	is_rising = true;
	return store_oldest(st, state, after_id, limit, list, arg) == OK ? n_listed : -1;
}

static struct operation claim(const char *name)
{
	struct operation op = try_operation(st, name, 60000);
	enum claimed result = CLAIM_THERE;

	ok(store_claim(st, &(struct claim){.op = &op}, &result) == OK && result == CLAIM_TAKEN,
		"%s is claimed", name);
	return op;
}

static void count_and_list(void)
{
	struct store_glance g;
	struct operation a, b, c, found;
	struct store_event events_found[4];
	int64_t before = 0, after = 0;
	int n = 4;

	is_int(store_glance(st, &g), OK, "an empty store");
	is_int(g.running + g.uncertain, 0, "has nothing");
	is_int(store_newest_event(st, &before), OK, "nor a history");
	is_int(before, 0, "none");
	a = claim("a");
	b = claim("b");
	c = claim("c");
	is_int(store_mark_uncertain(st, &b, -1, "why", 2000), OK, "one becomes uncertain");
	is_int(store_glance(st, &g), OK, "a glance");
	is_int(g.running, 2, "two run");
	is_int(g.uncertain, 1, "one is uncertain");
	ok(g.file_bytes > 0 && g.used_bytes > 0, "sizes");
	is_int(listed(STATE_RUNNING, INT64_MIN, 100, NULL), 2, "two of them");
	ok(is_rising, "oldest first");
	is_int(listed(STATE_UNCERTAIN, INT64_MIN, 100, NULL), 1, "one");
	is_int(listed(STATE_ABSENT, INT64_MIN, 100, NULL), 3, "three in any state");
	ok(is_rising, "oldest first");
	is_int(listed(STATE_ABSENT, INT64_MIN, 2, NULL), 2, "a limit");
	is_int(listed(STATE_ABSENT, INT64_MIN, 100, &n), 1, "one is enough");
	is_int(listed(STATE_ABSENT, last_id, 100, NULL), 2, "what is behind it");
	is_int(store_find_id(st, b.id, &found), OK, "by id");
	is_int(found.state, STATE_UNCERTAIN, "as it is");
	is_int(store_find_id(st, 1, &found), ERR_ABSENT, "an id that is not there");
	is_int(store_newest_event(st, &after), OK, "a history");
	ok(after > before, "which grows");
	is_int(store_events(st, before, events_found, &n), OK, "its new lines");
	ok(n == 1 && events_found[0].op_id == b.id && events_found[0].number == after &&
			strcmp(events_found[0].event, "uncertain") == 0 &&
			strcmp(events_found[0].detail, "why") == 0,
		"one");
	is_int(store_release(st, &a), OK, "one is released");
	n = 4;
	is_int(store_released(st, INT64_MIN, &found, &(int){1}), OK, "released ones");
	ok(found.id == a.id && found.nonce == a.nonce, "it is known");
	ok(llabs(found.updated_ms - store_now_ms(st)) < 60000, "and since when");
	(void)c;
}

/* Another connection is another process to it. */
static void notice_changes(void)
{
	struct store *other = try_store();
	int64_t before = 0, same = 0, after = 0;
	struct operation op;
	enum claimed result;

	is_int(store_version(st, &before), OK, "the store's version");
	is_int(store_version(st, &same), OK, "and again");
	is_int(same, before, "is the same while nothing is written");
	listed(STATE_ABSENT, INT64_MIN, 100, NULL);
	is_int(store_version(st, &same), OK, "also after a read");
	is_int(same, before, "the same");
	op = try_operation(other, "d", 60000);
	is_int(store_claim(other, &(struct claim){.op = &op}, &result), OK, "a write");
	is_int(store_version(st, &after), OK, "the store's version");
	ok(after != before, "is another one");
	store_close(&other);
}

/* Rule (1): how SQLite would carry the statements out. */
static void plan(void)
{
	static const struct {
		struct statement *s;
		const char *name, *by;
	} all[] = {
		{&count_open, "count", "INDEX operation_open (state=?)"},
		{&oldest_open, "oldest", "INDEX operation_open (state=? AND rowid>?)"},
		{&newer, "newer", "SEARCH o USING INTEGER PRIMARY KEY (rowid>?)"},
		{&newest_event, "newest event", "SEARCH history"},
		{&events, "events", "SEARCH history USING INTEGER PRIMARY KEY (rowid>?)"},
		{&list_released, "released", "SEARCH released USING INTEGER PRIMARY KEY (rowid>?)"},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char sql[2000], text[1000] = "";
		struct conn *c = NULL;
		sqlite3_stmt *stmt;

		snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", all[i].s->sql);
		is_int(reader_take(st, &c), OK, "%s: a connection", all[i].name);
		sqlite3_prepare_v2(c->db, sql, -1, &stmt, NULL);
		while (sqlite3_step(stmt) == SQLITE_ROW) {
			strncat(text, (const char *)sqlite3_column_text(stmt, 3), 200);
			strcat(text, "; ");
		}
		sqlite3_finalize(stmt);
		reader_give(st, &c);
		ok(strstr(text, all[i].by) && !strstr(text, "TEMP B-TREE"), "%s: %s", all[i].name,
			text);
	}
}

int main(void)
{
	umask(077);
	try_begin(NULL);
	st = try_store();
	count_and_list();
	notice_changes();
	plan();
	store_close(&st);
	return try_end();
}
