/* SPDX-License-Identifier: ISC */
/*
 * keeper/protocol.c - an order and its strings, in one piece of memory
 *
 * Does not know: how an order is sent, and what the keeper does with it.
 */
#include "keeper/protocol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void pack_string(char *buf, size_t *at, const char *s)
{
	size_t len = strlen(s) + 1;

	if (buf)
		memcpy(buf + *at, s, len);
	*at += len;
}

static int pack_list(char *buf, size_t *at, char *const *list)
{
	int n = 0;

	for (; list[n]; n++)
		pack_string(buf, at, list[n]);
	return n;
}

size_t protocol_pack(struct order *o, const struct order_strings *s, char *buf)
{
	size_t at = sizeof(*o);

	pack_string(buf, &at, s->dir);
	pack_string(buf, &at, s->url);
	pack_string(buf, &at, s->spool);
	o->argc = pack_list(buf, &at, s->argv);
	o->envc = pack_list(buf, &at, s->env);
	if (buf)
		memcpy(buf, o, sizeof(*o));
	return at;
}

static const char *next_string(const char **at, const char *end)
{
	const char *s = *at, *nul = memchr(s, '\0', (size_t)(end - s));

	*at = nul ? nul + 1 : end;
	return nul ? s : NULL;
}

int protocol_unpack(const struct order *o, size_t len, struct order_strings *out)
{
	const char *at = (const char *)(o + 1), *end = (const char *)o + len;

	if (o->argc < 1 || o->argc > 1000 || o->envc < 0 || o->envc > 10000)
		return EINVAL;
	out->argv = calloc((size_t)o->argc + 1, sizeof(char *));
	out->env = calloc((size_t)o->envc + 1, sizeof(char *));
	if (!out->argv || !out->env)
		return ENOMEM;
	out->dir = next_string(&at, end);
	out->url = next_string(&at, end);
	out->spool = next_string(&at, end);
	for (int i = 0; i < o->argc; i++)
		out->argv[i] = (char *)(uintptr_t)next_string(&at, end);
	for (int i = 0; i < o->envc; i++)
		out->env[i] = (char *)(uintptr_t)next_string(&at, end);
	return out->dir && out->url && out->spool && out->argv[o->argc - 1] &&
			       (o->envc == 0 || out->env[o->envc - 1])
		       ? 0
		       : EINVAL;
}
