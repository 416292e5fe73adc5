/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/row.c - rows of the tables: to the structs of store/operation.h and back, and away
 *
 * What more than one of the moves needs of a table is here; a statement that only one file uses
 * stands there.
 *
 * Does not know: transactions, locks, and why a row is read or removed.
 */
#include "store/sqlite/row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct statement row_by_identity = SQL(SQL_OPERATION " WHERE o.identity=?1");
struct statement row_by_id = SQL(SQL_OPERATION " WHERE o.id=?1");
struct statement row_response = SQL("SELECT head,length,digest,body FROM response WHERE id=?1");

/* ---- reading ---- */

static void read_bytes(sqlite3_stmt *stmt, int column, unsigned char *out, int len)
{
	if (sqlite3_column_bytes(stmt, column) == len)
		memcpy(out, sqlite3_column_blob(stmt, column), (size_t)len);
}

static void read_text(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);

	snprintf(out, size, "%s", text ? (const char *)text : "");
}

void row_read_operation(sqlite3_stmt *stmt, struct operation *op)
{
	memset(op, 0, sizeof(*op));
	op->id = sqlite3_column_int64(stmt, 0);
	op->nonce = sqlite3_column_int64(stmt, 1);
	read_bytes(stmt, 2, op->identity, IDENTITY_LEN);
	read_bytes(stmt, 3, op->fingerprint, FINGERPRINT_LEN);
	read_bytes(stmt, 4, op->principal, PRINCIPAL_LEN);
	op->state = (enum state)sqlite3_column_int(stmt, 5);
	op->attempts = sqlite3_column_int(stmt, 6);
	op->created_ms = sqlite3_column_int64(stmt, 7);
	op->updated_ms = sqlite3_column_int64(stmt, 8);
	op->expires_ms = sqlite3_column_int64(stmt, 9);
	if (op->state == STATE_DONE)
		op->forgotten_ms = op->expires_ms + sqlite3_column_int64(stmt, 18);
	else if (op->state == STATE_EXPIRED || op->state == STATE_UNCERTAIN)
		op->forgotten_ms = op->expires_ms;
	op->status = sqlite3_column_int(stmt, 10);
	op->bytes = sqlite3_column_int64(stmt, 11);
	op->exit_status =
		sqlite3_column_type(stmt, 12) == SQLITE_NULL ? -1 : sqlite3_column_int(stmt, 12);
	read_text(stmt, 13, op->reason, sizeof(op->reason));
	read_bytes(stmt, 14, op->token, TOKEN_LEN);
	op->witness = sqlite3_column_int64(stmt, 15);
	op->boot_id = sqlite3_column_int64(stmt, 16);
	op->deadline_mono_ms = sqlite3_column_int64(stmt, 17);
	read_text(stmt, 19, op->route, sizeof(op->route));
	read_bytes(stmt, 20, op->place, PLACE_LEN);
	read_text(stmt, 21, op->address, sizeof(op->address));
	read_bytes(stmt, 22, op->looks, LOOKS_LEN);
}

char *row_copy_column(sqlite3_stmt *stmt, int column, size_t *len)
{
	size_t n = (size_t)sqlite3_column_bytes(stmt, column);
	char *copy = malloc(n + 1);

	if (!copy)
		return NULL;
	if (n > 0)
		memcpy(copy, sqlite3_column_blob(stmt, column), n);
	copy[n] = '\0';
	*len = n;
	return copy;
}

/* ---- digests of responses ---- */

static XXH128_canonical_t hash(const struct piece *p)
{
	const uint64_t numbers[] = {(uint64_t)p->number, p->head_len, p->body_len};
	XXH128_canonical_t canonical;
	XXH3_state_t state;

	XXH3_128bits_reset(&state);
	XXH3_128bits_update(&state, numbers, sizeof(numbers));
	if (p->head_len > 0)
		XXH3_128bits_update(&state, p->head, p->head_len);
	if (p->body_len > 0)
		XXH3_128bits_update(&state, p->body, p->body_len);
	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
	return canonical;
}

void piece_digest(const struct piece *p, unsigned char out[PIECE_DIGEST_LEN])
{
	XXH128_canonical_t canonical = hash(p);

	memcpy(out, canonical.digest, PIECE_DIGEST_LEN);
}

bool piece_matches(const struct piece *p, sqlite3_stmt *stmt, int column)
{
	unsigned char digest[PIECE_DIGEST_LEN];

	piece_digest(p, digest);
	return sqlite3_column_bytes(stmt, column) == PIECE_DIGEST_LEN &&
	       memcmp(sqlite3_column_blob(stmt, column), digest, sizeof(digest)) == 0;
}

/* ---- removing, and the history ---- */

struct statement drop_response = SQL("DELETE FROM response WHERE id=?1");
struct statement drop_chunks = SQL("DELETE FROM chunk WHERE id=?1");
struct statement drop_history = SQL("DELETE FROM history WHERE id=?1");
struct statement drop_request = SQL("DELETE FROM request WHERE id=?1");
struct statement drop_webhook = SQL("DELETE FROM webhook WHERE op=?1");
struct statement drop_printed = SQL("DELETE FROM printed WHERE id=?1");

enum err row_drop(struct conn *c, struct statement *what, int64_t id)
{
	sqlite3_stmt *stmt = conn_statement(c, what);

	if (stmt)
		sqlite3_bind_int64(stmt, 1, id);
	return conn_run(c, stmt, "drop");
}

static struct statement insert_history =
	SQL("INSERT INTO history(id,at,event,detail) VALUES(?1,?2,?3,?4)");

enum err row_add_history(
	struct conn *c, int64_t id, int64_t at_ms, const char *event, const char *detail)
{
	sqlite3_stmt *stmt = conn_statement(c, &insert_history);

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, at_ms);
	sqlite3_bind_text(stmt, 3, event, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 4, detail, -1, SQLITE_STATIC);
	return conn_run(c, stmt, "history");
}
