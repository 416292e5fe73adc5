/* SPDX-License-Identifier: ISC */
/*
 * doctor/doctor.c - the program retrysafe-doctor: asks a web server, as a client would
 *
 * It is a program of its own so that no CGI request loads libcurl; `retrysafe try` becomes it.
 *
 * Does not know: the configuration and the store.
 */
#include "base/descriptors.h"
#include "base/digest.h"
#include "base/exit_code.h"
#include "base/log.h"
#include "base/version.h"
#include "doctor/trial.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage_text[] =
	"usage: retrysafe-doctor try URL [-d BODY]... [-H HEADER]... [--json]\n"
	"\n"
	"Sends the same POST twice with one Idempotency-Key, and shows both answers and what they\n"
	"mean.  The script behind the URL runs: once if it is protected, else twice.\n"
	"\n"
	"  -d BODY    the request's body; several are joined with \"&\".  Default: empty\n"
	"  -H HEADER  one more header field, such as 'Authorization: Basic ...'\n"
	"  --json     one JSON object\n"
	"\n"
	"Exit codes: 0 protected, 1 not protected or not known, 100 usage, 111 no answer.\n";

static int usage(FILE *to)
{
	fputs(usage_text, to);
	return to == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

static int complain(enum err e)
{
	fprintf(stderr, "retrysafe: try: %s\n", err_text());
	return e == ERR_INVALID ? EXIT_USAGE : EXIT_TEMPORARY;
}

/* Adds a piece of the body as a browser joins the fields of a form. */
static bool add_body(struct trial *t, const char *piece)
{
	char *more = NULL;

	if (asprintf(&more, "%s%s%s", t->body ? t->body : "", t->body ? "&" : "", piece) < 0)
		return false;
	free(t->body);
	t->body = more;
	return true;
}

static bool add_field(struct trial *t, const char *line)
{
	struct curl_slist *longer = curl_slist_append(t->fields, line);

	if (longer)
		t->fields = longer;
	return longer;
}

/* The key, quoted as RFC 8941 has strings; no other trial has it. */
static bool add_key(struct trial *t)
{
	unsigned char bytes[12];
	char hex[2 * sizeof(bytes) + 1], line[80];

	random_bytes(bytes, sizeof(bytes));
	hex_text(bytes, sizeof(bytes), hex);
	snprintf(t->key, sizeof(t->key), "try-%s", hex);
	snprintf(line, sizeof(line), "Idempotency-Key: \"%s\"", t->key);
	return add_field(t, line) && add_field(t, "Expect:");
}

/* Reads the options; -1: go on, else the exit code. */
static int read_options(struct trial *t, bool *json, int argc, char *argv[])
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
	int opt;

	while ((opt = getopt_long(argc, argv, "d:H:h", options, NULL)) != -1) {
		if (opt == 'h')
			return usage(stdout);
		if (opt == '?')
			return EXIT_USAGE; /* getopt(3) has said why */
		*json = *json || opt == 'j';
		if (opt == 'H' && (!strchr(optarg, ':') || strpbrk(optarg, "\r\n"))) {
			fprintf(stderr, "retrysafe: try: -H %s: write 'Name: value'\n", optarg);
			return EXIT_USAGE;
		}
		if ((opt == 'd' && !add_body(t, optarg)) || (opt == 'H' && !add_field(t, optarg)))
			return complain(err_set(ERR_NOMEM, "out of memory"));
	}
	if (argc - optind != 1)
		return usage(stderr);
	t->url = argv[optind];
	return -1;
}

static int try_url(int argc, char *argv[])
{
	struct trial t = {0};
	bool json = false;
	int code = read_options(&t, &json, argc, argv);
	enum err e = OK;

	if (code < 0) {
		if (!add_key(&t) || (!t.body && !add_body(&t, "")))
			e = err_set(ERR_NOMEM, "out of memory");
		if (e == OK)
			e = trial_run(&t);
		if (e == OK)
			(json ? trial_show_json : trial_show)(&t);
		code = e != OK                                      ? complain(e)
		       : t.verdict == VERDICT_PROTECTED             ? EXIT_SUCCESS
		       : !t.first.has_answer || !t.retry.has_answer ? EXIT_TEMPORARY
								    : EXIT_NO;
	}
	exchange_free(&t.first);
	exchange_free(&t.retry);
	curl_slist_free_all(t.fields);
	free(t.body);
	return code;
}

int main(int argc, char *argv[])
{
	int code;

	descriptors_open_standard();
	if (getenv("GATEWAY_INTERFACE")) { /* argv would be the client's query (RFC 3875, 4.4) */
		log_warn("retrysafe-doctor is not a CGI script");
		return EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		return usage(stdout);
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		printf("retrysafe-doctor %s\n%s\n", RETRYSAFE_VERSION, curl_version());
		return EXIT_SUCCESS;
	}
	if (argc < 2 || strcmp(argv[1], "try") != 0)
		return usage(stderr);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return complain(err_set(ERR_NOMEM, "libcurl cannot be used"));
	code = try_url(argc - 1, argv + 1);
	curl_global_cleanup();
	return code;
}
