/* SPDX-License-Identifier: ISC */
/*
 * base/spool.h - holds bytes behind a descriptor, outside of the process's heap
 *
 * The bytes are in a memory file first; above SPOOL_MEMORY_MAX they are in an unlinked file of the
 * spool directory, so that memory does not grow with a body.  Neither file has a name: a process
 * that dies leaves none behind.
 */
#ifndef RETRYSAFE_BASE_SPOOL_H
#define RETRYSAFE_BASE_SPOOL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPOOL_MEMORY_MAX 65536 /* bytes: a thousand slow senders take little memory */

struct spool {
	int fd;      /* -1: not open; CLOEXEC; its offset is behind the last byte written */
	int64_t len; /* bytes */
	bool is_on_disk;
};

#define SPOOL_CLOSED     \
	{                \
		.fd = -1 \
	}

/* Opens an empty spool.  Returns OK, ERR_NOMEM (also: no descriptors), ERR_SYSTEM. */
enum err spool_open(struct spool *s) MUSTCHECK;

/*
 * spool_write - appends
 *
 *   dir  the spool directory, used when there are more than SPOOL_MEMORY_MAX bytes, and made (mode
 *        0700) when it is not there; NULL: all stay in memory
 *
 * Returns OK; ERR_FULL; ERR_NOMEM; ERR_SYSTEM.  After an error the bytes of earlier calls are still
 * there, and some of this call's may be.  May block on a disk.
 */
enum err spool_write(struct spool *s, const char *dir, const void *data, size_t len) MUSTCHECK;

/*
 * spool_leave_disk - moves the bytes back into a memory file, when the disk takes no more
 *
 * Returns OK; ERR_NOMEM, ERR_SYSTEM: they stay where they are.
 */
enum err spool_leave_disk(struct spool *s) MUSTCHECK;

/* Sets the offset to the start, for the process that reads the descriptor next.  OK, ERR_SYSTEM. */
enum err spool_rewind(struct spool *s) MUSTCHECK;

/* Closes the spool, whose bytes are gone then; a closed one may be closed again. */
void spool_close(struct spool *s);

#endif
