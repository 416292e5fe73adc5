/* SPDX-License-Identifier: ISC */
/*
 * metrics/overview.h - what an operator should know now, of the store and of the counters
 */
#ifndef RETRYSAFE_METRICS_OVERVIEW_H
#define RETRYSAFE_METRICS_OVERVIEW_H

#include "base/err.h"
#include "config/config.h"
#include "metrics/counters.h"
#include "store/glance.h"

#include <stdbool.h>
#include <stddef.h>

#define OVERVIEW_SHOWN  100  /* operations in one state */
#define OVERVIEW_LOOKED 1000 /* uncertain ones that are looked at */

struct overview_operation {
	struct operation op;
	int64_t for_ms;    /* so long it has run, or been uncertain */
	bool needs_person; /* uncertain, and its route's policy will not settle it */
};

struct overview_operations {
	struct overview_operation shown[OVERVIEW_SHOWN];
	size_t n;
};

struct overview {
	struct store_glance store;
	struct overview_operations running;   /* oldest first */
	struct overview_operations uncertain; /* those first that need a person; oldest first */
	int64_t n_need_person;                /* of the OVERVIEW_LOOKED oldest */
	int64_t oldest_need_ms; /* the longest of them has been uncertain for; 0: none */
	bool is_counted;        /* false: the counters cannot be read, and what follows is empty */
	struct counters_age age;
	int64_t count[COUNTER__MAX];
	struct route_counts *routes; /* owned */
	size_t n_routes;
};

/*
 * overview_take - reads all of it
 *
 *   out  set on OK only; overview_free() it
 *
 * Returns OK; ERR_NOMEM; a read's errors.  Blocks for the disk at most.
 */
enum err overview_take(struct store *st, const struct config *cf, struct overview **out) MUSTCHECK;

/* Frees it and sets *o to NULL; *o may be NULL. */
void overview_free(struct overview **o);

/* Is it known how many duplicates were prevented?  Sets how many. */
bool overview_prevented(const struct overview *o, int64_t *n);

/* Answers of a route that were problems. */
int64_t overview_problems(const struct route_counts *r);

#endif
