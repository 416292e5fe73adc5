/* SPDX-License-Identifier: ISC */
/*
 * keeper/child.c - one run in the keeper
 *
 * The states of a run and its rules are at the head of keeper/keeper.c.
 *
 * Does not know: keys, routes, HTTP, SQLite, and how messages arrive.
 */
#include "keeper/child.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "keeper/launch.h"
#include "keeper/living.h"
#include "keeper/output.h"
#include "keeper/recorder.h"
#include "keeper/report.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define RETRY_US     100000  /* until what failed for want of memory is tried again */
#define RETRIES_MAX  5       /* doublings of that time, when recorders do not end well */
#define TAKE_OVER_US 2000000 /* beyond busy_timeout: the gateway should have recorded it */

/* ---- orders ---- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void free_child(struct keeper *k, struct child *c)
{
	for (struct child **at = &k->children; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			break;
		}
	if (c->client)
		c->client->child = NULL;
	close_fd(&c->in_fd);
	close_fd(&c->out_fd);
	close_fd(&c->witness_fd);
	close_fd(&c->read_fd);
	close_fd(&c->stderr_fd);
	living_forget(c);
	spool_close(&c->rest);
	free(c->output);
	free(c->strings.argv);
	free(c->strings.env);
	free(c->order);
	free(c);
}

void child_accept(struct keeper *k, struct client *client, const char *buf, size_t len, int fds[2])
{
	struct child *c = calloc(1, sizeof(*c));
	int64_t serial = ((const struct order *)(const void *)buf)->serial;
	int why;

	if (c)
		c->order = malloc(len);
	/* A run without its witness, or without its output, is not accepted. */
	if (!c || !c->order || client->child || fds[0] < 0 || fds[1] < 0) {
		if (c)
			free(c->order);
		free(c);
		close_fd(&fds[0]);
		close_fd(&fds[1]);
		report_failed(client, serial, ENOMEM);
		return;
	}
	memcpy(c->order, buf, len);
	c->in_fd = fds[0];
	c->out_fd = c->order->has_time_limit ? -1 : fds[1];
	c->witness_fd = c->order->has_time_limit ? fds[1] : -1;
	c->read_fd = c->stderr_fd = c->rest.fd = -1;
	c->deadline_us = c->kill_us = c->take_over_us = c->retry_us = INT64_MAX;
	c->client = client;
	client->child = c;
	c->next = k->children;
	k->children = c;
	why = protocol_unpack(c->order, len, &c->strings);
	if (why == 0)
		return;
	free_child(k, c);
	report_failed(client, serial, why);
}

/* ---- without the gateway ---- */

void child_close_all_but(const int *keep, int n)
{
	int from = 3;

	for (int i = 0; i < n; i++) {
		int lowest = -1;

		for (int j = 0; j < n; j++)
			if (keep[j] >= from && (lowest < 0 || keep[j] < lowest))
				lowest = keep[j];
		if (lowest < 0)
			break;
		if (lowest > from)
			close_range((unsigned)from, (unsigned)lowest - 1, 0);
		from = lowest + 1;
	}
	close_range((unsigned)from, ~0U, 0);
}

static struct ending ending_of(struct child *c)
{
	struct ending end = {
		.is_timed_out = c->is_timed_out,
		.is_output_lost = c->is_output_lost,
		.run_us = c->end_us - c->start_us,
		.output_len = c->output_len,
		.output_fd = c->rest.fd,
		.output = c->rest.fd < 0 ? c->output : NULL,
	};

	ending_set_status(&end, c->wait_status);
	if (end.output_fd < 0 && !end.output)
		end.output = calloc(1, 1);
	return end;
}

/*
 * Writes the run to the store in a new process: the keeper stays small and does not block.  The run
 * stays here until that process has ended well.
 */
static bool fork_recorder(struct child *c)
{
	struct ending end;
	pid_t pid = fork();

	if (pid != 0) {
		if (pid < 0)
			log_warn("fork: %s; trying again", strerror(errno));
		else
			c->recorder_pid = pid;
		c->is_taken_over = c->is_taken_over || pid > 0;
		return pid > 0;
	}
	child_close_all_but((const int[]){c->witness_fd, c->rest.fd}, 2);
	prctl(PR_SET_NAME, "retrysafe-recor");
	if (c->phase != PHASE_READY)
		end = ending_of(c);
	recorder_run(
		c->order, c->strings.url, c->strings.spool, c->phase != PHASE_READY ? &end : NULL);
	_exit(0);
}

/* For a run that is READY or has ended and has no client. */
static void settle_unwatched(struct keeper *k, struct child *c)
{
	c->take_over_us = INT64_MAX;
	if (!c->order->is_protected || c->is_recorded)
		free_child(k, c);
	else if (c->recorder_pid == 0 && !fork_recorder(c))
		c->retry_us = clock_mono_us() + RETRY_US;
}

/* The result of a recorder that was killed is still here: another recorder is started. */
static void see_recorder_end(struct keeper *k, struct child *c, int status)
{
	int64_t pause_us = RETRY_US
			   << (c->records_failed < RETRIES_MAX ? c->records_failed : RETRIES_MAX);

	c->recorder_pid = 0;
	c->is_recorded = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (c->is_recorded) {
		if (!c->client)
			free_child(k, c);
		return;
	}
	c->records_failed++;
	log_warn("a process that records a result has ended too early (%s %d); the result is kept, "
		 "and another one is started",
		WIFSIGNALED(status) ? "signal" : "exit",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (c->client)
		c->take_over_us = clock_mono_us() + pause_us;
	else
		c->retry_us = clock_mono_us() + pause_us;
}

/* ---- start ---- */

/*
 * After the time of its operation, a process that looks at it may settle it without us.  If we or
 * the gateway were stopped for so long that the script could reach that time, it is not started.
 */
static bool is_too_late(const struct order *o)
{
	return o->is_protected &&
	       clock_mono_us() / 1000 + o->timeout_ms + o->kill_after_ms > o->op.deadline_mono_ms;
}

/* Starts the process that becomes the script.  Returns an errno; 0: its end says whether it did. */
static int start_script(struct keeper *k, struct child *c)
{
	int out[2] = {-1, -1}, err[2] = {-1, -1}, rc = 0;

	fault("keeper.starting");
	if (is_too_late(c->order))
		rc = ETIME;
	else if (pipe2(err, O_CLOEXEC) != 0 || (c->out_fd < 0 && pipe2(out, O_CLOEXEC) != 0))
		rc = errno;
	c->launch = (struct launch){.limits = &c->order->limits,
		.dir = c->strings.dir,
		.argv = c->strings.argv,
		.env = c->strings.env,
		.fds = {c->in_fd, c->out_fd >= 0 ? c->out_fd : out[1], err[1]},
		.has_umask = c->order->has_umask,
		.umask = c->order->umask,
		.table_fd = -1};
	if (rc == 0)
		rc = living_begin(k, c);
	if (rc == 0)
		rc = launch(&c->launch, &c->pid);
	fault("keeper.started");
	close_fd(&out[1]);
	close_fd(&err[1]);
	close_fd(&c->in_fd);
	close_fd(&c->out_fd);
	c->read_fd = out[0];
	c->stderr_fd = err[0];
	if (rc != 0)
		return rc;
	if (c->read_fd >= 0)
		fcntl(c->read_fd, F_SETFL, O_NONBLOCK);
	fcntl(c->stderr_fd, F_SETFL, O_NONBLOCK);
	c->phase = PHASE_RUNNING;
	c->start_us = clock_mono_us();
	/* A pass-through run has no time limit of ours as long as a client waits for it. */
	if (c->order->has_time_limit)
		c->deadline_us = c->start_us + c->order->timeout_ms * 1000;
	return 0;
}

/*
 * A protected run that could not be started stays until the gateway has released its claim: should
 * the gateway die before, we still know that nothing was started.
 */
static void fail_start(struct keeper *k, struct child *c, int why)
{
	struct client *client = c->client;
	int64_t serial = c->order->serial;

	c->has_failed = true;
	c->phase = PHASE_READY;
	c->pid = 0; /* it may be another process's from now on */
	c->is_timed_out = false;
	c->deadline_us = c->kill_us = INT64_MAX;
	close_fd(&c->read_fd);
	close_fd(&c->stderr_fd);
	living_forget(c);
	if (!client)
		settle_unwatched(k, c);
	else if (!c->order->is_protected)
		free_child(k, c);
	if (client)
		report_failed(client, serial, why);
}

void child_start(struct keeper *k, struct child *c)
{
	int why = start_script(k, c);

	if (why != 0)
		fail_start(k, c, why);
}

/* ---- the end ---- */

void child_report(struct keeper *k, struct child *c)
{
	struct report r = {.kind = MESSAGE_ENDED,
		.serial = c->order->serial,
		.wait_status = c->wait_status,
		.is_timed_out = c->is_timed_out,
		.is_output_lost = c->is_output_lost,
		.run_us = c->end_us - c->start_us,
		.output_len = c->output_len};
	enum sent sent = SENT;

	if (!c->has_exited || c->phase == PHASE_ENDED)
		return;
	/* First the error output that was there when it ended. */
	if (c->stderr_fd >= 0 && c->errors_left > 0) {
		int n = output_read_errors(c, c->errors_left);

		c->errors_left -= n;
		if (c->client && c->client->is_full && c->errors_left > 0)
			return;
	}
	fault("keeper.ended");
	if (c->rest.fd < 0 && !c->is_output_lost)
		r.inline_len = c->output_len;
	if (c->client)
		sent = report_send(c->client, &r, c->output, (size_t)r.inline_len, c->rest.fd);
	if (sent != SENT) {
		c->client->is_full = sent == SENT_NOT_FULL;
		c->retry_us = clock_mono_us() + RETRY_US;
		return;
	}
	fault("keeper.told");
	close_fd(&c->stderr_fd);
	c->retry_us = INT64_MAX;
	c->phase = PHASE_ENDED;
	if (!c->client)
		settle_unwatched(k, c);
}

/* Reads no more than is in the pipes now: a grandchild may go on writing. */
static void see_script_end(struct keeper *k, struct child *c, int status)
{
	int there = 0;

	if (c->launch.failed != 0) {
		fail_start(k, c, c->launch.failed);
		return;
	}
	c->has_exited = true;
	if (!c->order->is_protected) /* the slot that it holds is free for the next run */
		close_fd(&c->witness_fd);
	c->wait_status = status;
	c->end_us = clock_mono_us();
	if (c->order->is_protected && c->client)
		c->take_over_us =
			c->end_us + c->order->policy.busy_timeout_ms * 1000 + TAKE_OVER_US;
	if (c->read_fd >= 0 && ioctl(c->read_fd, FIONREAD, &there) == 0)
		output_read(c, there);
	close_fd(&c->read_fd);
	if (c->stderr_fd >= 0 && ioctl(c->stderr_fd, FIONREAD, &there) == 0)
		c->errors_left = there;
	c->is_collected = true;
}

/* All at once: /proc is read after the last of them has ended, and only once. */
static void end_collected(struct keeper *k)
{
	for (struct child *c = k->children, *next; c; c = next) {
		next = c->next;
		if (!c->is_collected)
			continue;
		c->is_collected = false;
		living_end(k, c); /* before a policy can hear of its end */
		child_report(k, c);
	}
	living_end_pass(k);
}

static struct child *find_child(const struct keeper *k, pid_t pid)
{
	struct child *c = k->children;

	while (c && (c->pid != pid || c->has_exited) && c->recorder_pid != pid)
		c = c->next;
	return c;
}

/* Collects a process that has ended.  False: there is none. */
static bool collect_one(struct keeper *k)
{
	siginfo_t si = {0};
	struct child *c;
	int status;

	k->must_reap = waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) != 0 && errno != ECHILD;
	if (k->must_reap || si.si_pid == 0)
		return false;
	if (waitpid(si.si_pid, &status, 0) != si.si_pid)
		return true;
	c = find_child(k, si.si_pid);
	if (!c)
		living_lost_one(k);
	else if (c->recorder_pid == si.si_pid)
		see_recorder_end(k, c, status);
	else
		see_script_end(k, c, status);
	return true;
}

void child_reap(struct keeper *k)
{
	while (collect_one(k))
		;
	end_collected(k);
}

/* ---- the gateway leaves or forgets it ---- */

void child_leave(struct keeper *k, struct child *c)
{
	if (c->client)
		c->client->child = NULL;
	c->client = NULL;
	if (c->phase == PHASE_RUNNING && !c->has_exited) {
		if (c->deadline_us == INT64_MAX)
			c->deadline_us = clock_mono_us() + c->order->timeout_ms * 1000;
	} else if (c->phase == PHASE_RUNNING) {
		child_report(k, c);
	} else {
		settle_unwatched(k, c);
	}
}

void child_forget(struct keeper *k, struct child *c)
{
	if (c->phase == PHASE_RUNNING && !c->is_taken_over)
		child_leave(k, c); /* its time limit still holds */
	else
		free_child(k, c);
}

/* ---- time ---- */

int64_t child_due(const struct child *c)
{
	int64_t other_us = c->has_exited     ? c->take_over_us
			   : c->is_timed_out ? c->kill_us
					     : c->deadline_us;

	return other_us < c->retry_us ? other_us : c->retry_us;
}

static void enforce_time(struct keeper *k, struct child *c, int64_t now_us)
{
	if (c->phase != PHASE_RUNNING || c->has_exited)
		return;
	if (!c->is_timed_out && now_us >= c->deadline_us) {
		c->is_timed_out = true;
		c->kill_us = now_us + c->order->kill_after_ms * 1000;
		living_signal(k, c, SIGTERM);
	}
	if (c->is_timed_out && now_us >= c->kill_us) {
		living_signal(k, c, SIGKILL);
		c->kill_us = INT64_MAX;
	}
}

void child_tick(struct keeper *k, struct child *c, int64_t now_us)
{
	enforce_time(k, c, now_us);
	if (now_us >= c->take_over_us) {
		/* A stopped gateway must not keep the result from the store. */
		c->take_over_us = INT64_MAX;
		if (c->recorder_pid == 0 && !c->is_recorded && !fork_recorder(c))
			c->take_over_us = now_us + RETRY_US;
	}
	if (now_us < c->retry_us)
		return;
	c->retry_us = INT64_MAX;
	if (c->phase == PHASE_RUNNING)
		child_report(k, c);
	else if (!c->client)
		settle_unwatched(k, c);
}
