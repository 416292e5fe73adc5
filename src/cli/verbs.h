/* SPDX-License-Identifier: ISC */
/*
 * cli/verbs.h - the verbs of the table in cli/cli.c
 *
 * Each carries out its verb and returns the exit code of the program; what is wrong is on standard
 * error then.
 */
#ifndef RETRYSAFE_CLI_VERBS_H
#define RETRYSAFE_CLI_VERBS_H

#include "cli/options.h"

/* cli/inspect.c */
int cli_list(const struct cli *c);
int cli_show(const struct cli *c);
int cli_stats(const struct cli *c);

/* cli/settle.c */
int cli_settle(const struct cli *c);
int cli_recover(const struct cli *c);

int cli_check(const struct cli *c); /* cli/check.c */
int cli_purge(const struct cli *c); /* cli/purge.c */
int cli_serve(const struct cli *c); /* cli/serve.c */

#endif
