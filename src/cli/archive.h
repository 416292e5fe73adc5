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
 * Opens FILE, made when it is not there, or standard output for "-", for what store_purge_into()
 * removes.  To be called before the store is opened: closing the store's own file, named by
 * mistake, would drop its locks.  OK; ERR_REFUSED it must not be written to; ERR_INVALID its
 * directory is not there; ERR_BUSY, ERR_FULL, ERR_NOMEM, ERR_SYSTEM.
 */
enum err cli_archive_open(const char *path, struct archive_file **out) MUSTCHECK;
struct archive cli_archive(struct archive_file *a, struct store *st);
void cli_archive_close(struct archive_file **a);

#endif
