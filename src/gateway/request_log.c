/* SPDX-License-Identifier: ISC */
/*
 * gateway/request_log.c - the line of a request in the log, and the complaints of its script
 *
 * Does not know: what became of the request; the steps say that.
 */
#include "gateway/request_log.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

void request_log_detail(struct request *r, const char *text)
{
	snprintf(r->log_text.detail, sizeof(r->log_text.detail), "%s", text);
	r->log.detail = r->log_text.detail;
}

static void write_line(void *arg, const char *line, size_t len)
{
	struct request *r = arg;

	web_peer_log(r->peer, line, len);
}

void request_log_write(struct request *r)
{
	if (r->log_text.is_written)
		return;
	r->log_text.is_written = true;
	log_request(&r->log, log_leads_nowhere() ? write_line : NULL, r);
}

/* Sends the line so far, marked with the ref. */
void request_log_complaint_end(struct request *r)
{
	char line[sizeof(r->log_text.complaint) + REF_LEN + 16];
	int n = snprintf(line, sizeof(line), "retrysafe %s: %.*s\n", r->ref,
		(int)r->log_text.complaint_len, r->log_text.complaint);

	if (r->log_text.complaint_len > 0)
		web_peer_log(r->peer, line, (size_t)n);
	r->log_text.complaint_len = 0;
}

/* Complaints come in pieces of any length and go on as lines; a very long line becomes several. */
void request_log_complaint(void *arg, const char *text, size_t len)
{
	struct request *r = arg;

	for (size_t i = 0; i < len; i++) {
		if (text[i] != '\n')
			r->log_text.complaint[r->log_text.complaint_len++] = text[i];
		if (text[i] == '\n' || r->log_text.complaint_len == sizeof(r->log_text.complaint))
			request_log_complaint_end(r);
	}
}
