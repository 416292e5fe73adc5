/* SPDX-License-Identifier: ISC */
/*
 * http/prefer.h - reads the Prefer header field (RFC 7240)
 */
#ifndef RETRYSAFE_HTTP_PREFER_H
#define RETRYSAFE_HTTP_PREFER_H

#include <stdbool.h>
#include <stdint.h>

struct prefer {
	bool respond_async;
	int64_t wait_ms; /* wait=N in milliseconds, at most a day; -1: absent */
};

/* Reads a Prefer field, which may be NULL.  Malformed and unknown preferences are ignored (section
 * 2); of a repeated one the first counts. */
struct prefer prefer_read(const char *field);

#endif
