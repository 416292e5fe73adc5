/* SPDX-License-Identifier: ISC */
/* Claim: among processes too there is one winner, and the kernel says who lives. */
#include "store/archive.h"
#include "store/liveness.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/lock.h"
#include "store_try.h"

#include <signal.h>
#include <sys/socket.h>

#define PROCESSES 32

/* ---- what this program does when it is another process ---- */

/* "claim": waits for the end of descriptor 3, then claims; exit status: taken. */
static int be_claimer(const char *name)
{
	struct store *st = try_store();
	struct operation op = try_operation(st, name, 1000);
	char byte;
	int got;

	(void)!read(3, &byte, 1);
	got = try_claim(st, &op);
	/* Its claim must not look like one of the dead, so it is not closed before it is told to.
	 */
	store_close(&st);
	return got < 0 ? 100 - got : got;
}

static int live(void)
{
	for (int rc = 0; rc <= 0;)
		rc = pause();
	return 0;
}

/* "witness": hands its number and a copy of its descriptor through the socket 3, then lives. */
static int be_witness(void)
{
	struct store *st = try_store();
	int64_t number = liveness_witness(st);
	int fd = liveness_witness_fd(st);
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {&number, sizeof(number)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	sendmsg(3, &msg, 0);
	return live();
}

/* "lock": takes the writer lock, says so on 3, lets go of it when it hears something, and lives. */
static int be_holder(void)
{
	struct store *st = try_store();
	char byte;

	must(lock_wait(st));
	(void)!write(3, "x", 1);
	if (read(3, &byte, 1) == 1) {
		lock_release(st);
		(void)!write(3, "y", 1);
	}
	return live();
}

/* "wait": claims, and lives. */
static int be_waiter(const char *name)
{
	struct store *st = try_store();
	struct operation op = try_operation(st, name, 1000);

	(void)!try_claim(st, &op);
	return live();
}

/* "keep": keeps the result of operation 4711, says so on 3, and lives. */
static int be_keeper(void)
{
	liveness_hold_result(try_url, 4711);
	(void)!write(3, "x", 1);
	return live();
}

/* "brief": claims and records once, as a CGI program does; exit status: how many threads it had. */
static int be_brief(const char *name)
{
	struct store *st = try_store();
	int64_t now_ms = clock_wall_ms();
	struct operation op = try_operation(st, name, now_ms);
	int threads = 0;

	if (try_claim(st, &op) != 1)
		return 100;
	usleep(5000); /* the script */
	must(try_record(st, &op, 100, now_ms, 1000000, 1));
	for (int i = 0; i < 100; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/task/%d", getpid() + i);
		threads += access(path, F_OK) == 0;
	}
	store_close(&st);
	return threads;
}

/* "purge": purges, and ends when nothing is left. */
static int be_purger(void)
{
	struct store *st = try_store();
	int64_t dropped, forgotten;

	must(store_purge(st, 2000, &dropped, &forgotten));
	store_close(&st);
	return 0;
}

static int be(const char *role, const char *name)
{
	if (strcmp(role, "claim") == 0)
		return be_claimer(name);
	if (strcmp(role, "witness") == 0)
		return be_witness();
	if (strcmp(role, "purge") == 0)
		return be_purger();
	if (strcmp(role, "brief") == 0)
		return be_brief(name);
	if (strcmp(role, "wait") == 0)
		return be_waiter(name);
	return strcmp(role, "lock") == 0 ? be_holder() : be_keeper();
}

/* ---- the tests ---- */

static void claim_at_once(bool is_same)
{
	int gate[2], taken = 0, failed = 0, status;
	pid_t pids[PROCESSES];
	char name[16];

	if (pipe2(gate, O_CLOEXEC) != 0)
		return;
	for (int i = 0; i < PROCESSES; i++) {
		snprintf(name, sizeof(name), "%s%d", is_same ? "same" : "other", is_same ? 0 : i);
		pids[i] = try_exec("claim", name, gate[0]);
	}
	usleep(300000); /* until all of them wait */
	close(gate[0]);
	close(gate[1]);
	for (int i = 0; i < PROCESSES; i++) {
		status = try_wait(pids[i]);
		taken += status == 1;
		failed += status > 1;
	}
	is_int(failed, 0, "%d processes: no error", PROCESSES);
	is_int(taken, is_same ? 1 : PROCESSES,
		is_same ? "one winner" : "all win on their own identities");
}

static pid_t start_and_wait_for_it(const char *role, int *fd)
{
	int pair[2];
	char byte;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	pid = try_exec(role, "", pair[1]);
	close(pair[1]);
	if (fd) {
		*fd = pair[0];
	} else {
		(void)!read(pair[0], &byte, 1);
		close(pair[0]);
	}
	return pid;
}

static void kill_it(pid_t pid)
{
	kill(pid, SIGKILL);
	try_wait(pid);
}

static void outlive_a_witness(struct store *st)
{
	int64_t number = 0;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {&number, sizeof(number)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	int fd = -1, copy;
	pid_t pid = start_and_wait_for_it("witness", &fd);

	is_int(recvmsg(fd, &msg, MSG_CMSG_CLOEXEC), sizeof(number), "another process's witness");
	memcpy(&copy, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(copy));
	close(fd);
	ok(liveness_is_alive(st, number), "is alive");
	kill(pid, SIGSTOP);
	ok(liveness_is_alive(st, number), "also when it stands still");
	kill_it(pid);
	ok(liveness_is_alive(st, number), "killed: it lives on in who was given its descriptor");
	close(copy);
	ok(!liveness_is_alive(st, number), "and dies with the last copy");
	ok(liveness_is_alive(st, liveness_witness(st)), "our own is alive");
	ok(!liveness_is_alive(st, number + 1), "one that nobody ever had is not");
}

static void keep_a_result(struct store *st)
{
	pid_t pid;

	ok(!liveness_result_is_held(st, 4711), "nobody keeps a result");
	pid = start_and_wait_for_it("keep", NULL);
	ok(liveness_result_is_held(st, 4711), "somebody does");
	ok(!liveness_result_is_held(st, 4712), "but no other");
	kill_it(pid);
	ok(!liveness_result_is_held(st, 4711), "and nobody, when he was killed");
}

static void outwait_a_holder(void)
{
	struct store_options opt = try_options();
	struct operation op, found;
	struct store *st = NULL;
	int64_t before;
	pid_t pid;

	opt.busy_timeout_ms = 300;
	must(store_open(&opt, &st));
	op = try_operation(st, "held", 1000);
	pid = start_and_wait_for_it("lock", NULL);
	kill(pid, SIGSTOP);
	before = clock_mono_us();
	is_int(try_claim(st, &op), -ERR_BUSY, "a process stands still with the writer lock");
	ok(clock_mono_us() - before > 250000 && clock_mono_us() - before < 2000000,
		"we wait for our time and no longer");
	is_int(store_find(st, op.identity, &found, NULL), ERR_ABSENT,
		"nothing happened, and we can read");
	kill_it(pid);
	is_int(try_claim(st, &op), 1, "when it was killed it works again");
	store_close(&st);
}

#define BRIEF   100
#define LOG_MAX (130 * 4120) /* it is moved at 64 pages; what two requests write comes on top */
/* As many CGI programs, one after the other.  How many of them needed one thread only. */
static int be_opened_by_each(const char *prefix)
{
	char name[24];
	int alone = 0;

	try_sql(try_db,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<60)"
		" INSERT INTO operation(id,nonce,identity,fingerprint,route,state,attempts,created,"
		"updated,due) SELECT i,i,randomblob(16),zeroblob(32),1,5,1,1,1,1000 FROM n");
	for (int i = 0; i < BRIEF; i++) {
		snprintf(name, sizeof(name), "%s-%d", prefix, i);
		alone += try_wait(try_exec("brief", name, -1)) == 1;
	}
	return alone;
}

/* Whoever opens the store when nobody has it open reads the whole log: it must not grow. */
static void be_brief_programs(void)
{
	int alone = be_opened_by_each("brief");
	struct store *st;
	char wal[128];
	snprintf(wal, sizeof(wal), "%s-wal", try_db);
	ok(file_size(wal) < LOG_MAX, "%d processes, one after the other: the log has %lld bytes",
		BRIEF, (long long)file_size(wal));
	ok(alone > BRIEF / 3, "... many of them needed no second thread: %d", alone);
	is_int(try_sql(try_db, "SELECT count(*) FROM operation WHERE state=5"), 0,
		"... and what had expired is gone");
	is_int(try_sql(try_db, "SELECT count(*) FROM operation WHERE state=3"), BRIEF,
		"... and all they did is there");
	st = try_store();
	be_opened_by_each("overlapping");
	is_int(try_sql(try_db, "SELECT count(*) FROM operation WHERE state=5"), 0,
		"while another has it open all the time, what has expired is purged as well");
	store_close(&st);
}

/* Waits until somebody has the turn. */
static void await_turn(void)
{
	struct flock fl = {.l_type = F_UNLCK};
	char lock[128];
	int fd;

	snprintf(lock, sizeof(lock), "%s-lock", try_db);
	fd = open(lock, O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 2000 && fl.l_type == F_UNLCK; i++) {
		usleep(5000);
		fl = (struct flock){
			.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 1};
		fcntl(fd, F_OFD_GETLK, &fl);
	}
	close(fd);
}

/* A turn is a courtesy: whoever stands still with it keeps nobody from writing. */
static void pass_somebody_stopped(struct store *st)
{
	int pair[2];
	pid_t holder, waiter;
	char byte, name[24];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		ok(0, "socketpair");
	holder = try_exec("lock", "", pair[1]);
	(void)!read(pair[0], &byte, 1);
	waiter = try_exec("wait", "stopped", -1);
	await_turn();
	usleep(50000); /* until it waits for the lock with it */
	kill(waiter, SIGSTOP);
	waitpid(waiter, NULL,
		WUNTRACED); /* else it could still get the lock, and be stopped with it */
	(void)!write(pair[0], "g", 1);
	(void)!read(pair[0], &byte, 1);
	for (int i = 0; i < 3; i++) {
		struct operation op;

		snprintf(name, sizeof(name), "passing-%d", i);
		op = try_operation(st, name, 1000);
		if (try_claim(st, &op) == 1)
			ok(1, "somebody was stopped while he waited: claim %d", i);
		else
			ok(0, "somebody was stopped while he waited: claim %d: %s", i, err_text());
	}
	kill_it(waiter);
	kill_it(holder);
	close(pair[0]);
	close(pair[1]);
}

#define EXPIRED 20000
#define TURNS   10

/* What others have written while we wrote a little is counted, not timed. */
static void take_turns(struct store *st)
{
	int64_t left;
	char name[24];
	pid_t pid;

	try_sql(try_db,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<20000)"
		" INSERT INTO operation(id,nonce,identity,fingerprint,route,state,attempts,created,"
		"updated,due) SELECT i,i,randomblob(16),zeroblob(32),1,5,1,1,1,1000 FROM n");
	pid = try_exec("purge", "", -1);
	while ((left = try_sql(try_db, "SELECT count(*) FROM operation WHERE state=5")) == EXPIRED)
		usleep(1000);
	for (int i = 0; i < TURNS; i++) {
		struct operation op;

		snprintf(name, sizeof(name), "turn-%d", i);
		op = try_operation(st, name, 1000);
		if (try_claim(st, &op) != 1)
			ok(0, "claim %d: %s", i, err_text());
	}
	left -= try_sql(try_db, "SELECT count(*) FROM operation WHERE state=5");
	ok(left < EXPIRED / 2,
		"%d claims while another process purges: it has purged %lld meanwhile", TURNS,
		(long long)left);
	kill_it(pid);
}

int main(int argc, char *argv[])
{
	struct store *st;

	umask(077);
	try_begin(argc == 4 ? argv[2] : NULL);
	if (argc == 4)
		return be(argv[1], argv[3]);
	st = try_store();
	store_close(&st);
	be_brief_programs();
	claim_at_once(true);
	claim_at_once(false);
	st = try_store();
	outlive_a_witness(st);
	keep_a_result(st);
	outwait_a_holder();
	take_turns(st);
	pass_somebody_stopped(st);
	store_close(&st);
	return try_end();
}
