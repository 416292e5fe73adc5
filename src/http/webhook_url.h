/* SPDX-License-Identifier: ISC */
/*
 * http/webhook_url.h - chooses the URL to which the end of an operation is reported
 */
#ifndef RETRYSAFE_HTTP_WEBHOOK_URL_H
#define RETRYSAFE_HTTP_WEBHOOK_URL_H

#include "base/err.h"
#include "base/settings.h"

#include <stdbool.h>
#include <stddef.h>

#define WEBHOOK_URL_MAX 2000 /* bytes of a client's URL */

/*
 * webhook_url_choose - the URL to which the end of the operation is reported
 *
 *   own_url     the route's `webhook`; NULL: it has none
 *   allowed     the route's `webhook_allow`; NULL: no client may name a URL
 *   client_url  the request's header field Retrysafe-Webhook; NULL: the request has none
 *   url         set on OK: client_url when it begins with an entry of allowed; own_url when the
 *               request has none; NULL: no message is sent.  Borrowed from one of them.
 *   is_trusted  set on OK: the operator chose the host, so it may be on a private network: own_url
 *               always; a client's URL when the entry that allows it names "localhost" or an
 *               address.  Not when the entry names another host: the owner of a name chooses the
 *               address that it resolves to.
 *
 * Returns OK; ERR_REFUSED the client's URL is not allowed, with a text for the client, which does
 * not quote the URL.  Does not block.
 */
enum err webhook_url_choose(const char *own_url, strings allowed, const char *client_url,
	const char **url, bool *is_trusted) MUSTCHECK;

/* Parts of a URL; borrowed from it, and not NUL-terminated. */
struct webhook_url_parts {
	const char *scheme, *host, *path; /* host: with its port, without a user (RFC 3986, 3.2) */
	size_t scheme_len, host_len, path_len; /* path: without query and fragment; may be empty */
};
/* Splits a URL of any text; does not fail. */
void webhook_url_split(const char *url, struct webhook_url_parts *out);

/*
 * webhook_url_shown - writes scheme, host and path to out, cut to size: user and query of a URL are
 * often secrets and must not be shown
 */
void webhook_url_shown(const char *url, char *out, size_t size);

#endif
