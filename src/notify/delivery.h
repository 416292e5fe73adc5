/* SPDX-License-Identifier: ISC */
/*
 * notify/delivery.h - one try to deliver a message
 */
#ifndef RETRYSAFE_NOTIFY_DELIVERY_H
#define RETRYSAFE_NOTIFY_DELIVERY_H

#include "base/err.h"
#include "notify/message.h"
#include "store/outbox.h"
#include "store/store.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOTIFY_SAID_MAX 160

/* One try.  All zero: free.  It must not move in memory between start and free: libcurl points to
 * it. */
struct notify_try {
	struct message m; /* owned */
	CURL *easy;       /* NULL: free */
	struct curl_slist *headers;
	char *body;
	size_t received;  /* bytes of the answer's body */
	int sockets;      /* opened */
	bool was_refused; /* an address was private */
};

/*
 * notify_try_start - begins to POST m to its URL
 *
 *   m           on OK moved into t, and freed by notify_try_free(); otherwise the caller's
 *   timeout_ms  for the whole try
 *
 * Returns OK; ERR_NOMEM.  Does not block.
 */
enum err notify_try_start(struct notify_try *t, CURLM *multi, struct message *m,
	const unsigned char secret[NOTIFY_SECRET_LEN], int64_t timeout_ms) MUSTCHECK;

struct notify_outcome {
	enum message_fate fate;
	char said[NOTIFY_SAID_MAX];
	int64_t retry_after_s; /* Retry-After of the answer; 0: it has none */
	bool does_not_answer;  /* the try ended by its timeout */
};

/* Decides how the try ended, from libcurl's result; t keeps what it holds. */
void notify_try_judge(const struct notify_try *t, CURLcode result, struct notify_outcome *out);

/* Ends the try in any state and leaves it free, as all zero.  Does not block. */
void notify_try_free(struct notify_try *t, CURLM *multi);

#endif
