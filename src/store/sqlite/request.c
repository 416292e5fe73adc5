/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/request.c - requests that are stored until their operation is done
 *
 * RULES
 *   (1) A request is stored only while its operation runs, for the token that runs it
 *       (unit/store_moves).
 *
 * Does not know: the use of a stored request (recovery/recover.c).
 */
#include "store/sqlite/room.h"
#include "store/sqlite/row.h"
#include "store/sqlite/writer.h"
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct request_job {
	const struct operation *op;
	const char *variables;
	size_t len;
	char *body;
	size_t body_len;
	int64_t keep_ms;
};

static struct statement insert_request =
	SQL("INSERT OR REPLACE INTO request(id,variables,body,keep) SELECT ?1,?2,?3,?6 WHERE"
	    " EXISTS(SELECT 1 FROM operation WHERE id=?1 AND token=?4 AND state=?5)");

static enum err save_request(struct store *st, struct conn *c, void *arg)
{
	const struct request_job *job = arg;
	sqlite3_stmt *stmt = conn_statement(c, &insert_request);
	struct room room;
	enum err e;

	(void)st;
	if (!stmt)
		return c->why;
	e = room_watch(c, job->op->id, &room);
	if (e != OK)
		return e;
	sqlite3_bind_int64(stmt, 1, job->op->id);
	sqlite3_bind_blob(stmt, 2, job->variables, (int)job->len, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 3, job->body, (int)job->body_len, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 4, job->op->token, TOKEN_LEN, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 5, STATE_RUNNING);
	sqlite3_bind_int64(stmt, 6, job->keep_ms);
	e = conn_run(c, stmt, "keep the request");
	if (e == OK && sqlite3_changes(c->db) != 1)
		return err_set(ERR_REFUSED, "keep the request: the operation was settled");
	return e == OK ? room_count(c, job->op->id, &room) : e;
}

enum err store_save_request(struct store *st, const struct operation *op, const char *variables,
	size_t len, int body_fd, int64_t body_len, int64_t keep_ms)
{
	struct request_job job = {
		op, variables, len, malloc((size_t)body_len + 1), (size_t)body_len, keep_ms};
	enum err e = OK;

	if (!job.body)
		return err_set(ERR_NOMEM, "keep the request: out of memory");
	if (pread(body_fd, job.body, job.body_len, 0) != (ssize_t)job.body_len)
		e = err_set(ERR_SYSTEM, "keep the request: %s", strerror(errno));
	if (e == OK)
		e = writer_run(st, save_request, &job);
	free(job.body);
	return e;
}

static struct statement find_request = SQL("SELECT variables,body FROM request WHERE id=?1");

enum err store_find_request(struct store *st, int64_t op_id, struct stored_request *out)
{
	struct stored_request found = {0};
	struct conn *c = NULL;
	sqlite3_stmt *stmt;
	enum err e = reader_prepare(st, &find_request, &c, &stmt);
	int rc;

	if (e != OK)
		return e;
	sqlite3_bind_int64(stmt, 1, op_id);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		found.variables = row_copy_column(stmt, 0, &found.variables_len);
		found.body = row_copy_column(stmt, 1, &found.body_len);
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
