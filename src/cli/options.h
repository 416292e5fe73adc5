/* SPDX-License-Identifier: ISC */
/*
 * cli/options.h - a command line, and how it is read
 */
#ifndef RETRYSAFE_CLI_OPTIONS_H
#define RETRYSAFE_CLI_OPTIONS_H

#include "store/listing.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

#define CLI_SCOPE_MAX 16
#define CLI_SITE_MAX  8

/* A command line.  Strings are NULL when the option is absent. */
struct cli {
	char **argv;  /* of main() */
	char **words; /* after the verb, without options */
	int n_words;
	const char *config_path, *listen, *key;
	const char *scope[CLI_SCOPE_MAX];
	size_t n_scope;
	const char *script; /* SCRIPT_NAME; snippet: a path */
	const char *site[CLI_SITE_MAX];
	size_t n_site;
	struct store_filter filter;
	int64_t since_ms; /* list: since then, or so long ago; 0: any */
	bool is_since_ago;
	bool json;
	const char *done_file, *why; /* settle */
	bool is_not_done;
	bool is_forced;           /* settle: although something of its runs lives */
	const char *archive;      /* purge */
	bool wants_output;        /* show */
	bool accepts_loss;        /* store */
	bool is_watching;         /* status */
	const char *outcome;      /* tail */
	bool wants_list;          /* snippet */
	const char *dir, *server; /* init */
};

/*
 * cli_read_options - reads what follows the verb, argv[1]
 *
 *   c          receives the options and words, borrowed from argv; other members do not change
 *   takes      names of the options that the verb takes, each with a blank behind it, as
 *              "config json "
 *   max_words  how many words that are not options the verb takes
 *
 * Returns CLI_READ; otherwise an option or a word is wrong, and standard error says which:
 * CLI_MISTYPED it also names the option that was meant; CLI_WRONG the verb's usage may help.
 */
enum cli_read { CLI_READ, CLI_MISTYPED, CLI_WRONG };
enum cli_read cli_read_options(
	struct cli *c, const char *takes, int max_words, int argc, char *argv[]) MUSTCHECK;

#endif
