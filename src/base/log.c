/* SPDX-License-Identifier: ISC */
/*
 * base/log.c - lines of text or JSON, one write each, so that lines of several processes do not mix
 */
#include "base/log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

static enum log_format wanted = LOG_TEXT;

void log_format(enum log_format format)
{
	wanted = format;
}

static void put_time(char *out, size_t size)
{
	static _Thread_local time_t last = -1; /* the second that `text` says */
	static _Thread_local char text[24];
	struct timespec ts;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (ts.tv_sec != last) {
		gmtime_r(&ts.tv_sec, &tm);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
		last = ts.tv_sec;
	}
	snprintf(out, size, "%s.%03ldZ", text, ts.tv_nsec / 1000000);
}

/* The file behind descriptor 2, which does not change while the process lives. */
static struct stat log_file;

static void look_at_log(void)
{
	if (fstat(STDERR_FILENO, &log_file) != 0)
		log_file = (struct stat){.st_mode = S_IFCHR, .st_rdev = makedev(1, 3)};
}

static const struct stat *log_stat(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, look_at_log);
	return &log_file;
}

void log_raw(const char *text, size_t len)
{
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
	bool is_ready = S_ISREG(log_stat()->st_mode);

	/* A log without a reader must not stop a request. */
	while (len > 0 && (is_ready || (poll(&fd, 1, 0) == 1 && fd.revents & POLLOUT))) {
		ssize_t n = write(STDERR_FILENO, text, len < PIPE_BUF ? len : PIPE_BUF);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static void make_printable(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

static void log_message(const char *level, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

static void log_message(const char *level, const char *fmt, va_list ap)
{
	char time[40], text[1024], line[1200];
	int n;

	put_time(time, sizeof(time));
	vsnprintf(text, sizeof(text), fmt, ap);
	make_printable(text);
	if (wanted == LOG_JSON) {
		json_t *o = json_pack(
			"{s:s, s:s, s:s+}", "time", time, "level", level, "message", text, "");
		char *dump = o ? json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

		if (dump) {
			n = snprintf(line, sizeof(line), "%s\n", dump);
			log_raw(line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
		}
		free(dump);
		json_decref(o);
		return;
	}
	n = snprintf(line, sizeof(line), "%s retrysafe[%ld] %s: %s\n", time, (long)getpid(), level,
		text);
	log_raw(line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_message("warning", fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_message("info", fmt, ap);
	va_end(ap);
}

/* A duration in milliseconds with three digits, or "-". */
static void put_duration(char *out, size_t size, int64_t us)
{
	if (us < 0)
		snprintf(out, size, "-");
	else
		snprintf(out, size, "%" PRId64 ".%03" PRId64, us / 1000, us % 1000);
}

static int text_line(const struct log_request *r, const char *time, char *line, size_t size)
{
	char claim[24], run[24], record[24], exit[12] = "-", status[12] = "-";

	put_duration(claim, sizeof(claim), r->claim_us);
	put_duration(run, sizeof(run), r->run_us);
	put_duration(record, sizeof(record), r->record_us);
	if (r->exit_status >= 0)
		snprintf(exit, sizeof(exit), "%d", r->exit_status);
	if (r->status > 0)
		snprintf(status, sizeof(status), "%d", r->status);
	return snprintf(line, size,
		"%s ref=%s route=%s outcome=%s status=%s claim=%sms run=%sms record=%sms "
		"exit=%s%s%s",
		time, r->ref ? r->ref : "-", r->route ? r->route : "-", r->outcome, status, claim,
		run, record, exit, r->detail ? " detail=" : "", r->detail ? r->detail : "");
}

static json_t *duration_or_null(int64_t us)
{
	return us < 0 ? json_null() : json_real((double)us / 1000);
}

/* NULL for text that is not UTF-8: json_pack() then leaves out one member, not the whole line. */
static json_t *text_or_none(const char *text)
{
	return text ? json_string(text) : NULL;
}

static int json_line(const struct log_request *r, const char *time, char *line, size_t size)
{
	json_t *o = json_pack("{s:s, s:s?, s:o*, s:s, s:i, s:o, s:o, s:o, s:o, s:o*}", "time", time,
		"ref", r->ref, "route", text_or_none(r->route), "outcome", r->outcome, "status",
		r->status, "claim_ms", duration_or_null(r->claim_us), "run_ms",
		duration_or_null(r->run_us), "record_ms", duration_or_null(r->record_us), "exit",
		r->exit_status < 0 ? json_null() : json_integer(r->exit_status), "detail",
		text_or_none(r->detail));
	char *dump = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
	int n = dump ? snprintf(line, size, "%s", dump) : -1;

	free(dump);
	json_decref(o);
	return n;
}

void log_request(const struct log_request *r,
	void (*write_line)(void *arg, const char *line, size_t len), void *arg)
{
	char time[40], line[1500];
	int n;

	put_time(time, sizeof(time));
	n = wanted == LOG_JSON ? json_line(r, time, line, sizeof(line) - 1)
			       : text_line(r, time, line, sizeof(line) - 1);
	if (n < 0)
		return;
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n] = '\0';
	make_printable(line);
	line[n] = '\n';
	if (write_line)
		write_line(arg, line, (size_t)n + 1);
	else
		log_raw(line, (size_t)n + 1);
}

bool log_leads_nowhere(void)
{
	const struct stat *sb = log_stat();

	return S_ISCHR(sb->st_mode) && sb->st_rdev == makedev(1, 3);
}
