/* SPDX-License-Identifier: ISC */
/*
 * keeper/recorder.c - the keeper's own recording, when the gateway is gone or could not record
 *
 * The process that calls this holds a copy of the run's witness and the lock that says that it has
 * the result, so until it ends every other process sees the operation as running and leaves it
 * alone.  While the store is out of reach the result waits in memory, and in a file of the spool
 * (operation/saved_result.c), in case this process or the machine dies as well.
 *
 *     the store               this process
 *     takes it                ends
 *     has settled it          ends: the operation is no longer this run's
 *     busy, full, failing     tries again, without end
 *     moved, deleted, a copy  tries again for GONE_MS, then ends and leaves the result in the
 * spool; where the spool is full, goes on
 *
 * RULES
 *   (1) A process does not wait for ever for a store that has been moved or deleted, and then says
 *       so once (t36-kept).
 *   (2) It does not end while it alone has a result, unless the spool has gone, too (t36-kept).
 *
 * Does not know: why the gateway did not record the run.
 */
#include "keeper/recorder.h"

#include "metrics/counters.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/store_url.h"
#include "operation/saved_result.h"
#include "store/liveness.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MIN_MS  20
#define PAUSE_MAX_MS  2000
#define GONE_MS       20000
#define FDS_LOOKED_AT 64 /* this process has a handful */

static enum err write_end(const struct order *order, struct store *st, const struct ending *end)
{
	struct recorded rec;
	enum err e;

	if (!end) {
		struct operation op = order->op;

		return store_release(st, &op);
	}
	e = record_run(st, &order->op, &order->policy, end, &rec);
	recorded_free(&rec);
	return e;
}

static enum err open_and_write(
	const struct order *order, const char *url, const char *spool, const struct ending *end)
{
	struct store_options opt = {
		.url = url,
		.spool = spool,
		.durability = order->policy.durability,
		.busy_timeout_ms = order->policy.busy_timeout_ms,
	};
	struct store *st = NULL;
	enum err e = store_open(&opt, &st);

	/* Here it means the store's file, not the operation; an operator may still repair it. */
	if (e == ERR_REFUSED)
		e = ERR_BROKEN;
	if (e == OK)
		e = write_end(order, st, end);
	store_close(&st);
	return e;
}

/* Runs that their clients did not wait for are often the long ones: their durations count too. */
static void learn_duration(const struct order *order, const char *spool, const struct ending *end)
{
	struct counters *c = counters_open(spool);

	counters_learn(c, order->op.route, end->run_us);
	counters_close(&c);
}

/* A result that the store has not taken yet. */
struct holding {
	const char *url, *spool;
	char moved_spool[PATH_MAX]; /* where it is if it was moved with the store; "" it was not */
	int64_t gone_since_us;      /* 0: the store is where it was */
	bool is_on_disk, is_said;
};

static bool is_missing(const char *path)
{
	return access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* Nothing that time alone mends: an operator has to put the store back. */
static bool is_gone(const struct holding *h, enum err e)
{
	const char *path = store_url_path(h->url);

	return e == ERR_BROKEN || e == ERR_ABSENT || (path && is_missing(path));
}

/*
 * The witness's lock file is open in this process, and the kernel knows by which path it is found
 * now.  A spool below the store's directory has moved with it.
 */
static void find_moved_spool(struct holding *h)
{
	char link[32], to[PATH_MAX];
	struct store_url parts;
	size_t len;

	if (!store_url_split(h->url, &parts) ||
		strncmp(h->spool, parts.path, (size_t)parts.dir_len) != 0 ||
		h->spool[parts.dir_len] != '/')
		return;
	for (int fd = 3; fd < FDS_LOOKED_AT; fd++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, to, sizeof(to) - 1);
		len = strlen(parts.name) + strlen("/-lock");
		if (n < (ssize_t)len)
			continue;
		to[n] = '\0';
		to[n - (ssize_t)len] = '\0'; /* what is left is the directory */
		if (to[n - (ssize_t)len + 1] &&
			strncmp(to + n - len + 1, parts.name, strlen(parts.name)) == 0 &&
			strcmp(to + n - 5, "-lock") == 0 &&
			(size_t)snprintf(h->moved_spool, sizeof(h->moved_spool), "%s%s", to,
				h->spool + parts.dir_len) < sizeof(h->moved_spool) &&
			!is_missing(h->moved_spool))
			return;
		h->moved_spool[0] = '\0';
	}
}

static void save(const struct order *order, const struct ending *end, struct holding *h)
{
	if (!end || h->is_on_disk)
		return;
	if (is_missing(h->spool))
		find_moved_spool(h);
	h->is_on_disk = saved_result_write(*h->moved_spool ? h->moved_spool : h->spool, &order->op,
				&order->policy, end) == OK;
}

static const char *fate_of(const struct ending *end, const struct holding *h)
{
	if (!end)
		return "nothing was started, and the store that has its claim is gone";
	if (h->is_on_disk)
		return "its result waits in the spool until the store is put back";
	return is_missing(h->spool) ? "its result is lost: the store and the spool are gone"
				    : "its result waits in memory: the store is gone, and the "
				      "spool does not take it";
}

/* After a try that failed: rules (1) and (2). */
static bool may_end(const struct order *order, const struct ending *end, const char *ref,
	enum err e, struct holding *h)
{
	int64_t now_us = clock_mono_us();
	char why[600];

	snprintf(why, sizeof(why), "%s", err_text());
	save(order, end, h);
	if (!is_gone(h, e)) {
		h->gone_since_us = 0;
		return false;
	}
	if (h->gone_since_us == 0)
		h->gone_since_us = now_us;
	if (now_us - h->gone_since_us < GONE_MS * INT64_C(1000))
		return false;
	if (!h->is_said)
		log_warn("operation %s: %s: %s", ref, fate_of(end, h), why);
	h->is_said = true;
	return !end || h->is_on_disk || is_missing(h->spool);
}

static struct holding hold(
	const struct order *order, const char *url, const char *spool, const struct ending *end)
{
	struct holding h = {.url = url, .spool = spool};

	if (!end)
		return h;
	liveness_hold_result(url, order->op.id);
	learn_duration(order, spool, end);
	return h;
}

void recorder_run(
	const struct order *order, const char *url, const char *spool, const struct ending *end)
{
	char ref[REF_LEN + 1];
	int64_t pause_ms = PAUSE_MIN_MS;
	struct holding h = hold(order, url, spool, end);

	operation_ref(&order->op, ref);
	fault("recorder.begins");
	for (;;) {
		enum err e = open_and_write(order, url, spool, end);
		struct timespec pause = {pause_ms / 1000, pause_ms % 1000 * 1000000};

		fault("recorder.recorded");
		if (e == OK || e == ERR_REFUSED)
			saved_result_remove(spool, &order->op);
		if (e == OK)
			return;
		if (e == ERR_REFUSED) {
			log_warn("operation %s: not recorded: %s", ref, err_text());
			return;
		}
		if (!is_gone(&h, e) && (pause_ms == PAUSE_MIN_MS || pause_ms == PAUSE_MAX_MS))
			log_warn("operation %s: its result cannot be recorded yet and is kept: %s",
				ref, err_text());
		if (may_end(order, end, ref, e, &h))
			return;
		nanosleep(&pause, NULL);
		pause_ms = pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause_ms * 2;
	}
}
