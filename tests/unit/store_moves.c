/* SPDX-License-Identifier: ISC */
/* Claim: an operation is moved once, by the holder of its token, and what was recorded comes back.
 */
#include "store/archive.h"
#include "store/listing.h"
#include "store_try.h"

#include <dirent.h>

#define MAX RESPONSE_INLINE_MAX

/* ---- claims ---- */

#define THREADS 64

struct crowd {
	struct store *st;
	pthread_barrier_t at_once;
	bool is_same;
	int64_t now_ms;
	atomic_int next, taken, failed;
};

static void *claim_in_a_crowd(void *arg)
{
	struct crowd *crowd = arg;
	struct operation op;
	char name[16];
	int got;

	snprintf(name, sizeof(name), "%s%d", crowd->is_same ? "same" : "other",
		crowd->is_same ? 0 : crowd->next++);
	op = try_operation(crowd->st, name, crowd->now_ms);
	pthread_barrier_wait(&crowd->at_once);
	got = try_claim(crowd->st, &op);
	for (; got == 0 && !crowd->is_same; got = try_claim(crowd->st, &op))
		op.id++; /* another one of this millisecond has drawn it */
	if (got >= 0)
		crowd->taken += got;
	else
		crowd->failed++;
	return NULL;
}

static void let_in(struct crowd *crowd)
{
	pthread_t threads[THREADS];

	crowd->taken = crowd->failed = 0;
	pthread_barrier_init(&crowd->at_once, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, claim_in_a_crowd, crowd);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void claim_at_once(void)
{
	struct crowd crowd = {.st = try_store(), .is_same = true, .now_ms = 1000};

	let_in(&crowd);
	is_int(crowd.taken, 1, "one winner among %d threads", THREADS);
	is_int(crowd.failed, 0, "and no error");
	crowd.is_same = false;
	let_in(&crowd);
	is_int(crowd.taken, THREADS, "all win on identities of their own, %d errors", crowd.failed);
	store_close(&crowd.st);
}

/* Does another thread of this process run, or want to? */
static bool is_busy(void)
{
	DIR *tasks = opendir("/proc/self/task");
	bool busy = false;
	struct dirent *d;

	while (tasks && (d = readdir(tasks))) {
		char path[300], state = 'S';
		FILE *f;

		if (d->d_name[0] == '.' || atoi(d->d_name) == gettid())
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/stat", d->d_name);
		f = fopen(path, "re");
		if (f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1)
			busy = busy || state != 'S'; /* D: it waits for the disk, on its way */
		if (f)
			fclose(f);
	}
	closedir(tasks);
	return busy;
}

/* While another process writes the queue grows; then all of it is one commit. */
static void commit_together(void)
{
	struct crowd crowd = {.st = try_store(), .now_ms = 2000, .next = 1000};
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	pthread_t threads[THREADS];
	struct operation op = try_operation(crowd.st, "o", 1);
	char lock[128];
	int fd;

	(void)try_claim(crowd.st, &op); /* the writer is there now */
	snprintf(lock, sizeof(lock), "%s-lock", try_db);
	fd = open(lock, O_RDWR | O_CLOEXEC);
	fcntl(fd, F_OFD_SETLKW, &fl);
	crowd.taken = crowd.failed = 0;
	pthread_barrier_init(&crowd.at_once, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, claim_in_a_crowd, &crowd);
	pthread_barrier_wait(&crowd.at_once);
	/* Until they wait in the queue, however busy the machine is. */
	for (int calm = 0; calm < 20; usleep(10000))
		calm = is_busy() ? 0 : calm + 1;
	try_disk.log_syncs = 0;
	close(fd);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	is_int(crowd.taken, THREADS, "%d claims that waited together, %d errors", THREADS,
		crowd.failed);
	is_int(try_disk.log_syncs, 1, "are synced by one commit");
	store_close(&crowd.st);
}

/* Two operations that began in one millisecond have drawn the same number. */
static void draw_one_id(void)
{
	struct store *st = try_store();
	struct operation one = try_operation(st, "one", 1000),
			 other = try_operation(st, "two", 1000);

	is_int(try_claim(st, &one), 1, "a claim");
	other.id = one.id;
	is_int(try_claim(st, &other), 0, "another one with its id is not taken");
	other.id++;
	is_int(try_claim(st, &other), 1, "but with a new one");
	store_close(&st);
}

/* ---- tokens ---- */

static void need_the_token(void)
{
	struct store *st = try_store();
	struct operation op = try_operation(st, "token", 1000), thief, found;
	struct stored_request request;
	int body = memfd_create("body", MFD_CLOEXEC);

	is_int(try_claim(st, &op), 1, "a claim");
	thief = op;
	memset(thief.token, 1, TOKEN_LEN);
	is_int(store_release(st, &thief), OK, "released with another token");
	is_int(store_mark_uncertain(st, &thief, 1, "x", 2000), ERR_REFUSED, "doubted with it");
	is_int(try_record(st, &thief, 3 * MAX, 2000, 1000, 1000), ERR_REFUSED, "recorded with it");
	is_int(store_save_request(st, &thief, "A=1", 4, body, 0, 1000), ERR_REFUSED,
		"a request stored with it");
	is_int(store_find_request(st, op.id, &request), ERR_ABSENT, "is not");
	is_int(store_find(st, op.identity, &found, NULL), OK, "the operation is there");
	is_int(found.state, STATE_RUNNING, "still running");
	ok(memcmp(found.token, op.token, TOKEN_LEN) == 0, "still its owner's");
	is_int(try_sql(try_db, "SELECT count(*) FROM chunk"), 0,
		"nothing of the thief's body is kept");
	is_int(store_mark_uncertain(st, &op, 137, "killed", 3000), OK, "doubted by its owner");
	is_int(store_find(st, op.identity, &found, NULL), OK, "it is there");
	is_int(found.state, STATE_UNCERTAIN, "uncertain");
	is_int(found.exit_status, 137, "with its exit status");
	is_str(found.reason, "killed", "and the reason");
	is_int(try_record(st, &op, 10, 4000, 1000, 1000), ERR_REFUSED, "too late to record it");
	is_int(store_mark_uncertain(st, &op, 1, "again", 4000), ERR_REFUSED,
		"or to doubt it again");
	is_int(store_release(st, &op), OK, "or to release it");
	is_int(try_state(st, &op), STATE_UNCERTAIN, "nothing of that changed it");
	op = try_operation(st, "released", 1000);
	is_int(try_claim(st, &op), 1, "a claim");
	is_int(store_release(st, &op), OK, "released by its owner");
	is_int(try_state(st, &op), STATE_ABSENT, "is gone");
	is_int(store_release(st, &op), OK, "once more: nothing to do");
	close(body);
	store_close(&st);
}

/* A contender that has looked before another attempt began, and ended uncertain as well, is late.
 */
static void take_over_once(void)
{
	struct store *st = try_store();
	int64_t now = clock_wall_ms(); /* what is freed is purged by the real clock */
	struct operation op = try_operation(st, "again", now), first, stale, found;

	is_int(try_claim(st, &op), 1, "a claim");
	must(store_mark_uncertain(st, &op, -1, "?", now + 2000));
	first = try_operation(st, "again", now + 3000);
	stale = try_operation(st, "again", now + 3000);
	claim_prepare(st, &op, now + 3000, 60000, &first);
	claim_prepare(st, &op, now + 3000, 60000, &stale);
	is_int(first.attempts, 2, "two want to be its second attempt");
	is_int(try_claim(st, &first), 1, "one of them is");
	is_int(try_claim(st, &stale), 0, "while it runs, the other one is not");
	must(store_mark_uncertain(st, &first, -1, "?", now + 4000));
	is_int(try_claim(st, &stale), 0, "nor when it is uncertain again");
	must(store_find(st, op.identity, &found, NULL));
	ok(found.state == STATE_UNCERTAIN && found.attempts == 2,
		"it is as uncertain as the second attempt has left it");
	must(store_free(st, &found, "not done", "", now + 5000));
	is_int(try_claim(st, &stale), 0, "nor when that one turned out not to be done");
	claim_prepare(st, &found, now + 6000, 60000, &stale);
	is_int(stale.attempts, 3, "who looks again would be the third");
	is_int(try_claim(st, &stale), 1, "and is");
	store_close(&st);
}

/* ---- bodies ---- */

/* Reads the whole body back as a reply does. */
static char *read_all(struct store *st, const struct operation *op, const struct response *res)
{
	char *all = malloc((size_t)res->body_len + MAX), *buf = malloc(MAX);
	int64_t at = (int64_t)res->body_inline_len;
	size_t n = 1;

	memcpy(all, res->body, res->body_inline_len);
	while (at < res->body_len && store_read_body(st, op->id, at, buf, &n) == OK && n > 0 &&
		at + (int64_t)n <= res->body_len) {
		memcpy(all + at, buf, n);
		at += (int64_t)n;
	}
	free(buf);
	if (at == res->body_len)
		return all;
	free(all);
	return NULL;
}

static void keep_bodies(void)
{
	static const size_t sizes[] = {0, 1, MAX - 1, MAX, MAX + 1, 2 * MAX, 3 * MAX + 17};
	struct store *st = try_store();
	int64_t now_ms = clock_wall_ms(), dropped,
		forgotten; /* or they would be purged by the way */

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct operation op, found;
		struct response res;
		char name[32], *want = try_bytes(sizes[i]), *got;

		snprintf(name, sizeof(name), "body %zu", sizes[i]);
		op = try_operation(st, name, now_ms);
		is_int(try_claim(st, &op), 1, "%zu bytes: claimed", sizes[i]);
		is_int(try_record(st, &op, sizes[i], now_ms, 1000000, 500), OK, "recorded");
		is_int(try_record(st, &op, sizes[i], now_ms, 1000000, 500), OK,
			"and again: the same record");
		is_int(store_find(st, op.identity, &found, &res), OK, "found");
		is_int(found.state, STATE_DONE, "done");
		is_int(found.bytes, (long long)sizes[i], "of as many bytes");
		is_int(found.expires_ms, now_ms + 1000000, "until now and ttl");
		is_int(found.forgotten_ms, now_ms + 1000500, "and tombstone");
		is_int(res.status, 201, "its status");
		ok(res.is_kept && res.body_len == (int64_t)sizes[i], "its length");
		ok(strncmp(res.head, "Status: 201", 11) == 0, "its head");
		got = read_all(st, &op, &res);
		ok(got && memcmp(got, want, sizes[i]) == 0, "byte for byte");
		free(got);
		free(want);
		response_free(&res);
	}
	must(store_purge(st, now_ms + 2000000, &dropped, &forgotten));
	store_close(&st);
}

/* Too large to keep: done all the same. */
static void keep_no_body(void)
{
	static char head[] = "Status: 200 OK\r\n";
	struct store *st = try_store();
	struct operation op = try_operation(st, "too large", 1000), found;
	struct response res = {.status = 200, .head = head, .head_len = 16, .body_len = 1 << 30},
			back;
	struct record rec = {.op = &op,
		.res = &res,
		.body_fd = -1,
		.body_at = -1,
		.now_ms = clock_wall_ms(),
		.ttl_ms = 3600000}; /* writes purge by the real time */

	(void)try_claim(st, &op);
	is_int(store_record(st, &rec), OK, "a response that is not kept");
	is_int(store_find(st, op.identity, &found, &back), OK, "is found");
	ok(!back.is_kept && back.body_len == 1 << 30, "as what it is");
	response_free(&back);
	store_close(&st);
}

/* ---- damage ---- */

static void notice_damage(void)
{
	static const char *const wounds[] = {
		"UPDATE response SET body=CAST('x' AS BLOB) WHERE id=(SELECT max(id) FROM "
		"response)",
		"UPDATE response SET head=CAST('x' AS BLOB) WHERE id=(SELECT max(id) FROM "
		"response)",
		"UPDATE response SET length=length-1 WHERE id=(SELECT max(id) FROM response)",
		"UPDATE response SET body=NULL WHERE id=(SELECT max(id) FROM response)",
		"DELETE FROM response WHERE id=(SELECT max(id) FROM response)",
	};
	struct store *st = try_store();
	struct operation op, found;
	struct response res;
	char buf[MAX], name[16];
	int64_t now_ms = clock_wall_ms(); /* or it would be purged by the way */
	size_t n = 0;

	for (size_t i = 0; i < sizeof(wounds) / sizeof(wounds[0]); i++) {
		snprintf(name, sizeof(name), "wound %zu", i);
		op = try_operation(st, name, now_ms + (int64_t)i);
		(void)try_claim(st, &op);
		must(try_record(st, &op, 100, now_ms, 1 << 30, 1));
		is_int(try_sql(try_db, wounds[i]), 0, "%s", wounds[i]);
		is_int(store_find(st, op.identity, &found, &res), ERR_BROKEN, "is noticed: %s",
			err_text());
		ok(!res.head && !res.body, "nothing is handed out");
		is_int(store_find(st, op.identity, &found, NULL), OK,
			"that it was done is still known");
	}
	op = try_operation(st, "chunks", now_ms);
	(void)try_claim(st, &op);
	must(try_record(st, &op, 3 * MAX, now_ms, 1 << 30, 1));
	is_int(store_read_body(st, op.id, MAX, buf, &n), OK, "a later piece");
	try_sql(try_db, "UPDATE chunk SET at=at+1000000");
	is_int(store_read_body(st, op.id, MAX + 1000000, buf, &n), ERR_BROKEN, "in another place");
	is_int(store_read_body(st, op.id, MAX, buf, &n), ERR_ABSENT, "or gone");
	try_sql(try_db, "UPDATE chunk SET at=at-1000000, data=zeroblob(300000)");
	is_int(store_read_body(st, op.id, MAX, buf, &n), ERR_BROKEN, "or too long");
	try_sql(try_db, "DELETE FROM chunk");
	store_close(&st);
}

/* ---- time ---- */

static void forget_in_time(void)
{
	struct store *st = try_store();
	struct operation op = try_operation(st, "time", 100000), later, found;
	int64_t dropped, forgotten;

	/* The writer's own purging goes by the real clock: these times are far ahead of it. */
	int64_t now = clock_wall_ms() + 1000000000;

	is_int(store_purge(st, now - 1, &dropped, &forgotten), OK, "what earlier tests left");
	op = try_operation(st, "uncertain", now);
	(void)try_claim(st, &op);
	must(store_mark_uncertain(st, &op, -1, "?", now));
	op = try_operation(st, "running", now);
	(void)try_claim(st, &op);
	op = try_operation(st, "time", now);
	(void)try_claim(st, &op);
	must(try_record(st, &op, 12 * MAX, now, 1000, 5000));
	is_int(store_purge(st, now + 999, &dropped, &forgotten), OK, "before its time");
	is_int(dropped + forgotten, 0, "nothing is purged");
	is_int(store_purge(st, now + 1000, &dropped, &forgotten), OK, "after ttl");
	ok(dropped == 1 && forgotten == 0, "its response is");
	is_int(store_find(st, op.identity, &found, NULL), OK, "the fact is not");
	is_int(found.state, STATE_EXPIRED, "it is expired");
	is_int(found.expires_ms, now + 6000, "until ttl and tombstone are over");
	is_int(found.forgotten_ms, now + 6000, "then it is forgotten");
	is_int(found.status, 201, "its status is still known");
	is_int(try_sql(try_db, "SELECT count(*) FROM chunk"), 0, "its body is gone");
	is_int(try_sql(try_db, "PRAGMA freelist_count"), 0, "and its room given back");
	later = try_operation(st, "time", now + 5999);
	is_int(try_claim(st, &later), 0, "its key is still taken");
	later = try_operation(st, "time", now + 6000);
	is_int(try_claim(st, &later), 1, "free when the tombstone is over, purged or not");
	is_int(store_find(st, op.identity, &found, NULL), OK, "found");
	is_int(found.id, later.id, "the new one");
	must(try_record(st, &later, 10, now + 6000, 1000, 0));
	is_int(store_purge(st, now + 7000, &dropped, &forgotten), OK, "without a tombstone");
	ok(dropped == 1 && forgotten == 1, "it is dropped and forgotten at once");
	is_int(store_purge(st, now + INT64_C(40000000000000), &dropped, &forgotten), OK,
		"in a thousand years");
	op = try_operation(st, "running", 0);
	is_int(try_state(st, &op), STATE_RUNNING, "what runs is never purged");
	op = try_operation(st, "uncertain", 0);
	is_int(try_state(st, &op), STATE_UNCERTAIN, "nor what is uncertain");
	store_close(&st);
}

/* A claim purges what has expired by the real clock, without being asked. */
/* A derived key is free some time after its operation became uncertain; the operation stays. */
static void free_a_derived_key(void)
{
	struct store *st = try_store();
	struct operation op = try_operation(st, "derived", 10000), again, found, other;
	unsigned char natural[NATURAL_LEN] = {7};
	struct claim claim = {.op = &op, .natural = natural};
	enum claimed result = CLAIM_THERE;
	int64_t dropped, forgotten;
	char ref[REF_LEN + 1];
	bool is_taken = false;

	op.key_ttl_ms = 2000;
	must(store_claim(st, &claim, &result));
	must(store_mark_uncertain(st, &op, 1, "why", 11000));
	must(store_find(st, op.identity, &found, NULL));
	is_int(found.forgotten_ms, 13000, "when it is free");
	must(store_note(st, &found, "probe", "still unknown", 12500));
	must(store_find(st, op.identity, &found, NULL));
	is_int(found.forgotten_ms, 13000, "whatever is asked meanwhile");
	again = try_operation(st, "derived", 12999);
	is_int(try_claim(st, &again), 0, "not before");
	must(store_purge(st, 99999, &dropped, &forgotten));
	is_int(dropped + forgotten, 0, "what is uncertain is never purged");
	is_int(try_state(st, &op), STATE_UNCERTAIN, "it is there");

	again = try_operation(st, "derived", 13000);
	again.key_ttl_ms = 2000;
	is_int(try_claim(st, &again), 1, "then it is");
	is_int(try_state(st, &again), STATE_RUNNING, "for another operation");
	operation_ref(&op, ref);
	must(store_find_ref(st, ref, &found, NULL));
	is_int(found.state, STATE_UNCERTAIN, "the first one is uncertain still");
	ok(memcmp(found.identity, op.identity, IDENTITY_SHOWN) == 0, "is shown as before");
	is_int(found.forgotten_ms, 0, "and stays until somebody settles it");
	must(store_find_natural(st, natural, 14000, &other, NULL, &is_taken));
	is_int(other.id, op.id, "with its natural key");
	is_int(store_free(st, &found, "not done", "", 15000), OK, "as an operator does");
	is_int(try_state(st, &again), STATE_RUNNING, "which is nothing to the other one");
	must(try_record(st, &again, 10, 16000, 1000, 0));

	op = try_operation(st, "chosen", 10000);
	(void)try_claim(st, &op);
	must(store_mark_uncertain(st, &op, 1, "why", 11000));
	must(store_find(st, op.identity, &found, NULL));
	is_int(found.forgotten_ms, 0, "a key that a client chose is not free");
	again = try_operation(st, "chosen", 99999999);
	is_int(try_claim(st, &again), 0, "at any time");
	store_close(&st);
}

static void expire_for_upkeep(void)
{
	struct store *st = try_store();
	struct operation op = try_operation(st, "old", 1000),
			 other = try_operation(st, "new", 1000);

	(void)try_claim(st, &op);
	must(try_record(st, &op, 10, clock_wall_ms() - 10, 1, 1));
	for (int i = 0; i < 300 && try_state(st, &op) != STATE_ABSENT; i++) {
		(void)try_claim(st, &other);
		must(store_release(st, &other));
		usleep(10000);
	}
	is_int(try_state(st, &op), STATE_ABSENT, "purged by other writes");
	store_close(&st);
}

/* ---- listings ---- */

struct seen {
	int n, most;
	int64_t last_id;
	bool in_order;
};

static bool see(const struct operation *op, void *arg)
{
	struct seen *seen = arg;

	seen->in_order = seen->in_order && op->id < seen->last_id;
	seen->last_id = op->id;
	return ++seen->n != seen->most;
}

static int count(struct store *st, struct store_filter filter, int most)
{
	struct seen seen = {.last_id = INT64_MAX, .in_order = true, .most = most};
	enum err e = store_list(st, &filter, see, &seen);

	return e == OK && seen.in_order ? seen.n : -1;
}

static void list_operations(void)
{
	struct store *st;
	struct operation op, found;
	struct store_sizes sizes;
	char ref[REF_LEN + 1], name[8], dir[64];

	try_at("list");
	snprintf(dir, sizeof(dir), "%s/list", try_dir);
	mkdir(dir, 0700);
	st = try_store();
	for (int i = 0; i < 150; i++) {
		snprintf(name, sizeof(name), "%c%d", i % 3 ? 'a' : 'b', i);
		op = try_operation(st, name, 1000 + i);
		(void)try_claim(st, &op);
		if (i % 2)
			must(store_mark_uncertain(st, &op, -1, "?", 2000));
	}
	is_int(count(st, (struct store_filter){0}, -1), 150,
		"all, newest first, over several pages");
	is_int(count(st, (struct store_filter){.state = STATE_UNCERTAIN}, -1), 75, "by state");
	is_int(count(st, (struct store_filter){.route = "/cgi-bin/b.pl"}, -1), 50, "by route");
	is_int(count(st, (struct store_filter){.limit = 70}, -1), 70, "not more than asked for");
	is_int(count(st, (struct store_filter){.limit = 64}, -1), 64, "or just a page");
	is_int(count(st, (struct store_filter){0}, 66), 66, "until told to stop");
	operation_ref(&op, ref);
	is_int(store_find_ref(st, ref, &found, NULL), OK, "by ref");
	is_int(found.id, op.id, "the right one");
	ref[31] = ref[31] == '0' ? '1' : '0';
	is_int(store_find_ref(st, ref, &found, NULL), ERR_ABSENT, "a ref that is nearly right");
	is_int(store_find_ref(st, "-1", &found, NULL), ERR_ABSENT, "or none at all");
	is_int(store_measure(st, &sizes), OK, "sizes");
	ok(sizes.operations[STATE_RUNNING] == 75 && sizes.operations[STATE_UNCERTAIN] == 75,
		"by state");
	ok(sizes.file_bytes > 0 && sizes.log_bytes > 0, "of the files");
	store_close(&st);
}

int main(void)
{
	umask(077);
	try_begin(NULL);
	try_disk_begin();
	claim_at_once();
	commit_together();
	draw_one_id();
	need_the_token();
	take_over_once();
	keep_bodies();
	keep_no_body();
	notice_damage();
	forget_in_time();
	free_a_derived_key();
	expire_for_upkeep();
	list_operations();
	return try_end();
}
