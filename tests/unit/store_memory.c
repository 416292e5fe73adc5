/* SPDX-License-Identifier: ISC */
/*
 * Claim: when any one allocation fails during a call of the store, SQLite's own included, or all
 * from one on, the call says so and has not happened: nothing leaks, the store is as it was, and
 * the same call works afterwards.
 */
#include "memory_try.h"
#include "store/archive.h"
#include "store/listing.h"
#include "store/outbox.h"

#include "store_try.h"

#include <inttypes.h>

#define TTL_MS 3600000

static int64_t now;
static struct store *st;
static int n_operations;

static void fresh_place(void)
{
	char name[32];

	snprintf(name, sizeof(name), "m%d", n_operations++);
	try_at(name);
	snprintf(try_spool, sizeof(try_spool), "%s", try_dir);
	*strrchr(try_db, '/') = '\0';
	mkdir(try_db, 0700);
	snprintf(try_spool, sizeof(try_spool), "%.80s/spool", try_db);
	snprintf(try_db, sizeof(try_db), "%s/%s/s.db", try_dir, name);
}

static struct store_options quick(void)
{
	struct store_options opt = try_options();

	opt.durability = DURABILITY_OFF;
	return opt;
}

static void reopen(void)
{
	struct store_options opt = quick();

	store_close(&st);
	if (store_open(&opt, &st) != OK) {
		printf("Bail out! %s\n", err_text());
		exit(111);
	}
}

/* ---- opening ---- */

static enum err open_it(void)
{
	struct store_options opt = quick();
	struct store *got = (struct store *)&opt;
	enum err e;

	memory_on();
	e = store_open(&opt, &got);
	memory_off();
	if (e != OK) {
		keeps(got == (struct store *)&opt, "the store is not set");
		keeps(store_open(&opt, &got) == OK, "it can be opened afterwards");
	}
	store_close(&got);
	return e;
}

static enum err open_new(void)
{
	enum err e;

	fresh_place();
	e = open_it();
	*strrchr(try_db, '/') = '\0';
	try_remove(try_db);
	return e;
}

/* ---- moves ---- */

static struct operation next_operation(void)
{
	char name[24];

	snprintf(name, sizeof(name), "op %d", n_operations++);
	return try_operation(st, name, clock_wall_ms()); /* ids of one millisecond may collide */
}

static struct operation running(void)
{
	struct operation op = next_operation();

	int taken = try_claim(st, &op);

	if (taken != 1)
		printf("# claimed: %d (%s)\n", taken, err_text());
	keeps(taken == 1, "a claim before it works");
	return op;
}

static struct operation uncertain(void)
{
	struct operation op = running();

	keeps(store_mark_uncertain(st, &op, 1, "?", now) == OK, "a doubt before it works");
	keeps(store_find(st, op.identity, &op, NULL) == OK, "a find before it works");
	return op;
}

static struct operation done(size_t len)
{
	struct operation op = running();

	keeps(try_record(st, &op, len, now, TTL_MS, TTL_MS) == OK, "a record before it works");
	return op;
}

/* The state is `after` when it is said to have happened, and `before` when not. */
static void keeps_state(const struct operation *op, enum err e, enum state before, enum state after)
{
	keeps(e == ERR_UNKNOWN || try_state(st, op) == (e == OK ? after : before),
		"the operation was moved if, and only if, it says so");
}

/* What has failed for want of memory works when there is some. */
static void again(enum err e)
{
	if (e != OK)
		printf("# once more: %s\n", err_text());
	keeps(e == OK, "it works afterwards");
}

/* Each begins with a connection that has prepared nothing. */
static enum err claim_it(void)
{
	struct operation op;
	enum claimed got = CLAIM_FULL;
	const unsigned char natural[NATURAL_LEN] = {1};
	struct claim claim = {.op = &op,
		.natural = natural,
		.webhook = "https://example.org/",
		.webhook_max_age_ms = TTL_MS,
		.max_running = 1000000,
		.max_running_all = 1000000};
	enum err e;

	reopen();
	op = next_operation();
	memory_on();
	e = store_claim(st, &claim, &got);
	memory_off();
	keeps_state(&op, e, STATE_ABSENT, STATE_RUNNING);
	if (e != OK && e != ERR_UNKNOWN)
		again(store_claim(st, &claim, &got));
	if (e != OK && e != ERR_UNKNOWN)
		keeps(got == CLAIM_TAKEN, "it can be claimed afterwards");
	keeps(store_release(st, &op) == OK, "it can be released");
	store_close(&st);
	return e;
}

static enum err release_it(void)
{
	struct operation op;
	enum err e;

	reopen();
	op = running();
	reopen();
	memory_on();
	e = store_release(st, &op);
	memory_off();
	if (e != OK)
		again(store_release(st, &op));
	keeps(try_state(st, &op) == STATE_ABSENT, "it is gone then");
	store_close(&st);
	return e;
}

static enum err record_length(size_t len)
{
	static char head[] = "Status: 201 Created\r\n";
	struct response res = {.status = 201,
		.head = head,
		.head_len = sizeof(head) - 1,
		.body_len = (int64_t)len,
		.body_inline_len = len < RESPONSE_INLINE_MAX ? len : RESPONSE_INLINE_MAX,
		.is_kept = true};
	struct operation op;
	struct record rec = {
		.op = &op, .res = &res, .now_ms = now, .ttl_ms = TTL_MS, .tombstone_ms = TTL_MS};
	enum err e;

	res.body = try_bytes(len);
	rec.body_fd = memfd_create("body", MFD_CLOEXEC);
	keeps(pwrite(rec.body_fd, res.body, len, 0) == (ssize_t)len, "there is a body");
	reopen();
	op = running();
	reopen();
	memory_on();
	e = store_record(st, &rec);
	memory_off();
	keeps_state(&op, e, STATE_RUNNING, STATE_DONE);
	if (e != OK)
		again(store_record(st, &rec));
	keeps(try_state(st, &op) == STATE_DONE, "it is done then");
	close(rec.body_fd);
	free(res.body);
	store_close(&st);
	return e;
}

static enum err record_it(void)
{
	return record_length(100);
}

static enum err record_much(void)
{
	return record_length(2 * RESPONSE_INLINE_MAX + 100);
}

static enum err doubt_it(void)
{
	struct operation op;
	enum err e;

	reopen();
	op = running();
	reopen();
	memory_on();
	e = store_mark_uncertain(st, &op, 1, "?", now);
	memory_off();
	keeps_state(&op, e, STATE_RUNNING, STATE_UNCERTAIN);
	if (e != OK)
		keeps(store_mark_uncertain(st, &op, 1, "?", now) != ERR_NOMEM,
			"it can be said afterwards");
	store_close(&st);
	return e;
}

static enum err free_it(void)
{
	struct operation op;
	enum err e;

	reopen();
	op = uncertain();
	reopen();
	memory_on();
	e = store_free(st, &op, "not done", "", now);
	memory_off();
	keeps_state(&op, e, STATE_UNCERTAIN, STATE_ABSENT);
	if (e != OK)
		keeps(store_free(st, &op, "not done", "", now) != ERR_NOMEM,
			"it can be freed afterwards");
	store_close(&st);
	return e;
}

static enum err retake_it(void)
{
	struct operation op, again;
	enum claimed got = CLAIM_FULL;
	struct claim claim = {.op = &again};
	enum err e;

	reopen();
	op = again = uncertain();
	claim_prepare(st, &op, now, 60000, &again);
	reopen();
	memory_on();
	e = store_claim(st, &claim, &got);
	memory_off();
	keeps_state(&op, e, STATE_UNCERTAIN, STATE_RUNNING);
	if (e == OK)
		keeps(store_mark_uncertain(st, &again, 1, "?", now) == OK, "it is this attempt's");
	store_close(&st);
	return e;
}

/* ---- reading ---- */

static enum err find_it(void)
{
	struct operation op, found;
	struct response res = {.body = NULL};
	enum err e;

	reopen();
	op = done(2000);
	reopen();
	memory_on();
	e = store_find(st, op.identity, &found, &res);
	memory_off();
	if (e == OK) {
		keeps(found.state == STATE_DONE && res.body_inline_len == 2000 &&
				strncmp(res.head, "Status: 201", 11) == 0,
			"it is the whole response");
		response_free(&res);
	} else {
		keeps(!res.body && !res.head, "the response is not set");
	}
	store_close(&st);
	return e;
}

static enum err read_on(void)
{
	static char buf[RESPONSE_INLINE_MAX];
	struct operation op;
	size_t len = 0;
	enum err e;

	reopen();
	op = done(RESPONSE_INLINE_MAX + 100);
	reopen();
	memory_on();
	e = store_read_body(st, op.id, RESPONSE_INLINE_MAX, buf, &len);
	memory_off();
	keeps(e != OK || len == 100, "all of the rest is read");
	store_close(&st);
	return e;
}

static bool count_operation(const struct operation *op, void *arg)
{
	keeps(op->id != 0, "it is an operation");
	++*(int *)arg;
	return true;
}

static bool count_history(const struct history *h, void *arg)
{
	keeps(h->event && h->detail, "it is a line of a history");
	++*(int *)arg;
	return true;
}

static enum err list_all(void)
{
	struct operation op;
	struct store_sizes sizes;
	int n = 0;
	enum err e;

	reopen();
	op = uncertain();
	reopen();
	memory_on();
	e = store_list(st, &(struct store_filter){.state = STATE_UNCERTAIN, .limit = 1},
		count_operation, &n);
	if (e == OK)
		e = store_history(st, op.id, count_history, &n);
	if (e == OK)
		e = store_measure(st, &sizes);
	memory_off();
	keeps(e != OK || n == 2, "all are there");
	store_close(&st);
	return e;
}

/* ---- requests, messages, purges ---- */

static enum err keep_request(void)
{
	struct stored_request found = {.variables = NULL};
	struct operation op;
	int fd = memfd_create("body", MFD_CLOEXEC);
	enum err e;

	(void)!write(fd, "body", 4);
	reopen();
	op = running();
	reopen();
	memory_on();
	e = store_save_request(st, &op, "A=1", 4, fd, 4, 1000);
	if (e == OK)
		e = store_find_request(st, op.id, &found);
	memory_off();
	close(fd);
	if (e == OK)
		keeps(found.body_len == 4 && strcmp(found.variables, "A=1") == 0,
			"it is the whole request");
	stored_request_free(&found);
	store_close(&st);
	return e;
}

static enum err take_message(void)
{
	struct operation op;
	struct message m = {.url = NULL};
	enum claimed got;
	int64_t wait_ms = 0;
	enum err e;

	reopen();
	op = next_operation();
	keeps(store_claim(st,
		      &(struct claim){
			      .op = &op, .webhook = "https://x/", .webhook_max_age_ms = TTL_MS},
		      &got) == OK &&
			try_record(st, &op, 1, now, TTL_MS, TTL_MS) == OK,
		"a message is due");
	reopen();
	memory_on();
	e = store_message_wait(st, now, &wait_ms);
	if (e == OK)
		e = store_message_take(st, now, 1000, &m, &wait_ms);
	if (e == OK)
		e = store_message_end(st, &m, MESSAGE_DELIVERED, 0, "200");
	memory_off();
	message_free(&m);
	keeps(try_sql(try_db, "DELETE FROM outbox") == 0, "the messages can be removed");
	store_close(&st);
	return e;
}

static enum err purge_all(void)
{
	struct operation op;
	int64_t dropped = 0, forgotten = 0;
	enum err e;

	reopen();
	op = done(RESPONSE_INLINE_MAX + 100);
	reopen();
	memory_on();
	e = store_purge(st, now + 3 * TTL_MS, &dropped, &forgotten);
	memory_off();
	if (e != OK)
		again(store_purge(st, now + 3 * TTL_MS, &dropped, &forgotten));
	keeps(try_state(st, &op) == STATE_ABSENT, "it is purged then");
	store_close(&st);
	return e;
}

int main(void)
{
	/* All of it takes minutes; these are spread over all of it. */
	bool each = getenv("MEMORY_EACH") != NULL;

#ifndef __SANITIZE_ADDRESS__                    /* which speaks there as well */
	if (!freopen("/dev/null", "w", stderr)) /* a warning for each claim that is taken back */
		return 111;
#endif
	try_begin(NULL);
	now = clock_wall_ms();
	memory.step = each ? 1 : 61; /* it takes four thousand, and makes files */
	memory_try("a new store", open_new, 0);
	memory.step = each ? 1 : 13;
	fresh_place();
	memory_try("a store that is there", open_it, 0);
	memory_try("a claim", claim_it, ALLOW(ERR_UNKNOWN));
	memory_try("a release", release_it, ALLOW(ERR_UNKNOWN));
	memory_try("a record", record_it, ALLOW(ERR_UNKNOWN));
	memory_try("a long record", record_much, ALLOW(ERR_UNKNOWN));
	memory_try("a doubt", doubt_it, ALLOW(ERR_UNKNOWN));
	memory_try("a settlement", free_it, ALLOW(ERR_UNKNOWN));
	memory_try("a claim once more", retake_it, ALLOW(ERR_UNKNOWN));
	memory_try("a response found", find_it, 0);
	memory_try("the rest of a response", read_on, 0);
	memory_try("a list", list_all, 0);
	memory_try("a kept request", keep_request, ALLOW(ERR_UNKNOWN));
	memory_try("a message", take_message, ALLOW(ERR_UNKNOWN));
	memory_try("a purge", purge_all, ALLOW(ERR_UNKNOWN));
	return try_end();
}
