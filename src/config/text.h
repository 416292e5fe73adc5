/* SPDX-License-Identifier: ISC */
/*
 * config/text.h - checks the texts of a configuration
 *
 * Knows the kinds of text, not which setting has which kind.
 */
#ifndef RETRYSAFE_CONFIG_TEXT_H
#define RETRYSAFE_CONFIG_TEXT_H

#include "base/err.h"
#include "config/where.h"

/*
 * config_text_fn - checks a text and makes the string that is stored
 *
 *   w     the place of the text, for messages; relative paths start at w->dir
 *   text  borrowed
 *   out   set on OK only; free() it
 *
 * Returns OK; ERR_INVALID, with a text that has the place and what may be written instead;
 * ERR_NOMEM.
 */
typedef enum err config_text_fn(const struct config_where *w, const char *text, char **out);

config_text_fn config_text_path; /* stored absolute */
config_text_fn config_text_store;
config_text_fn config_text_url;
config_text_fn config_text_url_beginning;
config_text_fn config_text_glob;
config_text_fn config_text_argument; /* the first of a list is a program's absolute path */
config_text_fn config_text_method;
config_text_fn config_text_variable;
config_text_fn config_text_site;   /* a CGI variable, no cookie */
config_text_fn config_text_source; /* gateway/value_source.h */
config_text_fn config_text_key_source;
config_text_fn config_text_fingerprint;
config_text_fn config_text_ignored; /* stored with "json:" or "form:" */
config_text_fn config_text_status;
config_text_fn config_text_field;

/* Sets the error text 'PLACE: "VALUE" TEXT' and returns ERR_INVALID. */
enum err config_text_wrong(const struct config_where *w, const char *value, const char *text);

#endif
