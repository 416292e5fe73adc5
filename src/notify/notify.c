/* SPDX-License-Identifier: ISC */
/*
 * notify/notify.c - the program retrysafe-notify: tells receivers how operations ended
 *
 * It takes messages out of the store's outbox, POSTs them, and writes each outcome into the outbox.
 * It is a program of its own so that no CGI request loads libcurl.
 *
 * RULES
 *   (1) A message is taken for a lease that is longer than a try may last.  A notifier that dies
 *       loses nothing: its messages are due again when the lease is over.  So TERM needs no handler
 *       (t70-webhooks).
 *   (2) AT_ONCE messages are under way at the same time, each with a time limit for its whole try.
 *       When one of them ends by its limit, all messages of that receiver are postponed: the
 *       receiver delays others by one limit, not by one limit for each message (t70-webhooks).
 *   (3) Any number of notifiers may run: the store gives a message to one of them at a time
 *       (t70-webhooks).
 *
 * Does not know: how operations end (operation/claim.c), SQL.
 */
#include "base/clock.h"
#include "base/descriptors.h"
#include "base/digest.h"
#include "base/log.h"
#include "config/config.h"
#include "http/webhook_url.h"
#include "notify/delivery.h"

#include "base/exit_code.h"
#include "base/version.h"
#include "store/account.h"
#include "store/configured.h"
#include "store/outbox.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE   8
#define LOOK_MS   1000  /* pause between two looks for new messages, with --follow */
#define PASS_MS   60000 /* after so long a pass takes no more messages; the timer starts another */
#define PUT_OFF_S 30    /* pause before the next try, for a receiver that does not answer */

struct notifier {
	const char *config_path; /* or NULL */
	bool follows, shows_secret;
	int64_t timeout_ms;
	int64_t lease_ms;
	struct store *st;
	CURLM *multi;
	unsigned char secret[NOTIFY_SECRET_LEN];
	struct notify_try tries[AT_ONCE];
	int under_way, given_up;
	bool is_in_trouble; /* the last attempt failed, and the log says so */
};

static int usage(FILE *to)
{
	fprintf(to,
		"usage: retrysafe-notify [--follow] [--timeout SECONDS] [--config FILE]\n"
		"       retrysafe-notify --secret [--config FILE]\n"
		"\n"
		"Tells the receivers of webhooks how operations ended: once all that is due, or\n"
		"with --follow until it is stopped.  --secret prints the key of the signatures.\n"
		"Exit codes: 0 all delivered, 1 some are not, 100 usage or configuration,\n"
		"111 temporary.\n");
	return to == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

/* True when the same call may work later. */
static bool is_temporary(enum err e)
{
	return e == ERR_BUSY || e == ERR_FULL || e == ERR_NOMEM || e == ERR_SYSTEM ||
	       e == ERR_UNKNOWN;
}

static int complain(enum err e)
{
	log_warn("%s", err_text());
	return is_temporary(e) ? EXIT_TEMPORARY : EXIT_USAGE;
}

static void sleep_ms(int64_t ms)
{
	struct timespec pause = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

/* ---- messages ---- */

static const char *const fates[] = {[MESSAGE_DELIVERED] = "delivered",
	[MESSAGE_AGAIN] = "again",
	[MESSAGE_GIVEN_UP] = "given-up"};

/* Logs one line for a try.  User, path and query of a URL are often secrets: none is logged. */
static void log_try(const struct message *m, enum message_fate fate, const char *said)
{
	struct webhook_url_parts p;

	webhook_url_split(m->url, &p);
	log_info("webhook ref=%s message=%" PRId64 " host=%.*s outcome=%s try=%d detail=%s", m->ref,
		m->id, (int)p.host_len, p.host, fates[fate], m->tries, said);
}

/* Postpones all messages to the receiver of url, which did not answer in time. */
static enum err put_off(struct notifier *n, const char *url, int64_t now_ms)
{
	struct webhook_url_parts p;
	char *origin;
	enum err e = OK;

	webhook_url_split(url, &p);
	origin = strndup(url, (size_t)(p.path - url));
	if (origin)
		e = store_message_postpone(n->st, origin, now_ms, now_ms + PUT_OFF_S * 1000);
	free(origin);
	return e;
}

/* Writes the outcome of a try into the outbox.  On failure the message is due again after its
 * lease. */
static enum err finish(struct notifier *n, struct notify_try *t, CURLcode result)
{
	int64_t now_ms = store_now_ms(n->st), least_s;
	struct notify_outcome outcome;
	uint64_t chance;
	enum err e;

	notify_try_judge(t, result, &outcome);
	random_bytes(&chance, sizeof(chance));
	least_s = outcome.retry_after_s;
	if (outcome.does_not_answer && least_s < PUT_OFF_S)
		least_s = PUT_OFF_S;
	log_try(&t->m, outcome.fate, outcome.said);
	e = store_message_end(n->st, &t->m, outcome.fate,
		now_ms + notify_pause_ms(t->m.tries, chance, least_s), outcome.said);
	n->given_up += outcome.fate == MESSAGE_GIVEN_UP;
	if (e == OK && outcome.does_not_answer)
		e = put_off(n, t->m.url, now_ms);
	notify_try_free(t, n->multi);
	n->under_way--;
	return e;
}

/* Starts a try in each free entry of tries[].  *wait_ms: how long until another message is due; -1:
 * none will be. */
static enum err fill(struct notifier *n, int64_t *wait_ms)
{
	enum err e = OK;

	*wait_ms = 0;
	for (int i = 0; i < AT_ONCE && e == OK;) {
		struct message m;

		if (n->tries[i].easy) {
			i++;
			continue;
		}
		e = store_message_take(n->st, store_now_ms(n->st), n->lease_ms, &m, wait_ms);
		if (e != OK)
			break;
		if (m.due_ms == 0) { /* older than webhook_max_age */
			log_try(&m, MESSAGE_GIVEN_UP, m.said);
			n->given_up++;
			message_free(&m);
			continue;
		}
		e = notify_try_start(&n->tries[i], n->multi, &m, n->secret, n->timeout_ms);
		if (e == OK)
			n->under_way++;
		else
			message_free(&m);
	}
	return e == ERR_ABSENT ? OK : e;
}

/* Continues the tries under way.  *ended: how many ended. */
static enum err go_on(struct notifier *n, int *ended)
{
	int running, left;
	CURLMsg *msg;
	enum err e = OK;

	*ended = 0;
	curl_multi_perform(n->multi, &running);
	while (e == OK && (msg = curl_multi_info_read(n->multi, &left))) {
		CURLcode result = msg->data.result; /* msg goes with its handle */
		char *t = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
		e = finish(n, (struct notify_try *)(void *)t, result);
		++*ended;
	}
	return e;
}

/* True after OK, and with --follow also after a temporary error, the first of which is logged. */
static bool may_go_on(struct notifier *n, enum err e)
{
	if (e != OK && !(n->follows && is_temporary(e)))
		return false;
	if (e != OK && !n->is_in_trouble)
		log_warn("%s", err_text());
	n->is_in_trouble = e != OK;
	return true;
}

/* Delivers until no message is due, or, with --follow, until an error.  OK: a pass is over. */
static enum err deliver(struct notifier *n)
{
	int64_t end_us = clock_mono_us() + PASS_MS * 1000, wait_ms = LOOK_MS;
	enum err e;
	int ended;

	for (;;) {
		if (n->follows || clock_mono_us() < end_us)
			e = fill(n, &wait_ms);
		else
			e = OK;
		if (!may_go_on(n, e))
			return e;
		if (e != OK || n->under_way == AT_ONCE || wait_ms < 0 || wait_ms > LOOK_MS)
			wait_ms = LOOK_MS;
		if (n->under_way == 0 && !n->follows)
			return OK;
		e = go_on(n, &ended);
		if (!may_go_on(n, e))
			return e;
		if (ended == 0)
			curl_multi_poll(n->multi, NULL, 0, (int)wait_ms, NULL);
	}
}

/* ---- a pass, or many ---- */

static enum err open_store(struct notifier *n, const struct config *cf, bool is_read_only)
{
	enum err e = account_become_owner(cf);

	if (e == OK)
		e = configured_open_store(cf, is_read_only, &n->st);
	if (e == OK)
		notify_secret(n->st, n->secret);
	n->lease_ms = n->timeout_ms + 2 * cf->busy_timeout_ms + 5000;
	return e;
}

static void close_all(struct notifier *n)
{
	for (int i = 0; i < AT_ONCE; i++)
		notify_try_free(&n->tries[i], n->multi);
	n->under_way = 0;
	store_close(&n->st);
}

/*
 * Runs one pass; with --follow one after the other: it waits for a store that does not exist yet,
 * and reopens the store after an error, because a backup may have replaced it.
 */
static int run(struct notifier *n, const struct config *cf)
{
	int64_t wait_ms = -1;
	enum err e;

	for (;;) {
		bool is_open;

		e = open_store(n, cf, false);
		is_open = e == OK;
		if (is_open)
			e = deliver(n);
		if (is_open && e == OK)
			e = store_message_wait(n->st, store_now_ms(n->st), &wait_ms);
		close_all(n);
		if (!n->follows || !(is_open || e == ERR_ABSENT || may_go_on(n, e)))
			break;
		if (is_open)
			log_warn("%s", err_text());
		sleep_ms(LOOK_MS);
	}
	if (e == ERR_ABSENT)
		return EXIT_SUCCESS;
	if (e != OK)
		return complain(e);
	return wait_ms >= 0 || n->given_up > 0 ? EXIT_NO : EXIT_SUCCESS;
}

static int show_secret(struct notifier *n, const struct config *cf)
{
	char hex[2 * NOTIFY_SECRET_LEN + 1];
	enum err e = open_store(n, cf, true);

	if (e == ERR_ABSENT) {
		fprintf(stderr, "retrysafe-notify: there is no store yet: the first request with a "
				"key makes it, and the secret\n");
		return EXIT_NO;
	}
	if (e != OK)
		return complain(e);
	hex_text(n->secret, sizeof(n->secret), hex);
	puts(hex);
	store_close(&n->st);
	return EXIT_SUCCESS;
}

/* ---- the program ---- */

/* -1: go on; else the exit code. */
static int take_options(struct notifier *n, int argc, char *argv[])
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"follow", no_argument, NULL, 'f'},
		{"timeout", required_argument, NULL, 't'},
		{"secret", no_argument, NULL, 's'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	char *end;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'c')
			n->config_path = optarg;
		else if (opt == 'f')
			n->follows = true;
		else if (opt == 's')
			n->shows_secret = true;
		else if (opt == 't')
			n->timeout_ms = 1000 * strtol(optarg, &end, 10);
		if (opt == 't' && (*end || n->timeout_ms < 1000 || n->timeout_ms > 300000)) {
			fprintf(stderr, "retrysafe-notify: --timeout %s: write seconds, 1 to 300\n",
				optarg);
			return EXIT_USAGE;
		}
		if (opt == 'h')
			return usage(stdout);
		if (opt == 'v') {
			printf("retrysafe-notify %s\n%s\n", RETRYSAFE_VERSION, curl_version());
			return EXIT_SUCCESS;
		}
		if (opt == '?')
			return usage(stderr);
	}
	return optind < argc ? usage(stderr) : -1;
}

int main(int argc, char *argv[])
{
	static struct notifier n = {.timeout_ms = 20000};
	struct config *cf = NULL;
	int code;
	enum err e;

	descriptors_open_standard();
	if (getenv("GATEWAY_INTERFACE")) { /* argv would be the client's query (RFC 3875, 4.4) */
		log_warn("retrysafe-notify is not a CGI script");
		return EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	code = take_options(&n, argc, argv);
	if (code >= 0)
		return code;
	e = config_open(n.config_path, &cf);
	if (e != OK)
		return complain(e);
	log_format(cf->log);
	if (n.shows_secret) {
		code = show_secret(&n, cf);
	} else if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
		   !(n.multi = curl_multi_init())) {
		log_warn("libcurl cannot be used");
		code = EXIT_TEMPORARY;
	} else {
		code = run(&n, cf);
		curl_multi_cleanup(n.multi);
		curl_global_cleanup();
	}
	config_free(&cf);
	return code;
}
