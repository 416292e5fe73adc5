/* SPDX-License-Identifier: ISC */
/*
 * cli/until.c - waits between two looks of a verb that goes on until it is interrupted
 *
 * RULES
 *   (1) A signal ends the verb between two looks, with its exit status 0 (t18-status).
 *   (2) A reader of its output that is gone ends it, also while there is nothing to say
 *       (t18-status).
 *
 * Does not know: what the verb looks at.
 */
#include "cli/until.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t is_interrupted;
static sigset_t outside; /* the signals that were blocked before: only poll() lets ours in */

static void interrupt(int sig)
{
	(void)sig;
	is_interrupted = 1;
}

/* A signal that is ignored stays so, as nohup(1) means it. */
static bool take_over(int sig)
{
	struct sigaction sa = {.sa_handler = interrupt}, before;

	return sigaction(sig, NULL, &before) == 0 && before.sa_handler != SIG_IGN &&
	       sigaction(sig, &sa, NULL) == 0;
}

void cli_until_begin(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	sigset_t ours;

	sigemptyset(&ours);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (take_over(signals[i]))
			sigaddset(&ours, signals[i]);
	sigprocmask(SIG_BLOCK, &ours, &outside);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigdelset(&outside, signals[i]);
}

bool cli_until_pause(int ms)
{
	struct pollfd out = {.fd = STDOUT_FILENO};
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	if (fflush(stdout) != 0 || ferror(stdout))
		return false;
	return ppoll(&out, 1, &time, &outside) == 0 && !is_interrupted;
}
