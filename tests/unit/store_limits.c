/* SPDX-License-Identifier: ISC */
/*
 * Claim: a full store or route refuses claims and nothing else; a route's sum is what its
 * operations keep, after every move; a stored request goes a ttl and a tombstone after the end was
 * not seen.
 */
#include "store/archive.h"
#include "store/listing.h"
#include "store/outbox.h"
#include "store_try.h"

#define MEGA (INT64_C(1) << 20)

static struct store *st;
static int64_t max_bytes, reserve_bytes;

static const char *const words[] = {[CLAIM_TAKEN] = "taken",
	[CLAIM_THERE] = "there",
	[CLAIM_DUPLICATE] = "duplicate",
	[CLAIM_FULL] = "running",
	[CLAIM_STORE_FULL] = "store full",
	[CLAIM_ROUTE_FULL] = "route full"};

static void reopen(void)
{
	struct store_options opt = try_options();

	opt.max_bytes = max_bytes;
	opt.reserve_bytes = reserve_bytes;
	store_close(&st);
	if (store_open(&opt, &st) != OK) {
		printf("Bail out! %s\n", err_text());
		exit(111);
	}
}

static void fresh(const char *name, int64_t bytes, int64_t reserve)
{
	char dir[64];

	try_at(name);
	snprintf(dir, sizeof(dir), "%s/%s", try_dir, name);
	mkdir(dir, 0700);
	max_bytes = bytes;
	reserve_bytes = reserve;
	reopen();
}

static const char *take(const struct operation *op, int64_t max_recorded)
{
	struct claim claim = {.op = op, .max_recorded = max_recorded};
	enum claimed result = CLAIM_THERE;
	enum err e = store_claim(st, &claim, &result);

	return e == OK ? words[result] : err_text();
}

/* ---- the store ---- */

static void fill_the_store(void)
{
	struct operation op[12], found;
	struct response res;
	int64_t now = store_now_ms(st), dropped, forgotten;
	int n = 0;

	while (n < 12) {
		char name[8];

		snprintf(name, sizeof(name), "a%d", n);
		op[n] = try_operation(st, name, now);
		if (strcmp(take(&op[n], 0), "taken") != 0)
			break;
		must(try_record(st, &op[n], MEGA, now, n < 2 ? 1000 : 3600000, 1000));
		n++;
	}
	is_int(n, 4, "of four MiB: four times one, the last one beyond the limit");
	is_str(take(&op[n], 0), "store full", "then no claim");
	is_int(try_state(st, &op[n]), STATE_ABSENT, "which leaves nothing behind");
	is_int(store_find(st, op[0].identity, &found, &res), OK, "there is an answer for a replay");
	response_free(&res);
	reopen();
	is_str(take(&op[n], 0), "store full", "also of a process that opens it now");
	must(store_purge(st, now + 2000, &dropped, &forgotten));
	is_int(dropped, 2, "a purge makes room");
	is_str(take(&op[n], 0), "taken", "for more");
	must(try_record(st, &op[n], MEGA, now, 3600000, 1000));
	max_bytes = 0;
	reopen();
	op[n] = try_operation(st, "b", now);
	is_str(take(&op[n], 0), "taken", "without a limit there is none");
}

/* What runs when the store becomes full. */
static void finish_what_runs(void)
{
	struct operation runs[4], more, again, found;
	int64_t now;
	char name[8];

	fresh("finish", MEGA, 5 * MEGA);
	now = store_now_ms(st);
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		runs[i] = try_operation(st, name, now);
		is_str(take(&runs[i], 0), "taken", "%s runs", name);
	}
	must(try_record(st, &runs[0], MEGA, now, 3600000, 1000));
	more = try_operation(st, "more", now);
	is_str(take(&more, 0), "store full", "it is full");
	is_int(try_record(st, &runs[1], MEGA, now, 3600000, 1000), OK, "what runs is recorded");
	must(store_mark_uncertain(st, &runs[2], -1, "?", now));
	is_int(store_note(st, &runs[2], "probe", "?", now), OK, "uncertain, with a history");
	is_int(store_free(st, &runs[2], "not done", "?", now), OK, "and settled");
	must(store_find(st, runs[2].identity, &found, NULL));
	again = runs[2];
	claim_prepare(st, &found, now, 60000, &again);
	is_str(take(&again, 0), "taken", "a later attempt is no new claim");
	is_int(try_record(st, &again, MEGA, now, 3600000, 1000), OK, "it ends, too");
	is_int(try_record(st, &runs[3], 3 * MEGA, now, 3600000, 1000), ERR_FULL,
		"beyond all that runs may leave SQLite ends it: %s", err_text());
	reserve_bytes = 100 * MEGA;
	reopen();
	is_int(try_record(st, &runs[3], 3 * MEGA, now, 3600000, 1000), OK,
		"where it has more room it is recorded");
	max_bytes = 64 << 10;
	reserve_bytes = MEGA;
	reopen();
	is_int(store_note(st, &runs[2], "x", "", now), ERR_REFUSED,
		"a limit below the store's size stops no write");
	is_str(take(&more, 0), "store full", "but a claim");
}

/* ---- a route ---- */

struct sums {
	int n;
	int64_t kept, added;
};

static bool add_route(const struct route_room *r, void *arg)
{
	struct sums *s = arg;

	s->n++;
	s->kept += r->kept_bytes;
	s->added += r->added_bytes;
	return true;
}

static void agree(const char *when, int64_t wanted)
{
	struct sums s = {0};

	must(store_routes(st, add_route, &s));
	is_int(s.kept, s.added, "%s: what is counted is what is there", when);
	is_int(s.kept, wanted, "%s: so many bytes", when);
}

#define HEAD 47 /* bytes of the head that try_record() records */

static void count_a_route(void)
{
	struct printed printed = {"some output", 11, 11};
	struct operation one, two, other, found, again;
	int64_t now, dropped, forgotten;
	int body = memfd_create("body", MFD_CLOEXEC);

	fresh("route", 0, 0);
	now = store_now_ms(st);
	if (write(body, "abcde", 5) != 5)
		return;
	one = try_operation(st, "a1", now);
	two = try_operation(st, "a2", now);
	other = try_operation(st, "b1", now);
	is_str(take(&one, 0), "taken", "no limit");
	must(try_record(st, &one, 1000, now, 1000, 1000));
	agree("no limit", 0);
	is_str(take(&two, 1000), "route full", "a limit counts what was there before");
	agree("a limit", 1000 + HEAD);
	is_str(take(&other, 1000), "taken", "on other routes there is room");
	is_str(take(&two, 1048), "taken", "one byte is left");
	agree("claimed", 1000 + HEAD);
	must(store_save_request(st, &two, "A=1", 4, body, 5, 5000));
	agree("with a request", 1000 + HEAD + 9);
	must(store_save_request(st, &two, "A=12", 5, body, 5, 5000));
	agree("with another one in its place", 1000 + HEAD + 10);
	must(store_mark_uncertain_printed(st, &two, 1, "?", &printed, now));
	agree("uncertain, with an output", 1000 + HEAD + 10 + 11);
	must(store_free(st, &two, "not done", "", now));
	must(store_find(st, two.identity, &found, NULL));
	again = two;
	claim_prepare(st, &found, now, 60000, &again);
	is_str(take(&again, 1000), "taken", "a later attempt");
	must(try_record(st, &again, 600000, now, 100000, 1000));
	agree("done, with a large body", 1000 + HEAD + 600000 + HEAD);
	is_int(try_record(st, &again, 600000, now, 100000, 1000), OK, "recorded again");
	agree("recorded again", 1000 + HEAD + 600000 + HEAD);
	is_int(try_record(st, &other, 5, now, 1000, 0), OK, "of another route");
	agree("of another route", 1000 + HEAD + 600000 + HEAD + 5 + HEAD);
	must(store_purge(st, now + 1500, &dropped, &forgotten));
	agree("responses dropped", 600000 + HEAD);
	must(store_purge(st, now + 200000, &dropped, &forgotten));
	agree("all forgotten", 0);
	close(body);
}

/* A release, and a chunk of a response that is not recorded. */
static void count_what_goes(void)
{
	struct operation op;
	int64_t now;
	int body = memfd_create("body", MFD_CLOEXEC);

	fresh("goes", 0, 0);
	now = store_now_ms(st);
	op = try_operation(st, "a1", now);
	is_str(take(&op, 1000), "taken", "a run");
	must(store_save_request(st, &op, "A=1", 4, body, 0, 5000));
	agree("with a request", 4);
	must(store_release(st, &op));
	agree("released", 0);
	op = try_operation(st, "a2", now);
	is_str(take(&op, 1000), "taken", "another");
	try_disk.fail_writes = 1;
	ok(store_save_request(st, &op, "A=1", 4, body, 0, 5000) != OK, "a write that fails: %s",
		err_text());
	try_disk.fail_writes = 0;
	agree("is not counted", 0);
	close(body);
}

/* ---- stored requests ---- */

static bool count_dropped(const struct history *h, void *arg)
{
	*(int *)arg += strcmp(h->event, "request dropped") == 0;
	return true;
}

static void drop_requests(void)
{
	struct stored_request req;
	struct operation op, again, found;
	int64_t now, dropped, forgotten;
	int n = 0, body = memfd_create("body", MFD_CLOEXEC);

	fresh("requests", 0, 0);
	now = store_now_ms(st);
	op = try_operation(st, "a1", now);
	is_str(take(&op, 0), "taken", "a run");
	must(store_save_request(st, &op, "A=1", 4, body, 0, 5000));
	must(store_purge(st, now + 100000, &dropped, &forgotten));
	is_int(store_find_request(st, op.id, &req), OK, "its request stays while it runs");
	stored_request_free(&req);
	must(store_mark_uncertain(st, &op, -1, "?", now));
	must(store_purge(st, now + 4999, &dropped, &forgotten));
	is_int(store_find_request(st, op.id, &req), OK, "and five seconds longer");
	stored_request_free(&req);
	must(store_purge(st, now + 5000, &dropped, &forgotten));
	is_int(store_find_request(st, op.id, &req), ERR_ABSENT, "then it goes");
	is_int(try_state(st, &op), STATE_UNCERTAIN, "the operation stays");
	must(store_history(st, op.id, count_dropped, &n));
	is_int(n, 1, "its history says so");
	op = try_operation(st, "a2", now);
	is_str(take(&op, 0), "taken", "another run");
	must(store_save_request(st, &op, "A=1", 4, body, 0, 5000));
	must(store_mark_uncertain(st, &op, -1, "?", now));
	must(store_find(st, op.identity, &found, NULL));
	again = op;
	claim_prepare(st, &found, now, 60000, &again);
	is_str(take(&again, 0), "taken", "that is run again");
	must(store_purge(st, now + 100000, &dropped, &forgotten));
	is_int(store_find_request(st, op.id, &req), OK, "keeps it while that runs");
	stored_request_free(&req);
	must(store_mark_uncertain(st, &again, -1, "?", now + 3000));
	must(store_purge(st, now + 7999, &dropped, &forgotten));
	is_int(store_find_request(st, op.id, &req), OK, "and five seconds after the later end");
	stored_request_free(&req);
	close(body);
}

int main(void)
{
	umask(077);
	try_begin(NULL);
	try_disk_begin();
	fresh("store", 4 * MEGA, 100 * MEGA);
	fill_the_store();
	finish_what_runs();
	count_a_route();
	count_what_goes();
	drop_requests();
	store_close(&st);
	return try_end();
}
