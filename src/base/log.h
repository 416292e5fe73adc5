/* SPDX-License-Identifier: ISC */
/*
 * base/log.h - what an operator reads: one line a message, to descriptor 2
 *
 * Never a key, a credential or a body.  Control characters in the text become "?".
 */
#ifndef RETRYSAFE_BASE_LOG_H
#define RETRYSAFE_BASE_LOG_H

#include "base/err.h"
#include "base/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text (the default) or JSON lines. */
void log_format(enum log_format format);

/* Something an operator may want to know; we went on.  One write; never blocks for long. */
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Text of a script, as it is.  Like every line here it is dropped when descriptor 2 does not take
 * it. */
void log_raw(const char *text, size_t len);

/* A fact without a complaint, such as "ready". */
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* What became of one request. */
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
 * Writes the line of a request with `write_line`, which gets a line with its newline: to the web
 * server's error log when our own descriptor 2 leads nowhere.  NULL: to descriptor 2.
 */
void log_request(const struct log_request *r,
	void (*write_line)(void *arg, const char *line, size_t len), void *arg);

/* True when descriptor 2 is closed or /dev/null, as under servers that spawn us without a log. */
bool log_leads_nowhere(void);

#endif
