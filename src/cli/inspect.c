/* SPDX-License-Identifier: ISC */
/*
 * cli/inspect.c - the verbs that look into the store: list, show, stats
 *
 * Keys are shown as the beginning of their digest; nothing here can show a key, a credential or a
 * body.
 */
#include "cli/verbs.h"

#include "base/digest.h"
#include "base/exit_code.h"
#include "cgi/url_path.h"
#include "cli/output.h"
#include "cli/render.h"
#include "cli/store.h"
#include "gateway/fingerprint.h"
#include "gateway/site.h"
#include "http/webhook_url.h"
#include "metrics/counters.h"
#include "operation/claim.h"
#include "store/listing.h"
#include "store/outbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- list ---- */

#define LIST_SHOWN 20 /* operations, for people who do not say how many */

struct listing {
	bool json;
	int64_t n;
};

/* One line of the table; text of the store is printed so that it cannot act on a terminal. */
static void print_row(const char *const cells[11])
{
	const int time = isatty(STDOUT_FILENO) ? 19 : 24; /* cli_time_text() */
	const int widths[11] = {REF_LEN, 9, 20, 2 * IDENTITY_SHOWN, time, time, 8, 6, 8, time, 0};

	for (size_t i = 0; i < 11; i++) {
		int pad = widths[i] - (int)strlen(cells[i]);

		cli_put_text(cells[i]);
		if (i < 10)
			printf("%*s", (pad > 0 ? pad : 0) + 2, "");
	}
	putchar('\n');
}

static bool print_operation(const struct operation *op, void *arg)
{
	static const char *const heads[11] = {"ref", "state", "route", "key", "created", "updated",
		"attempts", "status", "bytes", "expires", "reason"};
	struct listing *l = arg;
	char ref[REF_LEN + 1], key[2 * IDENTITY_SHOWN + 1], created[CLI_TIME_MAX],
		updated[CLI_TIME_MAX], expires[CLI_TIME_MAX];
	char attempts[12], status[12] = "-", bytes[24] = "-";

	l->n++;
	if (l->json) {
		cli_print_json(cli_operation_json(op));
		return true;
	}
	if (l->n == 1)
		print_row(heads);
	operation_ref(op, ref);
	hex_text(op->identity, IDENTITY_SHOWN, key);
	snprintf(attempts, sizeof(attempts), "%d", op->attempts);
	if (op->status) {
		snprintf(status, sizeof(status), "%d", op->status);
		snprintf(bytes, sizeof(bytes), "%" PRId64, op->bytes);
	}
	print_row((const char *const[11]){ref, state_name(op->state), op->route, key,
		cli_time_text(op->created_ms, created), cli_time_text(op->updated_ms, updated),
		attempts, status, bytes, cli_time_text(op->expires_ms, expires),
		op->reason[0] ? op->reason : "-"});
	return true;
}

int cli_list(const struct cli *c)
{
	struct listing l = {.json = c->json};
	struct store_filter filter = c->filter;
	struct config *cf = NULL;
	struct store *st = NULL;
	int code = cli_open_store(c, true, &cf, &st);
	enum err e;

	if (code != 0)
		return code;
	if (!c->json && filter.limit == 0)
		filter.limit = LIST_SHOWN;
	filter.since_ms = c->is_since_ago ? store_now_ms(st) - c->since_ms : c->since_ms;
	e = store_list(st, &filter, print_operation, &l);
	if (e == OK && l.n == 0 && cli_route_is_mistyped(cf, "list", filter.route))
		code = EXIT_USAGE;
	store_close(&st);
	config_free(&cf);
	if (e != OK)
		return cli_complain("list", e);
	if (c->filter.limit == 0 && l.n == filter.limit && !c->json)
		fprintf(stderr, "These are the newest %d; --limit N shows more.\n", LIST_SHOWN);
	return l.n > 0 ? EXIT_SUCCESS : code != 0 ? code : EXIT_NO;
}

/* ---- show ---- */

static bool add_message(const struct message *m, void *arg)
{
	char url[WEBHOOK_URL_MAX + 64], due[CLI_TIME_MAX];

	webhook_url_shown(m->url, url, sizeof(url));
	json_array_append_new(arg,
		json_pack("{s:s, s:s, s:s, s:i, s:o, s:s}", "url", url, "tells",
			state_name(m->state), "state", message_state(m), "tries", m->tries, "due",
			m->due_ms ? json_string(cli_time_text(m->due_ms, due)) : json_null(),
			"said", m->said));
	return true;
}

static void print_message(const json_t *m)
{
	const char *due = json_string_value(json_object_get(m, "due"));
	const char *said = json_string_value(json_object_get(m, "said"));

	printf("%-9s %s to ", "message", json_string_value(json_object_get(m, "tells")));
	cli_put_text(json_string_value(json_object_get(m, "url")));
	printf(": %s, tries: %d%s%s%s", json_string_value(json_object_get(m, "state")),
		(int)json_integer_value(json_object_get(m, "tries")), due ? ", due " : "",
		due ? due : "", said && *said ? ": " : "");
	cli_put_text(said);
	putchar('\n');
}

/* What lives of its runs, where that keeps it from being settled. */
static json_t *living_json(const struct store *st, const struct operation *op)
{
	json_t *list = json_array();
	struct evidence found;

	if (op->state != STATE_RUNNING && op->state != STATE_UNCERTAIN)
		return list;
	claim_look_for_life(st, op, &found);
	for (size_t i = 0; i < found.n && i < LIVING_NAMED; i++)
		json_array_append_new(
			list, json_pack("{s:i, s:s, s:s}", "pid", (int)found.living[i].pid, "name",
				      found.living[i].name, "what", found.living[i].what));
	if (found.anything_lives && (found.n == 0 || found.unknown[0])) {
		char text[512];

		found.n = 0;
		evidence_text(&found, text, sizeof(text));
		json_array_append_new(
			list, json_pack("{s:n, s:n, s:s}", "pid", "name", "what", text));
	}
	return list;
}

static void print_living(const json_t *l)
{
	json_t *pid = json_object_get(l, "pid");

	printf("%-9s ", "lives");
	if (json_is_integer(pid)) {
		printf("process %d (", (int)json_integer_value(pid));
		cli_put_text(json_string_value(json_object_get(l, "name")));
		printf("): ");
	}
	cli_put_text(json_string_value(json_object_get(l, "what")));
	putchar('\n');
}

static void print_lines(json_t *o)
{
	const char *name;
	json_t *value, *messages = json_object_get(o, "messages");
	json_t *living = json_object_get(o, "lives");
	size_t i;

	json_object_foreach(o, name, value)
	{
		json_t *h;

		if (value == messages) {
			json_array_foreach(value, i, h) print_message(h);
			continue;
		}
		if (value == living) {
			json_array_foreach(value, i, h) print_living(h);
			continue;
		}

		if (json_is_string(value)) {
			printf("%-9s ", name);
			cli_put_text(json_string_value(value));
			putchar('\n');
		} else if (json_is_integer(value)) {
			printf("%-9s %" JSON_INTEGER_FORMAT "\n", name, json_integer_value(value));
		}
		json_array_foreach(value, i, h)
		{
			printf("%-9s %s ", name, json_string_value(json_object_get(h, "at")));
			cli_put_text(json_string_value(json_object_get(h, "event")));
			printf(": ");
			cli_put_text(json_string_value(json_object_get(h, "detail")));
			putchar('\n');
		}
	}
}

/* What --key, --script, --site and --scope name. */
struct named {
	const struct cli *cli;
	const char *address; /* --script as routes see it */
	const struct config *cf;
	struct store *st;
	struct operation *op;
	int n; /* of places that know the key */
	enum err e;
};

/* Looks for the key at one place. */
static bool find_at(const unsigned char place[PLACE_LEN], void *arg)
{
	struct named *named = arg;
	const struct route *route = config_route(named->cf, named->address);
	const char *scope[CLI_SCOPE_MAX] = {0};
	unsigned char identity[IDENTITY_LEN];
	struct operation found;
	size_t n = 0;

	for (; route && route->scope && route->scope[n] && n < CLI_SCOPE_MAX; n++)
		scope[n] = n < named->cli->n_scope ? named->cli->scope[n] : NULL;
	fingerprint_identity(store_secret(named->st), place, named->cli->key, scope, n, identity);
	named->e = store_find(named->st, identity, &found, NULL);
	if (named->e == OK) {
		*named->op = found;
		named->n++;
	}
	return named->e == OK || named->e == ERR_ABSENT;
}

/*
 * Without --site every place is looked at that has an operation of the script: every site, and
 * every spelling of the script's name that a server has let through.
 */
static enum err find_at_address(struct named *named)
{
	const struct cli *c = named->cli;
	const struct config *cf = named->cf;
	unsigned char place[PLACE_LEN];
	enum err e = OK;

	if (!config_route(cf, named->address))
		return err_set(ERR_INVALID,
			"no route of %s matches %s; --script is the SCRIPT_NAME, such as "
			"/cgi-bin/order.pl",
			cf->path, c->script);
	if (c->n_site > 0 || !*cf->site) {
		site_place_named(
			store_secret(named->st), cf->site, c->site, c->n_site, c->script, place);
		find_at(place, named);
		return named->e;
	}
	e = store_places(named->st, named->address, find_at, named);
	if (e == OK && named->e != ERR_ABSENT)
		e = named->e;
	if (e == OK && named->n > 1)
		return err_set(ERR_INVALID,
			"%d operations have this key: of several sites, or of several spellings of "
			"the URL; add --site HOST, or name one by its ref",
			named->n);
	return e == OK && named->n == 0 ? err_set(ERR_ABSENT, "no such operation") : e;
}

static enum err find_named(
	const struct cli *c, const struct config *cf, struct store *st, struct operation *op)
{
	char *address = strdup(c->script);
	struct named named = {.cli = c, .address = address, .cf = cf, .st = st, .op = op};
	enum err e;

	if (!address)
		return err_set(ERR_NOMEM, "show: out of memory");
	url_path_clean(address);
	e = find_at_address(&named);
	free(address);
	return e;
}

int cli_show(const struct cli *c)
{
	struct config *cf = NULL;
	struct store *st = NULL;
	struct operation op;
	json_t *o = NULL, *history = NULL, *messages;
	enum err e;
	int code;

	if (c->n_words == 0 && !(c->key && c->script)) {
		fprintf(stderr, "retrysafe: show: which one?  Write its ref, or --key K --script "
				"SCRIPT_NAME\n");
		return EXIT_USAGE;
	}
	code = cli_open_store(c, true, &cf, &st);
	if (code != 0)
		return code;
	e = c->n_words > 0 ? store_find_ref(st, c->words[0], &op, NULL)
			   : find_named(c, cf, st, &op);
	if (e == OK && c->wants_output)
		e = cli_output_print(st, &op, c->json);
	else if (e == OK)
		o = cli_operation_json(&op);
	if (o) {
		e = cli_history_json(st, &op, &history);
		if (e == OK)
			json_object_set_new(o, "history", history);
		messages = json_array();
		if (e == OK)
			e = store_messages(st, op.id, add_message, messages);
		json_object_set_new(o, "messages", messages);
		json_object_set_new(o, "lives", living_json(st, &op));
		if (op.address[0])
			json_object_set_new(o, "script", json_string(op.address));
		if (c->json)
			cli_print_json(json_incref(o));
		else
			print_lines(o);
		if (e == OK && !c->json)
			e = cli_output_append(st, &op);
		json_decref(o);
	}
	store_close(&st);
	config_free(&cf);
	if (e == OK)
		return EXIT_SUCCESS;
	code = cli_complain("show", e);
	return e == ERR_ABSENT ? EXIT_NO : code;
}

/* ---- stats ---- */

/* Bytes of the files in the spool directory: results that wait to be recorded, for the most part.
 */
static int64_t spool_bytes(const char *spool)
{
	DIR *dir = opendir(spool);
	struct dirent *d;
	struct stat sb;
	int64_t sum = 0;

	while (dir && (d = readdir(dir)))
		if (fstatat(dirfd(dir), d->d_name, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(sb.st_mode))
			sum += sb.st_size;
	if (dir)
		closedir(dir);
	return sum;
}

/* By route: what it keeps, and how much it may keep. */
struct by_route {
	const struct config *cf;
	json_t *recorded, *limits;
};

static bool add_route(const struct route_room *r, void *arg)
{
	struct by_route *by = arg;
	const struct route *route = config_route_by_name(by->cf, r->name);

	json_object_set_new(by->recorded, r->name, json_integer(r->kept_bytes));
	if (route && route->max_recorded_bytes > 0)
		json_object_set_new(by->limits, r->name, json_integer(route->max_recorded_bytes));
	if (r->kept_bytes != r->added_bytes) {
		fprintf(stderr, "retrysafe: stats: warning: route ");
		cli_put(stderr, r->name, strlen(r->name), false);
		fprintf(stderr,
			" counts %" PRId64 " bytes and keeps %" PRId64 "; please report this\n",
			r->kept_bytes, r->added_bytes);
	}
	return true;
}

static json_t *sizes_json(const struct store_sizes *sizes, const struct by_route *by)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
		"responses_bytes", (json_int_t)sizes->responses_bytes, "requests_bytes",
		(json_int_t)sizes->requests_bytes, "printed_bytes",
		(json_int_t)sizes->printed_bytes, "used_bytes", (json_int_t)sizes->used_bytes,
		"max_store", (json_int_t)by->cf->max_store_bytes, "file_bytes",
		(json_int_t)sizes->file_bytes, "log_bytes", (json_int_t)sizes->log_bytes,
		"spool_bytes", (json_int_t)spool_bytes(by->cf->spool), "clock_off_ms",
		(json_int_t)sizes->clock_off_ms, "recorded", by->recorded, "max_recorded",
		by->limits);
}

static json_t *stats_json(const struct counters *counters, const struct store_sizes *sizes)
{
	json_t *counts = json_object(), *keys = json_object();

	for (int i = 0; i < COUNTER__MAX; i++)
		json_object_set_new(counts, counter_name((enum counter)i),
			json_integer(counters_get(counters, (enum counter)i)));
	for (int s = STATE_RUNNING; s < STATE__MAX; s++)
		json_object_set_new(
			keys, state_name((enum state)s), json_integer(sizes->operations[s]));
	return json_pack("{s:o, s:o}", "counters", counts, "keys", keys);
}

static void print_numbers(json_t *o, const char *prefix)
{
	const char *name;
	json_t *value;

	json_object_foreach(o, name, value)
	{
		if (json_is_object(value))
			print_numbers(value, name);
		else {
			printf("%s%s", prefix, *prefix ? "." : "");
			cli_put_text(name);
			printf("\t%" JSON_INTEGER_FORMAT "\n", json_integer_value(value));
		}
	}
}

int cli_stats(const struct cli *c)
{
	struct config *cf = NULL;
	struct store *st = NULL;
	struct store_sizes sizes;
	struct counters *counters;
	struct by_route by;
	enum err e;
	int code = cli_open_store(c, true, &cf, &st);

	if (code != 0)
		return code;
	by = (struct by_route){cf, json_object(), json_object()};
	e = store_measure(st, &sizes);
	if (e == OK)
		e = store_routes(st, add_route, &by);
	store_close(&st);
	if (e == OK) {
		json_t *o;

		counters = counters_open(cf->spool);
		o = stats_json(counters, &sizes);
		json_object_update_new(o, sizes_json(&sizes, &by));
		if (c->json)
			cli_print_json(json_incref(o));
		else
			print_numbers(o, "");
		json_decref(o);
		counters_close(&counters);
	}
	config_free(&cf);
	return e == OK ? EXIT_SUCCESS : cli_complain("stats", e);
}
