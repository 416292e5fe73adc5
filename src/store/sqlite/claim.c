/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/claim.c - takes an identity, and gives it back when nothing was started
 *
 * RULES
 *   (1) A claim takes the row, the natural key and the webhook together, or nothing
 *       (unit/store_natural).
 *   (2) A job may be carried out twice when the first transaction was rolled back; it sets its
 *       result anew each time (unit/store_failures).
 *   (3) A released operation is known by its ref for ten minutes, so that its page can say that
 *       nothing was done; it never holds its key (unit/store_moves, t83-pages).
 *   (4) A release names the token and the state of the row that it removes: an operation that
 *       another process has settled stays as it is (unit/store_moves).
 *
 * Does not know: why an operation is claimed or released (operation/claim.c).
 */
#include "store/sqlite/ending.h"
#include "store/sqlite/expire.h"
#include "store/sqlite/natural.h"
#include "store/sqlite/outbox.h"
#include "store/sqlite/room.h"
#include "store/sqlite/row.h"
#include "store/sqlite/writer.h"
#include "store/store.h"

#include <string.h>

/* ---- release ---- */

static struct statement release_first =
	SQL("DELETE FROM operation WHERE id=?1 AND token=?2 AND state=?3 AND attempts=1");
/* This attempt did nothing, but an uncertain one before it may have. */
static struct statement release_later =
	SQL("UPDATE operation SET state=coalesce(taken_from," SQL_ABSENT "),attempts=attempts-1,"
	    "due=updated+CASE WHEN taken_from=" SQL_UNCERTAIN " THEN key_ttl ELSE ?4 END,"
	    "reason=CASE WHEN taken_from=" SQL_UNCERTAIN
	    " THEN 'an earlier attempt is uncertain' END," SQL_NO_HOLDER
	    " WHERE id=?1 AND token=?2 AND state=?3 AND attempts>1");
/* Its row is about to go. */
static struct statement note_release = SQL(
	"INSERT OR REPLACE INTO released SELECT id,nonce,identity,fingerprint,principal,place,?4"
	" FROM operation WHERE id=?1 AND token=?2 AND state=?3 AND attempts=1");
/* An id begins with its time: the oldest ones have the smallest.  Each release removes more than it
 * adds. */
static struct statement forget_released =
	SQL("DELETE FROM released WHERE due<=?1"
	    " AND id IN (SELECT id FROM released ORDER BY id LIMIT 4)");
static struct statement touch =
	SQL("INSERT OR REPLACE INTO store(name,value) VALUES('touched',randomblob(8))");

static enum err release_row(struct conn *c, struct statement *way, int64_t op_id,
	const unsigned char token[TOKEN_LEN], int64_t now_ms, bool *released)
{
	sqlite3_stmt *stmt = conn_statement(c, way);
	enum err e;

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, op_id);
	sqlite3_bind_blob(stmt, 2, token, TOKEN_LEN, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 3, STATE_RUNNING);
	if (way == &release_later)
		sqlite3_bind_int64(stmt, 4, FREED_MS);
	if (way == &note_release)
		sqlite3_bind_int64(stmt, 4, now_ms + RELEASED_MS);
	e = conn_run(c, stmt, "release");
	*released = e == OK && sqlite3_changes(c->db) > 0;
	return e;
}

static enum err drop_forgotten(struct conn *c, int64_t now_ms)
{
	sqlite3_stmt *stmt = conn_statement(c, &forget_released);

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, now_ms);
	return conn_run(c, stmt, "release");
}

/* Removes the row of a first attempt, and notes that it was released. */
static enum err remove_first(struct conn *c, int64_t op_id, const unsigned char token[TOKEN_LEN],
	int64_t now_ms, bool *is_gone)
{
	bool is_noted = false;
	enum err e = release_row(c, &note_release, op_id, token, now_ms, &is_noted);

	*is_gone = false;
	if (e == OK && is_noted)
		e = release_row(c, &release_first, op_id, token, now_ms, is_gone);
	return e == OK && is_noted ? drop_forgotten(c, now_ms) : e;
}

/*
 * The first attempt leaves its ref behind for a while, a later one its row with the history.
 *
 * A claim whose commit was cut off may be in the log without being visible, and come back when the
 * log is recovered.  So something is written even when there is nothing to release: it takes the
 * place of those frames.
 */
static enum err release_claim(
	struct store *st, struct conn *c, int64_t op_id, const unsigned char token[TOKEN_LEN])
{
	struct ending ending = {.is_posted = true};
	bool released = false;
	struct room room;
	/* While there is a row: the webhook is told that nothing was done. */
	enum err e = outbox_post(c, op_id, token, STATE_ABSENT, store_now_ms(st));

	if (e == OK)
		e = room_watch(c, op_id, &room);
	if (e == OK)
		e = remove_first(c, op_id, token, store_now_ms(st), &ending.is_row_gone);
	if (e == OK && !ending.is_row_gone)
		e = release_row(c, &release_later, op_id, token, store_now_ms(st), &released);
	if (e != OK)
		return e;
	if (!ending.is_row_gone && !released)
		return conn_run(c, conn_statement(c, &touch), "release");
	e = end_operation(c, op_id, STATE_ABSENT, &ending);
	return e == OK ? room_count(c, op_id, &room) : e;
}

/* ---- claim ---- */

struct claim_job {
	const struct claim *claim;
	enum claimed result;
};

static struct statement find_route = SQL("SELECT id FROM route WHERE name=?1");
static struct statement add_route = SQL("INSERT INTO route(name) VALUES(?1)");

static enum err route_id(struct conn *c, const char *name, int64_t *id)
{
	sqlite3_stmt *stmt = conn_statement(c, &find_route);
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
	stmt = conn_statement(c, &add_route);
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

static struct statement insert_row =
	SQL("INSERT INTO operation(id,nonce,identity,fingerprint,principal,route,state,"
	    "attempts,created,updated,token,witness,boot,deadline,place,address,looks,key_ttl)"
	    " VALUES(?1,?2,?3,?4,?5,?6,?7,1,?8,?8,?9,?10,?11,?12,?13,?14,?15,?16)"
	    " ON CONFLICT(identity) DO NOTHING");

/* ERR_REFUSED: another operation has this id. */
static enum err insert_operation(
	struct conn *c, const struct operation *op, int64_t route, bool *inserted)
{
	sqlite3_stmt *stmt = conn_statement(c, &insert_row);
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
	sqlite3_bind_blob(stmt, 13, op->place, PLACE_LEN, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 14, op->address, -1, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 15, op->looks, LOOKS_LEN, SQLITE_STATIC);
	if (op->key_ttl_ms > 0)
		sqlite3_bind_int64(stmt, 16, op->key_ttl_ms);
	e = conn_run(c, stmt, "claim");
	*inserted = e == OK && sqlite3_changes(c->db) == 1;
	return e;
}

/* ERR_ABSENT: none has the identity. */
static enum err find_existing(
	struct conn *c, const unsigned char identity[IDENTITY_LEN], struct operation *op)
{
	sqlite3_stmt *stmt = conn_statement(c, &row_by_identity);
	enum err e = OK;
	int rc;

	if (!stmt)
		return c->why;
	sqlite3_bind_blob(stmt, 1, identity, IDENTITY_LEN, SQLITE_STATIC);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		row_read_operation(stmt, op);
	else
		e = rc == SQLITE_DONE ? ERR_ABSENT
				      : conn_error(c, sqlite3_extended_errcode(c->db), "claim");
	sqlite3_reset(stmt);
	return e;
}

/* Only open operations are in the index, so few rows are looked at. */
static struct statement count_running =
	SQL("SELECT count(*),total(route=?1) FROM operation"
	    " WHERE state=" SQL_RUNNING " AND state IN " SQL_OPEN_STATES);

/* Would one more be too many? */
static enum err look_for_room(
	struct conn *c, const struct claim *claim, int64_t route, bool *is_full)
{
	sqlite3_stmt *stmt;

	*is_full = false;
	if (claim->max_running == 0 && claim->max_running_all == 0)
		return OK;
	stmt = conn_statement(c, &count_running);
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

/* ---- claim again ---- */

/* The states from which a later attempt takes a row over. */
#define SQL_RETAKEN "(" SQL_ABSENT "," SQL_UNCERTAIN ")"

/* A webhook of other credentials is not told about an attempt that is not its own. */
static struct statement leave_webhook =
	SQL("DELETE FROM webhook WHERE op=?1 AND EXISTS(SELECT 1 FROM operation"
	    " WHERE id=?1 AND attempts=?2-1 AND state IN " SQL_RETAKEN " AND principal IS NOT ?3)");
static struct statement retake_row =
	SQL("UPDATE operation SET "
	    "state=?3,taken_from=state,tombstone=NULL,attempts=?2,updated=?4,fingerprint=?5,"
	    "principal=?6,due=NULL,exit=NULL,reason=NULL,token=?7,witness=?8,boot=?9,deadline=?10,"
	    "looks=?11"
	    " WHERE id=?1 AND attempts=?2-1 AND state IN " SQL_RETAKEN);

static enum err take_over_row(struct conn *c, const struct operation *op, bool *taken)
{
	sqlite3_stmt *stmt = conn_statement(c, &retake_row);
	sqlite3_stmt *leave = conn_statement(c, &leave_webhook);
	enum err e;

	if (!stmt || !leave)
		return c->why;
	sqlite3_bind_int64(leave, 1, op->id);
	sqlite3_bind_int(leave, 2, op->attempts);
	if (!is_zero(op->principal, PRINCIPAL_LEN))
		sqlite3_bind_blob(leave, 3, op->principal, PRINCIPAL_LEN, SQLITE_STATIC);
	e = conn_run(c, leave, "claim again");
	if (e != OK)
		return e;
	sqlite3_bind_int64(stmt, 1, op->id);
	sqlite3_bind_int(stmt, 2, op->attempts);
	sqlite3_bind_int(stmt, 3, STATE_RUNNING);
	sqlite3_bind_int64(stmt, 4, op->updated_ms);
	sqlite3_bind_blob(stmt, 5, op->fingerprint, FINGERPRINT_LEN, SQLITE_STATIC);
	if (!is_zero(op->principal, PRINCIPAL_LEN))
		sqlite3_bind_blob(stmt, 6, op->principal, PRINCIPAL_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 7, op->token, TOKEN_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 8, op->witness);
	sqlite3_bind_int64(stmt, 9, op->boot_id);
	sqlite3_bind_int64(stmt, 10, op->deadline_mono_ms);
	sqlite3_bind_blob(stmt, 11, op->looks, LOOKS_LEN, SQLITE_STATIC);
	e = conn_run(c, stmt, "claim again");
	*taken = e == OK && sqlite3_changes(c->db) == 1;
	if (*taken)
		e = row_add_history(c, op->id, op->updated_ms, "run again", "");
	return e;
}

/* The row itself: a new one, one that time has freed, or that of an earlier attempt. */
static enum err take_row(struct conn *c, const struct operation *op, int64_t route, bool *taken)
{
	struct operation existing;
	enum err e;

	if (op->attempts > 1)
		return take_over_row(c, op, taken);
	e = insert_operation(c, op, route, taken);
	if (e != OK || *taken)
		return e;
	e = find_existing(c, op->identity, &existing);
	/* Another operation of this millisecond has drawn the same id: the caller draws again. */
	if (e == ERR_ABSENT)
		return OK;
	/* Time alone has freed it, and no purge has come by yet. */
	if (e == OK && existing.forgotten_ms > 0 && existing.forgotten_ms <= op->created_ms) {
		e = expire_make_room(c, &existing, op->created_ms);
		if (e == OK)
			e = insert_operation(c, op, route, taken);
	}
	return e;
}

/* All of it, or nothing.  *result stays CLAIM_THERE when another operation has the identity, or the
 * id.
 */
static enum err take_everything(struct store *st, struct conn *c, const struct claim *what,
	int64_t route, enum claimed *result)
{
	bool is_full = false, is_free = true, taken = false;
	enum claimed room = CLAIM_TAKEN;
	enum err e = look_for_room(c, what, route, &is_full);

	if (e == OK && !is_full)
		e = room_look(st, c, what, route, &room);
	if (e == OK && room != CLAIM_TAKEN) {
		*result = room;
		return OK;
	}
	if (e == OK && !is_full)
		e = natural_check(c, what, &is_free);
	/* The row of an earlier attempt is not touched in vain: it would grow by a history. */
	if (e == OK && (is_full || (!is_free && what->op->attempts > 1)))
		*result = is_full ? CLAIM_FULL : CLAIM_DUPLICATE;
	else if (e == OK)
		e = take_row(c, what->op, route, &taken);
	if (e != OK || !taken)
		return e;
	if (!is_free) {
		*result = CLAIM_DUPLICATE;
		return release_claim(st, c, what->op->id, what->op->token);
	}
	e = natural_take(c, what);
	if (e == OK)
		e = outbox_subscribe(c, what);
	if (e == OK)
		*result = CLAIM_TAKEN;
	return e;
}

static enum err claim_identity(struct store *st, struct conn *c, void *arg)
{
	struct claim_job *job = arg;
	int64_t route = 0;
	enum err e = route_id(c, job->claim->op->route, &route);

	job->result = CLAIM_THERE;
	if (e == OK)
		e = take_everything(st, c, job->claim, route, &job->result);
	/* Two ids are the same once in a million a millisecond: as if another caller had been
	 * faster. */
	return e == ERR_REFUSED ? OK : e;
}

/* ---- what the store promises ---- */

enum err store_claim(struct store *st, const struct claim *what, enum claimed *result)
{
	struct claim_job job = {.claim = what};
	enum err e = writer_run(st, claim_identity, &job);

	if (e == ERR_UNKNOWN) /* whatever is in the log, nothing was started for it */
		writer_defer_release(st, release_claim, what->op->id, what->op->token);
	if (e == OK)
		*result = job.result;
	return e;
}

static enum err release_operation(struct store *st, struct conn *c, void *arg)
{
	const struct operation *op = arg;

	return release_claim(st, c, op->id, op->token);
}

enum err store_release(struct store *st, const struct operation *op)
{
	struct operation copy = *op;
	enum err e = writer_run(st, release_operation, &copy);

	if (e != OK)
		writer_defer_release(st, release_claim, op->id, op->token);
	return e;
}
