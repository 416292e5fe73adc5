/* SPDX-License-Identifier: ISC */
/*
 * keeper/output.h - what a script writes; private to the keeper
 */
#ifndef RETRYSAFE_KEEPER_OUTPUT_H
#define RETRYSAFE_KEEPER_OUTPUT_H

#include "keeper/state.h"

#include <stdint.h>

#define OUTPUT_AT_ONCE (1 << 20) /* bytes for one call, so that other runs have their turn */

/*
 * output_read - reads at most `limit` bytes of c->read_fd, without blocking, and keeps them
 *
 * Kept in c->output or c->rest, or, where they are far too many, only counted; c->is_output_lost
 * says that some could not be kept.  At its end c->read_fd is closed and -1.
 */
void output_read(struct child *c, int64_t limit);

/*
 * output_read_errors - reads at most `limit` bytes of c->stderr_fd, without blocking, and passes
 * them to the client, or, where there is none, to the log
 *
 * Stops where the channel is full, and sets c->client->is_full.  At its end c->stderr_fd is closed
 * and -1.  Returns how many bytes it read.
 */
int output_read_errors(struct child *c, int limit);

#endif
