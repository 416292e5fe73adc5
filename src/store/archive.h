/* SPDX-License-Identifier: ISC */
/*
 * store/archive.h - purging what has expired, and keeping it in an archive
 */
#ifndef RETRYSAFE_STORE_ARCHIVE_H
#define RETRYSAFE_STORE_ARCHIVE_H

#include "base/err.h"
#include "store/operation.h"
#include "store/store.h"

#include <stdint.h>

/*
 * store_purge - drops everything that has expired at now_ms, in short transactions
 *
 * Writes purge a little by themselves; this does it all.  *dropped: responses, *forgotten:
 * operations.  Returns OK or a write's errors; the transactions before the error stay committed.
 * Blocks; pauses between its transactions when others write.
 */
enum err store_purge(
	struct store *st, int64_t now_ms, int64_t *dropped, int64_t *forgotten) MUSTCHECK;

/* Where store_purge_into() puts what it removes. */
struct archive {
	/*
	 * res is the response that goes; NULL: all else that is known of op goes.  May read the
	 * rest of the body and the history; ERR_ABSENT: they are gone.  May take its time.
	 */
	enum err (*write)(const struct operation *op, const struct response *res, void *arg);
	/* Makes durable all that write() was given. */
	enum err (*sync)(void *arg);
	void *arg;
};

/*
 * store_purge_into - store_purge(), but nothing is removed before the archive has it
 *
 * From then on gateways purge nothing by themselves, so that all of it gets into the archive, until
 * store_purge() is called or this has not been called for eight days.
 *
 * Returns OK; what the archive returned, and then nothing that it was given since its last sync has
 * been removed; ERR_BUSY another purge is at work; ERR_BROKEN a response is damaged; else a write's
 * errors.  What earlier transactions removed stays removed; after a failure the archive may be
 * given the rest again.  Blocks.
 */
enum err store_purge_into(struct store *st, const struct archive *archive, int64_t now_ms,
	int64_t *dropped, int64_t *forgotten) MUSTCHECK;

#endif
