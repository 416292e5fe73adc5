/* SPDX-License-Identifier: ISC */
/*
 * base/exit_code.h - how the program ends, a contract: EXIT STATUS of retrysafe(1)
 */
#ifndef RETRYSAFE_BASE_EXIT_CODE_H
#define RETRYSAFE_BASE_EXIT_CODE_H

#define EXIT_NO        1   /* the answer is no, or nothing matched */
#define EXIT_USAGE     100 /* usage or configuration: do not start again */
#define EXIT_TEMPORARY 111 /* try again later */

#endif
