/* SPDX-License-Identifier: ISC */
/*
 * notify/delivery.c - one try to deliver a message, by libcurl
 *
 * RULES
 *   (1) Only a final status of 2xx with its whole header acknowledges; it does so even when the
 *       body is cut off (t70-webhooks).
 *   (2) The receiver's answer causes no other request: redirects are not followed, cookies are not
 *       stored, the body is dropped after BODY_MAX bytes (t70-webhooks).
 *   (3) A socket to a private address is opened only for a message whose host the operator chose.
 *       open_socket() decides about the address, so that no name and no spelling of it gets around
 *       the rule (t70-webhooks).
 *   (4) Every try has a connection of its own: the connection of a trusted message must not carry
 *       another message (t70-webhooks).
 *   (5) No proxy of this process's environment is used, nor a .netrc (t70-webhooks).
 *
 * Does not know: the store, when to try again.
 */
#include "notify/delivery.h"

#include "base/clock.h"
#include "base/version.h"
#include "notify/address.h"
#include "store/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECT_MAX_MS 5000
#define BODY_MAX       65536

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
	struct notify_try *t = arg;

	(void)data;
	t->received += size * n;
	return t->received > BODY_MAX ? 0 : size * n; /* 0: libcurl ends the transfer */
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct notify_try *t = arg;

	(void)purpose;
	if (!t->m.is_trusted && notify_address_is_private(&address->addr)) {
		t->was_refused = true;
		return CURL_SOCKET_BAD;
	}
	t->sockets++;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool add_header(struct notify_try *t, const char *name, const char *value)
{
	struct curl_slist *longer;
	char line[256];

	snprintf(line, sizeof(line), "%s:%s%s", name, *value ? " " : "", value);
	longer = curl_slist_append(t->headers, line);
	if (longer)
		t->headers = longer;
	return longer != NULL;
}

static bool make_request(struct notify_try *t, const unsigned char secret[NOTIFY_SECRET_LEN])
{
	char signature[NOTIFY_SIGNATURE_MAX], id[NOTIFY_ID_MAX];

	t->body = notify_body(&t->m);
	if (!t->body)
		return false;
	notify_sign(secret, clock_wall_ms() / 1000, t->body, signature);
	notify_id(&t->m, id);
	return add_header(t, "Content-Type", "application/json") &&
	       add_header(t, "Retrysafe-Signature", signature) &&
	       add_header(t, "Retrysafe-Message", id) &&
	       add_header(t, "Expect", ""); /* an empty one is not sent */
}

static bool set_options(struct notify_try *t, int64_t timeout_ms)
{
	CURL *c = t->easy;
	long whole = (long)timeout_ms, connect = whole < CONNECT_MAX_MS ? whole : CONNECT_MAX_MS;
	bool done = true;

#define SET(option, value) (done = done && curl_easy_setopt(c, (option), (value)) == CURLE_OK)
	SET(CURLOPT_URL, t->m.url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, t->m.is_trusted ? 0L : 1L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT_MS, whole);
	SET(CURLOPT_CONNECTTIMEOUT_MS, connect);
	SET(CURLOPT_USERAGENT, "retrysafe-notify/" RETRYSAFE_VERSION);
	SET(CURLOPT_HTTPHEADER, t->headers);
	SET(CURLOPT_POSTFIELDSIZE, (long)strlen(t->body));
	SET(CURLOPT_POSTFIELDS, t->body);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, t);
	SET(CURLOPT_PRIVATE, t);
#undef SET
	return done;
}

enum err notify_try_start(struct notify_try *t, CURLM *multi, struct message *m,
	const unsigned char secret[NOTIFY_SECRET_LEN], int64_t timeout_ms)
{
	memset(t, 0, sizeof(*t));
	t->m = *m;
	t->easy = curl_easy_init();
	if (t->easy && make_request(t, secret) && set_options(t, timeout_ms) &&
		curl_multi_add_handle(multi, t->easy) == CURLM_OK) {
		memset(m, 0, sizeof(*m));
		return OK;
	}
	memset(&t->m, 0, sizeof(t->m)); /* the message stays the caller's */
	notify_try_free(t, multi);
	return err_set(ERR_NOMEM, "start a delivery: no memory, or not for this libcurl");
}

void notify_try_judge(const struct notify_try *t, CURLcode result, struct notify_outcome *out)
{
	curl_off_t retry_after = 0;
	long status = 0;

	memset(out, 0, sizeof(*out));
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_after);
	out->fate = MESSAGE_AGAIN;
	out->does_not_answer = result == CURLE_OPERATION_TIMEDOUT;
	out->retry_after_s = retry_after > 0 ? retry_after : 0;
	if (status >= 200 && (result == CURLE_OK || t->received > 0)) {
		snprintf(out->said, sizeof(out->said), "HTTP %ld%s", status,
			status >= 300 && status < 400 ? ", redirects are not followed" : "");
		if (status < 300)
			out->fate = MESSAGE_DELIVERED;
		else if (status == 410) /* Gone: "likely to be permanent" (RFC 9110, 15.5.11) */
			out->fate = MESSAGE_GIVEN_UP;
		return;
	}
	snprintf(out->said, sizeof(out->said), "%s",
		result == CURLE_OK ? "no answer" : curl_easy_strerror(result));
	if (t->was_refused && t->sockets == 0) {
		snprintf(out->said, sizeof(out->said),
			"its host is on a private network, where only the operator may send it");
		out->fate = MESSAGE_GIVEN_UP;
	} else if (result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL) {
		out->fate = MESSAGE_GIVEN_UP;
	}
}

void notify_try_free(struct notify_try *t, CURLM *multi)
{
	if (t->easy) {
		curl_multi_remove_handle(multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	free(t->body);
	message_free(&t->m);
	memset(t, 0, sizeof(*t));
}
