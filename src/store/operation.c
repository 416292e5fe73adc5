/* SPDX-License-Identifier: ISC */
/*
 * store/operation.c - what is common to all engines: names of operations and states, and freeing
 *
 * Does not know: where operations are stored.
 */
#include "store/operation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void operation_ref(const struct operation *op, char ref[REF_LEN + 1])
{
	snprintf(ref, REF_LEN + 1, "%016" PRIx64 "%016" PRIx64, (uint64_t)op->id,
		(uint64_t)op->nonce);
}

const char *state_name(enum state s)
{
	static const char *const names[STATE__MAX] = {
		[STATE_ABSENT] = "absent",
		[STATE_RUNNING] = "running",
		[STATE_DONE] = "done",
		[STATE_UNCERTAIN] = "uncertain",
		[STATE_EXPIRED] = "expired",
	};

	return s < STATE__MAX && names[s] ? names[s] : "unknown";
}

void response_free(struct response *r)
{
	free(r->head);
	free(r->body);
	memset(r, 0, sizeof(*r));
}

void stored_request_free(struct stored_request *r)
{
	free(r->variables);
	free(r->body);
	memset(r, 0, sizeof(*r));
}
