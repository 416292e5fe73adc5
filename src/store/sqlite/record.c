/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/record.c - records a response (running -> done, or uncertain -> done)
 *
 * RULES
 *   (1) A running operation is moved by a statement that names its id, its token and the state it
 *       must be in, and changes exactly one row.  No row: another process has settled it
 *       (t62-controls).
 *   (2) The pieces of a large body are written first, each in a transaction of its own; the
 *       operation is moved last, so a DONE one has all of its body (unit/store_moves).
 *
 * Does not know: why a response is recorded (operation/record.c).
 */
#include "store/sqlite/ending.h"
#include "store/sqlite/room.h"
#include "store/sqlite/row.h"
#include "store/sqlite/writer.h"
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEVER_MS INT64_C(4102444800000) /* 2100-01-01: a tombstone beyond it is kept for ever */

/* Was this very response recorded before?  Then an earlier call did happen. */
static enum err was_recorded(struct conn *c, int64_t id, const struct piece *piece)
{
	sqlite3_stmt *stmt = conn_statement(c, &row_response);
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

/* An uncertain operation has no token: its state alone names the row. */
static int holder_state(const struct operation *op)
{
	return op->state == STATE_UNCERTAIN ? STATE_UNCERTAIN : STATE_RUNNING;
}

static void bind_holder(sqlite3_stmt *stmt, int column, const struct operation *op)
{
	if (op->state != STATE_UNCERTAIN) /* else NULL */
		sqlite3_bind_blob(stmt, column, op->token, TOKEN_LEN, SQLITE_STATIC);
}

static struct statement mark_done =
	SQL("UPDATE operation SET state=?4,updated=?5,due=?6,tombstone=?7,status=?8,bytes=?9,"
	    "exit=?10,reason=?11," SQL_NO_HOLDER " WHERE id=?1 AND token IS ?2 AND state=?3");
static struct statement insert_response =
	SQL("INSERT INTO response(id,head,length,digest,body) VALUES(?1,?2,?3,?4,?5)");

static enum err record_response(struct store *st, struct conn *c, void *arg)
{
	const struct record *rec = arg;
	const struct response *res = rec->res;
	int64_t tombstone_ms = rec->tombstone_ms > NEVER_MS ? NEVER_MS : rec->tombstone_ms;
	sqlite3_stmt *done = conn_statement(c, &mark_done),
		     *add = conn_statement(c, &insert_response);
	struct piece piece = {
		res->body_len, res->head, res->head_len, res->body, res->body_inline_len};
	struct ending ending = {.keeps_natural = rec->keeps_natural,
		.now_ms = rec->now_ms,
		.event = rec->event,
		.detail = rec->detail,
		.printed = rec->printed,
		.was_in_vain = rec->op->attempts > 1 && rec->op->state != STATE_UNCERTAIN};
	unsigned char digest[PIECE_DIGEST_LEN];
	struct room room;
	enum err e;

	(void)st;
	if (!done || !add)
		return c->why;
	e = room_watch(c, rec->op->id, &room);
	if (e != OK)
		return e;
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
	if (rec->reason)
		sqlite3_bind_text(done, 11, rec->reason, -1, SQLITE_STATIC);
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
		e = end_operation(c, rec->op->id, STATE_DONE, &ending);
	return e == OK ? room_count(c, rec->op->id, &room) : e;
}

/* ---- large bodies ---- */

struct chunk_job {
	const struct operation *op;
	int64_t at;
	const char *data;
	size_t len;
};

static struct statement insert_chunk =
	SQL("INSERT OR REPLACE INTO chunk(id,at,digest,data) SELECT ?1,?2,?3,?4 WHERE"
	    " EXISTS(SELECT 1 FROM operation WHERE id=?1 AND token IS ?5 AND state=?6)");

static enum err add_chunk(struct store *st, struct conn *c, void *arg)
{
	const struct chunk_job *job = arg;
	sqlite3_stmt *stmt = conn_statement(c, &insert_chunk);
	struct piece piece = {job->at, NULL, 0, job->data, job->len};
	unsigned char digest[PIECE_DIGEST_LEN];
	struct room room;
	enum err e;

	(void)st;
	if (!stmt)
		return c->why;
	e = room_watch(c, job->op->id, &room);
	if (e != OK)
		return e;
	piece_digest(&piece, digest);
	sqlite3_bind_int64(stmt, 1, job->op->id);
	sqlite3_bind_int64(stmt, 2, job->at);
	sqlite3_bind_blob(stmt, 3, digest, PIECE_DIGEST_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 4, job->data, (int)job->len, SQLITE_STATIC);
	bind_holder(stmt, 5, job->op);
	sqlite3_bind_int(stmt, 6, holder_state(job->op));
	e = conn_run(c, stmt, "record: body");
	return e == OK ? room_count(c, job->op->id, &room) : e;
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
			e = writer_run(st, add_chunk, &job);
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
	return e == OK ? writer_run(st, record_response, &copy) : e;
}
