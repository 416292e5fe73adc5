/* SPDX-License-Identifier: ISC */
/*
 * config/frame.h - reads the file of the setting `page_template`
 */
#ifndef RETRYSAFE_CONFIG_FRAME_H
#define RETRYSAFE_CONFIG_FRAME_H

#include "base/err.h"
#include "config/where.h"
#include "http/page_template.h"

/*
 * config_frame_read - reads and checks the operator's frame for pages
 *
 *   w     the place of the setting, for messages
 *   path  absolute; a regular file of at most PAGE_TEMPLATE_MAX bytes
 *
 * Returns OK, free *out with page_template_free(); ERR_INVALID, with a text that has the place, the
 * file and what is wrong with it; ERR_NOMEM.  Blocks on the disk only.
 */
enum err config_frame_read(
	const struct config_where *w, const char *path, struct page_template **out) MUSTCHECK;

#endif
