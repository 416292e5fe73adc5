/* SPDX-License-Identifier: ISC */
/*
 * keeper/protocol.h - the messages between gateway and keeper
 *
 * A channel is two SOCK_SEQPACKET socket pairs, one message a packet.  A message on the main socket
 * wakes the keeper.  The second socket, the lazy one, carries deferred messages: messages that need
 * not wake the keeper.  The keeper reads them, as far as it has to, before it starts a script,
 * takes a run over because the channel was closed, or records a result that the gateway seems not
 * to have recorded.  One run at a time belongs to a channel.  The keeper only answers: every
 * exchange begins with a message of the gateway.
 *
 *     gateway                              keeper
 *     ORDER (+ stdin, witness)   --lazy->  keeps it: ready
 *     GO                         ------>   starts the script: running
 *                                <------   FAILED errno: nothing was started; kept until ...
 *     FORGET                     ------>   ... the claim is released
 *                                <------   STDERR bytes, any number of times
 *                                <------   ENDED (+ output): kept until ...
 *     FORGET                     --lazy->  ... the gateway has recorded it; over the main socket
 *                                          when the run was never claimed, or has much output
 *     KEEP                       ------>   the gateway could not record it: the keeper does
 *
 * Every message carries the serial of its run: both sides drop a message that still comes from an
 * earlier run on the channel.
 *
 * When the channel closes instead, the gateway has died, and the keeper finishes the run by
 * itself: a ready one is released, a running one is waited for and recorded.
 *
 * A run that is not protected (pass-through) has an ORDER (+ stdin, stdout) with its GO behind it,
 * and its ENDED has no output.  Its FORGET goes over the main socket; before ENDED it means that no
 * client waits for the run any more.
 */
#ifndef RETRYSAFE_KEEPER_PROTOCOL_H
#define RETRYSAFE_KEEPER_PROTOCOL_H

#include "base/settings.h"
#include "operation/record.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum message_kind {
	MESSAGE_ORDER = 1,
	MESSAGE_GO,
	MESSAGE_FORGET,
	MESSAGE_KEEP,
	MESSAGE_FAILED,
	MESSAGE_STDERR,
	MESSAGE_ENDED
};

/* The fixed part of an ORDER.  After it: dir, store URL, spool, argv..., environment..., each with
 * its NUL. */
struct order {
	enum message_kind kind;
	int64_t serial;
	bool is_protected;
	bool has_time_limit; /* timeout_ms counts from its start, and its output is kept here, as
				policy says; else it counts from when no client waits for it */
	int argc, envc;
	int64_t timeout_ms;
	int64_t kill_after_ms;
	struct limits limits;
	bool has_umask;
	unsigned umask;
	struct operation op; /* id 0: it passes through */
	struct record_policy policy;
};

/* The strings behind it. */
struct order_strings {
	const char *dir, *url, *spool;
	char **argv, **env; /* NULL-terminated */
};

/*
 * protocol_pack - writes an order to buf, and sets its argc and envc
 *
 *   buf  NULL: the length is counted, nothing is written
 *
 * Returns its length in bytes.
 */
size_t protocol_pack(struct order *o, const struct order_strings *s, char *buf);

/*
 * protocol_unpack - finds the strings of an order of len bytes
 *
 *   out  the strings point into the order; the caller frees argv and env, also after an error
 *
 * Returns 0; EINVAL the strings are not as many as the order says; ENOMEM.
 */
int protocol_unpack(const struct order *o, size_t len, struct order_strings *out);

/* GO, FORGET, KEEP. */
struct command {
	enum message_kind kind;
	int64_t serial;
};

/* The fixed part of ENDED, FAILED and STDERR; `inline_len` bytes follow. */
struct report {
	enum message_kind kind;
	int64_t serial;
	int failed_errno;    /* FAILED */
	int wait_status;     /* ENDED: as waitpid(2) says */
	bool is_timed_out;   /* ENDED: it was signalled because its time was over */
	bool is_output_lost; /* ENDED: some of its output could not be kept */
	int64_t run_us;      /* ENDED */
	int64_t output_len;  /* ENDED: bytes the script wrote; they are inline, or behind the
				descriptor of the message, which holds fewer when they were far
				too many */
	int64_t inline_len;
};

/* Output up to this size is part of the message. */
#define ORDER_INLINE_MAX (64 * 1024)
/* A whole ORDER: the limits of cgi/variables.h, the command, and room for the rest. */
#define ORDER_MAX (192 * 1024)

#endif
