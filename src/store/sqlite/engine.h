/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/engine.h - an open store, as the files of the SQLite engine share it
 *
 * It includes nothing else of this folder.  Each file has a header of its own, and includes only
 * those that come before it here:
 *
 *     location, lock        where the store's files are, the writer lock
 *     connection            connections, prepared statements
 *     row                   rows to structs and back
 *     schema                the tables, and their version
 *     copy                  copies of the store, and their mark
 *     clock                 the row that keeps the store's clock
 *     room                  how much is kept, and how much may be
 *     transaction           begin, commit, roll back
 *     natural, outbox       natural keys, messages for webhooks
 *     ending                the changes besides the row when an operation ends
 *     expire                removal of expired rows, inside a transaction
 *     upkeep, writer        maintenance, the queue of writing threads
 *     find, place, glance   the reads
 *     claim, record, settle, request, purge, messages
 *                           the writes, one file for each move
 *     open                  opening and closing
 */
#ifndef RETRYSAFE_STORE_SQLITE_ENGINE_H
#define RETRYSAFE_STORE_SQLITE_ENGINE_H

#include "base/settings.h"
#include "store/clock.h"
#include "store/liveness.h"
#include "store/store.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define STORE_ID_LEN 16

struct conn; /* store/sqlite/connection.h */
struct job;  /* store/sqlite/writer.c */
struct pending_release;

/* Which file a path led to when the store was opened. */
struct file_id {
	dev_t dev;
	ino_t ino; /* 0: not known yet */
};

struct store {
	char *path;      /* the database */
	char *lock_path; /* path + "-lock" */
	char *spool;
	char *sentinel; /* file in the spool that remembers this store's id */
	struct file_id path_id, lock_id;
	enum durability durability;
	int64_t busy_timeout_ms;
	int64_t max_bytes, reserve_bytes; /* store_options */
	bool is_read_only;
	_Atomic bool is_log_synced;
	unsigned char id[STORE_ID_LEN];
	unsigned char secret[SECRET_LEN];

	pthread_mutex_t clock_mutex;
	struct store_clock clock;
	struct store_clock clock_row; /* the row as we know it; of the thread that writes */

	int lock_fd; /* the writer lock (byte 0); this description is never shared */
	struct liveness liveness;

	pthread_mutex_t readers_mutex;
	struct conn *readers; /* idle ones */

	pthread_mutex_t mutex; /* guards the next eight */
	pthread_cond_t work_there;
	struct job *first, **last;
	struct pending_release *pending_releases;
	bool has_thread, must_stop;
	bool is_asked; /* the thread is to write next */
	bool is_busy;  /* a thread writes, and what follows belongs to it */
	pthread_t thread;

	/* Of the thread that writes. */
	struct conn *writer; /* NULL: to be opened (again) */
	int wal_pages;       /* in the log after the last commit */
	bool has_recovered;  /* no other process had it open, and all of the log had to be read */
	bool has_purged;     /* it goes by the clock from now on */
	bool is_purge_due;   /* the log has grown by so much again */
	int64_t next_purge_us, next_restart_us;
	bool is_full_said, is_route_full_said; /* in the log */
	int64_t commit_us;                     /* what the last one took */
	int64_t no_turns_until_us;
};

#endif
