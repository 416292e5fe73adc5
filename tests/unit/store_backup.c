/* SPDX-License-Identifier: ISC */
/*
 * Claim: a backup is the store as it was at one moment, whole or not there, and never over another
 * file; no copy is opened before it has been accepted, nor with the log of another database.
 */
#include "store/backup.h"
#include "store_try.h"

#include "store/listing.h"
#include "store/sqlite/connection.h"

static struct store *st;
static char copy_path[160];
static int questions, patience;

static bool go_on(void)
{
	return ++questions <= patience;
}

static enum err back_up(const char *name, struct backup *out)
{
	questions = 0;
	snprintf(copy_path, sizeof(copy_path), "%s/%s", try_dir, name);
	return store_backup(st, copy_path, go_on, out);
}

static int files_named(const char *part)
{
	char command[300];
	FILE *f;
	int n = -1;

	snprintf(command, sizeof(command), "ls -a %s | grep -c %s", try_dir, part);
	f = popen(command, "r");
	if (f && fscanf(f, "%d", &n) != 1)
		n = -1;
	if (f)
		pclose(f);
	return n;
}

static struct operation done;

static void fill(void)
{
	st = try_store();
	done = try_operation(st, "a1", store_now_ms(st));
	is_int(try_claim(st, &done), 1, "a run");
	must(try_record(st, &done, 3000000, store_now_ms(st), 3600000, 1000));
}

static void make_one(void)
{
	struct operation later;
	struct backup made = {0};
	struct stat sb;

	umask(0);
	is_int(back_up("copy", &made), OK, "a backup: %s", err_text());
	umask(077);
	is_int(made.operations, 1, "of one operation");
	is_int(stat(copy_path, &sb), 0, "is there");
	is_int(sb.st_mode & 07777, 0600, "for this account alone");
	is_int(sb.st_size, made.bytes, "as large as it says");
	is_int(sb.st_nlink, 1, "under one name");
	is_int(files_named("copy"), 1, "with nothing beside it");
	is_int(try_sql(copy_path, "SELECT sum(length(data)) FROM chunk") > 2700000, 1,
		"with all that is in the log");
	ok(questions > 2, "asked %d times whether to go on", questions);
	later = try_operation(st, "a2", store_now_ms(st));
	is_int(try_claim(st, &later), 1, "the store goes on");
	is_int(try_sql(copy_path, "SELECT count(*) FROM operation"), 1, "without the copy");
}

static void refuse_files(void)
{
	struct backup made = {.bytes = 7};
	char link_path[160], target[160];

	is_int(back_up("copy", &made), ERR_REFUSED, "a file that is there: %s", err_text());
	is_int(made.bytes, 7, "nothing was made");
	snprintf(link_path, sizeof(link_path), "%s/link", try_dir);
	snprintf(target, sizeof(target), "%s/target", try_dir);
	is_int(symlink(target, link_path), 0, "a symbolic link to nowhere");
	is_int(back_up("link", &made), ERR_REFUSED, "is not followed");
	is_int(access(target, F_OK), -1, "to make a file elsewhere");
	is_int(back_up("none/copy", &made), ERR_ABSENT, "no directory: %s", err_text());
	is_int(back_up("s.db", &made), ERR_REFUSED, "the store itself: %s", err_text());
	is_int(files_named("partial"), 0, "nothing of these is left");
}

static void break_off(void)
{
	struct backup made;

	patience = 2;
	is_int(back_up("second", &made), ERR_BUSY, "interrupted: %s", err_text());
	patience = 1000000;
	is_int(files_named("second"), 0, "nothing is left");
	try_disk.fail_writes = 1;
	ok(back_up("second", &made) != OK, "no room: %s", err_text());
	try_disk.fail_writes = 0;
	is_int(files_named("second"), 0, "nothing is left");
	is_int(back_up("second", &made), OK, "then it works");
}

/* Puts the copy in the place of the store; with the log that was beside the store. */
static void restore(const char *name, bool keeps_log)
{
	char command[900];

	store_close(&st);
	snprintf(command, sizeof(command), "cd %s && rm s.db && cp %s s.db && chmod 600 s.db && %s",
		try_dir, name, keeps_log ? "true" : "rm -f s.db-wal s.db-shm");
	is_int(system(command), 0, "%s is restored", name);
}

static enum err open_it(bool is_read_only, bool *accepted)
{
	struct store_options opt = try_options();
	enum err e;

	opt.is_read_only = is_read_only;
	opt.accepted_copy = accepted;
	e = store_open(&opt, &st);
	if (e != OK)
		st = NULL;
	return e;
}

static void restore_one(void)
{
	struct operation found;
	struct response res;
	bool accepted = false;

	restore("copy", true);
	is_int(open_it(false, NULL), ERR_BROKEN, "with the old log: %s", err_text());
	ok(strstr(err_text(), "log of another database") != NULL, "it says what is wrong");
	is_int(open_it(false, &accepted), ERR_BROKEN, "that cannot be accepted");
	restore("copy", false);
	is_int(open_it(false, NULL), ERR_BROKEN, "a copy: %s", err_text());
	ok(strstr(err_text(), "store --accept-loss") != NULL, "it says what to do");
	is_int(open_it(true, NULL), ERR_BROKEN, "is not read, either");
	is_int(open_it(false, NULL), ERR_BROKEN, "nor opened the second time");
	is_int(open_it(false, &accepted), OK, "it is accepted: %s", err_text());
	is_int(accepted, 1, "as a copy");
	store_close(&st);
	is_int(open_it(false, NULL), OK, "from then on it is the store: %s", err_text());
	is_int(store_find(st, done.identity, &found, &res), OK, "with what was recorded before");
	is_int(found.state, STATE_DONE, "done");
	response_free(&res);
	is_int(try_sql(try_db, "SELECT count(*) FROM operation"), 1, "and nothing since");
	store_close(&st);
	is_int(open_it(false, &accepted), OK, "a store that is no copy");
	is_int(accepted, 0, "has nothing to accept");
	store_close(&st);
}

/* A run at the time of the backup whose process is gone is settled as ever. */
static void restore_a_run(void)
{
	struct operation op;
	struct backup made;
	bool accepted;

	st = try_store();
	op = try_operation(st, "runs", store_now_ms(st));
	is_int(try_claim(st, &op), 1, "a run");
	is_int(back_up("third", &made), OK, "a backup");
	must(try_record(st, &op, 10, store_now_ms(st), 3600000, 1000));
	restore("third", false);
	is_int(open_it(false, &accepted), OK, "restored: %s", err_text());
	must(claim_settle(st, &op));
	is_int(try_state(st, &op), STATE_UNCERTAIN, "what ran then is uncertain, not free");
	store_close(&st);
}

/* "write": claims and records until it is killed. */
static int be_writer(void)
{
	char name[24];

	st = try_store();
	for (unsigned i = 0; i < 1000000; i++) {
		struct operation op;

		snprintf(name, sizeof(name), "w%u", i);
		op = try_operation(st, name, store_now_ms(st));
		(void)try_claim(st, &op);
		(void)!try_record(st, &op, 2000, store_now_ms(st), 3600000, 1000);
	}
	return 0;
}

static void beside_writers(void)
{
	struct backup made;
	pid_t writer = try_exec("write", "w", -1);
	int64_t before, after;
	char name[16];

	usleep(300000);
	st = try_store();
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "busy%d", i);
		before = try_sql(try_db, "SELECT count(*) FROM operation");
		is_int(back_up(name, &made), OK, "beside a writer: %s", err_text());
		is_int(try_sql(copy_path,
			       "SELECT count(*) FROM operation o WHERE state=3 AND NOT EXISTS"
			       "(SELECT 1 FROM response r WHERE r.id=o.id)"),
			0, "every response belongs to its operation");
		after = try_sql(try_db, "SELECT count(*) FROM operation");
		ok(made.operations >= before && made.operations <= after,
			"of one moment: %lld of %lld to %lld", (long long)made.operations,
			(long long)before, (long long)after);
	}
	kill(writer, SIGKILL);
	try_wait(writer);
	store_close(&st);
}

int main(int argc, char *argv[])
{
	umask(077);
	try_begin(argc == 4 ? argv[2] : NULL);
	if (argc == 4)
		return be_writer();
	try_disk_begin();
	patience = 1000000;
	fill();
	make_one();
	refuse_files();
	break_off();
	restore_one();
	restore_a_run();
	beside_writers();
	return try_end();
}
