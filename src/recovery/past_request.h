/* SPDX-License-Identifier: ISC */
/*
 * recovery/past_request.h - the request of an operation, as it was stored before its script started
 */
#ifndef RETRYSAFE_RECOVERY_PAST_REQUEST_H
#define RETRYSAFE_RECOVERY_PAST_REQUEST_H

#include "base/spool.h"
#include "config/config.h"
#include "store/store.h"

struct past_request {
	struct stored_request request;
	char **environment; /* into request.variables; NULL-terminated */
	size_t environment_len;
	struct spool body;
	char *dir; /* of its script */
};

#define PAST_REQUEST_NONE            \
	{                            \
		.body = SPOOL_CLOSED \
	}

/*
 * past_request_read - the request of an operation, its body ready to be read from offset 0
 *
 *   p  PAST_REQUEST_NONE; past_request_free() it, also after an error
 *
 * Returns OK; ERR_ABSENT none was stored, or it was another script's (a control file has one only);
 * ERR_NOMEM; a read's errors, the spool's errors.
 */
enum err past_request_read(struct store *st, const struct route *route, const struct operation *op,
	struct past_request *p) MUSTCHECK;

/* The value of a variable, borrowed; NULL: it was not set. */
const char *past_request_value(const struct past_request *p, const char *name);

void past_request_free(struct past_request *p);

#endif
