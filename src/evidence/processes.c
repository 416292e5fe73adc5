/* SPDX-License-Identifier: ISC */
/*
 * evidence/processes.c - the processes of this host at one moment, and which of them belong to a
 * run
 *
 * RULES
 *   (1) A number that another process has got since is not taken for the run's: the start time has
 *       to fit (unit/evidence).
 *   (2) A process is found by its mark, whatever has become of its environment, name, session,
 *       parents and user (unit/evidence, t84-evidence).
 *   (3) A process has ended when the kernel says so, and not when it cannot be read: then nothing
 *       is known of any (unit/evidence, t84-evidence).
 *   (4) A process lives as long as one of its threads (unit/evidence).
 *
 * Does not know: operations, and what follows from a living process.
 */
#include "evidence/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A start time is a multiple of the kernel's tick, which is 10 ms at most. */
#define TICK_NS INT64_C(10000000)

#define VARIABLE       "IDEMPOTENCY_OPERATION="
#define VARIABLE_NAME  (sizeof(VARIABLE) - 1)
#define VARIABLE_WHOLE (VARIABLE_NAME + PROCESS_REF + 1)

/* ---- one process ---- */

/* What came of reading a file of a process. */
enum reading {
	READ,
	ENDED,  /* the process has ended */
	HIDDEN, /* this account may not read it */
	FAILED  /* errno says why: nothing is known of the process */
};

static enum reading reading_of(int why)
{
	return why == ENOENT || why == ESRCH   ? ENDED
	       : why == EACCES || why == EPERM ? HIDDEN
					       : FAILED;
}

static int open_file(pid_t pid, const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* close(2), without a change of errno. */
static void close_file(int fd)
{
	int why = errno;

	close(fd);
	errno = why;
}

/* Reads the start of a file of /proc as text, which is not empty. */
static enum reading read_text(pid_t pid, const char *file, char *buf, size_t size)
{
	int fd = open_file(pid, file);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close_file(fd);
	if (n < 0)
		return reading_of(errno);
	buf[n] = '\0';
	return n > 0 ? READ : ENDED;
}

/* The n-th field of /proc/PID/stat, as proc(5) counts them, from `at`, which is behind the name and
 * its parenthesis: before field 3.  -1: there is none. */
static int64_t stat_field(const char *at, int n)
{
	char *end;
	int64_t value;

	for (int i = 2; i < n && at; i++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -1;
	value = strtoll(at, &end, 10);
	return end == at ? -1 : value;
}

/* Parses /proc/PID/stat. */
static enum reading read_stat(pid_t pid, struct process *p)
{
	char buf[1024];
	enum reading reading = read_text(pid, "stat", buf, sizeof(buf));
	const char *name, *end;
	int64_t start;
	size_t len;

	if (reading != READ)
		return reading;
	name = strchr(buf, '(');
	end = strrchr(buf, ')'); /* the name may hold anything */
	start = end ? stat_field(end, 22) : -1;
	if (!name || !end || end[1] != ' ' || start < 0) {
		errno = EPROTO;
		return FAILED;
	}
	/* After its first thread it lives until the last one has ended. */
	if (end[2] == 'X' || (end[2] == 'Z' && stat_field(end, 20) <= 1))
		return ENDED;
	*p = (struct process){.pid = pid,
		.parent = (pid_t)stat_field(end, 4),
		.group = (pid_t)stat_field(end, 5),
		.session = (pid_t)stat_field(end, 6),
		.start_ns = start * (INT64_C(1000000000) / sysconf(_SC_CLK_TCK))};
	len = (size_t)(end - name - 1);
	if (len >= sizeof(p->name))
		len = sizeof(p->name) - 1;
	memcpy(p->name, name + 1, len);
	return READ;
}

/* Sets p->mark, of what read_stat() has set. */
static enum reading read_mark(struct process *p)
{
	static const char what[] = "Max realtime timeout";
	char buf[4096];
	enum reading reading = read_text(p->pid, "limits", buf, sizeof(buf));
	const char *line = reading == READ ? strstr(buf, what) : NULL;
	uint64_t limit = line ? strtoull(line + strlen(what), NULL, 10) : 0;

	p->mark = run_row_is_mark(limit) ? limit : 0;
	return reading;
}

/* Finds IDEMPOTENCY_OPERATION in a part of an environment. */
static void find_ref(struct process *p, const char *at, const char *end)
{
	while ((at = memmem(at, (size_t)(end - at), VARIABLE, VARIABLE_NAME)) &&
		(size_t)(end - at) >= VARIABLE_WHOLE) {
		at += VARIABLE_NAME;
		if (strnlen(at, PROCESS_REF + 1) == PROCESS_REF) {
			memcpy(p->ref, at, PROCESS_REF + 1);
			return;
		}
	}
}

/* Sets p->ref. */
static enum reading read_ref(struct process *p)
{
	char buf[8192 + VARIABLE_WHOLE];
	size_t have = 0;
	int fd = open_file(p->pid, "environ");
	ssize_t n = -1;

	if (fd < 0)
		return reading_of(errno);
	while (!p->ref[0] && (n = read(fd, buf + have, sizeof(buf) - have)) > 0) {
		have += (size_t)n;
		find_ref(p, buf, buf + have);
		if (have >= VARIABLE_WHOLE) { /* it may begin in one read and end in the next */
			memmove(buf, buf + have - (VARIABLE_WHOLE - 1), VARIABLE_WHOLE - 1);
			have = VARIABLE_WHOLE - 1;
		}
	}
	close_file(fd);
	return n < 0 ? reading_of(errno) : READ;
}

/* ---- all of them ---- */

static bool add_process(struct processes *all, size_t *room, const struct process *p)
{
	if (all->n == *room) {
		size_t more = *room ? 2 * *room : 256;
		struct process *list = realloc(all->list, more * sizeof(*list));

		if (!list)
			return false;
		all->list = list;
		*room = more;
	}
	all->list[all->n++] = *p;
	return true;
}

/* Reads a process, and adds it if it lives. */
static enum err read_process(struct processes *all, size_t *room, pid_t pid, bool has_refs)
{
	struct process p;
	enum reading reading = read_stat(pid, &p);

	if (reading == READ)
		reading = read_mark(&p);
	if (reading == HIDDEN)
		all->is_partial = true;
	if (reading == ENDED || reading == HIDDEN)
		return OK;
	/* An environment is its owner's alone, and the mark tells more: without one it has to do.
	 */
	if (reading == FAILED || (has_refs && p.mark == 0 && read_ref(&p) == FAILED))
		return err_set(err_from_errno(errno), "/proc/%d: %s", (int)pid, strerror(errno));
	return add_process(all, room, &p) ? OK : err_set(ERR_NOMEM, "/proc: out of memory");
}

static int compare_pids(const void *a, const void *b)
{
	const struct process *p = a, *q = b;

	return (p->pid > q->pid) - (p->pid < q->pid);
}

static struct process *find(const struct processes *all, pid_t pid)
{
	const struct process wanted = {.pid = pid};

	return all->n ? bsearch(&wanted, all->list, all->n, sizeof(wanted), compare_pids) : NULL;
}

static void order(struct processes *all)
{
	if (all->n)
		qsort(all->list, all->n, sizeof(*all->list), compare_pids);
	for (size_t i = 0; i < all->n; i++)
		all->list[i].parent_there = find(all, all->list[i].parent);
}

enum err processes_read(bool has_refs, struct processes *out)
{
	struct processes all = {.is_partial = access("/proc/1/stat", R_OK) != 0};
	size_t room = 0;
	enum err e = OK;
	struct dirent *d;
	DIR *proc = opendir("/proc");

	if (!proc)
		return err_set(err_from_errno(errno), "/proc: %s", strerror(errno));
	while (e == OK && (errno = 0, d = readdir(proc)))
		if (isdigit((unsigned char)d->d_name[0]))
			e = read_process(&all, &room, (pid_t)strtol(d->d_name, NULL, 10), has_refs);
	if (e == OK && errno != 0)
		e = err_set(err_from_errno(errno), "/proc: %s", strerror(errno));
	closedir(proc);
	if (e != OK) {
		processes_free(&all);
		return e;
	}
	order(&all);
	*out = all;
	return OK;
}

void processes_free(struct processes *all)
{
	free(all->list);
	all->list = NULL;
	all->n = 0;
}

const struct process *processes_find(const struct processes *all, pid_t pid)
{
	return find(all, pid);
}

/* ---- whose they are ---- */

static bool is_root(const struct process *p, const struct run_row *row)
{
	return p->pid == row->pid && p->start_ns >= row->made_after_ns - TICK_NS &&
	       p->start_ns <= row->made_before_ns + TICK_NS;
}

/* Another process has the number of the row's: then nothing is left of its session and group. */
static bool is_successor(const struct process *p, const struct run_row *row)
{
	return p->pid == row->pid && !is_root(p, row);
}

static bool is_of_row(const struct process *p, const struct run_row *row)
{
	return is_root(p, row) ||
	       ((p->session == row->pid || p->group == row->pid) && p->pid != row->pid &&
		       p->start_ns >= row->made_after_ns - TICK_NS);
}

bool processes_have_root(const struct processes *all, const struct run_row *row)
{
	for (size_t i = 0; i < all->n; i++)
		if (is_root(&all->list[i], row))
			return true;
	return false;
}

static bool has_successor(const struct processes *all, const struct run_row *row)
{
	for (size_t i = 0; i < all->n; i++)
		if (is_successor(&all->list[i], row))
			return true;
	return false;
}

bool processes_have(const struct processes *all, const struct run_row *row)
{
	uint64_t mark = run_row_mark(row->op_id, row->op_nonce);
	bool is_reused = has_successor(all, row);

	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].mark == mark || (!is_reused && is_of_row(&all->list[i], row)))
			return true;
	return false;
}

size_t processes_claim(
	struct processes *all, const struct run_row *row, uint64_t mark, const char *ref)
{
	bool is_reused = row && has_successor(all, row), has_grown;
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		struct process *p = &all->list[i];

		p->belongs = p->belongs || (mark && p->mark == mark) ||
			     (ref && p->ref[0] && strcmp(p->ref, ref) == 0) ||
			     (row && !is_reused && is_of_row(p, row));
	}
	do {
		has_grown = false;
		n = 0;
		for (size_t i = 0; i < all->n; i++) {
			struct process *p = &all->list[i];

			if (!p->belongs && p->parent_there && p->parent_there->belongs)
				p->belongs = has_grown = true;
			n += p->belongs;
		}
	} while (has_grown);
	return n;
}

void processes_disclaim(struct processes *all)
{
	for (size_t i = 0; i < all->n; i++)
		all->list[i].belongs = false;
}

bool processes_adopted(const struct process *p, pid_t keeper, int64_t from_ns)
{
	return p->parent == keeper && p->session != keeper && p->mark == 0 &&
	       p->start_ns >= from_ns - TICK_NS;
}

/* Is it still that process?  Returns 0, or an errno: ESRCH it has ended. */
static int check_process(const struct process *p)
{
	struct process now;
	enum reading reading = read_stat(p->pid, &now);

	if (reading == HIDDEN || reading == FAILED)
		return errno;
	return reading == READ && now.start_ns == p->start_ns ? 0 : ESRCH;
}

int processes_signal(const struct process *p, int sig)
{
	int fd = (int)syscall(SYS_pidfd_open, p->pid, 0), rc;

	if (fd < 0 && errno != ENOSYS)
		return errno;
	rc = check_process(p);
	if (rc == 0 && (fd >= 0 ? syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0)
				: kill(p->pid, sig)) != 0)
		rc = errno;
	if (fd >= 0)
		close(fd);
	return rc;
}
