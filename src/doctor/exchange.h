/* SPDX-License-Identifier: ISC */
/*
 * doctor/exchange.h - one HTTP request, sent as a client would, and its answer
 */
#ifndef RETRYSAFE_DOCTOR_EXCHANGE_H
#define RETRYSAFE_DOCTOR_EXCHANGE_H

#include "base/err.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXCHANGE_BODY_MAX (1 << 20) /* bytes of an answer that are kept */
#define EXCHANGE_SECONDS  120       /* for all of one exchange */

struct exchange {
	bool has_answer; /* else error says why not */
	char error[CURL_ERROR_SIZE];
	long status;
	int64_t took_ms;
	char *head; /* status line and header fields as they came, lines end with "\r\n"; owned */
	size_t head_len;
	char *body; /* its first bytes; owned */
	size_t body_len;
	int64_t n_body; /* bytes that came */
};

/*
 * exchange_post - POSTs `body` to the URL; follows no redirect
 *
 *   fields  header fields, borrowed
 *
 * Returns OK, also where no answer came (has_answer); ERR_INVALID the URL is not one of http or
 * https; ERR_NOMEM.  Blocks, up to EXCHANGE_SECONDS.  The caller frees with exchange_free().
 */
enum err exchange_post(const char *url, const char *body, struct curl_slist *fields,
	struct exchange *out) MUSTCHECK;
void exchange_free(struct exchange *x);

/*
 * exchange_field - the value of a header field (RFC 9110, section 5: names in any case)
 *
 * Returns buf, which holds the first of that name, cut to size; NULL: there is none.
 */
const char *exchange_field(const struct exchange *x, const char *name, char *buf, size_t size);

#endif
