/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/messages.c - hands out the messages about how operations ended, until each is
 * finished
 *
 *     posted ------> WAITING --- store_message_take() ---> being tried
 *     outbox_post()     ^                                      |
 *                       |  time is up, or MESSAGE_AGAIN        |
 *                       +--------------------------------------+
 *                       |                                      |
 *                       | past give_up                         | store_message_end()
 *                       v                                      v
 *                    given up                       delivered or given up
 *
 * A message that is being tried is one whose time to be due is a lease ahead: there is no other
 * mark, so nothing has to be cleared when a notifier dies.
 *
 * RULES
 *   (1) A message is due until it was delivered or given up.  A notifier that takes it has it for
 *       the time of the lease; when the notifier dies, the message is due again: it may be told
 *       twice, and is never lost (unit/outbox).
 *   (2) Messages that are not delivered yet outlive their operation.  One that is finished goes
 *       with its operation, or at once when that is gone already (unit/outbox).
 *   (3) The result of a try counts only if no other notifier has tried since; a finished message
 *       stays so (unit/outbox).
 *
 * Does not know: HTTP.
 */
#include "store/outbox.h"
#include "store/sqlite/row.h"
#include "store/sqlite/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

/* Columns of a message, in the order in which read_message() reads them. */
#define MESSAGE_COLUMNS                                                                          \
	"id,op,nonce,route,url,trusted,state,status,bytes,attempts,created,updated,give_up,due," \
	"tries,said"

/* The next message of a statement whose values are bound; ERR_ABSENT: there is none. */
static enum err read_message(struct conn *c, sqlite3_stmt *stmt, struct message *m)
{
	int rc = sqlite3_step(stmt);
	enum err e = OK;
	size_t len;

	memset(m, 0, sizeof(*m));
	if (rc == SQLITE_ROW) {
		m->id = sqlite3_column_int64(stmt, 0);
		snprintf(m->ref, sizeof(m->ref), "%016" PRIx64 "%016" PRIx64,
			(uint64_t)sqlite3_column_int64(stmt, 1),
			(uint64_t)sqlite3_column_int64(stmt, 2));
		snprintf(m->route, sizeof(m->route), "%s",
			(const char *)sqlite3_column_text(stmt, 3));
		m->url = row_copy_column(stmt, 4, &len);
		m->is_trusted = sqlite3_column_int(stmt, 5) != 0;
		m->state = (enum state)sqlite3_column_int(stmt, 6);
		m->status = sqlite3_column_int(stmt, 7);
		m->bytes = sqlite3_column_int64(stmt, 8);
		m->attempts = sqlite3_column_int(stmt, 9);
		m->created_ms = sqlite3_column_int64(stmt, 10);
		m->updated_ms = sqlite3_column_int64(stmt, 11);
		m->give_up_ms = sqlite3_column_int64(stmt, 12);
		m->due_ms = sqlite3_column_int64(stmt, 13);
		m->tries = sqlite3_column_int(stmt, 14);
		snprintf(m->said, sizeof(m->said), "%s",
			(const char *)sqlite3_column_text(stmt, 15));
		if (!m->url)
			e = err_set(ERR_NOMEM, "read a message: out of memory");
	} else {
		e = rc == SQLITE_DONE
			    ? err_set(ERR_ABSENT, "no message is due")
			    : conn_error(c, sqlite3_extended_errcode(c->db), "read a message");
	}
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return e;
}

static struct statement find_next_due = SQL("SELECT min(due) FROM outbox WHERE due IS NOT NULL");

enum err store_message_wait(struct store *st, int64_t now_ms, int64_t *wait_ms)
{
	struct conn *c = NULL;
	sqlite3_stmt *stmt;
	int64_t due = 0;
	bool is_any = false;
	enum err e = reader_take(st, &c);

	if (e != OK)
		return e;
	stmt = conn_statement(c, &find_next_due);
	if (stmt && sqlite3_step(stmt) == SQLITE_ROW) {
		is_any = sqlite3_column_type(stmt, 0) != SQLITE_NULL;
		due = sqlite3_column_int64(stmt, 0);
	}
	if (!stmt)
		e = c->why;
	else if (sqlite3_reset(stmt) != SQLITE_OK)
		e = conn_error(c, sqlite3_extended_errcode(c->db), "look for messages");
	reader_give(st, &c);
	if (e == OK)
		*wait_ms = !is_any ? -1 : due > now_ms ? due - now_ms : 0;
	return e;
}

static struct statement find_after =
	SQL("SELECT " MESSAGE_COLUMNS " FROM outbox WHERE op=?1 AND id>?2 ORDER BY id LIMIT 1");

/* One read a message, so that no transaction is open while `each` waits for a terminal. */
enum err store_messages(struct store *st, int64_t op_id,
	bool (*each)(const struct message *m, void *arg), void *arg)
{
	int64_t last = 0;
	bool go_on = true;
	enum err e = OK;

	while (go_on) {
		struct conn *c = NULL;
		struct message m;
		sqlite3_stmt *stmt;

		e = reader_take(st, &c);
		if (e != OK)
			return e;
		stmt = conn_statement(c, &find_after);
		memset(&m, 0, sizeof(m));
		if (stmt) {
			sqlite3_bind_int64(stmt, 1, op_id);
			sqlite3_bind_int64(stmt, 2, last);
		}
		e = stmt ? read_message(c, stmt, &m) : c->why;
		reader_give(st, &c);
		last = m.id;
		go_on = e == OK && each(&m, arg);
		message_free(&m);
	}
	return e == ERR_ABSENT ? OK : e;
}

/* ---- ends ---- */

struct end_job {
	int64_t id, due_ms; /* due_ms 0: never again */
	int tries;
	const char *said;
};

/* A message that was delivered or given up is never due again. */
static struct statement end_try = SQL("UPDATE outbox SET due=?3,said=?4 WHERE id=?1 AND tries=?2"
				      " AND (?3 IS NULL OR due IS NOT NULL)");
static struct statement drop_message =
	SQL("DELETE FROM outbox WHERE id=?1 AND due IS NULL AND"
	    " NOT EXISTS(SELECT 1 FROM operation o WHERE o.id=outbox.op)");

static enum err end_message(struct store *st, struct conn *c, void *arg)
{
	static struct statement *const steps[] = {&end_try, &drop_message};
	const struct end_job *job = arg;
	enum err e = OK;

	(void)st;
	for (size_t i = 0; i < 2 && e == OK; i++) {
		sqlite3_stmt *stmt = conn_statement(c, steps[i]);

		if (!stmt)
			return c->why;
		sqlite3_bind_int64(stmt, 1, job->id);
		if (steps[i] == &end_try) {
			sqlite3_bind_int(stmt, 2, job->tries);
			if (job->due_ms != 0) /* else NULL */
				sqlite3_bind_int64(stmt, 3, job->due_ms);
			sqlite3_bind_text(stmt, 4, job->said, -1, SQLITE_STATIC);
		}
		e = conn_run(c, stmt, "end a message");
	}
	return e;
}

enum err store_message_end(struct store *st, const struct message *m, enum message_fate fate,
	int64_t due_ms, const char *said)
{
	char text[REASON_MAX + 1];
	struct end_job job = {.id = m->id, .tries = m->tries, .said = text};

	snprintf(
		text, sizeof(text), "%s%s", fate == MESSAGE_GIVEN_UP ? message_given_up : "", said);
	if (fate == MESSAGE_AGAIN)
		job.due_ms = due_ms;
	return writer_run(st, end_message, &job);
}

/* ---- taking ---- */

struct take_job {
	int64_t now_ms, lease_ms;
	struct message m;
	bool is_there;
};

/* The time for it is over; it keeps the words of the last try. */
static enum err give_up(struct store *st, struct conn *c, struct message *m)
{
	char last[REASON_MAX + 1];
	struct end_job job = {.id = m->id, .tries = m->tries, .said = m->said};

	snprintf(last, sizeof(last), "%s", *m->said ? m->said : "it was not tried in time");
	snprintf(m->said, sizeof(m->said), "%s%.200s", message_given_up, last);
	m->due_ms = 0;
	return end_message(st, c, &job);
}

static struct statement lease_message = SQL("UPDATE outbox SET due=?2,tries=tries+1 WHERE id=?1");

static enum err lease_to_notifier(struct conn *c, struct message *m, int64_t until_ms)
{
	sqlite3_stmt *stmt = conn_statement(c, &lease_message);

	if (!stmt)
		return c->why;
	m->due_ms = until_ms;
	m->tries++;
	sqlite3_bind_int64(stmt, 1, m->id);
	sqlite3_bind_int64(stmt, 2, m->due_ms);
	return conn_run(c, stmt, "take a message");
}

static struct statement find_first =
	SQL("SELECT " MESSAGE_COLUMNS " FROM outbox WHERE due<=?1 ORDER BY due,id LIMIT 1");

static enum err take_first(struct store *st, struct conn *c, void *arg)
{
	struct take_job *job = arg;
	sqlite3_stmt *stmt = conn_statement(c, &find_first);
	enum err e;

	message_free(&job->m); /* it may be carried out twice */
	job->is_there = false;
	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, job->now_ms);
	e = read_message(c, stmt, &job->m);
	if (e == ERR_ABSENT)
		return OK;
	if (e == OK)
		e = job->m.give_up_ms < job->now_ms
			    ? give_up(st, c, &job->m)
			    : lease_to_notifier(c, &job->m, job->now_ms + job->lease_ms);
	job->is_there = e == OK;
	return e;
}

enum err store_message_take(
	struct store *st, int64_t now_ms, int64_t lease_ms, struct message *out, int64_t *wait_ms)
{
	struct take_job job = {.now_ms = now_ms, .lease_ms = lease_ms};
	int64_t wait = 0;
	enum err e = store_message_wait(st, now_ms, &wait); /* most looks find nothing to write */

	while (e == OK && wait == 0) {
		e = writer_run(st, take_first, &job);
		if (e == OK && job.is_there) {
			*out = job.m;
			return OK;
		}
		if (e == OK) /* another notifier has taken it */
			e = store_message_wait(st, now_ms, &wait);
	}
	message_free(&job.m);
	if (e != OK)
		return e;
	*wait_ms = wait;
	return err_set(ERR_ABSENT, "no message is due");
}

/* ---- a receiver that does not answer ---- */

#define POSTPONE_MAX 500 /* in one transaction: others want to write, too */

struct postpone_job {
	const char *origin;
	int64_t now_ms, due_ms;
	int changed;
};

/* The whole of scheme, host and port: what follows is a path, a query, or nothing. */
static struct statement postpone_origin =
	SQL("UPDATE outbox SET due=?2 WHERE id IN (SELECT id FROM outbox WHERE due<=?1"
	    " AND substr(url,1,length(?3))=?3"
	    " AND substr(url,length(?3)+1,1) IN ('','/','?') LIMIT ?4)");

static enum err postpone_some(struct store *st, struct conn *c, void *arg)
{
	struct postpone_job *job = arg;
	sqlite3_stmt *stmt = conn_statement(c, &postpone_origin);
	enum err e;

	(void)st;
	if (!stmt)
		return c->why;
	sqlite3_bind_int64(stmt, 1, job->now_ms);
	sqlite3_bind_int64(stmt, 2, job->due_ms);
	sqlite3_bind_text(stmt, 3, job->origin, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 4, POSTPONE_MAX);
	e = conn_run(c, stmt, "postpone messages");
	job->changed = e == OK ? sqlite3_changes(c->db) : 0;
	return e;
}

enum err store_message_postpone(
	struct store *st, const char *origin, int64_t now_ms, int64_t due_ms)
{
	struct postpone_job job = {origin, now_ms, due_ms, 0};
	enum err e;

	do
		e = writer_run(st, postpone_some, &job);
	while (e == OK && job.changed == POSTPONE_MAX);
	return e;
}
