/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/schema.h - the tables of the SQLite store: made once, never guessed at
 */
#ifndef RETRYSAFE_STORE_SQLITE_SCHEMA_H
#define RETRYSAFE_STORE_SQLITE_SCHEMA_H

#include "base/err.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/engine.h"

#define STORE_APPLICATION_ID 0x52535446 /* "RSTF" */
#define STORE_SCHEMA_VERSION 7

/*
 * Makes the database, or finishes one whose making was cut off, under the writer lock.  Another
 * process may have been faster; a file with anything in it is left as it is.
 */
enum err schema_create(struct store *st) MUSTCHECK;
/* Is it ours, and of our version?  ERR_ABSENT: it is empty. */
enum err schema_check(struct store *st, struct conn *c) MUSTCHECK;
/* Gives it a log where it has none, as a copy; not when it is opened for reading only. */
enum err schema_check_journal(struct store *st, struct conn *c) MUSTCHECK;

#endif
