/* SPDX-License-Identifier: ISC */
/*
 * Claim: of all operations with one natural key one is done: it is taken with the claim or not at
 * all, held as long as nobody knows better, and kept for its own time; who comes second leaves
 * nothing behind.
 */
#include "store/archive.h"
#include "store_try.h"

#define PROCESSES 16
#define THREADS   32

static struct store *st;
static int64_t now; /* far ahead of the real clock, by which writes purge what has expired */

static const unsigned char *key(const char *name)
{
	static unsigned char bytes[4][NATURAL_LEN];
	static int next;
	unsigned char *out = bytes[next++ % 4];
	struct digest d;

	digest_start(&d, (const unsigned char *)"natural", 7);
	digest_string(&d, name);
	digest_end(&d, out, NATURAL_LEN);
	return out;
}

static const char *take(const struct operation *op, const char *natural, int64_t ttl_ms)
{
	static const char *const words[] = {[CLAIM_TAKEN] = "taken",
		[CLAIM_THERE] = "there",
		[CLAIM_DUPLICATE] = "duplicate",
		[CLAIM_FULL] = "full"};
	struct claim claim = {
		.op = op, .natural = natural ? key(natural) : NULL, .natural_ttl_ms = ttl_ms};
	enum claimed result = CLAIM_FULL;
	enum err e = store_claim(st, &claim, &result);

	return e == OK ? words[result] : err_text();
}

/* Claims a new operation of this name at a time. */
static const char *claim_at(const char *name, const char *natural, int64_t at_ms)
{
	struct operation op = try_operation(st, name, at_ms);

	return take(&op, natural, 0);
}

/* Who has a natural key: "nobody", "forgotten", or the state of its operation. */
static const char *holder(const char *natural, int64_t now_ms)
{
	struct operation op;
	bool is_taken = false;
	enum err e = store_find_natural(st, key(natural), now_ms, &op, NULL, &is_taken);

	if (e == ERR_ABSENT)
		return is_taken ? "forgotten" : "nobody";
	return e != OK ? err_text() : is_taken ? state_name(op.state) : "found, and not taken";
}

static enum err record_it(const struct operation *op, bool keeps, int64_t now_ms, int64_t ttl_ms)
{
	static char head[] = "Status: 201 Created\r\n", body[] = "hello";
	struct response res = {.status = 201,
		.head = head,
		.head_len = sizeof(head) - 1,
		.body = body,
		.body_len = 5,
		.body_inline_len = 5,
		.is_kept = true};
	struct record rec = {.op = op,
		.res = &res,
		.body_fd = -1,
		.now_ms = now_ms,
		.ttl_ms = ttl_ms,
		.tombstone_ms = 1000,
		.keeps_natural = keeps};

	return store_record(st, &rec);
}

/* All rows but the routes. */
static int64_t rows(void)
{
	return try_sql(try_db, "SELECT (SELECT count(*) FROM operation) + (SELECT count(*) FROM"
			       " history) + (SELECT count(*) FROM natural) + (SELECT count(*) FROM"
			       " response) + (SELECT count(*) FROM request) + (SELECT count(*) FROM"
			       " webhook) + (SELECT count(*) FROM outbox)");
}

/* ---- one after the other ---- */

static void come_second(void)
{
	struct operation first = try_operation(st, "first", now),
			 second = try_operation(st, "second", now);
	struct claim claim = {.op = &second,
		.natural = key("n"),
		.webhook = "https://example.org/",
		.webhook_max_age_ms = 1000};
	enum claimed result = CLAIM_TAKEN;
	int64_t before;

	is_str(holder("n", now), "nobody", "a new natural key");
	is_str(take(&first, "n", 0), "taken", "is taken with a claim");
	is_str(holder("n", now), "running", "and held");
	before = rows();
	is_int(store_claim(st, &claim, &result), OK, "another operation");
	is_int(result, CLAIM_DUPLICATE, "is a duplicate");
	is_int(rows(), before, "which leaves nothing behind");
	is_int(try_state(st, &second), STATE_ABSENT, "its identity is free");
	is_str(take(&first, "n", 0), "there", "the same one is not a duplicate: it is there");
	is_str(take(&second, "m", 0), "taken", "other values are taken by the second");
	is_str(claim_at("third", NULL, now), "taken", "an operation without any minds nobody");
	is_int(store_release(st, &second), OK, "the second lets go");
	is_str(holder("n", now), "running", "of its own only");
	is_str(holder("m", now), "nobody", "but of that");
}

static void hold_until_it_is_known(void)
{
	struct operation op = try_operation(st, "doubt", now);
	int64_t dropped, forgotten;

	is_str(take(&op, "doubt", 1), "taken", "one with a ttl of a millisecond");
	is_str(claim_at("other", "doubt", INT64_C(1) << 42), "duplicate",
		"runs as long as it runs");
	must(store_mark_uncertain(st, &op, -1, "?", now + 1000));
	is_str(holder("doubt", INT64_C(1) << 42), "uncertain", "uncertain: still held");
	must(store_purge(st, INT64_C(1) << 42, &dropped, &forgotten));
	is_str(claim_at("other", "doubt", INT64_C(1) << 42), "duplicate", "purged or not");
	op.state = STATE_UNCERTAIN;
	must(record_it(&op, true, now + 4000, 1000));
	is_str(holder("doubt", now + 4000), "done", "it turned out to be done: kept ...");
	is_str(holder("doubt", now + 4001), "nobody", "... from then on, for its time");
}

static void let_go(void)
{
	struct operation op = try_operation(st, "release", now);

	is_str(take(&op, "release", 0), "taken", "taken");
	must(store_release(st, &op));
	is_str(holder("release", now), "nobody", "let go of with the claim");
	is_str(claim_at("release 2", "release", now), "taken", "and free");

	op = try_operation(st, "free", now);
	is_str(take(&op, "free", 0), "taken", "taken");
	must(store_mark_uncertain(st, &op, -1, "?", now));
	op.state = STATE_UNCERTAIN;
	must(store_free(st, &op, "settled", "not done", now + 1000));
	is_str(holder("free", now + 1000), "nobody", "let go of when it was not done");
	is_str(claim_at("free 2", "free", now + 1000), "taken", "and free");

	op = try_operation(st, "failed", now);
	is_str(take(&op, "failed", 0), "taken", "taken");
	must(record_it(&op, false, now, 1000));
	is_str(holder("failed", now), "nobody", "let go of when it did not succeed");
	is_int(try_state(st, &op), STATE_DONE, "although it is done");
	is_str(claim_at("failed 2", "failed", now), "taken", "and free");
}

static void find_the_original(void)
{
	struct operation op = try_operation(st, "original", now), found;
	struct response res = {0};
	bool is_taken = false;

	is_str(take(&op, "original", 0), "taken", "taken");
	must(record_it(&op, true, now, 1000));
	is_int(store_find_natural(st, key("original"), now, &found, &res, &is_taken), OK,
		"the original of a duplicate");
	ok(is_taken && found.id == op.id && found.state == STATE_DONE, "is found");
	is_str(res.body, "hello", "with its response");
	response_free(&res);
}

/* ---- time ---- */

static void keep_for_its_own_time(void)
{
	int64_t dropped, forgotten;
	struct operation op = try_operation(st, "short", now), next;

	is_str(take(&op, "short", 500), "taken", "kept for less than the response");
	must(record_it(&op, true, now, 100000));
	is_str(claim_at("short 2", "short", now + 499), "duplicate", "in its time");
	next = try_operation(st, "short 3", now + 500);
	is_str(take(&next, "short", 0), "taken", "after it, purged or not");
	is_int(try_state(st, &op), STATE_DONE, "the response of the first is there");
	must(store_purge(st, now + 500, &dropped, &forgotten));
	is_str(holder("short", now + 500), "running", "the new holder's is not purged");
	must(store_release(st, &next));
	is_str(holder("short", now + 500), "nobody", "and not given back to the first");

	op = try_operation(st, "long", now);
	is_str(take(&op, "long", 50000), "taken", "kept for longer than the operation");
	must(record_it(&op, true, now, 1));
	must(store_purge(st, now + 5000, &dropped, &forgotten));
	is_int(try_state(st, &op), STATE_ABSENT, "which is forgotten");
	is_str(holder("long", now + 5000), "forgotten", "the natural key is not");
	is_str(claim_at("long 2", "long", now + 49999), "duplicate", "to the end of its time");
	is_str(claim_at("long", "long", now + 49999), "duplicate", "also for its own old key");
	must(store_purge(st, now + 50000, &dropped, &forgotten));
	is_str(holder("long", now + 50000), "nobody", "then it is gone");
	is_int(try_sql(try_db, "SELECT count(*) FROM natural WHERE due IS NOT NULL"), 0,
		"and its row too");

	op = try_operation(st, "ever", now);
	is_str(take(&op, "ever", 0), "taken", "kept for ever");
	must(record_it(&op, true, now, 1));
	must(store_purge(st, INT64_C(1) << 42, &dropped, &forgotten));
	is_str(claim_at("ever 2", "ever", INT64_C(1) << 42), "duplicate", "for ever");
}

/* Its key comes back after its time, with the same values. */
static void come_back_late(void)
{
	struct operation op = try_operation(st, "late", now);

	is_str(take(&op, "late", 0), "taken", "taken");
	must(record_it(&op, true, now, 1));
	is_str(claim_at("late", "late", now + 1001), "duplicate",
		"forgotten by time alone: its natural key still counts");
	is_str(holder("late", now + 1001), "forgotten", "although nothing is known of it");
	is_str(claim_at("late", NULL, now + 1001), "taken", "its identity is free");
}

static void purge_all(void)
{
	int64_t dropped, forgotten;
	char sql[200];

	snprintf(sql, sizeof(sql),
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000)"
		" INSERT INTO natural SELECT randomblob(16),i,1,%lld FROM n",
		(long long)now + 1000);
	is_int(try_sql(try_db, sql), 0, "a thousand of operations that are long gone");
	must(store_purge(st, now + 1000000, &dropped, &forgotten));
	is_int(try_sql(try_db, "SELECT count(*) FROM natural WHERE due IS NOT NULL"), 0,
		"are purged all at once");
}

/* ---- other attempts ---- */

static void run_again(void)
{
	struct operation op = try_operation(st, "again", now), again, found;
	int64_t before;

	is_str(take(&op, "again", 0), "taken", "taken");
	must(store_mark_uncertain(st, &op, -1, "?", now));
	again = try_operation(st, "again", now + 1000);
	claim_prepare(st, &op, now + 1000, 60000, &again);
	is_str(take(&again, "again", 0), "taken", "another attempt is no duplicate of itself");
	is_str(holder("again", now + 1000), "running", "it holds the natural key");
	must(store_release(st, &again));
	must(store_find(st, op.identity, &found, NULL));
	ok(found.state == STATE_UNCERTAIN && found.attempts == 1,
		"released, the first attempt is as uncertain as before");
	is_str(claim_at("thief", "again", now + 1000), "duplicate", "it holds its natural key");
	must(store_free(st, &found, "not done", "", now + 1000));
	is_str(holder("again", now + 1000), "nobody", "settled as not done, it lets go");
	claim_prepare(st, &op, now + 1000, 60000, &again);
	is_str(take(&again, "again", 0), "taken", "a next attempt takes it");
	must(store_release(st, &again));
	is_str(holder("again", now + 1000), "nobody", "released, it is as free as before");
	is_str(claim_at("thief", "again", now + 2000), "taken", "somebody else takes it");
	claim_prepare(st, &op, now + 3000, 60000, &again);
	before = rows();
	is_str(take(&again, "again", 0), "duplicate", "a next attempt comes second");
	is_int(rows(), before, "and leaves nothing behind");
	must(store_find(st, op.identity, &found, NULL));
	ok(found.state == STATE_ABSENT && found.attempts == 1, "its row is as it was");
	is_str(holder("again", now + 3000), "running", "the other one's key too");
}

/* ---- all at once ---- */

static int be_claimer(const char *name)
{
	struct operation op;
	char byte;
	const char *got;

	st = try_store();
	op = try_operation(st, name, now);
	(void)!read(3, &byte, 1);
	got = take(&op, "crowd", 0);
	store_close(&st);
	return strcmp(got, "taken") == 0 ? 1 : strcmp(got, "duplicate") == 0 ? 2 : 3;
}

static void claim_in_processes(void)
{
	int gate[2], taken = 0, duplicate = 0;
	int64_t before = rows();
	pid_t pids[PROCESSES];
	char name[16];

	if (pipe2(gate, O_CLOEXEC) != 0)
		return;
	for (int i = 0; i < PROCESSES; i++) {
		snprintf(name, sizeof(name), "process %d", i);
		pids[i] = try_exec("claim", name, gate[0]);
	}
	usleep(300000); /* until all of them wait */
	close(gate[0]);
	close(gate[1]);
	for (int i = 0; i < PROCESSES; i++) {
		int status = try_wait(pids[i]);

		taken += status == 1;
		duplicate += status == 2;
	}
	is_int(taken, 1, "%d processes: one winner", PROCESSES);
	is_int(duplicate, PROCESSES - 1, "the others are duplicates");
	is_int(rows(), before + 2, "and one operation is there");
}

static pthread_barrier_t at_once;
static atomic_int next_thread, won, lost;

static void *claim_in_a_crowd(void *arg)
{
	struct operation op;
	char name[16];
	const char *got;

	(void)arg;
	snprintf(name, sizeof(name), "thread %d", next_thread++);
	op = try_operation(st, name, now);
	pthread_barrier_wait(&at_once);
	got = take(&op, "batch", 0);
	won += strcmp(got, "taken") == 0;
	lost += strcmp(got, "duplicate") == 0;
	return NULL;
}

/* They wait for the lock together, so they are claimed by one transaction. */
static void claim_in_one_batch(void)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	pthread_t threads[THREADS];
	int64_t before = rows();
	char lock[128];
	int fd;

	snprintf(lock, sizeof(lock), "%s-lock", try_db);
	fd = open(lock, O_RDWR | O_CLOEXEC);
	fcntl(fd, F_OFD_SETLKW, &fl);
	pthread_barrier_init(&at_once, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, claim_in_a_crowd, NULL);
	pthread_barrier_wait(&at_once);
	usleep(200000); /* until they wait in the queue */
	close(fd);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	is_int(won, 1, "%d threads: one winner", THREADS);
	is_int(lost, THREADS - 1, "the others are duplicates");
	is_int(rows(), before + 2, "and one operation is there");
}

#define ENDS 2000

static _Atomic bool has_ended;

static void *end_in_vain(void *arg)
{
	char name[24];

	(void)arg;
	for (int i = 0; i < ENDS; i++) {
		struct operation op;

		snprintf(name, sizeof(name), "in vain %d", i);
		op = try_operation(st, name, now);
		if (strcmp(take(&op, "vain", 0), "taken") != 0 ||
			record_it(&op, false, now, 1000000) != OK)
			break;
	}
	has_ended = true;
	return NULL;
}

/* Whoever was refused would hear that it was done, by an operation that has let go of it. */
static void look_while_they_end(void)
{
	pthread_t thread;
	int running = 0, wrong = 0;

	pthread_create(&thread, NULL, end_in_vain, NULL);
	while (!has_ended) {
		const char *got = holder("vain", now);

		running += strcmp(got, "running") == 0;
		wrong += strcmp(got, "running") != 0 && strcmp(got, "nobody") != 0;
	}
	pthread_join(thread, NULL);
	ok(running > 0, "%d operations end without it: it is seen taken, %d times", ENDS, running);
	is_int(wrong, 0, "... and never with an operation that has ended");
}

int main(int argc, char *argv[])
{
	umask(077);
	try_begin(argc == 4 ? argv[2] : NULL);
	if (argc == 4)
		return be_claimer(argv[3]);
	st = try_store();
	now = clock_wall_ms() + 1000000;
	come_second();
	hold_until_it_is_known();
	let_go();
	find_the_original();
	keep_for_its_own_time();
	come_back_late();
	purge_all();
	run_again();
	claim_in_processes();
	claim_in_one_batch();
	look_while_they_end();
	store_close(&st);
	return try_end();
}
