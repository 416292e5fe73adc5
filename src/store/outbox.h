/* SPDX-License-Identifier: ISC */
/*
 * store/outbox.h - messages about how operations ended, for their webhooks
 */
#ifndef RETRYSAFE_STORE_OUTBOX_H
#define RETRYSAFE_STORE_OUTBOX_H

#include "base/err.h"
#include "store/operation.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A message tells a webhook how an operation ended (done, uncertain, or absent: nothing was done),
 * at least once.  The transaction that moves the operation writes it.
 */
enum message_fate { MESSAGE_DELIVERED, MESSAGE_AGAIN, MESSAGE_GIVEN_UP };

struct message {
	int64_t id;
	char ref[REF_LEN + 1];
	char route[ROUTE_NAME_MAX + 1];
	char *url; /* owned; message_free() */
	bool is_trusted;
	enum state state;
	int status; /* 0: none */
	int64_t bytes;
	int attempts;
	int64_t created_ms, updated_ms; /* of the operation */
	int64_t give_up_ms;             /* no try begins after that */
	int64_t due_ms;                 /* the next try; 0: none */
	int tries;
	char said[REASON_MAX + 1]; /* what came of the last try; "" before the first */
};
void message_free(struct message *m);

/* How `said` of a message begins that was given up; the engines write it. */
extern const char message_given_up[];

/* What became of it, for `show`: "waiting", "delivered" or "given up"; static. */
const char *message_state(const struct message *m);

/*
 * store_message_wait - how long until a message is due
 *
 *   wait_ms  set on OK: 0 one is due; -1 there is none to be delivered
 *
 * Returns OK or a read's errors.  Does not block.
 */
enum err store_message_wait(struct store *st, int64_t now_ms, int64_t *wait_ms) MUSTCHECK;

/*
 * store_message_take - the message that has been due longest, with one try more; or one whose time
 * is over, which is given up by this very call: its due_ms is 0, and it must not be tried
 *
 *   lease_ms  for this long no other caller gets it; when the caller dies, it is due again
 *   wait_ms   set on ERR_ABSENT: how long until one is due; -1: there is none
 *
 * Returns OK, message_free() it; ERR_ABSENT none is due; a read's or a write's errors.  Blocks.
 */
enum err store_message_take(struct store *st, int64_t now_ms, int64_t lease_ms, struct message *out,
	int64_t *wait_ms) MUSTCHECK;

/*
 * store_message_end - says what came of the try
 *
 *   due_ms  MESSAGE_AGAIN: when to try next
 *   said    a few words for `show`
 *
 * Returns OK, also when another caller has tried since; else a write's errors.  Blocks.
 */
enum err store_message_end(struct store *st, const struct message *m, enum message_fate fate,
	int64_t due_ms, const char *said) MUSTCHECK;

/*
 * store_message_postpone - the messages that are due for a receiver that does not answer wait until
 * due_ms, so that they do not hold up those for others
 *
 *   origin  scheme, host and port, as the URLs are written: "https://hooks.example.org"
 *
 * Returns OK or a write's errors.  Blocks.
 */
enum err store_message_postpone(
	struct store *st, const char *origin, int64_t now_ms, int64_t due_ms) MUSTCHECK;

/* Calls `each` for the messages of an operation, oldest first, as store_list() does. */
enum err store_messages(struct store *st, int64_t op_id,
	bool (*each)(const struct message *m, void *arg), void *arg) MUSTCHECK;

#endif
