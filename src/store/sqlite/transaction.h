/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/transaction.h - one write transaction on st->writer: begin, commit, roll back
 *
 * Called by the thread that writes, under the writer lock.
 */
#ifndef RETRYSAFE_STORE_SQLITE_TRANSACTION_H
#define RETRYSAFE_STORE_SQLITE_TRANSACTION_H

#include "base/err.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/engine.h"

/* Sets st->writer. */
enum err transaction_open_writer(struct store *st) MUSTCHECK;
/* On st->writer.  After an error of the commit st->writer is NULL; after transaction_roll_back() it
 * may be. */
enum err transaction_begin(struct store *st, struct conn *c) MUSTCHECK;
/* ERR_UNKNOWN: it may have happened. */
enum err transaction_commit(struct store *st, struct conn *c) MUSTCHECK;
void transaction_roll_back(struct store *st);

#endif
