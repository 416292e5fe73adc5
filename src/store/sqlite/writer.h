/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/writer.h - writing, in one commit with the other callers that wait
 */
#ifndef RETRYSAFE_STORE_SQLITE_WRITER_H
#define RETRYSAFE_STORE_SQLITE_WRITER_H

#include "base/err.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/engine.h"

/*
 * Runs `work` inside a write transaction.  It may be carried out twice, when the first transaction
 * was rolled back.  Returns what `work` did, or a write's errors (store/store.h).  Blocks.
 */
enum err writer_run(struct store *st, enum err (*work)(struct store *st, struct conn *c, void *arg),
	void *arg) MUSTCHECK;

/*
 * Remembers that a claim must be taken back, as soon as the store can be written: nothing was
 * started for it.  Does not block.
 *
 *   release  runs inside a write transaction, before the jobs of that transaction
 */
void writer_defer_release(struct store *st,
	enum err (*release)(struct store *st, struct conn *c, int64_t op_id,
		const unsigned char token[TOKEN_LEN]),
	int64_t op_id, const unsigned char token[TOKEN_LEN]);

/* Ends the thread, tries once more to carry out pending releases, and closes st->writer. */
void writer_stop(struct store *st);

#endif
