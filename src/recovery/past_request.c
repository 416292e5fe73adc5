/* SPDX-License-Identifier: ISC */
/*
 * recovery/past_request.c - the request of an operation, as it was stored before its script started
 *
 * Does not know: why it is read.
 */
#include "recovery/past_request.h"

#include <stdlib.h>
#include <string.h>

void past_request_free(struct past_request *p)
{
	stored_request_free(&p->request);
	free(p->environment);
	free(p->dir);
	spool_close(&p->body);
}

const char *past_request_value(const struct past_request *p, const char *name)
{
	size_t len = strlen(name);

	for (char **e = p->environment; *e; e++)
		if (strncmp(*e, name, len) == 0 && (*e)[len] == '=')
			return *e + len + 1;
	return NULL;
}

enum err past_request_read(struct store *st, const struct route *route, const struct operation *op,
	struct past_request *p)
{
	const char *script, *slash;
	size_t n = 0, i = 0;
	enum err e = store_find_request(st, op->id, &p->request);

	if (e != OK)
		return e;
	for (size_t at = 0; at < p->request.variables_len; at++)
		n += p->request.variables[at] == '\0';
	p->environment = calloc(n + 1, sizeof(char *));
	p->environment_len = n;
	if (!p->environment)
		return err_set(ERR_NOMEM, "settle: out of memory");
	for (size_t at = 0; i < n; at += strlen(p->request.variables + at) + 1)
		p->environment[i++] = p->request.variables + at;
	script = past_request_value(p, "SCRIPT_FILENAME");
	/* A control file is found for every address; other routes' scripts may have moved. */
	if (!route->match && route->script && (!script || strcmp(script, route->script) != 0))
		return err_set(ERR_ABSENT, "the operation belongs to another script");
	if (route->script)
		script = route->script;
	slash = script ? strrchr(script, '/') : NULL;
	p->dir = slash > script ? strndup(script, (size_t)(slash - script)) : strdup("/");
	if (!p->dir)
		return err_set(ERR_NOMEM, "settle: out of memory");
	e = spool_open(&p->body);
	if (e == OK)
		e = spool_write(&p->body, store_spool(st), p->request.body, p->request.body_len);
	return e == OK ? spool_rewind(&p->body) : e;
}
