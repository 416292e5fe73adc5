/* SPDX-License-Identifier: ISC */
/*
 * script.c - a CGI script whose every run leaves a synced line behind
 *
 * Its effect is one line, "key pid nonce variant request operation", put by one write(2) in append
 * mode at the end of ../effects.log, and synced.  `variant` is the request's body and, after a
 * dash, its credentials; `request` is its X-Request field, so a run can be told from every other
 * request with the same key.  Its answer contains the nonce, from the first field to the last byte.
 *
 * Two lines in ../times.log, "key nonce begin|end microseconds" of the monotonic clock, say when it
 * worked; a script that something else ends has no second one.
 *
 * Query: before=MS and after=MS (pauses around the effect), bytes=N (more body), status=NNN, and
 * end=WORD: "none" (no answer, exit 1), "killed" (half an answer, then SIGKILL), "broken" (not a
 * CGI answer, exit 1), "three" (a whole answer, exit 3), "hang" (longer than its time); without it
 * all is well.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define FAILED  111
#define HANG_MS 6000 /* a script whose keeper was killed has nobody else to end it */

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : "-";
}

/* The value of a number in the query string; 0 without it. */
static long number(const char *name)
{
	const char *at = strstr(variable("QUERY_STRING"), name);

	return at ? strtol(at + strlen(name), NULL, 10) : 0;
}

static int ends(const char *how)
{
	const char *at = strstr(variable("QUERY_STRING"), "end=");

	return at && strncmp(at + 4, how, strlen(how)) == 0;
}

static void pause_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	while (ms > 0 && nanosleep(&t, &t) != 0)
		;
}

static void make_nonce(char out[17])
{
	uint64_t n;

	if (getrandom(&n, sizeof(n), 0) != sizeof(n))
		_exit(FAILED);
	snprintf(out, 17, "%016llx", (unsigned long long)n);
}

/* The body and the credentials; both are one word. */
static void read_variant(char *out, size_t size)
{
	char body[64];
	ssize_t n = read(STDIN_FILENO, body, sizeof(body) - 1);

	body[n > 0 ? n : 0] = '\0';
	snprintf(out, size, "%s-%s", *body ? body : "", variable("HTTP_AUTHORIZATION"));
}

static void leave_effect(const char *nonce, const char *variant)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "%s %ld %s %s %s %s\n", variable("IDEMPOTENCY_KEY"),
		(long)getpid(), nonce, variant, variable("HTTP_X_REQUEST"),
		variable("IDEMPOTENCY_OPERATION"));
	int fd = open("../effects.log", O_WRONLY | O_APPEND | O_CLOEXEC);

	if (n >= (int)sizeof(line) || fd < 0 || write(fd, line, (size_t)n) != n ||
		fdatasync(fd) != 0)
		_exit(FAILED);
	close(fd);
}

static void note_time(const char *nonce, const char *what)
{
	struct timespec now;
	char line[256];
	int fd = open("../times.log", O_WRONLY | O_APPEND | O_CLOEXEC), n;

	clock_gettime(CLOCK_MONOTONIC, &now);
	n = snprintf(line, sizeof(line), "%s %s %s %lld\n", variable("IDEMPOTENCY_KEY"), nonce, what,
		(long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	if (fd < 0 || n >= (int)sizeof(line) || write(fd, line, (size_t)n) != n)
		_exit(FAILED);
	close(fd);
}

static void answer(const char *nonce, const char *variant)
{
	long status = number("status="), bytes = number("bytes=");

	if (status)
		printf("Status: %ld Told\r\n", status);
	printf("Content-Type: text/plain\r\nX-Nonce: %s\r\nSet-Cookie: a=%s\r\nSet-Cookie: "
	       "b=2\r\n\r\n",
		nonce, nonce);
	printf("nonce %s\nvariant %s\n", nonce, variant);
	if (ends("killed")) {
		fflush(stdout);
		note_time(nonce, "end");
		raise(SIGKILL);
	}
	for (long i = 0; i < bytes; i += 32)
		printf("%s %014ld\n", nonce, i);
	printf("end %s\n", nonce);
}

int main(void)
{
	char nonce[17], variant[128];

	make_nonce(nonce);
	read_variant(variant, sizeof(variant));
	note_time(nonce, "begin");
	pause_ms(number("before="));
	leave_effect(nonce, variant);
	pause_ms(number("after="));
	pause_ms(ends("hang") ? HANG_MS : 0);
	if (ends("none")) {
		note_time(nonce, "end");
		return 1;
	}
	if (ends("broken"))
		printf("this is not what a CGI script says\n");
	else
		answer(nonce, variant);
	note_time(nonce, "end");
	return fflush(stdout) != 0 ? FAILED : ends("three") ? 3 : ends("broken") ? 1 : 0;
}
