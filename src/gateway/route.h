/* SPDX-License-Identifier: ISC */
/*
 * gateway/route.h - which script a request means, which configuration and route apply to it
 */
#ifndef RETRYSAFE_GATEWAY_ROUTE_H
#define RETRYSAFE_GATEWAY_ROUTE_H

#include "gateway/request.h"

/*
 * route_find_script - step `script`: finds the script that the request names
 *
 * Sets r->located, and the variables as script_locate() says.  Returns NEXT; FINISHED it has been
 * refused.  Blocks on the file system.
 */
enum next route_find_script(struct request *r);

/*
 * route_find - step `route`: finds the configuration and the route
 *
 * Sets r->deployment, r->cf, r->route and r->log.route.  Returns NEXT; FINISHED it has been
 * refused. Blocks while a changed configuration is read.
 */
enum next route_find(struct request *r);

/*
 * route_open_script - opens r->script for r->route, and sets the variables that depend on it
 *
 * Returns NEXT; FINISHED it has been refused: nothing was started.  Blocks on the file system.
 */
enum next route_open_script(struct request *r);

/*
 * route_set_environment - tells the script about an operation: the variables IDEMPOTENCY_KEY,
 * _OPERATION (r->ref), _ATTEMPT and _DOWNSTREAM_KEY, see ENVIRONMENT in retrysafe(1)
 *
 * Returns OK; ERR_NOMEM: some of them may be set.  Does not block.
 */
enum err route_set_environment(struct request *r, const struct operation *op) MUSTCHECK;

#endif
