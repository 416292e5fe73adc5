/* SPDX-License-Identifier: ISC */
/*
 * gateway/deployment.h - a configuration and its store, opened once and shared by the requests they
 * serve
 *
 * A gateway may serve several: shared hosts put a retrysafe.json beside each script, and a control
 * file is a configuration of its own.  A configuration that has been changed on disk is read anew
 * by the next request; requests under way keep the one they began with.
 */
#ifndef RETRYSAFE_GATEWAY_DEPLOYMENT_H
#define RETRYSAFE_GATEWAY_DEPLOYMENT_H

#include "base/err.h"
#include "config/config.h"
#include "metrics/counters.h"
#include "store/store.h"

struct deployment;

/*
 * deployment_take - the deployment of a configuration file
 *
 * Returns OK; config_load()'s errors.  Give it back with deployment_give().  May block on reading
 * the file.
 */
enum err deployment_take(
	const char *config_path, bool is_control, struct deployment **out) MUSTCHECK;
/* Gives it back, and sets *deployment to NULL, which it may be.  The last one frees it. */
void deployment_give(struct deployment **deployment);

const struct config *deployment_config(const struct deployment *deployment); /* borrowed */

/*
 * deployment_store - the deployment's store, opened at its first use
 *
 *   document_root  DOCUMENT_ROOT of the request, or NULL: a database below it is refused, because
 * the server would send it to any client
 *
 * Returns OK; ERR_REFUSED below the document root; store_open()'s errors: the next call tries
 * again.  Borrowed from the deployment.
 */
enum err deployment_store(
	struct deployment *deployment, const char *document_root, struct store **out) MUSTCHECK;

/* The deployment's counters; NULL when its spool cannot be used.  Borrowed from the deployment. */
struct counters *deployment_counters(const struct deployment *deployment);

/* The store turned out to be unusable: the next request opens it anew.  The caller still gives it
 * back. */
void deployment_discard(struct deployment *deployment);

/* Closes what no request uses, before the process ends. */
void deployment_close_all(void);

#endif
