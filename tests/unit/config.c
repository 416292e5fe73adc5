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
	ok(is_list(r->fingerprint, "method path query body"), "%s: fingerprint", what);
	ok(!r->ignore && !r->release_on && !r->replay_drop && !r->unique,
		"%s: nothing ignored, released, dropped, unique", what);
	is_int(r->replay_status, REPLAY_SAME, "%s: replay_status", what);
	is_int(r->on_duplicate, DUPLICATE_REJECT, "%s: on_duplicate", what);
	is_int(r->duplicate_status, 409, "%s: duplicate_status", what);
	is_int(r->unique_ttl_ms, 0, "%s: unique_ttl", what);
	is_int(r->unique_optional, false, "%s: unique_optional", what);
	is_int(r->guarantee, GUARANTEE_STRICT, "%s: guarantee", what);
	ok(!r->webhook && !r->webhook_allow, "%s: no webhook", what);
	is_int(r->webhook_max_age_ms, 3 * 24 * 3600 * 1000LL, "%s: webhook_max_age", what);
	ok(!r->limits.cpu_ms && !r->limits.memory_bytes && !r->limits.processes &&
			!r->limits.file_bytes,
		"%s: no limits", what);
}

static void check_waiting_defaults(const struct route *r, const char *what)
{
	is_int(r->in_progress, IN_PROGRESS_CONFLICT, "%s: in_progress", what);
	is_int(r->in_progress_status, CONFLICT_409, "%s: in_progress_status", what);
	is_int(r->wait_ms, 10000, "%s: wait", what);
	is_int(r->max_waiters, 8, "%s: max_waiters", what);
	is_int(r->async, ASYNC_OFF, "%s: async", what);
	ok(!r->prefer, "%s: prefer", what);
	is_int(r->soft_timeout_ms, 30000, "%s: soft_timeout", what);
	is_int(r->max_running, 16, "%s: max_running", what);
	ok(!r->has_own_ttl && !r->has_own_tombstone && !r->has_own_bind, "%s: nothing is its own",
		what);
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
	ok(cf->site && strcmp(cf->site[0], "SERVER_NAME") == 0 &&
			strcmp(cf->site[1], "HTTP_HOST") == 0 && !cf->site[2],
		"site");
	ok(!cf->script_dirs && !cf->docs_url, "no script_dirs, no docs_url");
	ok(!cf->page_template && !cf->frame, "no page_template");
	is_int(cf->log, LOG_TEXT, "log");
	is_int(cf->workers, 16, "workers");
	is_int(cf->busy_timeout_ms, 5000, "busy_timeout");
	is_int((long long)cf->n_routes, 1, "one route");
	is_str(cf->routes[0].match, "/a", "match");
	is_int(cf->max_running, 0, "max_running");
	check_route_defaults(&cf->defaults, "defaults");
	check_route_defaults(&cf->routes[0], "route");
	check_waiting_defaults(&cf->defaults, "defaults");
	check_waiting_defaults(&cf->routes[0], "route");
	config_free(&cf);
	ok(cf == NULL, "config_free() leaves NULL");
	config_free(&cf);

	cf = load("{}", false);
	ok(cf && cf->n_routes == 0 && !config_route(cf, "/a"),
		"an empty object loads, without routes");
	config_free(&cf);
}

#define TOP_NAMES                                                                            \
	"store, durability, spool, script_dirs, allow_root, docs_url, page_template, site, " \
	"log, workers, "                                                                     \
	"busy_timeout, max_store, "                                                          \
	"defaults, "                                                                         \
	"routes, max_running, max_passed, max_passing, max_connections"
#define DEFAULTS_NAMES                                                                            \
	"interpreter, methods, key, key_from, key_syntax, scope, bind, timeout, "                 \
	"kill_after, ttl, tombstone, max_request, max_response, max_recorded, on_uncertain, "     \
	"probe, rollback, "                                                                       \
	"max_attempts, fingerprint, ignore, in_progress, in_progress_status, wait, max_waiters, " \
	"async, prefer, soft_timeout, max_running, release_on, exit_status, replay_status, "      \
	"replay_drop, unique, on_duplicate, duplicate_status, unique_ttl, unique_optional, "      \
	"guarantee, webhook, "                                                                    \
	"webhook_allow, "                                                                         \
	"webhook_max_age, limits"

#define ROUTE_NAMES "match, script, " DEFAULTS_NAMES

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
	bad("top", "\"x\": 1", ": unknown setting; allowed are " TOP_NAMES);
	bad("route", "\"xy\": 1", ": unknown setting; allowed are " ROUTE_NAMES);
	refused("{\n\n\"a.b\": 1}", false,
		"c.json:3: $[\"a.b\"]: unknown setting; allowed are " TOP_NAMES);
	refused("{\"/ /\": 1}", false,
		"c.json:1: $[\"/ /\"]: unknown setting; allowed are " TOP_NAMES);
	is_int((long long)spelling_distance("ab", "ba"), 1, "swapped neighbours are one edit");
	is_int((long long)spelling_distance("kitten", "sitting"), 3, "three edits");
	is_int((long long)spelling_distance("", "abc"), 3, "from nothing");
}

static void test_misplaced_names(void)
{
	bad("top", "\"ttl\": 1",
		": does not belong here; it belongs in a route or in \"defaults\"");
	bad("top", "\"match\": 1", ": does not belong here; it belongs in a route");
	bad("defaults", "\"match\": \"/a\"", ": does not belong here; it belongs in a route");
	bad("defaults", "\"script\": \"/a\"", ": does not belong here; it belongs in a route");
	bad("route", "\"store\": 1", ": does not belong here; it belongs at the top level");
	bad("route", "\"routes\": 1", ": does not belong here; it belongs at the top level");
	bad("route", "\"memory\": \"1G\"", ": does not belong here; it belongs in \"limits\"");
	bad("top", "\"cpu\": \"1s\"", ": does not belong here; it belongs in \"limits\"");
	bad("top", "\"limits\": {}",
		": does not belong here; it belongs in a route or in \"defaults\"");
}

/* Editors find the schema by this name; it says nothing to us. */
static void test_schema_name(void)
{
	struct config *cf = load("{\"$schema\": \"retrysafe.schema.json\"}", false);

	ok(cf != NULL, "$schema is allowed at the top level");
	config_free(&cf);
	refused("{\"defaults\": {\n\"$schema\": \"x\"}}", false,
		"c.json:2: $.defaults[\"$schema\"]: unknown setting; allowed are " DEFAULTS_NAMES);
	bad("top", "\"schema\": \"x\"", ": unknown setting; allowed are " TOP_NAMES);
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
	ok(config_route_protects(&cf->routes[0], "post") &&
			config_route_protects(&cf->routes[0], "Delete"),
		"whatever their case");
	ok(!config_route_protects(&cf->routes[1], "POST"), "no methods: nothing is");
	config_free(&cf);

	char *safe[] = {(char[]){"GET"}, (char[]){"HEAD"}, (char[]){"OPTIONS"}, NULL};
	struct route route = {.methods = safe};

	ok(!config_route_protects(&route, "get") && !config_route_protects(&route, "Head") &&
			!config_route_protects(&route, "options"),
		"safe methods never are, whatever their case");
	ok(!config_route_protects(&route, "GET") && !config_route_protects(&route, "HEAD") &&
			!config_route_protects(&route, "OPTIONS"),
		"safe methods never are");
}

/* config_route_at() finds the route with this index, or -1, and divides after `part`, or NULL. */
static void route_at(
	const struct config *cf, const char *name, const char *path, int want, const char *part)
{
	size_t len;
	const struct route *route = config_route_at(cf, name, path, &len);

	is_int(route ? route - cf->routes : -1, want, "the route of %s", *path ? path : "nothing");
	if (!part) {
		ok(len == CONFIG_NO_PART, "it is not divided");
		return;
	}
	is_int((long long)len, (long long)strlen(part), "it is divided after %s", part);
	ok(len <= strlen(path) && strncmp(path, part, len) == 0, "which is a part of it");
}

static void test_parts(void)
{
	struct config *cf = load("{\"routes\": ["
				 "{\"match\": \"/order\", \"script\": \"/s\"},"
				 "{\"match\": \"/app/\", \"script\": \"/s\"},"
				 "{\"match\": \"/glob/*.do\", \"script\": \"/s\"},"
				 "{\"match\": \"/file*\"},"
				 "{\"match\": \"/\", \"script\": \"/s\"}]}",
		false);
	char deep[40 * 3 + 16] = "/glob/x.do", longest[4096 + 2] = "";
	size_t len;

	if (!ok(cf != NULL, "routes with scripts"))
		return;
	route_at(cf, NULL, "/order", 0, "/order");
	route_at(cf, NULL, "/order/", 0, "/order");
	route_at(cf, NULL, "/order/5/6", 0, "/order");
	route_at(cf, "/order/5", "/order/5", 0, "/order");
	route_at(cf, "/order", "/order/5", 0, NULL);
	route_at(cf, NULL, "/orders", 4, "");
	route_at(cf, NULL, "/app", 4, "");
	route_at(cf, NULL, "/app/", 1, "/app");
	route_at(cf, NULL, "/app/x", 1, "/app");
	route_at(cf, NULL, "/glob/a/b.do", 2, "/glob/a/b.do");
	route_at(cf, NULL, "/glob/b.do/c", 2, "/glob/b.do");
	route_at(cf, NULL, "/glob/b.do/", 2, "/glob/b.do");
	route_at(cf, "/file.pl", "/file.pl/x", 3, NULL);
	route_at(cf, NULL, "/file.pl/x", 4, "");
	route_at(cf, NULL, "/", 4, "");
	route_at(cf, NULL, "", -1, NULL);
	for (int i = 0; i < 40; i++)
		strcat(deep, "/a");
	ok(!config_route_at(cf, NULL, deep, &len) && len == CONFIG_TOO_LONG,
		"a glob is not tried on parts without end: no route is known");
	ok(!config_route_at(cf, "/file.pl", deep, &len) && len == CONFIG_TOO_LONG,
		"nor a later one, which a client could choose so");
	ok(config_route_at(cf, NULL, deep + strlen("/glob/x.do"), &len) == &cf->routes[4],
		"a path that does not begin like the glob does is not too long");
	memset(longest, 'a', sizeof(longest) - 1);
	memcpy(longest, "/glob/x.do/", strlen("/glob/x.do/"));
	ok(!config_route_at(cf, NULL, longest, &len) && len == CONFIG_TOO_LONG,
		"4097 bytes are too long, too");
	longest[4096] = '\0';
	route_at(cf, NULL, longest, 2, "/glob/x.do");
	ok(config_route(cf, "/app") == &cf->routes[1] &&
			config_route(cf, "/app/") == &cf->routes[1],
		"the address of a route for a directory");
	ok(config_route(cf, "/") == &cf->routes[4] && config_route(cf, "") == &cf->routes[4],
		"also of the whole site");
	config_free(&cf);
	refused("{\"routes\": [{\"match\": \"/a\", \"script\": \"/s\"}, {\"match\": \"/a/b\"}]}",
		false,
		"c.json:1: $.routes[1]: never applies: \"/a\" of $.routes[0] comes first and fits "
		"the "
		"same; put the more special one first");
	cf = load(
		"{\"routes\": [{\"match\": \"/a\"}, {\"match\": \"/a/b\"}, {\"match\": \"/ab\"}]}",
		false);
	ok(cf != NULL, "without a script the first takes nothing from the others");
	config_free(&cf);
}

/* The route of a recorded operation is the one that its request got. */
static void test_recorded_routes(void)
{
	struct config *cf = load("{\"routes\": ["
				 "{\"match\": \"/x/y\"},"
				 "{\"match\": \"/x*\", \"script\": \"/s\"},"
				 "{\"match\": \"/d*/\", \"script\": \"/s\"},"
				 "{\"match\": \"/*\"}]}",
		false);

	if (!ok(cf != NULL, "routes with and without scripts"))
		return;
	ok(config_route_of(cf, "/x/y", "/x/y") == &cf->routes[0], "found by its address");
	ok(config_route_of(cf, "/x/y", "/*") == &cf->routes[0],
		"a route that was split: by its address");
	ok(config_route_of(cf, "/x/y", "/gone") == &cf->routes[0],
		"a route that was renamed: by its address");
	route_at(cf, NULL, "/x/y", 1, "/x/y");
	ok(config_route_of(cf, "/x/y", "/x*") == &cf->routes[1],
		"there was no file: not a route that needs one");
	route_at(cf, NULL, "/dir/z", 2, "/dir");
	ok(config_route_of(cf, "/dir", "/d*/") == &cf->routes[2], "a glob that ends at a slash");
	ok(config_route_of(cf, "", "/x*") == &cf->routes[1], "no address: by the route's name");
	ok(!config_route_of(cf, "", "/gone"), "no address and no such name: none");
	config_free(&cf);
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

/* What is given, but could never have an effect because of another setting. */
static void test_no_effect(void)
{
	struct config *cf =
		load("{\"defaults\": {\"ignore\": [\"/at\"]}, \"routes\": [{\"match\": \"/a\","
		     "\"key_from\": [\"header:K\", \"form:k\", \"derive\"]},"
		     "{\"match\": \"/b\", \"key_from\": [\"derive\"], \"ignore\": [],"
		     "\"fingerprint\": [\"path\"]}]}",
			false);

	if (ok(cf != NULL, "derive comes last; nothing is ignored of a body that does not count")) {
		ok(is_list(cf->routes[0].key_from, "header:K form:k derive"), "derive at the end");
		ok(is_list(cf->routes[0].ignore, "json:/at"), "a route takes ignore from defaults");
		ok(!cf->routes[1].ignore, "an empty list takes it back");
	}
	config_free(&cf);
#define BEHIND                                                                             \
	"\"key_from\": \"header:K\" stands behind \"derive\" and is never looked at; put " \
	"\"derive\" "                                                                      \
	"last"
	refused("{\"routes\": [\n{\"match\": \"/a\", \"key_from\": [\"derive\", \"header:K\"]}]}",
		false, "c.json:2: $.routes[0]: " BEHIND);
	refused("{\"defaults\": {\"key_from\": [\"query:k\", \"derive\", \"header:K\"]},\n"
		"\"routes\": [{\"match\": \"/a\"}]}",
		false, "c.json:2: $.routes[0]: " BEHIND);
	refused("#!/x\n{\"script\": \"/a\", \"key_from\": [\"derive\", \"header:K\"]}", true,
		"c.json:2: $: " BEHIND);
#undef BEHIND
	refused("{\"routes\": [\n{\"match\": \"/a\", \"ignore\": [\"x\"],"
		"\"fingerprint\": [\"path\", \"form:y\"]}]}",
		false,
		"c.json:2: $.routes[0]: \"ignore\" has no effect: \"fingerprint\" does not have "
		"\"body\"; write \"ignore\": [], or add \"body\" to \"fingerprint\"");
}

static void test_limits(void)
{
	struct config *cf =
		load("{\"routes\": [{\"match\": \"/a\", \"limits\": {\"cpu\": \"2m\", \"//\": 0}},"
		     "{\"match\": \"/b\"}], \"defaults\": {\"limits\": {\"cpu\": \"30s\","
		     "\"memory\": \"256M\", \"processes\": 64, \"file_size\": 4096}}}",
			false);

	if (ok(cf != NULL, "limits")) {
		is_int(cf->routes[1].limits.cpu_ms, 30000, "cpu");
		is_int(cf->routes[1].limits.memory_bytes, 256 << 20, "memory");
		is_int(cf->routes[1].limits.processes, 64, "processes");
		is_int(cf->routes[1].limits.file_bytes, 4096, "file_size, a number of bytes");
		is_int(cf->routes[0].limits.cpu_ms, 120000, "a route's own limit wins");
		is_int(cf->routes[0].limits.processes, 64, "and leaves the others");
	}
	config_free(&cf);
	cf = load("#!/x\n{\"script\": \"/a\", \"limits\": {\"file_size\": \"1024G\"}}", true);
	is_int(cf ? cf->routes[0].limits.file_bytes : 0, 1LL << 40, "in a control file");
	config_free(&cf);
	bad("route", "\"limits\": []", ": is not an object; write { \"NAME\": VALUE, ... }");
	bad("defaults", "\"limits\": \"1G\"", ": is not an object; write { \"NAME\": VALUE, ... }");
	bad("route", "\"limits\": {\"mem\": 1}",
		".mem: unknown setting; allowed are cpu, memory, processes, file_size");
	bad("route", "\"limits\": {\"fileSize\": 1}",
		".fileSize: unknown setting; did you mean \"file_size\"?");
	bad("defaults", "\"limits\": {\"memroy\": 1}",
		".memroy: unknown setting; did you mean \"memory\"?");
	bad("route", "\"limits\": {\"timeout\": \"5s\"}",
		".timeout: does not belong here; it belongs in a route or in \"defaults\"");
	bad("route", "\"limits\": {\"cpu\": 30}",
		".cpu: 30 is not a duration; write a number and a unit, such as \"90s\", \"10m\", "
		"\"24h\" or \"30d\"");
	bad("route", "\"limits\": {\"cpu\": \"999ms\"}",
		".cpu: \"999ms\" is out of range; write \"1s\" to \"365d\"");
	bad("route", "\"limits\": {\"memory\": \"1023K\"}",
		".memory: \"1023K\" is out of range; write \"1M\" to \"1024G\"");
	bad("route", "\"limits\": {\"processes\": 0}",
		".processes: 0 is out of range; write 1 to 1000000");
	bad("route", "\"limits\": {\"processes\": \"64\"}",
		".processes: \"64\" is not a whole number; write 1 to 1000000");
	bad("route", "\"limits\": {\"file_size\": 0}",
		".file_size: 0 is out of range; write \"1K\" to \"1024G\"");
	bad("route", "\"limits\": {\"file_size\": \"1T\"}",
		".file_size: \"1T\" is not a size; write a number of bytes, or a number and a "
		"unit, "
		"such as \"64K\", \"10M\" or \"1G\"");
	refused("{\"routes\": [{\"match\": \"/a\",\n\"limits\": {\n\"cpu\": \"1\"}}]}", false,
		"c.json:3: $.routes[0].limits.cpu: \"1\" is not a duration; write a number and a "
		"unit, such as \"90s\", \"10m\", \"24h\" or \"30d\"");
}

/* A key that is derived is kept for a shorter time, unless the route itself says for how long. */
static void test_own(void)
{
	struct config *cf = load("{\"defaults\": {\"ttl\": \"1h\", \"tombstone\": \"1d\"},"
				 "\"routes\": [{\"match\": \"/a\"},"
				 "{\"match\": \"/b\", \"ttl\": \"24h\", \"bind\": []},"
				 "{\"match\": \"/c\", \"tombstone\": 0}]}",
		false);

	if (ok(cf != NULL, "ttl and tombstone in several places")) {
		ok(!cf->defaults.has_own_ttl && !cf->defaults.has_own_tombstone,
			"those of defaults are not a route's own");
		ok(!cf->routes[0].has_own_ttl && !cf->routes[0].has_own_tombstone,
			"nor those that a route takes from there");
		ok(cf->routes[1].has_own_ttl && !cf->routes[1].has_own_tombstone,
			"a ttl in the route is, also one as the default");
		ok(!cf->routes[2].has_own_ttl && cf->routes[2].has_own_tombstone, "so a tombstone");
		ok(cf->routes[1].has_own_bind && !cf->routes[2].has_own_bind, "and bind");
	}
	config_free(&cf);
	cf = load("#!/x\n{\"script\": \"/a\", \"ttl\": \"1h\", \"tombstone\": \"1h\"}", true);
	ok(cf && cf->routes[0].has_own_ttl && cf->routes[0].has_own_tombstone,
		"those of a control file are");
	config_free(&cf);
	cf = load("{\"defaults\": {\"bind\": [\"X\"]}, \"routes\": [{\"match\": \"/a\"}]}", false);
	ok(cf && cf->routes[0].has_own_bind, "a bind in defaults counts for every route");
	config_free(&cf);
}

/* The one name that stands in two places, and is two settings. */
static void test_max_running(void)
{
	struct config *cf = load("{\"max_running\": 100000, \"defaults\": {\"max_running\": 3},"
				 "\"routes\": [{\"match\": \"/a\"},"
				 "{\"match\": \"/b\", \"max_running\": 1}]}",
		false);

	if (ok(cf != NULL, "max_running everywhere")) {
		is_int(cf->max_running, 100000, "on all routes");
		is_int(cf->routes[0].max_running, 3, "of a route, from defaults");
		is_int(cf->routes[1].max_running, 1, "of a route, its own");
	}
	config_free(&cf);
	cf = load("#!/x\n{\"script\": \"/a\", \"max_running\": 2}", true);
	ok(cf && cf->max_running == 0 && cf->routes[0].max_running == 2,
		"in a control file it is the route's");
	config_free(&cf);
	bad("top", "\"max_running\": 0", ": 0 is out of range; write 1 to 100000");
	bad("route", "\"max_running\": 100001", ": 100001 is out of range; write 1 to 100000");
}

static void test_room(void)
{
	struct config *cf = load("{\"defaults\": {\"max_recorded\": \"3K\"},"
				 "\"routes\": [{\"match\": \"/a\"},"
				 "{\"match\": \"/b\", \"max_recorded\": 1024}]}",
		false);

	if (ok(cf != NULL, "max_recorded")) {
		is_int(cf->max_store_bytes, INT64_C(1) << 30, "max_store without a word");
		is_int(cf->routes[0].max_recorded_bytes, 3072, "of a route, from defaults");
		is_int(cf->routes[1].max_recorded_bytes, 1024, "of a route, its own");
	}
	config_free(&cf);
	cf = load("#!/x\n{\"script\": \"/a\", \"max_store\": \"64K\"}", true);
	ok(cf && cf->max_store_bytes == 65536 && cf->routes[0].max_recorded_bytes == 0,
		"max_store in a control file; no limit of a route");
	config_free(&cf);
	bad("top", "\"max_store\": \"63K\"",
		": \"63K\" is out of range; write \"64K\" to \"1024G\"");
	bad("top", "\"max_store\": 0", ": 0 is out of range; write \"64K\" to \"1024G\"");
	bad("route", "\"max_recorded\": 1023", ": 1023 is out of range; write \"1K\" to \"1024G\"");
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
	refused("#!/x\n{\"cpu\": \"1s\"}", true,
		"c.json:2: $.cpu: does not belong here; it belongs in \"limits\"");
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

	if (s->where & CONFIG_IN_TOP)
		return root;
	if (s->where & CONFIG_IN_DEFAULTS &&
		json_object_get(json_object_get(root, "defaults"), s->name))
		return json_object_get(root, "defaults");
	while (n + 1 < json_array_size(routes) &&
		!json_object_get(json_array_get(routes, n),
			s->where & CONFIG_IN_LIMITS ? "limits" : s->name))
		n++;
	return s->where & CONFIG_IN_LIMITS ? json_object_get(json_array_get(routes, n), "limits")
					   : json_array_get(routes, n);
}

/* A default as the comments write it: without quotes, the entries of a list after commas. */
static void write_plain(const json_t *value, char *out, size_t room)
{
	size_t i;
	json_t *entry;

	if (json_is_integer(value))
		snprintf(out, room, "%lld", (long long)json_integer_value(value));
	else if (json_is_boolean(value))
		snprintf(out, room, "%s", json_is_true(value) ? "true" : "false");
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
	for (const struct setting *s = config_settings; s->name; s++)
		check_explained(root, s);
	json_object_foreach(json_object_get(root, "defaults"), name, value)
		ok(config_table_find(name + 2 * (*name == '/'), CONFIG_IN_DEFAULTS) != NULL,
			"%s in defaults is, or explains, a setting", name);
	json_decref(root);
}

/* One line of what config_print_settings() writes; its name is added to those of its place. */
static void check_line(char *line, char top[512], char route[800])
{
	char *field[8] = {NULL}, *list = route;

	for (size_t i = 0; i < 8; i++)
		field[i] = strsep(&line, "\t\n");
	if (!ok(field[6] && *field[6] && field[7] && !*field[7], "seven fields for %s", field[1]))
		return;
	if (strcmp(field[0], "top") == 0)
		list = top;
	strcat(strcat(list, *list ? ", " : ""), field[1]);
	if (strcmp(field[1], "methods") == 0) {
		is_str(field[3], "[\"POST\",\"PATCH\"]", "a default is printed as JSON");
		is_str(field[5], "32", "of a list how many entries it may have");
	}
	if (strcmp(field[1], "script") == 0)
		ok(!strcmp(field[3], "-") && !strcmp(field[4], "-") && !strcmp(field[5], "-"),
			"no default and no range are printed as dashes");
	if (strcmp(field[1], "kill_after") == 0)
		ok(!strcmp(field[4], "0") && !strcmp(field[5], "\"10m\""), "a range as JSON");
}

static void test_print(void)
{
	char line[1024], top[512] = "", route[800] = "";
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
	while (f && fgets(line, sizeof(line), f))
		check_line(line, top, route);
	if (f)
		fclose(f);
	is_str(top, TOP_NAMES, "what is printed for the top level");
	is_str(route, ROUTE_NAMES ", cpu, memory, processes, file_size",
		"what is printed for a route");
}

static void test_template(void)
{
	static const char text[] = "{\n\"page_template\": \"p.html\"}";
	struct config *cf;
	char message[4600];

	snprintf(message, sizeof(message),
		"c.json:2: $.page_template: %s/p.html: No such file or directory", work_dir);
	refused(text, false, message);
	write_bytes("p.html", "<p>{{text}}\n{{titel}}", 21);
	snprintf(message, sizeof(message),
		"c.json:2: $.page_template: %s/p.html: line 2: unknown {{titel}}; did you mean "
		"{{title}}?",
		work_dir);
	refused(text, false, message);
	write_bytes("p.html", "<p>{{text}}", 11);
	cf = load(text, false);
	ok(cf && cf->frame && page_template_has(cf->frame, PAGE_TEXT) &&
			!page_template_has(cf->frame, PAGE_TITLE),
		"a template is read with the configuration");
	config_free(&cf);
	cf = load("#!/x\n{\"script\": \"x\", \"page_template\": \"./p.html\"}", true);
	ok(cf && cf->frame, "also with a control file");
	config_free(&cf);
	snprintf(message, sizeof(message), "c.json:2: $.page_template: %s: is not a regular file",
		"/dev/null");
	refused("{\n\"page_template\": \"/dev/null\"}", false, message);
	write_bytes("p.html", "", 0);
	if (truncate("p.html", (off_t)PAGE_TEMPLATE_MAX + 1) != 0)
		ok(false, "a large file");
	snprintf(message, sizeof(message),
		"c.json:2: $.page_template: %s/p.html: is larger than 256 KiB, the most that it "
		"may "
		"have",
		work_dir);
	refused(text, false, message);
	unlink("p.html");
}

int main(void)
{
	enter_work_dir();
	test_template();
	test_defaults();
	test_unknown_names();
	test_misplaced_names();
	test_schema_name();
	test_syntax();
	test_deep("[");
	test_deep("{\"a\":");
	test_lines();
	test_inheritance();
	test_parts();
	test_recorded_routes();
	test_policies();
	test_no_effect();
	test_limits();
	test_own();
	test_max_running();
	test_room();
	test_paths();
	test_control_file();
	test_files();
	test_find();
	test_samples();
	test_print();
	leave_work_dir();
	return done_testing();
}

#include "../../src/base/err.c"
