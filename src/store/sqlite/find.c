/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/find.c - the reads of the SQLite store
 *
 * Readers have connections of their own and never wait for a writer.  No transaction stays open
 * when a call returns: a reader that waits for a client would keep the log from being reused.
 *
 * RULES
 *   (1) Before the first operation is read, the log is synced, so every answer tells of
 *       something that is on disk (t51-order).
 *
 * Does not know: locks and threads.
 */
#include "store/sqlite/find.h"

#include "base/clock.h"
#include "store/listing.h"
#include "store/sqlite/natural.h"
#include "store/sqlite/room.h"
#include "store/sqlite/row.h"
#include "store/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- one operation ---- */

static enum err refuse_damaged(int64_t id)
{
	return err_set(ERR_BROKEN,
		"the recorded response of operation %016" PRIx64
		" is damaged: it does not match its digest",
		(uint64_t)id);
}

static enum err read_response(struct conn *c, const struct operation *op, struct response *res)
{
	sqlite3_stmt *stmt = conn_statement(c, &row_response);
	enum err e = OK;
	int rc;

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, op->id);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		res->status = op->status;
		res->head = row_copy_column(stmt, 0, &res->head_len);
		res->body_len = sqlite3_column_int64(stmt, 1);
		res->is_kept = sqlite3_column_type(stmt, 3) != SQLITE_NULL;
		res->body = row_copy_column(stmt, 3, &res->body_inline_len);
		if (!res->head || !res->body) {
			e = err_set(ERR_NOMEM, "read the response: out of memory");
		} else {
			struct piece piece = {res->body_len, res->head, res->head_len,
				res->is_kept ? res->body : NULL, res->body_inline_len};

			if (!piece_matches(&piece, stmt, 2))
				e = refuse_damaged(op->id);
		}
	} else if (rc == SQLITE_DONE) {
		e = err_set(ERR_BROKEN,
			"the recorded response of operation %016" PRIx64 " is missing",
			(uint64_t)op->id);
	} else {
		e = conn_error(c, sqlite3_extended_errcode(c->db), "read the response");
	}
	sqlite3_reset(stmt);
	if (e != OK)
		response_free(res);
	return e;
}

/*
 * Once in the life of an open store, before anything that was found in it is told: recovery may
 * have brought back commits that are only in the page cache.  A CGI request that finds nothing
 * never pays for it.
 */
static enum err sync_log(struct store *st, struct conn *c)
{
	sqlite3_file *file = NULL;

	if (st->durability == DURABILITY_OFF || atomic_load(&st->is_log_synced))
		return OK;
	if (sqlite3_file_control(c->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK ||
		!file || !file->pMethods)
		return OK; /* no log yet: nothing in it */
	if (file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY) != SQLITE_OK)
		return err_set(ERR_SYSTEM, "%s: sync of the log: %s", st->path, strerror(errno));
	atomic_store(&st->is_log_synced, true);
	return OK;
}

/* Both reads see the same moment: one read transaction around them. */
static enum err find_operation(struct store *st, struct conn *c, sqlite3_stmt *stmt,
	struct operation *op, struct response *res)
{
	enum err e = OK;
	int rc;

	if (!stmt)
		return c->why;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		row_read_operation(stmt, op);
		e = sync_log(st, c);
		if (e == OK && res && op->state == STATE_DONE)
			e = read_response(c, op, res); /* `stmt` is still open: same transaction */
	} else {
		e = rc == SQLITE_DONE ? err_set(ERR_ABSENT, "no such operation")
				      : conn_error(c, sqlite3_extended_errcode(c->db), "look up");
	}
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return e;
}

enum err store_find(struct store *st, const unsigned char identity[IDENTITY_LEN],
	struct operation *op, struct response *res)
{
	struct conn *c = NULL;
	sqlite3_stmt *stmt;
	enum err e = reader_take(st, &c);

	if (res)
		memset(res, 0, sizeof(*res));
	if (e != OK)
		return e;
	stmt = conn_statement(c, &row_by_identity);
	if (stmt)
		sqlite3_bind_blob(stmt, 1, identity, IDENTITY_LEN, SQLITE_STATIC);
	e = find_operation(st, c, stmt, op, res);
	reader_give(st, &c);
	return e;
}

static enum err find_id_on(
	struct store *st, struct conn *c, int64_t id, struct operation *op, struct response *res)
{
	sqlite3_stmt *stmt = conn_statement(c, &row_by_id);

	if (res)
		memset(res, 0, sizeof(*res));
	if (stmt)
		sqlite3_bind_int64(stmt, 1, id);
	return find_operation(st, c, stmt, op, res);
}

enum err find_by_id(struct store *st, int64_t id, struct operation *op, struct response *res)
{
	struct conn *c = NULL;
	enum err e = reader_take(st, &c);

	if (e != OK)
		return e;
	e = find_id_on(st, c, id, op, res);
	reader_give(st, &c);
	return e;
}

enum err store_find_ref(
	struct store *st, const char *ref, struct operation *op, struct response *res)
{
	struct operation found;
	char text[REF_LEN + 1] = "", id[17] = "";
	enum err e;

	if (res)
		memset(res, 0, sizeof(*res));
	if (strlen(ref) != REF_LEN || strspn(ref, "0123456789abcdef") != REF_LEN)
		return err_set(ERR_ABSENT, "not a ref: it has 32 lower-case hexadecimal digits");
	memcpy(id, ref, 16);
	e = find_by_id(st, (int64_t)strtoull(id, NULL, 16), &found, res);
	if (e != OK)
		return e;
	operation_ref(&found, text);
	if (strcmp(text, ref) != 0) {
		if (res)
			response_free(res);
		return err_set(ERR_ABSENT, "no such operation");
	}
	*op = found;
	return OK;
}

static struct statement find_released = SQL(
	"SELECT nonce,identity,fingerprint,principal,place FROM released WHERE id=?1 AND due>?2");

static void copy_blob(sqlite3_stmt *stmt, int column, unsigned char *out, size_t len)
{
	const void *blob = sqlite3_column_blob(stmt, column);

	if (blob && (size_t)sqlite3_column_bytes(stmt, column) == len)
		memcpy(out, blob, len);
}

static enum err find_released_on(
	struct store *st, struct conn *c, int64_t id, int64_t now_ms, struct operation *op)
{
	sqlite3_stmt *stmt = conn_statement(c, &find_released);
	enum err e = OK;
	int rc;

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, now_ms);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		op->nonce = sqlite3_column_int64(stmt, 0);
		copy_blob(stmt, 1, op->identity, IDENTITY_LEN);
		copy_blob(stmt, 2, op->fingerprint, FINGERPRINT_LEN);
		copy_blob(stmt, 3, op->principal, PRINCIPAL_LEN);
		copy_blob(stmt, 4, op->place, PLACE_LEN);
	} else {
		e = rc == SQLITE_DONE ? err_set(ERR_ABSENT, "no such operation was released")
				      : conn_error(c, sqlite3_extended_errcode(c->db), "read");
	}
	sqlite3_reset(stmt);
	return e == OK ? sync_log(st, c) : e;
}

enum err store_find_released(
	struct store *st, const char *ref, int64_t now_ms, struct operation *op)
{
	char text[REF_LEN + 1] = "", id[17] = "";
	struct operation found = {.state = STATE_ABSENT};
	struct conn *c = NULL;
	enum err e = reader_take(st, &c);

	if (e != OK)
		return e;
	memcpy(id, ref, 16);
	found.id = (int64_t)strtoull(id, NULL, 16);
	e = find_released_on(st, c, found.id, now_ms, &found);
	reader_give(st, &c);
	if (e != OK)
		return e;
	operation_ref(&found, text);
	if (strcmp(text, ref) != 0)
		return err_set(ERR_ABSENT, "no such operation was released");
	*op = found;
	return OK;
}

/* In one transaction: between two, the holder could end and give it up. */
enum err store_find_natural(struct store *st, const unsigned char natural[NATURAL_LEN],
	int64_t now_ms, struct operation *op, struct response *res, bool *is_taken)
{
	struct conn *c = NULL;
	int64_t holder = 0;
	enum err e = reader_take(st, &c);

	*is_taken = false;
	if (e != OK)
		return e;
	e = conn_execute(c, "BEGIN", "natural key");
	if (e == OK)
		e = natural_find_holder(c, natural, now_ms, &holder);
	*is_taken = e == OK && holder != 0;
	if (e == OK)
		e = holder ? find_id_on(st, c, holder, op, res)
			   : err_set(ERR_ABSENT, "no operation has it");
	sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL); /* it has only read */
	reader_give(st, &c);
	return e;
}

static struct statement read_chunk = SQL("SELECT digest,data FROM chunk WHERE id=?1 AND at=?2");

enum err store_read_body(struct store *st, int64_t op_id, int64_t at, char *buf, size_t *len)
{
	struct conn *c = NULL;
	sqlite3_stmt *stmt;
	enum err e = reader_prepare(st, &read_chunk, &c, &stmt);
	int rc;

	if (e != OK)
		return e;
	sqlite3_bind_int64(stmt, 1, op_id);
	sqlite3_bind_int64(stmt, 2, at);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		int n = sqlite3_column_bytes(stmt, 1);
		const char *data = sqlite3_column_blob(stmt, 1);

		struct piece piece = {at, NULL, 0, data, (size_t)n};

		if (n < 1 || n > RESPONSE_INLINE_MAX || !piece_matches(&piece, stmt, 0)) {
			e = refuse_damaged(op_id);
		} else {
			memcpy(buf, data, (size_t)n);
			*len = (size_t)n;
		}
	} else {
		e = rc == SQLITE_DONE
			    ? err_set(ERR_ABSENT, "the response has been purged")
			    : conn_error(c, sqlite3_extended_errcode(c->db), "read the response");
	}
	sqlite3_reset(stmt);
	reader_give(st, &c);
	return e;
}

/* ---- listings ---- */

/* Newest first is the order of the ids. */
static struct statement list_any =
	SQL(SQL_OPERATION " WHERE (?1=0 OR o.state=?1) AND (?2 IS NULL OR r.name=?2) AND o.id<?3"
			  " AND o.created>=?5 ORDER BY o.id DESC LIMIT ?4");
/* For a state that has an index of its own. */
static struct statement list_open =
	SQL(SQL_OPERATION " WHERE o.state=?1 AND o.state IN " SQL_OPEN_STATES
			  " AND (?2 IS NULL OR r.name=?2) AND o.id<?3 AND o.created>=?5"
			  " ORDER BY o.id DESC LIMIT ?4");

/* One page of a listing, newest first: operations with ids below `below`. */
static enum err list_page(struct store *st, const struct store_filter *filter, int64_t below,
	struct operation *out, int *n)
{
	struct conn *c = NULL;
	sqlite3_stmt *stmt;
	int rc = SQLITE_DONE, limit = *n;
	enum err e = reader_take(st, &c);

	*n = 0;
	if (e != OK)
		return e;
	stmt = conn_statement(c, filter->state == STATE_RUNNING || filter->state == STATE_UNCERTAIN
					 ? &list_open
					 : &list_any);
	if (stmt) {
		sqlite3_bind_int(stmt, 1, (int)filter->state);
		if (filter->route)
			sqlite3_bind_text(stmt, 2, filter->route, -1, SQLITE_STATIC);
		sqlite3_bind_int64(stmt, 3, below);
		sqlite3_bind_int(stmt, 4, limit);
		sqlite3_bind_int64(stmt, 5, filter->since_ms);
		while (*n < limit && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
			row_read_operation(stmt, &out[(*n)++]);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			e = conn_error(c, sqlite3_extended_errcode(c->db), "list");
		sqlite3_reset(stmt);
		sqlite3_clear_bindings(stmt);
	} else {
		e = c->why;
	}
	reader_give(st, &c);
	return e;
}

#define LIST_PAGE 64

/* In pages, so that no transaction is open while `each` waits for a terminal. */
enum err store_list(struct store *st, const struct store_filter *filter,
	bool (*each)(const struct operation *op, void *arg), void *arg)
{
	struct operation *page = malloc(LIST_PAGE * sizeof(*page));
	int64_t left = filter->limit > 0 ? filter->limit : INT64_MAX, below = INT64_MAX;
	enum err e = page ? OK : err_set(ERR_NOMEM, "list: out of memory");
	bool go_on = e == OK;

	while (go_on && left > 0) {
		int n = left < LIST_PAGE ? (int)left : LIST_PAGE, want = n;

		e = list_page(st, filter, below, page, &n);
		go_on = e == OK && n == want;
		for (int i = 0; i < n && e == OK; i++) {
			below = page[i].id;
			if (!each(&page[i], arg)) {
				go_on = false;
				break;
			}
		}
		left -= n;
	}
	free(page);
	return e;
}

static struct statement list_history =
	SQL("SELECT at,event,detail FROM history WHERE id=?1 ORDER BY rowid");

enum err store_history(struct store *st, int64_t op_id,
	bool (*each)(const struct history *h, void *arg), void *arg)
{
	struct conn *c = NULL;
	sqlite3_stmt *stmt;
	enum err e = reader_take(st, &c);
	int rc = SQLITE_DONE;

	if (e != OK)
		return e;
	stmt = conn_statement(c, &list_history);
	if (!stmt)
		e = c->why;
	else
		sqlite3_bind_int64(stmt, 1, op_id);
	while (stmt && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct history h = {.at_ms = sqlite3_column_int64(stmt, 0),
			.event = (const char *)sqlite3_column_text(stmt, 1),
			.detail = (const char *)sqlite3_column_text(stmt, 2)};

		if (!each(&h, arg))
			break;
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		e = conn_error(c, sqlite3_extended_errcode(c->db), "history");
	sqlite3_reset(stmt);
	reader_give(st, &c);
	return e;
}

static struct statement count_states =
	SQL("SELECT state,count(*),total(CASE WHEN state=" SQL_DONE " THEN bytes END)"
	    " FROM operation GROUP BY state");

static struct statement measure_kept =
	SQL("SELECT (SELECT coalesce(sum(length(variables)+length(body)),0) FROM request),"
	    "(SELECT coalesce(sum(length(data)),0) FROM printed)");

static enum err measure_rest(struct conn *c, struct store_sizes *out)
{
	sqlite3_stmt *stmt = conn_statement(c, &measure_kept);

	if (!stmt)
		return c->why;
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		out->requests_bytes = sqlite3_column_int64(stmt, 0);
		out->printed_bytes = sqlite3_column_int64(stmt, 1);
	}
	return sqlite3_reset(stmt) == SQLITE_OK
		       ? room_used_bytes(c, &out->used_bytes)
		       : conn_error(c, sqlite3_extended_errcode(c->db), "measure");
}

enum err store_measure(struct store *st, struct store_sizes *out)
{
	struct conn *c = NULL;
	sqlite3_stmt *stmt;
	struct stat sb;
	char log_path[4096];
	enum err e = reader_take(st, &c);
	int rc = SQLITE_DONE;

	if (e != OK)
		return e;
	memset(out, 0, sizeof(*out));
	stmt = conn_statement(c, &count_states);
	while (stmt && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		int state = sqlite3_column_int(stmt, 0);

		if (state >= 0 && state < STATE__MAX)
			out->operations[state] = sqlite3_column_int64(stmt, 1);
		out->responses_bytes += sqlite3_column_int64(stmt, 2);
	}
	if (!stmt)
		e = c->why;
	else if (rc != SQLITE_DONE)
		e = conn_error(c, sqlite3_extended_errcode(c->db), "measure");
	sqlite3_reset(stmt);
	if (e == OK)
		e = measure_rest(c, out);
	reader_give(st, &c);
	out->clock_off_ms = store_now_ms(st) - clock_wall_ms();
	if (stat(st->path, &sb) == 0)
		out->file_bytes = sb.st_size;
	snprintf(log_path, sizeof(log_path), "%s-wal", st->path);
	if (stat(log_path, &sb) == 0)
		out->log_bytes = sb.st_size;
	return e;
}
