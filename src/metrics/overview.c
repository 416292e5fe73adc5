/* SPDX-License-Identifier: ISC */
/*
 * metrics/overview.c - what an operator should know now
 *
 * RULES
 *   (1) What cannot be known is said to be unknown; it is never 0 (t18-status).
 *   (2) An uncertain operation that no policy will settle comes before one that a policy may
 *       (t18-status).
 *
 * Does not know: how it is shown.
 */
#include "metrics/overview.h"

#include "store/listing.h"

#include <stdlib.h>
#include <string.h>

struct taking {
	struct store *st;
	const struct config *cf;
	struct overview *to;
	struct overview_operations *others; /* uncertain, for a policy */
	int64_t now_ms;
	enum err e;
};

static bool take_running(const struct operation *op, void *arg)
{
	struct taking *t = arg;
	struct overview_operations *to = &t->to->running;

	to->shown[to->n++] = (struct overview_operation){*op, t->now_ms - op->updated_ms, false};
	return to->n < OVERVIEW_SHOWN;
}

/* A route that is gone has no policy any more. */
static bool needs_person(const struct config *cf, const struct operation *op)
{
	const struct route *route = config_route_of(cf, op->address, op->route);

	return !route || route->on_uncertain == UNCERTAIN_FAIL ||
	       (route->on_uncertain == UNCERTAIN_RERUN && op->attempts >= route->max_attempts);
}

/* `updated` is also that of a policy's last try. */
static bool find_uncertain(const struct history *h, void *arg)
{
	if (strcmp(h->event, "uncertain") == 0)
		*(int64_t *)arg = h->at_ms;
	return true;
}

static bool take_uncertain(const struct operation *op, void *arg)
{
	struct taking *t = arg;
	bool is_for_person = needs_person(t->cf, op);
	struct overview_operations *to = is_for_person ? &t->to->uncertain : t->others;
	int64_t since_ms = op->updated_ms;

	t->to->n_need_person += is_for_person;
	if (to->n == OVERVIEW_SHOWN)
		return true;
	t->e = store_history(t->st, op->id, find_uncertain, &since_ms);
	to->shown[to->n++] = (struct overview_operation){*op, t->now_ms - since_ms, is_for_person};
	if (is_for_person && t->now_ms - since_ms > t->to->oldest_need_ms)
		t->to->oldest_need_ms = t->now_ms - since_ms;
	return t->e == OK;
}

static enum err take_operations(struct taking *t)
{
	struct overview_operations *to = &t->to->uncertain;
	enum err e;

	t->others = calloc(1, sizeof(*t->others));
	if (!t->others)
		return err_set(ERR_NOMEM, "status: out of memory");
	e = store_oldest(t->st, STATE_RUNNING, INT64_MIN, OVERVIEW_SHOWN, take_running, t);
	if (e == OK)
		e = store_oldest(
			t->st, STATE_UNCERTAIN, INT64_MIN, OVERVIEW_LOOKED, take_uncertain, t);
	for (size_t i = 0; i < t->others->n && to->n < OVERVIEW_SHOWN; i++)
		to->shown[to->n++] = t->others->shown[i];
	free(t->others);
	return e == OK ? t->e : e;
}

/* ---- counters ---- */

static bool take_route(const struct route_counts *r, void *arg)
{
	struct overview *o = arg;
	struct route_counts *more = realloc(o->routes, (o->n_routes + 1) * sizeof(*more));

	if (!more)
		return false;
	o->routes = more;
	more[o->n_routes++] = *r;
	return true;
}

static int compare_routes(const void *a, const void *b)
{
	const struct route_counts *x = a, *y = b;

	return x->is_rest != y->is_rest ? x->is_rest - y->is_rest : strcmp(x->name, y->name);
}

static void take_counts(const char *spool, struct overview *o)
{
	struct counters *c = counters_open_read(spool);

	o->is_counted = c != NULL;
	counters_age(c, &o->age);
	for (int i = 0; i < COUNTER__MAX; i++)
		o->count[i] = counters_get(c, (enum counter)i);
	counters_routes(c, take_route, o);
	if (o->n_routes > 0)
		qsort(o->routes, o->n_routes, sizeof(*o->routes), compare_routes);
	counters_close(&c);
}

enum err overview_take(struct store *st, const struct config *cf, struct overview **out)
{
	struct taking t = {.st = st, .cf = cf, .now_ms = store_now_ms(st), .e = OK};
	enum err e;

	t.to = calloc(1, sizeof(*t.to));
	if (!t.to)
		return err_set(ERR_NOMEM, "status: out of memory");
	e = store_glance(st, &t.to->store);
	if (e == OK)
		e = take_operations(&t);
	if (e == OK)
		take_counts(cf->spool, t.to);
	if (e == OK)
		*out = t.to;
	else
		overview_free(&t.to);
	return e;
}

void overview_free(struct overview **o)
{
	if (*o)
		free((*o)->routes);
	free(*o);
	*o = NULL;
}

bool overview_prevented(const struct overview *o, int64_t *n)
{
	*n = o->count[COUNTER_PREVENTED];
	return o->is_counted && o->age.since_ms > 0;
}

int64_t overview_problems(const struct route_counts *r)
{
	int64_t n = 0;

	for (int i = 0; i < COUNTER__MAX; i++)
		if (counter_is_problem((enum counter)i))
			n += r->count[i];
	return n;
}
