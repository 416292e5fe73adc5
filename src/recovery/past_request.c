/* SPDX-License-Identifier: ISC */
/*
 * recovery/past_request.c - the request of an operation, as it was stored before its script started
 *
 * RULES
 *   (1) What is stored gets no more trust than what a server sends: its variables are cleaned as
 * those of a new request, and its script's directory is checked as for a start (unit/policy,
 *       t86-urls).
 *
 * Does not know: why it is read.
 */
#include "recovery/past_request.h"

#include "cgi/script.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The entry that is no variable: no CGI variable's name is empty. */
#define UMASK "=umask="

void past_request_free(struct past_request *p)
{
	stored_request_free(&p->request);
	variables_free(&p->vars);
	free(p->dir);
	spool_close(&p->body);
}

/*
 * The variables as they were stored, cleaned once more: an older configuration, or a process that
 * may write to the store, may have put in what no new request would hand on.
 */
static enum err take_variables(struct past_request *p)
{
	size_t n = 0, i = 0;
	char **list;
	enum err e;

	for (size_t at = 0; at < p->request.variables_len; at++)
		n += p->request.variables[at] == '\0';
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return err_set(ERR_NOMEM, "settle: out of memory");
	for (size_t at = 0; n > 0; n--, at += strlen(p->request.variables + at) + 1) {
		char *entry = p->request.variables + at;

		if (strncmp(entry, UMASK, strlen(UMASK)) != 0) {
			list[i++] = entry;
			continue;
		}
		p->has_umask = true;
		p->umask = (unsigned)strtoul(entry + strlen(UMASK), NULL, 8) & 0777;
	}
	e = variables_take(list, VARIABLES_STORED, &p->vars);
	free(list);
	if (e == OK || e == ERR_NOMEM)
		return e;
	(void)err_add(e, "its stored request");
	return ERR_ABSENT;
}

/* The directory that the script is started in; the commands of a policy are started there, too. */
static enum err name_directory(struct past_request *p, const struct config *cf,
	const struct route *route, const char *name)
{
	const char *slash = name ? strrchr(name, '/') : NULL;
	struct script script = {0};
	enum script_problem problem;
	enum err e;

	if (!cf->script_dirs) {
		p->dir = slash > name ? strndup(name, (size_t)(slash - name)) : strdup("/");
		return p->dir ? OK : err_set(ERR_NOMEM, "settle: out of memory");
	}
	e = script_open(name, cf, route, &script, &problem);
	if (e == OK)
		p->dir = strdup(script.dir);
	script_free(&script);
	if (e != OK)
		return e == ERR_NOMEM ? e : ERR_ABSENT;
	return p->dir ? OK : err_set(ERR_NOMEM, "settle: out of memory");
}

/* The umask of this process, which no thread changes; -1: not known. */
static int own_umask(void)
{
	static _Atomic int known = -2;
	int mask = atomic_load(&known);
	char line[256];
	FILE *f;

	if (mask != -2)
		return mask;
	mask = -1;
	f = fopen("/proc/self/status", "re");
	while (f && mask < 0 && fgets(line, sizeof(line), f))
		if (strncmp(line, "Umask:", 6) == 0)
			mask = (int)strtoul(line + 6, NULL, 8);
	if (f)
		fclose(f);
	atomic_store(&known, mask);
	return mask;
}

static void pack_entry(char *packed, size_t *at, const char *entry)
{
	size_t len = strlen(entry) + 1;

	if (packed)
		memcpy(packed + *at, entry, len);
	*at += len;
}

/* Returns the length; packed may be NULL. */
static size_t pack_entries(char *packed, char *const *variables)
{
	int mask = own_umask();
	char entry[32];
	size_t at = 0;

	for (; *variables; variables++)
		pack_entry(packed, &at, *variables);
	snprintf(entry, sizeof(entry), UMASK "%04o", (unsigned)mask);
	if (mask >= 0)
		pack_entry(packed, &at, entry);
	return at;
}

enum err past_request_save(struct store *st, const struct operation *op, char *const *variables,
	int body_fd, int64_t n_body, int64_t keep_ms)
{
	size_t len = pack_entries(NULL, variables);
	char *packed = malloc(len + 1);
	enum err e;

	if (!packed)
		return err_set(ERR_NOMEM, "keep the request: out of memory");
	pack_entries(packed, variables);
	e = store_save_request(st, op, packed, len, body_fd, n_body, keep_ms);
	free(packed);
	return e;
}

enum err past_request_read(struct store *st, const struct config *cf, const struct route *route,
	const struct operation *op, struct past_request *p)
{
	const char *script;
	enum err e = store_find_request(st, op->id, &p->request);

	if (e == OK)
		e = take_variables(p);
	if (e != OK)
		return e;
	script = variables_get(&p->vars, "SCRIPT_FILENAME");
	/* A control file is found for every address; other routes' scripts may have moved. */
	if (!route->match && route->script && (!script || strcmp(script, route->script) != 0))
		return err_set(ERR_ABSENT, "the operation belongs to another script");
	e = name_directory(p, cf, route, route->script ? route->script : script);
	if (e == OK)
		e = spool_open(&p->body);
	if (e == OK)
		e = spool_write(&p->body, store_spool(st), p->request.body, p->request.body_len);
	return e == OK ? spool_rewind(&p->body) : e;
}
