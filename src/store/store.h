/* SPDX-License-Identifier: ISC */
/*
 * store/store.h - the durable memory of operations and their responses
 *
 * NAME
 *     store - one interface; the engine behind it is chosen by the store's URL
 *
 * WHAT IT PROMISES
 *     one winner    of all callers in all processes of this host, at most one is told that it
 *                   took an identity
 *     durable       with DURABILITY_FULL, a write that returned OK survives a loss of power, as far
 *                   as the disk's fsync is honest
 *     fenced        an operation is moved on only by the holder of its token
 *     never empty   a store that has gone missing or is damaged is refused, not made anew
 *
 * WHAT IT DOES NOT KNOW
 *     HTTP, processes, configuration files.  It carries out the moves of an operation that
 *     operation/claim.c and operation/record.c ask for; why a move is made is decided there.
 *
 * All functions but store_open() and store_close() may be called from several threads at once.
 * "Blocks" means: for a write, until it is committed, at most about busy_timeout_ms while it is
 * still waiting for its turn.  All times are milliseconds of the store's clock, store_now_ms(),
 * given by the caller, but for deadline_mono_ms.
 *
 * Errors of every write
 *     ERR_BUSY     nothing happened: no turn within busy_timeout_ms
 *     ERR_FULL     nothing happened: disk, quota or database is full
 *     ERR_BROKEN   nothing happened: the store is missing, damaged or not ours
 *     ERR_NOMEM, ERR_SYSTEM
 *                  nothing happened
 *     ERR_UNKNOWN  the commit failed half-way: it may have happened
 */
#ifndef RETRYSAFE_STORE_STORE_H
#define RETRYSAFE_STORE_STORE_H

#include "base/err.h"
#include "base/settings.h"
#include "store/operation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

struct store_options {
	const char *url;   /* "sqlite:/path/to/file" */
	const char *spool; /* directory, made when missing: the sentinel that tells a store that
			      has gone missing from one that never was */
	enum durability durability;
	int64_t busy_timeout_ms;
	int64_t max_bytes;     /* as large as the store may be for a claim; 0: no limit */
	int64_t reserve_bytes; /* as much as it may grow by afterwards, for what was claimed */
	bool may_create;       /* false: a store that is not there is ERR_ABSENT */
	bool is_read_only;     /* nothing is written, not even the schema */
	bool *accepted_copy;   /* NULL: a copy (store/backup.h) is refused.  Else it becomes the
				  store, and this is set to whether it was one */
};

/*
 * store_open - opens a store, and makes it when it never was there
 *
 * What store_find() and its like return is on disk, so that nothing is answered from a page cache
 * that a loss of power would take away.
 *
 * Returns OK; ERR_REFUSED a network file system, readable by others, or another schema;
 * ERR_BROKEN missing although it was there before, damaged, a copy (store/backup.h), or another
 * program's file; ERR_ABSENT;
 * ERR_BUSY, ERR_FULL, ERR_NOMEM, ERR_SYSTEM.  Blocks.  Not before fork(): no connection crosses
 * one.
 */
enum err store_open(const struct store_options *opt, struct store **out) MUSTCHECK;
void store_close(struct store **st);

/*
 * store_now_ms - the store's time: milliseconds since 1970, as far as the wall clock is believed
 *
 * It is what decides when something expires: it never goes back, follows the wall clock, and
 * believes a jump forward of more than a day when it has lasted a day (store/clock.h).  What people
 * are shown is in this time, too.  Neither fails nor blocks; of any thread.
 */
int64_t store_now_ms(struct store *st);

/* The spool directory it was opened with; borrowed from st. */
const char *store_spool(const struct store *st);

/* The secret for all digests; SECRET_LEN bytes; borrowed from st. */
const unsigned char *store_secret(const struct store *st);

/*
 * store_find - looks up an identity, or a ref
 *
 *   op   set on OK
 *   res  set on OK when op->state is STATE_DONE, else cleared; may be NULL.  response_free() it.
 *
 * Returns OK; ERR_ABSENT; ERR_BROKEN also when a recorded response does not match its digest;
 * ERR_BUSY, ERR_NOMEM, ERR_SYSTEM.  Reads only; does not wait for writers.
 */
enum err store_find(struct store *st, const unsigned char identity[IDENTITY_LEN],
	struct operation *op, struct response *res) MUSTCHECK;
enum err store_find_ref(
	struct store *st, const char *ref, struct operation *op, struct response *res) MUSTCHECK;

/*
 * store_find_released - an operation that was released in the last ten minutes, by its ref
 *
 *   op  set on OK: state STATE_ABSENT, with ref, identity, fingerprint, principal and place only
 *
 * Returns OK; ERR_ABSENT; a read's errors.  Another operation may have its identity by now.
 */
enum err store_find_released(
	struct store *st, const char *ref, int64_t now_ms, struct operation *op) MUSTCHECK;

/* All of it is taken together, or nothing. */
struct claim {
	const struct operation *op;   /* all of it, as claim_prepare() makes it */
	const unsigned char *natural; /* NATURAL_LEN bytes: digest of a natural key; NULL: none */
	int64_t natural_ttl_ms;       /* counted from the record; 0: for ever */
	const char *webhook;          /* URL that is told how the operation ends; NULL: none */
	bool webhook_is_trusted;      /* the operator chose its host */
	int64_t webhook_max_age_ms;
	int64_t max_running;     /* of the route; 0: no limit */
	int64_t max_running_all; /* of all routes together; 0: no limit */
	int64_t max_recorded;    /* bytes that are kept for the route; 0: no limit */
};

enum claimed {
	CLAIM_TAKEN,
	CLAIM_THERE,      /* another operation has the identity, or the id */
	CLAIM_DUPLICATE,  /* another operation has the natural key */
	CLAIM_FULL,       /* as many as are allowed are running, or look so (claim_settle()) */
	CLAIM_STORE_FULL, /* the store holds max_bytes */
	CLAIM_ROUTE_FULL  /* the route's operations hold max_recorded */
};

/*
 * store_claim - takes an identity (absent -> running), or, with attempts over 1, takes over the row
 * of op->id that was freed or is uncertain after one attempt less
 *
 *   result  set on OK
 *
 * Returns OK; else a write's errors.  After ERR_UNKNOWN the store itself takes the claim back as
 * soon as it can be written again; the caller must not run anything.  Blocks.
 */
enum err store_claim(struct store *st, const struct claim *claim, enum claimed *result) MUSTCHECK;

/*
 * store_find_natural - the operation that has a natural key
 *
 * Returns OK, op and res are set as by store_find(); ERR_ABSENT it is free, or its operation has
 * been forgotten (then *is_taken is true); a read's errors.
 */
enum err store_find_natural(struct store *st, const unsigned char natural[NATURAL_LEN],
	int64_t now_ms, struct operation *op, struct response *res, bool *is_taken) MUSTCHECK;

/*
 * store_release - nothing was started: the identity is free again (running -> absent)
 *
 * Returns OK, also when the operation is no longer there or no longer this token's; else a write's
 * errors; after them the store releases it itself as soon as it can be written, as long as this
 * process lives.  Blocks.
 */
enum err store_release(struct store *st, const struct operation *op) MUSTCHECK;

/* The output of a script that gave no valid response, for the operator. */
#define PRINTED_MAX 65536 /* bytes of it that are kept */
struct printed {
	const char *bytes;
	size_t len;        /* at most PRINTED_MAX */
	int64_t total_len; /* bytes that it printed */
};

/* What becomes of a run, for store_record(). */
struct record {
	const struct operation *op; /* id and token count */
	const struct response *res; /* body_inline_len bytes are in res->body */
	int body_fd;                /* the rest of the body is read from here ... */
	int64_t body_at; /* ... at this offset of the whole body's first byte; -1: none */
	int64_t now_ms;
	int64_t ttl_ms;
	int64_t tombstone_ms;
	int exit_status;
	const char *event, *detail;    /* for the history; NULL: nothing */
	const char *reason;            /* a remark that stays with the operation; NULL: none */
	const struct printed *printed; /* kept until the response is dropped; NULL: nothing */
	bool keeps_natural; /* the natural key stays taken, for as long as the claim said */
};

/*
 * store_record - the script ended with this response (running -> done), or it turned out that it
 * had (uncertain -> done, when op->state says STATE_UNCERTAIN)
 *
 * The response is written first, in pieces when it is large, so that other callers get their turn
 * in between; the operation is moved last.  May be called again after any error: an earlier call
 * that did happen is recognised by its response.
 *
 * Returns OK; ERR_REFUSED the operation was settled without the holder of this token; else a
 * write's errors.  Blocks.
 */
enum err store_record(struct store *st, const struct record *rec) MUSTCHECK;

/*
 * store_mark_uncertain - the end of the run was not seen and cannot be found out (running ->
 * uncertain)
 *
 * Returns OK; ERR_REFUSED the operation is no longer this token's; else a write's errors.  Blocks.
 */
enum err store_mark_uncertain(struct store *st, const struct operation *op, int exit_status,
	const char *reason, int64_t now_ms) MUSTCHECK;

/* store_mark_uncertain(), with the output of the script until then, which is kept until the
 * operation is forgotten, or its response is dropped.  printed: NULL: nothing. */
enum err store_mark_uncertain_printed(struct store *st, const struct operation *op, int exit_status,
	const char *reason, const struct printed *printed, int64_t now_ms) MUSTCHECK;

/*
 * store_find_printed - what a script printed in vain
 *
 *   bytes  set on OK: out->bytes, which the caller frees
 *
 * Returns OK; ERR_ABSENT nothing was kept; a read's errors.
 */
enum err store_find_printed(
	struct store *st, int64_t op_id, struct printed *out, char **bytes) MUSTCHECK;

/*
 * store_save_request - stores the request of a running operation, for a policy that has to find out
 * later what became of it; dropped when the operation is done
 *
 *   variables  "NAME=value" strings, each with its NUL; len bytes in all
 *   body_fd    body_len bytes from offset 0
 *   keep_ms    for how long after the operation has become uncertain
 *
 * Returns OK; ERR_REFUSED the operation is no longer this token's; else a write's errors.  Blocks.
 */
enum err store_save_request(struct store *st, const struct operation *op, const char *variables,
	size_t len, int body_fd, int64_t body_len, int64_t keep_ms) MUSTCHECK;

/* Returns OK: out is set, stored_request_free() it; ERR_ABSENT none was kept; a read's errors. */
enum err store_find_request(struct store *st, int64_t op_id, struct stored_request *out) MUSTCHECK;

/*
 * store_free - an uncertain operation was not done, or may be run again (uncertain -> absent)
 *
 * Its row stays for 30 days, with its ref, attempts and history; a claim with attempts one
 * higher takes it over (store_claim()).
 *
 *   event, detail  for its history
 *
 * Returns OK; ERR_REFUSED it is not uncertain, or not of this many attempts, any more; else a
 * write's errors.  Blocks.
 */
enum err store_free(struct store *st, const struct operation *op, const char *event,
	const char *detail, int64_t now_ms) MUSTCHECK;

/*
 * store_note - adds to the history of an uncertain operation; op->updated_ms becomes now_ms
 *
 * Returns OK; ERR_REFUSED it is not uncertain any more; else a write's errors.  Blocks.
 */
enum err store_note(struct store *st, const struct operation *op, const char *event,
	const char *detail, int64_t now_ms) MUSTCHECK;

/*
 * store_read_body - reads on in the body of a recorded response
 *
 *   at   offset in the whole body, >= RESPONSE_INLINE_MAX and a multiple of it
 *   buf  RESPONSE_INLINE_MAX bytes; *len is set to what was read, 0 at the end
 *
 * Returns OK; ERR_ABSENT it has been purged in the meantime; ERR_BROKEN; ERR_NOMEM, ERR_SYSTEM.
 */
enum err store_read_body(
	struct store *st, int64_t op_id, int64_t at, char *buf, size_t *len) MUSTCHECK;

/* The engine's name and version, such as "SQLite 3.40.1"; static. */
const char *store_engine_version(void);

#endif
