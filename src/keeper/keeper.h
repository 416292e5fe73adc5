/* SPDX-License-Identifier: ISC */
/*
 * keeper/keeper.h - the process that starts scripts and outlives the gateway
 *
 * The gateway's side of starting one and of opening channels to it; the messages are in
 * keeper/protocol.h.
 */
#ifndef RETRYSAFE_KEEPER_KEEPER_H
#define RETRYSAFE_KEEPER_KEEPER_H

#include "base/err.h"

#include <stdbool.h>

/*
 * keeper_start - forks the keeper; before any thread exists and before any store is open
 *
 *   keeps_log   its descriptor 2 stays what ours is; false: /dev/null, because a server that runs
 *               us as CGI waits until every copy of our descriptors is closed
 *   control_fd  set on OK: the socket for keeper_channel(); it becomes readable (end of file) when
 *               the keeper has died; the caller closes it
 *
 * Returns OK; ERR_NOMEM; ERR_SYSTEM.
 */
enum err keeper_start(bool keeps_log, int *control_fd) MUSTCHECK;

/* Has it died, or is it dying?  Then every channel to it is about to be closed. */
bool keeper_is_gone(int control_fd);

/*
 * keeper_channel - a new channel to the keeper, for one thread
 *
 *   channel_fd  set on OK; CLOEXEC; the caller closes it: a run on it is then the keeper's
 *   lazy_fd     the same: what is sent here wakes nobody; see keeper/protocol.h
 *
 * Returns OK; ERR_NOMEM no descriptors; ERR_GONE the keeper has died; ERR_SYSTEM.
 */
enum err keeper_channel(int control_fd, int *channel_fd, int *lazy_fd) MUSTCHECK;

#endif
