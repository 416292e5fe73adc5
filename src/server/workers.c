/* SPDX-License-Identifier: ISC */
/*
 * server/workers.c - threads, as many as are busy and one more
 *
 * One thread waits for a connection.  When it has got one, and no other thread waits, another one
 * is started, up to the limit `workers`.  Beyond it connections wait in the socket's backlog.
 *
 * RULES
 *   (1) A thread that waits for a client, a script or another process (base/blocked.h) does not
 *       count: another one is started in its place, so nothing that is slow outside delays another
 *       request.  The limit for all of them is `max_connections` (t27-slow).
 *   (2) Threads that are no longer needed end (t27-slow).  One that ends is counted out in the
 *       moment in which that is decided: two of them must not each rely on the other to stay
 *       (t22-pass-through).
 *   (3) A thread that could not be started is tried again, each second (t27-slow).
 *
 * No worker ever sees a signal.  The main thread reads them from a descriptor.
 *
 * Does not know: how a request is served (gateway/gateway.c).
 */
#include "server/workers.h"

#include "base/blocked.h"
#include "base/log.h"
#include "cgi/web_peer.h"
#include "gateway/deployment.h"
#include "gateway/gateway.h"
#include "keeper/link.h"
#include "recovery/recover.h"
#include "store/configured.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define STACK_BYTES   (512 * 1024)
#define RETRY_MS      1000 /* until a thread that could not be started is tried again */
#define LEAVE_SECONDS 5    /* for requests that pass through, when the gateway has to leave */

struct pool {
	struct listener *listener;
	int control_fd;
	const struct serving *how;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int n;         /* threads */
	int n_idle;    /* of them, waiting for a connection or about to */
	int n_blocked; /* of them, waiting for something else */
};

static void *serve_connections(void *arg);

static void start_worker(struct pool *pool)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attr, serve_connections, pool);
	pthread_attr_destroy(&attr);
	if (rc == 0) {
		pool->n++;
		pool->n_idle++;
	} else {
		log_warn("start a thread: %s", strerror(rc));
	}
}

/* Starts a thread where none waits for a connection and one may work.  With the mutex held. */
static void add_worker(struct pool *pool)
{
	if (pool->n_idle == 0 && pool->n - pool->n_blocked < pool->how->n_workers &&
		pool->n < pool->how->n_connections)
		start_worker(pool);
}

/* blocked_set_hook() */
static void note_blocked(void *arg, bool is_blocked)
{
	struct pool *pool = arg;

	pthread_mutex_lock(&pool->mutex);
	pool->n_blocked += is_blocked ? 1 : -1;
	if (is_blocked)
		add_worker(pool);
	pthread_mutex_unlock(&pool->mutex);
}

/* False: as many threads wait as may work, and this one has been counted out: rule (2). */
static bool become_idle(struct pool *pool)
{
	bool is_needed;

	pthread_mutex_lock(&pool->mutex);
	is_needed = pool->n_idle < pool->how->n_workers;
	if (is_needed)
		pool->n_idle++;
	else
		pool->n--;
	pthread_cond_signal(&pool->changed);
	pthread_mutex_unlock(&pool->mutex);
	return is_needed;
}

static void count_out_idle(struct pool *pool)
{
	pthread_mutex_lock(&pool->mutex);
	pool->n_idle--;
	pool->n--;
	pthread_cond_signal(&pool->changed);
	pthread_mutex_unlock(&pool->mutex);
}

/* The requests that have come over a connection; it is open afterwards when it is to be parked. */
static void serve_connection(struct worker *w, struct web_connection *c)
{
	c->n_early = 0;
	do {
		struct web_peer *peer;
		enum err e = web_peer_accept(c, &peer);

		if (e == OK)
			gateway_serve(w, peer, WAY_FASTCGI, NULL);
		else if (e != ERR_BUSY && e != ERR_GONE)
			log_warn("%s", err_text());
	} while (c->fd >= 0 && c->n_early > 0);
}

static void *serve_connections(void *arg)
{
	struct pool *pool = arg;
	struct worker w = {
		.control_fd = pool->control_fd,
		.link = {.fd = -1},
		.stop_fd = pool->listener->stop_fd,
		.config_path = pool->how->config_path,
		.needs_script_dirs = pool->how->needs_script_dirs,
	};
	struct web_connection connection = {.fd = -1, .stop_fd = pool->listener->stop_fd};
	bool is_needed = true;

	blocked_set_hook(note_blocked, pool);
	while (is_needed && listener_accept(pool->listener, &connection.fd) == OK) {
		pthread_mutex_lock(&pool->mutex);
		pool->n_idle--;
		add_worker(pool);
		pthread_mutex_unlock(&pool->mutex);
		serve_connection(&w, &connection);
		if (connection.fd >= 0)
			listener_park(pool->listener, connection.fd);
		is_needed = become_idle(pool);
	}
	link_close(&w.link);
	if (is_needed) /* but the gateway has to leave */
		count_out_idle(pool);
	return NULL;
}

static void stop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGUSR1);
}

/* At start, settles the runs of earlier gateways, beside the first requests. */
static void *recover_at_start(void *arg)
{
	struct pool *pool = arg;
	struct keeper_link link = {.fd = -1};
	struct config *cf = NULL;
	struct store *st = NULL;
	int64_t settled = 0, left = 0;
	enum err e = config_open(pool->how->config_path, &cf);

	if (e == OK)
		e = configured_open_store(
			cf, false, &st); /* one that is not there is not made here */
	if (e == OK)
		e = link_open(pool->control_fd, &link);
	if (e == OK)
		e = recover_all(st, cf, &link, &settled, &left);
	if (settled + left > 0)
		log_info("recovered: %lld settled, %lld uncertain", (long long)settled,
			(long long)left);
	if (e != OK && e != ERR_ABSENT)
		log_warn("recover: %s", err_text());
	link_close(&link);
	store_close(&st);
	config_free(&cf);
	return NULL;
}

static void start_recovery(struct pool *pool)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, recover_at_start, pool) != 0)
		log_warn("no thread to recover with; retries and `retrysafe recover` still do");
	pthread_attr_destroy(&attr);
}

void workers_ignore_signals(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
}

void workers_block_signals(void)
{
	sigset_t set;

	stop_signals(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	workers_ignore_signals();
}

/* Blocks until we have to leave; ERR_GONE: because the keeper has died. */
static enum err wait_for_end(struct pool *pool)
{
	struct signalfd_siginfo si;
	struct pollfd fds[2] = {{-1, POLLIN, 0}, {pool->control_fd, POLLIN, 0}};
	sigset_t set;

	stop_signals(&set);
	fds[0].fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fds[0].fd < 0)
		return err_set(ERR_NOMEM, "read signals: %s", strerror(errno));
	for (;;) {
		if (poll(fds, 2, RETRY_MS) <= 0) {
			pthread_mutex_lock(&pool->mutex);
			add_worker(pool);
			pthread_mutex_unlock(&pool->mutex);
			continue;
		}
		if (fds[1].revents) {
			close(fds[0].fd);
			return err_set(ERR_GONE, "the keeper has died");
		}
		if (fds[0].revents && read(fds[0].fd, &si, sizeof(si)) == sizeof(si)) {
			close(fds[0].fd);
			return OK;
		}
	}
}

enum err workers_run(struct listener *l, int control_fd, const struct serving *how)
{
	/* Static: a thread may outlive this call, see LEAVE_SECONDS. */
	static struct pool pool = {
		.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	struct timespec until;
	enum err e;
	int rc = 0;

	pool.listener = l;
	pool.control_fd = control_fd;
	pool.how = how;

	pthread_mutex_lock(&pool.mutex);
	add_worker(&pool);
	e = pool.n > 0 ? OK : err_set(ERR_NOMEM, "no thread could be started");
	pthread_mutex_unlock(&pool.mutex);
	start_recovery(&pool);
	if (e == OK)
		e = wait_for_end(&pool);
	listener_stop(l);
	if (e == OK)
		listener_withdraw(l);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += LEAVE_SECONDS;
	pthread_mutex_lock(&pool.mutex);
	while (pool.n > 0 && rc == 0)
		rc = pthread_cond_clockwait(&pool.changed, &pool.mutex, CLOCK_MONOTONIC, &until);
	if (pool.n > 0)
		log_warn("leaving while %d requests are still being passed through", pool.n);
	pthread_mutex_unlock(&pool.mutex);
	return e;
}
