/* SPDX-License-Identifier: ISC */
/*
 * store/backup.h - a copy of a store that is in use
 *
 * A copy knows nothing of the keys that are claimed after it was made: a retry of such a request
 * would run its script a second time.  So a copy carries a mark, and store_open() refuses it until
 * an operator has accepted that (store_options.accepted_copy).
 */
#ifndef RETRYSAFE_STORE_BACKUP_H
#define RETRYSAFE_STORE_BACKUP_H

#include "base/err.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct backup {
	int64_t made_ms; /* by the store's clock */
	int64_t operations;
	int64_t bytes; /* of the file */
};

/*
 * store_backup - copies the store, as it is at one moment, into a new file
 *
 *   path   mode 0600; its directory must be there
 *   go_on  asked after every mebibyte; false: give up
 *   out    set on OK
 *
 * Writers go on meanwhile; the log cannot be reused until the copy is made.
 *
 * Returns OK: the file is whole, has been checked, and is on disk.  Else there is no file:
 * ERR_REFUSED it was there already, or something else has its name; ERR_ABSENT no such directory;
 * ERR_BUSY go_on() said so; ERR_BROKEN the store is damaged; ERR_FULL, ERR_NOMEM, ERR_SYSTEM.
 * A process that is killed may leave a file PATH.partial-XXXXXXXX.  Blocks.
 */
enum err store_backup(
	struct store *st, const char *path, bool (*go_on)(void), struct backup *out) MUSTCHECK;

#endif
