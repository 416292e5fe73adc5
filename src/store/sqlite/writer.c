/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/writer.c - one thread writes for all that wait, many jobs in one commit
 *
 * A caller puts its job into the queue.  If no thread is writing, it leads: it takes the writer
 * lock, then the whole queue, and carries it out in one transaction.  Else it sleeps until its job
 * is done, or until it is the first in the queue and the leader before it has finished: then it
 * leads.  There is no timer: while one commit is being synced the next batch gathers by itself.  A
 * thread that is started when it is needed does what may take long: waiting for another process,
 * and maintenance (store/sqlite/upkeep.c).
 *
 * RULES
 *   (1) The writer lock (store/sqlite/lock.c) is held around every write transaction and every
 *       checkpoint of every process (t51-order, t62-controls).
 *   (2) A job that has not been taken when its time is up is taken out of the queue, and nothing
 *       happened; once it is taken, its caller waits for the end (unit/store_failures).
 *   (3) When a job or the transaction fails, all of it is rolled back, and the jobs are carried out
 *       one by one: no job fails because of another (unit/store_failures).
 *
 * Callers are woken before maintenance (purge, checkpoint) starts.
 *
 * Does not know: what a job, or the release of a claim, does.
 */
#include "store/sqlite/writer.h"

#include "base/blocked.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "store/sqlite/clock.h"
#include "store/sqlite/lock.h"
#include "store/sqlite/transaction.h"
#include "store/sqlite/upkeep.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PENDING_EVERY_MS 1000
#define COMMIT_MS        100 /* that a commit takes; a longer one waits for another process, or a disk */

/* A write that waits for its turn.  Lives on the stack of the thread that waits for it. */
struct job {
	enum err (*work)(struct store *st, struct conn *c, void *arg);
	void *arg;
	enum err result;
	char text[512];         /* err_text() of the writing thread */
	_Atomic uint32_t stage; /* the thread that waits for it sleeps on this word */
	struct job *next;
};

/* Stages of a job.  Below JOB_TAKEN it waits; each call to lead changes JOB_CALLED, so that none is
 * missed. */
enum { JOB_WAITING = 0, JOB_CALLED = 1, JOB_TAKEN = 2, JOB_FINISHED = 3 };

/* A claim that must be taken back: nothing was started for it. */
struct pending_release {
	enum err (*release)(struct store *st, struct conn *c, int64_t op_id,
		const unsigned char token[TOKEN_LEN]);
	int64_t op_id;
	unsigned char token[TOKEN_LEN];
	struct pending_release *next;
};

/* ---- one transaction ---- */

/* A result that is an answer, not a failure: the transaction goes on. */
static bool is_answer(enum err e)
{
	return e == OK || e == ERR_REFUSED || e == ERR_ABSENT;
}

static enum err release_pending(
	struct store *st, struct conn *c, const struct pending_release *pending)
{
	enum err e = OK;

	for (; pending && e == OK; pending = pending->next)
		e = pending->release(st, c, pending->op_id, pending->token);
	return e;
}

/* Frees this release and all behind it: a commit has settled them; new ones come in front. */
static void forget_pending(struct store *st, struct pending_release *settled)
{
	struct pending_release **at;

	pthread_mutex_lock(&st->mutex);
	for (at = &st->pending_releases; *at && *at != settled;)
		at = &(*at)->next;
	*at = NULL;
	pthread_mutex_unlock(&st->mutex);
	while (settled) {
		struct pending_release *next = settled->next;

		free(settled);
		settled = next;
	}
}

/*
 * Carries out `n` jobs from `first` on in one transaction.  OK: each has its own result; else
 * nothing happened, or, ERR_UNKNOWN, all or nothing.  *by_job: it failed in a job.
 */
static enum err run_transaction(struct store *st, struct job *first, int n, bool *by_job)
{
	struct pending_release *pending;
	struct job *job = first;
	struct conn *c;
	enum err e;

	*by_job = false;
	if (!st->writer && (e = transaction_open_writer(st)) != OK)
		return e;
	c = st->writer;
	pthread_mutex_lock(&st->mutex);
	pending = st->pending_releases;
	pthread_mutex_unlock(&st->mutex);
	e = transaction_begin(st, c);
	fault("writer.began");
	if (e == OK)
		e = release_pending(st, c, pending);
	for (int i = 0; i < n && e == OK; i++, job = job->next) {
		job->result = job->work(st, c, job->arg);
		if (job->result != OK)
			snprintf(job->text, sizeof(job->text), "%s", err_text());
		*by_job = !is_answer(job->result);
		if (*by_job)
			e = job->result;
	}
	if (e == OK && clock_row_is_due(st))
		e = clock_row_write(st, c);
	if (e != OK) {
		transaction_roll_back(st);
		return e;
	}
	fault("writer.commits");
	e = transaction_commit(st, c);
	fault("writer.committed");
	if (e == OK && pending)
		forget_pending(st, pending);
	return e;
}

/* Replaces the result that the job itself had: it was rolled back. */
static void fail_job(struct job *job, enum err e, const char *text)
{
	job->result = e;
	snprintf(job->text, sizeof(job->text), "%s", text);
}

static void fail_all(struct job *job, enum err e)
{
	char text[sizeof(job->text)];

	snprintf(text, sizeof(text), "%s", err_text());
	for (; job; job = job->next)
		fail_job(job, e, text);
}

static void carry_out(struct store *st, struct job *first)
{
	bool by_job;
	int n = 0;
	enum err e;

	for (struct job *job = first; job; job = job->next)
		n++;
	e = run_transaction(st, first, n, &by_job);
	if (e == OK)
		return;
	if (n == 1 || !by_job) {
		fail_all(first, e);
		return;
	}
	for (struct job *job = first; job; job = job->next) {
		e = run_transaction(st, job, 1, &by_job);
		if (e != OK)
			fail_job(job, e, err_text());
	}
}

static bool is_pending(struct store *st)
{
	bool is;

	pthread_mutex_lock(&st->mutex);
	is = st->pending_releases;
	pthread_mutex_unlock(&st->mutex);
	return is;
}

/* ---- the queue ---- */

static struct timespec time_in(clockid_t clock, int64_t ms)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static enum err ask_thread(struct store *st);
static void run_upkeep(struct store *st);

/* futex(2): of a job that may be gone the kernel takes nothing but its address. */
static void wake_job(struct job *job)
{
	syscall(SYS_futex, &job->stage, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Sleeps while the job is in this stage; until: CLOCK_MONOTONIC, NULL for ever.  False: time over.
 */
static bool sleep_in(struct job *job, uint32_t stage, const struct timespec *until)
{
	return syscall(SYS_futex, &job->stage, FUTEX_WAIT_BITSET_PRIVATE, stage, until, NULL,
		       FUTEX_BITSET_MATCH_ANY) == 0 ||
	       errno != ETIMEDOUT;
}

/* The same, and a thread that waits longer than for a commit of this process says so. */
static bool sleep_long(struct job *job, uint32_t stage, const struct timespec *until)
{
	struct timespec soon = time_in(CLOCK_MONOTONIC, COMMIT_MS);
	bool is_awake;

	if (soon.tv_sec < until->tv_sec && sleep_in(job, stage, &soon))
		return true;
	blocked_begin();
	is_awake = sleep_in(job, stage, until);
	blocked_end();
	return is_awake;
}

/* With the mutex held: it is this job's turn to lead. */
static void call_leader(struct job *job)
{
	atomic_fetch_xor(&job->stage, JOB_CALLED);
	wake_job(job);
}

static void finish_jobs(struct job *first)
{
	while (first) {
		struct job *next = first->next;

		atomic_store(&first->stage, JOB_FINISHED); /* from now on it may be gone */
		wake_job(first);
		first = next;
	}
}

static struct job *take_queue(struct store *st)
{
	struct job *first;

	pthread_mutex_lock(&st->mutex);
	first = st->first;
	for (struct job *job = first; job; job = job->next)
		atomic_store(&job->stage, JOB_TAKEN);
	st->first = NULL;
	st->last = &st->first;
	pthread_mutex_unlock(&st->mutex);
	return first;
}

/* With the mutex held: the first job in the queue leads now. */
static void hand_over_lead(struct store *st)
{
	st->is_busy = false;
	if (st->is_asked || st->pending_releases)
		pthread_cond_signal(&st->work_there);
	if (st->first && !st->is_asked)
		call_leader(st->first);
}

/* With the mutex held: carries out what waits, if it can be done at once. */
static bool lead_queue(struct store *st)
{
	struct job *first;

	if (st->is_busy || st->is_asked || st->pending_releases || lock_take(st, false) != OK)
		return false;
	st->is_busy = true;
	pthread_mutex_unlock(&st->mutex);
	sched_yield(); /* where processors are scarce, others are about to ask, too */
	first = take_queue(st);
	carry_out(st, first);
	finish_jobs(first);
	lock_release(st);
	pthread_mutex_lock(&st->mutex);
	if (upkeep_is_due(st) && ask_thread(st) != OK) {
		log_warn("%s; a caller does it", err_text());
		pthread_mutex_unlock(&st->mutex);
		run_upkeep(st);
		pthread_mutex_lock(&st->mutex);
	}
	hand_over_lead(st);
	return true;
}

/* ---- the thread ---- */

/* Waits until it is asked; false: stop. */
static bool wait_for_work(struct store *st)
{
	struct timespec until = time_in(CLOCK_MONOTONIC, PENDING_EVERY_MS);
	bool go_on;
	int rc = 0;

	pthread_mutex_lock(&st->mutex);
	while (st->is_busy || (!st->is_asked && !st->must_stop && rc == 0))
		rc = st->pending_releases && !st->is_busy
			     ? pthread_cond_clockwait(
				       &st->work_there, &st->mutex, CLOCK_MONOTONIC, &until)
			     : pthread_cond_wait(&st->work_there, &st->mutex);
	go_on = st->first || st->is_asked || !st->must_stop;
	st->is_busy = go_on;
	st->is_asked = false;
	pthread_mutex_unlock(&st->mutex);
	return go_on;
}

static void run_upkeep(struct store *st)
{
	if (lock_take(st, false) != OK)
		return;
	upkeep_run(st);
	lock_release(st);
}

/* Carries out the queue and the pending releases, then maintenance. */
static void write_queue(struct store *st)
{
	enum err e = lock_take(st, true);
	struct job *first = take_queue(st);

	if (e != OK) {
		fail_all(first, e);
		finish_jobs(first);
		return;
	}
	if (first || is_pending(st))
		carry_out(st, first);
	finish_jobs(first);
	upkeep_run(st);
	lock_release(st);
}

static void *run_thread(void *arg)
{
	struct store *st = arg;

	while (wait_for_work(st)) {
		write_queue(st);
		pthread_mutex_lock(&st->mutex);
		hand_over_lead(st);
		pthread_mutex_unlock(&st->mutex);
	}
	return NULL;
}

static void wake_only(int sig)
{
	(void)sig;
}

/* Called with the mutex held.  The thread takes no signals but the one that ends a wait for the
 * lock. */
static enum err start_thread(struct store *st)
{
	struct sigaction sa = {.sa_handler = wake_only};
	sigset_t all, old;
	int rc;

	sigaction(SIGURG, &sa, NULL);
	sigfillset(&all);
	sigdelset(&all, SIGURG);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&st->thread, NULL, run_thread, st);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		return err_set(ERR_NOMEM, "start the store's writer: %s", strerror(rc));
	st->has_thread = true;
	return OK;
}

static void stop_thread(struct store *st)
{
	if (!st->has_thread)
		return;
	pthread_mutex_lock(&st->mutex);
	st->must_stop = true;
	pthread_cond_signal(&st->work_there);
	pthread_mutex_unlock(&st->mutex);
	for (;;) {
		struct timespec until = time_in(CLOCK_REALTIME, 20);

		if (pthread_timedjoin_np(st->thread, NULL, &until) == 0)
			break;
		pthread_kill(st->thread, SIGURG); /* it may wait for another process's lock */
	}
	st->has_thread = false;
}

void writer_stop(struct store *st)
{
	stop_thread(st);
	if (st->pending_releases &&
		lock_take(st, false) == OK) { /* the last chance: no other thread is left */
		carry_out(st, NULL);
		lock_release(st);
	}
	forget_pending(st, st->pending_releases);
	conn_close(&st->writer);
}

/* With the mutex held: the thread does what cannot be done at once. */
static enum err ask_thread(struct store *st)
{
	enum err e = st->has_thread ? OK : start_thread(st);

	st->is_asked = e == OK;
	if (e == OK)
		pthread_cond_signal(&st->work_there);
	return e;
}

/* With the mutex held: takes a job that has not been begun out of the queue. */
static void withdraw_job(struct store *st, struct job *job)
{
	struct job **at = &st->first;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	if (st->last == &job->next)
		st->last = at;
	if (!st->is_busy && st->first) /* this may have been the one to lead */
		call_leader(st->first);
}

/* Returns when the job has been carried out, or has been withdrawn. */
static enum err wait_for_job(struct store *st, struct job *job)
{
	struct timespec until = time_in(CLOCK_MONOTONIC, st->busy_timeout_ms);
	bool is_over = false;
	enum err e = OK;
	uint32_t stage;

	pthread_mutex_lock(&st->mutex);
	*st->last = job;
	st->last = &job->next;
	while (e == OK && atomic_load(&job->stage) < JOB_TAKEN) {
		if (is_over)
			e = err_set(ERR_BUSY, "the store was busy for %lld ms",
				(long long)st->busy_timeout_ms);
		else if (!st->is_busy && !st->is_asked && !lead_queue(st))
			e = ask_thread(st);
		if (e != OK)
			withdraw_job(st, job);
		stage = atomic_load(&job->stage);
		if (e != OK || stage >= JOB_TAKEN)
			break;
		pthread_mutex_unlock(&st->mutex);
		is_over = !sleep_long(job, stage, &until);
		if (atomic_load(&job->stage) == JOB_FINISHED)
			return OK; /* the usual end: no need for the mutex */
		pthread_mutex_lock(&st->mutex);
	}
	pthread_mutex_unlock(&st->mutex);
	while (e == OK && (stage = atomic_load(&job->stage)) != JOB_FINISHED)
		sleep_in(job, stage, NULL);
	return e;
}

enum err writer_run(
	struct store *st, enum err (*work)(struct store *st, struct conn *c, void *arg), void *arg)
{
	struct job job = {.work = work, .arg = arg};
	enum err e;

	if (st->is_read_only)
		return err_set(ERR_REFUSED, "the store was opened for reading only");
	e = wait_for_job(st, &job);
	if (e != OK)
		return e;
	return job.result == OK ? OK : err_set(job.result, "%s", job.text);
}

void writer_defer_release(struct store *st,
	enum err (*release)(struct store *st, struct conn *c, int64_t op_id,
		const unsigned char token[TOKEN_LEN]),
	int64_t op_id, const unsigned char token[TOKEN_LEN])
{
	struct pending_release *o = calloc(1, sizeof(*o));

	if (!o) {
		log_warn("out of memory: a claim that was not run stays until this process ends");
		return;
	}
	o->release = release;
	o->op_id = op_id;
	memcpy(o->token, token, TOKEN_LEN);
	pthread_mutex_lock(&st->mutex);
	o->next = st->pending_releases;
	st->pending_releases = o;
	if (!st->has_thread && start_thread(st) != OK)
		log_warn("%s; a claim that was not run waits for the next write", err_text());
	pthread_cond_signal(&st->work_there);
	pthread_mutex_unlock(&st->mutex);
}
