/* SPDX-License-Identifier: ISC */
/*
 * http/prefer.h - the Prefer header field (RFC 7240): what a client would rather have
 */
#ifndef RETRYSAFE_HTTP_PREFER_H
#define RETRYSAFE_HTTP_PREFER_H

#include <stdbool.h>
#include <stdint.h>

struct prefer {
	bool respond_async;
	int64_t wait_ms; /* how long the client waits; -1: it did not say */
};

/* What a Prefer field (may be NULL) says; preferences that are malformed or not known are ignored
 * (section 2), and of one that is repeated the first counts. */
struct prefer prefer_read(const char *field);

#endif
