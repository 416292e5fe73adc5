/* SPDX-License-Identifier: ISC */
/*
 * cli/program.h - the programs that are installed beside this one
 *
 * What loads more than a CGI request should is in a program of its own.
 */
#ifndef RETRYSAFE_CLI_PROGRAM_H
#define RETRYSAFE_CLI_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * program_path - the path of `name` beside our executable, not beside a link to it
 *
 * Writes it to out; false: /proc does not tell it, or it is longer than size.
 */
bool program_path(const char *name, char *out, size_t size);

#endif
