/* SPDX-License-Identifier: ISC */
/*
 * base/log.h - messages for the operator, one line each, to descriptor 2
 *
 * A line never has a key, a credential or a body.  Control characters in its text become "?".  A
 * line that descriptor 2 does not take at once is dropped: no function here waits for a reader.
 */
#ifndef RETRYSAFE_BASE_LOG_H
#define RETRYSAFE_BASE_LOG_H

#include "base/err.h"
#include "base/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Chooses text (the default) or JSON lines. */
void log_format(enum log_format format);

/* Writes a warning: something went wrong and the process goes on. */
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Writes text of a script unchanged. */
void log_raw(const char *text, size_t len);

/* Writes a fact, such as "ready". */
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* How one request ended. */
struct log_request {
	const char *ref;     /* or NULL */
	const char *route;   /* or NULL */
	const char *outcome; /* "first", "replayed", "in-progress", ... */
	int status;          /* 0: not known (passed through) */
	int64_t claim_us;    /* durations; -1: did not happen */
	int64_t run_us;
	int64_t record_us;
	int exit_status;    /* -1: none */
	const char *detail; /* or NULL */
};

/*
 * log_request - writes the line of a request
 *
 *   write_line  receives arg and the line with its newline, where descriptor 2 leads nowhere and
 * the line goes to the web server's error log; NULL: the line goes to descriptor 2
 */
void log_request(const struct log_request *r,
	void (*write_line)(void *arg, const char *line, size_t len), void *arg);

/* True when descriptor 2 is closed or /dev/null, as under web servers that start us without a log.
 */
bool log_leads_nowhere(void);

#endif
