/* SPDX-License-Identifier: ISC */
/*
 * keeper/report.h - what the keeper says to a client; private to the keeper
 */
#ifndef RETRYSAFE_KEEPER_REPORT_H
#define RETRYSAFE_KEEPER_REPORT_H

#include "keeper/state.h"

#include <stddef.h>
#include <stdint.h>

enum sent {
	SENT,          /* or the gateway is gone, whose end of file will be seen */
	SENT_NOT_FULL, /* try again when the channel can be written */
	SENT_NOT       /* try again later */
};

/*
 * report_send - sends a report
 *
 *   data, n  the bytes that follow it
 *   fd       the descriptor that comes along, borrowed; -1: none
 *
 * Does not block.
 */
enum sent report_send(struct client *client, const struct report *r, const void *data, size_t n,
	int fd) MUSTCHECK;

/* Sends FAILED: the run with this serial was not started; `why` is an errno.  Does not block. */
void report_failed(struct client *client, int64_t serial, int why);

#endif
