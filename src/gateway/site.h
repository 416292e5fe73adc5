/* SPDX-License-Identifier: ISC */
/*
 * gateway/site.h - a configuration and its store, opened once and shared by the requests they serve
 *
 * A gateway may serve several: shared hosts put a retrysafe.json beside each script, and a control
 * file is a configuration of its own.  A configuration that has been changed on disk is read anew
 * by the next request; requests under way keep the one they began with.
 */
#ifndef RETRYSAFE_GATEWAY_SITE_H
#define RETRYSAFE_GATEWAY_SITE_H

#include "base/err.h"
#include "config/config.h"
#include "metrics/counters.h"
#include "store/store.h"

struct site;

/*
 * site_take - the site of a configuration file
 *
 * Returns OK; config_load()'s errors.  Give it back with site_give().  May block on reading the
 * file.
 */
enum err site_take(const char *config_path, bool is_control, struct site **out) MUSTCHECK;
void site_give(struct site **site);

const struct config *site_config(const struct site *site); /* borrowed */

/*
 * site_store - the site's store, opened at its first use
 *
 *   document_root  DOCUMENT_ROOT of the request, or NULL: a database below it is refused, because
 *                  the server would hand it to anybody
 *
 * Returns OK; ERR_REFUSED below the document root; store_open()'s errors: the next call tries
 * again.  Borrowed from the site.
 */
enum err site_store(struct site *site, const char *document_root, struct store **out) MUSTCHECK;

/* The site's counters; NULL when its spool cannot be used.  Borrowed from the site. */
struct counters *site_counters(const struct site *site);

/* The store turned out to be unusable: whoever comes next opens it anew. */
void site_doubt(struct site *site);

/* Closes what no request uses, before the process ends. */
void site_close_all(void);

#endif
