/* SPDX-License-Identifier: ISC */
/*
 * cli/verbs.h - the verbs of the table in cli/cli.c
 *
 * Each carries out its verb and returns the program's exit code.  If that is not 0, standard error
 * may say why.
 */
#ifndef RETRYSAFE_CLI_VERBS_H
#define RETRYSAFE_CLI_VERBS_H

#include "cli/options.h"
#include "config/config.h"

#include <limits.h>
#include <stdbool.h>

/* cli/inspect.c */
int cli_list(const struct cli *c);
int cli_show(const struct cli *c);
int cli_stats(const struct cli *c);

/* cli/settle.c */
int cli_settle(const struct cli *c);
int cli_recover(const struct cli *c);

/* cli/advice.c: calls `each` for every setting of a route, counted from 1, that is allowed and
 * often not what was meant.  The text is static. */
void cli_advise(const struct config *cf, void (*each)(size_t route, const char *text, void *arg),
	void *arg);

/* cli/backup.c */
int cli_backup(const struct cli *c);
int cli_store(const struct cli *c);

/* cli/program.c: the program retrysafe-doctor takes over, and reads c->argv.  Returns when it
 * cannot.
 */
int cli_doctor(const struct cli *c);

int cli_status(const struct cli *c);  /* cli/status.c */
int cli_metrics(const struct cli *c); /* cli/metrics.c */

/* cli/tail.c; the outcomes are words of the log */
#define TAIL_OUTCOMES "first, released, script-failed, script-timeout or outcome-uncertain"
int cli_tail(const struct cli *c);

/* cli/snippet.c */
int cli_snippet(const struct cli *c);

/* Makes a path absolute without following links, unless there is a ".." in it; false: too long. */
bool cli_absolute_path(const char *path, char out[PATH_MAX]);

/* cli/check.c: complains about all that keeps a configuration from being used, after a process of
 * root's has become one of the store's owner; returns how many mistakes there are, and in *store_is
 * what the store is, static. */
int cli_find_mistakes(const struct config *cf, const char **store_is);

int cli_check(const struct cli *c); /* cli/check.c */
int cli_init(const struct cli *c);  /* cli/init.c */
int cli_purge(const struct cli *c); /* cli/purge.c */
int cli_serve(const struct cli *c); /* cli/serve.c */

#endif
