/* SPDX-License-Identifier: ISC */
/*
 * Claim: a process of a run is found by its row, its session, its mark or its environment, another
 * process with its number is not taken for it, and what cannot be asked counts as alive.
 */
#include "evidence/evidence.h"

#include "base/clock.h"
#include "evidence/processes.h"
#include "evidence/run_table.h"
#include "tap.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define ID    INT64_C(4711)
#define NONCE INT64_C(815)

static const char ref[] = "00000000000012670000000000000000";
static char dir[] = "/tmp/rs-unit-XXXXXX", file[64];

static struct evidence found;

static void look(void)
{
	evidence_look(dir, ID, NONCE, ref, &found);
}

/* ---- processes ---- */

enum trait { NOTHING = 0, MARK = 1, REF = 2, GROUP = 4 };

/* A process that sleeps, with some of the traits of a run's; `group` is the one that it joins. */
static pid_t start(int traits, pid_t group)
{
	char variable[80];
	char *with[] = {variable, NULL}, *without[] = {NULL};
	int said[2];
	pid_t pid;
	char byte;

	snprintf(variable, sizeof(variable), "IDEMPOTENCY_OPERATION=%s", ref);
	if (pipe2(said, O_CLOEXEC) != 0)
		exit(111);
	pid = fork();
	if (pid == 0) {
		struct rlimit limit = {run_row_mark(ID, NONCE), RLIM_INFINITY};

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (traits & GROUP)
			setpgid(0, group);
		if (traits & MARK)
			setrlimit(RLIMIT_RTTIME, &limit);
		execle("/bin/sleep", "sleep", "60", (char *)NULL, traits & REF ? with : without);
		_exit(127);
	}
	close(said[1]);
	(void)!read(said[0], &byte, 1); /* its end comes with the exec */
	close(said[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ---- rows ---- */

/* The sum of a row, as the file has it. */
static uint64_t sum_of(const struct run_row *row)
{
	return XXH3_64bits(row, offsetof(struct run_row, sum));
}

/* Writes a row as the process would. */
static int64_t write_row(struct run_table *table, pid_t pid, bool is_command, struct run_row *row)
{
	struct run_name name = {ID, NONCE, 1, is_command};
	int64_t at = 0;

	if (run_table_take(table, &at) != OK)
		exit(111);
	run_table_fill(table, &name, row);
	row->made_after_ns -= INT64_C(1000000000); /* it has been started before this call */
	row->pid = pid;
	row->made_before_ns = run_row_clock_ns();
	/* The sum is over what was filled in: it is made anew. */
	row->sum = sum_of(row);
	if (pwrite(run_table_fd(table), row, sizeof(*row), at) != sizeof(*row))
		exit(111);
	return at;
}

static struct run_table *open_table(void)
{
	struct run_table *table = NULL;

	if (run_table_open(dir, &table) != OK)
		ok(0, "a step of the test: %s", err_text());
	return table;
}

static void say(bool script, bool anything, const char *what)
{
	look();
	ok(found.script_lives == script && found.anything_lives == anything, "%s: %s, %s%s%s", what,
		found.script_lives ? "the script lives" : "no script",
		found.anything_lives ? "something lives" : "nothing lives",
		found.unknown[0] ? ": " : "", found.unknown);
}

static void find_by_trait(void)
{
	pid_t pid;

	say(false, false, "no process, no table");
	pid = start(MARK, 0);
	say(true, true, "a mark alone");
	ok(found.n == 1 && found.living[0].pid == pid, "it is named");
	end(pid);
	say(false, false, "when it has ended");
	pid = start(REF, 0);
	say(true, true, "an environment alone");
	end(pid);
	pid = start(NOTHING, 0);
	say(false, false, "a stranger");
	end(pid);
}

static void find_by_row(void)
{
	struct run_table *table = open_table();
	struct run_row row;
	pid_t pid = start(GROUP, 0), other;
	int64_t at = write_row(table, pid, false, &row);

	say(true, true, "the keeper lives");
	run_table_close(&table);
	say(true, true, "the keeper is dead, the script lives");
	ok(found.n == 1 && strcmp(found.living[0].what, "the script") == 0, "it is the script");
	other = start(GROUP, pid);
	end(pid);
	say(false, true, "the script is dead, one of its group lives");
	end(other);
	say(false, false, "and no longer");

	/* The number is another process's now. */
	table = open_table();
	pid = start(GROUP, 0);
	row.pid = pid;
	row.made_after_ns -= INT64_C(90000000000);
	row.made_before_ns = row.made_after_ns + 1000000;
	row.sum = sum_of(&row);
	(void)!pwrite(run_table_fd(table), &row, sizeof(row), at);
	say(false, false, "another process has its number");
	end(pid);
	run_table_close(&table);
}

static void keep_rows(void)
{
	struct run_table *table = open_table(), *second;
	struct run_row row;
	int64_t at, next;

	at = write_row(table, getpid(), true, &row);
	say(false, true, "a command of a keeper that lives");
	second = open_table();
	is_int(run_table_take(second, &next), OK, "another keeper takes a row");
	ok(next != at, "not that one");
	run_table_give(table, at);
	say(false, false, "the row is freed");
	is_int(run_table_take(table, &next), OK, "it is used again");
	is_int(next, at, "by the keeper that had it");
	run_table_close(&second);
	run_table_close(&table);
}

static void write_at(struct run_row *row, bool sums)
{
	struct run_table *table = open_table();
	int64_t at = 0;

	if (sums)
		row->sum = sum_of(row);
	is_int(run_table_take(table, &at), OK, "a row");
	(void)!pwrite(run_table_fd(table), row, sizeof(*row), at);
	run_table_close(&table);
}

/* Makes the table one of an earlier boot. */
static void change_boot(void)
{
	int64_t boot = clock_boot_id() ^ 1;
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || pwrite(fd, &boot, sizeof(boot), 16) != sizeof(boot))
		exit(111);
	close(fd);
}

static void clear(void)
{
	unlink(file);
}

static void count_as_alive(void)
{
	struct run_table *table = open_table();
	struct run_name name = {ID, NONCE, 1, false};
	struct run_row row, changed;
	pid_t dead = start(NOTHING, 0);

	end(dead);
	run_table_fill(table, &name, &row);
	row.pid = dead;
	row.made_before_ns = run_row_clock_ns();
	run_table_close(&table);
	clear();

	changed = row;
	write_at(&changed, true);
	say(false, false, "dead");
	clear();
	changed.pid_ns++;
	write_at(&changed, true);
	say(true, true, "another PID namespace");
	clear();
	changed = row;
	changed.time_ns++;
	write_at(&changed, true);
	say(true, true, "another time namespace");
	clear();
	changed = row;
	changed.boot_id++;
	changed.pid_ns++;
	write_at(&changed, true);
	say(false, false, "another boot");
	clear();
	changed = row;
	changed.op_id++;
	write_at(&changed, false);
	say(false, true, "a damaged row, whoever's it is");
	change_boot();
	say(false, false, "a damaged row of an earlier boot");
	table = open_table();
	say(false, false, "nor when a keeper has opened the table");
	run_table_close(&table);
	clear();
	close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	truncate(file, 4096) == 0 ? say(true, true, "no table") : exit(111);
	is_int(run_table_open(dir, &table), ERR_BROKEN, "which no keeper uses");
	clear();
	if (symlink("/dev/null", file) != 0)
		exit(111);
	ok(run_table_open(dir, &table) != OK, "nor one that is a link");
	clear();
}

static void *sleep_on(void *arg)
{
	pause();
	return arg;
}

static void live_without_its_first_thread(void)
{
	struct run_table *table;
	struct run_row row;
	struct processes all = {0};
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t other;

		alarm(60); /* PR_SET_PDEATHSIG would be the first thread's alone */
		if (setpgid(0, 0) != 0 || pthread_create(&other, NULL, sleep_on, NULL) != 0)
			_exit(111);
		pthread_exit(NULL);
	}
	for (char text[256] = ""; !strstr(text, ") Z ");) { /* until the first one has ended */
		char path[64];
		int fd;

		snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
			exit(111);
		close(fd);
	}
	table = open_table();
	write_row(table, pid, false, &row);
	run_table_close(&table);
	say(true, true, "a script whose first thread has ended");
	is_int(processes_read(false, &all), OK, "it is among the processes");
	ok(processes_have_root(&all, &row) && processes_signal(processes_find(&all, pid), 0) == 0,
		"and can be signalled");
	kill(pid, SIGKILL);
	for (siginfo_t si; waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) != 0;)
		;
	say(false, false, "not when all of them have ended, before it is collected");
	waitpid(pid, NULL, 0);
	processes_free(&all);
	clear();
}

/* Takes all descriptors but `left`, and gives them back. */
static void with_descriptors(int left, void (*do_it)(void))
{
	struct rlimit before, now;
	int lowest = dup(2);

	close(lowest);
	getrlimit(RLIMIT_NOFILE, &before);
	now = before;
	now.rlim_cur = (rlim_t)(lowest + left);
	setrlimit(RLIMIT_NOFILE, &now);
	do_it();
	setrlimit(RLIMIT_NOFILE, &before);
}

static void read_without_descriptors(void)
{
	struct processes all = {0};

	is_int(processes_read(false, &all), ERR_NOMEM, "without descriptors nothing is known");
	is_int((long long)all.n, 0, "and nothing is there to free");
	say(true, true, "what may live without a table");
}

static void need_descriptors(void)
{
	pid_t pid;

	for (int left = 0; left < 2; left++)
		with_descriptors(left, read_without_descriptors);
	pid = start(MARK, 0);
	say(true, true, "with descriptors it is found");
	end(pid);
	say(false, false, "and is not when it has ended");
}

static void stay_small(void)
{
	struct run_row row;
	struct stat sb;
	pid_t dead = start(NOTHING, 0);

	end(dead);
	/* More keepers die than a file has rows at first. */
	for (int i = 0; i < 1500; i++) {
		struct run_table *table = open_table();

		write_row(table, dead, false, &row);
		run_table_close(&table);
	}
	if (stat(file, &sb) != 0)
		exit(111);
	is_int(sb.st_size, 65536, "rows of the dead are used again: the file does not grow");
	is_int(sb.st_mode & 0777, 0600, "only its owner can read it");
	clear();
}

int main(void)
{
	umask(0);
	if (!mkdtemp(dir))
		return 111;
	snprintf(file, sizeof(file), "%s/runs", dir);
	find_by_trait();
	find_by_row();
	clear();
	keep_rows();
	count_as_alive();
	live_without_its_first_thread();
	need_descriptors();
	stay_small();
	rmdir(dir);
	return done_testing();
}
