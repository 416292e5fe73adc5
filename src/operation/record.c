/* SPDX-License-Identifier: ISC */
/*
 * operation/record.c - done, or uncertain: the two ends of a run
 *
 * RULES
 *   (1) Only a script that ended by itself is done: within its time with a complete and valid
 *       response, or with exit status 0; after it, when TERM let it finish, only with both.  The
 *       body of a script that was killed is never adopted (unit/record, t84-evidence).
 *   (2) The response is normalised here, once: the first answer and every replay are the stored one
 *       (t13-responses).
 *   (3) A response that says that nothing was done is passed on, and its key is free again
 *       (unit/record).
 *   (4) An exit status other than 0 does not make a complete response incomplete: legacy scripts
 *       end with whatever their last command returned, unless the route says that it counts.  It
 *       is stored, and it makes a response that may be cut off invalid: one that is shorter than
 *       its own Content-Length, lacks its last chunk, or has no header at all (unit/record,
 *       unit/cgi_response).
 *   (5) After exit status 0 there is nothing to find out: without a valid response a problem is
 *       recorded, and what was printed is kept for the operator (unit/record, t13-responses).
 *
 * Does not know: clients, and how the answer reaches them.
 */
#include "operation/record.h"

#include "base/log.h"
#include "cgi/chunks.h"
#include "cgi/response.h"
#include "config/value.h"
#include "http/problem.h"

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

void recorded_free(struct recorded *rec)
{
	response_free(&rec->res);
	spool_close(&rec->decoded);
	*rec = (struct recorded)RECORDED_NONE;
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

/* The beginning of what was printed, for the operator; NULL: nothing was, or it cannot be had. */
static struct printed *read_printed(
	const struct ending *end, char buf[PRINTED_MAX], struct printed *out)
{
	size_t len = 0;

	if (end->output_len == 0 || (!end->output && end->output_fd < 0) ||
		read_start(end, buf, PRINTED_MAX, &len) != OK)
		return NULL;
	*out = (struct printed){buf, len, end->output_len};
	return out;
}

static enum err mark_uncertain(struct store *st, const struct operation *op,
	const struct ending *end, enum outcome outcome, struct recorded *out)
{
	char *buf = malloc(PRINTED_MAX);
	struct printed printed;
	enum err e;

	out->outcome = outcome;
	e = store_mark_uncertain_printed(st, op, end->exit_status, out->reason,
		buf ? read_printed(end, buf, &printed) : NULL, store_now_ms(st));
	free(buf);
	return e;
}

static enum err read_body_start(struct recorded *out)
{
	struct response *res = &out->res;
	int64_t want = res->body_len < RESPONSE_INLINE_MAX ? res->body_len : RESPONSE_INLINE_MAX;

	res->body = malloc((size_t)want + 1);
	if (!res->body)
		return err_set(ERR_NOMEM, "record: out of memory");
	if (out->body)
		memcpy(res->body, out->body + out->body_at, (size_t)want);
	else if (want > 0 && pread(out->body_fd, res->body, (size_t)want, out->body_at) != want)
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
	releases = releases || (cgi->status < 600 &&
				       policy->release_on[cgi->status / 8] & 1 << cgi->status % 8);
	out->outcome = releases ? OUTCOME_RELEASED : OUTCOME_RECORDED;
}

/* What in its header is not as it should be. */
static void warn_of_header(const struct cgi_response *cgi)
{
	if (cgi->dropped_lines > 0)
		log_warn("line %d of a script's header is no field%s; it is left out",
			cgi->first_dropped,
			cgi->dropped_lines > 1 ? ", nor are others behind it" : "");
	if (cgi->has_odd_status)
		log_warn("a script's Status holds no number from 200 to 999; it counts as 500");
	if (cgi->is_text)
		log_warn("a script's output has no header; all of it is taken as the body");
}

#define PIECE 65536

/* The next bytes of the body as it was printed.  OK with *len 0: its end. */
static enum err read_piece(
	const struct recorded *out, int64_t at, int64_t left, char buf[PIECE], size_t *len)
{
	ssize_t n = left < PIECE ? (ssize_t)left : PIECE;

	if (out->body)
		memcpy(buf, out->body + out->body_at + at, (size_t)n);
	else
		n = pread(out->body_fd, buf, (size_t)n, out->body_at + at);
	if (n < 0 || (n == 0 && left > 0))
		return err_set(ERR_SYSTEM, "read the script's output back: %s", strerror(errno));
	*len = (size_t)n;
	return OK;
}

/* Is all of the output there?  The keeper drops the end of far too much. */
static bool is_whole(const struct ending *end)
{
	return end->output || lseek(end->output_fd, 0, SEEK_END) >= end->output_len;
}

/*
 * Takes the body out of the chunks that the script printed.  A body that is not chunks
 * stays as it is, as httpd and nginx deliver it.  Without the last chunk the data of the others is
 * the body, unless the script failed.
 */
static enum err decode_chunks(const struct ending *end, const char *spool, struct recorded *out)
{
	struct chunks c = CHUNKS_START;
	int64_t at = 0, left = out->res.body_len;
	char *buf;
	enum err e;

	if (!is_whole(end))
		return OK;
	buf = malloc(PIECE);
	e = buf ? spool_open(&out->decoded) : err_set(ERR_NOMEM, "record: out of memory");
	while (e == OK && at < left && c.at != CHUNKS_ENDED && c.at != CHUNKS_BROKEN) {
		size_t len = 0;

		e = read_piece(out, at, left - at, buf, &len);
		at += (int64_t)len;
		if (e == OK)
			e = spool_write(
				&out->decoded, spool, buf, chunks_decode(&c, buf, len, buf));
	}
	free(buf);
	if (e == OK && c.at == CHUNKS_BROKEN) {
		log_warn("a script says that it prints chunks, and they are broken; they are left "
			 "as they are");
		spool_close(&out->decoded);
		return OK;
	}
	if (e == OK && c.at != CHUNKS_ENDED && end->exit_status != 0)
		return err_set(ERR_INVALID, "the script failed and its last chunk is missing");
	if (e != OK)
		return e;
	out->body = NULL;
	out->body_fd = out->decoded.fd;
	out->body_at = 0;
	out->res.body_len = out->decoded.len;
	return OK;
}

enum err record_response(const struct ending *end, const struct record_policy *policy,
	const char *spool, struct recorded *out)
{
	struct cgi_response cgi;
	size_t len = 0;
	char *start = malloc(CGI_HEADER_MAX);
	enum err e = start ? read_start(end, start, CGI_HEADER_MAX, &len)
			   : err_set(ERR_NOMEM, "record: out of memory");

	if (e == OK)
		e = cgi_response_parse(start, len, end->output_len, end->exit_status, &cgi);
	free(start);
	*out = (struct recorded)RECORDED_NONE;
	if (e != OK)
		return e;
	warn_of_header(&cgi);
	read_wishes(&cgi, policy, out);
	out->is_text = cgi.is_text;
	out->body = end->output;
	out->body_fd = end->output_fd;
	out->body_at = (int64_t)cgi.body_at;
	out->res = (struct response){
		.status = cgi.status,
		.head = cgi.head,
		.head_len = cgi.head_len,
		.body_len = cgi.has_body ? end->output_len - out->body_at : 0,
	};
	if (cgi.is_chunked)
		e = decode_chunks(end, spool, out);
	out->proves_end = !cgi.has_body || cgi.has_length || out->decoded.fd >= 0;
	out->res.is_kept = out->res.body_len <= policy->max_response_bytes;
	if (e == OK && out->res.is_kept)
		e = read_body_start(out);
	if (e == OK && cgi.is_text && end->exit_status != 0)
		e = err_set(ERR_INVALID, "the script failed and its output has no header");
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

/* The answer of a script that ended as it should and gave none: a problem, recorded as any. */
static enum err record_problem(struct store *st, const struct operation *op,
	const struct record_policy *policy, const struct ending *end, struct recorded *out)
{
	char ref[REF_LEN + 1], *buf = malloc(PRINTED_MAX);
	struct problem_facts facts = {
		.problem = PROBLEM_SCRIPT_FAILED,
		.ref = ref,
		.operation_state = state_name(STATE_DONE),
		.prefers_html = policy->prefers_html,
		.language = policy->language,
		.template = policy->frame,
	};
	struct problem_answer answer = {0};
	struct printed printed;
	struct record rec = {
		.op = op,
		.body_fd = -1,
		.body_at = -1,
		.now_ms = store_now_ms(st),
		.event = "no response",
		.detail = out->reason,
		.reason = out->reason,
	};
	enum err e;

	operation_ref(op, ref);
	e = buf ? problem_build(&facts, &answer) : err_set(ERR_NOMEM, "record: out of memory");
	if (e == OK) {
		log_warn(
			"operation %s is done without a response of its own: %s", ref, out->reason);
		rec.printed = read_printed(end, buf, &printed);
		out->outcome = OUTCOME_RECORDED;
		out->res = (struct response){
			.status = answer.status,
			.head = answer.head,
			.head_len = answer.head_len,
			.body = answer.body,
			.body_inline_len = answer.body_len,
			.body_len = (int64_t)answer.body_len,
			.is_kept = true,
		};
		e = write_response(st, rec, policy, out);
	}
	free(buf);
	return e;
}

/*
 * A script that was told to end because its time was over: did it finish all the same?  It has to
 * exit with 0 and to have printed an answer that says by itself where it ends, because many scripts
 * print its beginning first, and that does not release the key.
 */
static bool has_finished(
	const struct ending *end, const struct record_policy *policy, const char *spool)
{
	struct ending strict = *end;
	struct recorded out;
	bool has_all;

	if (end->is_killed || end->exit_status != 0 || end->is_output_lost)
		return false;
	strict.exit_status = 1;
	has_all = record_response(&strict, policy, spool, &out) == OK &&
		  out.outcome == OUTCOME_RECORDED && out.proves_end;
	recorded_free(&out);
	return has_all;
}

enum err record_run(struct store *st, const struct operation *op,
	const struct record_policy *policy, const struct ending *end, struct recorded *out)
{
	struct record rec = {.op = op};
	enum err e;

	*out = (struct recorded)RECORDED_NONE;
	if (end->is_timed_out && !has_finished(end, policy, store_spool(st))) {
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
	if (policy->needs_exit_zero && end->exit_status != 0) {
		snprintf(out->reason, sizeof(out->reason),
			"its exit status is %d, and its route's exit_status is zero",
			end->exit_status);
		return mark_uncertain(st, op, end, OUTCOME_NO_RESPONSE, out);
	}
	e = record_response(end, policy, store_spool(st), out);
	if (e == ERR_INVALID) {
		recorded_free(out);
		snprintf(out->reason, sizeof(out->reason),
			"its answer is not a valid CGI response: %s", err_text());
		return end->exit_status == 0
			       ? record_problem(st, op, policy, end, out)
			       : mark_uncertain(st, op, end, OUTCOME_NO_RESPONSE, out);
	}
	if (e != OK)
		return e;
	if (out->outcome == OUTCOME_RELEASED)
		return store_release(st, op);
	rec.body_fd = out->body_fd;
	rec.body_at = out->body_at;
	rec.now_ms = store_now_ms(st);
	rec.exit_status = end->exit_status;
	return write_response(st, rec, policy, out);
}

enum err record_settled(struct store *st, const struct operation *op,
	const struct record_policy *policy, const struct ending *end, const char *event,
	const char *detail)
{
	struct recorded out = RECORDED_NONE;
	struct record rec = {
		.op = op,
		.now_ms = store_now_ms(st),
		.exit_status = end->exit_status,
		.event = event,
		.detail = detail,
	};
	enum err e = record_response(end, policy, store_spool(st), &out);

	/* A word of a probe, or a wrong file, must not become what the caller is told. */
	if (e == OK && out.is_text)
		e = err_set(ERR_INVALID, "it has no header that ends with an empty line");
	rec.body_fd = out.body_fd;
	rec.body_at = out.body_at;
	if (e == OK)
		e = write_response(st, rec, policy, &out);
	recorded_free(&out);
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
		.needs_exit_zero = route->exit_status == EXIT_STATUS_ZERO,
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
