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
	bool needs_script_dirs;  /* a configuration without script_dirs is refused */
};

/* Bytes of a body that are held without a descriptor.  The answer to a retry needs none. */
#define BODY_HELD 8192

/*
 * Each group is set by the step it is headed with, and not changed later but where that is said.
 * "Owned" is freed by request_free(); "borrowed" is not.
 */
struct request {
	/* gateway_serve() */
	struct worker *worker; /* borrowed from the thread */
	struct web_peer *peer; /* owned */
	enum way way;
	const char *control_path; /* WAY_CONTROL_FILE; borrowed from the program's arguments */

	/* read; later steps set variables in it, and remove some */
	struct variables vars; /* owned */

	/* script */
	enum err locating;       /* what script_locate() returned: OK, ERR_ABSENT or ERR_INVALID */
	char locating_text[128]; /* the err_text() of the latter two */
	char *located;           /* the script as the server names it; NULL: it names none; owned */

	/* route */
	struct deployment *deployment; /* owned share */
	const struct config *cf;       /* borrowed from deployment */
	const struct route *route;     /* borrowed from deployment; NULL: none matches */
	char *address; /* SCRIPT_NAME as routes see it; NULL: no route matches; owned */

	/* key; a derived one gets its text in lookup */
	struct key key;

	/* body, or a step before it that looks into the body */
	struct request_body {
		bool is_read; /* len bytes have been read ... */
		int64_t len;
		struct spool spool;   /* ... into here, when it is open (owned), or ... */
		char held[BODY_HELD]; /* ... here */
		unsigned char digest[DIGEST_LEN]; /* SHA-256 of them */
	} body;

	/* lookup, and operation */
	struct store *store; /* borrowed from deployment */
	/* What this request asks for: identity, fingerprint, principal and route.  From the claim
	 * on it is the operation that this request carries out. */
	struct operation op;
	/* The operation that has op's identity, as it was when the store was last asked; the claim
	 * takes its row over.  id 0: there is none. */
	struct operation found;
	struct response res;   /* its recorded response, or that of the natural key's; owned */
	char ref[REF_LEN + 1]; /* of the operation that the answer is about; "": none yet */
	struct prefer prefer;  /* as far as the route allows it */
	bool is_resource;      /* the request is for an operation's own address */
	struct {
		bool is_there;
		unsigned char digest[NATURAL_LEN];
	} natural;
	struct {
		char *asked;     /* the URL that the client sent; owned; or NULL */
		const char *url; /* the one to notify; borrowed from asked or route; or NULL */
		bool is_trusted; /* see webhook_url_choose() */
	} webhook;

	/* claim; or replay, or pass */
	struct script script; /* owned */

	/* run */
	struct running running; /* in the list of this process while it runs */

	/* All steps. */
	struct log_request log; /* its texts are borrowed from this request, or static */
	struct {
		char detail[256]; /* log.detail */
		bool is_written;
		char complaint[1000]; /* a line of the script's error output, as far as it has come
				       */
		size_t complaint_len; /* bytes of it */
	} log_text;
};

/* Frees everything, and ends the connection: blocks like web_peer_close().  r must not be used
 * again. */
void request_free(struct request *r);

/* The counters of the request's deployment; NULL is one that counts nothing. */
struct counters *request_counters(struct request *r);

/* counters_add() for the request's deployment and route. */
void request_count(struct request *r, enum counter which);

#endif
