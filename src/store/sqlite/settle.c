/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/settle.c - the moves of an operation that is uncertain, and the requests kept for
 * them
 *
 * An uncertain operation has no token.  It is moved by a statement that names its state and its
 * number of attempts, and changes exactly one row, so only one of those who settle it wins.
 *
 * What it does not know: who decides, and why (recovery/recover.c).
 */
#include "store/sqlite/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum err move_retake(struct conn *c, const struct operation *op, bool *taken)
{
	static const unsigned char none[PRINCIPAL_LEN];
	sqlite3_stmt *stmt = conn_statement(c, ST_RETAKE);
	sqlite3_stmt *leave = conn_statement(c, ST_WEBHOOK_LEAVE);
	enum err e;

	if (!stmt || !leave)
		return c->why;
	sqlite3_bind_int64(leave, 1, op->id);
	sqlite3_bind_int(leave, 2, op->attempts);
	if (memcmp(op->principal, none, PRINCIPAL_LEN) != 0)
		sqlite3_bind_blob(leave, 3, op->principal, PRINCIPAL_LEN, SQLITE_STATIC);
	e = conn_run(c, leave, "claim again");
	if (e != OK)
		return e;
	sqlite3_bind_int64(stmt, 1, op->id);
	sqlite3_bind_int(stmt, 2, op->attempts);
	sqlite3_bind_int(stmt, 3, STATE_RUNNING);
	sqlite3_bind_int64(stmt, 4, op->updated_ms);
	sqlite3_bind_blob(stmt, 5, op->fingerprint, FINGERPRINT_LEN, SQLITE_STATIC);
	if (memcmp(op->principal, none, PRINCIPAL_LEN) != 0)
		sqlite3_bind_blob(stmt, 6, op->principal, PRINCIPAL_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 7, op->token, TOKEN_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 8, op->witness);
	sqlite3_bind_int64(stmt, 9, op->boot_id);
	sqlite3_bind_int64(stmt, 10, op->deadline_mono_ms);
	e = conn_run(c, stmt, "claim again");
	*taken = e == OK && sqlite3_changes(c->db) == 1;
	if (*taken)
		e = move_history(c, op->id, op->updated_ms, "run again", "");
	return e;
}

struct settle_job {
	const struct operation *op;
	const char *event, *detail;
	int64_t now_ms, forget_ms;
	enum statement which;
};

static enum err settle(struct store *st, struct conn *c, void *arg)
{
	const struct settle_job *job = arg;
	sqlite3_stmt *stmt = conn_statement(c, job->which);
	enum err e;

	(void)st;
	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, job->op->id);
	sqlite3_bind_int(stmt, 2, job->op->attempts);
	sqlite3_bind_int64(stmt, 3, job->now_ms);
	if (job->which == ST_FREE) {
		sqlite3_bind_int64(stmt, 4, job->forget_ms);
		sqlite3_bind_text(stmt, 5, job->event, -1, SQLITE_STATIC);
	}
	e = conn_run(c, stmt, "settle");
	if (e == OK && sqlite3_changes(c->db) != 1)
		return err_set(ERR_REFUSED, "the operation is not uncertain any more");
	if (e == OK && job->which == ST_FREE) {
		e = natural_end(c, job->op->id, false, job->now_ms);
		if (e == OK)
			e = outbox_post(c, job->op->id, NULL, STATE_ABSENT, job->now_ms);
	}
	return e == OK ? move_history(c, job->op->id, job->now_ms, job->event, job->detail) : e;
}

enum err store_free(struct store *st, const struct operation *op, const char *event,
	const char *detail, int64_t now_ms)
{
	struct settle_job job = {op, event, detail, now_ms, now_ms + FREED_MS, ST_FREE};

	return store_write(st, settle, &job);
}

enum err store_note(struct store *st, const struct operation *op, const char *event,
	const char *detail, int64_t now_ms)
{
	struct settle_job job = {op, event, detail, now_ms, 0, ST_NOTE};

	return store_write(st, settle, &job);
}

/* ---- requests ---- */

struct request_job {
	const struct operation *op;
	const char *variables;
	size_t len;
	char *body;
	size_t body_len;
};

static enum err keep_request(struct store *st, struct conn *c, void *arg)
{
	const struct request_job *job = arg;
	sqlite3_stmt *stmt = conn_statement(c, ST_REQUEST_ADD);
	enum err e;

	(void)st;
	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, job->op->id);
	sqlite3_bind_blob(stmt, 2, job->variables, (int)job->len, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 3, job->body, (int)job->body_len, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 4, job->op->token, TOKEN_LEN, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 5, STATE_RUNNING);
	e = conn_run(c, stmt, "keep the request");
	if (e == OK && sqlite3_changes(c->db) != 1)
		return err_set(ERR_REFUSED, "keep the request: the operation was settled");
	return e;
}

enum err store_save_request(struct store *st, const struct operation *op, const char *variables,
	size_t len, int body_fd, int64_t body_len)
{
	struct request_job job = {
		op, variables, len, malloc((size_t)body_len + 1), (size_t)body_len};
	enum err e = OK;

	if (!job.body)
		return err_set(ERR_NOMEM, "keep the request: out of memory");
	if (pread(body_fd, job.body, job.body_len, 0) != (ssize_t)job.body_len)
		e = err_set(ERR_SYSTEM, "keep the request: %s", strerror(errno));
	if (e == OK)
		e = store_write(st, keep_request, &job);
	free(job.body);
	return e;
}

enum err store_find_request(struct store *st, int64_t op_id, struct stored_request *out)
{
	struct stored_request found = {0};
	struct conn *c = NULL;
	sqlite3_stmt *stmt;
	enum err e = reader_take(st, &c);
	int rc;

	if (e != OK)
		return e;
	stmt = conn_statement(c, ST_REQUEST);
	if (!stmt) {
		e = c->why;
		reader_give(st, &c);
		return e;
	}
	sqlite3_bind_int64(stmt, 1, op_id);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		found.variables = column_copy(stmt, 0, &found.variables_len);
		found.body = column_copy(stmt, 1, &found.body_len);
		if (!found.variables || !found.body)
			e = err_set(ERR_NOMEM, "read the request: out of memory");
	} else {
		e = rc == SQLITE_DONE
			    ? err_set(ERR_ABSENT, "the request was not kept")
			    : conn_error(c, sqlite3_extended_errcode(c->db), "read the request");
	}
	sqlite3_reset(stmt);
	reader_give(st, &c);
	if (e == OK)
		*out = found;
	else
		stored_request_free(&found);
	return e;
}
