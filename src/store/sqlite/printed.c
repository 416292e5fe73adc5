/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/printed.c - what a script printed in vain, for the operator
 *
 * It goes with the response, or with the operation (store/sqlite/expire.c).
 *
 * Does not know: why it is kept (operation/record.c).
 */
#include "store/sqlite/printed.h"

#include "store/sqlite/find.h"
#include "store/sqlite/row.h"

#include <stdlib.h>

static struct statement insert_printed =
	SQL("INSERT OR REPLACE INTO printed(id,length,data) VALUES(?1,?2,?3)");

enum err printed_keep(struct conn *c, int64_t op_id, const struct printed *printed)
{
	sqlite3_stmt *stmt = conn_statement(c, &insert_printed);

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, op_id);
	sqlite3_bind_int64(stmt, 2, printed->total_len);
	sqlite3_bind_blob(stmt, 3, printed->bytes, (int)printed->len, SQLITE_STATIC);
	return conn_run(c, stmt, "keep the output");
}

static struct statement find_printed = SQL("SELECT length,data FROM printed WHERE id=?1");

enum err store_find_printed(struct store *st, int64_t op_id, struct printed *out, char **bytes)
{
	struct conn *c = NULL;
	sqlite3_stmt *stmt;
	enum err e = reader_prepare(st, &find_printed, &c, &stmt);
	int rc;

	if (e != OK)
		return e;
	sqlite3_bind_int64(stmt, 1, op_id);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		out->total_len = sqlite3_column_int64(stmt, 0);
		*bytes = row_copy_column(stmt, 1, &out->len);
		out->bytes = *bytes;
		if (!*bytes)
			e = err_set(ERR_NOMEM, "read the output: out of memory");
	} else {
		e = rc == SQLITE_DONE
			    ? err_set(ERR_ABSENT, "no output of its script is kept")
			    : conn_error(c, sqlite3_extended_errcode(c->db), "read the output");
	}
	sqlite3_reset(stmt);
	reader_give(st, &c);
	return e;
}
