/* SPDX-License-Identifier: ISC */
/*
 * script.c - a CGI script whose every run leaves a synced line behind, and its probe and rollback
 *
 *     script.cgi             the script
 *     script.cgi probe       says by exit status and answer whether the key's effect is there
 *     script.cgi rollback    undoes the key's effects
 *
 * Its effect is one line, "key pid nonce variant request operation", put by one write(2) in append
 * mode at the end of ../effects.log, and synced.  `variant` is the request's body and, after a
 * dash, its credentials; `request` is its X-Request field, so a run can be told from every other
 * request with the same key.  Its answer contains the nonce, from the first field to the last byte.
 *
 * ../times.log says in its order what happened, one line each, times in microseconds of the
 * monotonic clock:
 *
 *     key nonce begin TIME run|probe|rollback OPERATION ATTEMPT    it works from now on
 *     key nonce end TIME                      a program that is killed has none
 *     key nonce overlap TIME KIND OTHER-KIND OTHER-NONCE PID    something else works or lives
 *     key nonce undo TIME RUN                 a rollback has undone the effect of the run RUN
 *     key nonce word TIME done|not-done|unknown|undone             what a command is about to say
 *
 * Each program, and all that it starts, holds a lock on ../locks/KEY as long as it lives, which the
 * kernel lets go of whatever ends it.  So a program that does not get the lock knows for certain
 * that something of another one lives.
 *
 * Query: before=MS and after=MS (pauses around the effect), bytes=N (more body), status=NNN,
 * child=MS (a process that outlives the script; apart=1: in a session of its own, without
 * environment), and end=WORD: "none" (no answer, exit 1), "killed" (half an answer, then SIGKILL),
 * "broken" (not a CGI answer, exit 1), "three" (a whole answer, exit 3), "hang" (longer than its
 * time), "deaf" (the same, and SIGTERM is ignored), which happens in the first fails=N attempts;
 * without it all is well.
 *
 * Until ../gates/calm is there a command fails now and then: it hangs, does not know, or dies
 * after half of its work, and may leave a process behind.  (What one that ends well leaves behind
 * is left alone, as with scripts.)
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define FAILED  111
#define HANG_MS 3000 /* a script whose keeper was killed has nobody else to end it */

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

	return at && strncmp(at + 4, how, strlen(how)) == 0 &&
	       strtol(variable("IDEMPOTENCY_ATTEMPT"), NULL, 10) <= number("fails=");
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

/* `more`: "", or words with a space before each. */
static void note_time(const char *nonce, const char *what, const char *more)
{
	struct timespec now;
	char line[512];
	int fd = open("../times.log", O_WRONLY | O_APPEND | O_CLOEXEC), n;

	clock_gettime(CLOCK_MONOTONIC, &now);
	n = snprintf(line, sizeof(line), "%s %s %s %lld%s\n", variable("IDEMPOTENCY_KEY"), nonce,
		what, (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000, more);
	if (fd < 0 || n >= (int)sizeof(line) || write(fd, line, (size_t)n) != n)
		_exit(FAILED);
	close(fd);
}

/* ---- one at a time ---- */

/* What holds the lock has written into it who it is. */
static void note_overlap(int fd, const char *nonce, const char *kind)
{
	char other[128], more[256];
	ssize_t n = pread(fd, other, sizeof(other) - 1, 0);

	other[n > 0 ? n : 0] = '\0';
	snprintf(more, sizeof(more), " %s %s", kind, *other ? other : "- - -");
	note_time(nonce, "overlap", more);
}

/* Takes the key's lock; its descriptor is open in all that is started from here on. */
static void begin(const char *nonce, const char *kind)
{
	char path[320], text[256];
	int fd, n;

	snprintf(path, sizeof(path), "../locks/%s", variable("IDEMPOTENCY_KEY"));
	fd = open(path, O_RDWR | O_CREAT, 0666);
	if (fd < 0)
		_exit(FAILED);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		note_overlap(fd, nonce, kind);
	} else {
		n = snprintf(text, sizeof(text), "%s %s %ld", kind, nonce, (long)getpid());
		if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
			_exit(FAILED);
	}
	snprintf(text, sizeof(text), " %s %s %s", kind, variable("IDEMPOTENCY_OPERATION"),
		variable("IDEMPOTENCY_ATTEMPT"));
	note_time(nonce, "begin", text);
}

/* A process that lives on when this one has ended. */
static void leave_child(long ms, int is_apart)
{
	char number_text[24];
	char *const argv[] = {"lingerer", "linger", number_text, NULL};
	char *const env[] = {NULL};

	if (ms <= 0 || fork() != 0)
		return;
	if (!is_apart) {
		pause_ms(ms);
		_exit(0);
	}
	setsid();
	if (fork() != 0)
		_exit(0);
	snprintf(number_text, sizeof(number_text), "%ld", ms);
	execve("/proc/self/exe", argv, env);
	_exit(FAILED);
}

/* ---- the answer ---- */

static void answer(const char *teller, const char *nonce, const char *variant)
{
	long status = number("status="), bytes = number("bytes=");

	if (status)
		printf("Status: %ld Told\r\n", status);
	printf("Content-Type: text/plain\r\nX-Teller: %s\r\nX-Nonce: %s\r\n"
	       "Set-Cookie: a=%s\r\nSet-Cookie: b=2\r\n\r\n",
		teller, nonce, nonce);
	printf("nonce %s\nvariant %s\n", nonce, variant);
	if (strcmp(teller, "script") == 0 && ends("killed")) {
		fflush(stdout);
		note_time(nonce, "end", "");
		raise(SIGKILL);
	}
	for (long i = 0; i < bytes; i += 32)
		printf("%s %014ld\n", nonce, i);
	printf("end %s\n", nonce);
}

static int run_script(const char *nonce)
{
	char variant[128];

	read_variant(variant, sizeof(variant));
	begin(nonce, "run");
	if (ends("deaf"))
		signal(SIGTERM, SIG_IGN);
	leave_child(number("child="), number("apart=") != 0);
	pause_ms(number("before="));
	leave_effect(nonce, variant);
	pause_ms(number("after="));
	pause_ms(ends("hang") || ends("deaf") ? HANG_MS : 0);
	if (ends("none")) {
		note_time(nonce, "end", "");
		return 1;
	}
	if (ends("broken"))
		printf("this is not what a CGI script says\n");
	else
		answer("script", nonce, variant);
	note_time(nonce, "end", "");
	return fflush(stdout) != 0 ? FAILED : ends("three") ? 3 : ends("broken") ? 1 : 0;
}

/* ---- the commands ---- */

#define FAILS_OF  16 /* each way to fail happens in one of so many commands */
#define EXIT_HUH  7
#define WORK_MS   40 /* a command takes up to so long, so that it is hit */
#define LINGER_MS 300

enum failure { FAILS_HANGING, FAILS_NOT_KNOWING, FAILS_HALF_WAY, FAILS_MAX };

/* How this command fails; FAILS_MAX: not at all. */
static enum failure draw_failure(unsigned char luck)
{
	if (access("../gates/calm", F_OK) == 0 || luck % FAILS_OF >= FAILS_MAX)
		return FAILS_MAX;
	return (enum failure)(luck % FAILS_OF);
}

/* Does times.log say that the effect of this run was undone? */
static int is_undone(const char *run)
{
	char line[512], word[64], undone[64];
	FILE *f = fopen("../times.log", "re");
	int found = 0;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*s %*s %63s %*s %63s", word, undone) == 2 &&
			strcmp(word, "undo") == 0 && strcmp(undone, run) == 0;
	if (f)
		fclose(f);
	return found;
}

/* Calls `each` for every effect of the key that is not undone. */
static int for_effects(void (*each)(const char *run, const char *variant, void *arg), void *arg)
{
	char line[512], key[256], run[64], variant[128];
	FILE *f = fopen("../effects.log", "re");
	int n = 0;

	if (!f)
		_exit(FAILED);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%255s %*s %63s %127s", key, run, variant) != 3 ||
			strcmp(key, variable("IDEMPOTENCY_KEY")) != 0 || is_undone(run))
			continue;
		each(run, variant, arg);
		n++;
	}
	fclose(f);
	return n;
}

struct effect {
	char run[64], variant[128];
};

static void keep_effect(const char *run, const char *variant, void *arg)
{
	struct effect *effect = arg;

	snprintf(effect->run, sizeof(effect->run), "%s", run);
	snprintf(effect->variant, sizeof(effect->variant), "%s", variant);
}

static int run_probe(const char *nonce, enum failure failure)
{
	struct effect effect;
	int n = for_effects(keep_effect, &effect);

	if (failure == FAILS_HALF_WAY) {
		printf("Content-Type: text/plain\r\n\r\nhalf");
		fflush(stdout);
		raise(SIGKILL);
	}
	if (failure == FAILS_NOT_KNOWING) {
		note_time(nonce, "word", " unknown");
		return EXIT_HUH;
	}
	if (n == 0) {
		note_time(nonce, "word", " not-done");
		return 1;
	}
	note_time(nonce, "word", " done");
	answer("probe", effect.run, effect.variant);
	return fflush(stdout) != 0 ? FAILED : 0;
}

static void undo(const char *run, const char *variant, void *arg)
{
	char more[80];

	(void)variant;
	snprintf(more, sizeof(more), " %s", run);
	note_time(arg, "undo", more);
}

static int run_rollback(const char *nonce, enum failure failure)
{
	char name[32];

	if (failure == FAILS_NOT_KNOWING) {
		note_time(nonce, "word", " unknown");
		return EXIT_HUH;
	}
	snprintf(name, sizeof(name), "%s", nonce);
	for_effects(undo, name);
	if (failure == FAILS_HALF_WAY)
		raise(SIGKILL);
	note_time(nonce, "word", " undone");
	return 0;
}

static int run_command(const char *nonce, const char *kind)
{
	unsigned char luck[4] = {0};
	enum failure failure;
	int code;

	if (getrandom(luck, sizeof(luck), 0) != sizeof(luck))
		return FAILED;
	failure = draw_failure(luck[0]);
	begin(nonce, kind);
	leave_child(failure < FAILS_MAX && luck[1] % 2 == 0 ? LINGER_MS : 0, luck[1] & 2);
	pause_ms(luck[2] % WORK_MS);
	pause_ms(failure == FAILS_HANGING ? HANG_MS : 0);
	code = strcmp(kind, "probe") == 0 ? run_probe(nonce, failure)
					  : run_rollback(nonce, failure);
	pause_ms(luck[3] % WORK_MS);
	note_time(nonce, "end", "");
	return code;
}

int main(int argc, char *argv[])
{
	char nonce[17];

	if (argc == 3) {
		pause_ms(strtol(argv[2], NULL, 10));
		return 0;
	}
	make_nonce(nonce);
	return argc == 2 ? run_command(nonce, argv[1]) : run_script(nonce);
}
