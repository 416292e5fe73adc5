/* SPDX-License-Identifier: ISC */
/*
 * store/liveness.c - locks of this host, by which processes prove to be alive: locks on single
 * bytes of the lock file, far beyond its end
 *
 *     0, 1                     the writer lock and its turn, where an engine has them
 *                              (store/sqlite/lock.c)
 *     1024 .. 2^62             a witness: a random number
 *     an operation's id        a result that a process holds, or the lock of a settler; ids are
 *                              below 2^62 until the year 2109
 *     from SLOTS_START on      waiting slots: SLOTS_OF_A_ROUTE for each of 2^24 routes
 *
 * RULES
 *   (1) A run whose witness lives, or whose witness cannot be asked, is not settled
 *       (unit/store_processes, unit/store, t62-controls).
 *   (2) Each lock that a caller gets has a description of its own: closing its descriptor releases
 *       it, and no other (unit/store_room).
 *
 * Does not know: engines; what follows from an answer (operation/claim.c).
 */
#include "store/liveness.h"

#include "base/digest.h"
#include "base/store_url.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SLOTS_START      (INT64_C(1) << 62)
#define SLOTS_OF_A_ROUTE 1024 /* more than `max_waiters` may be */

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

enum err liveness_start(struct liveness *l)
{
	int fd = open(l->lock_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_set(err_from_errno(errno), "%s: %s", l->lock_path, strerror(errno));
	l->witness_fd = fd;
	for (;;) {
		enum err e;

		random_bytes(&l->witness, sizeof(l->witness));
		l->witness = (l->witness & (INT64_MAX >> 1)) | 1024; /* never the writer's byte */
		e = lock_byte(fd, l->witness, F_WRLCK, F_OFD_SETLK, NULL);
		if (e != ERR_BUSY)
			return e;
	}
}

void liveness_stop(struct liveness *l)
{
	if (l->witness_fd >= 0)
		close(l->witness_fd);
	l->witness_fd = -1;
}

int64_t liveness_witness(const struct store *st)
{
	return store_liveness(st)->witness;
}

int liveness_witness_fd(const struct store *st)
{
	return store_liveness(st)->witness_fd;
}

bool liveness_is_alive(const struct store *st, int64_t witness)
{
	short found = F_WRLCK;

	if (store_is_there(st) != OK || lock_byte(store_liveness(st)->query_fd, witness, F_WRLCK,
						F_OFD_GETLK, &found) != OK)
		return true;
	return found != F_UNLCK;
}

void liveness_hold_result(const char *url, int64_t op_id)
{
	const char *path = store_url_path(url);
	char lock_path[PATH_MAX];
	int fd;

	if (!path)
		return;
	snprintf(lock_path, sizeof(lock_path), "%s-lock", path);
	fd = open(lock_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) /* the lock lasts as long as the descriptor, and that as long as the process */
		(void)!lock_byte(fd, op_id, F_WRLCK, F_OFD_SETLK, NULL);
}

/* A description of its own for one lock. */
static enum err open_lock_file(const struct store *st, int *fd)
{
	const char *path = store_liveness(st)->lock_path;

	*fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (*fd >= 0)
		return OK;
	return err_set(err_from_errno(errno), "%s: %s", path, strerror(errno));
}

enum err liveness_lock_settling(const struct store *st, int64_t op_id, int *fd)
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

/*
 * The first byte of a route's slots.  Two routes of one store whose names have the same 24 bits of
 * digest share their slots: the requests that wait for one count for the other, too, so one may be
 * refused before its route has max_waiters.  Nothing runs twice for it, and of 100 routes two do so
 * with a probability of 0.03 %.
 */
static int64_t first_slot(const char *route)
{
	unsigned char hash[4];
	struct digest d;

	digest_start(&d, (const unsigned char *)"places", 6);
	digest_string(&d, route);
	digest_end(&d, hash, sizeof(hash));
	return SLOTS_START + (int64_t)(hash[0] | hash[1] << 8 | hash[2] << 16) * SLOTS_OF_A_ROUTE;
}

enum err liveness_take_waiting_slot(
	const struct store *st, const char *route, int64_t slots, int *fd)
{
	int64_t first;
	int got;
	enum err e = open_lock_file(st, &got);

	if (e != OK)
		return e;
	first = first_slot(route);
	e = err_set(ERR_BUSY, "all waiting slots are taken");
	for (int64_t i = 0; i < slots && i < SLOTS_OF_A_ROUTE && e == ERR_BUSY; i++)
		e = lock_byte(got, first + i, F_WRLCK, F_OFD_SETLK, NULL);
	if (e != OK)
		close(got);
	else
		*fd = got;
	return e;
}

bool liveness_result_is_held(const struct store *st, int64_t op_id)
{
	return liveness_is_alive(st, op_id); /* the same kind of proof, on another byte */
}
