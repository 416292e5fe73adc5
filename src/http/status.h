/* SPDX-License-Identifier: ISC */
/*
 * http/status.h - reason phrases of HTTP status codes
 */
#ifndef RETRYSAFE_HTTP_STATUS_H
#define RETRYSAFE_HTTP_STATUS_H

/* The standard reason phrase of a status ("Not Found"), or NULL when it has none; static. */
const char *status_reason(int status);

#endif
