/* SPDX-License-Identifier: ISC */
/*
 * Claim: what any process counts or learns all of them see; of two routes that share a place none
 * is ever told the other's time; without a file nothing fails.
 */
#include "metrics/counters.h"

#include "tap.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
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
	counters_learn(c, "/a", 1000);
	is_int(counters_expect(other, "/a"), 1000, "until the first one");
	counters_learn(other, "/a", 2000);
	is_int(counters_expect(c, "/a"), 1250, "the next one counts a quarter");
	counters_learn(c, "/a", 250);
	is_int(counters_expect(c, "/a"), 1000, "a shorter one too");
	for (int i = 0; i < 100; i++)
		counters_learn(c, "/a", 10000);
	ok(counters_expect(c, "/a") > 9990 && counters_expect(c, "/a") <= 10000,
		"in the end it is what it always is");
	counters_learn(c, "/b", 0);
	is_int(counters_expect(c, "/b"), 0, "no time at all is a time");
	counters_learn(c, "/c", INT64_MAX);
	ok(counters_expect(c, "/c") > 2000000000, "a very long one stays one");
	counters_learn(c, "/c", 0);
	ok(counters_expect(c, "/c") > 1000000000, "and is averaged as one");
	counters_learn(c, "", 5);
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
		counters_learn(c, name, i);
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

int main(void)
{
	if (!mkdtemp(dir))
		return 111;
	count();
	learn();
	share_places();
	name_all();
	do_without();
	rmdir(dir);
	return done_testing();
}
