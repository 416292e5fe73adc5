/* SPDX-License-Identifier: ISC */
/*
 * gateway/resource.c - GET SCRIPT?_operation=REF: an operation's own address
 *
 * RULES
 *   (1) "It was not carried out" is said only of an operation of which the store has noted that,
 *       and only as long as no other request has claimed its key since; then that one's answer
 *       counts (t83-pages).
 *
 * Does not know: how an operation is run.
 */
#include "gateway/resource.h"

#include "base/clock.h"
#include "gateway/fingerprint.h"
#include "gateway/lookup.h"
#include "gateway/progress.h"
#include "gateway/refusal.h"
#include "gateway/value_source.h"

#include <string.h>
#include <strings.h>

/* GET SCRIPT?_operation=REF; false: an ordinary request for the script. */
static bool names_operation(struct request *r, char ref[REF_LEN + 1])
{
	const char *method = variables_get(&r->vars, "REQUEST_METHOD");
	struct value v;

	if (!r->route || (strcasecmp(method, "GET") != 0 && strcasecmp(method, "HEAD") != 0) ||
		value_source_find(r, NULL, "query:_operation", &v) != OK || v.n != 1 ||
		v.len != REF_LEN || strspn(v.text, "0123456789abcdef") != REF_LEN)
		return false;
	memcpy(ref, v.text, REF_LEN + 1);
	return true;
}

/* Sets r->found to the operation; without a row it may have been released a short time ago. */
static enum err find_operation(struct request *r, const char *ref)
{
	enum err e = store_find_ref(r->store, ref, &r->found, NULL);

	return e == ERR_ABSENT
		       ? store_find_released(r->store, ref, store_now_ms(r->store), &r->found)
		       : e;
}

static bool is_callers(const struct request *r)
{
	return memcmp(r->found.place, r->op.place, PLACE_LEN) == 0 &&
	       memcmp(r->found.principal, r->op.principal, PRINCIPAL_LEN) == 0;
}

/* Answers from what is known about the key now.  NEXT: the key is free. */
static enum next answer_found(struct request *r, const char *ref)
{
	bool is_absent = r->found.state == STATE_ABSENT;
	struct operation released;
	enum err e = OK;

	memcpy(r->op.identity, r->found.identity, IDENTITY_LEN);
	memcpy(r->op.fingerprint, r->found.fingerprint, FINGERPRINT_LEN);
	if (lookup_answer(r) == FINISHED)
		return FINISHED;
	if (!is_absent) /* it has moved meanwhile, or its time is over */
		e = store_find_released(r->store, ref, store_now_ms(r->store), &released);
	return e == OK ? refusal_send(r, PROBLEM_OPERATION_RELEASED, NULL, NULL, 0) : NEXT;
}

/*
 * An operation of another site or address, or of another caller, is as unknown as one that is not
 * there: the answer tells nothing about it.
 */
enum next resource_answer(struct request *r)
{
	char ref[REF_LEN + 1];
	enum err e;

	if (!names_operation(r, ref))
		return NEXT;
	r->is_resource = true;
	progress_read_preference(r);
	e = deployment_store(r->deployment, variables_get(&r->vars, "DOCUMENT_ROOT"), &r->store);
	if (e == OK)
		e = find_operation(r, ref);
	if (e != OK && e != ERR_ABSENT)
		return refusal_store_failed(r, e);
	fingerprint_place(store_secret(r->store), r);
	fingerprint_principal(store_secret(r->store), r);
	if (e == OK && is_callers(r) && answer_found(r, ref) == FINISHED)
		return FINISHED;
	return refusal_send(r, PROBLEM_OPERATION_UNKNOWN, NULL, NULL, 0);
}
