/* SPDX-License-Identifier: ISC */
/*
 * cli.h - the verbs of the command line
 */
#ifndef RETRYSAFE_CLI_H
#define RETRYSAFE_CLI_H

#include "err.h"

/* Exit codes, a contract: SPEC section 12. */
#define EXIT_NO        1   /* the answer is no, or nothing matched */
#define EXIT_USAGE     100 /* usage or configuration: do not start again */
#define EXIT_TEMPORARY 111 /* try again later */

#define RETRYSAFE_VERSION "0.1.0"

/* Carries out the verb in argv[1]; returns the exit code. */
int cli_run(int argc, char *argv[]);

/*
 * cli_workers - `workers` of a configuration, or the default where there is none yet
 *
 * config_path NULL: RETRYSAFE_CONFIG and the places that do not depend on a script.  Returns OK;
 * ERR_ABSENT config_path is not there; ERR_INVALID it is wrong.
 */
enum err cli_workers(const char *config_path, int *n) MUSTCHECK;

/* In main.c: serves FastCGI on fd, or, with fd -1, on a socket at `address`; returns the exit code.
 */
int main_fastcgi(int fd, const char *address, const char *config_path, int n_workers, char *argv[]);

#endif
