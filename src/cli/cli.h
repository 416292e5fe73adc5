/* SPDX-License-Identifier: ISC */
/*
 * cli/cli.h - the verbs of the command line
 */
#ifndef RETRYSAFE_CLI_CLI_H
#define RETRYSAFE_CLI_CLI_H

#include "base/err.h"
#include "base/exit_code.h"

/* Carries out the verb in argv[1]; returns the exit code. */
int cli_run(int argc, char *argv[]);

#endif
