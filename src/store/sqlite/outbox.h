/* SPDX-License-Identifier: ISC */
/*
 * store/sqlite/outbox.h - messages about how operations ended: subscribing and posting, inside the
 * transaction that moves the operation
 */
#ifndef RETRYSAFE_STORE_SQLITE_OUTBOX_H
#define RETRYSAFE_STORE_SQLITE_OUTBOX_H

#include "base/err.h"
#include "store/sqlite/connection.h"
#include "store/store.h"

#include <stdint.h>

enum err outbox_subscribe(struct conn *c, const struct claim *claim) MUSTCHECK;
/* Writes a message to the webhook of the operation, if it has one: it is in this state now.
 * token: only if the operation has this one; NULL: in any case. */
enum err outbox_post(struct conn *c, int64_t op_id, const unsigned char *token, enum state state,
	int64_t now_ms) MUSTCHECK;
/* The operation takes its finished messages along; the others outlive it. */
extern struct statement drop_finished;

#endif
