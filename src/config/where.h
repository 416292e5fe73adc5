/* SPDX-License-Identifier: ISC */
/*
 * config/where.h - the place in a configuration that is being read, for messages about it
 *
 * Knows JSON and lines, but no setting.
 */
#ifndef RETRYSAFE_CONFIG_WHERE_H
#define RETRYSAFE_CONFIG_WHERE_H

#include "base/err.h"

#include <jansson.h>
#include <stddef.h>

#define CONFIG_WHERE_DEPTH     8  /* more steps than any setting is deep */
#define CONFIG_WHERE_QUOTE_MAX 80 /* bytes of a quoted value, NUL included */

/* One step from a JSON value down to a value inside it. */
struct config_step {
	const char *key; /* member of an object; NULL: an element of an array; borrowed */
	size_t index;    /* which element */
};

/* A configuration's text, already known to be valid JSON, and a place in it. */
struct config_where {
	const char *file; /* its name, for messages; borrowed */
	const char *dir;  /* absolute; where its relative paths start; borrowed */
	const char *text; /* borrowed */
	size_t len;
	struct config_step steps[CONFIG_WHERE_DEPTH];
	size_t depth; /* steps in use; 0: the whole text */
};

/* Steps down to a member or to an element, and back up.  At most CONFIG_WHERE_DEPTH steps. */
void config_where_enter_key(struct config_where *w, const char *key);
void config_where_enter_index(struct config_where *w, size_t index);
void config_where_leave(struct config_where *w);

/*
 * config_where_line - the line, from 1, on which the place begins: of a member, the line of its
 * name; of a place that does not exist, the line of the deepest part that does.
 */
size_t config_where_line(const struct config_where *w);

/* config_where_error - sets the error text "FILE:LINE: PATH: ..." and returns ERR_INVALID. */
enum err config_where_error(const struct config_where *w, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* config_where_wrong - sets the error text "FILE:LINE: PATH: VALUE TEXT"; returns ERR_INVALID. */
enum err config_where_wrong(const struct config_where *w, const json_t *value, const char *text);

/* config_where_quote - writes a value as JSON on one line, cut so that a message can hold it. */
void config_where_quote(const json_t *value, char out[CONFIG_WHERE_QUOTE_MAX]);

#endif
