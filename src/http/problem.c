/* SPDX-License-Identifier: ISC */
/*
 * http/problem.c - the table of problems, written as JSON or as a page
 *
 * The texts are for readers who know neither CGI nor this program.  They claim only facts that are
 * certain: where the key was not looked up, "this request was not carried out" leaves open whether
 * an earlier one was.
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

#include "http/status.h"

#include <jansson.h>
#include <stdarg.h>
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
	const char *title;
	const char *happened; /* replaced by problem_facts.detail */
	const char *advice;   /* whether anything was carried out, and what to do */
} entries[PROBLEM__MAX] = {
	[PROBLEM_KEY_MISSING] = {"key-missing", 400, false, true, "Idempotency-Key is missing",
		"This request must carry an Idempotency-Key, and it has none.",
		"Nothing was carried out. Choose a new unique key, for example a UUID, send the "
		"request again with it, and keep to that key whenever you repeat the request."},
	[PROBLEM_KEY_INVALID] = {"key-invalid", 400, false, true, "Idempotency-Key is not valid",
		"The Idempotency-Key must be one string of 1 to 255 printable ASCII characters.",
		"Nothing was carried out. Correct the key and send the request again."},
	/* The key was not looked up: an earlier request may have been carried out. */
	[PROBLEM_REQUEST_INVALID] = {"request-invalid", 400, false, false,
		"The request is not valid", "The request could not be understood.",
		"This request was not carried out. Correct it and send it again; if it repeats an "
		"earlier request, keep its key."},
	[PROBLEM_REQUEST_INCOMPLETE] = {"request-incomplete", 400, true, false,
		"The request is incomplete", "The body of the request did not arrive as a whole.",
		"This request was not carried out. Send it again with the same key."},
	/* The request is too large every time, so no earlier one can have run. */
	[PROBLEM_REQUEST_TOO_LARGE] = {"request-too-large", 413, false, true,
		"The request is too large",
		"The body of the request is larger than is accepted here.",
		"Nothing was carried out. Sending the same request again does not help; send a "
		"smaller one."},
	[PROBLEM_KEY_REUSED] = {"key-reused", 422, false, true, "Idempotency-Key is already used",
		"This Idempotency-Key was used before, for a different request.",
		"This request was not carried out. If it is a new operation, send it with a new "
		"key. If it was meant to repeat the earlier one, send exactly what was sent then: "
		"the same method, address and body."},
	[PROBLEM_IN_PROGRESS] = {"in-progress", 409, true, false,
		"A request is outstanding for this Idempotency-Key",
		"A request with this Idempotency-Key is still being carried out.",
		"It is not started a second time. Wait, then send the same request "
		"with the same key to get its result. With a new key it could be carried out "
		"twice."},
	/* The likeliest other principal is the same one with a new token. */
	[PROBLEM_OTHER_PRINCIPAL] = {"other-principal", 409, false, false,
		"Idempotency-Key was used with other credentials",
		"The same request was sent before with this Idempotency-Key, but with other "
		"credentials.",
		"This request was not carried out, and the earlier result is not shown. If the "
		"earlier request was yours, repeat it with the credentials used then. With a new "
		"key it could be carried out twice."},
	[PROBLEM_RESULT_EXPIRED] = {"result-expired", 410, false, false,
		"The result is no longer available",
		"The request with this Idempotency-Key was carried out, but its answer is no "
		"longer available.",
		"It was not carried out again, and repeating it does not bring the answer back. "
		"Look for the result in another way. With a new key it would be carried out a "
		"second time."},
	[PROBLEM_OUTCOME_UNCERTAIN] = {"outcome-uncertain", 409, false, false,
		"The outcome of this operation is not known",
		"The request with this Idempotency-Key was started, and it cannot be known "
		"whether it was carried out to its end.",
		"It was not started again. Do not repeat it with a new key: it could be carried "
		"out twice. Check whether it took effect, or ask the operator of this service to "
		"settle the operation."},
	/* Also told to a request without a key, whose program printed nothing. */
	[PROBLEM_SCRIPT_FAILED] = {"script-failed", 502, false, false,
		"The service failed while it carried out the request",
		"The program behind this address did not give a complete, valid answer.",
		"The request may have taken effect as a whole, in part or not at all, and is not "
		"carried out again by itself. Do not send it with a new key or without one: it "
		"could be carried out twice. Check whether it took effect, or ask the operator "
		"of this service."},
	[PROBLEM_SCRIPT_TIMEOUT] = {"script-timeout", 504, false, false,
		"The service took too long to carry out the request",
		"The program behind this address did not end within its time limit and was "
		"stopped.",
		"The request may have taken effect as a whole, in part or not at all, and is not "
		"carried out again by itself. Do not send it with a new key or without one: it "
		"could be carried out twice. Check whether it took effect, or ask the operator "
		"of this service."},
	/* Whether an earlier request found a script here was not looked up: no new key. */
	[PROBLEM_SCRIPT_MISSING] = {"script-missing", 404, false, false,
		"There is nothing at this address",
		"There is no program at this address that could carry out the request.",
		"This request was not carried out. Check the address. If it is right, tell the "
		"operator of this service, and send the same request with the same key when that "
		"is repaired."},
	[PROBLEM_SCRIPT_NOT_EXECUTABLE] = {"script-not-executable", 403, false, false,
		"The program at this address cannot be started",
		"The program at this address is there, but the service may not start it.",
		"This request was not carried out. Tell the operator of this service, and send the "
		"same request with the same key when that is repaired."},
	[PROBLEM_SCRIPT_OUTSIDE] = {"script-not-allowed", 403, false, false,
		"The program at this address is not allowed",
		"The program at this address is not one that this service is set up to start.",
		"This request was not carried out. Check the address. If it is right, tell the "
		"operator of this service, and send the same request with the same key when that "
		"is repaired."},
	/* The key was free when this request claimed it, and it is free again. */
	[PROBLEM_SCRIPT_NOT_STARTED] = {"script-not-started", 503, true, true,
		"The request could not be started",
		"The system could not start the program behind this address.",
		"Nothing was carried out. Send the same request with the same key again later."},
	[PROBLEM_STORE_UNAVAILABLE] = {"store-unavailable", 503, true, false,
		"The record of earlier requests is not available",
		"It could not be looked up whether this request was carried out before.",
		"This request was not carried out. Send it again later with the same key, not with "
		"a new one."},
	[PROBLEM_OVERLOADED] = {"overloaded", 503, true, false, "The service is busy",
		"Too many requests are being carried out at this moment.",
		"This request was not carried out. Send it again later with the same key, not with "
		"a new one."},
	[PROBLEM_CONFIGURATION] = {"configuration", 500, false, false,
		"The service is not configured correctly",
		"A mistake in its configuration keeps this service from working.",
		"This request was not carried out. Tell the operator of this service, and send the "
		"same request with the same key when that is repaired."},
	[PROBLEM_DUPLICATE] = {"duplicate", 409, false, false, "This was already requested",
		"Another request with the same values was accepted before.",
		"This request was not carried out, and as long as the earlier one counts it will "
		"not be, with this key or a new one. Look at what the earlier request did, or "
		"change the values."},
	[PROBLEM_OPERATION_UNKNOWN] = {"operation-unknown", 404, false, false,
		"There is no such operation", "No operation of yours has this reference here.",
		"Nothing was carried out. The operation may have been forgotten, or may never have "
		"been started; or it was requested with other credentials. To find out, repeat the "
		"original request with its original key and credentials; one that has been "
		"forgotten is then carried out anew."},
	[PROBLEM_WEBHOOK_REFUSED] = {"webhook-refused", 400, false, true,
		"The address for the notification is not accepted",
		"The URL in Retrysafe-Webhook is not one that may be notified from here.",
		"Nothing was carried out. Send the request again without Retrysafe-Webhook, or "
		"with a URL that the operator of this service allows."},
	[PROBLEM_ACCEPTED] = {"accepted", 202, true, false, "Your request is being carried out",
		"The request was accepted and is still being carried out.",
		"Its result will be at the address in Location. The same request with the same key "
		"leads there, too; with a new key it could be carried out twice."},
};

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

/* ---- texts that grow ---- */

/* A growing text.  When open_memstream(3) has no memory, the write fails, and ferror(3) is silent.
 */
struct text {
	FILE *f;
	char *bytes;
	size_t len;
	bool is_cut; /* a write has failed: the text is incomplete */
};

static void begin(struct text *t)
{
	*t = (struct text){0};
	t->f = open_memstream(&t->bytes, &t->len);
	t->is_cut = !t->f;
}

static void put(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void put(struct text *t, const char *fmt, ...)
{
	va_list ap;

	if (t->is_cut)
		return;
	va_start(ap, fmt);
	t->is_cut = vfprintf(t->f, fmt, ap) < 0;
	va_end(ap);
}

/* Ends the text.  Returns it, for the caller to free; NULL: there was no memory for it. */
static char *end(struct text *t)
{
	bool is_whole = t->f && fclose(t->f) == 0 && !t->is_cut;

	if (is_whole)
		return t->bytes;
	free(t->bytes);
	return NULL;
}

static void write_escaped(struct text *t, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			put(t, "&amp;");
			break;
		case '<':
			put(t, "&lt;");
			break;
		case '>':
			put(t, "&gt;");
			break;
		case '"':
			put(t, "&quot;");
			break;
		case '\'':
			put(t, "&#39;");
			break;
		default:
			t->is_cut = t->is_cut || putc(*text, t->f) == EOF;
		}
	}
}

static void write_term(struct text *t, const char *term, const char *text)
{
	put(t, "<dt>%s</dt>\n<dd>", term);
	write_escaped(t, text);
	put(t, "</dd>\n");
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

static void write_page(
	struct text *t, const struct problem_facts *pf, const struct entry *e, const char *detail)
{
	put(t, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	       "<title>");
	write_escaped(t, e->title);
	put(t, "</title>\n");
	if (pf->location && pf->retry_after_s > 0) {
		put(t, "<meta http-equiv=\"refresh\" content=\"%d; url=", pf->retry_after_s);
		write_escaped(t, pf->location);
		put(t, "\">\n");
	}
	put(t, "<style>\n:root { color-scheme: light dark; }\n"
	       "body { font: 1.1rem/1.5 sans-serif; max-width: 40rem; margin: 2rem auto; "
	       "padding: 0 1rem; }\ndt { font-weight: bold; }\ndd { margin: 0 0 .5rem; "
	       "overflow-wrap: anywhere; }\n</style>\n</head>\n<body>\n<main>\n<h1>");
	write_escaped(t, e->title);
	put(t, "</h1>\n<p>");
	write_escaped(t, detail);
	put(t, "</p>\n<dl>\n");
	put(t, "<dt>Status</dt>\n<dd>%d %s</dd>\n", status_of(pf), reason_of(pf));
	if (is_problem(e))
		put(t, "<dt>Problem</dt>\n<dd>urn:retrysafe:problem:%s</dd>\n", e->type);
	if (pf->ref)
		write_term(t, "Operation", pf->ref);
	if (pf->ref && pf->operation_state)
		write_term(t, "State of the operation", pf->operation_state);
	write_term(t, "Can it help to send the same request again?",
		may_retry(pf) ? "Yes, with the same key" : "No");
	write_term(t, "Is it safe to send it with a new key?", e->new_key_is_safe ? "Yes" : "No");
	put(t, "</dl>\n");
	if (pf->location) {
		put(t, "<p><a href=\"");
		write_escaped(t, pf->location);
		put(t, "\">See the result</a>: this page leads there by itself</p>\n");
	}
	if (is_linkable(pf->docs_url)) {
		put(t, "<p><a href=\"");
		write_escaped(t, pf->docs_url);
		put(t, "\">How requests and keys work here</a></p>\n");
	}
	put(t, "</main>\n</body>\n</html>\n");
}

static char *write_html(const struct problem_facts *pf, const struct entry *e, const char *detail)
{
	struct text t;

	begin(&t);
	write_page(&t, pf, e, detail);
	return end(&t);
}

static void write_field(
	struct text *t, const char *name, const char *before, const char *value, const char *after)
{
	if (value)
		put(t, "%s: %s%s%s\r\n", name, before, value, after);
}

static char *write_head(const struct problem_facts *pf, const struct entry *e)
{
	bool has_link = is_linkable(pf->docs_url);
	char number[16] = "";
	struct text t;

	begin(&t);
	snprintf(number, sizeof(number), "%d", pf->retry_after_s);
	put(&t, "Status: %d %s\r\n", status_of(pf), reason_of(pf));
	write_field(&t, "Content-Type", "",
		pf->prefers_html ? "text/html; charset=utf-8"
		: is_problem(e)  ? "application/problem+json"
				 : "application/json",
		"");
	write_field(&t, "Cache-Control", "", "no-store", "");
	write_field(&t, "Retry-After", "", pf->retry_after_s > 0 ? number : NULL, "");
	write_field(&t, "Location", "", pf->location, "");
	write_field(&t, "Preference-Applied", "", pf->applied, "");
	write_field(&t, "Link", "<", has_link ? pf->docs_url : NULL, ">; rel=\"describedby\"");
	return end(&t);
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

/* RFC 9110, 12.4.2: a weight in thousandths; 0 when it is none. */
static int read_weight(const char *s, size_t len)
{
	int weight, unit = 100;

	if (len == 0 || len > 5 || (s[0] != '0' && s[0] != '1') || (len > 1 && s[1] != '.'))
		return 0;
	weight = (s[0] - '0') * 1000;
	for (size_t i = 2; i < len; i++, unit /= 10) {
		if (s[i] < '0' || s[i] > '9')
			return 0;
		weight += (s[i] - '0') * unit;
	}
	return weight <= 1000 ? weight : 0;
}

/* Cuts the next part off *list, up to `separator`, without the blanks around it. */
static bool next_part(
	const char **list, const char *end, char separator, const char **part, size_t *len)
{
	const char *stop;

	if (*list >= end)
		return false;
	stop = memchr(*list, separator, (size_t)(end - *list));
	if (!stop)
		stop = end;
	*part = *list;
	*list = stop + 1;
	while (*part < stop && (**part == ' ' || **part == '\t'))
		(*part)++;
	while (*part < stop && (stop[-1] == ' ' || stop[-1] == '\t'))
		stop--;
	*len = (size_t)(stop - *part);
	return true;
}

static bool is_among(const char *const *names, const char *name, size_t len)
{
	for (; *names; names++)
		if (strlen(*names) == len && strncasecmp(*names, name, len) == 0)
			return true;
	return false;
}

bool problem_prefers_html(const char *accept)
{
	static const char *const pages[] = {"text/html", "application/xhtml+xml", NULL};
	static const char *const others[] = {
		"application/problem+json", "application/json", "application/*", "*/*", NULL};
	const char *end = accept ? accept + strlen(accept) : NULL;
	const char *range, *part;
	size_t range_len, len;
	int page = 0, other = 0;

	while (accept && next_part(&accept, end, ',', &range, &range_len)) {
		const char *rest = range, *range_end = range + range_len;
		const char *name = "";
		size_t name_len = 0;
		int weight = 1000;

		if (next_part(&rest, range_end, ';', &name, &name_len))
			while (next_part(&rest, range_end, ';', &part, &len))
				if (len >= 2 && strncasecmp(part, "q=", 2) == 0)
					weight = read_weight(part + 2, len - 2);
		if (is_among(pages, name, name_len) && weight > page)
			page = weight;
		if (is_among(others, name, name_len) && weight > other)
			other = weight;
	}
	return page > other;
}
