/* SPDX-License-Identifier: ISC */
/*
 * doctor/trial.c - judges by what only retrysafe says: Idempotent-Replayed, and its problems
 *
 * RULES
 *   (1) "Protected" needs a proof in the second answer: a replay, or a problem that names the first
 *       request's operation (t28-try).
 *   (2) "Not protected" needs two answers of a script.  A server's own answer, such as a redirect
 *       or a request for credentials, proves nothing (t28-try).
 *
 * Does not know: how the request is sent.
 */
#include "doctor/trial.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define TYPE_PREFIX "urn:retrysafe:problem:"

const char *verdict_name(enum verdict v)
{
	static const char *const names[VERDICT__MAX] = {
		"protected", "not-protected", "refused", "unknown"};

	return names[v];
}

const char *trial_problem(const struct exchange *x, char *buf, size_t size)
{
	const char *type, *found = NULL;
	json_t *doc = x->body ? json_loadb(x->body, x->body_len, 0, NULL) : NULL;

	type = json_string_value(json_object_get(doc, "type"));
	if (type && strncmp(type, TYPE_PREFIX, strlen(TYPE_PREFIX)) == 0) {
		snprintf(buf, size, "%s", type + strlen(TYPE_PREFIX));
		found = buf;
	}
	json_decref(doc);
	return found;
}

static bool is_replay(const struct exchange *x)
{
	char value[16];

	return exchange_field(x, "Idempotent-Replayed", value, sizeof(value)) &&
	       strcasecmp(value, "true") == 0;
}

/* Is it a 202 of ours, with the operation's own address? */
static bool is_accepted(const struct exchange *x)
{
	char location[512];

	return x->status == 202 && exchange_field(x, "Location", location, sizeof(location)) &&
	       strstr(location, "_operation=");
}

static void decide(struct trial *t, enum verdict v, const char *text, const char *fix)
{
	t->verdict = v;
	t->text = text;
	t->fix = fix;
}

/* An answer of retrysafe that let nothing run. */
static void judge_refusal(struct trial *t, const char *problem)
{
	static const struct {
		const char *problem, *fix;
	} fixes[] = {
		{"key-missing",
			"the route takes its key from elsewhere (key_from): send it there, with "
			"-d or -H"},
		{"key-invalid",
			"the route takes its key from elsewhere, too (key_from), and that one is "
			"not valid"},
		{"configuration",
			"the gateway's log says what is wrong; `retrysafe check` finds most of "
			"it"},
		{"store-unavailable",
			"the gateway's log says why; `retrysafe check` tries the store"},
		{"overloaded", "try again when less is running; max_running, max_store"},
		{"duplicate",
			"another request with the same natural key (unique) was done: send other "
			"values with -d"},
	};

	decide(t, VERDICT_REFUSED, "refused by retrysafe: nothing ran", NULL);
	for (size_t i = 0; i < sizeof(fixes) / sizeof(fixes[0]); i++)
		if (strcmp(problem, fixes[i].problem) == 0)
			t->fix = fixes[i].fix;
	if (!t->fix)
		t->fix = "the answer says why";
}

/* Problems that only an operation that is there can cause. */
static bool proves_operation(const char *problem)
{
	static const char *const all[] = {"in-progress", "outcome-uncertain", "result-expired",
		"operation-released", "other-principal"};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(problem, all[i]) == 0)
			return true;
	return false;
}

/* Answers in which no word of retrysafe is. */
static void judge_foreign(struct trial *t)
{
	long status = t->retry.status;

	if (status >= 300 && status < 400)
		decide(t, VERDICT_UNKNOWN, "a redirect: no script may have been reached",
			"try the URL that its Location names; if the script itself answers so, it "
			"is "
			"not protected");
	else if (status == 401 || status == 403)
		decide(t, VERDICT_UNKNOWN, "the server wants credentials, or forbids the request",
			"add them: -H 'Authorization: ...' or -H 'Cookie: ...'");
	else if (status == 404 || status == 405 || status == 501)
		decide(t, VERDICT_UNKNOWN, "the server has no script there that takes a POST",
			"look at the URL, and at the server's configuration");
	else if (status == 502 || status == 503 || status == 504)
		decide(t, VERDICT_UNKNOWN, "the server reaches no gateway, or no script",
			"does `retrysafe serve` run?  The server's error log says what it tried");
	else if (status >= 400)
		decide(t, VERDICT_UNKNOWN, "an error without a word of retrysafe",
			"the server's error log says whether a script ran");
	else
		decide(t, VERDICT_NOT_PROTECTED, "not protected: two runs",
			"is the URL of this script passed to retrysafe (`retrysafe snippet`), does "
			"a "
			"route `match` it with method POST, and does no proxy take Idempotency-Key "
			"away?");
}

void trial_judge(struct trial *t)
{
	char of_first[64], of_retry[64];
	const char *first = trial_problem(&t->first, of_first, sizeof(of_first));
	const char *retry = trial_problem(&t->retry, of_retry, sizeof(of_retry));

	if (is_replay(&t->retry) && is_replay(&t->first))
		decide(t, VERDICT_PROTECTED, "protected: no run, two replays of an earlier request",
			"the route takes its key from the request (derive, unique): send other "
			"values "
			"with -d to see a run");
	else if (is_replay(&t->retry))
		decide(t, VERDICT_PROTECTED, "protected: one run, one replay", NULL);
	else if (is_accepted(&t->retry) || (retry && strcmp(retry, "in-progress") == 0))
		decide(t, VERDICT_PROTECTED, "protected: one run, which has not ended yet",
			"its answer comes to a later retry with the same key");
	else if (retry && strcmp(retry, "outcome-uncertain") == 0)
		decide(t, VERDICT_PROTECTED, "protected: one run, whose outcome is not known",
			"look at the script's error log; `retrysafe list --state uncertain`");
	else if (retry && strcmp(retry, "key-reused") == 0)
		decide(t, VERDICT_PROTECTED,
			"protected, but the second request reached it changed: no retry gets its "
			"answer",
			"what changes on the way?  See `fingerprint` and `ignore`");
	else if (retry && proves_operation(retry))
		decide(t, VERDICT_PROTECTED, "protected: one run at most", "the answer says more");
	else if (first || retry)
		judge_refusal(t, first ? first : retry);
	else
		judge_foreign(t);
}

/* Seconds after which it is worth asking again. */
static unsigned retry_after(const struct exchange *x)
{
	char value[16];
	long seconds = exchange_field(x, "Retry-After", value, sizeof(value))
			       ? strtol(value, NULL, 10)
			       : 1;

	return seconds < 1 ? 1 : seconds > 10 ? 10 : (unsigned)seconds;
}

enum err trial_run(struct trial *t)
{
	enum err e = exchange_post(t->url, t->body, t->fields, &t->first);
	unsigned waited_s = 0;

	while (e == OK && t->first.has_answer) {
		char problem[64];
		unsigned pause_s;

		e = exchange_post(t->url, t->body, t->fields, &t->retry);
		if (e != OK || !t->retry.has_answer)
			break;
		if (!is_accepted(&t->retry) &&
			(!trial_problem(&t->retry, problem, sizeof(problem)) ||
				strcmp(problem, "in-progress") != 0))
			break;
		pause_s = retry_after(&t->retry);
		if (waited_s + pause_s > TRIAL_WAIT_S)
			break;
		sleep(pause_s);
		waited_s += pause_s;
		exchange_free(&t->retry);
	}
	if (e == OK && t->first.has_answer && t->retry.has_answer)
		trial_judge(t);
	else if (e == OK)
		decide(t, VERDICT_UNKNOWN,
			t->first.has_answer
				? "no answer to the retry: the first request may have run"
				: "no answer: it is not known whether the request reached a script",
			"is the server there, and is this its URL?");
	return e;
}
