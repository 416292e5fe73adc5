/* SPDX-License-Identifier: ISC */
/*
 * gateway/resource.h - GET SCRIPT?_operation=REF: an operation's own address
 */
#ifndef RETRYSAFE_GATEWAY_RESOURCE_H
#define RETRYSAFE_GATEWAY_RESOURCE_H

#include "gateway/request.h"

/* Step `operation`: a request for an operation's own address is answered here; others go on. */
enum next resource_answer(struct request *r);

#endif
