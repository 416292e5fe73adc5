/* SPDX-License-Identifier: ISC */
/*
 * steps.h - the steps of a request, and how they answer; private to gateway.c, protect.c, answer.c
 */
#ifndef RETRYSAFE_STEPS_H
#define RETRYSAFE_STEPS_H

#include "counters.h"
#include "problem.h"
#include "request.h"

/* FINISHED: the request has been answered, or its client has left. */
enum next { NEXT, FINISHED };

/* protect.c: a protected request from its body on; the table in gateway.c has their order. */
enum next protect_read_body(struct request *r);
enum next protect_look(struct request *r);
enum next protect_claim(struct request *r);
enum next protect_run(struct request *r);

/* gateway.c: opens r->script for r->route, and sets the variables that depend on it. */
enum next gateway_open_script(struct request *r);

/*
 * answer_problem - answers with a problem
 *
 *   detail         what happened, or NULL: the problem's own sentence
 *   found          the operation that it is about, or NULL
 *   retry_after_s  0: none
 *
 * The body has been read to its end before the answer is sent.  Returns FINISHED.
 */
enum next answer_problem(struct request *r, enum problem problem, enum counter counter,
	const char *detail, const struct operation *found, int retry_after_s);

/* The store failed (e, err_text()) before anything was run.  Returns FINISHED. */
enum next answer_store_failed(struct request *r, enum err e);

/* Something else failed before anything was run.  Returns FINISHED. */
enum next answer_failed(struct request *r, enum err e);

/* What the log says about the request beside its outcome; not told to the client. */
void answer_note(struct request *r, const char *text);

/*
 * Writes the request's line to the log, once: before its answer, because servers stop listening
 * to what a program says, or end it, as soon as they have the whole answer.
 */
void answer_log(struct request *r);

/* The counters of the request's site; NULL is one that counts nothing. */
struct counters *answer_counters(struct request *r);

#endif
