/* SPDX-License-Identifier: ISC */
/*
 * request_try.h - a request as a step sees it: what a server sent, and a body that has been read
 *
 * The server is a CGI one, whose parameters are this process's environment; one request at a time.
 */
#ifndef RETRYSAFE_REQUEST_TRY_H
#define RETRYSAFE_REQUEST_TRY_H

#include "gateway/request.h"
#include "tap.h"

#include <stdlib.h>
#include <unistd.h>

#define PARAMS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The members of a list setting. */
#define LIST(...) ((strings)(uintptr_t)(const char *const[]){__VA_ARGS__, NULL})

/*
 * params  "NAME=value", NULL-terminated, stay where they are; a step of the test that fails is said
 * by a test point of its own.  request_free() it.
 */
static struct request try_request(
	const struct route *route, const char *const *params, const void *body, size_t len)
{
	struct request r = {.route = route,
		.body = {.is_read = true, .len = (int64_t)len, .spool = SPOOL_CLOSED}};
	SHA2_CTX ctx;
	enum err e;

	environ = (char **)(uintptr_t)params;
	e = web_peer_cgi(&r.peer);
	if (e == OK)
		e = variables_take(environ, VARIABLES_CGI, &r.vars);
	if (e == OK)
		e = spool_open(&r.body.spool);
	if (e == OK)
		e = spool_write(&r.body.spool, NULL, body, len);
	if (e == OK)
		e = spool_rewind(&r.body.spool);
	if (e != OK)
		ok(0, "a step of the test: %s", err_text());
	SHA256Init(&ctx);
	SHA256Update(&ctx, body, len);
	SHA256Final(r.body.digest, &ctx);
	return r;
}

#endif
