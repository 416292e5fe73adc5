/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/engine.h - what the files of the SQLite engine share; private to store_*.c
 *
 *   store/sqlite/open.c   opening, connections, statements
 *   store/sqlite/schema.c   the tables, and their upgrades
 *   store/sqlite/location.c    where the store is, the sentinel
 *   store/sqlite/witness.c  proofs of life
 *   store/sqlite/lock.c     the writer lock, and whose turn it is
 *   store/sqlite/writer.c   writing for all that wait: queue, group commit, the thread
 *   store/sqlite/upkeep.c   what is done by the way: purging, moving the log
 *   store/sqlite/claim.c     the writes: claim, release, record, doubt
 *   store/sqlite/purge.c    the same that time makes: dropped responses, forgotten operations
 *   store/sqlite/natural.c  natural keys
 *   store/sqlite/outbox.c   messages about how operations ended
 *   store/sqlite/settle.c   the moves of an uncertain operation, and the requests kept for them
 *   store/sqlite/find.c     the reads: find, list, history, sizes
 */
#ifndef RETRYSAFE_STORE_SQLITE_ENGINE_H
#define RETRYSAFE_STORE_SQLITE_ENGINE_H

#include "store/archive.h"
#include "store/listing.h"
#include "store/liveness.h"
#include "store/outbox.h"
#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>
#include <sys/types.h>

#define STORE_APPLICATION_ID 0x52535446 /* "RSTF" */
#define STORE_SCHEMA_VERSION 2
#define STORE_ID_LEN         16
#define FREED_MS             (INT64_C(30) * 24 * 3600 * 1000) /* how long a freed row keeps its history */

/* Every statement has a name, and is prepared once per connection, at its first use. */
enum statement {
	ST_BEGIN,
	ST_COMMIT,
	ST_FIND,
	ST_FIND_ID,
	ST_RESPONSE,
	ST_CHUNK,
	ST_LIST,
	ST_LIST_OPEN,
	ST_HISTORY,
	ST_COUNT,
	ST_ROUTE_ID,
	ST_ROUTE_ADD,
	ST_CLAIM,
	ST_RELEASE,
	ST_DONE,
	ST_RESPONSE_ADD,
	ST_RESPONSE_DROP,
	ST_CHUNK_ADD,
	ST_CHUNK_DROP,
	ST_DOUBT,
	ST_EXPIRE,
	ST_FORGET,
	ST_DUE,
	ST_VACUUM,
	ST_DATA_VERSION,
	ST_FREE_PAGES,
	ST_TOUCH,
	ST_HISTORY_ADD,
	ST_HISTORY_DROP,
	ST_RETAKE,
	ST_RELEASE_AGAIN,
	ST_FREE,
	ST_NOTE,
	ST_REQUEST_ADD,
	ST_REQUEST_DROP,
	ST_REQUEST,
	ST_NATURAL,
	ST_NATURAL_ADD,
	ST_NATURAL_OF,
	ST_NATURAL_KEEP,
	ST_NATURAL_DROP,
	ST_NATURAL_PURGE,
	ST_RUNNING,
	ST_WEBHOOK_ADD,
	ST_WEBHOOK_DROP,
	ST_WEBHOOK_LEAVE,
	ST_POST,
	ST_OUTBOX_DROP,
	ST_MESSAGE_NEXT_DUE,
	ST_MESSAGE_FIRST,
	ST_MESSAGE_TAKE,
	ST_MESSAGE_END,
	ST_MESSAGE_DROP,
	ST_MESSAGE_AFTER,
	ST_MESSAGE_POSTPONE,
	ST_ARCHIVED,
	ST_ARCHIVED_NOW,
	ST_ARCHIVED_NEVER,
	ST_SET_ASIDE,
	ST__MAX
};

/* One connection; used by one thread at a time. */
struct conn {
	sqlite3 *db;
	sqlite3_stmt *stmt[ST__MAX];
	enum err why;      /* the last time conn_statement() gave NULL */
	struct conn *next; /* while it waits in the store's list of readers */
};

/* A write that waits for its turn.  Lives on the stack of the thread that waits for it. */
struct job {
	enum err (*work)(struct store *st, struct conn *c, void *arg);
	void *arg;
	enum err result;
	char text[512];         /* err_text() of the writing thread */
	_Atomic uint32_t stage; /* whoever waits for it sleeps on this word */
	struct job *next;
};

/* Stages of a job.  Below JOB_TAKEN it waits; each call to lead changes JOB_CALLED, so that none is
 * missed. */
enum { JOB_WAITING = 0, JOB_CALLED = 1, JOB_TAKEN = 2, JOB_FINISHED = 3 };

/* A claim that must be taken back: nothing was started for it. */
struct pending_release {
	int64_t op_id;
	unsigned char token[TOKEN_LEN];
	struct pending_release *next;
};

/* Which file a path led to when the store was opened. */
struct file_id {
	dev_t dev;
	ino_t ino; /* 0: not known yet */
};

struct store {
	char *path;      /* the database */
	char *lock_path; /* path + "-lock" */
	char *spool;
	char *sentinel; /* file in the spool that remembers this store's id */
	struct file_id path_id, lock_id;
	enum durability durability;
	int64_t busy_timeout_ms;
	bool is_read_only;
	_Atomic bool is_log_synced;
	unsigned char id[STORE_ID_LEN];
	unsigned char secret[SECRET_LEN];

	int lock_fd;    /* the writer lock (byte 0); this description is never shared */
	int witness_fd; /* the witness (byte `witness`); shared with the keeper */
	int64_t witness;

	pthread_mutex_t readers_mutex;
	struct conn *readers; /* idle ones */

	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t work_there;
	struct job *first, **last;
	struct pending_release *pending_releases;
	bool has_thread, must_stop;
	bool is_asked; /* the thread is to write next */
	bool is_busy;  /* somebody writes; what follows is his */
	pthread_t thread;

	/* Of whoever writes. */
	struct conn *writer; /* NULL: to be opened (again) */
	int wal_pages;       /* in the log after the last commit */
	bool has_recovered;  /* it was opened by nobody else, and the log had to be read */
	bool has_purged;     /* it goes by the clock from now on */
	bool is_purge_due;   /* the log has grown by so much again */
	int64_t next_purge_us, next_restart_us;
	int64_t commit_us; /* what the last one took */
	int64_t no_turns_until_us;
};

/* store/sqlite/location.c */
/* Fills in the paths. */
enum err location_set(struct store *st, const struct store_options *opt) MUSTCHECK;
/*
 * Is the store there, and may it be?  known: the id that the sentinel remembers, "" without one.
 * OK; ERR_ABSENT there is none and never was one; else it must not be used.
 */
enum err location_look(struct store *st, const struct store_options *opt,
	char known[2 * STORE_ID_LEN + 1]) MUSTCHECK;
/* Files that root makes in somebody else's directory would lock that account out of its own store.
 */
enum err location_check_account(const struct store *st) MUSTCHECK;
/* Writes the sentinel. */
enum err location_remember(const struct store *st) MUSTCHECK;
enum err location_refuse_missing(const struct store *st);
/* ERR_BROKEN: the paths no longer lead to the files that were opened. */
enum err store_is_there(const struct store *st) MUSTCHECK;

/* store/sqlite/witness.c */
enum err witness_take(struct store *st) MUSTCHECK;

/* store/sqlite/open.c */
enum err conn_open(struct store *st, struct conn **out) MUSTCHECK;
/* From now on it may write. */
enum err conn_let_write(struct store *st, struct conn *c) MUSTCHECK;
/* Sets st->writer. */
enum err writer_open(struct store *st) MUSTCHECK;
void conn_close(struct conn **c);
/* The statement, ready to be bound; NULL after an error: c->why and err_text() say which. */
sqlite3_stmt *conn_statement(struct conn *c, enum statement which);
/* Turns an SQLite result code into an error that says "doing: what SQLite says". */
enum err conn_error(struct conn *c, int rc, const char *doing);
/* Runs a statement to its end and resets it.  Constraint violations are ERR_REFUSED. */
enum err conn_run(struct conn *c, sqlite3_stmt *stmt, const char *doing) MUSTCHECK;

enum err conn_execute(struct conn *c, const char *text, const char *doing) MUSTCHECK;
/* One integer or text value from a one-row statement. */
enum err conn_ask(struct conn *c, const char *text, char *out, size_t size) MUSTCHECK;

/* store/sqlite/schema.c */
/*
 * Makes the database, or finishes one whose making was cut off, under the writer lock.  Another
 * process may have been faster; what has anything in it is left as it is.
 */
enum err schema_create(struct store *st) MUSTCHECK;
/* Is it ours, and of a version that we know?  Brings an older one forward.  ERR_ABSENT: empty. */
enum err schema_check(struct store *st, struct conn *c) MUSTCHECK;

/* store/sqlite/lock.c */
/* Takes the writer lock.  ERR_BUSY: somebody has it, or, with may_wait, SIGURG ended the wait; the
 * thread then must have a handler for it, and not block it. */
enum err lock_take(struct store *st, bool may_wait) MUSTCHECK;
/* The same for opening: ERR_BUSY after busy_timeout_ms. */
enum err store_lock(struct store *st) MUSTCHECK;
void store_unlock(struct store *st);

/* store/sqlite/writer.c: runs `work` inside a write transaction, together with others that wait. */
enum err store_write(struct store *st,
	enum err (*work)(struct store *st, struct conn *c, void *arg), void *arg) MUSTCHECK;
void store_writer_stop(struct store *st);
/* On st->writer, by whoever writes.  After an error of the commit st->writer is NULL; after
 * writer_roll_back() it may be. */
enum err writer_begin(struct store *st, struct conn *c) MUSTCHECK;
enum err writer_commit(struct store *st, struct conn *c) MUSTCHECK;
void writer_roll_back(struct store *st);
/* Remembers that this claim has to be taken back as soon as the store can be written. */
void store_defer_release(struct store *st, int64_t op_id, const unsigned char token[TOKEN_LEN]);

/* store/sqlite/upkeep.c: by whoever writes; the second under the writer lock. */
bool upkeep_is_due(const struct store *st);
void upkeep_do(struct store *st);

/* store/sqlite/claim.c: inside a write transaction. */
enum err move_release(
	struct conn *c, int64_t op_id, const unsigned char token[TOKEN_LEN]) MUSTCHECK;
/* Deletes what a statement names by an operation's id alone. */
enum err move_drop(struct conn *c, enum statement what, int64_t id) MUSTCHECK;
enum err move_history(
	struct conn *c, int64_t id, int64_t at_ms, const char *event, const char *detail) MUSTCHECK;
/* Takes over a row for op->attempts over 1. */
enum err move_retake(struct conn *c, const struct operation *op, bool *taken) MUSTCHECK;

/* store/sqlite/purge.c: inside a write transaction */
#define PURGE_EVERY_US  1000000 /* where there is nothing to purge */
#define PURGE_PAGES     32 /* a CGI program, which does not live so long, goes by the log's growth */
#define PURGE_AT_ONCE   10 /* operations and pieces of bodies; more, until it took ... */
#define PURGE_OF_COMMIT 4  /* ... one part in so many of what a commit takes ... */
#define PURGE_SHARE     12 /* ... and at most one part in so many of the time, while others write */
/* Purges what has expired at now_ms, about `limit` operations and pieces of bodies. */
enum err purge_batch(
	struct conn *c, int64_t now_ms, int limit, int64_t *dropped, int64_t *forgotten) MUSTCHECK;
/* A little, for a part of the time that a commit takes; nothing where somebody purges into an
 * archive. */
enum err purge_by_the_way(struct store *st, struct conn *c, int64_t now_ms, int64_t *dropped,
	int64_t *forgotten) MUSTCHECK;
/* Removes all that there is of an operation. */
enum err purge_forget(struct conn *c, int64_t id) MUSTCHECK;
/*
 * Time has freed the operation's key: another one may have its identity now.  It is forgotten, or
 * set aside for an archive.
 */
enum err purge_make_room(struct conn *c, const struct operation *op, int64_t now_ms) MUSTCHECK;

/* store/sqlite/natural.c: inside a write transaction */
/* Has nobody else claim->natural? */
enum err natural_look(struct conn *c, const struct claim *claim, bool *is_free) MUSTCHECK;
enum err natural_take(struct conn *c, const struct claim *claim) MUSTCHECK;
/* The operation has ended: it keeps its natural key from now on, or lets go of it. */
enum err natural_end(struct conn *c, int64_t op_id, bool keeps, int64_t now_ms) MUSTCHECK;
enum err natural_purge(struct conn *c, int64_t now_ms) MUSTCHECK;

/* store/sqlite/outbox.c */
/* Columns of a message, in the order in which they are read. */
#define MESSAGE_COLUMNS                                                                          \
	"id,op,nonce,route,url,trusted,state,status,bytes,attempts,created,updated,give_up,due," \
	"tries,said"
/* Inside a write transaction. */
enum err outbox_subscribe(struct conn *c, const struct claim *claim) MUSTCHECK;
/* Whoever subscribed to the operation hears that it is in this state now.  token: only if it has
 * this one; NULL: in any case. */
enum err outbox_post(struct conn *c, int64_t op_id, const unsigned char *token, enum state state,
	int64_t now_ms) MUSTCHECK;

/* store/sqlite/find.c: a reading connection from the store's list, and back to it. */
enum err reader_take(struct store *st, struct conn **out) MUSTCHECK;
void reader_give(struct store *st, struct conn **c);
/* store_find() for the first half of a ref, on a connection that one has, or on another. */
enum err conn_find_id(struct store *st, struct conn *c, int64_t id, struct operation *op,
	struct response *res) MUSTCHECK;
enum err reader_find_id(
	struct store *st, int64_t id, struct operation *op, struct response *res) MUSTCHECK;
/* Columns of ST_FIND, ST_FIND_ID and ST_LIST, in their order, to an operation. */
#define OPERATION_COLUMNS                                                                         \
	"o.id,o.nonce,o.identity,o.fingerprint,o.principal,o.state,o.attempts,o.created,o."       \
	"updated,"                                                                                \
	"o.due,o.status,o.bytes,o.exit,o.reason,o.token,o.witness,o.boot,o.deadline,o.tombstone," \
	"r.name"
void operation_read(sqlite3_stmt *stmt, struct operation *op);
/* A column's bytes and a NUL behind them; the caller frees it; NULL: out of memory. */
char *column_copy(sqlite3_stmt *stmt, int column, size_t *len);
/* What is kept in one row of a response. */
struct piece {
	int64_t number;   /* the length of the whole body, of a head with the body's start; else the
			     offset of this piece of it */
	const char *head; /* or NULL */
	size_t head_len;
	const char *body;
	size_t body_len;
};
/* Tells damage: nobody who can write to the store needs to be kept from making one up. */
#define PIECE_DIGEST_LEN 8
void piece_digest(const struct piece *p, unsigned char out[PIECE_DIGEST_LEN]);
/* Is a column's digest that of the piece? */
bool piece_matches(const struct piece *p, sqlite3_stmt *stmt, int column);

#endif
