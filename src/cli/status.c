/* SPDX-License-Identifier: ISC */
/*
 * cli/status.c - the verb status: one screen of what an operator should know now
 *
 * RULES
 *   (1) Text of the store is printed so that it cannot act on a terminal; no key, credential or
 *       body is shown (t18-status).
 *   (2) The commands that it names can be pasted as they are, but for FILE and TEXT (t18-status).
 *
 * Does not know: where the facts come from (metrics/overview.c).
 */
#include "cli/verbs.h"

#include "base/exit_code.h"
#include "base/version.h"
#include "cli/render.h"
#include "cli/store.h"
#include "cli/until.h"
#include "metrics/overview.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES_SHOWN 5 /* operations of one kind, for people */

/* ---- texts ---- */

#define SPAN_MAX 32

/* "12.3 ms", "4.5 s", "3 m 5 s", "2 h 5 m", "3 d 4 h". */
static const char *span_text(int64_t us, char out[SPAN_MAX])
{
	int64_t s = us / 1000000;

	if (us < 0)
		snprintf(out, SPAN_MAX, "-");
	else if (us < 1000000)
		snprintf(out, SPAN_MAX, "%.3g ms", (double)us / 1000);
	else if (s < 60)
		snprintf(out, SPAN_MAX, "%.1f s", (double)us / 1000000);
	else if (s < 3600)
		snprintf(out, SPAN_MAX, "%" PRId64 " m %" PRId64 " s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, SPAN_MAX, "%" PRId64 " h %" PRId64 " m", s / 3600, s % 3600 / 60);
	else
		snprintf(out, SPAN_MAX, "%" PRId64 " d %" PRId64 " h", s / 86400, s % 86400 / 3600);
	return out;
}

static const char *bytes_text(int64_t bytes, char out[SPAN_MAX])
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	double n = (double)bytes;
	size_t unit = 0;

	for (; n >= 1024 && unit < 4; unit++)
		n /= 1024;
	snprintf(out, SPAN_MAX, unit ? "%.1f %s" : "%.0f %s", n, units[unit]);
	return out;
}

static const char *count_text(int64_t n, char out[SPAN_MAX])
{
	snprintf(out, SPAN_MAX, "%" PRId64 "%s", n, n >= GLANCE_COUNT_MAX ? " or more" : "");
	return out;
}

/* " --config FILE", where the command line has it, as a shell takes it; owned; NULL: no memory. */
static char *config_option(const struct cli *c)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_./+-";
	const char *path = c->config_path;
	char *out, *to;

	if (!path)
		return strdup("");
	if (*path && path[strspn(path, plain)] == '\0')
		return asprintf(&out, " --config %s", path) < 0 ? NULL : out;
	out = malloc(sizeof(" --config ''") + 4 * strlen(path));
	if (!out)
		return NULL;
	to = stpcpy(out, " --config '");
	for (; *path; path++)
		if (*path == '\'')
			to = stpcpy(to, "'\\''");
		else
			*to++ = *path;
	stpcpy(to, "'");
	return out;
}

/* Facts that are not known, or not sure; owned: an array of texts. */
static json_t *notes_json(const struct overview *o, const struct config *cf)
{
	json_t *notes = json_array();
	char at[CLI_TIME_MAX];

	if (!o->is_counted)
		json_array_append_new(notes,
			json_sprintf("How often what happened is not known: %s/counters cannot be "
				     "read; the next request makes it",
				cf->spool));
	else if (o->age.since_ms == 0)
		json_array_append_new(notes,
			json_sprintf("What each route did, and how many duplicates were prevented, "
				     "is not known: another version wrote %s/counters",
				cf->spool));
	if (o->age.restarted_ms > 0)
		json_array_append_new(notes,
			json_sprintf("The machine was started at %s: if power had failed, what was "
				     "counted in the minute before is missing",
				cli_time_text(o->age.restarted_ms, at)));
	if (o->n_routes > 0 && o->routes[o->n_routes - 1].is_rest)
		json_array_append_new(notes,
			json_string("There are more routes than are counted one by one; the rest "
				    "is counted together"));
	if (llabs(o->store.clock_off_ms) > 60000)
		json_array_append_new(
			notes, json_sprintf("The store's clock is %" PRId64
					    " s ahead of this machine's: times are the store's",
				       o->store.clock_off_ms / 1000));
	return notes;
}

/* ---- JSON ---- */

static json_t *milliseconds_json(int64_t us)
{
	return us < 0 ? json_null() : json_real((double)us / 1000);
}

static json_t *operation_json(const struct overview_operation *it, const char *config)
{
	json_t *o = cli_operation_json(&it->op);
	char ref[REF_LEN + 1];

	operation_ref(&it->op, ref);
	json_object_set_new(o, "for_ms", json_integer(it->for_ms));
	if (it->op.state != STATE_UNCERTAIN)
		return o;
	json_object_set_new(o, "needs", json_string(it->needs_person ? "person" : "recover"));
	json_object_set_new(o, "settle",
		json_pack("[o, o]",
			json_sprintf("retrysafe settle%s %s --done FILE --why TEXT", config, ref),
			json_sprintf("retrysafe settle%s %s --not-done --why TEXT", config, ref)));
	return o;
}

static json_t *operations_json(
	const struct overview_operations *list, int64_t count, const char *config)
{
	json_t *operations = json_array();

	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(operations, operation_json(&list->shown[i], config));
	return json_pack("{s:I, s:b, s:o}", "count", (json_int_t)count, "is_more",
		count >= GLANCE_COUNT_MAX, "operations", operations);
}

static json_t *counts_json(const int64_t count[COUNTER__MAX])
{
	json_t *counts = json_object();

	for (int i = 0; i < COUNTER__MAX; i++)
		json_object_set_new(counts, counter_name((enum counter)i), json_integer(count[i]));
	return counts;
}

static json_t *routes_json(const struct overview *o)
{
	json_t *routes = json_array();

	if (o->age.since_ms == 0) {
		json_decref(routes);
		return json_null();
	}
	for (size_t i = 0; i < o->n_routes; i++) {
		const struct route_counts *r = &o->routes[i];
		json_t *name = r->is_rest ? json_null() : json_string(r->name);

		json_array_append_new(routes,
			json_pack("{s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "route",
				name ? name : json_null(), "runs", (json_int_t)r->runs, "replays",
				(json_int_t)r->count[COUNTER_REPLAYED], "problems",
				(json_int_t)overview_problems(r), "prevented",
				(json_int_t)r->count[COUNTER_PREVENTED], "p50_ms",
				milliseconds_json(run_times_quantile_us(r->n, 50)), "p95_ms",
				milliseconds_json(run_times_quantile_us(r->n, 95)), "counters",
				counts_json(r->count)));
	}
	return routes;
}

static json_t *status_json(const struct overview *o, const struct config *cf, const char *config)
{
	char since[CLI_TIME_MAX];
	int64_t prevented = 0;
	bool is_known = overview_prevented(o, &prevented);
	json_t *uncertain = operations_json(&o->uncertain, o->store.uncertain, config);

	json_object_set_new(uncertain, "need_person", json_integer(o->n_need_person));
	return json_pack("{s:{s:s, s:I, s:I, s:I, s:I}, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"store", "url", cf->store, "used_bytes", (json_int_t)o->store.used_bytes,
		"file_bytes", (json_int_t)o->store.file_bytes, "log_bytes",
		(json_int_t)o->store.log_bytes, "clock_off_ms", (json_int_t)o->store.clock_off_ms,
		"duplicates_prevented", is_known ? json_integer(prevented) : json_null(), "since",
		is_known ? json_string(cli_time_text(o->age.since_ms, since)) : json_null(),
		"running", operations_json(&o->running, o->store.running, config), "uncertain",
		uncertain, "counters", o->is_counted ? counts_json(o->count) : json_null(),
		"routes", routes_json(o), "notes", notes_json(o, cf));
}

/* ---- text ---- */

static void print_store(const struct overview *o, const struct config *cf)
{
	char used[SPAN_MAX], log[SPAN_MAX];

	printf("retrysafe %s  store ", RETRYSAFE_VERSION);
	cli_put_text(cf->store);
	printf("  %s, log %s\n\n", bytes_text(o->store.used_bytes, used),
		bytes_text(o->store.log_bytes, log));
}

static void print_prevented(const struct overview *o)
{
	const bool is_bold = isatty(STDOUT_FILENO);
	char since[CLI_TIME_MAX];
	int64_t n;

	if (overview_prevented(o, &n))
		printf("%s  >>>  %" PRId64 " DUPLICATE%s PREVENTED  <<<%s  since %s\n\n",
			is_bold ? "\033[1m" : "", n, n == 1 ? "" : "S", is_bold ? "\033[0m" : "",
			cli_time_text(o->age.since_ms, since));
	else
		printf("  DUPLICATES PREVENTED: not known\n\n");
}

static void print_operation(const struct overview_operation *it, const char *config)
{
	char ref[REF_LEN + 1], span[SPAN_MAX];

	operation_ref(&it->op, ref);
	printf("  %s  %-10s  ", ref, span_text(it->for_ms * 1000, span));
	cli_put_text(it->op.route);
	if (it->op.reason[0]) {
		printf("  ");
		cli_put_text(it->op.reason);
	}
	putchar('\n');
	if (it->op.state != STATE_UNCERTAIN || !it->needs_person)
		return;
	printf("      retrysafe settle");
	cli_put_text(config);
	printf(" %s --done FILE --why TEXT\n      retrysafe settle", ref);
	cli_put_text(config);
	printf(" %s --not-done --why TEXT\n", ref);
}

static void print_operations(const struct overview_operations *list, const char *state,
	int64_t count, const char *config)
{
	char text[SPAN_MAX];
	size_t n = list->n < LINES_SHOWN ? list->n : LINES_SHOWN;

	for (size_t i = 0; i < n; i++)
		print_operation(&list->shown[i], config);
	if (count > (int64_t)n) {
		printf("  of %s; all: retrysafe list", count_text(count, text));
		cli_put_text(config);
		printf(" --state %s\n", state);
	}
	putchar('\n');
}

static void print_uncertain(const struct overview *o, const char *config)
{
	char count[SPAN_MAX], span[SPAN_MAX];

	printf("uncertain: %s", count_text(o->store.uncertain, count));
	if (o->n_need_person > 0)
		printf(", of which %" PRId64
		       "%s NEED A PERSON, the oldest for %s: find out whether it took effect, then "
		       "say so",
			o->n_need_person, o->store.uncertain > OVERVIEW_LOOKED ? " or more" : "",
			span_text(o->oldest_need_ms * 1000, span));
	else if (o->store.uncertain > 0)
		printf("; `retrysafe recover` and the next retries settle them");
	putchar('\n');
	print_operations(&o->uncertain, "uncertain", o->store.uncertain, config);
}

static void print_routes(const struct overview *o)
{
	char half[SPAN_MAX], most[SPAN_MAX];

	if (o->n_routes > 0)
		printf("%-32s  %9s  %9s  %9s  %9s  %9s\n", "route", "runs", "replays", "problems",
			"p50", "p95");
	for (size_t i = 0; i < o->n_routes; i++) {
		const struct route_counts *r = &o->routes[i];
		const char *name = r->is_rest ? "(other routes)" : r->name;
		int pad = 32 - (int)strlen(name);

		cli_put_text(name);
		printf("%*s  %9" PRId64 "  %9" PRId64 "  %9" PRId64 "  %9s  %9s\n",
			pad > 0 ? pad : 0, "", r->runs, r->count[COUNTER_REPLAYED],
			overview_problems(r), span_text(run_times_quantile_us(r->n, 50), half),
			span_text(run_times_quantile_us(r->n, 95), most));
	}
}

static void print_status(const struct overview *o, const struct config *cf, const char *config)
{
	json_t *notes = notes_json(o, cf), *note;
	char count[SPAN_MAX];
	size_t i;

	print_store(o, cf);
	print_prevented(o);
	print_uncertain(o, config);
	printf("running: %s\n", count_text(o->store.running, count));
	print_operations(&o->running, "running", o->store.running, config);
	print_routes(o);
	json_array_foreach(notes, i, note)
	{
		printf("%s", i == 0 ? "\n" : "");
		cli_put_text(json_string_value(note));
		printf(".\n");
	}
	json_decref(notes);
}

/* ---- the verb ---- */

static enum err show(const struct cli *c, const struct config *cf, struct store *st)
{
	char *config = config_option(c);
	struct overview *o = NULL;
	enum err e =
		config ? overview_take(st, cf, &o) : err_set(ERR_NOMEM, "status: out of memory");

	if (e == OK && c->is_watching && !c->json)
		printf("%s", isatty(STDOUT_FILENO) ? "\033[H\033[2J" : "");
	if (e == OK && c->json)
		cli_print_json(status_json(o, cf, config));
	else if (e == OK)
		print_status(o, cf, config);
	overview_free(&o);
	free(config);
	return e;
}

int cli_status(const struct cli *c)
{
	static char screen[65536]; /* written at once, so that it does not flicker */
	struct config *cf = NULL;
	struct store *st = NULL;
	enum err e;
	int code = cli_open_store(c, true, &cf, &st);

	if (code != 0)
		return code;
	if (c->is_watching) {
		setvbuf(stdout, screen, _IOFBF, sizeof(screen));
		cli_until_begin();
	}
	do {
		e = show(c, cf, st);
	} while (e == OK && c->is_watching && cli_until_pause(1000));
	store_close(&st);
	config_free(&cf);
	return e == OK ? EXIT_SUCCESS : cli_complain("status", e);
}
