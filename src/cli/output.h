/* SPDX-License-Identifier: ISC */
/*
 * cli/output.h - shows what a script printed in vain
 */
#ifndef RETRYSAFE_CLI_OUTPUT_H
#define RETRYSAFE_CLI_OUTPUT_H

#include "base/err.h"
#include "store/store.h"

#include <stdbool.h>

/*
 * cli_output_print - prints all of it that is kept, or, as JSON, an object with "ref", "bytes" and
 * "output", or "output_base64" where it is not UTF-8 or holds a NUL
 *
 * Returns OK; ERR_ABSENT nothing is kept; a read's errors.  Blocks on the store.
 */
enum err cli_output_print(struct store *st, const struct operation *op, bool json) MUSTCHECK;

/* Ends what `show` prints: what to do about an uncertain operation, and the beginning of what its
 * script printed.  Returns OK or a read's errors.  Blocks on the store. */
enum err cli_output_append(struct store *st, const struct operation *op) MUSTCHECK;

#endif
