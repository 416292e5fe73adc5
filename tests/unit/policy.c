/* SPDX-License-Identifier: ISC */
/* Claim: while one process settles an operation, a second one leaves it alone and starts nothing.
 */
#include "recovery/policy.h"

#include "store/liveness.h"
#include "store_try.h"

int main(void)
{
	char probe_path[] = "/bin/true", *probe[] = {probe_path, NULL};
	struct route route = {.on_uncertain = UNCERTAIN_PROBE, .probe = probe};
	struct keeper_link link = {.fd = -1}; /* no request was stored: nothing is ordered */
	struct config cf = {.n_routes = 0};
	struct operation op, found;
	struct store *st;
	enum verdict verdict;
	int lock_fd = -1;

	umask(077);
	try_begin(NULL);
	st = try_store();
	op = try_operation(st, "policy", 1000);
	must(claim_take(st, &(struct claim){.op = &op}, &verdict));
	must(store_mark_uncertain(st, &op, 1, "why", 2000));
	must(store_find(st, op.identity, &found, NULL));

	must(liveness_lock_settling(st, op.id, &lock_fd));
	is_int(policy_settle(st, &cf, &route, &link, &found), ERR_BUSY, "a second one is told so");
	is_int(found.state, STATE_UNCERTAIN, "and the operation stays");
	ok(close(lock_fd) == 0, "the first one ends");
	is_int(policy_settle(st, &cf, &route, &link, &found), OK, "the next one may settle it");

	store_close(&st);
	return try_end();
}
