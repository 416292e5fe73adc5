/* SPDX-License-Identifier: ISC */
/*
 * gateway/steps.h - the steps of a request, and how they answer; private to gateway/gateway.c,
 * gateway/protect.c, gateway/progress.c, gateway/replay.c and gateway/answer.c
 */
#ifndef RETRYSAFE_GATEWAY_STEPS_H
#define RETRYSAFE_GATEWAY_STEPS_H

#include "gateway/request.h"
#include "http/problem.h"
#include "metrics/counters.h"
#include "operation/claim.h"

/* FINISHED: the request has been answered, or its client has left. */
enum next { NEXT, FINISHED };

/* gateway/protect.c: a protected request from its body on; the table in gateway/gateway.c has their
 * order. */
enum next protect_read_body(struct request *r);
enum next protect_look(struct request *r);
enum next protect_claim(struct request *r);
enum next protect_run(struct request *r);

/* Tells what is known about r->op's identity.  NEXT: nothing is. */
enum next protect_tell(struct request *r);
/* What the script learns from us about r->op: ENVIRONMENT of retrysafe(1). */
enum err protect_set_environment(struct request *r) MUSTCHECK;

/* gateway/progress.c */
/* The request for an operation's own address is answered here; others go on. */
enum next progress_resource(struct request *r);
/* Reads Prefer, where the route allows it. */
void progress_take_preference(struct request *r);
/* `found` is running: 202 or 409, and where and when to ask again.  Returns FINISHED. */
enum next progress_tell(struct request *r, const struct operation *found);
/* Until when the first caller waits for its script, clock_mono_us(); 0: to its end; -1: not at all.
 */
int64_t progress_patience_us(const struct request *r);
/*
 * Waits, where the route or the client wants it, until `look` says something else than
 * VERDICT_IN_PROGRESS, or the time is over, or the client has left.  Returns OK or look's errors.
 */
enum err progress_wait(struct request *r, struct operation *found,
	enum err (*look)(struct request *r, struct operation *found, enum verdict *verdict),
	enum verdict *verdict) MUSTCHECK;

/* gateway/replay.c: both return FINISHED */
/* res is freed; is_duplicate: the original of a natural key, for another key. */
enum next replay_recorded(
	struct request *r, const struct operation *found, struct response *res, bool is_duplicate);
/* Lets the script show the result of `found` again. */
enum next replay_anew(struct request *r, const struct operation *found);

/* gateway/gateway.c: opens r->script for r->route, and sets the variables that depend on it. */
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

/* The script's complaints, as they come; each whole line goes to the server's error log. */
void answer_complaint(void *request, const char *text, size_t len);
/* Nothing more comes: what is left without an end of line goes there, too. */
void answer_complaint_end(struct request *r);

/* The counters of the request's deployment; NULL is one that counts nothing. */
struct counters *answer_counters(struct request *r);

#endif
