/* SPDX-License-Identifier: ISC */
/* Claim: every end of an operation that somebody waits for leaves a message; it is given to one
 * notifier at a time until it was delivered or its time is over, and then goes with its operation.
 */
#include "store/outbox.h"
#include "store/archive.h"
#include "store_try.h"

#define URL     "https://hooks.example.org/in"
#define MAX_AGE 100000
#define TTL     INT64_C(3000000000000) /* so that ordinary writes purge nothing */

static struct operation subscribe(
	struct store *st, const char *name, int64_t now_ms, const char *url)
{
	struct operation op = try_operation(st, name, now_ms);
	enum claimed result = CLAIM_THERE;
	struct claim claim = {.op = &op,
		.webhook = url,
		.webhook_is_trusted = true,
		.webhook_max_age_ms = MAX_AGE};

	must(store_claim(st, &claim, &result));
	is_int(result, CLAIM_TAKEN, "%s: claimed", name);
	return op;
}

static struct operation post(struct store *st, const char *name, int64_t now_ms, const char *url)
{
	struct operation op = subscribe(st, name, now_ms, url);

	must(try_record(st, &op, 10, now_ms, TTL, 1000));
	return op;
}

/* Takes one, lease 500; -1 none, else its tries. */
static int take(struct store *st, int64_t now_ms, struct message *m)
{
	int64_t wait_ms = -7;
	enum err e = store_message_take(st, now_ms, 500, m, &wait_ms);

	if (e != OK && e != ERR_ABSENT)
		ok(0, "take: %s", err_text());
	return e == OK ? m->tries : -1;
}

static int64_t waits(struct store *st, int64_t now_ms)
{
	int64_t wait_ms = -7;

	must(store_message_wait(st, now_ms, &wait_ms));
	return wait_ms;
}

static bool print(const struct message *m, void *arg)
{
	char *text = arg;
	size_t n = strlen(text);

	snprintf(text + n, 400 - n, "%s to %s %s, %d tries, due %lld, \"%s\"; ",
		state_name(m->state), m->url, message_state(m), m->tries, (long long)m->due_ms,
		m->said);
	return true;
}

static const char *listed(struct store *st, const struct operation *op)
{
	static char text[400];

	*text = '\0';
	must(store_messages(st, op->id, print, text));
	return text;
}

static int64_t rows(void)
{
	return try_sql(try_db, "SELECT count(*) FROM outbox");
}

static void deliver(void)
{
	struct store *st = try_store();
	struct operation op = subscribe(st, "deliver", 1000, URL);
	struct message m, late;
	char ref[REF_LEN + 1];

	is_int(waits(st, 5000), -1, "while it runs there is no message");
	is_int(take(st, 5000, &m), -1, "and none to take");
	must(try_record(st, &op, 10, 5000, TTL, 1000));
	is_int(waits(st, 4000), 1000, "the message is due when it is done");
	is_int(waits(st, 5001), 0, "from then on");
	is_str(listed(st, &op), "done to " URL " waiting, 0 tries, due 5000, \"\"; ",
		"it is listed");
	is_int(take(st, 4999, &m), -1, "not before");
	is_int(take(st, 5000, &m), 1, "it is taken");
	operation_ref(&op, ref);
	is_str(m.ref, ref, "with the ref");
	is_str(m.route, op.route, "the route");
	is_str(m.url, URL, "the URL");
	ok(m.is_trusted && m.state == STATE_DONE && m.status == 201 && m.bytes == 10 &&
			m.attempts == 1 && m.created_ms == 1000 && m.updated_ms == 5000 &&
			m.give_up_ms == 5000 + MAX_AGE && m.due_ms == 5500,
		"and all else");
	is_int(take(st, 5499, &late), -1, "for its lease nobody else gets it");
	is_int(waits(st, 5499), 1, "it is waited for");

	is_int(take(st, 5500, &late), 2, "after it somebody else does");
	must(store_message_end(st, &m, MESSAGE_AGAIN, 9000, "late"));
	is_int(waits(st, 5500), 500, "what the first one says does not count any more");
	must(store_message_end(st, &late, MESSAGE_AGAIN, 7000, "HTTP 500"));
	is_str(listed(st, &op), "done to " URL " waiting, 2 tries, due 7000, \"HTTP 500\"; ",
		"it is to be tried again");
	message_free(&m);
	message_free(&late);
	is_int(take(st, 6999, &m), -1, "not before its time");
	is_int(take(st, 7000, &m), 3, "but then");
	must(store_message_end(st, &m, MESSAGE_DELIVERED, 0, "HTTP 204"));
	must(store_message_end(st, &m, MESSAGE_AGAIN, 8000, "no"));
	is_str(listed(st, &op), "done to " URL " delivered, 3 tries, due 0, \"HTTP 204\"; ",
		"delivered, for good");
	is_int(waits(st, 99000), -1, "nothing is left to do");
	is_int(rows(), 1, "it stays with its operation");
	message_free(&m);
	store_close(&st);
}

static void end_with_the_operation(void)
{
	struct store *st = try_store();
	struct operation op = post(st, "end", 10000, URL);
	int64_t dropped, forgotten;
	struct message m;

	must(store_purge(st, 2 * TTL, &dropped, &forgotten));
	is_int(forgotten, 2, "operations are forgotten");
	is_int(try_state(st, &op), STATE_ABSENT, "this one, too");
	is_int(rows(), 1, "one message was not delivered yet, and outlives it");
	is_int(take(st, 99000, &m), 1, "it is told all the same");
	must(store_message_end(st, &m, MESSAGE_DELIVERED, 0, "HTTP 200"));
	is_int(rows(), 0, "and then goes");
	message_free(&m);
	store_close(&st);
}

static void give_up(void)
{
	struct store *st = try_store();
	struct operation op = post(st, "give-up", 1000, URL), never = post(st, "never", 1000, URL);
	struct message m;

	for (int i = 0; i < 2; i++) {
		is_int(take(st, 1000, &m), 1, "tried");
		if (i == 0)
			must(store_message_end(st, &m, MESSAGE_AGAIN, 1000 + MAX_AGE, "HTTP 500"));
		message_free(&m);
	}
	is_int(take(st, 1000 + MAX_AGE, &m), 2, "at the end of its time one whose notifier died");
	message_free(&m);
	is_int(take(st, 1000 + MAX_AGE, &m), 2, "and one that failed are due for the last time");
	must(store_message_end(st, &m, MESSAGE_AGAIN, 1001 + MAX_AGE, "HTTP 502"));
	message_free(&m);
	for (int i = 0; i < 2; i++) {
		is_int(take(st, 9000 + MAX_AGE, &m), 2, "after it");
		is_int(m.due_ms, 0, "it is given up, and not to be tried");
		message_free(&m);
	}
	is_int(take(st, 9000 + MAX_AGE, &m), -1, "once");
	is_str(listed(st, &op),
		"done to " URL " given up, 2 tries, due 0, \"given up: HTTP 502\"; ",
		"with what was said last");
	is_str(listed(st, &never),
		"done to " URL
		" given up, 2 tries, due 0, \"given up: it was not tried in time\"; ",
		"or nothing");
	is_int(waits(st, 9000 + MAX_AGE), -1, "nothing is left to do");

	op = post(st, "gone", 500000, URL);
	is_int(take(st, 500000, &m), 1, "one that cannot be delivered");
	must(store_message_end(st, &m, MESSAGE_GIVEN_UP, 0, "HTTP 410"));
	is_str(listed(st, &op),
		"done to " URL " given up, 1 tries, due 0, \"given up: HTTP 410\"; ",
		"is given up at once");
	message_free(&m);
	store_close(&st);
}

/* What is taken next, and let go of for good. */
static const char *next_url(struct store *st, int64_t now_ms)
{
	static char url[64];
	struct message m = {0};

	if (take(st, now_ms, &m) < 0)
		return "none";
	snprintf(url, sizeof(url), "%s", m.url);
	must(store_message_end(st, &m, MESSAGE_DELIVERED, 0, ""));
	message_free(&m);
	return url;
}

static void put_off(void)
{
	static const char *const urls[] = {"https://a.example/1", "https://a.example/2",
		"https://a.example?3", "https://a.example", "https://a.example:1/",
		"https://a.example.b/", "https://b.example/https://a.example/"};
	struct store *st = try_store();

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		char name[8];

		snprintf(name, sizeof(name), "off-%zu", i);
		post(st, name, 600000 + (int64_t)i, urls[i]);
	}
	post(st, "off-later", 600500, urls[0]);
	must(store_message_postpone(st, "https://a.example", 600100, 601000));
	for (size_t i = 4; i < sizeof(urls) / sizeof(urls[0]); i++)
		is_str(next_url(st, 600100), urls[i], "another host is not put off");
	is_str(next_url(st, 600100), "none", "this one is");
	is_str(next_url(st, 600500), urls[0], "what was not due yet is not touched");
	for (size_t i = 0; i < 4; i++)
		is_str(next_url(st, 601000), urls[i], "the others come later, in their order");
	store_close(&st);
}

/* Every end is told, and the same operation's next attempt as well. */
static void ends(void)
{
	struct store *st = try_store();
	struct operation op = subscribe(st, "ends", 700000, URL), again = op, released, found;
	enum claimed result;
	struct message m;

	must(store_mark_uncertain(st, &op, -1, "why", 700001));
	must(store_find(st, op.identity, &found, NULL));
	must(store_free(st, &found, "not done", "", 700002));
	claim_prepare(st, &found, 700003, 60000, &again);
	must(store_claim(st, &(struct claim){.op = &again}, &result));
	must(try_record(st, &again, 1, 700004, TTL, 1000));
	is_str(listed(st, &op),
		"uncertain to " URL " waiting, 0 tries, due 700001, \"\"; "
		"absent to " URL " waiting, 0 tries, due 700002, \"\"; "
		"done to " URL " waiting, 0 tries, due 700004, \"\"; ",
		"uncertain, absent, done");
	for (int i = 0; i < 3; i++)
		is_str(next_url(st, 700009), URL, "in that order");

	released = subscribe(st, "released", store_now_ms(st), URL);
	must(store_release(st, &released));
	is_int(try_state(st, &released), STATE_ABSENT, "nothing was started");
	is_int(take(st, store_now_ms(st), &m), 1, "that is told, too");
	ok(m.state == STATE_ABSENT && m.status == 0, "as absent");
	must(store_message_end(st, &m, MESSAGE_DELIVERED, 0, ""));
	is_str(listed(st, &released), "", "and then gone with its operation");
	message_free(&m);
	store_close(&st);
}

/* Whoever settled it lets anybody have the key: what he does is not the first one's business. */
static void change_hands(void)
{
	struct store *st = try_store();
	int64_t now = clock_wall_ms(); /* what is freed is purged by the real clock */
	struct operation op = subscribe(st, "hands", now, URL), again = op, found;
	enum claimed result;
	char want[400];

	snprintf(want, sizeof(want),
		"uncertain to " URL " waiting, 0 tries, due %lld, \"\"; "
		"absent to " URL " waiting, 0 tries, due %lld, \"\"; ",
		(long long)now + 1, (long long)now + 2);
	must(store_mark_uncertain(st, &op, -1, "why", now + 1));
	must(store_find(st, op.identity, &found, NULL));
	must(store_free(st, &found, "not done", "", now + 2));
	again.principal[0]++;
	claim_prepare(st, &found, now + 3, 60000, &again);
	must(store_claim(st, &(struct claim){.op = &again}, &result));
	is_int(result, CLAIM_TAKEN, "somebody else takes the key over");
	must(try_record(st, &again, 1, now + 4, TTL, 1000));
	is_str(listed(st, &op), want, "the first one hears how his own attempt ended, and no more");
	for (int i = 0; i < 2; i++)
		is_str(next_url(st, now + 9), URL, "in that order");
	store_close(&st);
}

/* A commit that fails takes nothing: the caller has no message, and the store says so. */
static void fail(void)
{
	struct store *st = try_store();
	int64_t now_ms = clock_wall_ms(), wait_ms;
	struct operation op = post(st, "fail", now_ms, URL);
	struct message m = {0};

	try_disk.fail_syncs = 1;
	is_int(store_message_take(st, now_ms, 500, &m, &wait_ms), ERR_UNKNOWN, "a sync that fails");
	ok(!m.url, "no message was given");
	try_disk.fail_syncs = 0;
	is_int(take(st, now_ms + 500, &m) > 0, 1, "whatever happened, it is there after a lease");
	try_disk.fail_syncs = 1;
	is_int(store_message_end(st, &m, MESSAGE_DELIVERED, 0, "HTTP 200"), ERR_UNKNOWN,
		"a sync that fails at its end");
	try_disk.fail_syncs = 0;
	message_free(&m);
	(void)take(st, now_ms + 2000, &m);
	ok(strstr(listed(st, &op), "done to " URL) != NULL, "it is not lost");
	message_free(&m);
	store_close(&st);
}

#define THREADS  8
#define MESSAGES 64

static struct store *crowded;
static atomic_int told;

static void *tell(void *arg)
{
	struct message m;
	int64_t wait_ms;

	(void)arg;
	while (store_message_take(crowded, 900000, 500, &m, &wait_ms) == OK) {
		told++;
		must(store_message_end(crowded, &m, MESSAGE_DELIVERED, 0, ""));
		message_free(&m);
	}
	return NULL;
}

static void crowd(void)
{
	pthread_t threads[THREADS];

	crowded = try_store();
	for (int i = 0; i < MESSAGES; i++) {
		char name[16];
		struct operation op;

		snprintf(name, sizeof(name), "crowd-%d", i);
		op = try_operation(crowded, name, 800000);
		must(store_claim(crowded,
			&(struct claim){.op = &op, .webhook = URL, .webhook_max_age_ms = MAX_AGE},
			&(enum claimed){CLAIM_THERE}));
		must(try_record(crowded, &op, 1, 800000, TTL, 0));
	}
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, tell, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	is_int(told, MESSAGES, "%d threads tell %d messages once each", THREADS, MESSAGES);
	store_close(&crowded);
}

int main(void)
{
	try_begin(NULL);
	try_disk_begin();
	deliver();
	end_with_the_operation();
	give_up();
	put_off();
	ends();
	change_hands();
	crowd();
	fail();
	return try_end();
}
