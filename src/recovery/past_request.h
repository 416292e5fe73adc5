/* SPDX-License-Identifier: ISC */
/*
 * recovery/past_request.h - the request of an operation, as it was stored before its script started
 */
#ifndef RETRYSAFE_RECOVERY_PAST_REQUEST_H
#define RETRYSAFE_RECOVERY_PAST_REQUEST_H

#include "base/spool.h"
#include "cgi/variables.h"
#include "config/config.h"
#include "store/store.h"

struct past_request {
	struct stored_request request;
	struct variables vars; /* cleaned as those of a new request are */
	struct spool body;
	char *dir; /* of its script; with script_dirs, resolved and inside of them */
	bool has_umask;
	unsigned umask; /* of the gateway that had the request */
};

#define PAST_REQUEST_NONE            \
	{                            \
		.body = SPOOL_CLOSED \
	}

/*
 * past_request_save - stores the request of a claimed operation before its script starts
 *
 *   variables       the script's environment, NULL-terminated
 *   body_fd, n_body its body, from offset 0
 *   keep_ms         as in store_save_request()
 *
 * The gateway's umask, which its runs inherit, is stored too: a later gateway or an operator's
 * shell may have another one.  Returns OK; ERR_NOMEM; a write's errors.
 */
enum err past_request_save(struct store *st, const struct operation *op, char *const *variables,
	int body_fd, int64_t n_body, int64_t keep_ms) MUSTCHECK;

/*
 * past_request_read - the request of an operation, its body ready to be read from offset 0
 *
 *   p  PAST_REQUEST_NONE; past_request_free() it, also after an error
 *
 * Returns OK; ERR_ABSENT none was stored, or what was stored cannot be used: it was another
 * script's (a control file has one only), the script is not in script_dirs, the variables are
 * damaged; ERR_NOMEM; a read's errors, the spool's errors.
 */
enum err past_request_read(struct store *st, const struct config *cf, const struct route *route,
	const struct operation *op, struct past_request *p) MUSTCHECK;

void past_request_free(struct past_request *p);

#endif
