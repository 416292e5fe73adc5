/* SPDX-License-Identifier: ISC */
/*
 * Claim: a word about a run that is over, which the keeper hears late, does not make it take the
 * orders of later runs out of their turn.
 */
#include "keeper/link.h"

#include "base/clock.h"
#include "keeper/keeper.h"
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t only_child(void)
{
	char path[64], text[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "r");
	if (f && !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		fclose(f);
	return (pid_t)strtol(text, NULL, 10);
}

static void hear(void *arg, const char *text, size_t len)
{
	(void)arg;
	printf("# %.*s\n", (int)len, text);
}

static void nap(int64_t us)
{
	usleep((useconds_t)us);
}

/* The keeper's answer to a start that failed crosses the word that nobody waits for it. */
static void cross(struct keeper_link *link, pid_t keeper, struct run_spec *spec,
	struct script *missing, struct script *good)
{
	const struct watch watch = {.stop = {{-1, 0, 0}, {-1, 0, 0}},
		.until_us = clock_mono_us() + 10000000,
		.on_text = hear};
	struct ending end = ENDING_NONE;
	int failed = 0, status;

	spec->script = missing;
	is_int(link_order(link, spec), OK, "a program that is not there is ordered");
	nap(200000);
	kill(keeper, SIGSTOP);
	waitpid(keeper, &status, WUNTRACED);
	link_forget(link);
	spec->script = good;
	is_int(link_order(link, spec), OK, "one that is there, and nobody waits for it");
	link_forget(link);
	is_int(link_order(link, spec), OK, "and one that is waited for");
	kill(keeper, SIGCONT);
	is_int(link_wait(link, &watch, &end, &failed), OK, "it has run");
	is_int(failed, 0, "nothing failed");
	ending_free(&end);
	link_forget(link);
}

int main(void)
{
	char *no[] = {(char *)(uintptr_t) "/nonexistent/program", NULL};
	char *yes[] = {(char *)(uintptr_t) "/bin/true", NULL}, *none[] = {NULL};
	struct script missing = {.dir = (char *)(uintptr_t) "/", .argv = no};
	struct script good = {.dir = (char *)(uintptr_t) "/", .argv = yes};
	struct route route = {.timeout_ms = 60000};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), control_fd;
	struct keeper_link link = {.fd = -1};
	struct run_spec spec = {.environment = none,
		.route = &route,
		.store_url = "",
		.spool = "",
		.stdin_fd = null,
		.second_fd = null};
	pid_t keeper;

	if (keeper_start(true, &control_fd) != OK || link_open(control_fd, &link) != OK)
		return 111;
	keeper = only_child();
	for (int i = 0; i < 3; i++)
		cross(&link, keeper, &spec, &missing, &good);
	link_close(&link);
	close(control_fd);
	is_int(waitpid(keeper, NULL, 0), keeper, "the keeper leaves");
	return done_testing();
}
