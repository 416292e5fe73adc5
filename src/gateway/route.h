/* SPDX-License-Identifier: ISC */
/*
 * gateway/route.h - which script a request means, which configuration and route apply to it
 */
#ifndef RETRYSAFE_GATEWAY_ROUTE_H
#define RETRYSAFE_GATEWAY_ROUTE_H

#include "gateway/request.h"

/* Step `script`: finds the script that the request names; sets r->located. */
enum next route_find_script(struct request *r);

/* Step `route`: finds the configuration and the route; sets r->deployment, r->cf and r->route. */
enum next route_find(struct request *r);

/* Opens r->script for r->route, and sets the variables that depend on it. */
enum next route_open_script(struct request *r);

/* Sets the variables IDEMPOTENCY_* for r->op: ENVIRONMENT of retrysafe(1). */
enum err route_set_environment(struct request *r, const struct operation *op) MUSTCHECK;

#endif
