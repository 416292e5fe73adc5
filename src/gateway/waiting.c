/* SPDX-License-Identifier: ISC */
/*
 * gateway/waiting.c - the operations that run in this process, and the threads that wait for one
 *
 * One mutex guards two short lists.  A waiter is woken through a descriptor of its own, because it
 * waits for its client and for the end of the process at the same time.
 */
#include "gateway/waiting.h"

#include "base/blocked.h"
#include "base/clock.h"
#include "store/liveness.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t run_ended = PTHREAD_COND_INITIALIZER;
static struct running *all_running;
static struct waiting *waiters;

void waiting_register(struct running *a, int64_t op_id)
{
	a->op_id = op_id;
	pthread_mutex_lock(&mutex);
	a->next = all_running;
	all_running = a;
	pthread_mutex_unlock(&mutex);
}

void waiting_leave(struct running *a)
{
	pthread_mutex_lock(&mutex);
	for (struct running **at = &all_running; *at; at = &(*at)->next)
		if (*at == a) {
			*at = a->next;
			break;
		}
	for (struct waiting *w = waiters; w; w = w->next)
		if (w->op_id == a->op_id)
			eventfd_write(w->event_fd, 1);
	pthread_cond_signal(&run_ended);
	pthread_mutex_unlock(&mutex);
}

bool waiting_for_end(int64_t until_us)
{
	int64_t now_us = clock_mono_us(), at_us = now_us + WAITING_END_MS * INT64_C(1000);
	struct timespec at;

	if (now_us >= until_us)
		return false;
	if (at_us > until_us)
		at_us = until_us;
	at = (struct timespec){at_us / 1000000, at_us % 1000000 * 1000};
	blocked_begin();
	pthread_mutex_lock(&mutex);
	pthread_cond_clockwait(&run_ended, &mutex, CLOCK_MONOTONIC, &at);
	pthread_mutex_unlock(&mutex);
	blocked_end();
	return true;
}

static bool is_registered(int64_t op_id)
{
	bool found = false;

	pthread_mutex_lock(&mutex);
	for (struct running *a = all_running; a && !found; a = a->next)
		found = a->op_id == op_id;
	pthread_mutex_unlock(&mutex);
	return found;
}

enum err waiting_begin(struct waiting *w, const struct store *st, const struct operation *op,
	int64_t places, int64_t wait_ms)
{
	enum err e;

	w->op_id = op->id;
	w->until_us = clock_mono_us() + wait_ms * 1000;
	e = liveness_take_waiting_slot(st, op->route, places, &w->place_fd);
	if (e != OK)
		return e;
	w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->event_fd < 0) {
		close(w->place_fd);
		return err_set(ERR_NOMEM, "wait: %s", strerror(errno));
	}
	pthread_mutex_lock(&mutex);
	w->next = waiters;
	waiters = w;
	pthread_mutex_unlock(&mutex);
	return OK;
}

bool waiting_pause(struct waiting *w, const struct pollfd stop[2])
{
	struct pollfd fds[3] = {{w->event_fd, POLLIN, 0}, stop[0], stop[1]};
	int64_t left_ms = (w->until_us - clock_mono_us() + 999) / 1000;
	eventfd_t count;
	int n;

	if (left_ms <= 0)
		return false;
	/* A thread that runs it here wakes us at its end.  That is asked only after the waiter is
	 * in the list, or the end could come in between and wake no thread. */
	if (left_ms > WAITING_LOOK_MS && !is_registered(w->op_id))
		left_ms = WAITING_LOOK_MS;
	blocked_begin();
	n = poll(fds, 3, (int)left_ms);
	blocked_end();
	if (n < 0)
		return errno == EINTR;
	if (fds[0].revents)
		(void)!eventfd_read(w->event_fd, &count);
	return !fds[1].revents && !fds[2].revents;
}

void waiting_end(struct waiting *w)
{
	pthread_mutex_lock(&mutex);
	for (struct waiting **at = &waiters; *at; at = &(*at)->next)
		if (*at == w) {
			*at = w->next;
			break;
		}
	pthread_mutex_unlock(&mutex);
	close(w->event_fd);
	close(w->place_fd);
}
