/* SPDX-License-Identifier: ISC */
/*
 * keeper/keeper.h - the process that starts scripts and outlives the gateway
 *
 * The messages are in keeper/protocol.h; the gateway's end of a channel is keeper/link.h.
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
 *   control_fd  set on OK: the socket for link_open(); it becomes readable (end of file) when
 *               the keeper has died; the caller closes it
 *
 * Returns OK; ERR_NOMEM; ERR_SYSTEM.
 */
enum err keeper_start(bool keeps_log, int *control_fd) MUSTCHECK;

#endif
