/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/lock.c - the writer lock: one writer among all processes, in turns
 *
 * The lock is an open file description lock on byte 0 of the lock file, which the kernel frees when
 * a process dies.  The kernel does not hand it on: a process that has just released the lock would
 * have it again before a waiting one is awake.  So a process that waits for the lock holds the
 * turn, byte 1, and a process that wants the lock again waits for the turn first.
 *
 * RULES
 *   (1) The lock alone decides which process may write; the turn only makes it fair
 *       (t62-controls).
 *   (2) No process waits long for the turn: its holder may have been stopped
 *       (unit/store_processes).
 *
 * A process never waits for the turn while it holds the lock.
 *
 * What it does not know: what the holder of the lock writes.
 */
#include "store/sqlite/lock.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id /* the C library has no name for it before 2.37 */
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define TURN_WAIT_US 300000   /* a turn may take this long ... */
#define NO_TURNS_US  10000000 /* ... before turns are not asked for, for as long */

enum { WRITER_BYTE = 0, TURN_BYTE = 1 };

static enum err set_lock(struct store *st, int64_t at, short type, int command)
{
	struct flock fl = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

	if (fcntl(st->lock_fd, command, &fl) == 0)
		return OK;
	if (errno == EAGAIN || errno == EACCES || errno == EINTR)
		return err_set(ERR_BUSY, "the store's lock is held by another process");
	return err_set(ERR_SYSTEM, "lock the store: %s", strerror(errno));
}

/*
 * Waits for the turn, but not for a process that has been stopped with it: a timer interrupts the
 * wait.  The timer repeats, as its first signal may come before the wait begins.
 */
static enum err take_turn(struct store *st, bool may_wait)
{
	const struct itimerspec until = {
		.it_value = {.tv_nsec = TURN_WAIT_US * 1000}, .it_interval = {.tv_nsec = 20000000}};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGURG};
	enum err e = set_lock(st, TURN_BYTE, F_WRLCK, F_OFD_SETLK);
	timer_t timer;

	if (e != ERR_BUSY || !may_wait)
		return e;
	event.sigev_notify_thread_id = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0) {
		timer_settime(timer, 0, &until, NULL);
		e = set_lock(st, TURN_BYTE, F_WRLCK, F_OFD_SETLKW);
		timer_delete(timer);
	}
	if (e == ERR_BUSY)
		st->no_turns_until_us = clock_mono_us() + NO_TURNS_US;
	return e;
}

enum err lock_take(struct store *st, bool may_wait)
{
	bool takes_turn = clock_mono_us() >= st->no_turns_until_us;
	enum err turn = takes_turn ? take_turn(st, may_wait) : ERR_BUSY, e;

	if (takes_turn && turn != OK && (turn != ERR_BUSY || !may_wait))
		return turn;
	e = set_lock(st, WRITER_BYTE, F_WRLCK, may_wait ? F_OFD_SETLKW : F_OFD_SETLK);
	if (turn == OK)
		(void)!set_lock(st, TURN_BYTE, F_UNLCK, F_OFD_SETLK); /* as in lock_release() */
	return e;
}

void lock_release(struct store *st)
{
	(void)!set_lock(st, WRITER_BYTE, F_UNLCK, F_OFD_SETLK); /* unlocking cannot fail here */
}

enum err lock_wait(struct store *st)
{
	int64_t end_us = clock_mono_us() + st->busy_timeout_ms * 1000;
	int64_t turn_end_us = clock_mono_us() + TURN_WAIT_US;
	struct timespec pause = {.tv_nsec = 2000000};

	for (;;) {
		enum err e = lock_take(st, false);

		if (e != ERR_BUSY || clock_mono_us() > end_us)
			return e;
		if (clock_mono_us() > turn_end_us)
			st->no_turns_until_us = end_us;
		nanosleep(&pause, NULL);
	}
}
