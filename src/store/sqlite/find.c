/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/find.c - the reads of the SQLite store
 *
 * Readers have connections of their own and never wait for a writer.  No transaction stays open
 * when a call returns: a reader that waits for a client would keep the log from being reused.
 *
 * What it does not know: locks and threads, but for the list of idle connections.
 */
#include "base/digest.h"
#include "store/sqlite/engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum err reader_take(struct store *st, struct conn **out)
{
	struct conn *c;
	enum err e;

	pthread_mutex_lock(&st->readers_mutex);
	c = st->readers;
	if (c)
		st->readers = c->next;
	pthread_mutex_unlock(&st->readers_mutex);
	if (!c)
		return conn_open(st, out);
	e = store_is_there(st);
	if (e == OK)
		*out = c;
	else
		conn_close(&c);
	return e;
}

void reader_give(struct store *st, struct conn **c)
{
	if (!*c)
		return;
	pthread_mutex_lock(&st->readers_mutex);
	(*c)->next = st->readers;
	st->readers = *c;
	pthread_mutex_unlock(&st->readers_mutex);
	*c = NULL;
}

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

/* What stores of schema 1 have. */
static void old_digest(const struct piece *p, unsigned char out[DIGEST_LEN])
{
	struct digest d;

	digest_start(&d, (const unsigned char *)"response", 8);
	digest_part(&d, &p->number, sizeof(p->number));
	digest_part(&d, p->head, p->head_len);
	digest_part(&d, p->body, p->body_len);
	digest_end(&d, out, DIGEST_LEN);
}

bool piece_matches(const struct piece *p, sqlite3_stmt *stmt, int column)
{
	int len = sqlite3_column_bytes(stmt, column);
	unsigned char old[DIGEST_LEN];
	XXH128_canonical_t canonical;

	if (len == DIGEST_LEN) {
		old_digest(p, old);
		return memcmp(sqlite3_column_blob(stmt, column), old, sizeof(old)) == 0;
	}
	/* Earlier programs kept all of it. */
	if (len != PIECE_DIGEST_LEN && len != sizeof(canonical.digest))
		return false;
	canonical = hash(p);
	return memcmp(sqlite3_column_blob(stmt, column), canonical.digest, (size_t)len) == 0;
}

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

void operation_read(sqlite3_stmt *stmt, struct operation *op)
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
	else if (op->state == STATE_EXPIRED)
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
}

char *column_copy(sqlite3_stmt *stmt, int column, size_t *len)
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

static enum err damaged(int64_t id)
{
	return err_set(ERR_BROKEN,
		"the recorded response of operation %016" PRIx64
		" is damaged: it does not match its digest",
		(uint64_t)id);
}

static enum err read_response(struct conn *c, const struct operation *op, struct response *res)
{
	sqlite3_stmt *stmt = conn_statement(c, ST_RESPONSE);
	enum err e = OK;
	int rc;

	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, op->id);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		res->status = op->status;
		res->head = column_copy(stmt, 0, &res->head_len);
		res->body_len = sqlite3_column_int64(stmt, 1);
		res->is_kept = sqlite3_column_type(stmt, 3) != SQLITE_NULL;
		res->body = column_copy(stmt, 3, &res->body_inline_len);
		if (!res->head || !res->body) {
			e = err_set(ERR_NOMEM, "read the response: out of memory");
		} else {
			struct piece piece = {res->body_len, res->head, res->head_len,
				res->is_kept ? res->body : NULL, res->body_inline_len};

			if (!piece_matches(&piece, stmt, 2))
				e = damaged(op->id);
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
static enum err find(struct store *st, struct conn *c, sqlite3_stmt *stmt, struct operation *op,
	struct response *res)
{
	enum err e = OK;
	int rc;

	if (!stmt)
		return c->why;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		operation_read(stmt, op);
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
	stmt = conn_statement(c, ST_FIND);
	if (stmt)
		sqlite3_bind_blob(stmt, 1, identity, IDENTITY_LEN, SQLITE_STATIC);
	e = find(st, c, stmt, op, res);
	reader_give(st, &c);
	return e;
}

enum err conn_find_id(
	struct store *st, struct conn *c, int64_t id, struct operation *op, struct response *res)
{
	sqlite3_stmt *stmt = conn_statement(c, ST_FIND_ID);

	if (res)
		memset(res, 0, sizeof(*res));
	if (stmt)
		sqlite3_bind_int64(stmt, 1, id);
	return find(st, c, stmt, op, res);
}

enum err reader_find_id(struct store *st, int64_t id, struct operation *op, struct response *res)
{
	struct conn *c = NULL;
	enum err e = reader_take(st, &c);

	if (e != OK)
		return e;
	e = conn_find_id(st, c, id, op, res);
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
	e = reader_find_id(st, (int64_t)strtoull(id, NULL, 16), &found, res);
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

enum err store_read_body(struct store *st, int64_t op_id, int64_t at, char *buf, size_t *len)
{
	struct conn *c = NULL;
	sqlite3_stmt *stmt;
	enum err e = reader_take(st, &c);
	int rc;

	if (e != OK)
		return e;
	stmt = conn_statement(c, ST_CHUNK);
	if (!stmt) {
		e = c->why;
		reader_give(st, &c);
		return e;
	}
	sqlite3_bind_int64(stmt, 1, op_id);
	sqlite3_bind_int64(stmt, 2, at);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		int n = sqlite3_column_bytes(stmt, 1);
		const char *data = sqlite3_column_blob(stmt, 1);

		struct piece piece = {at, NULL, 0, data, (size_t)n};

		if (n < 1 || n > RESPONSE_INLINE_MAX || !piece_matches(&piece, stmt, 0)) {
			e = damaged(op_id);
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
	stmt = conn_statement(c, filter->state == STATE_CLAIMED || filter->state == STATE_RUNNING ||
						 filter->state == STATE_UNCERTAIN
					 ? ST_LIST_OPEN
					 : ST_LIST);
	if (stmt) {
		sqlite3_bind_int(stmt, 1, (int)filter->state);
		if (filter->route)
			sqlite3_bind_text(stmt, 2, filter->route, -1, SQLITE_STATIC);
		sqlite3_bind_int64(stmt, 3, below);
		sqlite3_bind_int(stmt, 4, limit);
		while (*n < limit && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
			operation_read(stmt, &out[(*n)++]);
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

enum err store_history(struct store *st, int64_t op_id,
	bool (*each)(const struct history *h, void *arg), void *arg)
{
	struct conn *c = NULL;
	sqlite3_stmt *stmt;
	enum err e = reader_take(st, &c);
	int rc = SQLITE_DONE;

	if (e != OK)
		return e;
	stmt = conn_statement(c, ST_HISTORY);
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
	stmt = conn_statement(c, ST_COUNT);
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
	reader_give(st, &c);
	if (stat(st->path, &sb) == 0)
		out->file_bytes = sb.st_size;
	snprintf(log_path, sizeof(log_path), "%s-wal", st->path);
	if (stat(log_path, &sb) == 0)
		out->log_bytes = sb.st_size;
	return e;
}
