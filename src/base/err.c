/* SPDX-License-Identifier: ISC */
/*
 * base/err.c - the text of the last error, one per thread
 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char text[1024];

enum err err_set(enum err code, const char *fmt, ...)
{
	int saved_errno = errno;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	errno = saved_errno;
	return code;
}

enum err err_add(enum err code, const char *fmt, ...)
{
	int saved_errno = errno;
	char old[sizeof(text)];
	va_list ap;
	int n;

	memcpy(old, text, sizeof(old));
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n + 2 < sizeof(text)) {
		size_t room = sizeof(text) - (size_t)n - 3, len = strnlen(old, room);

		memcpy(text + n, ": ", 2);
		memcpy(text + n + 2, old, len);
		text[(size_t)n + 2 + len] = '\0';
	}
	errno = saved_errno;
	return code;
}

enum err err_from_errno(int code)
{
	switch (code) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return ERR_FULL;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return ERR_NOMEM;
	default:
		return ERR_SYSTEM;
	}
}

const char *err_text(void)
{
	return text;
}
