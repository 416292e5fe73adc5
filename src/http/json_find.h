/* SPDX-License-Identifier: ISC */
/*
 * http/json_find.h - the value in a JSON document that a pointer names
 */
#ifndef RETRYSAFE_HTTP_JSON_FIND_H
#define RETRYSAFE_HTTP_JSON_FIND_H

#include "http/json.h"

/*
 * json_find - reads a document to its end, and hands over the value that the pointer names
 *
 *   source, from  the document; it is read once
 *   found         gets the event that the value begins with; then, of a string or number, each
 *                 EVENT_TEXT of it; of an object or array nothing more.  Is not called when there
 *                 is no such value
 *
 * Returns OK; ERR_INVALID it is not JSON (json_feed()), or two members of one name lead to the
 * pointer: the error text quotes nothing of the document; the source's and found()'s errors.  Takes
 * no memory, blocks as the source does.
 */
enum err json_find(json_source *source, void *from, const char *pointer, json_handler *found,
	void *arg) MUSTCHECK;

#endif
