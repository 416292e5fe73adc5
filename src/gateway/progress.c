/* SPDX-License-Identifier: ISC */
/*
 * gateway/progress.c - what a caller gets while an operation is still being carried out
 *
 *     in_progress   a later caller                      the first one, when its script is slow
 *     conflict      an error at once                    after soft_timeout, the same error
 *     wait          the result, or the error in time    after soft_timeout, the same error
 *     accept        202 at once                         after soft_timeout, 202
 *     async         202 at once                         202 at once
 *
 * A caller that prefers a page always gets 202, also for a second press of a button: that page
 * leads to the result by itself.  It is the same principal, because operation/claim.c refuses any
 * other. Every such answer says where the operation is: GET with ?_operation=REF.
 *
 * Does not know: how an operation is run, and what its result is (gateway/protect.c,
 * gateway/replay.c).
 */
#include "gateway/progress.h"

#include "base/clock.h"
#include "gateway/refusal.h"
#include "gateway/waiting.h"
#include "http/accept.h"

static bool is_async(const struct request *r)
{
	return r->route->async == ASYNC_ALWAYS || r->prefer.respond_async;
}

void progress_read_preference(struct request *r)
{
	r->prefer.wait_ms = -1;
	if (r->route->prefer || r->route->async == ASYNC_PREFER)
		r->prefer = prefer_read(variables_get(&r->vars, "HTTP_PREFER"));
}

/* Seconds until a retry makes sense: what is left of a usual run, else as long as it has run. */
static int retry_after(struct request *r, const struct operation *found)
{
	int64_t so_far_ms = store_now_ms(r->store) - found->updated_ms;
	int64_t usual_ms = counters_expect(request_counters(r), found->route);
	int64_t s = ((usual_ms > so_far_ms ? usual_ms - so_far_ms : so_far_ms) + 999) / 1000;

	return s < 1 ? 1 : s > 60 ? 60 : (int)s;
}

enum next progress_answer(struct request *r, const struct operation *found)
{
	bool is_page = accept_prefers_html(variables_get(&r->vars, "HTTP_ACCEPT"));
	bool is_accepted = is_async(r) || r->route->in_progress == IN_PROGRESS_ACCEPT ||
			   r->is_resource || is_page;

	return refusal_send(r, is_accepted ? PROBLEM_ACCEPTED : PROBLEM_IN_PROGRESS, NULL, found,
		retry_after(r, found));
}

int64_t progress_patience_us(const struct request *r)
{
	int64_t ms = r->route->soft_timeout_ms;

	if (r->prefer.wait_ms < 0 && is_async(r))
		return -1;
	if (r->prefer.wait_ms >= 0 && (ms == 0 || r->prefer.wait_ms < ms))
		ms = r->prefer.wait_ms > 0 ? r->prefer.wait_ms : 1;
	return ms > 0 ? clock_mono_us() + ms * 1000 : 0;
}

/* Milliseconds that this caller waits for another request's run; 0: it does not. */
static int64_t wait_ms(const struct request *r)
{
	int64_t ms = r->route->in_progress == IN_PROGRESS_WAIT ? r->route->wait_ms : 0;

	if (r->prefer.wait_ms >= 0)
		return r->prefer.wait_ms < r->route->wait_ms ? r->prefer.wait_ms
							     : r->route->wait_ms;
	return is_async(r) ? 0 : ms;
}

enum err progress_wait(struct request *r,
	enum err (*lookup)(struct request *r, enum verdict *verdict), enum verdict *verdict)
{
	struct pollfd stop[2] = {{r->worker->stop_fd, POLLIN, 0}, web_peer_pollfd(r->peer)};
	int64_t ms = wait_ms(r);
	struct waiting w;
	enum err e = OK;

	/* Without a waiting slot, the caller is answered like one that does not want to wait. */
	if (ms == 0 || waiting_begin(&w, r->store, &r->found, r->route->max_waiters, ms) != OK)
		return OK;
	do {
		e = lookup(r, verdict);
	} while (e == OK && *verdict == VERDICT_IN_PROGRESS && waiting_pause(&w, stop));
	waiting_end(&w);
	if (e == OK && *verdict == VERDICT_REPLAY)
		request_count(r, COUNTER_WAITED);
	return e;
}
