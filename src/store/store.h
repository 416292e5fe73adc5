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
 *     durable       with DURABILITY_FULL, what a call returned OK for survives a loss of power,
 *                   as far as the disk's fsync is honest
 *     fenced        an operation is moved on only by the holder of its token
 *     never empty   a store that has gone missing or is damaged is refused, not made anew
 *
 * WHAT IT DOES NOT KNOW
 *     HTTP, processes, configuration files.  It carries out the moves of an operation that
 *     operation/claim.c and operation/record.c ask for; why a move is made is decided there.
 *
 * All functions but store_open() and store_close() may be called from several threads at once.
 * "Blocks" means: for a write, until it is committed, at most about busy_timeout_ms while it is
 * still waiting for its turn.  All times are wall clock milliseconds (base/clock.h), given by the
 * caller, but for deadline_mono_ms.
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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define IDENTITY_LEN    16 /* bytes: keyed digest of route, scope and key */
#define IDENTITY_SHOWN  6  /* bytes of it that people see */
#define FINGERPRINT_LEN 32 /* bytes: keyed digest of what was asked */
#define PRINCIPAL_LEN   16 /* bytes: keyed digest of the credentials; all zero: none */
#define NATURAL_LEN     16 /* bytes: keyed digest of a natural key */
#define TOKEN_LEN       16 /* bytes: random; who holds it may move the operation on */
#define SECRET_LEN      32 /* bytes: the key of all digests, made with the store */
#define REF_LEN         32 /* characters of a ref: 32 lower-case hexadecimal digits */
#define ROUTE_NAME_MAX  255
#define REASON_MAX      255

/* What each one means stands at the head of operation/claim.c. */
enum state {
	STATE_ABSENT,
	STATE_CLAIMED,
	STATE_RUNNING,
	STATE_DONE,
	STATE_UNCERTAIN,
	STATE_EXPIRED,
	STATE__MAX
};

struct operation {
	int64_t id;    /* time-ordered, random at the end; with nonce it makes the ref */
	int64_t nonce; /* random */
	unsigned char identity[IDENTITY_LEN];
	unsigned char fingerprint[FINGERPRINT_LEN];
	unsigned char principal[PRINCIPAL_LEN];
	char route[ROUTE_NAME_MAX + 1];
	enum state state;
	int attempts;
	int64_t created_ms;
	int64_t updated_ms;
	int64_t expires_ms;   /* STATE_DONE: when its response is dropped; STATE_EXPIRED: when it is
				 forgotten; else 0 */
	int64_t forgotten_ms; /* STATE_DONE, STATE_EXPIRED: when the key is free again; else 0 */
	int status;           /* STATE_DONE, STATE_EXPIRED: HTTP status of the response */
	int64_t bytes;        /* bytes of its body */
	int exit_status; /* exit status of the script, or 128 + the signal that ended it; -1 not
			    known */
	char reason[REASON_MAX + 1]; /* why it is uncertain, or another remark; may be empty */

	/* While it runs: the evidence. */
	unsigned char token[TOKEN_LEN];
	int64_t witness;          /* see store_witness() */
	int64_t boot_id;          /* clock_boot_id() when it was claimed */
	int64_t deadline_mono_ms; /* clock_mono_us() / 1000 at which its end should have been
				     recorded, whatever happened */
};

/* The recorded response: what cgi/response.h made of a script's output. */
#define RESPONSE_INLINE_MAX (256 * 1024) /* bytes of a body that are kept with its head */
struct response {
	int status;
	char *head; /* see struct cgi_response; owned */
	size_t head_len;
	char *body; /* the first body_inline_len bytes of the body; owned */
	size_t body_inline_len;
	int64_t body_len; /* bytes of the whole body */
	bool is_kept;     /* false: the body was over max_response and is not in the store */
};
void response_free(struct response *r);

struct store;

struct store_options {
	const char *url;   /* "sqlite:/path/to/file" */
	const char *spool; /* directory, made when missing: the sentinel that tells a store that
			      has gone missing from one that never was */
	enum durability durability;
	int64_t busy_timeout_ms;
	bool may_create;   /* false: a store that is not there is ERR_ABSENT */
	bool is_read_only; /* nothing is written, not even the schema */
};

/*
 * store_open - opens a store, and makes it when it never was there
 *
 * What store_find() and its like return is on disk, so that nothing is answered from a page cache
 * that a loss of power would take away.
 *
 * Returns OK; ERR_REFUSED a network file system, readable by others, or a newer schema;
 * ERR_BROKEN missing although it was there before, damaged, or another program's file; ERR_ABSENT;
 * ERR_BUSY, ERR_FULL, ERR_NOMEM, ERR_SYSTEM.  Blocks.  Not before fork(): no connection crosses
 * one.
 */
enum err store_open(const struct store_options *opt, struct store **out) MUSTCHECK;
void store_close(struct store **st);

/* The spool directory it was opened with; borrowed from st. */
const char *store_spool(const struct store *st);

/* The secret for all digests; SECRET_LEN bytes; borrowed from st. */
const unsigned char *store_secret(const struct store *st);

/*
 * store_witness - the number by which this process, and whoever holds a copy of
 * store_witness_fd(), proves to be alive
 *
 * The proof is a lock on one byte of the store's lock file, on an open file description of its
 * own.  The kernel lets go of it when the last copy of the descriptor is gone, however that came
 * about; a number is never used again.
 */
int64_t store_witness(const struct store *st);
int store_witness_fd(const struct store *st);
/* Does anybody hold that witness?  When it cannot be found out the answer is true. */
bool store_witness_is_alive(const struct store *st, int64_t witness);

/*
 * store_hold_result - says, until this process ends, that it has the result of a run and goes on
 * trying to record it
 *
 * Works when the store itself does not: a lock on the operation's own byte of the lock file.  It
 * may fail silently; the result is then recorded all the same if nobody settles the operation
 * before.
 */
void store_hold_result(const char *url, int64_t op_id);
bool store_result_is_held(const struct store *st, int64_t op_id);

/*
 * store_take_waiting_slot - takes one of a route's places for those who wait, in all processes
 *
 *   fd  set on OK: close it to give the place back, which the kernel does for the dead
 *
 * Returns OK; ERR_BUSY all `places` are taken; ERR_NOMEM, ERR_SYSTEM.  Does not block.
 */
enum err store_take_waiting_slot(
	const struct store *st, const char *route, int64_t places, int *fd) MUSTCHECK;

/*
 * store_lock_settling - becomes the only one who finds out what became of an uncertain operation
 *
 *   fd  set on OK: close it to let go
 *
 * Returns OK; ERR_BUSY somebody else does; ERR_NOMEM, ERR_SYSTEM.  Does not block.
 */
enum err store_lock_settling(const struct store *st, int64_t op_id, int *fd) MUSTCHECK;

/*
 * store_find - what is known about an identity, or about a ref
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

/* What is taken together with an identity, or not at all. */
struct claim {
	const struct operation *op;   /* all of it, as claim_prepare() makes it */
	const unsigned char *natural; /* NATURAL_LEN bytes: digest of a natural key; NULL: none */
	int64_t natural_ttl_ms;       /* counted from the record; 0: for ever */
	const char *webhook;          /* URL that hears how the operation ends; NULL: nobody */
	bool webhook_is_trusted;      /* the operator chose its host */
	int64_t webhook_max_age_ms;
	int64_t max_running;     /* of the route; 0: no limit */
	int64_t max_running_all; /* likewise, of all routes */
};

enum claimed {
	CLAIM_TAKEN,
	CLAIM_THERE,     /* somebody else has the identity */
	CLAIM_DUPLICATE, /* somebody else has the natural key */
	CLAIM_FULL       /* as many as are allowed are running, or look so (claim_settle()) */
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
 * Returns OK, op and res are set as by store_find(); ERR_ABSENT nobody has it, or its operation has
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
	const char *event, *detail; /* for the history; NULL: nothing */
	bool keeps_natural;         /* the natural key stays taken, for as long as the claim said */
};

/*
 * store_record - the script ended with this response (running -> done), or it turned out that it
 * had (uncertain -> done, when op->state says STATE_UNCERTAIN)
 *
 * The response is written first, in pieces when it is large, so that other callers get their turn
 * in between; the operation is moved last.  May be called again after any error: what is there
 * already is recognised.
 *
 * Returns OK; ERR_REFUSED the operation was settled without the holder of this token; else a
 * write's errors.  Blocks.
 */
enum err store_record(struct store *st, const struct record *rec) MUSTCHECK;

/*
 * store_mark_uncertain - nobody can know what became of the run (running -> uncertain)
 *
 * Returns OK; ERR_REFUSED the operation is no longer this token's; else a write's errors.  Blocks.
 */
enum err store_mark_uncertain(struct store *st, const struct operation *op, int exit_status,
	const char *reason, int64_t now_ms) MUSTCHECK;

/*
 * store_save_request - keeps the request of a running operation, for whoever has to find out later
 * what became of it; dropped when the operation is done
 *
 *   variables  "NAME=value" strings, each with its NUL; len bytes in all
 *   body_fd    body_len bytes from offset 0
 *
 * Returns OK; ERR_REFUSED the operation is no longer this token's; else a write's errors.  Blocks.
 */
enum err store_save_request(struct store *st, const struct operation *op, const char *variables,
	size_t len, int body_fd, int64_t body_len) MUSTCHECK;

/* What store_save_request() kept. */
struct stored_request {
	char *variables; /* owned */
	size_t variables_len;
	char *body; /* owned */
	size_t body_len;
};
/* Returns OK: out is set, stored_request_free() it; ERR_ABSENT none was kept; a read's errors. */
enum err store_find_request(struct store *st, int64_t op_id, struct stored_request *out) MUSTCHECK;
void stored_request_free(struct stored_request *r);

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

/*
 * store_purge - drops everything that has expired at now_ms, in short transactions
 *
 * Writes purge a little by themselves; this does it all.  *dropped: responses, *forgotten:
 * operations.  Returns OK or a write's errors; what was purged until then stays purged.
 */
enum err store_purge(
	struct store *st, int64_t now_ms, int64_t *dropped, int64_t *forgotten) MUSTCHECK;

/* Where store_purge_into() puts what it removes. */
struct archive {
	/*
	 * res is the response that goes; NULL: all else that is known of op goes.  May read the
	 * rest of the body and the history; ERR_ABSENT: they are gone.  May take its time.
	 */
	enum err (*write)(const struct operation *op, const struct response *res, void *arg);
	/* What was written stays, whatever happens. */
	enum err (*sync)(void *arg);
	void *arg;
};

/*
 * store_purge_into - store_purge(), but nothing is removed before the archive has it
 *
 * From then on gateways purge nothing by themselves, so that all of it gets into the archive, until
 * store_purge() is called or this has not been called for eight days.
 *
 * Returns OK; what the archive returned, and then nothing that it was given since its last sync has
 * been removed; ERR_BUSY another purge is at work; ERR_BROKEN a response is damaged; else a write's
 * errors.  What was removed until then stays removed; after a failure the archive may be given it
 * again.
 */
enum err store_purge_into(struct store *st, const struct archive *archive, int64_t now_ms,
	int64_t *dropped, int64_t *forgotten) MUSTCHECK;

/*
 * store_list - calls `each` for operations, newest first
 *
 *   state  STATE_ABSENT: any        route  NULL: any        limit  <= 0: no limit
 *
 * `each` returns false to stop; it may write.
 */
struct store_filter {
	enum state state;
	const char *route;
	int64_t limit;
};
enum err store_list(struct store *st, const struct store_filter *filter,
	bool (*each)(const struct operation *op, void *arg), void *arg) MUSTCHECK;

/* One line of an operation's history, oldest first. */
struct history {
	int64_t at_ms;
	const char *event;  /* a word: "uncertain", "released", ... */
	const char *detail; /* may be empty */
};
enum err store_history(struct store *st, int64_t op_id,
	bool (*each)(const struct history *h, void *arg), void *arg) MUSTCHECK;

/*
 * Messages: whoever asked for it hears how an operation ended (done, uncertain, or absent: nothing
 * was done), at least once.  They are written by the same transaction that moves the operation.
 */
enum message_fate { MESSAGE_DELIVERED, MESSAGE_AGAIN, MESSAGE_GIVEN_UP };

struct message {
	int64_t id;
	char ref[REF_LEN + 1];
	char route[ROUTE_NAME_MAX + 1];
	char *url; /* owned; message_free() */
	bool is_trusted;
	enum state state;
	int status; /* 0: none */
	int64_t bytes;
	int attempts;
	int64_t created_ms, updated_ms; /* of the operation */
	int64_t give_up_ms;             /* no try begins after that */
	int64_t due_ms;                 /* the next try; 0: none */
	int tries;
	char said[REASON_MAX + 1]; /* what came of the last try; "" before the first */
};
void message_free(struct message *m);

/* What became of it, for `show`: "waiting", "delivered" or "given up"; static. */
const char *message_state(const struct message *m);

/*
 * store_message_wait - how long until a message is due
 *
 *   wait_ms  set on OK: 0 one is due; -1 there is none to be delivered
 *
 * Returns OK or a read's errors.  Does not block.
 */
enum err store_message_wait(struct store *st, int64_t now_ms, int64_t *wait_ms) MUSTCHECK;

/*
 * store_message_take - the message that has been due longest, with one try more; or one whose time
 * is over, which is given up by this very call: its due_ms is 0, and it must not be tried
 *
 *   lease_ms  until then nobody else gets it; when the caller dies, it is due again
 *   wait_ms   set on ERR_ABSENT: how long until one is due; -1: there is none
 *
 * Returns OK, message_free() it; ERR_ABSENT none is due; a read's or a write's errors.  Blocks.
 */
enum err store_message_take(struct store *st, int64_t now_ms, int64_t lease_ms, struct message *out,
	int64_t *wait_ms) MUSTCHECK;

/*
 * store_message_end - what came of the try
 *
 *   due_ms  MESSAGE_AGAIN: when to try next
 *   said    a few words for `show`
 *
 * Returns OK, also when somebody else has tried since; else a write's errors.  Blocks.
 */
enum err store_message_end(struct store *st, const struct message *m, enum message_fate fate,
	int64_t due_ms, const char *said) MUSTCHECK;

/*
 * store_message_postpone - the messages that are due for a receiver that does not answer wait until
 * due_ms, so that they do not hold up those for others
 *
 *   origin  scheme, host and port, as the URLs are written: "https://hooks.example.org"
 *
 * Returns OK or a write's errors.  Blocks.
 */
enum err store_message_postpone(
	struct store *st, const char *origin, int64_t now_ms, int64_t due_ms) MUSTCHECK;

/* Calls `each` for the messages of an operation, oldest first, as store_list() does. */
enum err store_messages(struct store *st, int64_t op_id,
	bool (*each)(const struct message *m, void *arg), void *arg) MUSTCHECK;

/* Sizes for `retrysafe stats`. */
struct store_sizes {
	int64_t operations[STATE__MAX]; /* by state */
	int64_t responses_bytes;        /* bodies as recorded */
	int64_t file_bytes;             /* the database file */
	int64_t log_bytes;              /* the write-ahead log */
};
enum err store_measure(struct store *st, struct store_sizes *out) MUSTCHECK;

/* The engine's name and version, such as "SQLite 3.40.1"; static. */
const char *store_engine_version(void);

/* The ref of an operation as text: REF_LEN characters and a NUL. */
void operation_ref(const struct operation *op, char ref[REF_LEN + 1]);

/* "running" and so on; never NULL. */
const char *state_name(enum state s);

#endif
