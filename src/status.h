/* SPDX-License-Identifier: ISC */
/*
 * status.h - HTTP status codes in words
 */
#ifndef RETRYSAFE_STATUS_H
#define RETRYSAFE_STATUS_H

/* The standard reason phrase of a status ("Not Found"), or NULL when it has none; static. */
const char *status_reason(int status);

#endif
