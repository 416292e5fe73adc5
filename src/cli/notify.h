/* SPDX-License-Identifier: ISC */
/*
 * cli/notify.h - delivers due messages of webhooks from a verb
 */
#ifndef RETRYSAFE_CLI_NOTIFY_H
#define RETRYSAFE_CLI_NOTIFY_H

/* Starts retrysafe-notify and waits for its end; standard error says when it cannot be started. */
void cli_notify(const char *config_path);

#endif
