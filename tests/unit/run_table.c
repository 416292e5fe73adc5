/* SPDX-License-Identifier: ISC */
/*
 * Claim: a damaged row of the run table counts as a run of every operation until the machine is
 * started anew, and no longer; a row that is half written is not damaged; and a row of this boot is
 * never emptied.
 */
#include <unistd.h>

static ssize_t pread_torn(int fd, void *buf, size_t size, off_t at);

#define pread pread_torn
#include "evidence/run_table.c"
#undef pread

#include "evidence/evidence.h"

#include "tap.h"

#include <sys/wait.h>

#define ID    INT64_C(4711)
#define NONCE INT64_C(815)

static const char ref[] = "00000000000012670000000000000000";
static char dir[] = "/tmp/rs-unit-XXXXXX", file[64];

/* ---- the file ---- */

static bool tears; /* the next reading of many rows finds the first one half written */

/* In place of pread(). */
static ssize_t pread_torn(int fd, void *buf, size_t size, off_t at)
{
	ssize_t n = pread(fd, buf, size, at);

	if (tears && n > RUN_ROW_BYTES) {
		memset((char *)buf + RUN_ROW_BYTES / 2, 0, RUN_ROW_BYTES / 2);
		tears = false;
	}
	return n;
}

static struct run_table *open_table(void)
{
	struct run_table *table = NULL;

	if (run_table_open(dir, &table) != OK)
		ok(0, "a step of the test: %s", err_text());
	return table;
}

/* Writes a row of a command that is this process, or one like it but damaged.  Its offset. */
static int64_t write_row(struct run_table *table, int64_t boot_id, bool is_damaged)
{
	struct run_name name = {ID, NONCE, 1, true};
	struct run_row row;
	int64_t at = 0;

	if (run_table_take(table, &at) != OK)
		exit(111);
	run_table_fill(table, &name, &row);
	row.made_after_ns = 0;
	row.boot_id = boot_id;
	row.pid = getpid();
	row.made_before_ns = run_row_clock_ns();
	row.sum = sum_of(&row) + is_damaged;
	if (pwrite(table->fd, &row, sizeof(row), at) != sizeof(row))
		exit(111);
	return at;
}

static struct head change_boot(int64_t boot_id)
{
	struct head head;
	int fd = open(file, O_RDWR | O_CLOEXEC);

	if (fd < 0 || pread(fd, &head, sizeof(head), 0) != sizeof(head))
		exit(111);
	if (boot_id >= 0) {
		head.boot_id = boot_id;
		if (pwrite(fd, &head, sizeof(head), 0) != sizeof(head))
			exit(111);
	}
	close(fd);
	return head;
}

static int rows, damaged, kept;

static bool count_row(const struct run_row *row, enum row_state state, void *arg)
{
	(void)row;
	(void)arg;
	rows++;
	damaged += state == ROW_DAMAGED;
	kept += state == ROW_KEPT;
	return true;
}

static void count_rows(void)
{
	rows = damaged = kept = 0;
	if (run_table_read(dir, count_row, NULL) != OK)
		exit(111);
}

static void say(bool anything, const char *what)
{
	struct evidence found;

	evidence_look(dir, ID + 1, NONCE, ref, &found); /* another operation's */
	ok(found.anything_lives == anything, "%s: %s%s%s", what,
		found.anything_lives ? "something lives" : "nothing lives",
		found.unknown[0] ? ": " : "", found.unknown);
	ok(anything == (strstr(found.unknown, file) != NULL), "the file is named %s",
		anything ? "in what to do" : "nowhere");
}

/* ---- the claims ---- */

static void read_torn_rows(void)
{
	struct run_table *table = open_table();

	write_row(table, clock_boot_id(), false);
	tears = true;
	count_rows();
	ok(!tears && rows == 1 && kept == 1 && damaged == 0,
		"a row that is being written is read again");
	write_row(table, clock_boot_id(), true);
	count_rows();
	is_int(damaged, 1, "one that stays damaged is damaged");
	run_table_close(&table);
	unlink(file);
}

static void enter_a_boot(void)
{
	struct run_table *table = open_table(), *second;
	int64_t boot = clock_boot_id(), whole;
	struct run_row row;

	is_int(change_boot(-1).boot_id, boot, "a new table is of this boot");
	write_row(table, boot, true);
	say(true, "a damaged row of this boot");
	run_table_close(&table);
	table = open_table();
	say(true, "which another keeper does not empty");

	run_table_close(&table);
	change_boot(0);
	table = open_table();
	is_int(change_boot(-1).boot_id, boot,
		"a table of an unknown boot is this boot's when it is opened");
	say(true, "with its damaged row");
	run_table_close(&table);

	change_boot(boot ^ 1);
	say(false, "a damaged row of an earlier boot, before a keeper has opened the table");
	table = open_table();
	is_int(change_boot(-1).boot_id, boot, "the first keeper makes it this boot's");
	count_rows();
	is_int(rows, 0, "and empties it");
	say(false, "no damaged row");

	whole = write_row(table, boot, false);
	write_row(table, boot ^ 1, false);
	write_row(table, boot, true);
	change_boot(boot ^ 1);
	second = open_table();
	count_rows();
	ok(rows == 3 && kept == 1 && damaged == 1, "rows that a keeper holds are left alone");
	run_table_close(&second);
	run_table_close(&table);
	change_boot(boot ^ 1);
	second = open_table();
	count_rows();
	is_int(rows, 1,
		"when it has ended, all but the one that is whole and of this boot are freed");
	ok(pread(second->fd, &row, sizeof(row), whole) == sizeof(row) && is_whole(&row) &&
			row.boot_id == boot,
		"that one");
	run_table_close(&second);
	unlink(file);
}

/* Two keepers start at once: the second one waits until the table has been emptied. */
static void wait_for_the_lock(void)
{
	struct run_table *table = open_table();
	int64_t boot = clock_boot_id();
	int fd = open(file, O_RDWR | O_CLOEXEC), status;
	pid_t pid;

	change_boot(boot ^ 1);
	if (fd < 0 || !lock_row(fd, 0, F_OFD_SETLK, F_WRLCK))
		exit(111);
	pid = fork();
	if (pid == 0) {
		struct run_table *second;

		close(fd);
		_exit(run_table_open(dir, &second) == OK ? 0 : 1);
	}
	usleep(200000);
	is_int(waitpid(pid, &status, WNOHANG), 0,
		"a keeper waits while another one empties the table");
	is_int(change_boot(-1).boot_id, boot ^ 1, "and changes nothing");
	close(fd);
	is_int(waitpid(pid, &status, 0), pid, "then it opens it");
	is_int(status, 0, "with success");
	run_table_close(&table);
	unlink(file);
}

int main(void)
{
	alarm(60);
	if (!mkdtemp(dir))
		return 111;
	snprintf(file, sizeof(file), "%s/runs", dir);
	read_torn_rows();
	enter_a_boot();
	wait_for_the_lock();
	rmdir(dir);
	return done_testing();
}
