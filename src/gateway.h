/* SPDX-License-Identifier: ISC */
/*
 * gateway.h - serving one request
 */
#ifndef RETRYSAFE_GATEWAY_H
#define RETRYSAFE_GATEWAY_H

#include "request.h"

/*
 * gateway_serve - serves one request to its end
 *
 *   peer  owned, closed at the end
 *
 * Never fails: whatever happens becomes an answer, or the connection is closed.  Blocks as long as
 * the request takes; the order of its steps is the table at the end of gateway.c.
 */
void gateway_serve(struct worker *w, struct peer *peer, enum way way, const char *control_path);

#endif
