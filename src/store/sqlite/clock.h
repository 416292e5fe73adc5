/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/clock.h - the store's clock, kept in a row of the database
 */
#ifndef RETRYSAFE_STORE_SQLITE_CLOCK_H
#define RETRYSAFE_STORE_SQLITE_CLOCK_H

#include "base/err.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/engine.h"

/* Writes the first row: inside the transaction that makes the tables. */
enum err clock_row_add(struct conn *c) MUSTCHECK;
/* Reads the row into st->clock, when the store is opened.  ERR_BROKEN: there is none. */
enum err clock_row_read(struct store *st, struct conn *c) MUSTCHECK;
/* Has it been so long since the row was written that the next commit writes it again? */
bool clock_row_is_due(struct store *st);
/* Writes it, inside a write transaction, after it has been compared with what others wrote. */
enum err clock_row_write(struct store *st, struct conn *c) MUSTCHECK;

#endif
