/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/location.c - where the store is, whether it may be there, and whether it still is
 *
 * RULES
 *   (1) Where a store was used before, nothing is made: forgetting keys means running scripts
 *       twice.  A sentinel in the spool directory remembers the store's id (unit/store).
 *
 * The database is looked at with stat(2) only: closing a descriptor of it would drop SQLite's
 * locks.
 *
 * Does not know: the content of the database.
 */
#include "store/sqlite/location.h"

#include "base/digest.h"
#include "base/publish.h"
#include "base/store_url.h"
#include "store/liveness.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* ---- paths ---- */

static enum err split_url(const char *url, struct store_url *parts)
{
	if (!store_url_path(url))
		return err_set(
			ERR_INVALID, "store \"%s\": only sqlite:/absolute/path is known", url);
	if (!store_url_split(url, parts) || !*parts->name || strlen(parts->path) >= PATH_MAX - 8)
		return err_set(ERR_INVALID, "store \"%s\": not an absolute path of a file", url);
	return OK;
}

/* Paths have their symbolic links resolved, so that one store has one sentinel. */
enum err location_set(struct store *st, const struct store_options *opt)
{
	char dir[PATH_MAX], resolved[PATH_MAX] = "", hex[17];
	unsigned char hash[DIGEST_LEN];
	struct store_url parts;
	struct digest d;
	enum err e = split_url(opt->url, &parts);

	if (e != OK)
		return e;
	snprintf(dir, sizeof(dir), "%.*s", parts.dir_len, parts.path);
	/* Of a directory that is not there the C library says where it should be. */
	if (!realpath(dir, resolved) && (errno != ENOENT || !*resolved))
		return err_set(ERR_SYSTEM, "%s: %s", dir, strerror(errno));
	if (asprintf(&st->path, "%s/%s", strcmp(resolved, "/") == 0 ? "" : resolved, parts.name) <
		0)
		st->path = NULL;
	if (!st->path || asprintf(&st->lock_path, "%s-lock", st->path) < 0)
		st->lock_path = NULL;
	digest_start(&d, (const unsigned char *)"path", 4);
	digest_string(&d, st->path);
	digest_end(&d, hash, sizeof(hash));
	hex_text(hash, 8, hex);
	if (asprintf(&st->sentinel, "%s/store-%s", opt->spool, hex) < 0)
		st->sentinel = NULL;
	st->spool = strdup(opt->spool);
	return st->path && st->lock_path && st->sentinel && st->spool
		       ? OK
		       : err_set(ERR_NOMEM, "open the store: out of memory");
}

/* ---- file system, directory, file ---- */

static enum err check_file_system(const char *dir)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} refused[] = {
		{0x6969, "NFS"},
		{0x517b, "SMB"},
		{0xff534d42, "CIFS"},
		{0xfe534d42, "SMB2"},
		{0x65735546, "FUSE"},
		{0x01021997, "9P"},
		{0x5346414f, "AFS"},
		{0x00c36400, "Ceph"},
		{0x0bd00bd0, "Lustre"},
		{0x47504653, "GPFS"},
		{0x7461636f, "OCFS2"},
		{0x01161970, "GFS2"},
	};
	struct statfs fs;

	if (statfs(dir, &fs) != 0)
		return err_set(ERR_SYSTEM, "%s: %s", dir, strerror(errno));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if ((unsigned long)fs.f_type == refused[i].magic)
			return err_set(ERR_REFUSED,
				"%s is on a network or user-space file system (%s), where locks "
				"and syncs cannot be trusted; put the store on a local disk",
				dir, refused[i].name);
	return OK;
}

static enum err check_directory(const char *dir, bool may_create)
{
	struct stat sb;

	if (may_create && mkdir(dir, 0700) != 0 && errno != EEXIST)
		return err_set(
			err_from_errno(errno), "make the directory %s: %s", dir, strerror(errno));
	if (stat(dir, &sb) != 0)
		return err_set(errno == ENOENT ? ERR_ABSENT : err_from_errno(errno), "%s: %s", dir,
			strerror(errno));
	if (!S_ISDIR(sb.st_mode))
		return err_set(ERR_REFUSED, "%s is not a directory", dir);
	if (sb.st_mode & 0022)
		return err_set(ERR_REFUSED,
			"%s may be written by others (mode %04o); use a directory of its own, "
			"or run: chmod go-w %s",
			dir, (unsigned)(sb.st_mode & 07777), dir);
	return check_file_system(dir);
}

/* OK; ERR_ABSENT no database or an empty file; ERR_REFUSED not a file of ours alone. */
static enum err check_database(const char *path)
{
	struct stat sb;

	if (lstat(path, &sb) != 0)
		return err_set(errno == ENOENT ? ERR_ABSENT : err_from_errno(errno), "%s: %s", path,
			strerror(errno));
	if (!S_ISREG(sb.st_mode))
		return err_set(ERR_REFUSED, "%s is not a regular file", path);
	if (sb.st_mode & 0077)
		return err_set(ERR_REFUSED,
			"%s may be read or written by others (mode %04o); it holds recorded "
			"responses; run: chmod 0600 %s",
			path, (unsigned)(sb.st_mode & 07777), path);
	return sb.st_size > 0 ? OK : err_set(ERR_ABSENT, "%s is empty", path);
}

/* ---- the sentinel: rule (1) ---- */

static enum err sentinel_read(const struct store *st, char id[2 * STORE_ID_LEN + 1])
{
	ssize_t n;
	int fd = open(st->sentinel, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_set(errno == ENOENT ? ERR_ABSENT : err_from_errno(errno), "%s: %s",
			st->sentinel, strerror(errno));
	n = read(fd, id, 2 * STORE_ID_LEN);
	close(fd);
	if (n != 2 * STORE_ID_LEN)
		return err_set(ERR_BROKEN, "%s: not a store's id", st->sentinel);
	id[n] = '\0';
	return OK;
}

enum err location_check_account(const struct store *st)
{
	char dir[PATH_MAX];
	struct stat sb;

	snprintf(dir, sizeof(dir), "%s", st->path);
	if (geteuid() != 0 || stat(dirname(dir), &sb) != 0 || sb.st_uid == 0)
		return OK;
	return err_set(ERR_REFUSED,
		"root will not make or change the store in a directory of user %u; run the program "
		"as "
		"that user, or, if scripts are meant to run as root, make the directory root's",
		(unsigned)sb.st_uid);
}

/* Without a name until it is whole: a process that dies in between leaves nothing behind. */
enum err location_remember(const struct store *st)
{
	char text[2 * STORE_ID_LEN + PATH_MAX + 3];
	int fd, n;
	enum err e = OK;

	hex_text(st->id, STORE_ID_LEN, text);
	n = 2 * STORE_ID_LEN;
	n += snprintf(text + n, sizeof(text) - (size_t)n, "\n%s\n", st->path);
	fd = open(st->spool, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, (size_t)n) != n ||
		!publish_file(fd, st->spool, st->sentinel)) /* others write the same */
		e = err_set(err_from_errno(errno), "%s: %s", st->sentinel, strerror(errno));
	if (fd >= 0)
		close(fd);
	return e;
}

enum err location_refuse_missing(const struct store *st)
{
	return err_set(ERR_BROKEN,
		"the store %s is missing or empty, but it was used before (%s says so); a new one "
		"would forget every key, and retries would run scripts again.  Bring the file back "
		"(is its file system mounted?), or, to start with an empty store, remove %s",
		st->path, st->sentinel, st->sentinel);
}

/* ---- all of it ---- */

enum err location_check(
	struct store *st, const struct store_options *opt, char known[2 * STORE_ID_LEN + 1])
{
	bool may_create = opt->may_create && !opt->is_read_only;
	char *dir = strdup(st->path);
	enum err e, seen;

	if (!dir)
		return err_set(ERR_NOMEM, "open the store: out of memory");
	*known = '\0';
	/* The spool is made with the store, or for one that is there; not by a look for one. */
	e = check_directory(
		opt->spool, may_create || (!opt->is_read_only && access(st->path, F_OK) == 0));
	seen = e == OK || e == ERR_ABSENT ? sentinel_read(st, known) : e;
	if (seen == OK || seen == ERR_ABSENT) {
		/* Where a store was before, nothing is made: it may come back. */
		e = check_directory(dirname(dir), may_create && seen == ERR_ABSENT);
		if (e == OK)
			e = check_database(st->path);
		if (e == ERR_ABSENT && seen == OK)
			e = location_refuse_missing(st);
	} else {
		e = seen;
	}
	free(dir);
	return e;
}

static bool leads_to(const char *path, const struct file_id *id)
{
	struct stat sb;

	return id->ino == 0 ||
	       (stat(path, &sb) == 0 && sb.st_dev == id->dev && sb.st_ino == id->ino);
}

/* A process that goes on using unlinked files writes and locks where no other process looks. */
enum err store_is_there(const struct store *st)
{
	const char *lost = !leads_to(st->path, &st->path_id)        ? st->path
			   : !leads_to(st->lock_path, &st->lock_id) ? st->lock_path
								    : NULL;

	if (!lost)
		return OK;
	return err_set(ERR_BROKEN, "%s was deleted, moved or replaced while in use", lost);
}
