/* SPDX-License-Identifier: ISC */
/*
 * operation/record.c - done, or uncertain: the two ends of a run
 *
 * RULES
 *   (1) Only a script that ended by itself, within its time, with a complete and valid response,
 *       is done.  The body of a script that was killed is never adopted (unit/record).
 *   (2) The response is normalised here, once: the first answer and every replay are the stored one
 *       (t13-responses).
 *   (3) A response that says that nothing was done is passed on, and its key is free again
 *       (unit/record).
 *   (4) An exit status other than 0 does not make a complete response incomplete: legacy scripts
 *       end with whatever their last command returned.  It is stored, and it makes a response that
 *       is shorter than its own Content-Length invalid (unit/record, unit/cgi_response).
 *
 * Does not know: clients, and how the answer reaches them.
 */
#include "operation/record.h"

#include "base/clock.h"
#include "base/log.h"
#include "cgi/response.h"
#include "config/value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#define TTL_MAX_MS (3650 * CONFIG_DAY)

void ending_set_status(struct ending *end, int wait_status)
{
	end->is_killed = WIFSIGNALED(wait_status);
	end->exit_status = end->is_killed ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

void ending_free(struct ending *end)
{
	free(end->output);
	end->output = NULL;
	if (end->output_fd >= 0)
		close(end->output_fd);
	end->output_fd = -1;
}

static enum err mark_uncertain(struct store *st, const struct operation *op,
	const struct ending *end, enum outcome outcome, struct recorded *out)
{
	out->outcome = outcome;
	return store_mark_uncertain(st, op, end->exit_status, out->reason, clock_wall_ms());
}

/* Reads the first bytes of the output: they hold the whole header block. */
static enum err read_start(const struct ending *end, char *buf, size_t size, size_t *len)
{
	ssize_t n;

	if (end->output_len < (int64_t)size)
		size = (size_t)end->output_len;
	if (end->output) {
		memcpy(buf, end->output, size);
		*len = size;
		return OK;
	}
	n = size > 0 ? pread(end->output_fd, buf, size, 0) : 0;
	if (n != (ssize_t)size)
		return err_set(ERR_SYSTEM, "read the script's output back: %s", strerror(errno));
	*len = size;
	return OK;
}

static enum err read_body_start(const struct ending *end, struct recorded *out)
{
	struct response *res = &out->res;
	int64_t want = res->body_len < RESPONSE_INLINE_MAX ? res->body_len : RESPONSE_INLINE_MAX;

	res->body = malloc((size_t)want + 1);
	if (!res->body)
		return err_set(ERR_NOMEM, "record: out of memory");
	if (end->output)
		memcpy(res->body, end->output + out->body_at, (size_t)want);
	else if (want > 0 && pread(end->output_fd, res->body, (size_t)want, out->body_at) != want)
		return err_set(ERR_SYSTEM, "read the script's output back: %s", strerror(errno));
	res->body[want] = '\0';
	res->body_inline_len = (size_t)want;
	return OK;
}

/* Reads the fields by which a script tells us how to record its response. */
static void read_wishes(
	const struct cgi_response *cgi, const struct record_policy *policy, struct recorded *out)
{
	int64_t ttl_ms = 0;
	bool releases = strcasecmp(cgi->outcome, "release") == 0;

	if (cgi->outcome[0] && !releases && strcasecmp(cgi->outcome, "record") != 0)
		log_warn("Retrysafe-Outcome says neither record nor release; the response is "
			 "recorded");
	if (cgi->ttl[0] && (!config_duration(cgi->ttl, &ttl_ms) || ttl_ms < CONFIG_SECOND ||
				   ttl_ms > TTL_MAX_MS))
		log_warn(
			"Retrysafe-TTL is not a duration from 1s to 3650d, such as 7d; the route's "
			"ttl is used");
	else
		out->ttl_ms = ttl_ms;
	releases = releases || policy->release_on[cgi->status / 8] & 1 << cgi->status % 8;
	out->outcome = releases ? OUTCOME_RELEASED : OUTCOME_RECORDED;
}

enum err record_response(
	const struct ending *end, const struct record_policy *policy, struct recorded *out)
{
	struct cgi_response cgi;
	size_t len = 0;
	char *start = malloc(CGI_HEADER_MAX);
	enum err e = start ? read_start(end, start, CGI_HEADER_MAX, &len)
			   : err_set(ERR_NOMEM, "record: out of memory");

	if (e == OK)
		e = cgi_response_parse(start, len, end->output_len, end->exit_status, &cgi);
	free(start);
	if (e != OK)
		return e;
	read_wishes(&cgi, policy, out);
	out->body_at = (int64_t)cgi.body_at;
	out->res = (struct response){
		.status = cgi.status,
		.head = cgi.head,
		.head_len = cgi.head_len,
		.body_len = cgi.has_body ? end->output_len - out->body_at : 0,
	};
	out->res.is_kept = out->res.body_len <= policy->max_response_bytes;
	if (out->res.is_kept)
		e = read_body_start(end, out);
	if (e != OK)
		response_free(&out->res);
	return e;
}

/* A form answers 303 when it was carried out (RFC 9110, section 15.4.4). */
static bool is_success(int status)
{
	return status / 100 == 2 || status == 303;
}

/* Stores what the policy leaves of the response; the first caller gets all of it. */
static enum err write_response(struct store *st, struct record rec,
	const struct record_policy *policy, const struct recorded *out)
{
	struct response res = out->res;
	char none[] = "";

	if (policy->keeps_head_only) {
		res.body = none;
		res.body_len = 0;
		res.body_inline_len = 0;
		res.is_kept = true;
	}
	rec.res = &res;
	rec.ttl_ms = out->ttl_ms ? out->ttl_ms : policy->ttl_ms;
	rec.tombstone_ms = policy->tombstone_ms;
	rec.keeps_natural = is_success(res.status);
	return store_record(st, &rec);
}

enum err record_run(struct store *st, const struct operation *op,
	const struct record_policy *policy, const struct ending *end, struct recorded *out)
{
	struct record rec = {.op = op};
	enum err e;

	memset(out, 0, sizeof(*out));
	if (end->is_timed_out) {
		snprintf(out->reason, sizeof(out->reason), "its time was over after %lld ms",
			(long long)(end->run_us / 1000));
		return mark_uncertain(st, op, end, OUTCOME_TIMED_OUT, out);
	}
	if (end->is_killed) {
		snprintf(out->reason, sizeof(out->reason), "it was ended by signal %d (%s)",
			end->exit_status - 128, strsignal(end->exit_status - 128));
		return mark_uncertain(st, op, end, OUTCOME_NO_RESPONSE, out);
	}
	if (end->is_output_lost) {
		snprintf(out->reason, sizeof(out->reason), "there was no room to keep its output");
		return mark_uncertain(st, op, end, OUTCOME_NO_RESPONSE, out);
	}
	e = record_response(end, policy, out);
	if (e == ERR_INVALID) {
		snprintf(out->reason, sizeof(out->reason),
			"its answer is not a valid CGI response: %s", err_text());
		return mark_uncertain(st, op, end, OUTCOME_NO_RESPONSE, out);
	}
	if (e != OK) {
		response_free(&out->res);
		return e;
	}
	if (out->outcome == OUTCOME_RELEASED) {
		e = store_release(st, op);
		if (e != OK)
			response_free(&out->res);
		return e;
	}
	rec.body_fd = end->output_fd;
	rec.body_at = out->body_at;
	rec.now_ms = clock_wall_ms();
	rec.exit_status = end->exit_status;
	e = write_response(st, rec, policy, out);
	if (e != OK)
		response_free(&out->res);
	return e;
}

enum err record_settled(struct store *st, const struct operation *op,
	const struct record_policy *policy, const struct ending *end, const char *event,
	const char *detail)
{
	struct recorded out = {0};
	struct record rec = {
		.op = op,
		.body_fd = end->output_fd,
		.now_ms = clock_wall_ms(),
		.exit_status = end->exit_status,
		.event = event,
		.detail = detail,
	};
	enum err e = record_response(end, policy, &out);

	rec.body_at = out.body_at;
	if (e == OK)
		e = write_response(st, rec, policy, &out);
	response_free(&out.res);
	return e;
}

struct record_policy record_policy_of(const struct config *cf, const struct route *route)
{
	struct record_policy policy = {
		.durability = cf->durability,
		.busy_timeout_ms = cf->busy_timeout_ms,
		.ttl_ms = route->ttl_ms,
		.tombstone_ms = route->tombstone_ms,
		.max_response_bytes = route->max_response_bytes,
		.keeps_head_only = route->guarantee != GUARANTEE_STRICT,
	};

	for (strings s = route->release_on; s && *s; s++) {
		int first = (**s - '0') * 100, n = (*s)[1] == 'x' ? 100 : 1;

		if (n == 1)
			first = (int)strtol(*s, NULL, 10);
		for (int status = first; status < first + n; status++)
			policy.release_on[status / 8] |= (unsigned char)(1 << status % 8);
	}
	return policy;
}
