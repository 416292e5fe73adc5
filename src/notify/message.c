/* SPDX-License-Identifier: ISC */
/*
 * notify/message.c - text and signature of a message, and the pause before the next try
 *
 * Does not know: HTTP, URLs.
 */
#include "notify/message.h"

#include "base/digest.h"
#include "store/outbox.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PAUSE_BASE_MS 1000
#define PAUSE_MAX_MS  INT64_C(3600000)

void notify_secret(const struct store *st, unsigned char out[NOTIFY_SECRET_LEN])
{
	struct digest d;

	digest_start(&d, store_secret(st), SECRET_LEN);
	digest_string(&d, "webhook");
	digest_end(&d, out, NOTIFY_SECRET_LEN);
}

void notify_id(const struct message *m, char out[NOTIFY_ID_MAX])
{
	snprintf(out, NOTIFY_ID_MAX, "%s-%" PRId64, m->ref, m->id);
}

/* RFC 3339. */
static json_t *time_json(int64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	char text[40];
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(ms % 1000));
	return json_string(text);
}

char *notify_body(const struct message *m)
{
	json_t *o, *route = json_string(m->route);
	char id[NOTIFY_ID_MAX], *body;

	notify_id(m, id);
	/* The route of a control file is a path, which may not be UTF-8. */
	o = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:i, s:o, s:o}", "message", id, "operation",
		m->ref, "operation_state", state_name(m->state), "route",
		route ? route : json_null(), "status",
		m->status ? json_integer(m->status) : json_null(), "bytes",
		m->status ? json_integer(m->bytes) : json_null(), "attempts", m->attempts,
		"created", time_json(m->created_ms), "updated", time_json(m->updated_ms));
	body = o ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	return body;
}

/*
 * HMAC-SHA-256 of two texts, one behind the other, without digest_part(): receivers compute HMAC of
 * the text alone.
 */
static void authenticate(const unsigned char *key, size_t key_len, const char *text,
	const char *rest, unsigned char out[DIGEST_LEN])
{
	struct digest d;

	digest_start(&d, key, key_len);
	digest_raw(&d, text, strlen(text));
	digest_raw(&d, rest, strlen(rest));
	digest_end(&d, out, DIGEST_LEN);
}

void notify_sign(const unsigned char secret[NOTIFY_SECRET_LEN], int64_t now_s, const char *body,
	char out[NOTIFY_SIGNATURE_MAX])
{
	char time[24], hex[2 * DIGEST_LEN + 1];
	unsigned char mac[DIGEST_LEN];

	snprintf(time, sizeof(time), "%" PRId64 ".", now_s);
	authenticate(secret, NOTIFY_SECRET_LEN, time, body, mac);
	hex_text(mac, sizeof(mac), hex);
	snprintf(out, NOTIFY_SIGNATURE_MAX, "t=%" PRId64 ",v1=%s", now_s, hex);
}

/*
 * Exponential backoff with full jitter: any pause up to the limit, so that tries that failed
 * together are not repeated together.
 */
int64_t notify_pause_ms(int tries, uint64_t chance, int64_t least_s)
{
	int64_t limit_ms = PAUSE_BASE_MS, pause_ms;

	for (int i = 1; i < tries && limit_ms < PAUSE_MAX_MS; i++)
		limit_ms *= 2;
	if (limit_ms > PAUSE_MAX_MS)
		limit_ms = PAUSE_MAX_MS;
	pause_ms = 1 + (int64_t)(chance % (uint64_t)limit_ms);
	if (least_s > PAUSE_MAX_MS / 1000)
		return PAUSE_MAX_MS;
	return pause_ms < least_s * 1000 ? least_s * 1000 : pause_ms;
}
