/* SPDX-License-Identifier: ISC */
/*
 * config/find.c - finds the configuration file
 */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOKED_MAX 1024 /* as much as an error text holds */

#ifndef CONFIG_SYSTEM_FILE
#define CONFIG_SYSTEM_FILE "/etc/retrysafe/config.json"
#endif

bool config_is_control(const char *path)
{
	char start[2] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool is = fd >= 0 && read(fd, start, 2) == 2 && memcmp(start, "#!", 2) == 0;

	if (fd >= 0)
		close(fd);
	return is;
}

/*
 * Sets *path if there is such a file; otherwise adds the path to `looked`.  A path that may not be
 * looked at counts as absent: under a web server HOME is often another account's.
 */
static enum err try_file(const char *dir, const char *name, char looked[LOOKED_MAX], char **path)
{
	size_t used = strlen(looked);
	const char *why = "";
	char *file;
	struct stat st;

	if (asprintf(&file, "%s%s", dir, name) < 0)
		return err_set(ERR_NOMEM, "%s: no memory", name);
	if (stat(file, &st) == 0) {
		*path = file;
		return OK;
	}
	if (errno != ENOENT && errno != ENOTDIR)
		why = strerror(errno);
	snprintf(looked + used, LOOKED_MAX - used, "%s%s%s%s%s", used ? ", " : "", file,
		*why ? " (" : "", why, *why ? ")" : "");
	free(file);
	return ERR_ABSENT;
}

enum err config_find(const char *script_dir, bool use_environment, char **path)
{
	const char *given = use_environment ? getenv("RETRYSAFE_CONFIG") : NULL;
	const char *home = getenv("HOME");
	char looked[LOOKED_MAX] = "";
	enum err e = ERR_ABSENT;

	if (given && *given) {
		char *copied = strdup(given);

		if (!copied)
			return err_set(ERR_NOMEM, "%s: no memory", given);
		*path = copied;
		return OK;
	}
	if (use_environment)
		snprintf(looked, sizeof(looked), "RETRYSAFE_CONFIG (not set)");
	if (script_dir)
		e = try_file(script_dir, "/retrysafe.json", looked, path);
	if (e == ERR_ABSENT && home && *home == '/')
		e = try_file(home, "/.config/retrysafe/config.json", looked, path);
	if (e == ERR_ABSENT)
		e = try_file("", CONFIG_SYSTEM_FILE, looked, path);
	if (e == ERR_ABSENT)
		return err_set(e, "no configuration; looked for %s", looked);
	return e;
}

enum err config_open(const char *config_path, struct config **out)
{
	char *path = NULL;
	enum err e = OK;

	if (config_path) {
		path = strdup(config_path);
		if (!path)
			e = err_set(ERR_NOMEM, "out of memory");
	} else {
		e = config_find(NULL, true, &path);
	}
	if (e == OK)
		e = config_load(path, config_is_control(path), out);
	free(path);
	return e;
}
