/* SPDX-License-Identifier: ISC */
/*
 * operation/record.h - from the end of a script to what the store remembers of it
 *
 * Used by the gateway, and by the keeper when the gateway is gone.
 */
#ifndef RETRYSAFE_OPERATION_RECORD_H
#define RETRYSAFE_OPERATION_RECORD_H

#include "base/err.h"
#include "base/spool.h"
#include "config/config.h"
#include "http/language.h"
#include "store/store.h"

#include <sys/types.h>

/* How a result is recorded: all that the keeper needs to record it after the gateway has died. */
struct record_policy {
	enum durability durability;
	int64_t busy_timeout_ms;
	int64_t ttl_ms;
	int64_t tombstone_ms;
	int64_t max_response_bytes;
	bool keeps_head_only;   /* of a response, however long its body is */
	bool needs_exit_zero;   /* another exit status makes it uncertain */
	bool prefers_html;      /* the caller, should a problem be the answer ... */
	enum language language; /* ... in this language, ... */
	const struct page_template
		*frame;               /* ... in this frame; NULL, also in the keeper: our own */
	unsigned char release_on[75]; /* a bit for each status: the key is released */
};

/* How a script ended, and what it printed. */
struct ending {
	int exit_status;   /* 0..255, or 128 + the signal that ended it */
	bool is_killed;    /* a signal ended it */
	bool is_timed_out; /* its time was over, and it was told to end */
	bool is_output_lost;
	int64_t run_us;
	char *output;  /* the whole output, when it is short; owned */
	int output_fd; /* else behind this descriptor, from offset 0; owned; -1: none */
	int64_t output_len;
};

#define ENDING_NONE             \
	{                       \
		.output_fd = -1 \
	}

/* Sets exit_status and is_killed from waitpid(2)'s status. */
void ending_set_status(struct ending *end, int wait_status);
void ending_free(struct ending *end);

/* What record_run() made of a run. */
enum outcome {
	OUTCOME_RECORDED, /* done: the response is stored; with a reason it is a problem of ours */
	OUTCOME_RELEASED, /* absent: the response says that nothing was done */
	OUTCOME_NO_RESPONSE, /* uncertain: it failed, and gave no valid response */
	OUTCOME_TIMED_OUT    /* uncertain: its time was over */
};

struct recorded {
	enum outcome outcome;
	struct response res;         /* OUTCOME_RECORDED, _RELEASED */
	const char *body;            /* where its whole body is: here, in the output, ... */
	int body_fd;                 /* ... or, when that is NULL, behind this descriptor, ... */
	int64_t body_at;             /* ... from this offset on */
	struct spool decoded;        /* the body, when it was taken out of a script's chunks */
	bool is_text;                /* the output has no header: it is all body */
	bool proves_end;             /* a length, a last chunk, or a status without a body says
					that nothing is missing */
	int64_t ttl_ms;              /* what the script asked for; 0: nothing */
	char reason[REASON_MAX + 1]; /* why there is no valid response: a sentence for people */
};

#define RECORDED_NONE                                  \
	{                                              \
		.body_fd = -1, .decoded = SPOOL_CLOSED \
	}

void recorded_free(struct recorded *rec);

/*
 * record_run - decides what an ended run is, and writes it (running -> done | uncertain | absent)
 *
 *   end   borrowed
 *   out   always set; recorded_free() it; its body is in `end` or in itself
 *
 * A script that exits 0 has ended.  Where its output is no valid response the operation is done all
 * the same, with a problem (502 script-failed) as its response.  The output of such a
 * run, and of one that becomes uncertain, is kept for the operator: PRINTED_MAX bytes of it.
 *
 * A response over policy->max_response_bytes is done as well: its head is kept, its body is not
 * (out->res.is_kept is false).
 * Returns OK: it is in the store.  ERR_REFUSED: the operation was settled without this run; its
 * record stands.  Else a write's errors (store/store.h): call again with the same ending.  Blocks.
 */
enum err record_run(struct store *st, const struct operation *op,
	const struct record_policy *policy, const struct ending *end,
	struct recorded *out) MUSTCHECK;

/*
 * record_settled - an uncertain operation turned out to have been done, with this response
 *
 *   op     op->state is STATE_UNCERTAIN
 *   end    end->output: the response, in the form of a CGI script's
 *   event, detail  for its history
 *
 * Returns OK; ERR_INVALID it is not a valid CGI response (nothing happened, err_text() says why);
 * ERR_REFUSED it is not uncertain any more; else a write's errors.  Blocks.
 */
enum err record_settled(struct store *st, const struct operation *op,
	const struct record_policy *policy, const struct ending *end, const char *event,
	const char *detail) MUSTCHECK;

/*
 * record_response - what would be recorded of an ending, without recording it
 *
 *   spool  the spool directory, for a large body that has to be decoded
 *   out    always set; recorded_free() it
 *
 * Returns OK; ERR_INVALID it is not a complete, valid response; ERR_FULL; ERR_NOMEM; ERR_SYSTEM.
 */
enum err record_response(const struct ending *end, const struct record_policy *policy,
	const char *spool, struct recorded *out) MUSTCHECK;

/* The part of the configuration about recording runs of a route. */
struct record_policy record_policy_of(const struct config *cf, const struct route *route);

#endif
