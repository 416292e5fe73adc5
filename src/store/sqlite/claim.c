/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/claim.c - the writes of the SQLite store, one job each
 *
 * RULES THAT HOLD
 *   (1) A running operation is moved by a statement that names its id, its token and the state it
 *       must be in, and changes exactly one row.  No row: somebody else has settled it.
 *   (2) A job may be carried out twice when the first transaction was rolled back; it sets what it
 *       reports only as its last act.
 *
 * What it does not know: why an operation is moved (operation/claim.c, operation/record.c).
 */
#include "base/clock.h"
#include "base/digest.h"
#include "store/sqlite/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEVER_MS INT64_C(4102444800000) /* 2100-01-01: a tombstone beyond it is kept for ever */

/* ---- claim ---- */

struct claim_job {
	const struct claim *claim;
	enum claimed result;
};

static enum err route_id(struct conn *c, const char *name, int64_t *id)
{
	sqlite3_stmt *stmt = conn_statement(c, ST_ROUTE_ID);
	enum err e;
	int rc;

	if (!stmt)
		return c->why;
	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*id = sqlite3_column_int64(stmt, 0);
	e = rc == SQLITE_ROW || rc == SQLITE_DONE
		    ? OK
		    : conn_error(c, sqlite3_extended_errcode(c->db), "claim: route");
	sqlite3_reset(stmt);
	if (e != OK || rc == SQLITE_ROW)
		return e;
	stmt = conn_statement(c, ST_ROUTE_ADD);
	if (stmt)
		sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	e = conn_run(c, stmt, "claim: route");
	*id = sqlite3_last_insert_rowid(c->db);
	return e;
}

static bool is_zero(const unsigned char *p, size_t len)
{
	while (len > 0)
		if (p[--len])
			return false;
	return true;
}

/* ERR_REFUSED: another operation has this id. */
static enum err insert(struct conn *c, const struct operation *op, int64_t route, bool *inserted)
{
	sqlite3_stmt *stmt = conn_statement(c, ST_CLAIM);
	enum err e;

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, op->id);
	sqlite3_bind_int64(stmt, 2, op->nonce);
	sqlite3_bind_blob(stmt, 3, op->identity, IDENTITY_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 4, op->fingerprint, FINGERPRINT_LEN, SQLITE_STATIC);
	if (!is_zero(op->principal, PRINCIPAL_LEN))
		sqlite3_bind_blob(stmt, 5, op->principal, PRINCIPAL_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 6, route);
	sqlite3_bind_int(stmt, 7, STATE_RUNNING);
	sqlite3_bind_int64(stmt, 8, op->created_ms);
	sqlite3_bind_blob(stmt, 9, op->token, TOKEN_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 10, op->witness);
	sqlite3_bind_int64(stmt, 11, op->boot_id);
	sqlite3_bind_int64(stmt, 12, op->deadline_mono_ms);
	e = conn_run(c, stmt, "claim");
	*inserted = e == OK && sqlite3_changes(c->db) == 1;
	return e;
}

static enum err find(
	struct conn *c, const unsigned char identity[IDENTITY_LEN], struct operation *op)
{
	sqlite3_stmt *stmt = conn_statement(c, ST_FIND);
	enum err e = OK;
	int rc;

	if (!stmt)
		return c->why;
	sqlite3_bind_blob(stmt, 1, identity, IDENTITY_LEN, SQLITE_STATIC);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		operation_read(stmt, op);
	else
		e = rc == SQLITE_DONE
			    ? err_set(ERR_BROKEN, "claim: the operation is there and not there")
			    : conn_error(c, sqlite3_extended_errcode(c->db), "claim");
	sqlite3_reset(stmt);
	return e;
}

enum err move_drop(struct conn *c, enum statement what, int64_t id)
{
	sqlite3_stmt *stmt = conn_statement(c, what);

	if (stmt)
		sqlite3_bind_int64(stmt, 1, id);
	return conn_run(c, stmt, "drop");
}

/* Would one more be too many? */
static enum err look_for_room(
	struct conn *c, const struct claim *claim, int64_t route, bool *is_full)
{
	sqlite3_stmt *stmt;

	*is_full = false;
	if (claim->max_running == 0 && claim->max_running_all == 0)
		return OK;
	stmt = conn_statement(c, ST_RUNNING);
	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, route);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		*is_full = (claim->max_running_all > 0 &&
				   sqlite3_column_int64(stmt, 0) >= claim->max_running_all) ||
			   (claim->max_running > 0 &&
				   sqlite3_column_int64(stmt, 1) >= claim->max_running);
	return sqlite3_reset(stmt) == SQLITE_OK
		       ? OK
		       : conn_error(c, sqlite3_extended_errcode(c->db), "claim: room");
}

/* The row itself: a new one, one that time has freed, or that of an earlier attempt. */
static enum err take_row(struct conn *c, const struct operation *op, int64_t route, bool *taken)
{
	struct operation existing;
	enum err e;

	if (op->attempts > 1)
		return move_retake(c, op, taken);
	e = insert(c, op, route, taken);
	if (e != OK || *taken)
		return e;
	e = find(c, op->identity, &existing);
	/* Time alone has freed it, and nobody has purged it yet. */
	if (e == OK && existing.forgotten_ms > 0 && existing.forgotten_ms <= op->created_ms) {
		e = purge_make_room(c, &existing, op->created_ms);
		if (e == OK)
			e = insert(c, op, route, taken);
	}
	return e;
}

/* All of it, or nothing.  *result stays CLAIM_THERE when the row is somebody else's. */
static enum err take_all(
	struct conn *c, const struct claim *what, int64_t route, enum claimed *result)
{
	bool is_full = false, is_free = true, taken = false;
	enum err e = look_for_room(c, what, route, &is_full);

	if (e == OK && !is_full)
		e = natural_look(c, what, &is_free);
	/* The row of an earlier attempt is not touched in vain: it would grow by a history. */
	if (e == OK && (is_full || (!is_free && what->op->attempts > 1)))
		*result = is_full ? CLAIM_FULL : CLAIM_DUPLICATE;
	else if (e == OK)
		e = take_row(c, what->op, route, &taken);
	if (e != OK || !taken)
		return e;
	if (!is_free) {
		*result = CLAIM_DUPLICATE;
		return move_release(c, what->op->id, what->op->token);
	}
	e = natural_take(c, what);
	if (e == OK)
		e = outbox_subscribe(c, what);
	if (e == OK)
		*result = CLAIM_TAKEN;
	return e;
}

static enum err claim(struct store *st, struct conn *c, void *arg)
{
	struct claim_job *job = arg;
	int64_t route = 0;
	enum err e = route_id(c, job->claim->op->route, &route);

	(void)st;
	job->result = CLAIM_THERE;
	if (e == OK)
		e = take_all(c, job->claim, route, &job->result);
	/* One in a million a millisecond: as if somebody else had been faster. */
	return e == ERR_REFUSED ? OK : e;
}

enum err store_claim(struct store *st, const struct claim *what, enum claimed *result)
{
	struct claim_job job = {.claim = what};
	enum err e = store_write(st, claim, &job);

	if (e == ERR_UNKNOWN) /* whatever is in the log, nothing was started for it */
		store_defer_release(st, what->op->id, what->op->token);
	if (e == OK)
		*result = job.result;
	return e;
}

/* ---- release ---- */

/*
 * The first attempt leaves nothing behind, a later one its row with the history.
 *
 * A claim whose commit was cut off may lie in the log without being visible, and come back when the
 * log is recovered.  So something is written even when there is nothing to release: it takes the
 * place of those frames.
 */
enum err move_release(struct conn *c, int64_t op_id, const unsigned char token[TOKEN_LEN])
{
	static const enum statement ways[] = {ST_RELEASE, ST_RELEASE_AGAIN};
	static const enum statement drops[] = {ST_REQUEST_DROP, ST_WEBHOOK_DROP};
	int changed = 0;
	/* Before the row goes: who waits for a message hears that nothing was done. */
	enum err e = outbox_post(c, op_id, token, STATE_ABSENT, clock_wall_ms());

	for (size_t i = 0; i < 2 && e == OK; i++) {
		sqlite3_stmt *stmt = conn_statement(c, ways[i]);

		if (!stmt)
			return c->why;
		sqlite3_bind_int64(stmt, 1, op_id);
		sqlite3_bind_blob(stmt, 2, token, TOKEN_LEN, SQLITE_STATIC);
		sqlite3_bind_int(stmt, 3, STATE_RUNNING);
		if (ways[i] == ST_RELEASE_AGAIN)
			sqlite3_bind_int64(stmt, 4, FREED_MS);
		e = conn_run(c, stmt, "release");
		if (e == OK)
			changed += sqlite3_changes(c->db);
		for (size_t d = 0; d < 2 && e == OK && ways[i] == ST_RELEASE && changed > 0; d++)
			e = move_drop(c, drops[d], op_id);
	}
	if (e == OK && changed > 0)
		e = natural_end(c, op_id, false, 0);
	return e == OK && changed == 0 ? conn_run(c, conn_statement(c, ST_TOUCH), "release") : e;
}

static enum err release(struct store *st, struct conn *c, void *arg)
{
	const struct operation *op = arg;

	(void)st;
	return move_release(c, op->id, op->token);
}

enum err store_release(struct store *st, const struct operation *op)
{
	struct operation copy = *op;
	enum err e = store_write(st, release, &copy);

	if (e != OK)
		store_defer_release(st, op->id, op->token);
	return e;
}

/* ---- record ---- */

/* Was this very response recorded before?  Then an earlier call did happen. */
static enum err was_recorded(struct conn *c, int64_t id, const struct piece *piece)
{
	sqlite3_stmt *stmt = conn_statement(c, ST_RESPONSE);
	bool same = false;
	enum err e = OK;
	int rc;

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, id);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		same = piece_matches(piece, stmt, 2);
	else if (rc != SQLITE_DONE)
		e = conn_error(c, sqlite3_extended_errcode(c->db), "record");
	sqlite3_reset(stmt);
	if (e != OK || same)
		return e;
	return err_set(ERR_REFUSED, "record: the operation was settled without this run");
}

/* What an uncertain operation is known by is its state; it has no token. */
static int holder_state(const struct operation *op)
{
	return op->state == STATE_UNCERTAIN ? STATE_UNCERTAIN : STATE_RUNNING;
}

static void bind_holder(sqlite3_stmt *stmt, int column, const struct operation *op)
{
	if (op->state != STATE_UNCERTAIN) /* else NULL */
		sqlite3_bind_blob(stmt, column, op->token, TOKEN_LEN, SQLITE_STATIC);
}

static enum err record(struct store *st, struct conn *c, void *arg)
{
	const struct record *rec = arg;
	const struct response *res = rec->res;
	int64_t tombstone_ms = rec->tombstone_ms > NEVER_MS ? NEVER_MS : rec->tombstone_ms;
	sqlite3_stmt *done = conn_statement(c, ST_DONE), *add = conn_statement(c, ST_RESPONSE_ADD);
	struct piece piece = {
		res->body_len, res->head, res->head_len, res->body, res->body_inline_len};
	unsigned char digest[PIECE_DIGEST_LEN];
	enum err e;

	(void)st;
	if (!done || !add)
		return c->why;
	piece_digest(&piece, digest);
	sqlite3_bind_int64(done, 1, rec->op->id);
	bind_holder(done, 2, rec->op);
	sqlite3_bind_int(done, 3, holder_state(rec->op));
	sqlite3_bind_int(done, 4, STATE_DONE);
	sqlite3_bind_int64(done, 5, rec->now_ms);
	sqlite3_bind_int64(done, 6, rec->now_ms + rec->ttl_ms);
	sqlite3_bind_int64(done, 7, tombstone_ms);
	sqlite3_bind_int(done, 8, res->status);
	sqlite3_bind_int64(done, 9, res->body_len);
	sqlite3_bind_int(done, 10, rec->exit_status);
	e = conn_run(c, done, "record");
	if (e != OK)
		return e;
	if (sqlite3_changes(c->db) != 1)
		return was_recorded(c, rec->op->id, &piece);
	sqlite3_bind_int64(add, 1, rec->op->id);
	sqlite3_bind_blob(add, 2, res->head, (int)res->head_len, SQLITE_STATIC);
	sqlite3_bind_int64(add, 3, res->body_len);
	sqlite3_bind_blob(add, 4, digest, PIECE_DIGEST_LEN, SQLITE_STATIC);
	if (res->is_kept) /* an empty body must not become NULL */
		sqlite3_bind_blob(add, 5, res->body ? res->body : "", (int)res->body_inline_len,
			SQLITE_STATIC);
	e = conn_run(c, add, "record");
	if (e == ERR_REFUSED)
		return err_set(ERR_BROKEN, "record: a response without its operation");
	if (e == OK)
		e = move_drop(c, ST_REQUEST_DROP, rec->op->id);
	if (e == OK)
		e = natural_end(c, rec->op->id, rec->keeps_natural, rec->now_ms);
	if (e == OK)
		e = outbox_post(c, rec->op->id, NULL, STATE_DONE, rec->now_ms);
	if (e == OK && rec->event)
		e = move_history(c, rec->op->id, rec->now_ms, rec->event, rec->detail);
	return e;
}

struct chunk_job {
	const struct operation *op;
	int64_t at;
	const char *data;
	size_t len;
};

static enum err add_chunk(struct store *st, struct conn *c, void *arg)
{
	const struct chunk_job *job = arg;
	sqlite3_stmt *stmt = conn_statement(c, ST_CHUNK_ADD);
	struct piece piece = {job->at, NULL, 0, job->data, job->len};
	unsigned char digest[PIECE_DIGEST_LEN];

	(void)st;
	if (!stmt)
		return c->why;
	piece_digest(&piece, digest);
	sqlite3_bind_int64(stmt, 1, job->op->id);
	sqlite3_bind_int64(stmt, 2, job->at);
	sqlite3_bind_blob(stmt, 3, digest, PIECE_DIGEST_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 4, job->data, (int)job->len, SQLITE_STATIC);
	bind_holder(stmt, 5, job->op);
	sqlite3_bind_int(stmt, 6, holder_state(job->op));
	return conn_run(c, stmt, "record: body");
}

/* The part of the body that is not kept with the head, in pieces of RESPONSE_INLINE_MAX. */
static enum err record_rest(struct store *st, const struct record *rec)
{
	char *buf = malloc(RESPONSE_INLINE_MAX);
	enum err e = buf ? OK : err_set(ERR_NOMEM, "record: out of memory");

	for (int64_t at = RESPONSE_INLINE_MAX; at < rec->res->body_len && e == OK;) {
		int64_t left = rec->res->body_len - at;
		size_t want = left < RESPONSE_INLINE_MAX ? (size_t)left : RESPONSE_INLINE_MAX;
		ssize_t n = pread(rec->body_fd, buf, want, rec->body_at + at);
		struct chunk_job job = {.op = rec->op, .at = at, .data = buf, .len = want};

		if (n != (ssize_t)want)
			e = err_set(ERR_SYSTEM, "record: read the response back: %s",
				n < 0 ? strerror(errno) : "it is shorter than before");
		else
			e = store_write(st, add_chunk, &job);
		at += (int64_t)want;
	}
	free(buf);
	return e;
}

enum err store_record(struct store *st, const struct record *rec)
{
	struct record copy = *rec;
	enum err e = OK;

	if (rec->res->is_kept && rec->res->body_len > (int64_t)rec->res->body_inline_len)
		e = record_rest(st, rec);
	return e == OK ? store_write(st, record, &copy) : e;
}

/* ---- doubt ---- */

struct doubt_job {
	const struct operation *op;
	int exit_status;
	const char *reason;
	int64_t now_ms;
};

enum err move_history(
	struct conn *c, int64_t id, int64_t at_ms, const char *event, const char *detail)
{
	sqlite3_stmt *stmt = conn_statement(c, ST_HISTORY_ADD);

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, at_ms);
	sqlite3_bind_text(stmt, 3, event, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 4, detail, -1, SQLITE_STATIC);
	return conn_run(c, stmt, "history");
}

static enum err doubt(struct store *st, struct conn *c, void *arg)
{
	const struct doubt_job *job = arg;
	sqlite3_stmt *stmt = conn_statement(c, ST_DOUBT), *drop = conn_statement(c, ST_CHUNK_DROP);
	enum err e;

	(void)st;
	if (!stmt || !drop)
		return c->why;
	sqlite3_bind_int64(stmt, 1, job->op->id);
	sqlite3_bind_blob(stmt, 2, job->op->token, TOKEN_LEN, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 3, STATE_RUNNING);
	sqlite3_bind_int(stmt, 4, STATE_UNCERTAIN);
	sqlite3_bind_int64(stmt, 5, job->now_ms);
	if (job->exit_status >= 0)
		sqlite3_bind_int(stmt, 6, job->exit_status);
	sqlite3_bind_text(stmt, 7, job->reason, -1, SQLITE_STATIC);
	e = conn_run(c, stmt, "mark uncertain");
	if (e != OK)
		return e;
	if (sqlite3_changes(c->db) != 1)
		return err_set(
			ERR_REFUSED, "mark uncertain: the operation was settled without this run");
	sqlite3_bind_int64(drop, 1, job->op->id);
	e = conn_run(c, drop, "mark uncertain");
	if (e == OK)
		e = outbox_post(c, job->op->id, NULL, STATE_UNCERTAIN, job->now_ms);
	return e == OK ? move_history(c, job->op->id, job->now_ms, "uncertain", job->reason) : e;
}

enum err store_mark_uncertain(struct store *st, const struct operation *op, int exit_status,
	const char *reason, int64_t now_ms)
{
	struct doubt_job job = {op, exit_status, reason, now_ms};

	return store_write(st, doubt, &job);
}
