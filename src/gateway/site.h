/* SPDX-License-Identifier: ISC */
/*
 * gateway/site.h - which site a request was sent to, and where on it: the place of its operation
 *
 *     place    site + address, as one keyed digest; part of the identity and of a natural key
 *     site     the values of the variables in the setting `site`, as hosts are compared: in lower
 *              case, without the scheme's own port and without a final dot
 *     address  SCRIPT_NAME as the script sees it
 *
 * Neither the script's file nor the route's name belongs to a place: a release may move the file,
 * and the operator may rename, split and reorder routes.
 */
#ifndef RETRYSAFE_GATEWAY_SITE_H
#define RETRYSAFE_GATEWAY_SITE_H

#include "base/settings.h"
#include "cgi/variables.h"
#include "store/store.h"

/*
 * site_place - the place of a request
 *
 *   names  the setting `site`; NULL or empty: all hosts are one site
 *
 * A missing or empty HTTP_HOST counts as SERVER_NAME.  Cannot fail, does not block.
 */
void site_place(const unsigned char secret[SECRET_LEN], strings names, const struct variables *v,
	unsigned char out[PLACE_LEN]);

/*
 * site_place_named - the place that an operator names
 *
 *   hosts    n values for `names`, in their order; a single one stands for all of them, and
 *            SERVER_NAME then has no port
 *   address  a SCRIPT_NAME
 */
void site_place_named(const unsigned char secret[SECRET_LEN], strings names,
	const char *const *hosts, size_t n, const char *address, unsigned char out[PLACE_LEN]);

#endif
