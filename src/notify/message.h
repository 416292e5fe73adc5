/* SPDX-License-Identifier: ISC */
/*
 * notify/message.h - text and signature of a message, and the pause before the next try
 */
#ifndef RETRYSAFE_NOTIFY_MESSAGE_H
#define RETRYSAFE_NOTIFY_MESSAGE_H

#include "base/err.h"
#include "store/outbox.h"
#include "store/store.h"

#include <stdint.h>

#define NOTIFY_SECRET_LEN    32 /* bytes */
#define NOTIFY_SIGNATURE_MAX 120
#define NOTIFY_ID_MAX        64

/* The key of the signatures: an HMAC with the store's secret, from which that cannot be computed.
 */
void notify_secret(const struct store *st, unsigned char out[NOTIFY_SECRET_LEN]);

/*
 * notify_id - the id by which a receiver recognises repeats: the operation's ref and the message's
 * number; the number alone would begin again with a new store
 */
void notify_id(const struct message *m, char out[NOTIFY_ID_MAX]);

/* The JSON summary; the caller frees it.  NULL: out of memory. */
char *notify_body(const struct message *m);

/* "t=SECONDS,v1=HEX": HMAC-SHA-256 (RFC 2104) of "SECONDS.BODY". */
void notify_sign(const unsigned char secret[NOTIFY_SECRET_LEN], int64_t now_s, const char *body,
	char out[NOTIFY_SIGNATURE_MAX]);

/*
 * notify_pause_ms - how long to wait after a try that failed, 1 to 3,600,000 ms
 *
 *   tries    made so far, >= 1
 *   chance   a random number, from which the pause is made
 *   least_s  the pause is at least so long, up to the maximum above
 */
int64_t notify_pause_ms(int tries, uint64_t chance, int64_t least_s);

#endif
