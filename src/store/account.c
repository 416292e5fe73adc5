/* SPDX-License-Identifier: ISC */
/*
 * store/account.c - the account that a store belongs to, and what root may do with it
 *
 * RULES
 *   (1) Root runs no script, and none of the words that another account has written into a store or
 *       a spool, unless the operator says "allow_root" and root alone can have written them
 *       (t84-root).
 *   (2) A verb of root's leaves no file of root's in another account's store (t84-root).
 *   (3) A command in a message is safe to paste, whatever the names in it are (t84-root).
 *
 * Accounts are looked up in /etc/passwd and /etc/group themselves: a program that is linked
 * statically cannot ask NSS.  An account that is not there is used by its numbers.
 *
 * Does not know: verbs and requests.
 */
#include "store/account.h"

#include "base/store_url.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUPS_MAX 256
#define SAFE       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+:@%,="

/* The owner of a store. */
struct owner {
	bool is_known; /* the store or its directory is there */
	uid_t uid;
	gid_t gid;
	char name[64]; /* "" where /etc/passwd has none */
};

/* The account's line of /etc/passwd. */
static void find_name(struct owner *o)
{
	FILE *file = fopen("/etc/passwd", "re");
	struct passwd *entry;

	while (file && (entry = fgetpwent(file)))
		if (entry->pw_uid == o->uid) {
			snprintf(o->name, sizeof(o->name), "%s", entry->pw_name);
			o->gid = entry->pw_gid;
			break;
		}
	if (file)
		fclose(file);
}

/* The directory of the store, into dir of PATH_MAX bytes. */
static void store_directory(const struct config *cf, char *dir)
{
	struct store_url parts;

	if (store_url_split(cf->store, &parts))
		snprintf(dir, PATH_MAX, "%.*s", parts.dir_len, parts.path);
	else
		snprintf(dir, PATH_MAX, "/");
}

/* Whose is it?  An account that owns the directory may replace what is in it. */
static struct owner find_owner(const struct config *cf)
{
	const char *path = store_url_path(cf->store);
	struct owner o = {.is_known = false};
	char dir[PATH_MAX];
	struct stat sb;

	store_directory(cf, dir);
	if (stat(dir, &sb) != 0)
		return o;
	o = (struct owner){.is_known = true, .uid = sb.st_uid, .gid = sb.st_gid};
	if (o.uid == 0 && path && lstat(path, &sb) == 0 && sb.st_uid != 0) {
		o.uid = sb.st_uid;
		o.gid = sb.st_gid;
	}
	find_name(&o);
	return o;
}

/* ---- texts ---- */

/* Text as one word of a shell; false: it holds what no terminal should get, or is too long. */
static bool quote(const char *text, char *out, size_t size)
{
	char *to = out, *end = out + size;

	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
			return false;
	if (*text && text[strspn(text, SAFE)] == '\0')
		return (size_t)snprintf(out, size, "%s", text) < size;
	*to++ = '\'';
	for (; *text; text++) {
		if (end - to < 7)
			return false;
		to = *text == '\'' ? stpcpy(to, "'\\''") : (*to = *text, to + 1);
	}
	stpcpy(to, "'");
	return true;
}

/* "; run: ..." for the account; "" where there is no verb, or no text that is safe. */
static void name_command(
	const struct config *cf, const struct owner *o, const char *verb, char *out, size_t size)
{
	char config[PATH_MAX], name[sizeof(o->name) * 4];
	int len;

	*out = '\0';
	if (!verb || !quote(cf->path, config, sizeof(config)))
		return;
	if (*o->name && quote(o->name, name, sizeof(name)))
		len = snprintf(out, size, "; run: runuser -u %s -- retrysafe %s --config %s", name,
			verb, config);
	else
		len = snprintf(out, size,
			"; run: setpriv --reuid=%u --regid=%u --clear-groups retrysafe %s --config "
			"%s",
			(unsigned)o->uid, (unsigned)o->gid, verb, config);
	if ((size_t)len >= size) /* a part of a command is another one */
		*out = '\0';
}

static enum err refuse_other(const struct config *cf, const struct owner *o, const char *verb)
{
	char command[600];

	name_command(cf, o, verb, command, sizeof(command));
	if (*o->name)
		return err_set(ERR_REFUSED,
			"root runs no scripts for the store %.200s, which belongs to %s%s",
			cf->store, o->name, command);
	return err_set(ERR_REFUSED,
		"root runs no scripts for the store %.200s, which belongs to user %u%s", cf->store,
		(unsigned)o->uid, command);
}

void account_name_owner(const struct config *cf, const char *verb, char *out, size_t size)
{
	struct owner o = find_owner(cf);
	char command[600];

	*out = '\0';
	if (!o.is_known || o.uid == geteuid())
		return;
	name_command(cf, &o, verb, command, sizeof(command));
	if (*o.name)
		snprintf(out, size, "the store belongs to %s%s", o.name, command);
	else
		snprintf(out, size, "the store belongs to user %u%s", (unsigned)o.uid, command);
}

static enum err refuse_root(const struct config *cf)
{
	char dir[PATH_MAX], quoted[500];

	store_directory(cf, dir);
	if (!quote(dir, quoted, sizeof(quoted)))
		snprintf(quoted, sizeof(quoted), "DIRECTORY");
	return err_set(ERR_REFUSED,
		"root runs no scripts: make the store's directory for the account that runs them, "
		"such "
		"as: install -d -o www-data -m 0700 %s, and become that account; or, if they are "
		"meant "
		"to run as root, write \"allow_root\": true",
		quoted);
}

/* ---- may root? ---- */

#define LINKS_MAX 40 /* as the kernel follows at most */

static bool is_roots_alone_within(const char *path, int links);

/* A link's target, seen from the directory that it lies in. */
static bool is_target_roots_alone(const char *link, int links)
{
	char to[PATH_MAX], path[2 * PATH_MAX];
	ssize_t n = readlink(link, to, sizeof(to) - 1);

	if (n <= 0 || links == LINKS_MAX)
		return false;
	to[n] = '\0';
	snprintf(path, sizeof(path), "%.*s%s",
		to[0] == '/' ? 0 : (int)(strrchr(link, '/') + 1 - link), link, to);
	return is_roots_alone_within(path, links + 1);
}

/*
 * Every name on the way, links and what they lead to included: the account that owns one of them
 * decides what the path is.  A file that is not there is as its directory is.
 */
static bool is_roots_alone_within(const char *path, int links)
{
	char at[2 * PATH_MAX];
	struct stat sb;

	if (*path != '/' || strlen(path) >= sizeof(at))
		return false;
	for (size_t len = 1;; len += strspn(path + len, "/"), len += strcspn(path + len, "/")) {
		memcpy(at, path, len);
		at[len] = '\0';
		if (lstat(at, &sb) != 0)
			return errno == ENOENT;
		if (sb.st_uid != 0)
			return false;
		if (S_ISLNK(sb.st_mode)) {
			if (!is_target_roots_alone(at, links) || stat(at, &sb) != 0)
				return false;
		}
		if ((sb.st_mode & 0022) && !(S_ISDIR(sb.st_mode) && (sb.st_mode & S_ISVTX)))
			return false;
		if (path[len + strspn(path + len, "/")] == '\0')
			return true;
	}
}

/* May root alone change it, and what it is? */
static bool is_roots_alone(const char *path)
{
	return is_roots_alone_within(path, 0);
}

enum err account_check_run(const struct config *cf, const char *verb)
{
	const char *const paths[] = {cf->path, store_url_path(cf->store), cf->spool};
	struct owner o;

	if (geteuid() != 0)
		return OK;
	o = find_owner(cf);
	if (o.is_known && o.uid != 0)
		return refuse_other(cf, &o, verb);
	if (!cf->allow_root)
		return refuse_root(cf);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (paths[i] && !is_roots_alone(paths[i]))
			return err_set(ERR_REFUSED,
				"\"allow_root\" does not count: others than root may change %s",
				paths[i]);
	return OK;
}

/* The groups of an account, itself included. */
static int find_groups(const struct owner *o, gid_t groups[GROUPS_MAX])
{
	FILE *file = fopen("/etc/group", "re");
	struct group *entry;
	int n = 0;

	groups[n++] = o->gid;
	while (file && *o->name && n < GROUPS_MAX && (entry = fgetgrent(file)))
		for (char **member = entry->gr_mem; *member; member++)
			if (strcmp(*member, o->name) == 0) {
				groups[n++] = entry->gr_gid;
				break;
			}
	if (file)
		fclose(file);
	return n;
}

enum err account_become_owner(const struct config *cf)
{
	gid_t groups[GROUPS_MAX];
	struct owner o;

	if (geteuid() != 0)
		return OK;
	o = find_owner(cf);
	if (!o.is_known || o.uid == 0)
		return OK;
	if (setgroups((size_t)find_groups(&o, groups), groups) != 0 ||
		setresgid(o.gid, o.gid, o.gid) != 0 || setresuid(o.uid, o.uid, o.uid) != 0)
		return err_set(ERR_SYSTEM, "become user %u, to whom the store %s belongs: %s",
			(unsigned)o.uid, cf->store, strerror(errno));
	return OK;
}
