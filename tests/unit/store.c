/* SPDX-License-Identifier: ISC */
/* Claim: a store is made only where none ever was, and refused whenever it is not the one we know.
 */

#include <sys/vfs.h>

/* Lets a test say on which file system a directory lies. */
static long pretended_type;

static int pretend_statfs(const char *path, struct statfs *out);
#define statfs(path, out) pretend_statfs(path, out)
#include "../../src/store/sqlite/location.c"
#undef statfs

#include "store/liveness.h"
#include "store/sqlite/schema.h"
#include "store_try.h"

static int pretend_statfs(const char *path, struct statfs *out)
{
	int rc = statfs(path, out);

	if (pretended_type)
		out->f_type = pretended_type;
	return rc;
}

/* Opens it and closes it again. */
static enum err open_it(bool may_create, bool is_read_only)
{
	struct store_options opt = try_options();
	struct store *st = NULL;
	enum err e;

	opt.may_create = may_create;
	opt.is_read_only = is_read_only;
	e = store_open(&opt, &st);
	store_close(&st);
	return e;
}

static const char *beside(const char *suffix)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s%s", try_db, suffix);
	return path;
}

/* A fresh directory for a store with a known history: 0 nothing, 1 made and closed. */
static void start(const char *name, bool is_made)
{
	char dir[64];

	try_at(name);
	snprintf(dir, sizeof(dir), "%s/%s", try_dir, name);
	mkdir(dir, 0700);
	if (is_made && open_it(true, false) != OK)
		printf("# %s\n", err_text());
}

/* The file that remembers the store's id. */
static char *sentinel(void)
{
	static char path[PATH_MAX];
	struct store st = {0};
	struct store_options opt = try_options();

	if (location_set(&st, &opt) != OK)
		return NULL;
	snprintf(path, sizeof(path), "%s", st.sentinel);
	free(st.path);
	free(st.lock_path);
	free(st.sentinel);
	free(st.spool);
	return path;
}

static void make_and_reopen(void)
{
	unsigned char secret[SECRET_LEN];
	struct store *st;
	struct stat sb;

	start("make", false);
	is_int(open_it(false, false), ERR_ABSENT, "nothing is there and nothing may be made");
	is_int(open_it(true, true), ERR_ABSENT, "reading only makes nothing");
	is_int(file_size(beside("-lock")), -1, "not even a lock file");
	st = try_store();
	memcpy(secret, store_secret(st), SECRET_LEN);
	is_int(try_claim(st, &(struct operation){.identity = "x", .route = "r", .id = 9}), 1,
		"made: a claim");
	store_close(&st);
	stat(try_db, &sb);
	is_int(sb.st_mode & 07777, 0600, "the file is ours alone");
	is_int(try_sql(try_db, "PRAGMA user_version"), STORE_SCHEMA_VERSION,
		"its schema has a version");
	st = try_store();
	ok(memcmp(secret, store_secret(st), SECRET_LEN) == 0, "opened again: the same secret");
	is_int(try_state(st, &(struct operation){.identity = "x"}), STATE_RUNNING,
		"and the same claim");
	is_int(open_it(false, true), OK, "reading only beside it");
	store_close(&st);
	unlink(beside("-lock"));
	is_int(open_it(false, true), OK, "without its lock file it can be read");
	is_int(open_it(false, false), OK, "and used, also by who may not make one");
}

static void refuse_missing_one(void)
{
	char dir[64];

	start("missing", true);
	unlink(try_db);
	is_int(open_it(true, false), ERR_BROKEN, "deleted: refused");
	ok(strstr(err_text(), "used before") && strstr(err_text(), "remove"), "with advice: %s",
		err_text());
	is_int(file_size(try_db), -1, "and not made anew");
	is_int(open_it(false, true), ERR_BROKEN, "said also when it is only looked at");
	close(open(try_db, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	is_int(open_it(true, false), ERR_BROKEN, "emptied: refused");
	is_int(file_size(try_db), 0, "and left as it is");

	/* A spool elsewhere remembers a store whose whole directory has gone: a wrong mount. */
	snprintf(dir, sizeof(dir), "%s/gone", try_dir);
	start("gone", false);
	snprintf(try_spool, sizeof(try_spool), "%s/elsewhere", try_dir);
	is_int(open_it(true, false), OK, "a store with its spool elsewhere");
	try_remove(dir);
	is_int(open_it(true, false), ERR_BROKEN, "its directory deleted: refused");
	is_int(file_size(dir), -1, "the directory is not made, so it can be put back");
	is_int(open_it(false, true), ERR_BROKEN, "said also when it is only looked at");
	unlink(sentinel());
	is_int(open_it(true, false), OK, "an operator who removes the sentinel gets a new one");
}

static void refuse_other_store(void)
{
	char aside[96];

	start("other", true);
	snprintf(aside, sizeof(aside), "%s/other-one", try_dir);
	rename(try_db, aside);
	unlink(beside("-wal"));
	unlink(beside("-shm"));
	rename(sentinel(), beside("-memory"));
	is_int(open_it(true, false), OK, "another store in its place");
	rename(beside("-memory"), sentinel());
	is_int(open_it(true, false), ERR_BROKEN, "is refused");
	ok(strstr(err_text(), "not the store that was used before") != NULL, "because: %s",
		err_text());
}

static void refuse_foreign_files(void)
{
	char text[4096];
	int fd;

	start("newer", true);
	snprintf(text, sizeof(text), "PRAGMA user_version=%d", STORE_SCHEMA_VERSION + 1);
	try_sql(try_db, text);
	is_int(open_it(true, false), ERR_REFUSED, "a newer schema is refused: %s", err_text());
	start("foreign", true);
	try_sql(try_db, "PRAGMA application_id=77");
	is_int(open_it(true, false), ERR_BROKEN, "another program's file: %s", err_text());
	unlink(sentinel());
	is_int(open_it(true, false), ERR_BROKEN, "also where no store was before");
	is_int(try_sql(try_db, "PRAGMA application_id"), 77, "and it is left as it is");
	start("text", false);
	memset(text, 'a', sizeof(text));
	fd = open(try_db, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	is_int(write(fd, text, sizeof(text)), sizeof(text), "a file that is no database");
	close(fd);
	is_int(open_it(true, false), ERR_BROKEN, "is refused: %s", err_text());
	is_int(file_size(try_db), sizeof(text), "and left as it is");
}

static void refuse_bad_places(void)
{
	char dir[64], aside[96];

	start("modes", true);
	chmod(try_db, 0644);
	is_int(open_it(true, false), ERR_REFUSED, "readable by others: %s", err_text());
	chmod(try_db, 0600);
	snprintf(dir, sizeof(dir), "%s/modes", try_dir);
	chmod(dir, 0770);
	is_int(open_it(true, false), ERR_REFUSED, "in a directory that a group may write: %s",
		err_text());
	chmod(dir, 01777);
	is_int(open_it(true, false), ERR_REFUSED, "or everybody, as /tmp");
	chmod(dir, 0755);
	is_int(open_it(true, false), OK, "others may look at its directory");
	snprintf(aside, sizeof(aside), "%s/modes/aside", try_dir);
	rename(try_db, aside);
	is_int(symlink(aside, try_db), 0, "a symbolic link");
	is_int(open_it(true, false), ERR_REFUSED, "is refused: %s", err_text());
	snprintf(try_url, sizeof(try_url), "sqlite:relative.db");
	is_int(open_it(true, false), ERR_INVALID, "a path that is not absolute");
	snprintf(try_url, sizeof(try_url), "pgsql:/x");
	is_int(open_it(true, false), ERR_INVALID, "an engine that is not known");
}

static void look_at_file_systems(void)
{
	static const long refused[] = {
		0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x65735546, 0x01021997};
	static const long good[] = {0xef53, 0x01021994, 0x58465342, 0x9123683e, 0x794c7630};

	start("fs", false);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		pretended_type = refused[i];
		is_int(open_it(true, false), ERR_REFUSED, "file system %#lx is refused",
			refused[i]);
	}
	is_int(file_size(try_db), -1, "nothing was made there");
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		pretended_type = good[i];
		is_int(open_it(true, false), OK,
			"file system %#lx (ext4, tmpfs, XFS, btrfs, overlay)", good[i]);
	}
	pretended_type = 0;
	is_int(open_it(true, false), OK, "and the one we are on");
}

/* Killed while it was made, at each point. */
static void finish_unfinished(void)
{
	start("empty", false);
	close(open(try_db, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	is_int(open_it(false, true), ERR_ABSENT,
		"an empty file that never was a store is none yet");
	is_int(open_it(true, false), OK, "and is made one");
	start("cut", false);
	close(open(try_db, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	try_sql(try_db, "PRAGMA journal_mode=WAL");
	ok(file_size(try_db) > 0, "cut off after the journal mode was set");
	is_int(open_it(false, true), ERR_ABSENT, "it is none yet");
	is_int(open_it(true, false), OK, "and is finished");
	start("unremembered", true);
	unlink(sentinel());
	is_int(open_it(true, false), OK, "cut off before its id was remembered");
	ok(file_size(sentinel()) > 0, "it is remembered now");
}

static void notice_damage(void)
{
	char zeros[4096] = {0};
	struct store *st;
	int fd;

	start("damaged", true);
	st = try_store();
	for (int i = 0; i < 50; i++) {
		char name[8];
		struct operation op;

		snprintf(name, sizeof(name), "k%d", i);
		op = try_operation(st, name, 1000);
		(void)try_claim(st, &op);
	}
	store_close(&st);
	is_int(try_sql(try_db, "PRAGMA wal_checkpoint(TRUNCATE)"), 0, "all is in the database");
	fd = open(try_db, O_WRONLY | O_CLOEXEC);
	for (int64_t at = 4096; at < file_size(try_db); at += 4096)
		(void)!pwrite(fd, zeros, sizeof(zeros), at);
	close(fd);
	is_int(open_it(true, false), ERR_BROKEN, "pages of zeros: %s", err_text());
	(void)!truncate(try_db, 512);
	is_int(open_it(true, false), ERR_BROKEN, "cut short: %s", err_text());
}

/* What a backup leaves: one file, with another journal mode. */
static void take_a_restored_copy(void)
{
	char sql[128], copy[96];

	start("restored", true);
	snprintf(copy, sizeof(copy), "%s/copy", try_dir);
	snprintf(sql, sizeof(sql), "VACUUM INTO '%s'", copy);
	is_int(try_sql(try_db, sql), 0, "a backup");
	unlink(beside("-wal"));
	unlink(beside("-shm"));
	rename(copy, try_db);
	chmod(try_db, 0600);
	is_int(open_it(true, false), OK, "put back in the place of the store it came from");
	is_int(try_sql(try_db, "SELECT journal_mode='wal' FROM pragma_journal_mode"), 1,
		"has a log again");
}

/* The names that a running store's files had. */
static void lose_files_while_open(void)
{
	struct operation op, found;
	struct store *st;
	char aside[96];

	start("lost", false);
	st = try_store();
	op = try_operation(st, "a", 1000);
	is_int(try_claim(st, &op), 1, "a claim");
	snprintf(aside, sizeof(aside), "%s/aside", try_dir);
	rename(try_db, aside);
	is_int(store_find(st, op.identity, &found, NULL), ERR_BROKEN,
		"moved away: nothing is answered");
	is_int(store_release(st, &op), ERR_BROKEN, "nothing is written");
	ok(liveness_is_alive(st, 12345), "and nobody is pronounced dead");
	rename(aside, try_db);
	is_int(store_find(st, op.identity, &found, NULL), OK, "moved back: it works again");
	op = try_operation(st, "b", 1000);
	is_int(try_claim(st, &op), 1, "also for writing");
	rename(beside("-lock"), aside);
	is_int(store_find(st, op.identity, &found, NULL), ERR_BROKEN,
		"without its lock file it does not");
	close(open(beside("-lock"), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	is_int(store_find(st, op.identity, &found, NULL), ERR_BROKEN, "nor with another one");
	store_close(&st);
}

int main(void)
{
	umask(077);
	try_begin(NULL);
	make_and_reopen();
	refuse_missing_one();
	refuse_other_store();
	refuse_foreign_files();
	refuse_bad_places();
	look_at_file_systems();
	finish_unfinished();
	notice_damage();
	take_a_restored_copy();
	lose_files_while_open();
	return try_end();
}
