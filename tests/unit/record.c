/* SPDX-License-Identifier: ISC */
/* Claim: only a script that ended by itself with a whole, valid answer is done; all else is doubt.
 */
#include "record.h"

#include "store_try.h"

#define ANSWER "Content-Type: text/plain\n\nhello"

static struct store *st;
static int n;

static struct record_policy policy = {
	.ttl_ms = 1000, .tombstone_ms = 1000, .max_response_bytes = 1 << 20};

static struct operation claimed(void)
{
	char name[16];
	struct operation op;

	snprintf(name, sizeof(name), "run %d", n++);
	op = try_operation(st, name, clock_wall_ms());
	(void)try_claim(st, &op);
	return op;
}

static struct ending ended(const char *output)
{
	return (struct ending){
		.output = strdup(output), .output_len = (int64_t)strlen(output), .output_fd = -1};
}

/* Records it; what became of the operation, with reason or body. */
static void expect(struct ending *end, enum outcome outcome, const char *words, const char *what)
{
	struct operation op = claimed(), found;
	struct recorded rec;
	struct response res;
	enum err e = record_run(st, &op, &policy, end, &rec);

	ending_free(end);
	is_int(e, OK, "%s: written", what);
	is_int(rec.outcome, outcome, "with this outcome");
	must(store_find(st, op.identity, &found, &res));
	is_int(found.state, outcome == OUTCOME_RECORDED ? STATE_DONE : STATE_UNCERTAIN,
		"in the store");
	is_int(found.exit_status, end->exit_status, "with its exit status");
	if (outcome == OUTCOME_RECORDED)
		is_str(res.body, words, "and its body");
	else
		ok(strstr(found.reason, words) != NULL, "because \"%s\"", found.reason);
	if (outcome == OUTCOME_RECORDED)
		ok(rec.res.head_len == res.head_len &&
				memcmp(rec.res.head, res.head, res.head_len) == 0,
			"what is answered first is what is stored");
	response_free(&res);
	response_free(&rec.res);
}

static void judge_endings(void)
{
	struct ending end = ended(ANSWER);

	expect(&end, OUTCOME_RECORDED, "hello", "a whole answer");
	end = ended(ANSWER);
	end.exit_status = 3;
	expect(&end, OUTCOME_RECORDED, "hello", "a whole answer and an exit status");
	end = ended(ANSWER);
	ending_set_status(&end, 9); /* as waitpid(2) says: killed */
	expect(&end, OUTCOME_NO_RESPONSE, "signal 9", "a whole answer of a script that was killed");
	end = ended(ANSWER);
	end.is_timed_out = true;
	end.run_us = 5000000;
	expect(&end, OUTCOME_TIMED_OUT, "5000 ms", "time over");
	end = ended(ANSWER);
	end.is_output_lost = true;
	expect(&end, OUTCOME_NO_RESPONSE, "no room", "output lost");
	end = ended("no header at all");
	expect(&end, OUTCOME_NO_RESPONSE, "not a valid CGI response", "nonsense");
	end = ended("");
	expect(&end, OUTCOME_NO_RESPONSE, "not a valid CGI response", "nothing");
	end = ended("Content-Length: 9\nContent-Type: text/plain\n\nhello");
	end.exit_status = 1;
	expect(&end, OUTCOME_NO_RESPONSE, "not a valid",
		"cut short by its own account, and it failed");
}

/* The same answer behind a descriptor, large. */
static void record_large_output(void)
{
	size_t head = strlen(ANSWER), size = 3 * RESPONSE_INLINE_MAX;
	struct ending end = {.output_fd = memfd_create("out", MFD_CLOEXEC)};
	char *body = try_bytes(size), *buf = malloc(RESPONSE_INLINE_MAX);
	struct operation op = claimed(), found;
	struct recorded rec;
	struct response res;
	size_t len = 0;

	end.output_len = (int64_t)(head + size);
	(void)!pwrite(end.output_fd, ANSWER, head, 0);
	(void)!pwrite(end.output_fd, body, size, (off_t)head);
	is_int(record_run(st, &op, &policy, &end, &rec), OK, "an answer behind a descriptor");
	is_int(rec.body_at, (long long)head - 5, "its body begins behind the header");
	must(store_find(st, op.identity, &found, &res));
	is_int(res.body_len, (long long)size + 5, "it is stored whole");
	ok(memcmp(res.body + 5, body, RESPONSE_INLINE_MAX - 5) == 0, "the beginning");
	must(store_read_body(st, op.id, 2 * RESPONSE_INLINE_MAX, buf, &len));
	ok(memcmp(buf, body + 2 * RESPONSE_INLINE_MAX - 5, len) == 0, "and what follows");
	response_free(&res);
	response_free(&rec.res);

	op = claimed();
	policy.max_response_bytes = (int64_t)size;
	is_int(record_run(st, &op, &policy, &end, &rec), OK, "over max_response");
	is_int(rec.outcome, OUTCOME_RECORDED, "it is done all the same");
	ok(!rec.res.is_kept, "without its body");
	must(store_find(st, op.identity, &found, &res));
	ok(found.state == STATE_DONE && !res.is_kept && res.body_len == (int64_t)size + 5,
		"in the store too");
	response_free(&res);
	response_free(&rec.res);
	policy.max_response_bytes = 1 << 20;
	ending_free(&end);
	free(body);
	free(buf);
}

/* The store fails, then works: the same ending is recorded then. */
static void record_again(void)
{
	struct ending end = ended(ANSWER);
	struct operation op = claimed();
	struct recorded rec;

	try_disk.fail_writes = 1;
	ok(record_run(st, &op, &policy, &end, &rec) != OK, "a store without room");
	ok(!rec.res.head, "nothing to free");
	try_disk.fail_writes = 0;
	is_int(record_run(st, &op, &policy, &end, &rec), OK, "with room");
	response_free(&rec.res);
	is_int(record_run(st, &op, &policy, &end, &rec), OK, "and again");
	response_free(&rec.res);
	is_int(try_state(st, &op), STATE_DONE, "it is done");
	end.is_killed = true;
	is_int(record_run(st, &op, &policy, &end, &rec), ERR_REFUSED, "another ending is refused");
	is_int(try_state(st, &op), STATE_DONE, "and changes nothing");
	ending_free(&end);
}

int main(void)
{
	umask(077);
	try_begin(NULL);
	try_disk_begin();
	st = try_store();
	judge_endings();
	record_large_output();
	record_again();
	store_close(&st);
	return try_end();
}
