/* SPDX-License-Identifier: ISC */
/*
 * config/table.c - the table of all settings: name, where it may stand, type, range, default
 *
 * config/value.c knows what a type allows; config/load.c reads files.  tests/t40-docs.t compares
 * the table with the documents and the JSON Schema.
 */
#include "config/table.h"
#include "base/spelling.h"
#include "config/config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TOP      (CONFIG_IN_TOP | CONFIG_IN_CONTROL)
#define ROUTE    (CONFIG_IN_ROUTE | CONFIG_IN_DEFAULTS | CONFIG_IN_CONTROL)
#define C(field) offsetof(struct config, field)
#define R(field) offsetof(struct route, field)
#define YEAR     (365 * CONFIG_DAY)

/* clang-format off */
const struct setting config_settings[] = {
	{"store", TOP, CONFIG_STORE, "\"sqlite:/var/lib/retrysafe/retrysafe.db\"", 0, 0, C(store),
		"where operations and recorded responses are kept"},
	{"durability", TOP, CONFIG_DURABILITY, "\"full\"", 0, 0, C(durability),
		"full: each claim and record is synced; otherwise a power cut may lose some"},
	{"spool", TOP, CONFIG_PATH, NULL, 0, 0, C(spool),
		"directory for big bodies; without it, \"spool\" beside the store's database"},
	{"script_dirs", TOP, CONFIG_DIRS, NULL, 1, 64, C(script_dirs),
		"only scripts in these directories are run; without it, any the web server names"},
	{"allow_root", TOP, CONFIG_FLAG, "false", 0, 0, C(allow_root),
		"whether scripts may run as root, where store, spool and configuration are root's alone"},
	{"docs_url", TOP, CONFIG_URL, NULL, 0, 0, C(docs_url),
		"page for authors of clients; every problem links to it"},
	{"page_template", TOP, CONFIG_PATH, NULL, 0, 0, C(page_template),
		"HTML file that frames the pages for people; without it, a plain frame of our own"},
	{"site", TOP, CONFIG_SITE, "[\"SERVER_NAME\",\"HTTP_HOST\"]", 0, 8, C(site),
		"what tells sites apart: the same key on another site is another operation; []: all hosts are one site"},
	{"log", TOP, CONFIG_LOG, "\"text\"", 0, 0, C(log),
		"format of the log's lines"},
	{"workers", TOP, CONFIG_NUMBER, "16", 1, 256, C(workers),
		"requests that one process works on at the same time, without those that wait"},
	{"busy_timeout", TOP, CONFIG_DURATION, "\"5s\"", 100, 10 * CONFIG_MINUTE,
		C(busy_timeout_ms),
		"how long a request waits for the store before it is answered 503"},
	{"max_store", TOP, CONFIG_SIZE, "\"1G\"", 64 * CONFIG_KILO, CONFIG_GIGA * CONFIG_KILO, C(max_store_bytes),
		"how large the store may become; over it a new protected request is answered 503"},
	{"defaults", CONFIG_IN_TOP, CONFIG_OBJECT, NULL, 0, 0, 0,
		"settings for all routes; a route's own win"},
	{"routes", CONFIG_IN_TOP, CONFIG_ROUTES, NULL, 0, 0, 0,
		"one object for each script or group of scripts; the first that matches counts"},
	{"max_running", CONFIG_IN_TOP, CONFIG_NUMBER, NULL, 1, 100000, C(max_running),
		"protected runs at the same time on all routes together; without it, no limit"},
	{"max_passed", CONFIG_IN_TOP, CONFIG_SIZE, "\"1G\"", CONFIG_KILO, CONFIG_GIGA * CONFIG_KILO,
		C(max_passed_bytes),
		"largest body in chunks, and most early output, held for a request that passes through"},
	{"max_passing", CONFIG_IN_TOP, CONFIG_NUMBER, "64", 1, 100000, C(max_passing),
		"runs that pass through at the same time, in one process"},
	{"max_connections", CONFIG_IN_TOP, CONFIG_NUMBER, "4096", 1, 30000, C(max_connections),
		"requests in one process at the same time, with those that wait for a client or a script"},

	{"match", CONFIG_IN_ROUTE, CONFIG_GLOB, NULL, 0, 0, R(match),
		"pattern for SCRIPT_NAME, where * also stands for slashes; every route needs one"},
	{"script", CONFIG_IN_ROUTE | CONFIG_IN_CONTROL, CONFIG_PATH, NULL, 0, 0, R(script),
		"the script to run; without it, the one the web server names"},
	{"interpreter", ROUTE, CONFIG_COMMAND, NULL, 0, 32, R(interpreter),
		"program and arguments that run the script; without it, the script is executed"},
	{"methods", ROUTE, CONFIG_METHODS, "[\"POST\",\"PATCH\"]", 0, 32, R(methods),
		"request methods that are protected; all others pass through"},
	{"key", ROUTE, CONFIG_KEY, "\"optional\"", 0, 0, R(key_required),
		"whether a request without a key is refused; when optional it passes through"},
	{"key_from", ROUTE, CONFIG_KEY_SOURCES, "[\"header:Idempotency-Key\"]", 1, 16, R(key_from),
		"where the key is looked for; the first one that is present counts"},
	{"key_syntax", ROUTE, CONFIG_KEY_SYNTAX, "\"lenient\"", 0, 0, R(key_syntax),
		"strict takes only a quoted string (RFC 8941); lenient also a bare value"},
	{"scope", ROUTE, CONFIG_VARIABLES, "[\"REMOTE_USER\"]", 0, 16, R(scope),
		"variables that identify the caller; the same key in another scope is another operation"},
	{"bind", ROUTE, CONFIG_VARIABLES, "[\"HTTP_AUTHORIZATION\"]", 0, 16, R(bind),
		"credentials a replay needs again, where the request has no REMOTE_USER"},
	{"timeout", ROUTE, CONFIG_DURATION, "\"5m\"", CONFIG_SECOND, 30 * CONFIG_DAY, R(timeout_ms),
		"how long a script may run; then all of it gets TERM"},
	{"kill_after", ROUTE, CONFIG_DURATION, "\"5s\"", 0, 10 * CONFIG_MINUTE, R(kill_after_ms),
		"time between TERM and KILL"},
	{"ttl", ROUTE, CONFIG_DURATION, "\"24h\"", CONFIG_SECOND, 10 * YEAR, R(ttl_ms),
		"how long a recorded response is replayed"},
	{"tombstone", ROUTE, CONFIG_DURATION, "\"30d\"", 0, 100 * YEAR, R(tombstone_ms),
		"how long after the ttl the key is remembered and not run again"},
	{"max_request", ROUTE, CONFIG_SIZE, "\"10M\"", 0, CONFIG_GIGA, R(max_request_bytes),
		"largest request body of a protected request"},
	{"max_response", ROUTE, CONFIG_SIZE, "\"10M\"", CONFIG_KILO, CONFIG_GIGA,
		R(max_response_bytes),
		"largest response recorded whole; of a larger one the status and header are kept"},
	{"max_recorded", ROUTE, CONFIG_SIZE, NULL, CONFIG_KILO, CONFIG_GIGA * CONFIG_KILO,
		R(max_recorded_bytes),
		"how much is kept for the route's operations; over it a new protected request is answered 503; without it, no limit"},
	{"on_uncertain", ROUTE, CONFIG_ON_UNCERTAIN, "\"fail\"", 0, 0, R(on_uncertain),
		"when it is not known whether a run was completed: wait for an operator, run again, ask, undo"},
	{"probe", ROUTE, CONFIG_COMMAND, NULL, 1, 32, R(probe),
		"command that finds out: exit 0 and a CGI response: the run was completed; exit 1: it was not"},
	{"rollback", ROUTE, CONFIG_COMMAND, NULL, 1, 32, R(rollback),
		"command that undoes a run's effects, if any; exit 0: the key is free again"},
	{"max_attempts", ROUTE, CONFIG_NUMBER, "3", 1, 100, R(max_attempts),
		"how often rerun runs one operation at most, the first run included"},
	{"fingerprint", ROUTE, CONFIG_FINGERPRINT, "[\"method\",\"path\",\"query\",\"body\"]", 1, 16,
		R(fingerprint),
		"parts of a request that must be equal when a key is used again"},
	{"ignore", ROUTE, CONFIG_IGNORED, NULL, 0, 64, R(ignore),
		"JSON pointers and form fields of the body that may differ"},
	{"in_progress", ROUTE, CONFIG_IN_PROGRESS, "\"conflict\"", 0, 0, R(in_progress),
		"what a retry gets while the first request runs: an error, the result when the run ends, or 202"},
	{"in_progress_status", ROUTE, CONFIG_CONFLICT_STATUS, "409", 0, 0, R(in_progress_status),
		"status of the error that a retry gets while the first request runs"},
	{"wait", ROUTE, CONFIG_DURATION, "\"10s\"", 100, 10 * CONFIG_MINUTE, R(wait_ms),
		"how long a retry waits for the result of the first, where in_progress is wait"},
	{"max_waiters", ROUTE, CONFIG_NUMBER, "8", 0, 1000, R(max_waiters),
		"how many retries wait at the same time, in all processes; the others get the error at once"},
	{"async", ROUTE, CONFIG_ASYNC, "\"off\"", 0, 0, R(async),
		"always: 202 at once, to the first request too; prefer: to clients that ask for it"},
	{"prefer", ROUTE, CONFIG_FLAG, "false", 0, 0, R(prefer),
		"whether a client's Prefer: respond-async and Prefer: wait=N count (RFC 7240)"},
	{"soft_timeout", ROUTE, CONFIG_DURATION, "\"30s\"", 0, 30 * CONFIG_DAY, R(soft_timeout_ms),
		"how long the first request waits for its script before it is answered as a retry would be; the script goes on; 0: to the end"},
	{"max_running", ROUTE, CONFIG_NUMBER, "16", 1, 100000, R(max_running),
		"protected runs of the route at the same time, in all processes"},
	{"release_on", ROUTE, CONFIG_STATUSES, NULL, 0, 32, R(release_on),
		"statuses that mean that nothing was done: the response is passed on and the key is free again"},
	{"exit_status", ROUTE, CONFIG_EXIT_STATUS, "\"any\"", 0, 0, R(exit_status),
		"zero: a script that ends with another exit status has an unknown outcome; any: a complete answer counts"},
	{"replay_status", ROUTE, CONFIG_REPLAY_STATUS, "\"same\"", 0, 0, R(replay_status),
		"200: a replay of any 2xx says 200"},
	{"replay_drop", ROUTE, CONFIG_FIELDS, NULL, 0, 64, R(replay_drop),
		"header fields that a replay leaves out"},
	{"unique", ROUTE, CONFIG_SOURCES, NULL, 0, 16, R(unique),
		"values that form a natural key: of all requests with the same ones, one is done"},
	{"on_duplicate", ROUTE, CONFIG_ON_DUPLICATE, "\"reject\"", 0, 0, R(on_duplicate),
		"what a request with a taken natural key gets: an error, or the answer of the first"},
	{"duplicate_status", ROUTE, CONFIG_NUMBER, "409", 400, 499, R(duplicate_status),
		"status of the error that a request with a taken natural key gets"},
	{"unique_ttl", ROUTE, CONFIG_DURATION, NULL, CONFIG_SECOND, 100 * YEAR, R(unique_ttl_ms),
		"how long a natural key is taken; without it, for ever"},
	{"unique_optional", ROUTE, CONFIG_FLAG, "false", 0, 0, R(unique_optional),
		"whether a request without a value of unique is accepted; otherwise it is refused"},
	{"guarantee", ROUTE, CONFIG_GUARANTEE, "\"strict\"", 0, 0, R(guarantee),
		"strict: a replay is the whole answer; result: without its body; semantic: the script makes it again"},
	{"webhook", ROUTE, CONFIG_URL, NULL, 0, 0, R(webhook),
		"URL that is told when an operation has ended"},
	{"webhook_allow", ROUTE, CONFIG_URL_BEGINNINGS, NULL, 0, 64, R(webhook_allow),
		"how a URL that a client gives in Retrysafe-Webhook may begin; without it, none is taken"},
	{"webhook_max_age", ROUTE, CONFIG_DURATION, "\"3d\"", CONFIG_MINUTE, 365 * CONFIG_DAY,
		R(webhook_max_age_ms),
		"how long the delivery of a message to a webhook is tried"},
	{"limits", ROUTE, CONFIG_LIMITS, NULL, 0, 0, 0,
		"limits of the script's process"},

	{"cpu", CONFIG_IN_LIMITS, CONFIG_DURATION, NULL, CONFIG_SECOND, YEAR, R(limits.cpu_ms),
		"processor time of each process, in whole seconds"},
	{"memory", CONFIG_IN_LIMITS, CONFIG_SIZE, NULL, CONFIG_KILO * CONFIG_KILO, CONFIG_GIGA * CONFIG_KILO,
		R(limits.memory_bytes),
		"address space of each process"},
	{"processes", CONFIG_IN_LIMITS, CONFIG_NUMBER, NULL, 1, 1000000, R(limits.processes),
		"processes of the account at the same time, the gateway's own included; root has no such limit"},
	{"file_size", CONFIG_IN_LIMITS, CONFIG_SIZE, NULL, CONFIG_KILO, CONFIG_GIGA * CONFIG_KILO,
		R(limits.file_bytes),
		"largest file that a process may write"},
	{NULL, 0, CONFIG_OBJECT, NULL, 0, 0, 0, NULL},
};
/* clang-format on */

const struct setting *config_table_find(const char *name, unsigned where)
{
	for (const struct setting *s = config_settings; s->name; s++)
		if (s->where & where && strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

/* The name that was probably meant, or NULL. */
static const char *nearest(const char *name, unsigned where)
{
	const char *names[sizeof(config_settings) / sizeof(config_settings[0])];
	size_t n = 0;

	for (const struct setting *s = config_settings; s->name; s++)
		if (s->where & where)
			names[n++] = s->name;
	names[n] = NULL;
	return spelling_nearest(name, names);
}

enum err config_table_refuse(const struct config_where *w, const char *name, unsigned where)
{
	const struct setting *s = config_table_find(name, ~0U);
	const char *meant = nearest(name, where);
	char known[800] = "";

	if (s && where == CONFIG_IN_CONTROL && !(s->where & CONFIG_IN_LIMITS))
		return config_where_error(
			w, "a control file has no \"%s\": it is itself the route", name);
	if (s)
		return config_where_error(w, "does not belong here; it belongs %s",
			s->where & CONFIG_IN_TOP        ? "at the top level"
			: s->where & CONFIG_IN_LIMITS   ? "in \"limits\""
			: s->where & CONFIG_IN_DEFAULTS ? "in a route or in \"defaults\""
							: "in a route");
	if (meant)
		return config_where_error(w, "unknown setting; did you mean \"%s\"?", meant);
	for (s = config_settings; s->name; s++) {
		size_t used = strlen(known);

		if (s->where & where)
			snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "",
				s->name);
	}
	return config_where_error(w, "unknown setting; allowed are %s", known);
}

/* A range is printed where the table has one. */
static void print_limit(const struct setting *s, int64_t limit)
{
	char text[CONFIG_VALUE_LIMIT_MAX] = "-";

	if (s->max)
		config_value_write_limit(s->type, limit, text);
	printf("\t%s", text);
}

void config_print_settings(void)
{
	for (const struct setting *s = config_settings; s->name; s++) {
		printf("%s\t%s\t%s\t%s",
			s->where & CONFIG_IN_TOP      ? "top"
			: s->where & CONFIG_IN_LIMITS ? "limits"
						      : "route",
			s->name, config_value_type_name(s->type), s->fallback ? s->fallback : "-");
		print_limit(s, s->min);
		print_limit(s, s->max);
		printf("\t%s\n", s->about);
	}
}
