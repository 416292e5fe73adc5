/* SPDX-License-Identifier: ISC */
/*
 * http/problem.c - the table of problems, and their answers: head, and JSON or the facts of a page
 *
 * The texts here are for authors of clients, who know neither CGI nor this program; a page shows
 * them in its details for programmers, and says the rest in words for people (http/page_text.c).
 * They claim only facts that are certain: where the key was not looked up, "this request was not
 * carried out" leaves open whether an earlier one was.
 *
 * RULES
 *   (1) Every detail says what happened, whether anything was carried out, and what to do now
 *       (unit/problem).
 *   (2) No text from outside reaches the header, and none reaches the body unescaped
 *       (unit/problem).
 *
 * Does not know why a problem arose; problem_facts.detail may say it.
 */
#include "http/problem.h"

#include "http/page.h"
#include "http/status.h"
#include "http/writer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* draft-ietf-httpapi-idempotency-key-header-07, 2.7 has the titles of three of them. */
static const struct entry {
	const char *type; /* after "urn:retrysafe:problem:" */
	int status;
	bool retry_same_key;
	bool new_key_is_safe;
	enum page_message page; /* what a person is told */
	const char *title;
	const char *happened; /* replaced by problem_facts.detail */
	const char *advice;   /* whether anything was carried out, and what to do */
} entries[PROBLEM__MAX] = {
	[PROBLEM_KEY_MISSING] = {"key-missing", 400, false, true, PAGE_FORM,
		"Idempotency-Key is missing",
		"This request must carry an Idempotency-Key, and it has none.",
		"Nothing was carried out. Choose a new unique key, for example a UUID, send the "
		"request again with it, and keep to that key whenever you repeat the request."},
	[PROBLEM_KEY_INVALID] = {"key-invalid", 400, false, true, PAGE_FORM,
		"Idempotency-Key is not valid",
		"The Idempotency-Key must be one string of 1 to 255 printable ASCII characters.",
		"Nothing was carried out. Correct the key and send the request again."},
	/* The key was not looked up: an earlier request may have been carried out. */
	[PROBLEM_REQUEST_INVALID] = {"request-invalid", 400, false, false, PAGE_UNREADABLE,
		"The request is not valid", "The request could not be understood.",
		"This request was not carried out. Correct it and send it again; if it repeats an "
		"earlier request, keep its key."},
	[PROBLEM_REQUEST_INCOMPLETE] = {"request-incomplete", 400, true, false, PAGE_INCOMPLETE,
		"The request is incomplete", "The body of the request did not arrive as a whole.",
		"This request was not carried out. Send it again with the same key."},
	/* The request is too large every time, so no earlier one can have run. */
	[PROBLEM_REQUEST_TOO_LARGE] = {"request-too-large", 413, false, true, PAGE_TOO_LARGE,
		"The request is too large",
		"The body of the request is larger than is accepted here.",
		"Nothing was carried out. Sending the same request again does not help; send a "
		"smaller one."},
	[PROBLEM_KEY_REUSED] = {"key-reused", 422, false, true, PAGE_REUSED,
		"Idempotency-Key is already used",
		"This Idempotency-Key was used before, for a different request.",
		"This request was not carried out. If it is a new operation, send it with a new "
		"key. If it was meant to repeat the earlier one, send exactly what was sent then: "
		"the same method, address and body."},
	[PROBLEM_IN_PROGRESS] = {"in-progress", 409, true, false, PAGE_IN_PROGRESS,
		"A request is outstanding for this Idempotency-Key",
		"A request with this Idempotency-Key is still being carried out.",
		"It is not started a second time. Wait, then send the same request "
		"with the same key to get its result. With a new key it could be carried out "
		"twice."},
	/* The likeliest other principal is the same one with a new token. */
	[PROBLEM_OTHER_PRINCIPAL] = {"other-principal", 409, false, false, PAGE_OTHER_PRINCIPAL,
		"Idempotency-Key was used with other credentials",
		"The same request was sent before with this Idempotency-Key, but with other "
		"credentials.",
		"This request was not carried out, and the earlier result is not shown. If the "
		"earlier request was yours, repeat it with the credentials used then. With a new "
		"key it could be carried out twice."},
	[PROBLEM_RESULT_EXPIRED] = {"result-expired", 410, false, false, PAGE_EXPIRED,
		"The result is no longer available",
		"The request with this Idempotency-Key was carried out, but its answer is no "
		"longer available.",
		"It was not carried out again, and repeating it does not bring the answer back. "
		"Look for the result in another way. With a new key it would be carried out a "
		"second time."},
	[PROBLEM_OUTCOME_UNCERTAIN] = {"outcome-uncertain", 409, false, false, PAGE_UNCERTAIN,
		"The outcome of this operation is not known",
		"The request with this Idempotency-Key was started, and it cannot be known "
		"whether it was carried out to its end.",
		"It was not started again. Do not repeat it with a new key: it could be carried "
		"out twice. Check whether it took effect, or ask the operator of this service to "
		"settle the operation."},
	/* Also told to a request without a key, whose program printed nothing. */
	[PROBLEM_SCRIPT_FAILED] = {"script-failed", 502, false, false, PAGE_FAILED,
		"The service failed while it carried out the request",
		"The program behind this address did not give a complete, valid answer.",
		"The request may have taken effect as a whole, in part or not at all, and is not "
		"carried out again by itself. Do not send it with a new key or without one: it "
		"could be carried out twice. Check whether it took effect, or ask the operator "
		"of this service."},
	[PROBLEM_SCRIPT_TIMEOUT] = {"script-timeout", 504, false, false, PAGE_TIMEOUT,
		"The service took too long to carry out the request",
		"The program behind this address did not end within its time limit and was "
		"stopped.",
		"The request may have taken effect as a whole, in part or not at all, and is not "
		"carried out again by itself. Do not send it with a new key or without one: it "
		"could be carried out twice. Check whether it took effect, or ask the operator "
		"of this service."},
	/* Whether an earlier request found a script here was not looked up: no new key. */
	[PROBLEM_SCRIPT_MISSING] = {"script-missing", 404, false, false, PAGE_MISSING,
		"There is nothing at this address",
		"There is no program at this address that could carry out the request.",
		"This request was not carried out. Check the address. If it is right, tell the "
		"operator of this service, and send the same request with the same key when that "
		"is repaired."},
	[PROBLEM_SCRIPT_NOT_EXECUTABLE] = {"script-not-executable", 403, false, false,
		PAGE_CONFIGURATION, "The program at this address cannot be started",
		"The program at this address is there, but the service may not start it.",
		"This request was not carried out. Tell the operator of this service, and send the "
		"same request with the same key when that is repaired."},
	[PROBLEM_SCRIPT_OUTSIDE] = {"script-not-allowed", 403, false, false, PAGE_CONFIGURATION,
		"The program at this address is not allowed",
		"The program at this address is not one that this service is set up to start.",
		"This request was not carried out. Check the address. If it is right, tell the "
		"operator of this service, and send the same request with the same key when that "
		"is repaired."},
	/* The key was free when this request claimed it, and it is free again. */
	[PROBLEM_SCRIPT_NOT_STARTED] = {"script-not-started", 503, true, true, PAGE_BUSY,
		"The request could not be started",
		"The system could not start the program behind this address.",
		"Nothing was carried out. Send the same request with the same key again later."},
	[PROBLEM_STORE_UNAVAILABLE] = {"store-unavailable", 503, true, false, PAGE_BUSY,
		"The record of earlier requests is not available",
		"It could not be looked up whether this request was carried out before.",
		"This request was not carried out. Send it again later with the same key, not with "
		"a new one."},
	[PROBLEM_OVERLOADED] = {"overloaded", 503, true, false, PAGE_BUSY, "The service is busy",
		"Too many requests are being carried out at this moment.",
		"This request was not carried out. Send it again later with the same key, not with "
		"a new one."},
	[PROBLEM_CONFIGURATION] = {"configuration", 500, false, false, PAGE_CONFIGURATION,
		"The service is not configured correctly",
		"A mistake in its configuration keeps this service from working.",
		"This request was not carried out. Tell the operator of this service, and send the "
		"same request with the same key when that is repaired."},
	[PROBLEM_DUPLICATE] = {"duplicate", 409, false, false, PAGE_DUPLICATE,
		"This was already requested",
		"Another request with the same values was accepted before.",
		"This request was not carried out, and as long as the earlier one counts it will "
		"not be, with this key or a new one. Look at what the earlier request did, or "
		"change the values."},
	[PROBLEM_OPERATION_UNKNOWN] = {"operation-unknown", 404, false, false, PAGE_UNKNOWN,
		"There is no such operation", "No operation of yours has this reference here.",
		"Nothing was carried out. The operation may have been forgotten, or may never have "
		"been started; or it was requested with other credentials. To find out, repeat the "
		"original request with its original key and credentials; one that has been "
		"forgotten is then carried out anew."},
	/* As certain as script-not-started: it was released, and no request has claimed the key
	 * since.
	 */
	[PROBLEM_OPERATION_RELEASED] = {"operation-released", 404, true, true, PAGE_RELEASED,
		"The operation was not carried out",
		"The operation with this reference was not carried out, and its key is free again.",
		"Nothing was carried out. Send the original request with the same key again."},
	[PROBLEM_WEBHOOK_REFUSED] = {"webhook-refused", 400, false, true, PAGE_FORM,
		"The address for the notification is not accepted",
		"The URL in Retrysafe-Webhook is not one that may be notified from here.",
		"Nothing was carried out. Send the request again without Retrysafe-Webhook, or "
		"with a URL that the operator of this service allows."},
	[PROBLEM_ACCEPTED] = {"accepted", 202, true, false, PAGE_ACCEPTED,
		"Your request is being carried out",
		"The request was accepted and is still being carried out.",
		"Its result will be at the address in Location. The same request with the same key "
		"leads there, too; with a new key it could be carried out twice."},
};

#define FACTS_MAX 9 /* lines of a page's details */

/*
 * Joins happened and advice.  Control characters become '?'; if the text is not UTF-8 (err_text()
 * can end within a character), all bytes that are not ASCII do, too.
 */
static char *write_detail(const struct entry *e, const char *happened)
{
	const char *text = happened && *happened ? happened : e->happened;
	size_t len = strlen(text);
	json_t *utf8 = json_string(text);
	char *detail;

	if (asprintf(&detail, "%s%s %s", text, strchr(".!?", text[len - 1]) ? "" : ".", e->advice) <
		0)
		detail = NULL;
	for (char *p = detail; p && *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c == 0x7f || (c > 0x7f && !utf8))
			*p = '?';
	}
	if (detail && detail[0] >= 'a' && detail[0] <= 'z')
		detail[0] = (char)(detail[0] - 'a' + 'A');
	json_decref(utf8);
	return detail;
}

static int status_of(const struct problem_facts *pf)
{
	return pf->status ? pf->status : entries[pf->problem].status;
}

static const char *reason_of(const struct problem_facts *pf)
{
	const char *reason = status_reason(status_of(pf));

	return reason ? reason : "";
}

/* Where there is a Retry-After, the same request may be sent again. */
static bool may_retry(const struct problem_facts *pf)
{
	return entries[pf->problem].retry_same_key || pf->retry_after_s > 0;
}

static bool is_problem(const struct entry *e)
{
	return e->status >= 400;
}

static char *write_json(const struct problem_facts *pf, const struct entry *e, const char *detail)
{
	json_t *doc = json_pack("{s:s+, s:s, s:i, s:s, s:s*, s:s*, s:s*, s:b, s:b}", "type",
		"urn:retrysafe:problem:", e->type, "title", e->title, "status", status_of(pf),
		"detail", detail, "operation", pf->ref, "operation_state",
		pf->ref ? pf->operation_state : NULL, "location", pf->location, "retry_same_key",
		may_retry(pf), "new_key_is_safe", e->new_key_is_safe);
	size_t n = 6 + (pf->ref ? 1 : 0) + (pf->ref && pf->operation_state ? 1 : 0) +
		   (pf->location ? 1 : 0);
	char *body;

	/* Without memory for a value of "s*" jansson leaves the member out. */
	if (json_object_size(doc) != n) {
		json_decref(doc);
		return NULL;
	}
	if (!is_problem(e))
		json_object_del(doc, "type");
	body = json_dumps(doc, JSON_COMPACT);
	json_decref(doc);
	return body;
}

/* May the URL stand in a Link field and in href?  RFC 3986, 2 allows neither spaces nor these. */
static bool is_linkable(const char *url)
{
	if (!url || (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0))
		return false;
	for (; *url; url++)
		if (*url < 0x21 || *url > 0x7e || strchr("<>\"\\^`{|}", *url))
			return false;
	return true;
}

/* Without an address there is no page to wait on. */
static enum page_message message_of(const struct problem_facts *pf)
{
	return pf->problem == PROBLEM_ACCEPTED && !pf->location ? PAGE_IN_PROGRESS
								: entries[pf->problem].page;
}

static char *write_html(const struct problem_facts *pf, const struct entry *e, const char *detail)
{
	struct page_fact facts[FACTS_MAX];
	char status[64], urn[64];
	struct page page = {
		.message = message_of(pf),
		.language = pf->language,
		.location = pf->location,
		.back = pf->back,
		.ref = pf->ref,
		.docs_url = is_linkable(pf->docs_url) ? pf->docs_url : NULL,
		.facts = facts,
		.template = pf->template,
	};
	size_t n = 0;

	snprintf(status, sizeof(status), "%d %s", status_of(pf), reason_of(pf));
	snprintf(urn, sizeof(urn), "urn:retrysafe:problem:%s", e->type);
	if (is_problem(e))
		facts[n++] = (struct page_fact){"type", urn};
	facts[n++] = (struct page_fact){"title", e->title};
	facts[n++] = (struct page_fact){"status", status};
	facts[n++] = (struct page_fact){"detail", detail};
	if (pf->ref)
		facts[n++] = (struct page_fact){"operation", pf->ref};
	if (pf->ref && pf->operation_state)
		facts[n++] = (struct page_fact){"operation_state", pf->operation_state};
	if (pf->location)
		facts[n++] = (struct page_fact){"location", pf->location};
	facts[n++] = (struct page_fact){"retry_same_key", may_retry(pf) ? "true" : "false"};
	facts[n++] = (struct page_fact){"new_key_is_safe", e->new_key_is_safe ? "true" : "false"};
	page.n_facts = n;
	return page_write(&page);
}

static void write_field(struct writer *w, const char *name, const char *before, const char *value,
	const char *after)
{
	if (value)
		writer_print(w, "%s: %s%s%s\r\n", name, before, value, after);
}

/* The page of a running operation leads to the result by itself, in any frame. */
static void write_page_fields(struct writer *w, const struct problem_facts *pf, const char *seconds)
{
	bool leads_on = pf->location && pf->retry_after_s > 0;

	write_field(w, "Content-Language", "", language_tag(pf->language), "");
	write_field(w, "Vary", "", "Accept, Accept-Language", "");
	write_field(w, "Content-Security-Policy", "", pf->template ? NULL : PAGE_POLICY, "");
	if (leads_on)
		write_field(w, "Refresh", seconds, "; url=", pf->location);
}

static char *write_head(const struct problem_facts *pf, const struct entry *e)
{
	bool has_link = is_linkable(pf->docs_url);
	char number[16] = "";
	struct writer w;

	writer_begin(&w);
	snprintf(number, sizeof(number), "%d", pf->retry_after_s);
	writer_print(&w, "Status: %d %s\r\n", status_of(pf), reason_of(pf));
	write_field(&w, "Content-Type", "",
		pf->prefers_html ? "text/html; charset=utf-8"
		: is_problem(e)  ? "application/problem+json"
				 : "application/json",
		"");
	write_field(&w, "Cache-Control", "", "no-store", "");
	write_field(&w, "Retry-After", "", pf->retry_after_s > 0 ? number : NULL, "");
	write_field(&w, "Location", "", pf->location, "");
	write_field(&w, "Preference-Applied", "", pf->applied, "");
	write_field(&w, "Link", "<", has_link ? pf->docs_url : NULL, ">; rel=\"describedby\"");
	if (pf->prefers_html)
		write_page_fields(&w, pf, number);
	return writer_end(&w);
}

enum err problem_build(const struct problem_facts *pf, struct problem_answer *out)
{
	const struct entry *e = &entries[pf->problem];
	struct problem_answer answer = {.status = status_of(pf), .type = e->type};
	char *detail = write_detail(e, pf->detail);

	answer.head = write_head(pf, e);
	if (detail)
		answer.body = (pf->prefers_html ? write_html : write_json)(pf, e, detail);
	free(detail);
	if (!answer.head || !answer.body) {
		problem_answer_free(&answer);
		return err_set(ERR_NOMEM, "no memory for a problem answer");
	}
	answer.head_len = strlen(answer.head);
	answer.body_len = strlen(answer.body);
	*out = answer;
	return OK;
}

void problem_answer_free(struct problem_answer *answer)
{
	if (!answer)
		return;
	free(answer->head);
	free(answer->body);
	*answer = (struct problem_answer){0};
}
