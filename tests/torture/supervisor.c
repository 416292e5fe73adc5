/* SPDX-License-Identifier: ISC */
/*
 * supervisor.c - keeps gateways running, and kills and stops what belongs to them at random
 *
 *     supervisor PROGRAM CONFIG DIRECTORY GATEWAYS SECONDS RATE STALL_MS SEED EVENTS KIND=WEIGHT...
 *         -- OPERATORS COMMAND...
 *
 * Starts GATEWAYS times `PROGRAM serve --config CONFIG --listen unix:DIRECTORY/N.sock`, and
 * whatever ends is started again.  So is `COMMAND NUMBER` for each of OPERATORS numbers; an
 * operator runs verbs, as `recover`, and gets SIGTERM when the time is over.  For SECONDS the
 * supervisor does harm RATE times a second, each time of a kind that is drawn by weight:
 *
 *     gateway, keeper, recorder            SIGKILL of one of them
 *     script                               of a script, a policy's command, or what these started
 *     verb                                 of a verb that an operator runs
 *     both                                 of a gateway and its keeper
 *     group                                of these and all of the keeper's children
 *     all                                  of everything but the operators
 *     stop-gateway, stop-keeper, stop-verb SIGSTOP, and a moment later SIGCONT
 *     stall-gateway, stall-keeper          the same, for STALL_MS, one of each at a time
 *
 * A keeper may also be that of `recover`.
 * A gateway that holds the store's writer lock is not stalled: nobody could write any more.
 *
 * Then everything goes on undisturbed.  When standard input ends, the gateways get SIGTERM, and the
 * end of all processes is awaited.  EVENTS gets one JSON object a line: what was done, and
 * {"what":"calm"} and {"what":"end"} with the figures.
 *
 * Everything that comes of a gateway is a descendant of this process, whatever dies in between: it
 * is the subreaper.  So what is left at the end is known exactly, and nobody else is ever hit.
 */
#include "crowd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXIT_TEMPORARY 111
#define STOP_MS        300   /* a short stop is shorter than this */
#define END_MS         15000 /* for everything to end */
#define LOOK_US        20000 /* how often to look after those who are stopped */
#define START_MS       20    /* a gateway that lived shorter than this ... */
#define PAUSE_MS       50    /* ... waits this long for its next start */

enum kind {
	KILL_GATEWAY,
	KILL_KEEPER,
	KILL_RECORDER,
	KILL_SCRIPT,
	KILL_VERB,
	KILL_BOTH,
	KILL_GROUP,
	KILL_ALL,
	STOP_GATEWAY,
	STOP_KEEPER,
	STOP_VERB,
	STALL_GATEWAY,
	STALL_KEEPER,
	KIND__MAX
};

static const char *const names[KIND__MAX] = {"gateway", "keeper", "recorder", "script", "verb",
	"both", "group", "all", "stop-gateway", "stop-keeper", "stop-verb", "stall-gateway",
	"stall-keeper"};

struct gateway {
	pid_t pid; /* 0: not running */
	int64_t started_ms;
	char address[PATH_MAX + 16];
};

#define OPERATORS_MAX 8

struct stopped {
	pid_t pid;
	uint64_t started; /* a number may be given to somebody else meanwhile */
	int64_t until_ms;
	enum kind kind;
};

struct job {
	const char *program, *config;
	int n_gateways;
	int64_t end_ms, stall_ms;
	long rate;
	FILE *events;
	struct gateway gateways[MANY];
	pid_t operators[OPERATORS_MAX]; /* 0: not running */
	int n_operators;
	bool is_over; /* no operator is started any more */
	char **operator_command;
	struct stopped stopped[MANY];
	int n_stopped;
	long weight[KIND__MAX], total_weight;
	long count[KIND__MAX], starts, failed_starts, strange_ends;
	sigset_t signals;
};

static uint64_t state;

/* splitmix64 */
static uint64_t draw(uint64_t below)
{
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % below;
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t now_ms(void)
{
	return now_us() / 1000;
}

static void fail(const char *what)
{
	perror(what);
	exit(111);
}

/* ---- who is there ---- */

static struct gateway *gateway_of(struct job *j, pid_t pid)
{
	for (int i = 0; i < j->n_gateways; i++)
		if (j->gateways[i].pid == pid)
			return &j->gateways[i];
	return NULL;
}

static bool is_gateway(const void *arg, pid_t pid)
{
	const struct job *j = arg;

	for (int i = 0; i < j->n_gateways; i++)
		if (j->gateways[i].pid == pid)
			return true;
	return false;
}

static bool is_stall(enum kind kind)
{
	return kind == STALL_GATEWAY || kind == STALL_KEEPER;
}

static bool is_stalled(const void *arg, pid_t pid)
{
	const struct job *j = arg;

	for (int i = 0; i < j->n_stopped; i++)
		if (is_stall(j->stopped[i].kind) && j->stopped[i].pid == pid)
			return true;
	return false;
}

/* Is anybody stopped in this way? */
static bool has_stopped(const struct job *j, enum kind kind)
{
	for (int i = 0; i < j->n_stopped; i++)
		if (j->stopped[i].kind == kind)
			return true;
	return false;
}

static bool is_operator(const void *arg, pid_t pid)
{
	const struct job *j = arg;

	for (int i = 0; i < j->n_operators; i++)
		if (j->operators[i] == pid)
			return true;
	return false;
}

/* ---- harm ---- */

static void note(struct job *j, const char *what, const char *kind, pid_t pid)
{
	fprintf(j->events, "{\"t\":%" PRId64 ",\"what\":\"%s\",\"kind\":\"%s\",\"pid\":%d}\n",
		now_ms(), what, kind, (int)pid);
}

/* Has this process an open file with a lock on byte 0?  Then it may be about to write. */
static bool holds_writer_lock(pid_t pid)
{
	char path[64], file[PATH_MAX], line[256];
	bool found = false;
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", (int)pid);
	dir = opendir(path);
	while (dir && !found && (d = readdir(dir))) {
		FILE *f;

		snprintf(file, sizeof(file), "%s/%s", path, d->d_name);
		f = fopen(file, "re");
		while (f && !found && fgets(line, sizeof(line), f))
			found = strncmp(line, "lock:", 5) == 0 && strstr(line, " 0 0\n");
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void stop(struct job *j, enum kind kind, pid_t pid)
{
	int64_t ms = is_stall(kind) ? j->stall_ms : (int64_t)draw(STOP_MS);

	if (j->n_stopped == MANY || kill(pid, SIGSTOP) != 0)
		return;
	if (kind == STALL_GATEWAY && holds_writer_lock(pid)) {
		ms = 0;
		kind = STOP_GATEWAY;
	}
	j->stopped[j->n_stopped++] = (struct stopped){pid, start_of(pid), now_ms() + ms, kind};
	j->count[kind]++;
	note(j, "stop", names[kind], pid);
}

/* Lets those go on whose time is over; all of them when `all`. */
static void let_go_on(struct job *j, bool all)
{
	int left = 0;

	for (int i = 0; i < j->n_stopped; i++) {
		struct stopped *s = &j->stopped[i];

		if (!all && s->until_ms > now_ms())
			j->stopped[left++] = *s;
		else if (start_of(s->pid) == s->started)
			kill(s->pid, SIGCONT);
	}
	j->n_stopped = left;
}

/* Who is hit; 0: there is nobody of this kind. */
static pid_t pick(enum kind kind, const struct crowd *c)
{
	const struct pids *from =
		kind == KILL_RECORDER                                                ? &c->recorders
		: kind == KILL_SCRIPT                                                ? &c->scripts
		: kind == KILL_VERB || kind == STOP_VERB                             ? &c->verbs
		: kind == KILL_KEEPER || kind == STOP_KEEPER || kind == STALL_KEEPER ? &c->keepers
										     : &c->gateways;

	return from->n > 0 ? from->pid[draw((uint64_t)from->n)] : 0;
}

/* A gateway and its keeper, and with `all` also the keeper's children; as nearly at once as can be.
 */
static void kill_together(pid_t gateway, bool all)
{
	static struct pids keepers, children;
	pid_t victims[MANY * 2];
	size_t n = 0;

	children_of(gateway, &keepers);
	if (draw(2))
		victims[n++] = gateway;
	for (int i = 0; i < keepers.n && i < 8; i++) {
		victims[n++] = keepers.pid[i];
		children_of(keepers.pid[i], &children);
		for (int k = 0; all && k < children.n && n < MANY; k++)
			victims[n++] = children.pid[k];
	}
	victims[n++] = gateway; /* a second time does no harm: it is reaped by nobody but us */
	for (size_t i = 0; i < n; i++)
		kill(victims[i], SIGKILL);
}

static void kill_each(const struct pids *list)
{
	for (int i = 0; i < list->n; i++)
		kill(list->pid[i], SIGKILL);
}

/* In one of several orders: it decides what sees the end of what. */
static void kill_all(const struct crowd *c)
{
	const struct pids *const all[] = {
		&c->gateways, &c->keepers, &c->recorders, &c->scripts, &c->verbs};
	size_t n = sizeof(all) / sizeof(all[0]), first = (size_t)draw(n);

	for (size_t i = 0; i < n; i++)
		kill_each(all[(first + i) % n]);
}

/* False: there was nobody of this kind. */
static bool do_harm(struct job *j, enum kind kind)
{
	static struct crowd c;
	pid_t victim;

	if (is_stall(kind) && (has_stopped(j, kind) || now_ms() + j->stall_ms > j->end_ms + 1000))
		return false;
	look_around(&(struct known){is_gateway, is_operator, is_stalled, j}, &c);
	victim = pick(kind, &c);
	if (victim == 0)
		return false;
	if (kind >= STOP_GATEWAY) {
		stop(j, kind, victim);
		return true;
	}
	if (kind == KILL_BOTH || kind == KILL_GROUP)
		kill_together(victim, kind == KILL_GROUP);
	else if (kind == KILL_ALL)
		kill_all(&c);
	else
		kill(victim, SIGKILL);
	j->count[kind]++;
	note(j, "kill", names[kind], victim);
	return true;
}

static void do_some_harm(struct job *j)
{
	for (int tries = 0; tries < 4; tries++) {
		long at = (long)draw((uint64_t)j->total_weight);
		int kind = 0;

		while (at >= j->weight[kind])
			at -= j->weight[kind++];
		if (do_harm(j, (enum kind)kind))
			return;
	}
}

/* ---- gateways ---- */

static void start(struct job *j, struct gateway *g)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		sigprocmask(SIG_UNBLOCK, &j->signals, NULL);
		execl(j->program, j->program, "serve", "--config", j->config, "--listen",
			g->address, (char *)NULL);
		_exit(127);
	}
	g->pid = pid;
	g->started_ms = now_ms();
	j->starts++;
}

/* Starts what is not running; one that has just failed to start waits a moment. */
static void start_missing(struct job *j)
{
	for (int i = 0; i < j->n_gateways; i++)
		if (j->gateways[i].pid == 0 && j->gateways[i].started_ms + START_MS < now_ms())
			start(j, &j->gateways[i]);
}

/* ---- operators ---- */

static void start_operator(struct job *j, int number)
{
	char text[16];
	char *argv[32];
	size_t n = 0;
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		snprintf(text, sizeof(text), "%d", number);
		while (n < 30 && j->operator_command[n]) {
			argv[n] = j->operator_command[n];
			n++;
		}
		argv[n++] = text;
		argv[n] = NULL;
		sigprocmask(SIG_UNBLOCK, &j->signals, NULL);
		execvp(argv[0], argv);
		_exit(127);
	}
	j->operators[number] = pid;
}

static void start_operators(struct job *j)
{
	for (int i = 0; i < j->n_operators && !j->is_over; i++)
		if (j->operators[i] == 0)
			start_operator(j, i);
}

/* True: it was one. */
static bool forget_operator(struct job *j, pid_t pid)
{
	for (int i = 0; i < j->n_operators; i++)
		if (j->operators[i] == pid) {
			j->operators[i] = 0;
			return true;
		}
	return false;
}

/* Tells them to end.  True: all of them have. */
static bool end_operators(struct job *j)
{
	bool have_ended = true;

	for (int i = 0; i < j->n_operators; i++)
		if (j->operators[i] > 0) {
			have_ended = false;
			if (!j->is_over)
				kill(j->operators[i], SIGTERM);
		}
	j->is_over = true;
	return have_ended;
}

static void reap(struct job *j)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct gateway *g = gateway_of(j, pid);

		for (int i = 0; i < j->n_stopped; i++)
			if (j->stopped[i].pid == pid)
				j->stopped[i--] = j->stopped[--j->n_stopped];
		if (!g) {
			forget_operator(j, pid);
			continue;
		}
		g->pid = 0;
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
			if (now_ms() < g->started_ms + START_MS)
				g->started_ms = 0; /* we did it: start it again at once */
			continue;
		}
		/* By contract 111 may be tried again: a keeper has held its socket for a moment
		 * more. */
		g->started_ms = now_ms() + PAUSE_MS;
		if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_TEMPORARY) {
			j->failed_starts++;
			continue;
		}
		/* Nobody told it to end: not even with status 0 may it do so. */
		j->strange_ends++;
		fprintf(j->events,
			"{\"t\":%" PRId64 ",\"what\":\"strange\",\"pid\":%d,\"status\":%d}\n",
			now_ms(), (int)pid, status);
	}
}

static void tell(struct job *j, const char *what, int left)
{
	fprintf(j->events,
		"{\"t\":%" PRId64
		",\"what\":\"%s\",\"left\":%d,\"starts\":%ld,\"failed_starts\":%ld,\"strange\":%ld",
		now_ms(), what, left, j->starts, j->failed_starts, j->strange_ends);
	for (int i = 0; i < KIND__MAX; i++)
		fprintf(j->events, ",\"%s\":%ld", names[i], j->count[i]);
	fprintf(j->events, "}\n");
	fflush(j->events);
}

/* Waits for a signal, at most until then.  False: standard input has ended, or SIGTERM. */
static bool wait_until(int64_t until_us, int signal_fd)
{
	struct pollfd fds[2] = {{signal_fd, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
	int64_t left_us = until_us - now_us();
	struct timespec pause = {0, left_us > LOOK_US ? LOOK_US * 1000
				    : left_us > 0     ? left_us * 1000
						      : 0};
	struct signalfd_siginfo si;
	char c;

	if (ppoll(fds, 2, &pause, NULL) <= 0)
		return true;
	if (fds[0].revents && read(signal_fd, &si, sizeof(si)) == sizeof(si) &&
		si.ssi_signo != SIGCHLD)
		return false;
	return !fds[1].revents || read(STDIN_FILENO, &c, 1) > 0;
}

/* Ends the gateways and waits for all processes; how many are left. */
static int end(struct job *j, int signal_fd)
{
	static struct pids left;
	int64_t until_ms = now_ms() + END_MS;
	struct pollfd fd = {signal_fd, POLLIN, 0};

	let_go_on(j, true);
	end_operators(j);
	for (int i = 0; i < j->n_gateways; i++)
		if (j->gateways[i].pid > 0)
			kill(j->gateways[i].pid, SIGTERM);
	for (int i = 0; i < j->n_gateways; i++)
		j->gateways[i].pid = 0;
	for (;;) {
		struct signalfd_siginfo si;

		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		children_of(getpid(), &left);
		if (left.n == 0 || now_ms() > until_ms)
			return left.n;
		if (poll(&fd, 1, 20) > 0)
			(void)!read(signal_fd, &si, sizeof(si));
	}
}

static void kill_the_rest(void)
{
	static struct pids left;

	for (int tries = 0; tries < 100; tries++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		children_of(getpid(), &left);
		for (int i = 0; i < left.n; i++) {
			kill(left.pid[i], SIGKILL);
			kill(left.pid[i], SIGCONT);
		}
		if (left.n == 0)
			return;
		usleep(20000);
	}
}

static void take_arguments(struct job *j, int argc, char *argv[])
{
	if (argc < 10)
		exit(100);
	j->program = argv[1];
	j->config = argv[2];
	j->n_gateways = (int)strtol(argv[4], NULL, 10);
	if (j->n_gateways < 1 || j->n_gateways > MANY)
		exit(100);
	for (int i = 0; i < j->n_gateways; i++)
		snprintf(j->gateways[i].address, sizeof(j->gateways[i].address), "unix:%s/%d.sock",
			argv[3], i);
	j->end_ms = now_ms() + (int64_t)(strtod(argv[5], NULL) * 1000);
	j->rate = strtol(argv[6], NULL, 10);
	j->stall_ms = strtol(argv[7], NULL, 10);
	state = strtoull(argv[8], NULL, 10);
	j->events = fopen(argv[9], "we");
	if (!j->events)
		fail(argv[9]);
	for (int i = 10; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0 && i + 2 < argc) {
			j->n_operators = (int)strtol(argv[i + 1], NULL, 10);
			if (j->n_operators < 0 || j->n_operators > OPERATORS_MAX)
				exit(100);
			j->operator_command = &argv[i + 2];
			return;
		}
		for (int kind = 0; kind < KIND__MAX; kind++) {
			size_t len = strlen(names[kind]);

			if (strncmp(argv[i], names[kind], len) == 0 && argv[i][len] == '=')
				j->total_weight += j->weight[kind] =
					strtol(argv[i] + len + 1, NULL, 10);
		}
	}
}

int main(int argc, char *argv[])
{
	static struct job j;
	int64_t next_us;
	int signal_fd, left;
	bool is_calm = false;

	take_arguments(&j, argc, argv);
	sigemptyset(&j.signals);
	sigaddset(&j.signals, SIGCHLD);
	sigaddset(&j.signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &j.signals, NULL);
	signal_fd = signalfd(-1, &j.signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		fail("supervisor");
	next_us = now_us();
	do {
		bool is_over = now_ms() >= j.end_ms || j.rate == 0 || j.total_weight == 0;

		reap(&j);
		start_missing(&j);
		start_operators(&j);
		let_go_on(&j, false);
		if (!is_over && next_us <= now_us()) {
			do_some_harm(&j);
			next_us += (int64_t)draw(
				(uint64_t)(2000000 / j.rate)); /* 1/rate is the mean */
		}
		if (!is_calm && now_ms() >= j.end_ms && !has_stopped(&j, STALL_GATEWAY) &&
			!has_stopped(&j, STALL_KEEPER) && end_operators(&j)) {
			let_go_on(&j, true);
			is_calm = true;
			tell(&j, "calm", 0);
		}
		if (is_over)
			next_us = now_us() + LOOK_US;
	} while (wait_until(next_us, signal_fd));
	left = end(&j, signal_fd);
	tell(&j, "end", left);
	kill_the_rest();
	return 0;
}
