/* SPDX-License-Identifier: ISC */
/*
 * Claim: as many run as may, on a route and in all, whoever starts them; as many wait as there are
 * places, in all processes, and the dead keep neither.
 */
#include "store/liveness.h"
#include "store_try.h"

#define PROCESSES 12

static struct store *st;

static const char *const words[] = {[CLAIM_TAKEN] = "taken",
	[CLAIM_THERE] = "there",
	[CLAIM_DUPLICATE] = "duplicate",
	[CLAIM_FULL] = "full"};

static const char *take(const struct operation *op, int64_t on_route, int64_t in_all)
{
	struct claim claim = {.op = op, .max_running = on_route, .max_running_all = in_all};
	enum claimed result = CLAIM_THERE;
	enum err e = store_claim(st, &claim, &result);

	return e == OK ? words[result] : err_text();
}

/* Claims a new operation; the first letter of its name says its route. */
static const char *start(const char *name, int64_t on_route, int64_t in_all)
{
	struct operation op = try_operation(st, name, 1000);

	return take(&op, on_route, in_all);
}

static void fresh(const char *name)
{
	char dir[64];

	store_close(&st);
	try_at(name);
	snprintf(dir, sizeof(dir), "%s/%s", try_dir, name);
	mkdir(dir, 0700);
	st = try_store();
}

/* ---- running ---- */

static void limit_a_route(void)
{
	struct operation a1, a2, a3;

	fresh("route");
	a1 = try_operation(st, "a1", 1000);
	a2 = try_operation(st, "a2", 1000);
	a3 = try_operation(st, "a3", 1000);
	is_str(take(&a1, 2, 0), "taken", "one of two on a route");
	is_str(take(&a2, 2, 0), "taken", "two of two");
	is_str(take(&a3, 2, 0), "full", "a third one is too many");
	is_int(try_state(st, &a3), STATE_ABSENT, "and leaves nothing behind");
	is_int(try_sql(try_db, "SELECT count(*) FROM operation"), 2, "no row");
	is_str(start("b1", 2, 0), "taken", "another route has room of its own");
	is_str(take(&a3, 3, 0), "taken", "more may run where more may run");
	is_str(start("a4", 0, 0), "taken", "or where there is no limit");
	is_str(start("a5", 2, 0), "full", "they count for all");
	must(store_release(st, &a3));
	is_str(start("a5", 3, 0), "full", "one is released: three run");
	must(try_record(st, &a2, 10, clock_wall_ms(), 1 << 30, 1000));
	is_str(start("a5", 3, 0), "taken", "one is done: there is room");
	must(store_mark_uncertain(st, &a1, -1, "?", 2000));
	is_str(start("a6", 3, 0), "taken", "one is uncertain: it does not run");
	is_str(start("a7", 3, 0), "full", "full again");
}

static void limit_all_routes(void)
{
	fresh("all");
	is_str(start("a1", 0, 3), "taken", "one of three in all");
	is_str(start("b1", 2, 3), "taken", "two");
	is_str(start("b2", 2, 3), "taken", "three");
	is_str(start("c1", 2, 3), "full", "a fourth one is too many on any route");
	is_str(start("b3", 2, 9), "full", "and so it is where the route is full");
	is_str(start("c1", 2, 4), "taken", "either limit counts");
}

/* Another attempt is a run as well. */
static void limit_attempts(void)
{
	struct operation op, again;

	fresh("attempts");
	op = try_operation(st, "a1", 1000);
	is_str(take(&op, 1, 0), "taken", "a run");
	must(store_mark_uncertain(st, &op, -1, "?", 1000));
	is_str(start("a2", 1, 0), "taken", "becomes uncertain, and another one takes its room");
	again = try_operation(st, "a1", 2000);
	claim_prepare(st, &op, 2000, 60000, &again);
	is_str(take(&again, 1, 0), "full", "its next attempt has to wait");
	is_int(try_state(st, &op), STATE_UNCERTAIN, "it stays as it was");
	is_str(take(&again, 2, 0), "taken", "until there is room");
}

/* "claim": waits for the end of descriptor 3, then claims one of three; exit status: taken. */
static int be_claimer(const char *name)
{
	struct operation op;
	char byte;
	const char *got;

	try_at("crowd");
	st = try_store();
	op = try_operation(st, name, 1000);
	(void)!read(3, &byte, 1);
	got = take(&op, 3, 0);
	store_close(&st);
	return strcmp(got, "taken") == 0 ? 1 : strcmp(got, "full") == 0 ? 2 : 3;
}

static void limit_processes(void)
{
	int gate[2], taken = 0, full = 0;
	pid_t pids[PROCESSES];
	char name[16];

	fresh("crowd");
	if (pipe2(gate, O_CLOEXEC) != 0)
		return;
	for (int i = 0; i < PROCESSES; i++) {
		snprintf(name, sizeof(name), "a%d", i);
		pids[i] = try_exec("claim", name, gate[0]);
	}
	usleep(200000); /* until all of them wait */
	close(gate[0]);
	close(gate[1]);
	for (int i = 0; i < PROCESSES; i++) {
		int status = try_wait(pids[i]);

		taken += status == 1;
		full += status == 2;
	}
	is_int(taken, 3, "%d processes at once: as many run as may", PROCESSES);
	is_int(full, PROCESSES - 3, "the others are told so");
}

/* ---- waiting ---- */

/* "place": takes a place on a route, says so on 3, and lives. */
static int be_waiter(const char *route)
{
	int fd = -1;

	st = try_store();
	(void)!write(3, liveness_take_waiting_slot(st, route, 3, &fd) == OK ? "y" : "n", 1);
	for (int rc = 0; rc <= 0;)
		rc = pause();
	return 0;
}

static pid_t start_waiter(const char *route)
{
	int pair[2];
	char byte = 'n';
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) != 0)
		return -1;
	pid = try_exec("place", route, pair[1]);
	close(pair[1]);
	(void)!read(pair[0], &byte, 1);
	close(pair[0]);
	ok(byte == 'y', "another process has a place");
	return pid;
}

static void kill_it(pid_t pid)
{
	kill(pid, SIGKILL);
	try_wait(pid);
}

static void give_places(void)
{
	int fds[4] = {-1, -1, -1, -1}, flags;
	pid_t one, two;

	store_close(&st);
	try_at(NULL);
	st = try_store();
	one = start_waiter("/a");
	two = start_waiter("/a");
	is_int(liveness_take_waiting_slot(st, "/a", 3, &fds[0]), OK, "the third of three places");
	flags = fcntl(fds[0], F_GETFD);
	ok(flags & FD_CLOEXEC, "is no script's");
	is_int(liveness_take_waiting_slot(st, "/a", 3, &fds[1]), ERR_BUSY,
		"a fourth is not there: %s", err_text());
	is_int(fds[1], -1, "and nothing is given");
	is_int(liveness_take_waiting_slot(st, "/b", 3, &fds[1]), OK,
		"another route has places of its own");
	kill(one, SIGSTOP);
	is_int(liveness_take_waiting_slot(st, "/a", 3, &fds[2]), ERR_BUSY,
		"who stands still keeps his");
	kill_it(one);
	is_int(liveness_take_waiting_slot(st, "/a", 3, &fds[2]), OK, "who dies gives it back");
	is_int(liveness_take_waiting_slot(st, "/a", 3, &fds[3]), ERR_BUSY, "once");
	close(fds[0]);
	is_int(liveness_take_waiting_slot(st, "/a", 3, &fds[0]), OK, "who closes it too");
	is_int(liveness_take_waiting_slot(st, "/a", 0, &fds[3]), ERR_BUSY, "no places at all");
	is_int(liveness_take_waiting_slot(st, "/a", 2, &fds[3]), ERR_BUSY,
		"or fewer than are taken");
	kill_it(two);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	is_int(liveness_take_waiting_slot(st, "/a", 1, &fds[0]), OK, "all are free again");
	is_int(liveness_take_waiting_slot(st, "/a", 1, &fds[1]), ERR_BUSY, "one of one");
	close(fds[0]);
}

int main(int argc, char *argv[])
{
	umask(077);
	try_begin(argc == 4 ? argv[2] : NULL);
	if (argc == 4)
		return strcmp(argv[1], "claim") == 0 ? be_claimer(argv[3]) : be_waiter(argv[3]);
	limit_a_route();
	limit_all_routes();
	limit_attempts();
	limit_processes();
	give_places();
	store_close(&st);
	return try_end();
}
