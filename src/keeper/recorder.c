/* SPDX-License-Identifier: ISC */
/*
 * keeper/recorder.c - the keeper's own recording, when the gateway is gone or could not record
 *
 * The process that calls this holds a copy of the run's witness and the lock that says that it has
 * the result, so until it ends every other process sees the operation as running and leaves it
 * alone.  It gives up only when the store says that the operation is no longer this run's.  While
 * the store is out of reach the result waits in memory, and in a file of the spool
 * (operation/saved_result.c), in case this process or the machine dies as well.
 *
 * Does not know: why the gateway did not record the run.
 */
#include "keeper/recorder.h"

#include "metrics/counters.h"

#include "base/fault.h"
#include "base/log.h"
#include "operation/saved_result.h"
#include "store/liveness.h"

#include <time.h>

#define PAUSE_MIN_MS 20
#define PAUSE_MAX_MS 2000

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

	counters_learn(c, order->op.route, end->run_us / 1000);
	counters_close(&c);
}

void recorder_run(
	const struct order *order, const char *url, const char *spool, const struct ending *end)
{
	char ref[REF_LEN + 1];
	int64_t pause_ms = PAUSE_MIN_MS;
	bool is_on_disk = false;

	operation_ref(&order->op, ref);
	if (end) {
		liveness_hold_result(url, order->op.id);
		learn_duration(order, spool, end);
	}
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
		if (pause_ms == PAUSE_MIN_MS || pause_ms == PAUSE_MAX_MS)
			log_warn("operation %s: its result cannot be recorded yet and is kept: %s",
				ref, err_text());
		if (end && !is_on_disk)
			is_on_disk =
				saved_result_write(spool, &order->op, &order->policy, end) == OK;
		nanosleep(&pause, NULL);
		pause_ms = pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause_ms * 2;
	}
}
