/* SPDX-License-Identifier: ISC */
/*
 * config/value.h - reads one value of a configuration: its type, its range, its error messages
 *
 * Does not know which settings there are: that is the table in config/table.c.
 */
#ifndef RETRYSAFE_CONFIG_VALUE_H
#define RETRYSAFE_CONFIG_VALUE_H

#include "base/err.h"
#include "config/where.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_SECOND INT64_C(1000) /* durations are in milliseconds */
#define CONFIG_MINUTE (60 * CONFIG_SECOND)
#define CONFIG_DAY    (24 * 60 * CONFIG_MINUTE)

#define CONFIG_KILO INT64_C(1024) /* sizes are in bytes */
#define CONFIG_GIGA (CONFIG_KILO * CONFIG_KILO * CONFIG_KILO)

enum config_type {
	CONFIG_OBJECT, /* read by config/load.c itself */
	CONFIG_ROUTES, /* read by config/load.c itself */
	CONFIG_LIMITS, /* read by config/load.c itself */
	/* char * */
	CONFIG_PATH,
	CONFIG_STORE,
	CONFIG_URL,
	CONFIG_GLOB,
	/* strings */
	CONFIG_DIRS,
	CONFIG_COMMAND,
	CONFIG_METHODS,
	CONFIG_KEY_SOURCES,
	CONFIG_VARIABLES,
	CONFIG_SITE,
	CONFIG_SOURCES,
	CONFIG_FINGERPRINT,
	CONFIG_IGNORED,
	CONFIG_STATUSES,
	CONFIG_FIELDS,
	CONFIG_URL_BEGINNINGS,
	/* the enum that is named like the setting */
	CONFIG_DURABILITY,
	CONFIG_LOG,
	CONFIG_KEY_SYNTAX,
	CONFIG_ON_UNCERTAIN,
	CONFIG_IN_PROGRESS,
	CONFIG_CONFLICT_STATUS,
	CONFIG_ASYNC,
	CONFIG_REPLAY_STATUS,
	CONFIG_EXIT_STATUS,
	CONFIG_ON_DUPLICATE,
	CONFIG_GUARANTEE,
	/* bool */
	CONFIG_KEY,
	CONFIG_FLAG,
	/* int64_t */
	CONFIG_NUMBER,
	CONFIG_DURATION,
	CONFIG_SIZE,

	CONFIG_TYPE__MAX
};

struct setting {
	const char *name;
	unsigned where; /* CONFIG_IN_* of config/table.h */
	enum config_type type;
	const char *fallback; /* the default, as JSON text; NULL: none */
	int64_t min, max;     /* of a number, or of a list's number of entries; both 0: no range */
	size_t at;            /* offset of the field */
	const char *about;    /* description in one line */
};

/* "90s", "10m", "24h", "30d" or "0" to milliseconds.  False: it is no duration. */
bool config_duration(const char *text, int64_t *ms);

/* The type in a few words; of an enum or a flag, its words separated by "|". */
const char *config_value_type_name(enum config_type type);

#define CONFIG_VALUE_LIMIT_MAX 32

/* A number in the notation of its type, as JSON: 30 days as "30d", with the quotes. */
void config_value_write_limit(enum config_type type, int64_t n, char out[CONFIG_VALUE_LIMIT_MAX]);

/*
 * config_value_read - checks one value and puts it into its field
 *
 *   w      the place of the value, for messages; relative paths start at w->dir
 *   value  borrowed
 *   base   the struct that holds the field; what the field owned before is freed
 *
 * Returns OK; ERR_INVALID, with a text that has file, line, path and what is allowed; ERR_NOMEM.
 * The field is changed only on OK; after an error w->depth may be deeper than before.
 */
enum err config_value_read(
	struct config_where *w, const struct setting *s, const json_t *value, void *base) MUSTCHECK;

/* Frees what the field owns and leaves NULL in it. */
void config_value_free(const struct setting *s, void *base);

#endif
