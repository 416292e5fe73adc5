/* SPDX-License-Identifier: ISC */
/*
 * cli/archive.h - the file that `purge --archive` writes
 */
#ifndef RETRYSAFE_CLI_ARCHIVE_H
#define RETRYSAFE_CLI_ARCHIVE_H

#include "base/err.h"
#include "store/store.h"

struct archive_file;
/*
 * cli_archive_open - opens the archive at path, or makes it; "-" is standard output
 *
 *   path  borrowed until cli_archive_close()
 *   out   set on OK only; the caller closes it with cli_archive_close()
 *
 * To be called before the store is opened: if path is the store's own file by mistake, closing that
 * would drop the store's locks.
 *
 * Returns OK; ERR_REFUSED it is another file, no regular file or a symbolic link; ERR_BUSY another
 * process writes to it; ERR_INVALID its directory is not there, or the file may not be opened;
 * ERR_FULL; ERR_NOMEM; ERR_SYSTEM.  A line at its end that was cut off has been removed.
 */
enum err cli_archive_open(const char *path, struct archive_file **out) MUSTCHECK;
/* The functions that store_purge_into() calls; both pointers are borrowed. */
struct archive cli_archive(struct archive_file *a, struct store *st);
/* Removes what was not synced, closes the archive and sets *a to NULL.  *a may be NULL. */
void cli_archive_close(struct archive_file **a);

#endif
