/* SPDX-License-Identifier: ISC */
/*
 * cli/metrics.c - the verb metrics: what status shows, as OpenMetrics text
 *
 * The text is read by two kinds of programs, which agree on all of it.  Parsers of OpenMetrics take
 * "# TYPE x_total counter" for a counter whose sample would be x_total_total; node_exporter and
 * promtool, which go by Prometheus's older format, find no help for x_total below "# TYPE x
 * counter".  So counters have their help and no type.
 *
 * RULES
 *   (1) A label's value is escaped, and is UTF-8 (t18-status).
 *   (2) What is not known has no sample (t18-status).
 *
 * Does not know: where the facts come from (metrics/overview.c).
 */
#include "cli/verbs.h"

#include "base/exit_code.h"
#include "base/version.h"
#include "cli/render.h"
#include "cli/store.h"
#include "metrics/overview.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Its samples follow. */
struct family {
	const char *name, *type, *unit, *help; /* type NULL: a counter; unit NULL: none */
};

struct label {
	const char *name, *value;
};

static void begin(const struct cli *c, const struct family *f)
{
	if (c->json)
		return;
	printf("# HELP %s %s\n", f->name, f->help);
	if (f->type)
		printf("# TYPE %s %s\n", f->name, f->type);
	if (f->unit)
		printf("# UNIT %s %s\n", f->name, f->unit);
}

/* Bytes of the UTF-8 character that begins here; 0: it is none. */
static size_t character_bytes(const char *at)
{
	json_t *text;

	for (size_t n = 1; n <= 4 && at[n - 1]; n++) {
		text = json_stringn(at, n);
		json_decref(text);
		if (text)
			return n;
	}
	return 0;
}

/* U+0080 to U+009F. */
static bool is_control(const char *at)
{
	return (at[0] & 0xff) == 0xc2 && (at[1] & 0xff) < 0xa0;
}

static void put_value(const char *value)
{
	while (*value) {
		size_t n = character_bytes(value);

		if (*value == '\\' || *value == '"')
			printf("\\%c", *value);
		else if (*value == '\n')
			printf("\\n");
		else if (n > 1 && !is_control(value))
			fwrite(value, 1, n, stdout);
		else if (n == 1 && (unsigned char)*value >= 0x20 && *value != 0x7f)
			putchar(*value);
		else
			printf("\\\\x%02x", *value & 0xff); /* as other verbs show it */
		value += n > 1 && !is_control(value) ? n : 1;
	}
}

static void print_sample(
	const struct cli *c, const char *name, const struct label *labels, double value)
{
	json_t *o = c->json ? json_object() : NULL;

	if (c->json) {
		for (; labels->name; labels++)
			json_object_set_new(o, labels->name, json_string(labels->value));
		cli_print_json(
			json_pack("{s:s, s:o, s:f}", "name", name, "labels", o, "value", value));
		return;
	}
	printf("%s", name);
	for (const struct label *l = labels; l->name; l++) {
		printf("%s%s=\"", l == labels ? "{" : ",", l->name);
		put_value(l->value);
		printf("\"%s", l[1].name ? "" : "}");
	}
	printf(" %.16g\n", value);
}

static void print_one(const struct cli *c, const struct family *f, double value)
{
	begin(c, f);
	print_sample(c, f->name, (const struct label[]){{NULL, NULL}}, value);
}

/* ---- the store ---- */

static void print_store(const struct cli *c, const struct overview *o)
{
	const struct store_glance *s = &o->store;

	begin(c, &(const struct family){"retrysafe_build_info", "gauge", NULL,
			 "The version of retrysafe that printed this."});
	print_sample(c, "retrysafe_build_info",
		(const struct label[]){{"version", RETRYSAFE_VERSION}, {NULL, NULL}}, 1);
	print_one(c,
		&(const struct family){"retrysafe_store_used_bytes", "gauge", "bytes",
			"The store without free pages, which max_store limits."},
		(double)s->used_bytes);
	print_one(c,
		&(const struct family){
			"retrysafe_store_file_bytes", "gauge", "bytes", "The store's file."},
		(double)s->file_bytes);
	print_one(c,
		&(const struct family){"retrysafe_store_log_bytes", "gauge", "bytes",
			"The store's write-ahead log."},
		(double)s->log_bytes);
	print_one(c,
		&(const struct family){"retrysafe_store_clock_ahead_seconds", "gauge", "seconds",
			"How far the store's clock is ahead of this machine's."},
		(double)s->clock_off_ms / 1000);
	print_one(c,
		&(const struct family){"retrysafe_operations_running", "gauge", NULL,
			"Operations that run; 10000 is the most that is counted."},
		(double)s->running);
	print_one(c,
		&(const struct family){"retrysafe_operations_uncertain", "gauge", NULL,
			"Operations that are uncertain; 10000 is the most that is counted."},
		(double)s->uncertain);
	print_one(c,
		&(const struct family){"retrysafe_operations_need_person", "gauge", NULL,
			"Uncertain operations that no policy will settle, of the 1000 oldest."},
		(double)o->n_need_person);
	print_one(c,
		&(const struct family){"retrysafe_oldest_need_seconds", "gauge", "seconds",
			"For how long the oldest of them has been uncertain; 0: there is none."},
		(double)o->oldest_need_ms / 1000);
}

/* ---- the counters ---- */

static const struct family requests = {"retrysafe_requests_total", NULL, NULL,
	"What happened to requests on all routes, as stats counts it."};
static const struct family prevented = {"retrysafe_duplicates_prevented_total", NULL, NULL,
	"Requests that would have been one more run of a script."};
static const struct family since = {"retrysafe_counted_since_timestamp_seconds", "gauge", "seconds",
	"Since when duplicates and routes are counted."};
static const struct family by_route = {"retrysafe_route_requests_total", NULL, NULL,
	"What happened to requests, by route; (other routes) are all for which there was no room."};
static const struct family run_times = {"retrysafe_run_duration_seconds", "histogram", "seconds",
	"How long runs of scripts took, by route."};

static void print_counts(const struct cli *c, const struct overview *o)
{
	int64_t n;

	if (o->is_counted)
		begin(c, &requests);
	for (int i = 0; o->is_counted && i < COUNTER__MAX; i++)
		if (i != COUNTER_PREVENTED)
			print_sample(c, requests.name,
				(const struct label[]){
					{"outcome", counter_name((enum counter)i)}, {NULL, NULL}},
				(double)o->count[i]);
	if (!overview_prevented(o, &n))
		return;
	print_one(c, &prevented, (double)n);
	print_one(c, &since, (double)o->age.since_ms / 1000);
}

static const char *name_of(const struct route_counts *r)
{
	return r->is_rest ? "(other routes)" : r->name;
}

static void print_route_counts(const struct cli *c, const struct route_counts *r)
{
	for (int i = 0; i < COUNTER__MAX; i++)
		if (r->count[i] > 0 || i == COUNTER_FIRST || i == COUNTER_REPLAYED ||
			i == COUNTER_UNCERTAIN)
			print_sample(c, by_route.name,
				(const struct label[]){{"route", name_of(r)},
					{"outcome", counter_name((enum counter)i)}, {NULL, NULL}},
				(double)r->count[i]);
}

/* From 1 ms to 10000 s, three to a power of ten: 1, 2.5 and 5. */
static bool is_bucket(size_t class)
{
	return class >= 10 && class <= 80 &&
	       (class % 10 == 0 || class % 10 == 4 || class % 10 == 7);
}

/* OpenMetrics wants "1.0" where other formats take "1". */
static const char *border_text(int64_t us, char out[32])
{
	snprintf(out, 32, us % 1000000 == 0 ? "%.1f" : "%.10g", (double)us / 1000000);
	return out;
}

static void print_run_times(const struct cli *c, const struct route_counts *r)
{
	int64_t so_far = 0;
	char border[32];

	for (size_t i = 0; i < RUN_TIMES_CLASSES; i++) {
		bool is_last = i == RUN_TIMES_CLASSES - 1;

		so_far += r->n[i];
		if (!is_last && !is_bucket(i))
			continue;
		print_sample(c, "retrysafe_run_duration_seconds_bucket",
			(const struct label[]){{"route", name_of(r)},
				{"le", is_last ? "+Inf"
					       : border_text(run_times_most_us(i), border)},
				{NULL, NULL}},
			(double)so_far);
	}
	print_sample(c, "retrysafe_run_duration_seconds_count",
		(const struct label[]){{"route", name_of(r)}, {NULL, NULL}}, (double)r->runs);
	print_sample(c, "retrysafe_run_duration_seconds_sum",
		(const struct label[]){{"route", name_of(r)}, {NULL, NULL}},
		(double)r->run_us / 1000000);
}

static void print_routes(const struct cli *c, const struct overview *o)
{
	if (o->n_routes > 0)
		begin(c, &by_route);
	for (size_t i = 0; i < o->n_routes; i++)
		print_route_counts(c, &o->routes[i]);
	if (o->n_routes > 0)
		begin(c, &run_times);
	for (size_t i = 0; i < o->n_routes; i++)
		print_run_times(c, &o->routes[i]);
}

int cli_metrics(const struct cli *c)
{
	struct config *cf = NULL;
	struct store *st = NULL;
	struct overview *o = NULL;
	enum err e;
	int code = cli_open_store(c, true, &cf, &st);

	if (code != 0)
		return code;
	e = overview_take(st, cf, &o);
	store_close(&st);
	config_free(&cf);
	if (e != OK)
		return cli_complain("metrics", e);
	print_store(c, o);
	print_counts(c, o);
	print_routes(c, o);
	overview_free(&o);
	if (!c->json)
		printf("# EOF\n");
	return EXIT_SUCCESS;
}
