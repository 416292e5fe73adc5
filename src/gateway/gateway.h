/* SPDX-License-Identifier: ISC */
/*
 * gateway/gateway.h - serving one request
 */
#ifndef RETRYSAFE_GATEWAY_GATEWAY_H
#define RETRYSAFE_GATEWAY_GATEWAY_H

#include "gateway/request.h"

/*
 * gateway_serve - serves one request to its end
 *
 *   peer  owned, closed at the end
 *
 * Never fails: whatever happens becomes an answer, or the connection is closed.  Blocks as long as
 * the request takes; the order of its steps is the table in gateway/gateway.c.
 */
void gateway_serve(struct worker *w, struct web_peer *peer, enum way way, const char *control_path);

#endif
