/* SPDX-License-Identifier: ISC */
/*
 * gateway/way_back.h - where a person came from, for the link on a page
 */
#ifndef RETRYSAFE_GATEWAY_WAY_BACK_H
#define RETRYSAFE_GATEWAY_WAY_BACK_H

#include "cgi/variables.h"

/*
 * way_back - path and query of the page that led to this request, if it is on the same host
 *
 * Returns it, for the caller to free; NULL: there is none that a link may lead to, or no memory.
 */
char *way_back(const struct variables *v);

#endif
