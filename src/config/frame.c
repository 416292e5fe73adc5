/* SPDX-License-Identifier: ISC */
/*
 * config/frame.c - reads the file of the setting `page_template`
 *
 * It is read with the configuration, not with a page: a page is sent when something is wrong
 * already, and a mistake in the file is to show before.
 *
 * Does not know: what a template may have in it (http/page_template.c).
 */
#include "config/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err fail_system(const struct config_where *w, const char *path)
{
	return config_where_error(w, "%s: %s", path, strerror(errno));
}

/* Reads up to PAGE_TEMPLATE_MAX + 1 bytes: one more than may be there shows that there are more. */
static enum err read_all(
	const struct config_where *w, const char *path, int fd, char *html, size_t *len)
{
	ssize_t n;

	*len = 0;
	do {
		n = read(fd, html + *len, PAGE_TEMPLATE_MAX + 1 - *len);
		if (n > 0)
			*len += (size_t)n;
	} while (*len <= PAGE_TEMPLATE_MAX && (n > 0 || (n < 0 && errno == EINTR)));
	return n < 0 ? fail_system(w, path) : OK;
}

enum err config_frame_read(
	const struct config_where *w, const char *path, struct page_template **out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char *html = NULL, why[256];
	size_t len = 0;
	struct stat st;
	enum err e = OK;

	if (fd < 0 || fstat(fd, &st) < 0)
		e = fail_system(w, path);
	else if (!S_ISREG(st.st_mode))
		e = config_where_error(w, "%s: is not a regular file", path);
	else if (!(html = malloc(PAGE_TEMPLATE_MAX + 1)))
		e = err_set(ERR_NOMEM, "%s: no memory", path);
	if (e == OK)
		e = read_all(w, path, fd, html, &len);
	if (e == OK) {
		e = page_template_parse(html, len, out);
		if (e == ERR_INVALID) {
			snprintf(why, sizeof(why), "%s", err_text());
			e = config_where_error(w, "%s: %s", path, why);
		}
	}
	free(html);
	if (fd >= 0)
		close(fd);
	return e;
}
