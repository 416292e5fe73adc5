/* SPDX-License-Identifier: ISC */
/*
 * Claims: every problem says its type, status, what ran and what to do, as JSON and as a page; no
 * text from outside breaks out of either; a page leads on to the result.
 */
#include "../../src/http/problem.c"

#include "../tap.h"

static struct problem_answer build(const struct problem_facts *pf)
{
	struct problem_answer answer = {0};

	ok(problem_build(pf, &answer) == OK, "built");
	ok(answer.head && strlen(answer.head) == answer.head_len && answer.body &&
			strlen(answer.body) == answer.body_len,
		"lengths are right");
	return answer;
}

static const char *member(json_t *doc, const char *name)
{
	return json_string_value(json_object_get(doc, name));
}

/* What docs/http.md promises for each problem. */
static const struct {
	enum problem problem;
	int status;
	const char *type;
	bool retry_same_key, new_key_is_safe;
} promised[] = {
	{PROBLEM_KEY_MISSING, 400, "key-missing", false, true},
	{PROBLEM_KEY_INVALID, 400, "key-invalid", false, true},
	{PROBLEM_REQUEST_INVALID, 400, "request-invalid", false, false},
	{PROBLEM_REQUEST_INCOMPLETE, 400, "request-incomplete", true, false},
	{PROBLEM_REQUEST_TOO_LARGE, 413, "request-too-large", false, true},
	{PROBLEM_KEY_REUSED, 422, "key-reused", false, true},
	{PROBLEM_IN_PROGRESS, 409, "in-progress", true, false},
	{PROBLEM_OTHER_PRINCIPAL, 409, "other-principal", false, false},
	{PROBLEM_RESULT_EXPIRED, 410, "result-expired", false, false},
	{PROBLEM_OUTCOME_UNCERTAIN, 409, "outcome-uncertain", false, false},
	{PROBLEM_SCRIPT_FAILED, 502, "script-failed", false, false},
	{PROBLEM_SCRIPT_TIMEOUT, 504, "script-timeout", false, false},
	{PROBLEM_SCRIPT_MISSING, 404, "script-missing", false, false},
	{PROBLEM_SCRIPT_NOT_EXECUTABLE, 403, "script-not-executable", false, false},
	{PROBLEM_SCRIPT_OUTSIDE, 403, "script-not-allowed", false, false},
	{PROBLEM_SCRIPT_NOT_STARTED, 503, "script-not-started", true, true},
	{PROBLEM_STORE_UNAVAILABLE, 503, "store-unavailable", true, false},
	{PROBLEM_OVERLOADED, 503, "overloaded", true, false},
	{PROBLEM_CONFIGURATION, 500, "configuration", false, false},
	{PROBLEM_DUPLICATE, 409, "duplicate", false, false},
	{PROBLEM_OPERATION_UNKNOWN, 404, "operation-unknown", false, false},
	{PROBLEM_OPERATION_RELEASED, 404, "operation-released", true, true},
	{PROBLEM_WEBHOOK_REFUSED, 400, "webhook-refused", false, true},
	{PROBLEM_ACCEPTED, 202, "accepted", true, false},
};

/* One of them, with and without a time after which it may help to ask again. */
static void test_entry(size_t i, int retry_after_s)
{
	struct problem_facts pf = {.problem = promised[i].problem,
		.detail = "x",
		.operation_state = "no ref",
		.retry_after_s = retry_after_s};
	struct problem_answer a = build(&pf);
	json_t *doc = json_loads(a.body, JSON_REJECT_DUPLICATES, NULL);
	bool is_problem = promised[i].status >= 400;
	const char *type = promised[i].type;
	char urn[80], line[80];

	snprintf(urn, sizeof(urn), "urn:retrysafe:problem:%s", type);
	snprintf(line, sizeof(line), "Status: %d ", promised[i].status);
	ok(doc != NULL, "%s: JSON", type);
	is_str(member(doc, "type"), is_problem ? urn : NULL, "%s: type", type);
	is_str(a.type, type, "%s: type for the log", type);
	is_int(a.status, promised[i].status, "%s: status", type);
	is_int(json_integer_value(json_object_get(doc, "status")), a.status,
		"%s: status in the body", type);
	ok(strncmp(a.head, line, strlen(line)) == 0 && !strstr(a.head, "null"), "%s: Status line",
		type);
	ok(strstr(a.head, is_problem ? "\r\nContent-Type: application/problem+json\r\n"
				     : "\r\nContent-Type: application/json\r\n") != NULL,
		"%s: Content-Type", type);
	is_int(json_is_true(json_object_get(doc, "retry_same_key")),
		promised[i].retry_same_key || retry_after_s > 0, "%s: retry_same_key", type);
	is_int(json_is_true(json_object_get(doc, "new_key_is_safe")), promised[i].new_key_is_safe,
		"%s: new_key_is_safe", type);
	is_int(strstr(a.head, "\r\nRetry-After: 7\r\n") != NULL, retry_after_s == 7,
		"%s: Retry-After", type);
	ok(strstr(a.head, "\r\nCache-Control: no-store\r\n") != NULL, "%s: no-store", type);
	is_int((long long)json_object_size(doc), is_problem ? 6 : 5, "%s: no other member", type);
	ok(strstr(member(doc, "detail"), "carried out") != NULL,
		"%s: detail says whether it was carried out", type);
	json_decref(doc);
	problem_answer_free(&a);
}

static void test_table(void)
{
	size_t n = sizeof(promised) / sizeof(promised[0]);

	is_int((long long)n, PROBLEM__MAX, "every problem is tested");
	for (size_t i = 0; i < n; i++) {
		test_entry(i, 0);
		test_entry(i, 7);
	}
}

static void test_exact(void)
{
	struct problem_facts pf = {.problem = PROBLEM_IN_PROGRESS,
		.ref = "op_1",
		.operation_state = "running",
		.retry_after_s = 1,
		.docs_url = "https://example.org/idempotency?a=b"};
	struct problem_answer a = build(&pf);

	is_str(a.head,
		"Status: 409 Conflict\r\nContent-Type: application/problem+json\r\n"
		"Cache-Control: no-store\r\nRetry-After: 1\r\n"
		"Link: <https://example.org/idempotency?a=b>; rel=\"describedby\"\r\n",
		"the head");
	is_str(a.body,
		"{\"type\":\"urn:retrysafe:problem:in-progress\","
		"\"title\":\"A request is outstanding for this Idempotency-Key\",\"status\":409,"
		"\"detail\":\"A request with this Idempotency-Key is still being carried "
		"out. It is not started a second time. Wait, then send the same request "
		"with the same key to get its result. With a new key it could be carried out "
		"twice.\",\"operation\":\"op_1\",\"operation_state\":\"running\","
		"\"retry_same_key\":true,\"new_key_is_safe\":false}",
		"the body");
	problem_answer_free(&a);
	problem_answer_free(&a);
	problem_answer_free(NULL);
	ok(!a.head && !a.body, "freed is empty");
}

/* No problem: it is being done, and there is where it will be. */
static void test_accepted(void)
{
	struct problem_facts pf = {.problem = PROBLEM_ACCEPTED,
		.ref = "op_1",
		.operation_state = "running",
		.retry_after_s = 2,
		.location = "/cgi-bin/a.pl?_operation=op_1",
		.applied = "respond-async"};
	struct problem_answer a = build(&pf);

	is_str(a.head,
		"Status: 202 Accepted\r\nContent-Type: application/json\r\n"
		"Cache-Control: no-store\r\nRetry-After: 2\r\n"
		"Location: /cgi-bin/a.pl?_operation=op_1\r\n"
		"Preference-Applied: respond-async\r\n",
		"the head of a 202");
	is_str(a.body,
		"{\"title\":\"Your request is being carried out\",\"status\":202,\"detail\":"
		"\"The request was accepted and is still being carried out. Its result will be at "
		"the "
		"address in Location. The same request with the same key leads there, too; with a "
		"new "
		"key it could be carried out twice.\",\"operation\":\"op_1\",\"operation_state\":"
		"\"running\",\"location\":\"/cgi-bin/a.pl?_operation=op_1\","
		"\"retry_same_key\":true,\"new_key_is_safe\":false}",
		"the body of a 202");
	problem_answer_free(&a);
	pf.prefers_html = true;
	pf.location = "/a.pl?x='&_operation=op_1";
	a = build(&pf);
	ok(strstr(a.head, "\r\nContent-Type: text/html; charset=utf-8\r\n") != NULL, "a page");
	ok(strstr(a.head, "\r\nRefresh: 2; url=/a.pl?x='&_operation=op_1\r\n") != NULL,
		"that leads to the result by itself");
	ok(strstr(a.body, "href=\"/a.pl?x=&#39;&amp;_operation=op_1\"") != NULL, "and has a link");
	ok(!strstr(a.body, "<dt>type"), "and is no problem");
	problem_answer_free(&a);
	pf.retry_after_s = 0;
	a = build(&pf);
	ok(!strstr(a.head, "Refresh") && !strstr(a.body, "refresh"), "without a time it stays");
	problem_answer_free(&a);
	pf.retry_after_s = 2;
	pf.location = NULL;
	a = build(&pf);
	ok(!strstr(a.head, "Refresh") && !strstr(a.body, "_operation") &&
			!strstr(a.head, "Location"),
		"nor without an address");
	ok(strstr(a.body, page_text_en.messages[PAGE_IN_PROGRESS].text) != NULL,
		"and promises no result");
	problem_answer_free(&a);
}

/* A route may choose another status. */
static void test_status(void)
{
	static const struct {
		int status;
		const char *line, *shown;
	} cases[] = {{429, "Status: 429 Too Many Requests\r\n", "<dd>429 Too Many Requests</dd>"},
		{0, "Status: 409 Conflict\r\n", "<dd>409 Conflict</dd>"},
		{499, "Status: 499 \r\n", "<dd>499 </dd>"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct problem_facts pf = {.problem = PROBLEM_DUPLICATE, .status = cases[i].status};
		struct problem_answer a = build(&pf);
		json_t *doc = json_loads(a.body, 0, NULL);
		int want = cases[i].status ? cases[i].status : 409;

		is_int(a.status, want, "status %d", cases[i].status);
		ok(strncmp(a.head, cases[i].line, strlen(cases[i].line)) == 0, "in the head");
		is_int(json_integer_value(json_object_get(doc, "status")), want, "in the body");
		is_str(member(doc, "type"), "urn:retrysafe:problem:duplicate", "of the same type");
		json_decref(doc);
		problem_answer_free(&a);
		pf.prefers_html = true;
		a = build(&pf);
		ok(strstr(a.body, cases[i].shown) != NULL, "on the page");
		problem_answer_free(&a);
	}
}

static void says(const char *detail, const char *start)
{
	struct problem_facts pf = {.problem = PROBLEM_KEY_INVALID, .detail = detail};
	struct problem_answer a = build(&pf);
	json_t *doc = json_loads(a.body, 0, NULL);
	char *got = strdup(doc ? member(doc, "detail") : "no JSON");

	ok(strstr(got, " Nothing was carried out.") != NULL, "what to do is added: %s", got);
	if (strlen(got) >= strlen(start))
		got[strlen(start)] = '\0';
	is_str(got, start, "the detail starts so");
	free(got);
	json_decref(doc);
	problem_answer_free(&a);
}

static void test_detail(void)
{
	says(NULL, "The Idempotency-Key must be one string");
	says("", "The Idempotency-Key must be one string");
	says("the key is empty", "The key is empty. Nothing");
	says("What is this?", "What is this? Nothing");
	says("Gr\xc3\xbc\xc3\x9f"
	     "e",
		"Gr\xc3\xbc\xc3\x9f"
		"e. Nothing");
	says("cut off \xc3", "Cut off ?. Nothing");
	says("a\"b\\c\r\nX: \x01y", "A\"b\\c??X: ?y. Nothing");
}

static int count(const char *text, const char *part)
{
	int n = 0;

	while ((text = strstr(text, part)) && ++n)
		text++;
	return n;
}

static void test_hostile(void)
{
	static const char *const urls[] = {"https://a/\r\nX: y", "https://a/>; rel=\"x",
		"https://a b", "javascript:alert(1)", "ftp://a/", "", "https://a/\"",
		"https://a/\xc3\xa4"};
	struct problem_facts pf = {.problem = PROBLEM_OUTCOME_UNCERTAIN,
		.prefers_html = true,
		.detail = "<script>alert('1')</script> & \"q\"",
		.ref = "<r&1>",
		.operation_state = "'s'",
		.back = "/a?b='\"><script>",
		.docs_url = "https://example.org/?a=1&b='2'"};
	struct problem_answer a = build(&pf);

	ok(strstr(a.head, "\r\nContent-Type: text/html; charset=utf-8\r\n") != NULL, "a page");
	ok(strstr(a.body, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;q&quot;.") !=
			NULL,
		"the detail is escaped");
	ok(!strstr(a.body, "<script"), "no element comes from outside");
	ok(strstr(a.body, "<code>&lt;r&amp;1&gt;</code>") &&
			strstr(a.body, "href=\"/a?b=&#39;&quot;&gt;&lt;script&gt;\""),
		"reference and way back are escaped");
	ok(strstr(a.body, "<dd>&lt;r&amp;1&gt;</dd>") && strstr(a.body, "<dd>&#39;s&#39;</dd>"),
		"operation and state are escaped");
	ok(strstr(a.body, "href=\"https://example.org/?a=1&amp;b=&#39;2&#39;\"") != NULL,
		"the link is escaped");
	ok(strstr(a.body, "<dd>409 Conflict</dd>") &&
			strstr(a.body, "<html lang=\"en\" dir=\"ltr\">") &&
			strstr(a.body, "urn:retrysafe:problem:outcome-uncertain"),
		"the same facts");
	ok(!strstr(a.head, "Retry-After"), "no Retry-After on what is uncertain");
	problem_answer_free(&a);

	pf.ref = NULL;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		pf.docs_url = urls[i];
		a = build(&pf);
		ok(!strstr(a.head, "Link") && count(a.body, "href") == 1, "no link from %zu", i);
		ok(!strstr(a.body, "<dt>operation") && !strstr(a.body, "class=\"ref\""),
			"no operation without a ref");
		problem_answer_free(&a);
	}
}

int main(void)
{
	test_table();
	test_exact();
	test_accepted();
	test_status();
	test_detail();
	test_hostile();
	return done_testing();
}
