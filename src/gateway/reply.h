/* SPDX-License-Identifier: ISC */
/*
 * gateway/reply.h - the answer to the client: a recorded response, or a problem
 */
#ifndef RETRYSAFE_GATEWAY_REPLY_H
#define RETRYSAFE_GATEWAY_REPLY_H

#include "cgi/web_peer.h"
#include "http/problem.h"
#include "store/store.h"

/* Where the part of a body that is not in struct response comes from. */
struct body_source {
	struct store *store; /* the record; NULL: the run's output ... */
	int64_t op_id;
	const char *memory; /* ... here, or, when it is NULL, ... */
	int fd;             /* ... behind this descriptor, ... */
	int64_t at;         /* ... from this offset on */
};

/* How a replay differs from the first answer. */
struct replay {
	bool says_200;       /* a 2xx status becomes 200; where it was another one, Location goes */
	bool drops_cookies;  /* Set-Cookie is left out */
	bool is_uncacheable; /* Cache-Control is no-store; no field says otherwise */
	strings drop;        /* names of other fields that are left out; or NULL */
};

/*
 * reply_recorded - sends a response as it is recorded
 *
 *   replay  NULL: it is the first answer
 *
 * The same code for the first answer and every replay; a replay also says so
 * ("Idempotent-Replayed: true").  Returns OK; ERR_GONE the client has left; ERR_BROKEN,
 * ERR_ABSENT, ... the rest of a large body could not be read: the answer is cut off, which the
 * client sees by its Content-Length.  Blocks.
 */
enum err reply_recorded(struct web_peer *peer, const struct response *res,
	const struct body_source *rest, const struct replay *replay) MUSTCHECK;

/* reply_problem - sends a problem.  Returns OK; ERR_GONE the client has left.  Blocks. */
enum err reply_problem(struct web_peer *peer, const struct problem_answer *answer) MUSTCHECK;

#endif
