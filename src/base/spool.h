/* SPDX-License-Identifier: ISC */
/*
 * base/spool.h - bytes kept outside of a process's own memory, behind a descriptor
 *
 * They begin in a memory file; from SPOOL_MEMORY_MAX on they are in an unlinked file of the spool
 * directory, so that memory does not grow with a body.  Nothing has a name: whoever dies leaves
 * no file behind.
 */
#ifndef RETRYSAFE_BASE_SPOOL_H
#define RETRYSAFE_BASE_SPOOL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPOOL_MEMORY_MAX (1024 * 1024) /* bytes */

struct spool {
	int fd;      /* -1: not open; CLOEXEC; its offset is at the end of what was written */
	int64_t len; /* bytes */
	bool is_on_disk;
};

#define SPOOL_CLOSED     \
	{                \
		.fd = -1 \
	}

/* Opens an empty one.  Returns OK, ERR_NOMEM (also: no descriptors), ERR_SYSTEM. */
enum err spool_open(struct spool *s) MUSTCHECK;

/*
 * spool_write - appends
 *
 *   dir  the spool directory, used when the bytes no longer fit into memory; NULL: stay in memory
 *
 * Returns OK; ERR_FULL; ERR_NOMEM; ERR_SYSTEM; what was written before stays.  May block on a disk.
 */
enum err spool_write(struct spool *s, const char *dir, const void *data, size_t len) MUSTCHECK;

/* Puts the offset back to the start, for whoever is given the descriptor to read. */
enum err spool_rewind(struct spool *s) MUSTCHECK;

void spool_close(struct spool *s);

#endif
