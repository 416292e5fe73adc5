/* SPDX-License-Identifier: ISC */
/*
 * base/err.h - what a call that can fail returns
 *
 * A function that can fail returns an enum err and leaves a sentence for people in err_text().
 * Out-parameters are set only when it returns OK.
 *
 * Everything rests on one distinction: *nothing happened* and *it may have happened* never have the
 * same code.  Only ERR_UNKNOWN says the second.
 *
 * Only main.c ends the process because of an error; a verb of cli/ returns its exit code.
 */
#ifndef RETRYSAFE_BASE_ERR_H
#define RETRYSAFE_BASE_ERR_H

enum err {
	OK = 0,

	/* Nothing happened. */
	ERR_BUSY,    /* a lock or a slot was not free in time; the same call may work later */
	ERR_FULL,    /* no room: disk, quota or our own cap; may work later */
	ERR_NOMEM,   /* no memory or no descriptors; may work later */
	ERR_SYSTEM,  /* a system call failed for another reason */
	ERR_INVALID, /* the input is wrong; the same call would fail again */
	ERR_ABSENT,  /* there is no such thing */
	ERR_REFUSED, /* one of our rules forbids it */
	ERR_BROKEN,  /* a file is damaged, missing or not ours: an operator has to look */
	ERR_GONE,    /* the process at the other end is no longer there */

	/* It may or may not have happened: look again before deciding anything. */
	ERR_UNKNOWN,

	ERR__MAX
};

#define MUSTCHECK         __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/*
 * err_set - sets this thread's error text and returns `code`, so that a
 * function can end with `return err_set(ERR_X, "...")`.  Does not change errno.
 * At most 1023 bytes of text are kept.
 */
enum err err_set(enum err code, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* err_add - puts "text: " in front of this thread's error text; returns `code`. */
enum err err_add(enum err code, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * err_from_errno - the code for the errno of a system call that failed: ERR_FULL where disk, quota
 * or file size are at their limit, ERR_NOMEM without memory or descriptors, else ERR_SYSTEM
 *
 * What ENOENT, EINTR or EAGAIN mean depends on the call: the caller looks at them first.
 */
enum err err_from_errno(int code);

/* err_text - the text of this thread's last error; never NULL; borrowed until the next err_set. */
const char *err_text(void);

#endif
