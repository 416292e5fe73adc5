/* SPDX-License-Identifier: ISC */
/*
 * cli/until.h - verbs that go on until they are interrupted
 */
#ifndef RETRYSAFE_CLI_UNTIL_H
#define RETRYSAFE_CLI_UNTIL_H

#include <stdbool.h>

/* From now on INT, TERM and HUP only end cli_until_pause(). */
void cli_until_begin(void);

/* Writes out what was printed, and waits ms milliseconds.  False: there was such a signal, or
 * standard output takes no more. */
bool cli_until_pause(int ms);

#endif
