/* SPDX-License-Identifier: ISC */
/*
 * doctor/exchange.c - HTTP by libcurl
 *
 * Does not know: what the answer means.
 */
#include "doctor/exchange.h"

#include "base/version.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Appends to a block of at most `most` bytes, and drops the rest. */
static bool append(char **block, size_t *len, size_t most, const char *data, size_t n)
{
	char *more;

	if (n > most - *len)
		n = most - *len;
	more = realloc(*block, *len + n + 1);
	if (!more)
		return false;
	memcpy(more + *len, data, n);
	*len += n;
	more[*len] = '\0';
	*block = more;
	return true;
}

/* CURLOPT_HEADERFUNCTION: one line.  Only the last response counts, not a 100 before it. */
static size_t take_head(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;

	if (size * n > 5 && memcmp(data, "HTTP/", 5) == 0)
		x->head_len = 0;
	return append(&x->head, &x->head_len, EXCHANGE_BODY_MAX, data, size * n) ? size * n : 0;
}

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;

	x->n_body += (int64_t)(size * n);
	return append(&x->body, &x->body_len, EXCHANGE_BODY_MAX, data, size * n) ? size * n : 0;
}

static bool set_options(
	CURL *c, const char *url, const char *body, struct curl_slist *fields, struct exchange *x)
{
	bool done = true;

#define SET(option, value) (done = done && curl_easy_setopt(c, (option), (value)) == CURLE_OK)
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT, (long)EXCHANGE_SECONDS);
	SET(CURLOPT_USERAGENT, "retrysafe-doctor/" RETRYSAFE_VERSION);
	SET(CURLOPT_ERRORBUFFER, x->error);
	SET(CURLOPT_HTTPHEADER, fields);
	SET(CURLOPT_POSTFIELDSIZE, (long)strlen(body));
	SET(CURLOPT_POSTFIELDS, body);
	SET(CURLOPT_HEADERFUNCTION, take_head);
	SET(CURLOPT_HEADERDATA, x);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, x);
#undef SET
	return done;
}

enum err exchange_post(
	const char *url, const char *body, struct curl_slist *fields, struct exchange *out)
{
	CURL *c = curl_easy_init();
	curl_off_t took_us = 0;
	enum err e = OK;
	CURLcode rc;

	memset(out, 0, sizeof(*out));
	if (!c || !set_options(c, url, body, fields, out)) {
		curl_easy_cleanup(c);
		return err_set(ERR_NOMEM, "no memory, or not for this libcurl");
	}
	rc = curl_easy_perform(c);
	if (rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL) {
		e = err_set(ERR_INVALID,
			"\"%s\" is no URL of http or https, such as "
			"http://localhost/cgi-bin/order.cgi",
			url);
	} else {
		out->has_answer = rc == CURLE_OK;
		if (!out->error[0])
			snprintf(out->error, sizeof(out->error), "%s", curl_easy_strerror(rc));
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &out->status);
		curl_easy_getinfo(c, CURLINFO_TOTAL_TIME_T, &took_us);
		out->took_ms = (int64_t)took_us / 1000;
	}
	curl_easy_cleanup(c);
	if (e != OK)
		exchange_free(out);
	return e;
}

void exchange_free(struct exchange *x)
{
	free(x->head);
	free(x->body);
	x->head = x->body = NULL;
	x->head_len = x->body_len = 0;
}

const char *exchange_field(const struct exchange *x, const char *name, char *buf, size_t size)
{
	size_t len = strlen(name);
	const char *line = x->head, *end;

	for (; line && *line; line = end[0] ? end + 1 : end) {
		const char *value = line + len + 1;

		end = line + strcspn(line, "\n");
		if ((size_t)(end - line) <= len || strncasecmp(line, name, len) != 0 ||
			line[len] != ':')
			continue;
		value += strspn(value, " \t");
		snprintf(buf, size, "%.*s", (int)strcspn(value, "\r\n"), value);
		return buf;
	}
	return NULL;
}
