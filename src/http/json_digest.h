/* SPDX-License-Identifier: ISC */
/*
 * http/json_digest.h - one digest for all the ways to write one JSON value
 */
#ifndef RETRYSAFE_HTTP_JSON_DIGEST_H
#define RETRYSAFE_HTTP_JSON_DIGEST_H

#include "base/digest.h"
#include "base/err.h"
#include "http/json.h"

#define JSON_DIGEST_POINTERS_MAX 64

/*
 * json_digest - the digest of a value in a document
 *
 *   source, from  the document; it is read once, or again where one object has very many members
 *   key           DIGEST_LEN bytes that no client knows
 *   at            pointer to the value; "" is the document itself
 *   ignored       NULL-terminated, or NULL: "json:" and a pointer to what does not count; others
 *                 are passed over; at most JSON_DIGEST_POINTERS_MAX
 *
 * Neither white space counts, nor the order of members, nor how a string is written; a number
 * counts as it is written.  Returns OK; ERR_ABSENT there is no such value; ERR_INVALID it is not
 * JSON (json_feed()), a member's name is there twice in one object, or too many members are open;
 * ERR_NOMEM; the source's errors.  Takes up to 600 KB of memory for the call, whatever the
 * document.  Blocks as the source does.
 */
enum err json_digest(json_source *source, void *from, const unsigned char key[DIGEST_LEN],
	const char *at, const char *const *ignored, unsigned char out[DIGEST_LEN]) MUSTCHECK;

#endif
