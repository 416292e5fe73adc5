/* SPDX-License-Identifier: ISC */
/*
 * base/publish.h - gives a finished file its name
 */
#ifndef RETRYSAFE_BASE_PUBLISH_H
#define RETRYSAFE_BASE_PUBLISH_H

#include <stdbool.h>

/*
 * publish_file - syncs a file that has no name yet, and gives it one that survives loss of power
 *
 *   fd    open(2)'s, with O_TMPFILE, in `dir`; completely written; stays the caller's
 *   dir   the directory
 *   path  the name, in `dir`
 *
 * So a file of that name is whole, or it is not there.  Where the name is taken, what stands there
 * is left and counts as this file: processes that publish under one name publish the same thing.
 *
 * Returns false when something failed, and errno says why; the name may be there, unsynced.
 * Blocks while the disk writes.
 */
bool publish_file(int fd, const char *dir, const char *path);

#endif
