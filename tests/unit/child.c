/* SPDX-License-Identifier: ISC */
/*
 * Claim: the keeper does not begin a protected script that could reach the time at which others may
 * settle its operation; it says so, and nothing was started.  Output that it cannot read is lost,
 * not at its end.
 */
#include "keeper/child.h"

#include "base/clock.h"
#include "keeper/output.h"

#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND_MS 1000

static char spool[] = "/tmp/rs-unit-XXXXXX";
static char mark[] = "/tmp/rs-unit-XXXXXX"; /* what the script removes */

/* Runs `rm mark` with a second of time and a second until it is killed; the operation is others'
 * deadline_ms from now.  What the gateway is told: 0 it ended, else why it was not started. */
static int run(bool is_protected, int64_t deadline_ms)
{
	static _Alignas(struct order) char buf[ORDER_MAX];
	const char *const argv[] = {"/bin/rm", mark, NULL}, *const env[] = {NULL};
	struct order_strings s = {.dir = "/",
		.url = "",
		.spool = spool,
		.argv = (char **)(uintptr_t)argv,
		.env = (char **)(uintptr_t)env};
	struct order o = {.kind = MESSAGE_ORDER,
		.serial = 1,
		.is_protected = is_protected,
		.has_time_limit = true,
		.timeout_ms = SECOND_MS,
		.kill_after_ms = SECOND_MS,
		.op.id = 1,
		.op.deadline_mono_ms = clock_mono_us() / 1000 + deadline_ms};
	static struct keeper_table *tables; /* a keeper has them for its life */
	struct keeper k = {.control_fd = -1, .signal_fd = -1, .tables = tables};
	struct client client = {.lazy_fd = -1};
	struct report r = {.failed_errno = -1};
	int pair[2], fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		exit(111);
	client.fd = pair[0];
	fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	child_accept(&k, &client, buf, protocol_pack(&o, &s, buf), fds);
	if (!k.children)
		exit(111);
	child_start(&k, k.children);
	/* A failure is told at once; an end when it is collected. */
	while (poll(&(struct pollfd){.fd = pair[1], .events = POLLIN}, 1, 10) == 0)
		child_reap(&k);
	if (recv(pair[1], &r, sizeof(r), 0) < (ssize_t)sizeof(r))
		exit(111);
	if (k.children)
		child_forget(&k, k.children);
	ok(!k.children, "the run is gone");
	tables = k.tables;
	close(pair[0]);
	close(pair[1]);
	return r.kind == MESSAGE_FAILED ? r.failed_errno : r.kind == MESSAGE_ENDED ? 0 : -1;
}

static bool is_marked(void)
{
	return access(mark, F_OK) == 0;
}

/* A read that fails is not the end of the output: a directory cannot be read. */
static void test_output_that_cannot_be_read(void)
{
	struct child c = {.read_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), .rest.fd = -1};

	output_read(&c, 100);
	ok(c.is_output_lost, "output that cannot be read is lost");
	is_int(c.read_fd, -1, "and no more is read");
	c = (struct child){.read_fd = open("/dev/null", O_RDONLY | O_CLOEXEC), .rest.fd = -1};
	output_read(&c, 100);
	ok(!c.is_output_lost, "its end is not a loss");
}

int main(void)
{
	char table[sizeof(spool) + 8];

	close(mkstemp(mark));
	if (!mkdtemp(spool))
		return 111;
	is_int(run(true, -1), ETIME, "after the time of its operation it is not begun");
	ok(is_marked(), "the script did not run");
	is_int(run(true, 2 * SECOND_MS - 1), ETIME, "nor when it could run until then");
	ok(is_marked(), "the script did not run");
	is_int(run(true, 60 * SECOND_MS), 0, "with time enough it runs");
	ok(!is_marked(), "the script ran");
	close(open(mark, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	is_int(run(false, -1), 0, "a run that passes through has no such time");
	ok(!is_marked(), "the script ran");
	test_output_that_cannot_be_read();
	unlink(mark);
	snprintf(table, sizeof(table), "%s/runs", spool);
	unlink(table);
	rmdir(spool);
	return done_testing();
}
