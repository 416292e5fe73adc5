/* SPDX-License-Identifier: ISC */
/* Claim: what a request is told depends on evidence alone, and only a free key may be run. */
#include "operation/claim.h"

#include "operation/record.h"
#include "store/archive.h"
#include "store_try.h"

#include <signal.h>
#include <sys/prctl.h>

#define DEAD 4096 /* a witness that nobody holds */

static const char *const words[VERDICT__MAX] = {
	[VERDICT_FREE] = "free",
	[VERDICT_TAKEN] = "taken",
	[VERDICT_REPLAY] = "replay",
	[VERDICT_EXPIRED] = "expired",
	[VERDICT_IN_PROGRESS] = "in progress",
	[VERDICT_UNCERTAIN] = "uncertain",
	[VERDICT_KEY_REUSED] = "key reused",
	[VERDICT_OTHER_PRINCIPAL] = "other principal",
	[VERDICT_DUPLICATE] = "duplicate",
	[VERDICT_OVERLOADED] = "overloaded",
};

/* What a request with this operation's identity, fingerprint and principal is told at a time. */
static const char *told(struct store *st, const struct operation *op, int64_t at_ms)
{
	struct operation found;
	struct response res = {0};
	enum verdict verdict;
	enum err e = claim_look(st, op, at_ms, &found, &res, &verdict);

	if (e == OK && (verdict == VERDICT_REPLAY) != (res.head != NULL))
		return "a response without a replay, or the other way round";
	response_free(&res);
	return e == OK ? words[verdict] : err_text();
}

static const char *take(struct store *st, struct operation *op)
{
	enum verdict verdict;

	return claim_take(st, &(struct claim){.op = op}, &verdict) == OK ? words[verdict]
									 : err_text();
}

static void live_and_be_forgotten(struct store *st)
{
	int64_t now = clock_wall_ms();
	struct operation op = try_operation(st, "life", now),
			 second = try_operation(st, "life", now);
	int64_t dropped, forgotten;

	is_str(told(st, &op, now), "free", "a new key");
	is_str(take(st, &op), "taken", "is taken");
	is_str(take(st, &second), "free", "once: look again");
	is_str(told(st, &second, now), "in progress", "the owner lives");
	must(try_record(st, &op, 10, now, 100000, 50000));
	is_str(told(st, &second, now + 99999), "replay", "done");
	is_str(told(st, &second, now + 100000), "expired", "after ttl");
	is_str(told(st, &second, now + 149999), "expired", "while the tombstone stands");
	is_str(told(st, &second, now + 150000), "free", "after it, although nobody has purged it");
	must(store_purge(st, now + 100000, &dropped, &forgotten));
	is_str(told(st, &second, now + 149999), "expired", "purged: the same");
	is_str(told(st, &second, now + 150000), "free", "free at the same time");
	second.created_ms = now + 150000;
	is_str(take(st, &second), "taken", "and can be taken");
}

static void tell_requests_apart(struct store *st)
{
	struct operation op = try_operation(st, "apart", 1000), other;

	(void)take(st, &op);
	other = op;
	other.fingerprint[0] ^= 1;
	is_str(told(st, &other, 1000), "key reused", "another request, while it runs");
	other.principal[0] ^= 1;
	is_str(told(st, &other, 1000), "key reused", "wins over other credentials");
	other.fingerprint[0] ^= 1;
	is_str(told(st, &other, 1000), "other principal",
		"the same request with other credentials");
	must(try_record(st, &op, 10, 1000, 1000, 1000));
	is_str(told(st, &other, 1000), "other principal", "gets no replay");
	is_str(told(st, &other, 3000), "free", "a forgotten key is nobody's");
	op = try_operation(st, "doubt", 1000);
	(void)take(st, &op);
	must(store_mark_uncertain(st, &op, 1, "why", 2000));
	is_str(told(st, &op, INT64_MAX), "uncertain", "uncertain for ever");
}

static void settle_by_evidence(struct store *st)
{
	struct operation op = try_operation(st, "dead", 1000), found;

	op.witness = DEAD;
	(void)take(st, &op);
	is_str(told(st, &op, 1000), "uncertain", "its witness is dead: nobody knows");
	must(store_find(st, op.identity, &found, NULL));
	ok(strlen(found.reason) > 10, "with a reason: %s", found.reason);

	op = try_operation(st, "late", 1000);
	op.deadline_mono_ms = clock_mono_us() / 1000 - 1;
	(void)take(st, &op);
	is_str(told(st, &op, 1000), "uncertain", "its witness lives past its time: it is told so");
	is_int(try_state(st, &op), STATE_RUNNING, "and nothing is written");
	is_int(try_record(st, &op, 10, 1000, 1000, 1000), OK, "its late result counts");

	op = try_operation(st, "boot", 1000);
	op.boot_id++;
	(void)take(st, &op);
	is_str(told(st, &op, 1000), "uncertain", "the machine has been started since");
}

/* A script is known by its environment, when gateway and keeper are dead. */
static void find_the_script(struct store *st)
{
	struct operation op = try_operation(st, "script", 1000);
	char ref[REF_LEN + 1], variable[80];
	char *environment[] = {variable, NULL};
	pid_t pid;

	operation_ref(&op, ref);
	snprintf(variable, sizeof(variable), "IDEMPOTENCY_OPERATION=%s", ref);
	op.witness = DEAD;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execle("/bin/sleep", "sleep", "60", (char *)NULL, environment);
		_exit(127);
	}
	usleep(200000);
	(void)take(st, &op);
	is_str(told(st, &op, 1000), "in progress", "its script lives");
	kill(pid, SIGKILL);
	try_wait(pid);
	is_str(told(st, &op, 1000), "uncertain", "and no longer");
}

/* Those who are dead take nobody's room, and their operations are settled for it. */
static void make_room(struct store *st)
{
	struct operation dead, living, next;
	struct claim claim = {.op = &next, .max_running = 2, .max_running_all = 100};
	enum verdict verdict;

	dead = try_operation(st, "xdead", 1000);
	dead.witness = DEAD;
	living = try_operation(st, "xliving", 1000);
	next = try_operation(st, "xnext", 1000);
	is_str(take(st, &dead), "taken", "one that runs, and dies");
	is_str(take(st, &living), "taken", "one that lives");
	is_int(claim_take(st, &claim, &verdict), OK, "a third one of two");
	is_str(words[verdict], "taken", "has the room of the dead");
	is_int(try_state(st, &dead), STATE_UNCERTAIN, "which is uncertain now");
	is_int(try_state(st, &living), STATE_RUNNING, "the living is left alone");
	next = try_operation(st, "xother", 1000);
	is_int(claim_take(st, &claim, &verdict), OK, "when all of them live");
	is_str(words[verdict], "overloaded", "there is no room");
	is_int(try_state(st, &next), STATE_ABSENT, "and nothing happens");
	next = try_operation(st, "yother", 1000);
	is_int(claim_take(st, &claim, &verdict), OK, "on another route");
	is_str(words[verdict], "taken", "there is");
}

static void tell_duplicates(struct store *st)
{
	unsigned char natural[NATURAL_LEN] = {1};
	struct operation op = try_operation(st, "natural", 1000);
	struct claim claim = {.op = &op, .natural = natural};
	enum verdict verdict;

	is_int(claim_take(st, &claim, &verdict), OK, "a natural key");
	is_str(words[verdict], "taken", "is taken");
	is_int(claim_take(st, &claim, &verdict), OK, "by the same key again");
	is_str(words[verdict], "free", "it is to be looked at");
	op = try_operation(st, "another", 1000);
	is_int(claim_take(st, &claim, &verdict), OK, "by another key");
	is_str(words[verdict], "duplicate", "it is a duplicate");
	is_str(told(st, &op, 1000), "free", "whose key is free");
}

int main(void)
{
	struct store *st;

	umask(077);
	try_begin(NULL);
	st = try_store();
	live_and_be_forgotten(st);
	tell_requests_apart(st);
	settle_by_evidence(st);
	find_the_script(st);
	make_room(st);
	tell_duplicates(st);
	store_close(&st);
	return try_end();
}
