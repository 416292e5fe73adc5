/* SPDX-License-Identifier: ISC */
/*
 * http/problem.h - writes the answer that a client gets in place of a script's answer
 *
 * Problem details of RFC 9457, or a page for a person (http/page.c) with the same facts.  A page
 * about a running operation loads the operation's result by itself when it is there.
 * http/problem.c has one table with type, status, title, wording and the two booleans of every
 * problem.
 *
 *   retry_same_key   the same request with the same key may be sent again and may succeed, without
 *                    any change
 *   new_key_is_safe  the same request with a new key cannot cause the effect a second time; false
 *                    where the key was not looked up, or where the effect happened or may have
 *
 * Both false: the client must stop and find out.  Knows neither the store nor the web server.
 */
#ifndef RETRYSAFE_HTTP_PROBLEM_H
#define RETRYSAFE_HTTP_PROBLEM_H

#include "base/err.h"
#include "http/language.h"

#include <stdbool.h>
#include <stddef.h>

struct page_template;

enum problem {
	PROBLEM_KEY_MISSING,
	PROBLEM_KEY_INVALID,
	PROBLEM_REQUEST_INVALID, /* malformed CGI variables, for example */
	PROBLEM_REQUEST_INCOMPLETE,
	PROBLEM_REQUEST_TOO_LARGE,
	PROBLEM_KEY_REUSED,
	PROBLEM_IN_PROGRESS,
	PROBLEM_OTHER_PRINCIPAL,
	PROBLEM_RESULT_EXPIRED,
	PROBLEM_OUTCOME_UNCERTAIN,
	PROBLEM_SCRIPT_FAILED,  /* the script ended without a valid response: uncertain */
	PROBLEM_SCRIPT_TIMEOUT, /* the script ran into its time limit: uncertain */
	PROBLEM_SCRIPT_MISSING, /* from here on: no script was started for this request */
	PROBLEM_SCRIPT_NOT_EXECUTABLE,
	PROBLEM_SCRIPT_OUTSIDE,
	PROBLEM_SCRIPT_NOT_STARTED, /* the claim was new, and was released */
	PROBLEM_STORE_UNAVAILABLE,  /* only before a run; after it the outcome is uncertain */
	PROBLEM_OVERLOADED,
	PROBLEM_CONFIGURATION,
	PROBLEM_DUPLICATE,          /* another operation has the natural key */
	PROBLEM_OPERATION_UNKNOWN,  /* no such operation, or another caller's */
	PROBLEM_OPERATION_RELEASED, /* it was not carried out, and its key is free */
	PROBLEM_WEBHOOK_REFUSED,
	PROBLEM_ACCEPTED, /* no problem: 202, with the address of the result */
	PROBLEM__MAX
};

struct problem_facts {
	enum problem problem;
	const char
		*detail; /* what happened, for this request, such as err_text(); NULL: the table's
			    sentence.  Capital letter and full stop are added where missing, and
			    then the table's sentences on what ran and what to do. */
	const char *ref; /* of the operation; or NULL */
	const char *operation_state; /* or NULL; needs ref */
	int retry_after_s;           /* 0: none; else the same request may be sent again after it */
	int status;                  /* instead of the table's; 0: the table's */
	const char *location;        /* where the operation's result is or will be; or NULL */
	const char *applied;         /* Preference-Applied (RFC 7240); or NULL */
	const char *docs_url;        /* or NULL */
	bool prefers_html;
	/* Of a page only. */
	enum language language;
	const char *back;                     /* path of the page before, on this site; or NULL */
	const struct page_template *template; /* the operator's frame; or NULL */
};

struct problem_answer {
	int status;
	const char *type; /* "key-missing": the end of the type URN, for the log; static */
	char *head; /* "Status: 409 Conflict\r\nName: value\r\n..."; without Content-Length and
		       without the blank line, as cgi_response makes it; NUL-terminated */
	size_t head_len;
	char *body; /* NUL-terminated */
	size_t body_len;
};

/*
 * problem_build - writes the answer
 *
 * Everything in facts is borrowed.  Returns OK, the caller then frees *out with
 * problem_answer_free(); or ERR_NOMEM.
 */
enum err problem_build(const struct problem_facts *facts, struct problem_answer *out) MUSTCHECK;

/* Frees what answer holds and leaves it empty.  answer may be NULL. */
void problem_answer_free(struct problem_answer *answer);

#endif
