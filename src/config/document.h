/* SPDX-License-Identifier: ISC */
/*
 * config/document.h - reads a configuration's JSON into a document
 */
#ifndef RETRYSAFE_CONFIG_DOCUMENT_H
#define RETRYSAFE_CONFIG_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * config_document_parse - json_loadb(3), safe when memory ends
 *
 *   error         set when NULL is returned
 *   is_no_memory  set; true: NULL was returned for want of memory, which jansson itself reports as
 *                 an error of the text
 *
 * After a failed allocation json_loadb() alone goes on, and reads behind the end of the text.
 * Returns the document, which the caller owns; or NULL.
 */
json_t *config_document_parse(
	const char *text, size_t len, size_t flags, json_error_t *error, bool *is_no_memory);

#endif
