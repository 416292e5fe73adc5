/* SPDX-License-Identifier: ISC */
/*
 * store/account.h - the account that a store belongs to, and what root may do with it
 *
 * Scripts run as the account of the gateway, and the store belongs to that account.  Root is none
 * of these accounts, unless the operator says so.
 */
#ifndef RETRYSAFE_STORE_ACCOUNT_H
#define RETRYSAFE_STORE_ACCOUNT_H

#include "base/err.h"
#include "config/config.h"

#include <stddef.h>

/*
 * account_check_run - may this process run scripts for a configuration?
 *
 *   verb  the verb that asks, for the command in the text; NULL: none does
 *
 * Every account may but root.  Root may where `allow_root` is true and store, spool and
 * configuration, with the directories that lead to them, can be changed by root alone.
 *
 * Returns OK; ERR_REFUSED, and the text names the account to become and a command that does it.  To
 * be called before anything is made.
 */
enum err account_check_run(const struct config *cf, const char *verb) MUSTCHECK;

/*
 * account_name_owner - says to whom the store belongs when this process is of another account, and
 * which command reads it, into out; "" where it is ours or nothing is known
 *
 *   verb  for the command
 */
void account_name_owner(const struct config *cf, const char *verb, char *out, size_t size);

/*
 * account_become_owner - makes a process of root's one of the account that the store belongs to,
 * for good
 *
 * Nothing happens where we are not root, where the store is root's, and where neither it nor its
 * directory is there.  To be called while there is one thread and no store is open.  Returns OK;
 * ERR_SYSTEM.
 */
enum err account_become_owner(const struct config *cf) MUSTCHECK;

#endif
