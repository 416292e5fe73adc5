/* SPDX-License-Identifier: ISC */
/*
 * cli/init.c - the verb init: writes a first configuration, makes the store's directory, and prints
 * the snippet for the web server
 *
 * RULES
 *   (1) A file or directory that is there stays as it is (t19-snippet).
 *   (2) The store's directory belongs to the account that runs the scripts, and no other account
 *       may enter it.  That is this account; for root it is the owner of --dir, or of the directory
 *       in which --dir will be made, or, where root owns these, the account of the web servers.
 *       Where that account could not reach the directory, nothing is made (t19-snippet).
 *   (3) Standard output is a file for the server: the report of init is a comment at its beginning
 *       (t19-snippet).
 *
 * Does not know: what `check` looks at (cli/check.c), and the snippets (cli/snippet_make.c).
 */
#include "cli/snippet.h"

#include "base/exit_code.h"
#include "base/spelling.h"
#include "base/store_url.h"
#include "cli/render.h"
#include "cli/verbs.h"
#include "config/config.h"
#include "store/account.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVERS_ACCOUNT "www-data" /* Debian's */

/* The files to be made, and their account. */
struct plan {
	char config[PATH_MAX]; /* the file */
	char store[PATH_MAX];  /* the directory */
	char account[64];      /* its name, or its number */
	uid_t uid;
	gid_t gid;
	bool gives; /* we are root, and the account is another one */
	bool made_config, made_store;
	const struct wiring *wiring; /* NULL: no web server was found */
};

/* ---- the account ---- */

/* The line of /etc/passwd with this name or, where that is NULL, with this number. */
static bool find_account(const char *name, uid_t uid, struct plan *p, char home[PATH_MAX])
{
	FILE *file = fopen("/etc/passwd", "re");
	struct passwd *entry;
	bool found = false;

	while (!found && file && (entry = fgetpwent(file)))
		if (name ? strcmp(entry->pw_name, name) == 0 : entry->pw_uid == uid) {
			p->uid = entry->pw_uid;
			p->gid = entry->pw_gid;
			snprintf(p->account, sizeof(p->account), "%s", entry->pw_name);
			snprintf(home, PATH_MAX, "%s", entry->pw_dir);
			found = true;
		}
	if (file)
		fclose(file);
	return found;
}

static void name_ourselves(struct plan *p, char home[PATH_MAX])
{
	p->uid = geteuid();
	p->gid = getegid();
	if (!find_account(NULL, p->uid, p, home)) {
		snprintf(p->account, sizeof(p->account), "user %u", (unsigned)p->uid);
		*home = '\0';
	}
}

/* The directory itself or, until it is made, the nearest one above it. */
static void find_existing(const char *dir, char out[PATH_MAX], struct stat *sb)
{
	snprintf(out, PATH_MAX, "%s", dir);
	while (stat(out, sb) != 0 && strcmp(out, "/") != 0) {
		char *slash = strrchr(out, '/');

		slash[slash == out] = '\0';
	}
}

/* Root makes nothing for itself: it becomes the account that owns `dir`, or makes a plan for the
 * account of the web servers. */
static enum err choose_account(const char *dir, struct plan *p)
{
	char url[PATH_MAX + 32], home[PATH_MAX] = "", at[PATH_MAX];
	const struct config as = {.store = url};
	struct stat sb;
	enum err e;

	if (geteuid() != 0) {
		name_ourselves(p, home);
		return OK;
	}
	find_existing(dir ? dir : "/", at, &sb);
	if (sb.st_uid != 0) {
		snprintf(url, sizeof(url), STORE_URL_SQLITE "%s/retrysafe.db", at);
		e = account_become_owner(&as);
		if (e != OK)
			return e;
		name_ourselves(p, home);
		setenv("HOME", home, 1);
		return OK;
	}
	p->gives = true;
	umask(022); /* the account has to get to what root makes */
	if (find_account(SERVERS_ACCOUNT, 0, p, home))
		return OK;
	return err_set(ERR_REFUSED,
		"root runs no scripts, and this host has no account " SERVERS_ACCOUNT
		": make a directory for the account that runs them, and name it, such as: install "
		"-d -o ACCOUNT -m 0700 /srv/retrysafe && retrysafe init --dir /srv/retrysafe");
}

/* May the account enter the directory?  A directory that does not exist yet is no hindrance. */
static bool may_enter(const char *dir, const struct plan *p)
{
	struct stat sb;

	if (stat(dir, &sb) != 0)
		return true;
	return sb.st_mode & (sb.st_uid == p->uid ? 0100 : sb.st_gid == p->gid ? 0010 : 0001);
}

/* Can the account get to the file?  Only root has to ask. */
static enum err check_way(const char *file, const struct plan *p)
{
	char at[PATH_MAX];

	for (const char *slash = file; p->gives && (slash = strchr(slash + 1, '/'));) {
		snprintf(at, sizeof(at), "%.*s", (int)(slash - file), file);
		if (!may_enter(at, p))
			return err_set(ERR_REFUSED,
				"nothing was made: %s, the account that runs the scripts, may not "
				"enter %.500s; name another directory behind --dir, or one that "
				"belongs to that account",
				p->account, at);
	}
	return OK;
}

/* ---- what is made ---- */

static enum err failed_to(const char *what, const char *path)
{
	return err_set(err_from_errno(errno),
		"%s %.500s: %s; name a directory that this account may write to behind --dir", what,
		path, strerror(errno));
}

/* The directories on the way to a file or directory. */
static enum err make_way(const char *path)
{
	char at[PATH_MAX];

	for (const char *slash = path; (slash = strchr(slash + 1, '/'));) {
		snprintf(at, sizeof(at), "%.*s", (int)(slash - path), path);
		if (mkdir(at, 0755) != 0 && errno != EEXIST)
			return failed_to("make", at);
	}
	return OK;
}

static enum err make_store(struct plan *p)
{
	enum err e = make_way(p->store);
	int fd;

	if (e != OK)
		return e;
	if (mkdir(p->store, 0700) != 0)
		return errno == EEXIST ? OK : failed_to("make", p->store);
	p->made_store = true;
	fd = open(p->store, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || (p->gives && fchown(fd, p->uid, p->gid) != 0) || fchmod(fd, 0700) != 0)
		e = failed_to("make", p->store);
	if (fd >= 0)
		close(fd);
	return e;
}

/* The first configuration; NULL: no memory. */
static char *first_config(const struct plan *p)
{
	char scripts[PATH_MAX], *text;
	json_t *o = json_object();
	struct stat sb;

	snippet_scripts_dir(scripts);
	json_object_set_new(
		o, "store", json_sprintf(STORE_URL_SQLITE "%.*s/retrysafe.db", PATH_MAX, p->store));
	if (stat(scripts, &sb) == 0 && S_ISDIR(sb.st_mode))
		json_object_set_new(o, "script_dirs", json_pack("[s]", scripts));
	json_object_set_new(o, "routes",
		json_pack("[{s:s, s:s}]", "//",
			"Every script that the web server sends here; see retrysafe.json(5)",
			"match", "*"));
	text = json_dumps(o, JSON_INDENT(2));
	json_decref(o);
	return text;
}

static bool write_all(int fd, const char *text)
{
	for (size_t len = strlen(text); len > 0;) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return false;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* Other accounts need not know what it says. */
static enum err make_config(struct plan *p)
{
	char *text = NULL;
	enum err e = make_way(p->config);
	int fd;

	if (e != OK)
		return e;
	fd = open(p->config, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == EEXIST ? OK : failed_to("write", p->config);
	text = first_config(p);
	if (!text)
		e = err_set(ERR_NOMEM, "out of memory");
	else if (!write_all(fd, text) || !write_all(fd, "\n") ||
		 (p->gives && (fchown(fd, 0, p->gid) != 0 || fchmod(fd, 0640) != 0)) ||
		 fsync(fd) != 0)
		e = failed_to("write", p->config);
	close(fd);
	free(text);
	if (e != OK)
		unlink(p->config);
	else
		p->made_config = true;
	return e;
}

/* ---- where ---- */

/* Fails where the paths do not fit.  `file` is --config, `dir` is --dir; each may be NULL. */
static enum err set_places(const char *file, const char *dir, struct plan *p)
{
	const char *home = getenv("HOME");
	int n = 0, m = 0;

	if (file)
		n = snprintf(p->config, PATH_MAX, "%s", file);
	else if (dir)
		n = snprintf(p->config, PATH_MAX, "%s/retrysafe.json", dir);
	if (dir)
		m = snprintf(p->store, PATH_MAX, "%s/store", dir);
	else if (file)
		m = snprintf(
			p->store, PATH_MAX, "%.*s/store", (int)(strrchr(file, '/') - file), file);
	else if (p->gives) {
		n = snprintf(p->config, PATH_MAX, "/etc/retrysafe/config.json");
		m = snprintf(p->store, PATH_MAX, "/var/lib/retrysafe");
	} else if (home && *home == '/') {
		n = snprintf(p->config, PATH_MAX, "%s/.config/retrysafe/config.json", home);
		m = snprintf(p->store, PATH_MAX, "%s/.config/retrysafe/store", home);
	} else
		return err_set(ERR_INVALID, "HOME is not set: write --dir DIRECTORY");
	if (n >= PATH_MAX - 16 || m >= PATH_MAX - 16)
		return err_set(ERR_INVALID, "the path of the directory is too long");
	return OK;
}

/* A configuration that is there says where its store is. */
static enum err follow_config(struct plan *p, struct config **cf)
{
	struct store_url parts;
	enum err e = config_load(p->config, config_is_control(p->config), cf);

	if (e == OK && store_url_split((*cf)->store, &parts))
		snprintf(p->store, PATH_MAX, "%.*s", parts.dir_len, parts.path);
	return e;
}

/* ---- the web server ---- */

static const struct server {
	const char *name, *programs[3];
	const char *with_fcgid, *wiring; /* names of wirings; the first where mod_fcgid is there */
	const char *for_persons;         /* for accounts that do not manage the server */
	const char *for_persons_fcgid;
} servers[] = {
	{"lighttpd", {"lighttpd"}, NULL, "lighttpd-spawned", "lighttpd-spawned", NULL},
	{"apache", {"apache2", "httpd"}, "apache-fcgid", "apache-action", "htaccess-action",
		"htaccess-fcgid"},
	{"nginx", {"nginx"}, NULL, "nginx", "nginx", NULL},
};

#define N_SERVERS (sizeof(servers) / sizeof(servers[0]))

static bool is_in(const char *const *dirs, const char *file)
{
	char at[PATH_MAX];

	for (; *dirs; dirs++) {
		snprintf(at, sizeof(at), "%s/%s", *dirs, file);
		if (access(at, F_OK) == 0)
			return true;
	}
	return false;
}

static bool is_installed(const struct server *s)
{
	static const char *const dirs[] = {"/usr/sbin", "/usr/bin", "/usr/local/sbin",
		"/usr/local/bin", "/usr/local/apache2/bin", NULL};

	for (const char *const *program = s->programs; *program; program++)
		if (is_in(dirs, *program))
			return true;
	return false;
}

static bool has_fcgid(void)
{
	static const char *const dirs[] = {"/usr/lib/apache2/modules", "/usr/lib64/httpd/modules",
		"/usr/lib/httpd/modules", "/usr/local/apache2/modules", NULL};

	return is_in(dirs, "mod_fcgid.so");
}

/* The wiring for a server.  Scripts of a person's web space are wired by .htaccess. */
static const struct wiring *choose_wiring(const struct server *s, const struct plan *p)
{
	bool is_person = !p->gives && p->uid >= SNIPPET_FIRST_PERSON;
	const char *fcgid = is_person ? s->for_persons_fcgid : s->with_fcgid;

	if (fcgid && has_fcgid())
		return snippet_find(fcgid);
	return snippet_find(is_person ? s->for_persons : s->wiring);
}

/* False: standard error says that there is no such server. */
static bool find_server(const char *given, struct plan *p)
{
	const char *names[N_SERVERS + 1] = {NULL}, *meant;

	for (size_t i = 0; i < N_SERVERS; i++) {
		names[i] = servers[i].name;
		if (given ? strcmp(given, servers[i].name) == 0 : is_installed(&servers[i])) {
			p->wiring = choose_wiring(&servers[i], p);
			return true;
		}
	}
	if (!given)
		return true;
	meant = spelling_nearest(given, names);
	fprintf(stderr, "retrysafe: init: --server ");
	cli_put(stderr, given, strlen(given), false);
	fprintf(stderr, ": write lighttpd, apache or nginx%s%s%s\n", meant ? "; did you mean " : "",
		meant ? meant : "", meant ? "?" : "");
	return false;
}

/* ---- the verb ---- */

static void say(const struct plan *p, const char *text)
{
	printf("# %s: %s\n", p->config,
		p->made_config ? "made" : "was there already, and is as it was");
	if (p->made_store)
		printf("# %s: made for %s, the account that gateway and scripts run as\n", p->store,
			p->account);
	else
		printf("# %s: was there already, and is as it was\n", p->store);
	if (p->gives)
		printf("# Root runs no scripts.  Verbs and gateways are for that account, such "
		       "as:\n"
		       "#     runuser -u %s -- retrysafe check --config %s\n",
			p->account, p->config);
	else
		printf("# Look at it again:  retrysafe check --config %s\n", p->config);
	if (p->wiring)
		printf("# What follows is the wiring %s; retrysafe snippet --list names the "
		       "others.\n"
		       "\n%s",
			p->wiring->name, text);
}

/* Prints what was made, and the snippet; returns the exit code. */
static int report(const struct cli *c, const struct plan *p, const struct config *cf)
{
	struct snippet_places places = {.config = cf->path,
		.store = cf->store,
		.dir = cf->script_dirs ? cf->script_dirs[0] : NULL};
	char *text = NULL;
	const char *store_is;
	enum err e = p->wiring ? snippet_make(p->wiring, &places, &text) : OK;
	int code = e != OK ? cli_complain("init", e) : EXIT_SUCCESS;

	if (c->json)
		cli_print_json(json_pack("{s:s, s:b, s:s, s:b, s:s, s:s?, s:s?}", "config",
			p->config, "config_made", p->made_config, "store", cf->store, "store_made",
			p->made_store, "account", p->account, "wiring",
			p->wiring ? p->wiring->name : NULL, "text", text));
	else
		say(p, text ? text : "");
	free(text);
	if (!p->wiring)
		fprintf(stderr,
			"retrysafe: init: no web server was found; retrysafe snippet --list "
			"names the wirings\n");
	if (!p->made_config) {
		fprintf(stderr, "retrysafe: init: ");
		cli_put(stderr, p->config, strlen(p->config), false);
		fprintf(stderr, " was there already: it was not changed\n");
	}
	fflush(stdout);
	if (cli_find_mistakes(cf, &store_is) > 0)
		return EXIT_USAGE;
	return code ? code : p->made_config && p->wiring ? EXIT_SUCCESS : EXIT_NO;
}

/* An option's path, made absolute; NULL where it is not given.  False: it is none. */
static bool find_path(const char *option, const char *given, char out[PATH_MAX], const char **path)
{
	*path = given ? out : NULL;
	if (!given || (*given && cli_absolute_path(given, out) && out[1] != '\0'))
		return true;
	fprintf(stderr, "retrysafe: init: %s: write the path of a %s\n", option,
		strcmp(option, "--dir") == 0 ? "directory, but not /" : "file");
	return false;
}

int cli_init(const struct cli *c)
{
	char dir_buf[PATH_MAX], file_buf[PATH_MAX];
	const char *named = c->config_path ? c->config_path
			    : c->dir       ? NULL
					   : getenv("RETRYSAFE_CONFIG");
	const char *dir, *file;
	struct plan p = {.gives = false};
	struct config *cf = NULL;
	enum err e = OK;
	int code;

	if (!find_path("--dir", c->dir, dir_buf, &dir) ||
		!find_path("--config", named && *named ? named : c->config_path, file_buf, &file))
		return EXIT_USAGE;
	e = choose_account(dir ? dir : file, &p);
	if (e == OK)
		e = set_places(file, dir, &p);
	if (e == OK && !find_server(c->server, &p))
		return EXIT_USAGE;
	if (e == OK && access(p.config, F_OK) == 0)
		e = follow_config(&p, &cf);
	if (e == OK)
		e = check_way(p.config, &p);
	if (e == OK)
		e = check_way(p.store, &p);
	if (e == OK)
		e = make_store(&p);
	if (e == OK && !cf)
		e = make_config(&p);
	if (e == OK && !cf)
		e = config_load(p.config, false, &cf);
	code = e == OK ? report(c, &p, cf) : cli_complain("init", e);
	config_free(&cf);
	return code;
}
