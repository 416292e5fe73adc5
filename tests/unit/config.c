/* What is in a configuration is either understood or refused, with file, line and path. */
/* SPDX-License-Identifier: ISC */
/*
 * Run from the top of the source tree: it reads conf/.
 */
#include "config_try.h"

static void check_route_defaults(const struct route *r, const char *what)
{
	ok(!r->script && !r->interpreter, "%s: no script, no interpreter", what);
	ok(is_list(r->methods, "POST PATCH"), "%s: methods", what);
	ok(!r->key_required, "%s: key", what);
	ok(is_list(r->key_from, "header:Idempotency-Key"), "%s: key_from", what);
	is_int(r->key_syntax, KEY_SYNTAX_LENIENT, "%s: key_syntax", what);
	ok(is_list(r->scope, "REMOTE_USER"), "%s: scope", what);
	ok(is_list(r->bind, "HTTP_AUTHORIZATION"), "%s: bind", what);
	is_int(r->timeout_ms, 5 * 60 * 1000, "%s: timeout", what);
	is_int(r->kill_after_ms, 5000, "%s: kill_after", what);
	is_int(r->ttl_ms, 24 * 3600 * 1000LL, "%s: ttl", what);
	is_int(r->tombstone_ms, 30 * 24 * 3600 * 1000LL, "%s: tombstone", what);
	is_int(r->max_request_bytes, 10 * 1024 * 1024, "%s: max_request", what);
	is_int(r->max_response_bytes, 10 * 1024 * 1024, "%s: max_response", what);
	is_int(r->on_uncertain, UNCERTAIN_FAIL, "%s: on_uncertain", what);
	ok(!r->probe && !r->rollback, "%s: no probe, no rollback", what);
	is_int(r->max_attempts, 3, "%s: max_attempts", what);
}

static void test_defaults(void)
{
	struct config *cf = load("{\"routes\": [{\"match\": \"/a\"}]}", false);
	char path[4200];

	if (!ok(cf != NULL, "a route with a match is enough"))
		return;
	snprintf(path, sizeof(path), "%s/c.json", work_dir);
	is_str(cf->path, path, "the path is made absolute");
	is_str(cf->store, "sqlite:/var/lib/retrysafe/retrysafe.db", "store");
	is_str(cf->spool, "/var/lib/retrysafe/spool", "spool is beside the store");
	is_int(cf->durability, DURABILITY_FULL, "durability");
	ok(!cf->script_dirs && !cf->docs_url, "no script_dirs, no docs_url");
	is_int(cf->log, LOG_TEXT, "log");
	is_int(cf->workers, 16, "workers");
	is_int(cf->busy_timeout_ms, 5000, "busy_timeout");
	is_int((long long)cf->n_routes, 1, "one route");
	is_str(cf->routes[0].match, "/a", "match");
	check_route_defaults(&cf->defaults, "defaults");
	check_route_defaults(&cf->routes[0], "route");
	config_free(&cf);
	ok(cf == NULL, "config_free() leaves NULL");
	config_free(&cf);

	cf = load("{}", false);
	ok(cf && cf->n_routes == 0 && !config_route(cf, "/a"),
		"an empty object loads, without routes");
	config_free(&cf);
}

static void test_unknown_names(void)
{
	bad("route", "\"tt\": 1", ": unknown setting; did you mean \"ttl\"?");
	bad("route", "\"max-Request\": 1", ": unknown setting; did you mean \"max_request\"?");
	bad("route", "\"maxResponse\": 1", ": unknown setting; did you mean \"max_response\"?");
	bad("route", "\"in-progress-sttus\": 1",
		": unknown setting; did you mean \"in_progress_status\"?");
	bad("route", "\"timeuot\": 1", ": unknown setting; did you mean \"timeout\"?");
	bad("route", "\"mathc\": 1", ": unknown setting; did you mean \"match\"?");
	bad("route", "\"on-uncertian\": 1", ": unknown setting; did you mean \"on_uncertain\"?");
	bad("defaults", "\"webhok\": 1", ": unknown setting; did you mean \"webhook\"?");
	bad("top", "\"Routes\": 1", ": unknown setting; did you mean \"routes\"?");
	bad("top", "\"sotre\": 1", ": unknown setting; did you mean \"store\"?");
	bad("top", "\"x\": 1",
		": unknown setting; allowed are store, durability, spool, script_dirs, docs_url, "
		"log, "
		"workers, busy_timeout, defaults, routes");
	bad("route", "\"xy\": 1",
		": unknown setting; allowed are match, script, interpreter, methods, key, "
		"key_from, "
		"key_syntax, scope, bind, timeout, kill_after, ttl, tombstone, max_request, "
		"max_response, "
		"on_uncertain, probe, rollback, max_attempts");
	bad("top", "\"ttl\": 1",
		": does not belong here; it belongs in a route or in \"defaults\"");
	bad("top", "\"match\": 1", ": does not belong here; it belongs in a route");
	bad("defaults", "\"match\": \"/a\"", ": does not belong here; it belongs in a route");
	bad("defaults", "\"script\": \"/a\"", ": does not belong here; it belongs in a route");
	bad("route", "\"store\": 1", ": does not belong here; it belongs at the top level");
	bad("route", "\"routes\": 1", ": does not belong here; it belongs at the top level");
	refused("{\n\n\"a.b\": 1}", false,
		"c.json:3: $[\"a.b\"]: unknown setting; allowed are store, durability, spool, "
		"script_dirs, "
		"docs_url, log, workers, busy_timeout, defaults, routes");
	refused("{\"/ /\": 1}", false,
		"c.json:1: $[\"/ /\"]: unknown setting; allowed are store, durability, spool, "
		"script_dirs, "
		"docs_url, log, workers, busy_timeout, defaults, routes");
	is_int((long long)distance("ab", "ba"), 1, "swapped neighbours are one edit");
	is_int((long long)distance("kitten", "sitting"), 3, "three edits");
	is_int((long long)distance("", "abc"), 3, "from nothing");
}

/* The names of the contract that have no feature yet. */
static void test_not_yet(void)
{
	static const char *const names[] = {"max_running", "fingerprint", "ignore", "in_progress",
		"in_progress_status", "wait", "max_waiters", "async", "prefer", "soft_timeout",
		"release_on", "replay_status", "replay_drop", "unique", "on_duplicate",
		"duplicate_status", "unique_ttl", "guarantee", "webhook", "webhook_allow",
		"webhook_max_age", "limits"};
	size_t known = 0;
	char setting[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(setting, sizeof(setting), "\"%s\": 1", names[i]);
		bad("top", setting, ": not yet supported; remove it");
		bad("defaults", setting, ": not yet supported; remove it");
		bad("route", setting, ": not yet supported; remove it");
	}
	for (size_t i = 0; i < N_SETTINGS; i++)
		known += settings[i].type == CONFIG_NOT_YET;
	is_int((long long)known, sizeof(names) / sizeof(*names) + 1,
		"every row without a feature was tried (max_running has two)");
}

static void test_syntax(void)
{
	static const char full[] =
		"{\"defaults\": {\"ttl\": \"1h\"}, \"routes\": [{\"match\": \"/a\\u00e4\"}]}";
	struct config *cf = NULL;
	size_t refusals = 0;

	refused("{\n \"ttl\": 1,\n \"ttl\": 2}", false,
		"c.json:3:6: duplicate object key near '\"ttl\"'");
	refused("{\"defaults\": {\"//\": 1,\n\"//\": 2}}", false,
		"c.json:2:4: duplicate object key near '\"//\"'");
	refused("{\n \"log\": ", false, "c.json:2:8: unexpected token near end of file");
	refused("", false, "c.json:1:0: '[' or '{' expected near end of file");
	refused("{} x", false, "c.json:1:4: end of file expected near 'x'");
	refused("#!/x\n{}", false, "c.json:1:1: '[' or '{' expected near '#'");
	write_bytes("c.json", "{\"log\": \"te\0xt\"}", 17);
	is_int(config_load("c.json", false, &cf), ERR_INVALID, "a NUL byte is refused");
	refused("{\"log\": \"te\\u0000xt\"}", false,
		"c.json:1:20: \\u0000 is not allowed without JSON_ALLOW_NUL near "
		"'\"te\\u0000xt\"'");
	for (size_t len = 0; len < sizeof(full) - 1; len++) {
		write_bytes("c.json", full, len);
		refusals += config_load("c.json", false, &cf) == ERR_INVALID;
	}
	is_int((long long)refusals, sizeof(full) - 1, "a file that is cut off anywhere is refused");
	cf = load(full, false);
	ok(cf != NULL, "the whole of it is not");
	config_free(&cf);
}

static void test_deep(const char *open)
{
	size_t len = strlen(open) * 100000;
	char *text = malloc(len);
	struct config *cf = NULL;

	for (size_t i = 0; text && i < len; i++)
		text[i] = open[i % strlen(open)];
	write_bytes("c.json", text, len);
	is_int(config_load("c.json", false, &cf), ERR_INVALID, "deep nesting of %s is refused",
		open);
	ok(strstr(err_text(), "maximum parsing depth reached") != NULL, "and named");
	free(text);
}

static void test_lines(void)
{
	char text[12000] = "{\"//\": ";
	struct config *cf = NULL;
	int wrong_lines = 0;

	refused("{\"//a\": [{\"routes\": [{\"tt\": \"}]\\\"\\\\\"}, []], \"x\": {}}, -1.5e3, "
		"null\n],\n"
		"\"routes\": [\n{\"match\": \"/[]{},\\\"\\\\\"}\n,\n{\n\"match\":\"/b\", \"//\": "
		"{\"tt\":\n1},\n\"\\u0074t\": 1}]}",
		false, "c.json:9: $.routes[1].tt: unknown setting; did you mean \"ttl\"?");
	refused("{\"routes\": [{\"match\": \"/a\", \"methods\": "
		"[\n\"POST\",\r\n\"PUT\"\n\n,\"GET\"]}]}",
		false,
		"c.json:5: $.routes[0].methods[2]: \"GET\" cannot be protected: safe methods are "
		"never "
		"claimed; write methods such as \"POST\", \"PATCH\", \"PUT\" or \"DELETE\"");
	refused("{\"//\": \"\\\"\",\n\"log\": 1}", false,
		"c.json:2: $.log: 1 is not allowed; write \"text\" or \"json\"");
	refused("\n\n  {\"defaults\"\n:\n3}", false,
		"c.json:3: $.defaults: is not an object; write { \"NAME\": VALUE, ... }");
	refused("{\"log\":\"0123456789012345678901234567890123456789012345678901234567890123456789"
		"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\"}",
		false,
		"c.json:1: $.log: "
		"\"0123456789012345678901234567890123456789012345678901234567890123456789"
		"\xc3\xa4\xc3\xa4... is not allowed; write \"text\" or \"json\"");
	for (size_t i = 0; i < 2000; i++)
		strcat(text, "[");
	for (size_t i = 0; i < 2000; i++)
		strcat(text, i ? "]" : "\n]");
	strcat(text, ",\n\"log\": 1}");
	refused(text, false, "c.json:3: $.log: 1 is not allowed; write \"text\" or \"json\"");
	for (size_t at = 0; at < strlen(text); at += 100) {
		struct config_where w = {.file = "f", .text = text, .len = at};

		config_where_enter_key(&w, "routes");
		config_where_enter_index(&w, 3);
		wrong_lines += config_where_line(&w) != 1;
	}
	is_int(wrong_lines, 0, "a place that is not there, in a text that is cut off");
	cf = load("{\"//\": 1, \"//store\": [], \"defaults\": {\"//\": {}}, \"routes\": [{\"//\": "
		  "0, \"match\": \"/\"}]}",
		false);
	ok(cf != NULL, "names that start with // are comments in every object");
	config_free(&cf);
}

static void test_inheritance(void)
{
	struct config *cf = load(
		"{\"routes\": [{\"match\": \"/a\"}, {\"match\": \"/b*\", \"ttl\": \"2h\","
		"\"interpreter\": [], \"methods\": [], \"scope\": []}, {\"match\": \"*.p[lm]\"}],"
		"\"defaults\": {\"ttl\": \"1h\", \"interpreter\": [\"/bin/sh\"], \"key\": "
		"\"required\","
		"\"scope\": [\"X\"], \"methods\": [\"POST\", \"DELETE\"]}}",
		false);

	if (!ok(cf != NULL, "defaults may stand after the routes"))
		return;
	is_int(cf->defaults.ttl_ms, 3600000, "defaults hold what `defaults` says");
	is_int(cf->routes[0].ttl_ms, 3600000, "a route takes it");
	ok(cf->routes[0].key_required && is_list(cf->routes[0].interpreter, "/bin/sh"),
		"all of it");
	is_int(cf->routes[1].ttl_ms, 7200000, "a route's own wins");
	ok(cf->routes[1].interpreter == NULL,
		"an empty interpreter takes back the one of defaults");
	ok(is_list(cf->routes[1].methods, "") && is_list(cf->routes[1].scope, ""),
		"so do empty lists");

	ok(config_route(cf, "/a") == &cf->routes[0], "a match without wildcards");
	ok(config_route(cf, "/bb/c.pl") == &cf->routes[1], "the first match wins, and * crosses /");
	ok(config_route(cf, "/x/y.pm") == &cf->routes[2], "a set of characters");
	ok(!config_route(cf, "/x/y.pn") && !config_route(cf, "/A") && !config_route(cf, ""),
		"no match");

	ok(config_route_protects(&cf->routes[0], "POST"), "POST is protected");
	ok(config_route_protects(&cf->routes[0], "DELETE"), "DELETE is, when listed");
	ok(!config_route_protects(&cf->routes[0], "PATCH"), "PATCH is not, when not listed");
	ok(!config_route_protects(&cf->routes[0], "post"), "methods have a case");
	ok(!config_route_protects(&cf->routes[1], "POST"), "no methods: nothing is");
	config_free(&cf);

	char *safe[] = {(char[]){"GET"}, (char[]){"HEAD"}, (char[]){"OPTIONS"}, NULL};
	struct route route = {.methods = safe};

	ok(!config_route_protects(&route, "GET") && !config_route_protects(&route, "HEAD") &&
			!config_route_protects(&route, "OPTIONS"),
		"safe methods never are");
}

/* A policy that needs a command is refused without it, wherever either of them stands. */
static void test_policies(void)
{
	static const char probe[] = "\"on_uncertain\": \"probe\" needs \"probe\": "
				    "[\"/path/of/command\"]";
	char want[256];
	struct config *cf =
		load("{\"defaults\": {\"on_uncertain\": \"probe\", \"probe\": [\"/p\", \"x\"]},"
		     "\"routes\": [{\"match\": \"/a\"},"
		     "{\"match\": \"/b\", \"on_uncertain\": \"rollback\", \"rollback\": [\"/r\"]},"
		     "{\"match\": \"/c\", \"on_uncertain\": \"rerun\", \"max_attempts\": 100},"
		     "{\"match\": \"/d\", \"on_uncertain\": \"fail\", \"max_attempts\": 1}]}",
			false);

	if (!ok(cf != NULL, "all policies"))
		return;
	ok(cf->routes[0].on_uncertain == UNCERTAIN_PROBE && is_list(cf->routes[0].probe, "/p x"),
		"a probe that stands in defaults");
	ok(cf->routes[1].on_uncertain == UNCERTAIN_ROLLBACK &&
			is_list(cf->routes[1].rollback, "/r"),
		"a rollback");
	is_int(cf->routes[2].on_uncertain, UNCERTAIN_RERUN, "rerun needs no command");
	is_int(cf->routes[2].max_attempts, 100, "the most attempts");
	is_int(cf->routes[3].on_uncertain, UNCERTAIN_FAIL, "a route takes the policy back");
	is_int(cf->routes[3].max_attempts, 1, "the fewest");
	config_free(&cf);

	snprintf(want, sizeof(want), "c.json:2: $.routes[0]: %s", probe);
	refused("{\"routes\": [\n{\"match\": \"/a\", \"on_uncertain\": \"probe\", "
		"\"rollback\": [\"/r\"]}]}",
		false, want);
	refused("{\"defaults\": {\"on_uncertain\": \"rollback\", \"probe\": [\"/p\"]},\n"
		"\"routes\": [{\"match\": \"/a\"}]}",
		false,
		"c.json:2: $.routes[0]: \"on_uncertain\": \"rollback\" needs \"rollback\": "
		"[\"/path/of/command\"]");
	snprintf(want, sizeof(want), "c.json:2: $: %s", probe);
	refused("#!/x\n{\"script\": \"/a\", \"on_uncertain\": \"probe\"}", true, want);
	bad("route", "\"on_uncertain\": \"retry\"",
		": \"retry\" is not allowed; write \"fail\" or \"rerun\" or \"probe\" or "
		"\"rollback\"");
	bad("route", "\"probe\": []", ": the list has 0 entries; allowed are 1 to 32");
	bad("route", "\"max_attempts\": 0", ": 0 is out of range; write 1 to 100");
	bad("route", "\"max_attempts\": 101", ": 101 is out of range; write 1 to 100");
	bad("top", "\"on_uncertain\": \"rerun\"",
		": does not belong here; it belongs in a route or in \"defaults\"");
}

static void test_paths(void)
{
	struct config *cf = load("{\"store\": \"sqlite:sub/x.db\", \"routes\": "
				 "[{\"match\": \"/\", \"script\": \"../y.pl\"}]}",
		false);
	char want[4200];

	if (!ok(cf != NULL, "relative paths"))
		return;
	snprintf(want, sizeof(want), "sqlite:%s/sub/x.db", work_dir);
	is_str(cf->store, want, "store starts in the directory of the file");
	snprintf(want, sizeof(want), "%s/sub/spool", work_dir);
	is_str(cf->spool, want, "spool is beside it");
	snprintf(want, sizeof(want), "%.*s/y.pl", (int)(strrchr(work_dir, '/') - work_dir),
		work_dir);
	is_str(cf->routes[0].script, want, "script too");
	config_free(&cf);

	cf = load("{\"store\": \"sqlite:/x.db\"}", false);
	is_str(cf ? cf->spool : NULL, "/spool", "a store in the root directory");
	config_free(&cf);

	mkdir("d", 0700);
	write_bytes("d/c.json", "{\"spool\": \"s\"}", 14);
	snprintf(want, sizeof(want), "%s/d/s", work_dir);
	ok(config_load("d/c.json", false, &cf) == OK && !strcmp(cf->spool, want),
		"a file elsewhere");
	config_free(&cf);
}

static void test_control_file(void)
{
	struct config *cf = load(
		"#!/usr/lib/retrysafe.cgi {\"\n{\n\"script\": \"../order.pl\", \"ttl\": \"1h\",\n"
		"\"store\": \"sqlite:x.db\", \"workers\": 1, \"//\": \"x\"}\n",
		true);
	char want[4200];

	if (ok(cf != NULL, "a control file")) {
		snprintf(want, sizeof(want), "%.*s/order.pl",
			(int)(strrchr(work_dir, '/') - work_dir), work_dir);
		is_int((long long)cf->n_routes, 1, "is one route");
		is_str(cf->routes[0].script, want, "its script is relative to it");
		ok(cf->routes[0].match == NULL, "without a match");
		ok(config_route(cf, "/any") == &cf->routes[0],
			"that is the route of every request");
		is_int(cf->routes[0].ttl_ms, 3600000, "holds route settings");
		is_int(cf->workers, 1, "and top-level settings");
		is_int(cf->defaults.ttl_ms, 86400000, "which are not defaults");
		ok(is_list(cf->routes[0].methods, "POST PATCH"), "the rest is default");
	}
	config_free(&cf);
	refused("#!/x\n{\"tt\": 1}", true,
		"c.json:2: $.tt: unknown setting; did you mean \"ttl\"?");
	refused("#!/x\n\n{}", true,
		"c.json:3: $: \"script\" is missing; a control file names the script it stands "
		"for, such as "
		"\"script\": \"../legacy/order.pl\"");
	refused("#!/x\n{\n\"match\": \"/a\"}", true,
		"c.json:3: $.match: a control file has no \"match\": it is itself the route");
	refused("#!/x\n{\"routes\": []}", true,
		"c.json:2: $.routes: a control file has no \"routes\": it is itself the route");
	refused("#!/x\n{\"defaults\": {}}", true,
		"c.json:2: $.defaults: a control file has no \"defaults\": it is itself the route");
	refused("#!/x\n{\"max_running\": 1}", true,
		"c.json:2: $.max_running: not yet supported; remove it");
	refused("#!/x\n[]", true, "c.json:2: $: is not an object; write { \"NAME\": VALUE, ... }");
	refused("#!/x\n {,", true, "c.json:2:3: string or '}' expected near ','");
	refused("#!/x", true, "c.json:1:4: '[' or '{' expected near end of file");
}

static void test_files(void)
{
	struct config *cf = NULL;
	char *big = malloc(FILE_MAX + 1);

	is_int(config_load("absent.json", false, &cf), ERR_ABSENT, "no such file");
	is_str(err_text(), "absent.json: No such file or directory", "its message");
	is_int(config_load("c.json/x", false, &cf), ERR_ABSENT, "no such directory");
	is_int(config_load(".", false, &cf), ERR_INVALID, "a directory");
	is_str(err_text(), ".: is not a regular file", "its message");
	mkfifo("fifo", 0600);
	is_int(config_load("fifo", false, &cf), ERR_INVALID,
		"a pipe is refused without waiting for it");
	if (!big)
		return;
	memset(big, ' ', FILE_MAX + 1);
	memcpy(big, "{}", 2);
	write_bytes("big.json", big, FILE_MAX);
	is_int(config_load("big.json", false, &cf), OK, "1 MiB is taken");
	config_free(&cf);
	write_bytes("big.json", big, FILE_MAX + 1);
	is_int(config_load("big.json", false, &cf), ERR_INVALID, "a byte more is not");
	is_str(err_text(), "big.json: is larger than 1 MiB, the most a configuration may have",
		"its message");
	free(big);
}

static void found(const char *want, const char *script_dir, bool use_environment, const char *what)
{
	char *path = NULL;
	enum err e = config_find(script_dir, use_environment, &path);

	is_str(e == OK ? path : err_text(), want, "%s", what);
	is_int(e, strncmp(want, "no ", 3) ? OK : ERR_ABSENT, "its result");
	free(path);
}

static void test_find(void)
{
	char home[4200], want[9000];

	unsetenv("RETRYSAFE_CONFIG");
	unsetenv("HOME");
	found("no configuration; looked for system.json", NULL, false, "nowhere else to look");
	snprintf(home, sizeof(home), "%s/home", work_dir);
	setenv("HOME", home, 1);
	snprintf(want, sizeof(want),
		"no configuration; looked for RETRYSAFE_CONFIG (not set), s/retrysafe.json, "
		"%s/.config/retrysafe/config.json, system.json",
		home);
	found(want, "s", true, "nothing anywhere");
	write_bytes("system.json", "{}", 2);
	found("system.json", "s", true, "the system's file is the last");
	mkdir("home", 0700);
	mkdir("home/.config", 0700);
	mkdir("home/.config/retrysafe", 0700);
	write_bytes("home/.config/retrysafe/config.json", "{}", 2);
	snprintf(want, sizeof(want), "%s/.config/retrysafe/config.json", home);
	found(want, "s", true, "HOME is before it");
	setenv("HOME", "home", 1);
	found("system.json", "s", true, "a HOME that is not absolute is none");
	setenv("HOME", home, 1);
	mkdir("s", 0700);
	write_bytes("s/retrysafe.json", "{}", 2);
	found("s/retrysafe.json", "s", true, "beside the script is before it");
	found(want, NULL, true, "unless there is no script");
	setenv("RETRYSAFE_CONFIG", "/does/not/exist.json", 1);
	found("/does/not/exist.json", "s", true, "RETRYSAFE_CONFIG is the first, and final");
	found("s/retrysafe.json", "s", false, "unless the environment does not count");
	setenv("RETRYSAFE_CONFIG", "", 1);
	found("s/retrysafe.json", "s", true, "an empty one is none");
}

/* The object of conf/retrysafe.json in which a setting is explained. */
static json_t *explaining(json_t *root, const struct setting *s)
{
	size_t n = 0;
	json_t *routes = json_object_get(root, "routes");

	if (s->where & IN_TOP)
		return root;
	if (s->where & IN_DEFAULTS && json_object_get(json_object_get(root, "defaults"), s->name))
		return json_object_get(root, "defaults");
	while (n + 1 < json_array_size(routes) &&
		!json_object_get(json_array_get(routes, n), s->name))
		n++;
	return json_array_get(routes, n);
}

/* A default as the comments write it: without quotes, the entries of a list after commas. */
static void write_plain(const json_t *value, char *out, size_t room)
{
	size_t i;
	json_t *entry;

	if (json_is_integer(value))
		snprintf(out, room, "%lld", (long long)json_integer_value(value));
	else
		snprintf(out, room, "%s", json_is_string(value) ? json_string_value(value) : "");
	json_array_foreach(value, i, entry)
	{
		size_t used = strlen(out);

		snprintf(out + used, room - used, "%s%s", i ? ", " : "", json_string_value(entry));
	}
}

static void check_explained(json_t *root, const struct setting *s)
{
	json_t *object = explaining(root, s), *value = json_object_get(object, s->name);
	json_t *fallback = s->fallback ? json_loads(s->fallback, JSON_DECODE_ANY, NULL) : NULL;
	char comment[64], plain[128] = "", says[160];
	const char *about;

	snprintf(comment, sizeof(comment), "//%s", s->name);
	about = json_string_value(json_object_get(object, comment));
	ok(value && about, "%s is in conf/retrysafe.json, with a comment", s->name);
	ok(!fallback || json_equal(fallback, value), "%s is set to its default", s->name);
	if (fallback)
		write_plain(fallback, plain, sizeof(plain));
	snprintf(says, sizeof(says), "Default: %s", plain);
	about = about ? strstr(about, "Default: ") : NULL;
	ok(about && (fallback ? strcmp(about, says) == 0 : about[9] != '\0'),
		"%s: its comment says so", s->name);
	json_decref(fallback);
}

static void test_samples(void)
{
	char path[4200];
	struct config *cf = NULL;
	json_t *root;
	const char *name;
	json_t *value;

	snprintf(path, sizeof(path), "%s/conf/retrysafe-minimal.json", top_dir);
	is_int(config_load(path, false, &cf), OK, "conf/retrysafe-minimal.json loads");
	config_free(&cf);
	snprintf(path, sizeof(path), "%s/conf/retrysafe.json", top_dir);
	if (!ok(config_load(path, false, &cf) == OK, "conf/retrysafe.json loads"))
		printf("# %s\n", err_text());
	config_free(&cf);
	root = json_load_file(path, 0, NULL);
	for (size_t i = 0; i < N_SETTINGS; i++)
		if (settings[i].type != CONFIG_NOT_YET)
			check_explained(root, &settings[i]);
	json_object_foreach(json_object_get(root, "defaults"), name, value)
		ok(find_setting(name + 2 * (*name == '/'), IN_DEFAULTS) != NULL,
			"%s in defaults is, or explains, a setting", name);
	json_decref(root);
}

static void test_print(void)
{
	char line[1024], top[512] = "", route[512] = "";
	int saved = dup(1);
	FILE *f;

	fflush(stdout);
	if (!freopen("settings", "we", stdout))
		return;
	config_print_settings();
	fflush(stdout);
	dup2(saved, 1);
	close(saved);
	f = fopen("settings", "re");
	while (f && fgets(line, sizeof(line), f)) {
		char *field[6] = {NULL}, *rest = line;
		char *list;

		for (size_t i = 0; i < 6; i++)
			field[i] = strsep(&rest, "\t\n");
		if (!ok(field[4] && *field[4] && field[5] && !*field[5], "five fields for %s",
			    field[1]))
			continue;
		list = strcmp(field[0], "top") ? route : top;
		strcat(strcat(list, " "), field[1]);
		if (strcmp(field[1], "methods") == 0)
			is_str(field[3], "[\"POST\",\"PATCH\"]", "a default is printed as JSON");
		if (strcmp(field[1], "script") == 0)
			is_str(field[3], "-", "no default is printed as a dash");
	}
	if (f)
		fclose(f);
	is_str(top,
		" store durability spool script_dirs docs_url log workers busy_timeout defaults "
		"routes",
		"what is printed for the top level");
	is_str(route,
		" match script interpreter methods key key_from key_syntax scope bind timeout "
		"kill_after ttl tombstone max_request max_response on_uncertain probe rollback "
		"max_attempts",
		"what is printed for a route");
}

int main(void)
{
	enter_work_dir();
	test_defaults();
	test_unknown_names();
	test_not_yet();
	test_syntax();
	test_deep("[");
	test_deep("{\"a\":");
	test_lines();
	test_inheritance();
	test_policies();
	test_paths();
	test_control_file();
	test_files();
	test_find();
	test_samples();
	test_print();
	leave_work_dir();
	return done_testing();
}

#include "../../src/err.c"
