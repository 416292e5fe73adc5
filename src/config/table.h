/* SPDX-License-Identifier: ISC */
/*
 * config/table.h - the table of all settings
 */
#ifndef RETRYSAFE_CONFIG_TABLE_H
#define RETRYSAFE_CONFIG_TABLE_H

#include "base/err.h"
#include "config/value.h"
#include "config/where.h"

/* Where a setting may stand. */
enum {
	CONFIG_IN_TOP = 1,
	CONFIG_IN_ROUTE = 2,
	CONFIG_IN_DEFAULTS = 4,
	CONFIG_IN_CONTROL = 8,
	CONFIG_IN_LIMITS = 16
};

extern const struct setting config_settings[]; /* ends with a row without a name */

/* The setting of that name that may stand in one of the places (CONFIG_IN_*), or NULL. */
const struct setting *config_table_find(const char *name, unsigned where);

/*
 * config_table_refuse - sets the error text for a name that may not stand in this place: it belongs
 * elsewhere, is misspelt, or is unknown
 *
 * Always returns ERR_INVALID.
 */
enum err config_table_refuse(
	const struct config_where *w, const char *name, unsigned where) MUSTCHECK;

#endif
