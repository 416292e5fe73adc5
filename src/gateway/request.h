/* SPDX-License-Identifier: ISC */
/*
 * gateway/request.h - everything that lives as long as one request
 */
#ifndef RETRYSAFE_GATEWAY_REQUEST_H
#define RETRYSAFE_GATEWAY_REQUEST_H

#include "base/digest.h"
#include "base/log.h"
#include "base/spool.h"
#include "cgi/script.h"
#include "cgi/web_peer.h"
#include "config/config.h"
#include "gateway/deployment.h"
#include "gateway/waiting.h"
#include "http/key.h"
#include "http/prefer.h"
#include "keeper/link.h"
#include "metrics/counters.h"
#include "store/store.h"

/*
 * What follows a step; the table in gateway/gateway.c has the successors.  There is no error: a
 * step that cannot go on has answered the request.
 */
enum next {
	NEXT,        /* the step that the table names */
	UNPROTECTED, /* the request has no key and needs none: it passes through */
	FINISHED     /* it has been answered, or its client has left */
};

/* One thread that serves requests, and its channel to the keeper. */
struct worker {
	int control_fd; /* to the keeper; borrowed */
	struct keeper_link link;
	int stop_fd;             /* readable: leave soon; -1: none */
	const char *config_path; /* --config, or NULL; borrowed */
};

/* Bytes of a body that need no descriptor until somebody wants one: a retry never does. */
#define BODY_HELD 8192

struct request {
	struct worker *worker;
	struct web_peer *peer; /* owned */
	enum way way;
	const char *control_path; /* WAY_CONTROL_FILE; borrowed */

	struct variables vars;
	char *located;                 /* the script as the server names it; owned */
	struct deployment *deployment; /* owned share */
	const struct config *cf;       /* borrowed from deployment */
	const struct route *route;     /* borrowed from deployment; NULL: none matches */
	struct script script;

	struct key key;
	bool has_body; /* it has been read: body_len bytes ... */
	int64_t body_len;
	struct spool body;         /* ... in here, when it is open, or ... */
	char body_held[BODY_HELD]; /* ... here */
	unsigned char body_digest[DIGEST_LEN];
	struct json_t *json; /* the body as a document, where somebody looked into it; owned */

	struct store *store;       /* borrowed from deployment */
	struct operation op;       /* ours, or the one that was there */
	struct operation previous; /* the row of an earlier attempt, which the claim takes over; id
				      0: none */
	char ref[REF_LEN + 1];
	struct response res; /* a recorded one that was found; owned */
	unsigned char natural[NATURAL_LEN];
	bool has_natural;
	char *webhook_asked; /* what the client wants told; owned; or NULL */
	const char *webhook; /* who hears how it ends; borrowed; or NULL */
	bool webhook_is_trusted;
	struct prefer prefer; /* as far as the route allows it */
	bool is_resource;     /* it asks for an operation by its own address */

	struct attended attended; /* while it runs */

	struct log_request log;
	char log_detail[256];
	bool is_logged;
	char complaint[1000]; /* a line of the script's error output, as far as it has come */
	size_t complaint_len;
};

/* Frees everything; ends the connection. */
void request_free(struct request *r);

/* The counters of the request's deployment; NULL is one that counts nothing. */
struct counters *request_counters(struct request *r);

#endif
