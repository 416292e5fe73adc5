/* SPDX-License-Identifier: ISC */
/*
 * Claims: only a script that ended by itself with a whole, valid answer is done, or, when the
 * answer says that nothing was done, free again; all else is doubt.  What a script and a route ask
 * for is what is recorded.
 */
#include "operation/record.h"

#include "store/archive.h"

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

/* Warnings about what is wrong on purpose are not for who reads the tests. */
static void hush(bool on)
{
	static int stderr_fd = -1;

	if (on) {
		int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

		stderr_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
		dup2(null_fd, STDERR_FILENO);
		close(null_fd);
	} else {
		dup2(stderr_fd, STDERR_FILENO);
		close(stderr_fd);
	}
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
	recorded_free(&rec);
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
	end.exit_status = 3;
	end.run_us = 5000000;
	expect(&end, OUTCOME_TIMED_OUT, "5000 ms", "time over");
	end = ended("Content-Length: 5\nContent-Type: text/plain\n\nhello");
	end.is_timed_out = true;
	expect(&end, OUTCOME_RECORDED, "hello", "time over, and it finished all the same");
	end = ended("Transfer-Encoding: chunked\nContent-Type: text/plain\n\n5\nhello\n0\n\n");
	end.is_timed_out = true;
	expect(&end, OUTCOME_RECORDED, "hello", "... with its last chunk");
	end = ended("Status: 204\n\n");
	end.is_timed_out = true;
	expect(&end, OUTCOME_RECORDED, "", "... with a status that has no body");
	end = ended(ANSWER);
	end.is_timed_out = true;
	expect(&end, OUTCOME_TIMED_OUT, "its time",
		"time over, exit 0, and nothing says that it is whole");
	end = ended("Transfer-Encoding: chunked\nContent-Type: text/plain\n\n5\nhello\n");
	end.is_timed_out = true;
	expect(&end, OUTCOME_TIMED_OUT, "its time", "time over, exit 0, and no last chunk");
	end = ended(ANSWER);
	end.is_timed_out = true;
	ending_set_status(&end, 15);
	expect(&end, OUTCOME_TIMED_OUT, "its time", "time over, and TERM ended it");
	end = ended("half an answer");
	end.is_timed_out = true;
	expect(&end, OUTCOME_TIMED_OUT, "its time", "time over, exit 0, and no header");
	end = ended("Content-Length: 9\nContent-Type: text/plain\n\nhello");
	end.is_timed_out = true;
	expect(&end, OUTCOME_TIMED_OUT, "its time", "time over, exit 0, and half a body");
	end = ended(ANSWER);
	end.is_output_lost = true;
	expect(&end, OUTCOME_NO_RESPONSE, "no room", "output lost");
	end = ended("no header at all");
	expect(&end, OUTCOME_RECORDED, "no header at all", "text");
	end = ended("no header at all");
	end.exit_status = 1;
	expect(&end, OUTCOME_NO_RESPONSE, "has no header", "text, and it failed");
	end = ended("");
	end.exit_status = 1;
	expect(&end, OUTCOME_NO_RESPONSE, "not a valid CGI response", "nothing, and it failed");
	end = ended("Content-Length: 9\nContent-Type: text/plain\n\nhello");
	end.exit_status = 1;
	expect(&end, OUTCOME_NO_RESPONSE, "not a valid",
		"cut short by its own account, and it failed");
}

/* What was printed in vain; "" when nothing is kept. */
static char *kept_output(int64_t id, int64_t *total_len)
{
	struct printed printed = {.len = 0};
	char *bytes = NULL;

	*total_len = 0;
	if (store_find_printed(st, id, &printed, &bytes) != OK)
		return strdup("");
	*total_len = printed.total_len;
	ok(memchr(bytes, '\0', printed.len) == NULL, "no NUL was printed");
	return bytes;
}

/* It exited 0 and printed no response: it is done, and says so to everybody. */
static void record_a_problem(const char *output, bool prefers_html)
{
	struct operation op = claimed(), found;
	struct ending end = ended(output);
	struct recorded rec;
	struct response res;
	int64_t total_len;
	char *kept, ref[REF_LEN + 1];

	operation_ref(&op, ref);
	memset(policy.release_on, 0xff, sizeof(policy.release_on));
	policy.prefers_html = prefers_html;
	is_int(record_run(st, &op, &policy, &end, &rec), OK, "exit 0 without a response: written");
	ending_free(&end);
	is_int(rec.outcome, OUTCOME_RECORDED, "recorded, whatever releases the key");
	ok(strstr(rec.reason, "not a valid CGI response") != NULL, "because %s", rec.reason);
	must(store_find(st, op.identity, &found, &res));
	is_int(found.state, STATE_DONE, "it is done");
	is_int(found.exit_status, 0, "with its exit status");
	is_str(found.reason, rec.reason, "and the reason");
	is_int(res.status, 502, "its response is 502");
	ok(strstr(res.body, ref) && strstr(res.body, "script-failed") &&
			strstr(res.head, prefers_html ? "text/html" : "problem+json"),
		"script-failed, with its ref");
	ok(rec.res.body_len == res.body_len && strcmp(rec.res.body, res.body) == 0,
		"which is what is answered");
	response_free(&res);
	recorded_free(&rec);
	kept = kept_output(op.id, &total_len);
	is_str(kept, output, "what it printed is kept");
	free(kept);
	memset(policy.release_on, 0, sizeof(policy.release_on));
	policy.prefers_html = false;
}

/* What was printed goes with the response, and with the operation; of an uncertain one it stays. */
static void drop_with_the_response(void)
{
	struct operation ops[3] = {claimed(), claimed(), claimed()}, found;
	int64_t total_len, dropped, forgotten, now_ms = clock_wall_ms();
	struct record_policy before = policy;

	for (int i = 0; i < 3; i++) {
		struct ending end = ended("Status: 101\n\n");
		struct recorded rec;

		end.exit_status = i == 2;
		policy.ttl_ms = i == 0 ? 1000 : 500;
		policy.tombstone_ms = i == 0 ? 100000 : 0;
		must(record_run(st, &ops[i], &policy, &end, &rec));
		recorded_free(&rec);
		ending_free(&end);
	}
	policy = before;
	must(store_purge(st, now_ms + 50000, &dropped, &forgotten));
	must(store_find(st, ops[0].identity, &found, NULL));
	is_int(found.state, STATE_EXPIRED, "one has expired");
	is_int(store_find(st, ops[1].identity, &found, NULL), ERR_ABSENT, "one is forgotten");
	is_int(try_state(st, &ops[2]), STATE_UNCERTAIN, "one is uncertain");
	for (int i = 0; i < 3; i++) {
		char *kept = kept_output(ops[i].id, &total_len);

		is_str(kept, i == 2 ? "Status: 101\n\n" : "", "and what it printed");
		free(kept);
	}
}

/* What is kept of a run that failed, and how much. */
static void keep_what_failed(void)
{
	size_t size = PRINTED_MAX + 1000;
	char *output = malloc(size + 1), *kept;
	struct operation op = claimed(), found;
	struct recorded rec;
	struct ending end;
	int64_t total_len;

	memset(output, 'x', size);
	output[size] = '\0';
	end = ended(output);
	end.is_killed = true;
	end.exit_status = 128 + 9;
	must(record_run(st, &op, &policy, &end, &rec));
	recorded_free(&rec);
	kept = kept_output(op.id, &total_len);
	is_int((long long)strlen(kept), PRINTED_MAX, "the beginning of it is kept");
	is_int(total_len, (long long)size, "and how much it was");
	free(kept);
	is_int(store_find_ref(st, "nothing", &found, NULL) == OK, 0, "no such ref");
	ending_free(&end);

	op = claimed();
	end = ended(ANSWER);
	end.exit_status = 3;
	policy.needs_exit_zero = true;
	must(record_run(st, &op, &policy, &end, &rec));
	is_int(rec.outcome, OUTCOME_NO_RESPONSE, "exit_status zero, and another one");
	ok(strstr(rec.reason, "exit status is 3") != NULL, "because %s", rec.reason);
	is_int(try_state(st, &op), STATE_UNCERTAIN, "it is uncertain");
	recorded_free(&rec);
	ending_free(&end);
	kept = kept_output(op.id, &total_len);
	is_str(kept, ANSWER, "its answer is kept for the operator");
	free(kept);
	end = ended(ANSWER);
	expect(&end, OUTCOME_RECORDED, "hello", "exit_status zero, and zero");
	policy.needs_exit_zero = false;
	free(output);
}

#define CHUNKED "X-A: 1\nTransfer-Encoding: chunked\n\n"

/* A body in chunks of the script's own, larger than what is kept with the head. */
static void decode_large_output(void)
{
	size_t size = 3 * RESPONSE_INLINE_MAX, head = strlen(CHUNKED);
	struct ending end = {.output_fd = memfd_create("out", MFD_CLOEXEC)};
	char *body = try_bytes(size), *buf = malloc(RESPONSE_INLINE_MAX), line[32];
	struct operation op = claimed(), found;
	off_t at = (off_t)head;
	struct recorded rec;
	struct response res;
	size_t len = 0;

	(void)!pwrite(end.output_fd, CHUNKED, head, 0);
	for (size_t done = 0; done < size; done += 1000) {
		size_t piece = size - done < 1000 ? size - done : 1000;
		int digits = snprintf(line, sizeof(line), "%zx\r\n", piece);

		at += pwrite(end.output_fd, line, (size_t)digits, at);
		at += pwrite(end.output_fd, body + done, piece, at);
		at += pwrite(end.output_fd, "\r\n", 2, at);
	}
	at += pwrite(end.output_fd, "0\r\n\r\n", 5, at);
	end.output_len = at;
	is_int(record_run(st, &op, &policy, &end, &rec), OK, "chunks behind a descriptor");
	must(store_find(st, op.identity, &found, &res));
	is_int(res.body_len, (long long)size, "they are decoded");
	ok(memcmp(res.body, body, RESPONSE_INLINE_MAX) == 0, "the beginning");
	must(store_read_body(st, op.id, 2 * RESPONSE_INLINE_MAX, buf, &len));
	ok(len == RESPONSE_INLINE_MAX && memcmp(buf, body + 2 * RESPONSE_INLINE_MAX, len) == 0,
		"and what follows");
	ok(!rec.body && rec.body_at == 0 &&
			pread(rec.body_fd, buf, RESPONSE_INLINE_MAX, RESPONSE_INLINE_MAX) ==
				RESPONSE_INLINE_MAX &&
			memcmp(buf, body + RESPONSE_INLINE_MAX, RESPONSE_INLINE_MAX) == 0,
		"for the first caller too");
	response_free(&res);
	recorded_free(&rec);
	is_int(record_run(st, &op, &policy, &end, &rec), OK, "the same ending once more");
	recorded_free(&rec);
	ending_free(&end);
	free(body);
	free(buf);
}

static void decode_chunks_of(void)
{
	struct ending end = ended(CHUNKED "5\r\nhello\r\n0\r\n\r\n");

	expect(&end, OUTCOME_RECORDED, "hello", "chunks are decoded");
	end = ended(CHUNKED "hello there");
	expect(&end, OUTCOME_RECORDED, "hello there", "what are no chunks stays");
	end = ended(CHUNKED "5\r\nhello\r\n");
	expect(&end, OUTCOME_RECORDED, "hello", "the last chunk is missing");
	end = ended(CHUNKED "5\r\nhello\r\n");
	end.exit_status = 1;
	expect(&end, OUTCOME_NO_RESPONSE, "last chunk", "it is missing, and the script failed");
	end = ended(CHUNKED "5\r\nhello\r\n0\r\n");
	end.exit_status = 1;
	expect(&end, OUTCOME_RECORDED, "hello", "it is there, and the script failed");
	decode_large_output();
}

/* A probe's word, or an operator's wrong file, is no response. */
static void settle_with_text(void)
{
	struct operation op = claimed(), found;
	struct ending end = ended("yes, it was done\n");

	must(store_mark_uncertain(st, &op, -1, "?", clock_wall_ms()));
	must(store_find(st, op.identity, &found, NULL));
	is_int(record_settled(st, &found, &policy, &end, "done", "x"), ERR_INVALID,
		"settled with a text: refused");
	ending_free(&end);
	end = ended(ANSWER);
	is_int(record_settled(st, &found, &policy, &end, "done", "x"), OK, "with a response: done");
	ending_free(&end);
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
	recorded_free(&rec);

	op = claimed();
	policy.max_response_bytes = (int64_t)size;
	is_int(record_run(st, &op, &policy, &end, &rec), OK, "over max_response");
	is_int(rec.outcome, OUTCOME_RECORDED, "it is done all the same");
	ok(!rec.res.is_kept, "without its body");
	must(store_find(st, op.identity, &found, &res));
	ok(found.state == STATE_DONE && !res.is_kept && res.body_len == (int64_t)size + 5,
		"in the store too");
	response_free(&res);
	recorded_free(&rec);
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
	recorded_free(&rec);
	try_disk.fail_writes = 0;
	is_int(record_run(st, &op, &policy, &end, &rec), OK, "with room");
	recorded_free(&rec);
	is_int(record_run(st, &op, &policy, &end, &rec), OK, "and again");
	recorded_free(&rec);
	is_int(try_state(st, &op), STATE_DONE, "it is done");
	end.is_killed = true;
	is_int(record_run(st, &op, &policy, &end, &rec), ERR_REFUSED, "another ending is refused");
	is_int(try_state(st, &op), STATE_DONE, "and changes nothing");
	ending_free(&end);
}

/* ---- what script and route ask for ---- */

static void set_policy(const char *const *release_on, enum guarantee guarantee)
{
	struct config cf = {.durability = DURABILITY_NORMAL, .busy_timeout_ms = 77};
	struct route route = {.ttl_ms = 5000,
		.tombstone_ms = 6000,
		.max_response_bytes = 1 << 20,
		.release_on = (strings)(uintptr_t)release_on,
		.guarantee = guarantee};

	policy = record_policy_of(&cf, &route);
}

/* What becomes of an operation whose script prints this header; `shown` gets what is answered. */
static enum outcome outcome_of(const char *header, struct operation *found, struct recorded *shown)
{
	struct operation op = claimed();
	struct ending end;
	char output[400];

	snprintf(output, sizeof(output), "%s\n\nhello", header);
	end = ended(output);
	must(record_run(st, &op, &policy, &end, shown));
	ending_free(&end);
	if (store_find(st, op.identity, found, NULL) != OK)
		memset(found, 0, sizeof(*found));
	return shown->outcome;
}

static void check_release(const char *header, bool is_released)
{
	struct operation found;
	struct recorded shown;

	is_int(outcome_of(header, &found, &shown),
		is_released ? OUTCOME_RELEASED : OUTCOME_RECORDED, "%.40s", header);
	is_int(found.state, is_released ? STATE_ABSENT : STATE_DONE,
		is_released ? "its key is free" : "is done");
	ok(shown.res.head && shown.res.body_len == 5 && strcmp(shown.res.body, "hello") == 0,
		"and answered as a whole");
	ok(!strcasestr(shown.res.head, "\nRetrysafe"), "without what is for us alone");
	recorded_free(&shown);
}

static void release_by_status(void)
{
	static const char *const one[] = {"503", "200", NULL}, *const all[] = {"5xx", "4xx", NULL};

	set_policy(NULL, GUARANTEE_STRICT);
	check_release("Status: 503 Wait", false);
	set_policy(one, GUARANTEE_STRICT);
	check_release("Status: 503 Wait", true);
	check_release("Content-Type: text/plain", true);
	check_release("Status: 504 Wait", false);
	check_release("Status: 502 Wait", false);
	check_release("Status: 201 Created", false);
	set_policy(all, GUARANTEE_STRICT);
	check_release("Status: 400 Bad", true);
	check_release("Status: 499 Bad", true);
	check_release("Status: 500 Bad", true);
	check_release("Status: 599 Bad", true);
	check_release("Status: 399 Bad", false);
	check_release("Status: 200 OK", false);
	check_release("Status: 503 Wait\nRetrysafe-Outcome: record", true);
}

static void release_by_word(void)
{
	set_policy(NULL, GUARANTEE_STRICT);
	check_release("Status: 200 OK\nRetrysafe-Outcome: release", true);
	check_release("Status: 500 Bad\nretrysafe-outcome:RELEASE", true);
	check_release("Status: 200 OK\nRetrysafe-Outcome: record", false);
	check_release("Status: 200 OK\nRetrysafe-Outcome: releas", false);
	check_release("Status: 200 OK\nRetrysafe-Outcome: release, please, once", false);
	check_release("Status: 200 OK\nRetrysafe-Outcome:", false);
	check_release("Status: 200 OK\nX-Retrysafe-Outcome: release", false);
}

/* Only the whole answer of a script that ended by itself can say that nothing was done. */
static void believe_no_dead_script(void)
{
	struct ending end = ended("Status: 200 OK\nRetrysafe-Outcome: release\n\n");

	set_policy(NULL, GUARANTEE_STRICT);
	ending_set_status(&end, 9);
	expect(&end, OUTCOME_NO_RESPONSE, "signal 9", "a release of a script that was killed");
	end = ended("Status: 200 OK\nRetrysafe-Outcome: release\n\n");
	end.is_timed_out = true;
	expect(&end, OUTCOME_TIMED_OUT, "its time", "a release that came too late");
	end = ended("Status: 200 OK\nRetrysafe-Outcome: release\nContent-Length: 9\n\nhello");
	end.exit_status = 1;
	expect(&end, OUTCOME_NO_RESPONSE, "not a valid", "a release that is not whole");
}

/* The store fails: the key is let go of as soon as it works again. */
static void release_in_vain(void)
{
	struct ending end = ended("Status: 200 OK\nRetrysafe-Outcome: release\n\nhello");
	struct operation op = claimed();
	struct recorded rec;

	try_disk.fail_writes = 1;
	ok(record_run(st, &op, &policy, &end, &rec) != OK, "a release without room");
	recorded_free(&rec);
	try_disk.fail_writes = 0;
	is_int(record_run(st, &op, &policy, &end, &rec), OK, "with room");
	is_int(rec.outcome, OUTCOME_RELEASED, "released");
	is_int(try_state(st, &op), STATE_ABSENT, "its key is free");
	recorded_free(&rec);
	ending_free(&end);
}

static void take_ttl(void)
{
	static const struct {
		const char *header;
		int64_t ttl_ms;
	} cases[] = {
		{"Status: 200 OK", 5000},
		{"Status: 200 OK\nRetrysafe-TTL: 7d", INT64_C(604800000)},
		{"Status: 200 OK\nretrysafe-ttl:1s", 1000},
		{"Status: 404 No\nRetrysafe-TTL: 3650d", INT64_C(315360000000)},
		{"Status: 200 OK\nRetrysafe-TTL: 3651d", 5000},
		{"Status: 200 OK\nRetrysafe-TTL: 0", 5000},
		{"Status: 200 OK\nRetrysafe-TTL: 0s", 5000},
		{"Status: 200 OK\nRetrysafe-TTL: 999ms", 5000},
		{"Status: 200 OK\nRetrysafe-TTL: 7", 5000},
		{"Status: 200 OK\nRetrysafe-TTL: -7d", 5000},
		{"Status: 200 OK\nRetrysafe-TTL: 7d or so", 5000},
		{"Status: 200 OK\nRetrysafe-TTL: 99999999999999999999d", 5000},
		{"Status: 200 OK\nRetrysafe-TTL:", 5000},
	};

	set_policy(NULL, GUARANTEE_STRICT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct operation found;
		struct recorded shown;

		is_int(outcome_of(cases[i].header, &found, &shown), OUTCOME_RECORDED, "%s",
			cases[i].header);
		is_int(found.expires_ms - found.updated_ms, cases[i].ttl_ms, "its ttl");
		is_int(found.forgotten_ms - found.expires_ms, 6000, "the route's tombstone");
		ok(!strcasestr(shown.res.head, "\nRetrysafe"), "nothing of it is answered");
		recorded_free(&shown);
	}
}

/* The first caller gets all of it, the store keeps what the guarantee says. */
static void keep_by_guarantee(void)
{
	static const enum guarantee guarantees[] = {
		GUARANTEE_STRICT, GUARANTEE_RESULT, GUARANTEE_SEMANTIC};

	for (size_t i = 0; i < 3; i++) {
		bool keeps_body = guarantees[i] == GUARANTEE_STRICT;
		struct operation op = claimed(), found;
		struct ending end = ended("Status: 201 Created\nX-A: 1\n\nhello");
		struct recorded shown;
		struct response res;

		set_policy(NULL, guarantees[i]);
		is_int(record_run(st, &op, &policy, &end, &shown), OK, "guarantee %zu", i);
		ok(shown.res.body_len == 5 && strcmp(shown.res.body, "hello") == 0,
			"the first caller gets the body");
		must(store_find(st, op.identity, &found, &res));
		is_int(res.status, 201, "the store has the status");
		is_str(res.head, "Status: 201 Created\r\nX-A: 1\r\n", "and the fields");
		is_str(res.body, keeps_body ? "hello" : "", "and of the body what it has to");
		is_int(res.body_len, keeps_body ? 5 : 0, "of that length");
		ok(res.is_kept, "which is what is to be replayed");
		response_free(&res);
		recorded_free(&shown);
		is_int(record_run(st, &op, &policy, &end, &shown), OK, "again: the same record");
		recorded_free(&shown);
		ending_free(&end);
	}
}

/* A body that is too large to keep need not be kept where it is not replayed. */
static void keep_no_large_body(void)
{
	struct operation op = claimed(), found;
	struct ending end = ended("Status: 201 Created\n\nhello");
	struct recorded shown;
	struct response res;

	set_policy(NULL, GUARANTEE_RESULT);
	policy.max_response_bytes = 4;
	is_int(record_run(st, &op, &policy, &end, &shown), OK, "over max_response, result");
	ok(!shown.res.is_kept && shown.res.body_len == 5,
		"the first caller's is behind the output");
	must(store_find(st, op.identity, &found, &res));
	ok(res.is_kept && res.body_len == 0, "the replay has its head");
	response_free(&res);
	recorded_free(&shown);
	ending_free(&end);
}

static void carry_the_rest(void)
{
	set_policy(NULL, GUARANTEE_STRICT);
	ok(policy.durability == DURABILITY_NORMAL && policy.busy_timeout_ms == 77 &&
			policy.ttl_ms == 5000 && policy.tombstone_ms == 6000 &&
			policy.max_response_bytes == 1 << 20 && !policy.keeps_head_only,
		"the policy says what configuration and route say");
}

/* ---- natural keys ---- */

/* Which ends keep the natural key, and which give it to the next operation. */
static void keep_natural_keys(void)
{
	static const struct {
		const char *output;
		bool is_kept;
	} cases[] = {
		{"Status: 200 OK\n\n", true}, {"Status: 201 Created\n\n", true},
		{"Location: /thanks\n\n", true}, /* 303: how a form says that it was done */
		{"Status: 302 Found\nLocation: /\n\n", false}, {"Status: 404 No\n\n", false},
		{"Status: 500 Bad\n\n", false},
		{"Status: 200 OK\nRetrysafe-Outcome: release\n\n", false},
		{"nonsense", true}, /* uncertain */
	};

	set_policy(NULL, GUARANTEE_STRICT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char natural[NATURAL_LEN] = {(unsigned char)i, 1};
		char name[16];
		struct operation op, found;
		struct recorded rec;
		struct ending end = ended(cases[i].output);
		enum claimed claimed_it = CLAIM_THERE;
		bool is_taken = false;
		enum err e;

		snprintf(name, sizeof(name), "natural %zu", i);
		op = try_operation(st, name, clock_wall_ms());
		must(store_claim(st, &(struct claim){.op = &op, .natural = natural}, &claimed_it));
		must(record_run(st, &op, &policy, &end, &rec));
		recorded_free(&rec);
		ending_free(&end);
		e = store_find_natural(st, natural, clock_wall_ms(), &found, NULL, &is_taken);
		ok((e == OK) == cases[i].is_kept && is_taken == cases[i].is_kept,
			"its natural key is %s: %.20s", is_taken ? "kept" : "let go of",
			cases[i].output);
	}
}

int main(void)
{
	umask(077);
	try_begin(NULL);
	try_disk_begin();
	st = try_store();
	judge_endings();
	hush(true);
	record_a_problem("", false);
	record_a_problem("Status: 101\n\nx", true);
	drop_with_the_response();
	keep_what_failed();
	decode_chunks_of();
	settle_with_text();
	hush(false);
	record_large_output();
	record_again();
	release_by_status();
	hush(true);
	release_by_word();
	take_ttl();
	hush(false);
	believe_no_dead_script();
	release_in_vain();
	keep_by_guarantee();
	keep_no_large_body();
	carry_the_rest();
	keep_natural_keys();
	store_close(&st);
	return try_end();
}
