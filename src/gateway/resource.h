/* SPDX-License-Identifier: ISC */
/*
 * gateway/resource.h - GET SCRIPT?_operation=REF: an operation's own address
 */
#ifndef RETRYSAFE_GATEWAY_RESOURCE_H
#define RETRYSAFE_GATEWAY_RESOURCE_H

#include "gateway/request.h"

/*
 * resource_answer - step `operation`: answers a request for an operation's own address
 *
 * Runs nothing.  Returns NEXT: it is a request for the script; FINISHED: it has been answered, with
 * the recorded result, a 202, or operation-unknown.  Blocks on the store, and as long as a caller
 * may wait.
 */
enum next resource_answer(struct request *r);

#endif
