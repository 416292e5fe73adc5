/* Each value of a configuration is taken within its range, or refused with what is allowed. */
/* SPDX-License-Identifier: ISC */
#include "config_try.h"

static void test_all_given(void)
{
	struct config *cf =
		load("{\"store\": \"sqlite:/s/x.db\", \"durability\": \"off\","
		     "\"spool\": \"/sp\", \"script_dirs\": [\"/a\", \"b\"],"
		     "\"docs_url\": \"http://e.org/?a=b#c\", \"site\": [], \"log\": \"json\", "
		     "\"workers\": 256,"
		     "\"busy_timeout\": \"100ms\", \"routes\": [{\"match\": \"*\","
		     "\"script\": \"s.pl\", \"interpreter\": [\"/bin/sh\", \"-e\", \"\"],"
		     "\"methods\": [\"PUT\"], \"key\": \"required\","
		     "\"key_from\": [\"header:X-Key\", \"header:K\"], \"key_syntax\": \"strict\","
		     "\"scope\": [\"cookie:sid\", \"OIDC_CLAIM_sub\"], \"bind\": [],"
		     "\"timeout\": \"30d\", \"kill_after\": 0, \"ttl\": \"1s\","
		     "\"tombstone\": \"0\", \"max_request\": \"1G\", \"max_response\": 1024}]}",
			false);
	char want[4200];
	const struct route *r;

	if (!ok(cf != NULL, "every setting can be given"))
		return;
	r = &cf->routes[0];
	is_str(cf->store, "sqlite:/s/x.db", "store");
	is_int(cf->durability, DURABILITY_OFF, "durability");
	is_str(cf->spool, "/sp", "spool");
	snprintf(want, sizeof(want), "/a %s/b", work_dir);
	ok(is_list(cf->script_dirs, want), "script_dirs are absolute");
	is_str(cf->docs_url, "http://e.org/?a=b#c", "docs_url");
	ok(is_list(cf->site, ""), "site can be empty");
	is_int(cf->log, LOG_JSON, "log");
	is_int(cf->workers, 256, "workers");
	is_int(cf->busy_timeout_ms, 100, "busy_timeout");
	snprintf(want, sizeof(want), "%s/s.pl", work_dir);
	is_str(r->script, want, "script is absolute");
	ok(is_list(r->interpreter, "/bin/sh -e "), "interpreter");
	ok(is_list(r->methods, "PUT"), "methods");
	ok(r->key_required, "key");
	ok(is_list(r->key_from, "header:X-Key header:K"), "key_from");
	is_int(r->key_syntax, KEY_SYNTAX_STRICT, "key_syntax");
	ok(is_list(r->scope, "cookie:sid OIDC_CLAIM_sub"), "scope");
	ok(is_list(r->bind, ""), "bind can be empty");
	is_int(r->timeout_ms, 30 * 24 * 3600 * 1000LL, "timeout");
	is_int(r->kill_after_ms, 0, "kill_after: the number 0");
	is_int(r->ttl_ms, 1000, "ttl");
	is_int(r->tombstone_ms, 0, "tombstone: the string 0");
	is_int(r->max_request_bytes, 1 << 30, "max_request");
	is_int(r->max_response_bytes, 1024, "max_response: a number of bytes");
	config_free(&cf);
}

static void test_all_given_of_waiting(void)
{
	struct config *cf =
		load("{\"routes\": [{\"match\": \"*\", \"in_progress\": \"wait\","
		     "\"in_progress_status\": 429, \"wait\": \"100ms\", \"max_waiters\": 0,"
		     "\"async\": \"always\", \"prefer\": true, \"soft_timeout\": 0,"
		     "\"max_running\": 1, \"guarantee\": \"semantic\","
		     "\"webhook\": \"https://h.example:8443/done?x=1\","
		     "\"webhook_allow\": [\"https://h.example/\", \"http://127.0.0.1:8/a@b\"],"
		     "\"webhook_max_age\": \"1m\"}]}",
			false);
	const struct route *r;

	if (!ok(cf != NULL, "every setting of waiting and telling can be given"))
		return;
	r = &cf->routes[0];
	is_int(r->in_progress, IN_PROGRESS_WAIT, "in_progress");
	is_int(r->in_progress_status, CONFLICT_429, "in_progress_status");
	is_int(r->wait_ms, 100, "wait");
	is_int(r->max_waiters, 0, "max_waiters");
	is_int(r->async, ASYNC_ALWAYS, "async");
	ok(r->prefer, "prefer");
	is_int(r->soft_timeout_ms, 0, "soft_timeout");
	is_int(r->max_running, 1, "max_running");
	is_int(r->guarantee, GUARANTEE_SEMANTIC, "guarantee");
	is_str(r->webhook, "https://h.example:8443/done?x=1", "webhook");
	ok(is_list(r->webhook_allow, "https://h.example/ http://127.0.0.1:8/a@b"),
		"webhook_allow; an @ behind the host is none of a user");
	is_int(r->webhook_max_age_ms, 60000, "webhook_max_age");
	config_free(&cf);
}

static void test_all_given_of_content(void)
{
	struct config *cf =
		load("{\"routes\": [{\"match\": \"*\", \"key_from\": [\"query:k\", \"cookie:k\","
		     "\"form:a b\", \"json:/a~1b/0\", \"json:/\", \"header:K\", \"derive\"],"
		     "\"fingerprint\": [\"path\", \"body\", \"header:Content-Type\", \"json:/x\"],"
		     "\"ignore\": [\"json:/sent_at\", \"form:token\", \"/meta/nonce\", \"csrf\"],"
		     "\"release_on\": [\"503\", \"4xx\"], \"replay_status\": \"200\","
		     "\"replay_drop\": [\"Set-Cookie\", \"X-Trace\"],"
		     "\"unique\": [\"json:/email\", \"form:email\"], \"on_duplicate\": \"replay\","
		     "\"duplicate_status\": 422, \"unique_ttl\": \"36500d\", \"unique_optional\": "
		     "true}]}",
			false);
	const struct route *r;

	if (!ok(cf != NULL, "every setting of content can be given"))
		return;
	r = &cf->routes[0];
	ok(is_list(r->key_from, "query:k cookie:k form:a b json:/a~1b/0 json:/ header:K derive"),
		"key_from");
	ok(is_list(r->fingerprint, "path body header:Content-Type json:/x"), "fingerprint");
	ok(is_list(r->ignore, "json:/sent_at form:token json:/meta/nonce form:csrf"),
		"ignore, in all four spellings");
	ok(is_list(r->release_on, "503 4xx"), "release_on");
	is_int(r->replay_status, REPLAY_200, "replay_status");
	ok(is_list(r->replay_drop, "Set-Cookie X-Trace"), "replay_drop");
	ok(is_list(r->unique, "json:/email form:email"), "unique");
	is_int(r->on_duplicate, DUPLICATE_REPLAY, "on_duplicate");
	is_int(r->duplicate_status, 422, "duplicate_status");
	is_int(r->unique_ttl_ms, 36500LL * 24 * 3600 * 1000, "unique_ttl");
	is_int(r->unique_optional, true, "unique_optional");
	config_free(&cf);
}

/* Every word of every enum, and a status as what it is. */
static void test_words(void)
{
	static const struct {
		const char *setting;
		size_t at;
		unsigned want;
	} good[] = {
		{"\"in_progress\": \"conflict\"", R(in_progress), IN_PROGRESS_CONFLICT},
		{"\"in_progress\": \"accept\"", R(in_progress), IN_PROGRESS_ACCEPT},
		{"\"in_progress_status\": 409", R(in_progress_status), CONFLICT_409},
		{"\"in_progress_status\": \"409\"", R(in_progress_status), CONFLICT_409},
		{"\"in_progress_status\": \"429\"", R(in_progress_status), CONFLICT_429},
		{"\"async\": \"off\"", R(async), ASYNC_OFF},
		{"\"async\": \"prefer\"", R(async), ASYNC_PREFER},
		{"\"replay_status\": \"same\"", R(replay_status), REPLAY_SAME},
		{"\"replay_status\": 200", R(replay_status), REPLAY_200},
		{"\"on_duplicate\": \"reject\"", R(on_duplicate), DUPLICATE_REJECT},
		{"\"guarantee\": \"strict\"", R(guarantee), GUARANTEE_STRICT},
		{"\"guarantee\": \"result\"", R(guarantee), GUARANTEE_RESULT},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		char text[256];
		struct config *cf;
		unsigned got = ~0U;

		snprintf(text, sizeof(text), "{\"defaults\": {%s}}", good[i].setting);
		cf = load(text, false);
		if (cf)
			memcpy(&got, (const char *)&cf->defaults + good[i].at, sizeof(got));
		is_int(got, good[i].want, "%s", good[i].setting);
		config_free(&cf);
	}
}

static void test_units(void)
{
	static const struct {
		const char *setting, *value;
		long long want;
	} good[] = {{"ttl", "\"1500ms\"", 1500}, {"ttl", "\"90s\"", 90000},
		{"ttl", "\"10m\"", 600000}, {"ttl", "\"36h\"", 129600000},
		{"ttl", "\"3650d\"", 315360000000LL}, {"max_request", "\"0\"", 0},
		{"max_request", "0", 0}, {"max_request", "\"1234\"", 1234},
		{"max_request", "1073741824", 1 << 30}, {"max_request", "\"64K\"", 65536},
		{"max_request", "\"3M\"", 3 << 20}, {"tombstone", "\"0s\"", 0}};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		char text[256];
		struct config *cf;

		snprintf(text, sizeof(text), "{\"defaults\": {\"%s\": %s}}", good[i].setting,
			good[i].value);
		cf = load(text, false);
		if (ok(cf != NULL, "%s: %s", good[i].setting, good[i].value))
			is_int(*good[i].setting == 'm'      ? cf->defaults.max_request_bytes
				: good[i].setting[1] == 't' ? cf->defaults.ttl_ms
							    : cf->defaults.tombstone_ms,
				good[i].want, "its value");
		config_free(&cf);
	}
}

#define DURATION                                                                               \
	" is not a duration; write a number and a unit, such as \"90s\", \"10m\", \"24h\" or " \
	"\"30d\""
#define SIZE                                                                                 \
	" is not a size; write a number of bytes, or a number and a unit, such as \"64K\", " \
	"\"10M\" or \"1G\""

static void test_bad_numbers(void)
{
	static const char *const durations[] = {"\"5 minutes\"", "\"\"", "\"s\"", "\"5\"", "\"5S\"",
		"\"-5s\"", "\" 5s\"", "\"5s \"", "\"1.5h\"", "\"1w\"", "\"0x5s\"", "\"00\"", "5",
		"-0.0", "true", "null", "{}", "[]"};
	static const char *const sizes[] = {"\"10 MB\"", "\"10k\"", "\"K\"", "\"\"", "\"-1\"",
		"\"1e3\"", "1.5", "false", "[1]"};
	char setting[128], message[256];

	for (size_t i = 0; i < sizeof(durations) / sizeof(*durations); i++) {
		snprintf(setting, sizeof(setting), "\"timeout\": %s", durations[i]);
		snprintf(message, sizeof(message), ": %s" DURATION, durations[i]);
		bad(i % 2 ? "route" : "defaults", setting, message);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		snprintf(setting, sizeof(setting), "\"max_request\": %s", sizes[i]);
		snprintf(message, sizeof(message), ": %s" SIZE, sizes[i]);
		bad("route", setting, message);
	}
	bad("top", "\"workers\": \"8\"", ": \"8\" is not a whole number; write 1 to 256");
	bad("top", "\"workers\": 1.0", ": 1.0 is not a whole number; write 1 to 256");
	bad("top", "\"workers\": null", ": null is not a whole number; write 1 to 256");
}
#undef DURATION
#undef SIZE

static void test_ranges(void)
{
	bad("top", "\"workers\": 0", ": 0 is out of range; write 1 to 256");
	bad("top", "\"workers\": 257", ": 257 is out of range; write 1 to 256");
	bad("top", "\"workers\": -1", ": -1 is out of range; write 1 to 256");
	bad("top", "\"busy_timeout\": \"99ms\"",
		": \"99ms\" is out of range; write \"100ms\" to \"10m\"");
	bad("top", "\"busy_timeout\": \"11m\"",
		": \"11m\" is out of range; write \"100ms\" to \"10m\"");
	bad("route", "\"timeout\": 0", ": 0 is out of range; write \"1s\" to \"30d\"");
	bad("route", "\"timeout\": \"31d\"", ": \"31d\" is out of range; write \"1s\" to \"30d\"");
	bad("route", "\"kill_after\": \"601s\"", ": \"601s\" is out of range; write 0 to \"10m\"");
	bad("route", "\"ttl\": \"0\"", ": \"0\" is out of range; write \"1s\" to \"3650d\"");
	bad("route", "\"ttl\": \"3651d\"",
		": \"3651d\" is out of range; write \"1s\" to \"3650d\"");
	bad("route", "\"tombstone\": \"36501d\"",
		": \"36501d\" is out of range; write 0 to \"36500d\"");
	bad("route", "\"tombstone\": \"9223372036854775807d\"",
		": \"9223372036854775807d\" is out of range; write 0 to \"36500d\"");
	bad("route", "\"tombstone\": \"18446744073709551617s\"",
		": \"18446744073709551617s\" is out of range; write 0 to \"36500d\"");
	bad("route", "\"tombstone\": \"18014398509481984d\"",
		": \"18014398509481984d\" is out of range; write 0 to \"36500d\"");
	bad("route", "\"max_request\": \"2G\"", ": \"2G\" is out of range; write 0 to \"1G\"");
	bad("route", "\"max_request\": -1", ": -1 is out of range; write 0 to \"1G\"");
	bad("route", "\"max_response\": \"1023\"",
		": \"1023\" is out of range; write \"1K\" to \"1G\"");
	bad("route", "\"wait\": \"99ms\"",
		": \"99ms\" is out of range; write \"100ms\" to \"10m\"");
	bad("route", "\"max_waiters\": 1001", ": 1001 is out of range; write 0 to 1000");
	bad("route", "\"soft_timeout\": \"31d\"", ": \"31d\" is out of range; write 0 to \"30d\"");
	bad("route", "\"duplicate_status\": 500", ": 500 is out of range; write 400 to 499");
	bad("route", "\"duplicate_status\": \"409\"",
		": \"409\" is not a whole number; write 400 to 499");
	bad("route", "\"unique_optional\": \"yes\"",
		": \"yes\" is not allowed; write true or false");
	bad("route", "\"unique_ttl\": 0", ": 0 is out of range; write \"1s\" to \"36500d\"");
	bad("route", "\"webhook_max_age\": \"59s\"",
		": \"59s\" is out of range; write \"1m\" to \"365d\"");
	bad("route", "\"fingerprint\": []", ": the list has 0 entries; allowed are 1 to 16");
	bad("route", "\"key_from\": []", ": the list has 0 entries; allowed are 1 to 16");
	bad("top", "\"script_dirs\": []", ": the list has 0 entries; allowed are 1 to 64");
	bad("route",
		"\"scope\": "
		"[\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\","
		"\"A\",\"A\",\"A\",\"A\"]",
		": the list has 17 entries; allowed are 0 to 16");
}

static void test_bad_words(void)
{
	bad("top", "\"durability\": \"Full\"",
		": \"Full\" is not allowed; write \"full\" or \"normal\" or \"off\"");
	bad("top", "\"durability\": \"\"",
		": \"\" is not allowed; write \"full\" or \"normal\" or \"off\"");
	bad("top", "\"log\": 1", ": 1 is not allowed; write \"text\" or \"json\"");
	bad("top", "\"log\": \"text|json\"",
		": \"text|json\" is not allowed; write \"text\" or \"json\"");
	bad("route", "\"key\": true", ": true is not allowed; write \"optional\" or \"required\"");
	bad("route", "\"in_progress\": \"reject\"",
		": \"reject\" is not allowed; write \"conflict\" or \"wait\" or \"accept\"");
	bad("route", "\"in_progress_status\": 400",
		": 400 is not allowed; write \"409\" or \"429\"");
	bad("route", "\"in_progress_status\": 409.0",
		": 409.0 is not allowed; write \"409\" or \"429\"");
	bad("route", "\"replay_status\": 201", ": 201 is not allowed; write \"same\" or \"200\"");
	bad("route", "\"replay_status\": null", ": null is not allowed; write \"same\" or \"200\"");
	bad("route", "\"async\": true",
		": true is not allowed; write \"off\" or \"prefer\" or \"always\"");
	bad("route", "\"on_duplicate\": \"replace\"",
		": \"replace\" is not allowed; write \"reject\" or \"replay\"");
	bad("route", "\"guarantee\": [\"strict\"]",
		": [\"strict\"] is not allowed; write \"strict\" or \"result\" or \"semantic\"");
	bad("route", "\"prefer\": \"true\"", ": \"true\" is not allowed; write true or false");
	bad("route", "\"prefer\": 1", ": 1 is not allowed; write true or false");
	bad("route", "\"key_syntax\": \"stric\"",
		": \"stric\" is not allowed; write \"lenient\" or \"strict\"");
}

static void test_bad_texts(void)
{
	bad("top", "\"store\": \"postgresql://me:secret@db/x\"",
		": \"postgresql:\" is not a store of this program; the stores are: "
		"\"sqlite:PATH\"");
	bad("top", "\"store\": \"/var/x.db\"",
		": \"/var/x.db\" names no store; the stores are: \"sqlite:PATH\"");
	bad("top", "\"store\": \"sqlite:\"",
		": the path is empty; write an absolute one, or one relative to the directory of "
		"this file");
	bad("top", "\"store\": \"sqlite:~/x.db\"",
		": \"~/x.db\" starts with \"~\", which is not expanded; write the whole path");
	bad("top", "\"store\": 5", ": 5 is not a string; write it in double quotes");
	bad("top", "\"spool\": \"~me/x\"",
		": \"~me/x\" starts with \"~\", which is not expanded; write the whole path");
	bad("top", "\"script_dirs\": [\"/a\", \"~/b\"]",
		"[1]: \"~/b\" starts with \"~\", which is not expanded; write the whole path");
	bad("top", "\"script_dirs\": \"/a\"", ": \"/a\" is not a list; write [\"...\", \"...\"]");
	bad("top", "\"script_dirs\": [[]]", "[0]: [] is not a string; write it in double quotes");
	bad("top", "\"docs_url\": \"example.org\"",
		": \"example.org\" is not a URL; write one that starts with \"https://\" or "
		"\"http://\"");
	bad("route", "\"webhook\": \"https:///done\"",
		": \"https:///done\" is not a URL; write one that starts with \"https://\" or "
		"\"http://\"");
	bad("route", "\"webhook\": [\"https://h.example/\"]",
		": [\"https://h.example/\"] is not a string; write it in double quotes");
	bad("top", "\"docs_url\": \"https://\"",
		": \"https://\" is not a URL; write one that starts with \"https://\" or "
		"\"http://\"");
#define ENCODE                                                                                 \
	" is not a URL; blanks, quotes, \"<\", \">\" and characters outside ASCII have to be " \
	"%-encoded"
	bad("top", "\"docs_url\": \"https://e/\\r\\nX: y\"", ": \"https://e/\\r\\nX: y\"" ENCODE);
	bad("top", "\"docs_url\": \"https://e/>\"", ": \"https://e/>\"" ENCODE);
	bad("top", "\"docs_url\": \"https://e/\xc3\xa4\"", ": \"https://e/\xc3\xa4\"" ENCODE);
	bad("top", "\"docs_url\": \"https://e/\\u007f\"", ": \"https://e/\x7f\"" ENCODE);
#undef ENCODE
	bad("route", "\"interpreter\": [\"perl\", \"-T\"]",
		"[0]: \"perl\" is not an absolute path; the first entry is the program, and PATH "
		"is not "
		"searched; write it such as \"/usr/bin/perl\"");
	bad("route", "\"script\": \"\"",
		": the path is empty; write an absolute one, or one relative to the directory of "
		"this file");
	refused("{\"routes\": [{\n\"match\":\n\"order.pl\"}]}", false,
		"c.json:2: $.routes[0].match: \"order.pl\" can never match: SCRIPT_NAME starts "
		"with \"/\"; "
		"write a pattern such as \"/cgi-bin/order.pl\" or \"*/order.pl\"");
	refused("{\"routes\": [\n\n{\"ttl\": \"1h\"}]}", false,
		"c.json:3: $.routes[0]: \"match\" is missing; every route needs one, such as "
		"\"match\": \"/cgi-bin/order.pl\"");
	refused("{\"routes\":\n{}}", false,
		"c.json:1: $.routes: is not a list; write [ { \"match\": ... }, ... ]");
	refused("{\"routes\":\n[\n\"/a\"]}", false,
		"c.json:3: $.routes[0]: is not an object; write { \"NAME\": VALUE, ... }");
	refused("{\n\"defaults\": []}", false,
		"c.json:2: $.defaults: is not an object; write { \"NAME\": VALUE, ... }");
	refused("\n[]", false, "c.json:2: $: is not an object; write { \"NAME\": VALUE, ... }");
}

static void test_bad_names_in_lists(void)
{
	static const char *const safe[] = {"GET", "HEAD", "OPTIONS"};
	char setting[256], message[256];

	for (size_t i = 0; i < 3; i++) {
		snprintf(setting, sizeof(setting), "\"methods\": [\"POST\", \"%s\"]", safe[i]);
		snprintf(message, sizeof(message),
			"[1]: \"%s\" cannot be protected: safe methods are never claimed; write "
			"methods such as "
			"\"POST\", \"PATCH\", \"PUT\" or \"DELETE\"",
			safe[i]);
		bad("route", setting, message);
	}
	bad("route", "\"methods\": [\"post\"]",
		"[0]: \"post\" is not a method; methods are written in capitals, such as \"POST\"");
	bad("route", "\"methods\": [\"PO ST\"]",
		"[0]: \"PO ST\" is not a method; write one such as \"POST\"");
	bad("route", "\"methods\": [\"\"]",
		"[0]: \"\" is not a method; write one such as \"POST\"");
#define VARIABLE                                                                            \
	" is neither a CGI variable nor a cookie; write a name such as \"REMOTE_USER\" or " \
	"\"HTTP_X_TENANT\", or \"cookie:NAME\""
	bad("route", "\"scope\": [\"X-Tenant\"]", "[0]: \"X-Tenant\"" VARIABLE);
	bad("route", "\"bind\": [\"header:X\"]", "[0]: \"header:X\"" VARIABLE);
	bad("route", "\"bind\": [\"cookie:\"]", "[0]: \"cookie:\"" VARIABLE);
	bad("top", "\"site\": [\"X-Host\"]", "[0]: \"X-Host\"" VARIABLE);
	bad("top", "\"site\": [\"cookie:shop\"]",
		"[0]: \"cookie:shop\" is no CGI variable; a site is told by the web server's "
		"words, such as \"SERVER_NAME\" or \"HTTP_HOST\"");
	bad("route", "\"scope\": [\"9A\"]", "[0]: \"9A\"" VARIABLE);
	bad("route", "\"scope\": [\"A\", \"\"]", "[1]: \"\"" VARIABLE);
#undef VARIABLE
}

static void test_bad_sources(void)
{
	static const char *const settings[] = {"key_from", "unique", "fingerprint", "ignore"};
	static const struct {
		const char *text, *message;
	} wrongs[] = {
		{"json:email",
			"is not a JSON pointer (RFC 6901); write it such as \"json:/order/id\""},
		{"json:", "is not a JSON pointer (RFC 6901); write it such as \"json:/order/id\""},
		{"json:/a~2",
			"is not a JSON pointer (RFC 6901); write it such as \"json:/order/id\""},
		{"json:/a~",
			"is not a JSON pointer (RFC 6901); write it such as \"json:/order/id\""},
		{"form:", "does not name a field; write \"form:NAME\""},
		{"query:", "does not name a parameter; write \"query:NAME\""},
		{"cookie:a=b", "does not name a cookie; write \"cookie:NAME\""},
		{"header:a b", "does not name a header field; write \"header:NAME\", such as "
			       "\"header:Idempotency-Key\""},
		{"header:", "does not name a header field; write \"header:NAME\", such as "
			    "\"header:Idempotency-Key\""},
	};
	char setting[128], message[256];

	for (size_t i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++)
		for (size_t j = 0; j < (i < 5 ? 4 : 3); j++) { /* the others are never ignored */
			snprintf(setting, sizeof(setting), "\"%s\": [\"%s\"]", settings[j],
				wrongs[i].text);
			snprintf(message, sizeof(message), "[0]: \"%s\" %s", wrongs[i].text,
				wrongs[i].message);
			bad(i % 2 ? "route" : "defaults", setting, message);
		}
#define PLACE                                                                                    \
	" is not a place of a request; write \"header:NAME\", \"query:NAME\", \"cookie:NAME\", " \
	"\"form:NAME\" or \"json:/pointer\""
	bad("route", "\"key_from\": [\"Idempotency-Key\"]", "[0]: \"Idempotency-Key\"" PLACE);
	bad("route", "\"key_from\": [\"Derive\"]", "[0]: \"Derive\"" PLACE);
	bad("route", "\"unique\": [\"form:a\", \"derive\"]", "[1]: \"derive\"" PLACE);
	bad("route", "\"unique\": [\"body\"]", "[0]: \"body\"" PLACE);
	bad("route", "\"fingerprint\": [\"headers:X\"]", "[0]: \"headers:X\"" PLACE);
#undef PLACE
	bad("route", "\"fingerprint\": [\"method\", \"uri\"]",
		"[1]: \"uri\" is not a part of a request; write \"method\", \"path\", \"query\", "
		"\"body\", \"json\", or a place such as \"header:Content-Type\" or "
		"\"json:/order/id\"");
	bad("route", "\"unique\": \"json:/email\"",
		": \"json:/email\" is not a list; write [\"...\", \"...\"]");
	bad("route", "\"unique\": [1]", "[0]: 1 is not a string; write it in double quotes");
#define NOTHING                                                                                   \
	" names nothing that could be left out; write a JSON pointer such as \"/meta/sent_at\", " \
	"or the name of a form field"
	bad("route", "\"ignore\": [\"\"]", "[0]: \"\"" NOTHING);
	bad("route", "\"ignore\": [\"/a~x\"]", "[0]: \"/a~x\"" NOTHING);
#undef NOTHING
#define NOT_BODY                                                                             \
	" is not in the body, and only parts of the body can be left out; other parts of a " \
	"request are named in \"fingerprint\""
	bad("route", "\"ignore\": [\"header:Date\"]", "[0]: \"header:Date\"" NOT_BODY);
	bad("route", "\"ignore\": [\"a\", \"query:t\"]", "[1]: \"query:t\"" NOT_BODY);
	bad("route", "\"ignore\": [\"cookie:t\"]", "[0]: \"cookie:t\"" NOT_BODY);
#undef NOT_BODY
}

static void test_bad_statuses_and_fields(void)
{
	static const char *const statuses[] = {
		"", "5", "5x", "5XX", "xxx", "100", "1xx", "600", "5030", "50x", " 503", "-503"};
	char setting[128], message[256];

	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		snprintf(
			setting, sizeof(setting), "\"release_on\": [\"429\", \"%s\"]", statuses[i]);
		snprintf(message, sizeof(message),
			"[1]: \"%s\" is neither a status nor a class of them; write \"503\" or "
			"\"5xx\"",
			statuses[i]);
		bad("route", setting, message);
	}
	bad("route", "\"release_on\": [503]",
		"[0]: 503 is not a string; write it in double quotes");
	bad("route", "\"release_on\": \"5xx\"",
		": \"5xx\" is not a list; write [\"...\", \"...\"]");
#define FIELD " is not the name of a header field; write it such as \"Set-Cookie\""
	bad("route", "\"replay_drop\": [\"X-Trace:\"]", "[0]: \"X-Trace:\"" FIELD);
	bad("route", "\"replay_drop\": [\"\"]", "[0]: \"\"" FIELD);
#undef FIELD
}

/* What a beginning lets in must be one host: a longer name would be another's. */
static void test_bad_url_beginnings(void)
{
	static const char *const open[] = {"https://good.example", "https://good.example:443",
		"https://me@good.example/", "https://good.example?/", "https://good.example#/",
		"https://good.example\\\\.evil/"};
	char setting[128], message[256];

	for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++) {
		snprintf(setting, sizeof(setting), "\"webhook_allow\": [\"%s\"]", open[i]);
		snprintf(message, sizeof(message),
			"[0]: \"%s\" does not end its host with \"/\", or names a user; write it "
			"such as \"https://hooks.example.org/\"",
			open[i]);
		bad("route", setting, message);
	}
#define URL " is not a URL; write one that starts with \"https://\" or \"http://\""
	bad("route", "\"webhook_allow\": [\"hooks.example.org/\"]",
		"[0]: \"hooks.example.org/\"" URL);
	bad("route", "\"webhook_allow\": [\"https:///\"]", "[0]: \"https:///\"" URL);
	bad("route", "\"webhook_allow\": [\"*\"]", "[0]: \"*\"" URL);
#undef URL
}

static void test_twice(void)
{
	struct config *cf =
		load("{\"defaults\": {\"interpreter\": [\"/bin/sh\", \"-e\", \"-e\"]}}", false);

	ok(cf != NULL, "an argument may be repeated");
	config_free(&cf);
	bad("route", "\"methods\": [\"POST\", \"PUT\", \"POST\"]",
		"[2]: \"POST\" is in the list twice; write it once");
	bad("defaults", "\"unique\": [\"form:email\", \"form:email\"]",
		"[1]: \"form:email\" is in the list twice; write it once");
	bad("route", "\"ignore\": [\"/a\", \"json:/a\"]",
		"[1]: \"json:/a\" is in the list twice; write it once");
}

int main(void)
{
	enter_work_dir();
	test_all_given();
	test_all_given_of_waiting();
	test_all_given_of_content();
	test_words();
	test_units();
	test_bad_numbers();
	test_ranges();
	test_bad_words();
	test_bad_texts();
	test_bad_names_in_lists();
	test_bad_sources();
	test_bad_statuses_and_fields();
	test_bad_url_beginnings();
	test_twice();
	leave_work_dir();
	return done_testing();
}

#include "../../src/base/err.c"
