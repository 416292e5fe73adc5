/* SPDX-License-Identifier: ISC */
/*
 * Claim: what any process counts or learns all of them see; of two routes that share a place none
 * is ever told the other's time; outcomes and runs are counted for each route; without a file
 * nothing fails.
 */
#include "metrics/counters.c"

#include "tap.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/rs-unit-XXXXXX";

static const char *file(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/counters", dir);
	return path;
}

static void count(void)
{
	struct counters *c = counters_open(dir), *other = counters_open(dir);
	struct stat sb;
	pid_t pid;

	ok(c && other, "opened twice");
	is_int(counters_get(c, COUNTER_FIRST), 0, "they begin at 0");
	counters_add(c, COUNTER_FIRST);
	counters_add(other, COUNTER_FIRST);
	is_int(counters_get(c, COUNTER_FIRST), 2, "what one counts the other sees");
	pid = fork();
	if (pid == 0) {
		struct counters *mine = counters_open(dir);

		counters_add(mine, COUNTER_OVERLOADED);
		_exit(counters_get(mine, COUNTER_FIRST) == 2 ? 0 : 1);
	}
	(void)!waitpid(pid, &(int){0}, 0);
	is_int(counters_get(c, COUNTER_OVERLOADED), 1, "also another process's");
	counters_close(&c);
	counters_close(&other);
	ok(!c && !other, "closed");
	c = counters_open(dir);
	is_int(counters_get(c, COUNTER_FIRST), 2, "opened again: it is still there");
	counters_close(&c);
	stat(file(), &sb);
	is_int(sb.st_mode & 0777, 0600, "the file is ours alone");
}

static void learn(void)
{
	struct counters *c = counters_open(dir), *other = counters_open(dir);

	is_int(counters_expect(c, "/a"), -1, "no run time is known");
	counters_learn(c, "/a", 1000000);
	is_int(counters_expect(other, "/a"), 1000, "until the first one");
	counters_learn(other, "/a", 2000000);
	is_int(counters_expect(c, "/a"), 1250, "the next one counts a quarter");
	counters_learn(c, "/a", 250000);
	is_int(counters_expect(c, "/a"), 1000, "a shorter one too");
	for (int i = 0; i < 100; i++)
		counters_learn(c, "/a", 10000000);
	ok(counters_expect(c, "/a") > 9990 && counters_expect(c, "/a") <= 10000,
		"in the end it is what it always is");
	counters_learn(c, "/b", 0);
	is_int(counters_expect(c, "/b"), 0, "no time at all is a time");
	counters_learn(c, "/c", INT64_MAX);
	ok(counters_expect(c, "/c") > 2000000000, "a very long one stays one");
	counters_learn(c, "/c", 0);
	ok(counters_expect(c, "/c") > 1000000000, "and is averaged as one");
	counters_learn(c, "", 5000);
	is_int(counters_expect(c, ""), 5, "a route may have no name");
	counters_close(&c);
	counters_close(&other);
}

/* Many routes, of which some have to share: each gets its own time, or none. */
static void share_places(void)
{
	struct counters *c = counters_open(dir);
	int known = 0, wrong = 0, counts = 0;
	char name[32];

	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "/cgi-bin/%d.pl", i);
		counters_learn(c, name, i * INT64_C(1000));
		wrong += counters_expect(c, name) != i;
	}
	is_int(wrong, 0, "the one who learned last is told what it learned");
	for (int i = 0; i < 2000; i++) {
		int64_t got;

		snprintf(name, sizeof(name), "/cgi-bin/%d.pl", i);
		got = counters_expect(c, name);
		known += got >= 0;
		wrong += got != i && got != -1;
	}
	is_int(wrong, 0, "no route gets the time of another");
	ok(known > 100 && known < 2000, "some have lost their place: %d of 2000 are known", known);
	for (int i = 0; i < COUNTER__MAX; i++)
		counts += (int)counters_get(c, (enum counter)i);
	is_int(counts, 3, "and no counter was touched");
	counters_close(&c);
}

static void name_all(void)
{
	bool all = true;

	for (int i = 0; i < COUNTER__MAX; i++) {
		const char *name = counter_name((enum counter)i);

		all = all && name && *name;
		for (int other = 0; all && other < i; other++)
			all = strcmp(name, counter_name((enum counter)other)) != 0;
	}
	ok(all, "each counter has a name of its own");
}

static void do_without(void)
{
	struct counters *c = counters_open("/nonexistent");
	int fd;

	ok(!c, "no directory, no counters");
	counters_add(c, COUNTER_FIRST);
	counters_learn(c, "/a", 1);
	is_int(counters_get(c, COUNTER_FIRST), 0, "nothing is counted");
	is_int(counters_expect(c, "/a"), -1, "nor learned");
	counters_close(&c);

	unlink(file());
	fd = open(file(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	(void)!write(fd, "\1", 1);
	close(fd);
	c = counters_open(dir);
	counters_add(c, COUNTER_OVERLOADED);
	is_int(counters_get(c, COUNTER_FIRST), 1, "a file that is too short is made longer");
	is_int(counters_get(c, COUNTER_OVERLOADED), 1, "and used");
	counters_close(&c);

	unlink(file());
	(void)!symlink("/tmp/rs-unit-elsewhere", file());
	c = counters_open(dir);
	ok(!c, "a symbolic link is not followed");
	unlink(file());
}

/* ---- routes ---- */

struct found {
	int n;
	int64_t first, runs, run_us; /* of all of them */
	struct route_counts last, a;
};

static bool add(const struct route_counts *r, void *arg)
{
	struct found *f = arg;

	f->n++;
	f->first += r->count[COUNTER_FIRST];
	f->runs += r->runs;
	f->run_us += r->run_us;
	f->last = *r;
	if (strcmp(r->name, "/a") == 0)
		f->a = *r;
	return true;
}

static struct found look(const char *at)
{
	struct counters *c = counters_open_read(at);
	struct found f = {0};

	counters_routes(c, add, &f);
	counters_close(&c);
	return f;
}

static void count_routes(void)
{
	struct counters *c;
	struct counters_age age;
	struct found f;
	char name[300];
	pid_t pid;

	unlink(file());
	ok(!counters_open_read(dir), "a reader makes no file");
	ok(access(file(), F_OK) != 0, "indeed");
	c = counters_open(dir);
	is_int(look(dir).n, 0, "no route yet");
	counters_add_route(c, "/a", COUNTER_FIRST);
	counters_add_route(c, "/b", COUNTER_REPLAYED);
	counters_add_route(c, NULL, COUNTER_PASSED);
	pid = fork();
	if (pid == 0) {
		struct counters *mine = counters_open(dir);

		for (int i = 0; i < 1000; i++)
			counters_add_route(mine, "/a", COUNTER_FIRST);
		_exit(0);
	}
	for (int i = 0; i < 1000; i++)
		counters_add_route(c, "/a", COUNTER_FIRST);
	(void)!waitpid(pid, &(int){0}, 0);
	counters_learn(c, "/a", 5000);
	counters_learn(c, "/a", 7000);
	f = look(dir);
	is_int(f.n, 2, "two routes");
	is_int(f.a.count[COUNTER_FIRST], 2001, "several processes count for one of them");
	is_int(counters_get(c, COUNTER_FIRST), 2001, "and for all");
	is_int(counters_get(c, COUNTER_PASSED), 1, "what is of no route counts there only");
	is_int(f.a.runs, 2, "its runs");
	is_int(f.a.run_us, 12000, "and what they took");
	is_int(f.a.n[run_times_class(5000)], 1, "each in its class");
	ok(!f.a.is_rest, "it has a place of its own");
	counters_age(c, &age);
	ok(age.since_ms > 0 && age.restarted_ms == 0, "it is known since when");
	c->boot_id ^= 1;
	counters_learn(c, "/a", 1);
	counters_age(c, &age);
	ok(age.restarted_ms > 0, "a start of the machine is noted");

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "/cgi-bin/%d.pl", i);
		counters_add_route(c, name, COUNTER_FIRST);
	}
	f = look(dir);
	is_int(f.first, 3001, "where there is no room for a route nothing is lost");
	is_int(f.n, ROUTES, "there is a limit");
	ok(f.last.is_rest && f.last.count[COUNTER_FIRST] == 1000 - (ROUTES - 3),
		"the rest is counted together");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	counters_add_route(c, name, COUNTER_FIRST);
	counters_close(&c);
}

/* Files of other versions. */
static void read_others(void)
{
	struct counters *c;
	struct counters_age age;
	struct found f;
	struct stat sb;

	unlink(file());
	c = counters_open(dir);
	counters_add_route(c, "/a", COUNTER_FIRST);
	counters_close(&c);
	ok(truncate(file(), 4096) == 0, "the file of an older program");
	c = counters_open_read(dir);
	counters_age(c, &age);
	is_int(counters_get(c, COUNTER_FIRST), 1, "a reader finds its counts");
	is_int(age.since_ms, 0, "and no routes");
	is_int(look(dir).n, 0, "none at all");
	counters_close(&c);
	stat(file(), &sb);
	is_int(sb.st_size, 4096, "it changes nothing");
	c = counters_open(dir);
	counters_add_route(c, "/a", COUNTER_FIRST);
	is_int(counters_get(c, COUNTER_FIRST), 2, "a gateway goes on counting");
	is_int(look(dir).first, 1, "and counts routes from now on");

	c->format++;
	counters_add_route(c, "/a", COUNTER_FIRST);
	counters_age(c, &age);
	is_int(counters_get(c, COUNTER_FIRST), 3, "another version's routes: all are counted");
	is_int(age.since_ms, 0, "and routes are not known");
	c->format--;
	f = look(dir);
	is_int(f.first, 1, "nor changed");
	counters_close(&c);
	unlink(file());
}

int main(void)
{
	if (!mkdtemp(dir))
		return 111;
	count();
	learn();
	share_places();
	name_all();
	do_without();
	count_routes();
	read_others();
	rmdir(dir);
	return done_testing();
}
