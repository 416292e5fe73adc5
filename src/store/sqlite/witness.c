/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/witness.c - proofs of life that the kernel keeps: locks on single bytes of the lock
 * file
 *
 * The bytes lie far beyond the end of the file.  Bytes 0 and 1 are the writer lock and its turn
 * (store/sqlite/lock.c), a witness is a random byte, and who keeps a result holds the byte of the
 * operation's id.  Behind all of them are the places of those who wait, WAITING_SLOTS_MAX for each
 * route.
 *
 * What it does not know: who asks, and what follows from the answer (operation/claim.c).
 */
#include "store/sqlite/witness.h"

#include "base/digest.h"
#include "store/liveness.h"
#include "store/sqlite/location.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAITING_SLOTS_MAX 1024 /* more than `max_waiters` may be */

static enum err lock_byte(int fd, int64_t at, short type, int command, short *found)
{
	struct flock fl = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

	if (fcntl(fd, command, &fl) != 0)
		return err_set(errno == EAGAIN || errno == EACCES || errno == EINTR ? ERR_BUSY
										    : ERR_SYSTEM,
			"lock: %s", strerror(errno));
	if (found)
		*found = fl.l_type;
	return OK;
}

enum err witness_take(struct store *st)
{
	st->witness_fd = open(st->lock_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (st->witness_fd < 0)
		return err_set(ERR_SYSTEM, "%s: %s", st->lock_path, strerror(errno));
	for (;;) {
		enum err e;

		random_bytes(&st->witness, sizeof(st->witness));
		st->witness = (st->witness & (INT64_MAX >> 1)) | 1024; /* never the writer's byte */
		e = lock_byte(st->witness_fd, st->witness, F_WRLCK, F_OFD_SETLK, NULL);
		if (e != ERR_BUSY)
			return e;
	}
}

int64_t store_witness(const struct store *st)
{
	return st->witness;
}

int store_witness_fd(const struct store *st)
{
	return st->witness_fd;
}

bool store_witness_is_alive(const struct store *st, int64_t witness)
{
	short found = F_WRLCK;

	/* Asked through the writer's description, so that our own witness counts as well. */
	if (store_is_there(st) != OK ||
		lock_byte(st->lock_fd, witness, F_WRLCK, F_OFD_GETLK, &found) != OK)
		return true;
	return found != F_UNLCK;
}

void store_hold_result(const char *url, int64_t op_id)
{
	char lock_path[PATH_MAX];
	int fd;

	snprintf(lock_path, sizeof(lock_path), "%s-lock", strchr(url, ':') + 1);
	fd = open(lock_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) /* the lock lasts as long as the descriptor, and that as long as the process */
		(void)!lock_byte(fd, op_id, F_WRLCK, F_OFD_SETLK, NULL);
}

/* A description of its own for one lock: closing it lets go of that one. */
static enum err open_lock_file(const struct store *st, int *fd)
{
	*fd = open(st->lock_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (*fd >= 0)
		return OK;
	return err_set(err_from_errno(errno), "%s: %s", st->lock_path, strerror(errno));
}

enum err store_lock_settling(const struct store *st, int64_t op_id, int *fd)
{
	int got;
	enum err e = open_lock_file(st, &got);

	if (e != OK)
		return e;
	e = lock_byte(got, op_id, F_WRLCK, F_OFD_SETLK, NULL);
	if (e != OK)
		close(got);
	else
		*fd = got;
	return e;
}

enum err store_take_waiting_slot(const struct store *st, const char *route, int64_t places, int *fd)
{
	unsigned char hash[4];
	struct digest d;
	int64_t first;
	int got;
	enum err e = open_lock_file(st, &got);

	if (e != OK)
		return e;
	digest_start(&d, (const unsigned char *)"places", 6);
	digest_string(&d, route);
	digest_end(&d, hash, sizeof(hash));
	first = (INT64_C(1) << 62) +
		(int64_t)(hash[0] | hash[1] << 8 | hash[2] << 16) * WAITING_SLOTS_MAX;
	e = err_set(ERR_BUSY, "all places to wait at are taken");
	for (int64_t i = 0; i < places && i < WAITING_SLOTS_MAX && e == ERR_BUSY; i++)
		e = lock_byte(got, first + i, F_WRLCK, F_OFD_SETLK, NULL);
	if (e != OK)
		close(got);
	else
		*fd = got;
	return e;
}

bool store_result_is_held(const struct store *st, int64_t op_id)
{
	return store_witness_is_alive(st, op_id); /* the same kind of proof, on another byte */
}
