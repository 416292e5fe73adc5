/* SPDX-License-Identifier: ISC */
/*
 * gateway/request.c - the end of a request
 *
 * Does not know: what the fields of a request mean.
 */
#include "gateway/request.h"

#include <stdlib.h>

void request_free(struct request *r)
{
	web_peer_close(&r->peer);
	variables_free(&r->vars);
	script_free(&r->script);
	spool_close(&r->body.spool);
	response_free(&r->res);
	deployment_give(&r->deployment);
	free(r->webhook.asked);
	free(r->located);
	free(r->address);
	r->located = r->address = NULL;
}

struct counters *request_counters(struct request *r)
{
	return r->deployment ? deployment_counters(r->deployment) : NULL;
}

void request_count(struct request *r, enum counter which)
{
	counters_add_route(request_counters(r), r->log.route, which);
}
