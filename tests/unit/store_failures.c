/* SPDX-License-Identifier: ISC */
/* Claim: when the disk, the lock or a commit fails, no claim stays, nothing is lost, and it works
 * again. */
#include "store_try.h"

#include "../../src/store/sqlite/claim.c"

#include <sys/mount.h>
#include <sys/resource.h>

#define MAX RESPONSE_INLINE_MAX

static void start(const char *name)
{
	char dir[64];

	try_at(name);
	snprintf(dir, sizeof(dir), "%s/%s", try_dir, name);
	mkdir(dir, 0700);
}

/* Waits until this operation is gone. */
static bool goes_away(struct store *st, const struct operation *op)
{
	for (int i = 0; i < 300; i++) {
		if (try_state(st, op) == STATE_ABSENT)
			return true;
		usleep(10000);
	}
	return false;
}

static int64_t now_ms(void)
{
	return clock_mono_us() / 1000;
}

/* Holds the writer lock as another process would. */
static int hold_lock(void)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	char lock[128];
	int fd;

	snprintf(lock, sizeof(lock), "%s-lock", try_db);
	fd = open(lock, O_RDWR | O_CLOEXEC);
	fcntl(fd, F_OFD_SETLKW, &fl);
	return fd;
}

/* ---- commits that fail ---- */

/*
 * What a crash at this moment would leave: a copy of database and log, recovered.  Made by another
 * process, since closing a copy's source here would drop SQLite's locks.
 */
static int64_t count_after_crash(const char *name)
{
	char command[512], copy[96];

	snprintf(copy, sizeof(copy), "%s/%s.db", try_dir, name);
	snprintf(command, sizeof(command), "cp %s %s && cp %s-wal %s-wal", try_db, copy, try_db,
		copy);
	if (system(command) != 0)
		return -1;
	return try_sql(copy, "SELECT count(*) FROM operation WHERE state=2");
}

/* The log's frames are complete, but were never synced: nobody sees them, until a crash. */
static void fail_to_sync(void)
{
	struct operation op, op2;
	struct store *st;

	start("sync");
	st = try_store();
	op = try_operation(st, "first", 1000);
	is_int(try_claim(st, &op), 1, "a claim");
	op = try_operation(st, "lost", 1000);
	try_disk.fail_syncs = 1;
	is_int(try_claim(st, &op), -ERR_UNKNOWN, "a claim whose sync fails is unknown: %s",
		err_text());
	is_int(try_state(st, &op), STATE_ABSENT, "nobody sees it");
	printf("# after a crash now there would be %d running\n", (int)count_after_crash("ghost"));
	try_disk.fail_syncs = 0;
	usleep(1500000); /* the store tries once a second to take it back */
	is_int(count_after_crash("exorcised"), 1,
		"taken back, so that no crash brings it up again");
	is_int(try_state(st, &op), STATE_ABSENT, "still nobody sees it");
	op2 = try_operation(st, "lost", 1001);
	is_int(try_claim(st, &op2), 1, "its key is free");
	try_disk.fail_syncs = 1;
	is_int(try_record(st, &op2, 3 * MAX, 2000, 1000, 1000), ERR_UNKNOWN,
		"a record whose sync fails");
	try_disk.fail_syncs = 0;
	is_int(try_record(st, &op2, 3 * MAX, 2000, 1000, 1000), OK, "and again");
	is_int(try_state(st, &op2), STATE_DONE, "is done");
	store_close(&st);
}

static void fail_to_write(void)
{
	struct operation op, op2;
	struct store *st;

	start("write");
	st = try_store();
	op = try_operation(st, "runs", 1000);
	is_int(try_claim(st, &op), 1, "a claim");
	try_disk.fail_writes = 1;
	op2 = try_operation(st, "no room", 1000);
	ok(try_claim(st, &op2) < 0, "no room for another: %s", err_text());
	ok(try_record(st, &op, 10, 2000, 1000, 1000) != OK, "nor for a record: %s", err_text());
	ok(store_mark_uncertain(st, &op, -1, "x", 2000) != OK, "nor for a doubt");
	ok(store_release(st, &op2) != OK, "nor for a release");
	is_int(try_state(st, &op), STATE_RUNNING, "what is there can be read");
	try_disk.fail_writes = 0;
	is_int(try_record(st, &op, 10, 2000, 1000, 1000), OK, "with room again: recorded");
	is_int(try_state(st, &op2), STATE_ABSENT, "the other claim is not there");
	is_int(try_claim(st, &op2), 1, "and can be made");
	try_disk.fail_writes = 1;
	ok(store_release(st, &op2) != OK, "a release that fails at the very end");
	try_disk.fail_writes = 0;
	store_close(&st);
	st = try_store();
	is_int(try_state(st, &op2), STATE_ABSENT, "is made up for by closing");
	store_close(&st);
}

static _Atomic bool is_leading;

static enum err be_slow(struct store *st, struct conn *c, void *arg)
{
	(void)st;
	(void)arg;
	is_leading = true;
	usleep(300000);
	return conn_run(c, conn_statement(c, &touch), "touch");
}

static void *lead_slowly(void *st)
{
	must(writer_run(st, be_slow, NULL));
	return NULL;
}

/* What becomes owed while somebody leads is tried all the same. */
static void owe_meanwhile(void)
{
	struct operation op;
	struct store *st;
	pthread_t thread;

	start("owed");
	st = try_store();
	op = try_operation(st, "owed", now_ms());
	is_int(try_claim(st, &op), 1, "a claim");
	pthread_create(&thread, NULL, lead_slowly, st);
	while (!is_leading)
		usleep(1000);
	writer_defer_release(st, release_claim, op.id, op.token);
	pthread_join(thread, NULL);
	ok(goes_away(st, &op), "is released without another write");
	store_close(&st);
}

/* ---- a batch ---- */

struct write {
	struct store *st;
	struct operation op;
	bool is_record;
	enum err result;
};

static void *write_it(void *arg)
{
	struct write *w = arg;
	int got;

	if (w->is_record) {
		w->result = try_record(w->st, &w->op, 10, 2000, 1000, 1000);
	} else {
		got = try_claim(w->st, &w->op);
		w->result = got == 1 ? OK : (enum err) - got;
	}
	return NULL;
}

static void suffer_alone(void)
{
	struct write writes[3] = {0};
	pthread_t threads[3];
	char sql[128];
	int fd;

	start("batch");
	writes[1].st = try_store();
	writes[1].op = try_operation(writes[1].st, "bad", 1000);
	writes[1].is_record = true;
	is_int(try_claim(writes[1].st, &writes[1].op), 1, "a claim");
	snprintf(sql, sizeof(sql), "INSERT INTO response VALUES(%lld,x'00',1,x'00',x'00')",
		(long long)writes[1].op.id);
	is_int(try_sql(try_db, sql), 0, "whose record cannot be written");
	writes[0].st = writes[2].st = writes[1].st;
	writes[0].op = try_operation(writes[0].st, "before", 1000);
	writes[2].op = try_operation(writes[0].st, "after", 1000);
	fd = hold_lock();
	for (int i = 0; i < 3; i++) {
		pthread_create(&threads[i], NULL, write_it, &writes[i]);
		usleep(50000); /* in this order */
	}
	close(fd);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	is_int(writes[1].result, ERR_BROKEN, "it fails by itself");
	is_int(writes[0].result, OK, "the claim before it in the same batch does not");
	is_int(writes[2].result, OK, "nor the one after it");
	is_int(try_state(writes[1].st, &writes[1].op), STATE_RUNNING,
		"nothing of it is left behind");
	store_close(&writes[1].st);
}

/* Expired operations that cannot be purged must not keep anybody from writing. */
static void purge_in_vain(void)
{
	struct operation op;
	struct store *st;

	start("purge");
	st = try_store();
	op = try_operation(st, "old", 1000);
	(void)try_claim(st, &op);
	must(try_record(st, &op, 10, 1000, 1, 1));
	is_int(try_sql(try_db, "DROP TABLE chunk"), 0, "a store that cannot be purged");
	for (int i = 0; i < 3; i++) {
		op = try_operation(st, (char[]){'a', (char)('0' + i), 0}, 1000);
		is_int(try_claim(st, &op), 1, "takes claims");
		usleep(20000);
	}
	store_close(&st);
}

/* ---- the lock ---- */

static void wait_in_vain(void)
{
	struct store_options opt;
	struct operation op, found;
	struct store *st = NULL;
	int64_t before;
	int fd;

	start("busy");
	opt = try_options();
	opt.busy_timeout_ms = 200;
	must(store_open(&opt, &st));
	op = try_operation(st, "a", 1000);
	fd = hold_lock();
	before = now_ms();
	is_int(try_claim(st, &op), -ERR_BUSY, "another process writes: busy");
	ok(now_ms() - before >= 190 && now_ms() - before < 1000, "when the time is up");
	is_int(store_find(st, op.identity, &found, NULL), ERR_ABSENT, "readers do not wait");
	is_int(store_release(st, &op), ERR_BUSY, "a release is owed");
	before = now_ms();
	store_close(&st);
	ok(now_ms() - before < 1000, "closing does not wait for the lock");
	close(fd);
	must(store_open(&opt, &st));
	is_int(try_state(st, &op), STATE_ABSENT, "nothing happened");
	is_int(try_claim(st, &op), 1, "it works again");
	fd = hold_lock();
	is_int(store_release(st, &op), ERR_BUSY, "a release that has to wait");
	close(fd);
	ok(goes_away(st, &op), "is made up for by the store");
	store_close(&st);
}

/* A program that does not know our lock. */
static void meet_another_program(void)
{
	struct store_options opt;
	struct store *st = NULL;
	struct operation op;
	sqlite3 *db = NULL;

	start("program");
	opt = try_options();
	opt.busy_timeout_ms = 200;
	must(store_open(&opt, &st));
	op = try_operation(st, "a", 1000);
	sqlite3_open_v2(try_db, &db, SQLITE_OPEN_READWRITE, NULL);
	sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	is_int(try_claim(st, &op), -ERR_BUSY, "another program writes: %s", err_text());
	is_int(try_state(st, &op), STATE_ABSENT, "nothing happened");
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	is_int(try_claim(st, &op), 1, "it works again");
	sqlite3_close(db);
	store_close(&st);
}

/* ---- the log ---- */

static char log_path[128];

static void fill(struct store *st, const char *name, int n, int64_t *longest_ms)
{
	*longest_ms = 0;
	for (int i = 0; i < n; i++) {
		struct operation op;
		char text[32];
		int64_t before;

		snprintf(text, sizeof(text), "%s%d", name, i);
		op = try_operation(st, text, clock_wall_ms());
		before = now_ms();
		(void)try_claim(st, &op);
		must(try_record(st, &op, MAX - 100, clock_wall_ms(), 1 << 30, 1000));
		if (now_ms() - before > *longest_ms)
			*longest_ms = now_ms() - before;
	}
}

static void keep_log_short(void)
{
	struct store_options opt;
	struct store *st = NULL;
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt;
	int64_t ms, was;

	start("log");
	opt = try_options();
	opt.durability = DURABILITY_NORMAL; /* the same, faster */
	must(store_open(&opt, &st));
	snprintf(log_path, sizeof(log_path), "%s-wal", try_db);
	fill(st, "a", 100, &ms);
	ok(file_size(log_path) < 8 << 20, "after 25 MiB of responses the log has %lld bytes",
		(long long)file_size(log_path));
	/* Somebody looks at the store and goes to lunch. */
	sqlite3_open_v2(try_db, &db, SQLITE_OPEN_READONLY, NULL);
	sqlite3_prepare_v2(db, "SELECT id FROM operation", -1, &stmt, NULL);
	is_int(sqlite3_step(stmt), SQLITE_ROW, "a reader that does not go on");
	fill(st, "b", 300, &ms);
	ok(file_size(log_path) > 64 << 20, "keeps the log from being reused");
	ok(ms < 1000, "but delays nobody for long: %lld ms at most", (long long)ms);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	fill(st, "c", 1, &ms);
	was = file_size(log_path);
	fill(st, "d", 40, &ms);
	is_int(file_size(log_path), was, "when it is gone the log is reused");
	store_close(&st);
}

/* ---- full disks ---- */

static void fill_disk(const char *file)
{
	char zeros[4096] = {0};
	int fd = open(file, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);

	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	close(fd);
}

static void run_out_of_disk(void)
{
	char dir[64], ballast[96];
	struct operation op, ops[20];
	struct store *st;
	int failed = 0, left = 0;

	start("full");
	snprintf(dir, sizeof(dir), "%s/full", try_dir);
	if (mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=0700") != 0) {
		ok(1, "full disk # SKIP mount: %s", strerror(errno));
		return;
	}
	st = try_store();
	op = try_operation(st, "runs", 1000);
	is_int(try_claim(st, &op), 1, "a claim");
	snprintf(ballast, sizeof(ballast), "%s/ballast", dir);
	fill_disk(ballast);
	for (int i = 0; i < 20; i++) {
		ops[i] = try_operation(st, (char[]){'k', (char)('a' + i), 0}, 1000);
		failed += try_claim(st, &ops[i]) < 0;
	}
	ok(failed > 0, "a full disk: %d claims of 20 fail: %s", failed, err_text());
	ok(try_record(st, &op, 100000, 2000, 1000, 1000) != OK, "a result cannot be recorded");
	is_int(try_state(st, &op), STATE_RUNNING, "and is not");
	unlink(ballast);
	is_int(try_record(st, &op, 100000, 2000, 1000, 1000), OK, "with room again it can");
	for (int i = 0; i < 20; i++)
		left += try_state(st, &ops[i]) == STATE_RUNNING;
	is_int(left, 20 - failed, "no claim that failed stays");
	for (int i = 0; i < 20; i++)
		if (try_state(st, &ops[i]) == STATE_ABSENT)
			left += try_claim(st, &ops[i]);
	is_int(left, 20, "and each can be made");
	store_close(&st);
	umount2(dir, MNT_DETACH);
}

/* A limit on file sizes, as quotas are: EFBIG instead of ENOSPC. */
static void run_out_of_quota(void)
{
	struct rlimit limit, old;
	struct operation op;
	struct store *st;

	start("quota");
	st = try_store();
	op = try_operation(st, "a", 1000);
	is_int(try_claim(st, &op), 1, "a claim");
	snprintf(log_path, sizeof(log_path), "%s-wal", try_db);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	limit.rlim_cur = (rlim_t)file_size(log_path);
	signal(SIGXFSZ, SIG_IGN);
	fflush(stdout);
	setrlimit(RLIMIT_FSIZE, &limit);
	(void)!store_mark_uncertain(st, &op, 1, "x", 2000);
	setrlimit(RLIMIT_FSIZE, &old);
	ok(strstr(err_text(), "no room") != NULL, "a quota: %s", err_text());
	is_int(try_state(st, &op), STATE_RUNNING, "nothing happened");
	is_int(store_mark_uncertain(st, &op, 1, "x", 2000), OK, "it works again");
	store_close(&st);
}

int main(void)
{
	umask(077);
	try_begin(NULL);
	try_disk_begin();
	fail_to_sync();
	fail_to_write();
	owe_meanwhile();
	suffer_alone();
	purge_in_vain();
	wait_in_vain();
	meet_another_program();
	keep_log_short();
	run_out_of_disk();
	run_out_of_quota();
	return try_end();
}
