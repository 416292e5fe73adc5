/* SPDX-License-Identifier: ISC */
/*
 * http/json_find.c - the value in a JSON document that a pointer names
 *
 * RULES
 *   (1) The whole document is read: a value in front of a mistake is not the value of a document
 *       (unit/json).
 *   (2) Two members of one name on the way are an error, because parsers take the first, or the
 * last of them (unit/json).
 *
 * Does not know: what the value is for.
 */
#include "http/json_find.h"

#include "http/json_pointer.h"

struct search {
	struct json json;
	struct json_walk walk;
	json_handler *found;
	void *arg;
	int depth;
	int64_t indices[JSON_DEPTH_MAX + 1]; /* of the elements that come; -1: members */
	bool is_name, is_there;              /* the text that comes is a name's, or the value's */
};

static void leave_value(struct search *s)
{
	json_walk_leave(&s->walk, s->depth);
	if (s->indices[s->depth] >= 0)
		s->indices[s->depth]++;
}

static enum err take_value(struct search *s, enum json_event event)
{
	int64_t index = s->indices[s->depth];
	enum err e = OK;
	bool is_there;

	if (index < 0)
		json_walk_member(&s->walk, s->depth);
	else if (s->depth > 0)
		json_walk_element(&s->walk, s->depth, index);
	is_there = json_walk_is_there(&s->walk, s->depth);
	if (is_there)
		e = s->found(s->arg, event, NULL, 0);
	if (event == EVENT_OBJECT || event == EVENT_ARRAY)
		s->indices[++s->depth] = event == EVENT_OBJECT ? -1 : 0;
	else if (event == EVENT_STRING || event == EVENT_NUMBER)
		s->is_there = is_there;
	else
		leave_value(s);
	return e;
}

static enum err take_text(struct search *s, const char *text, size_t len)
{
	if (s->is_name)
		json_walk_text(&s->walk, text, len);
	return s->is_there ? s->found(s->arg, EVENT_TEXT, text, len) : OK;
}

static enum err take_event(void *arg, enum json_event event, const char *text, size_t len)
{
	struct search *s = arg;

	if (json_is_value(event))
		return take_value(s, event);
	if (event == EVENT_TEXT)
		return take_text(s, text, len);
	if (event == EVENT_NAME) {
		s->is_name = true;
		json_walk_name(&s->walk, s->depth);
		return OK;
	}
	s->depth -= event == EVENT_CLOSE;
	if (!s->is_name)
		leave_value(s);
	s->is_name = s->is_there = false;
	return OK;
}

static enum err take_bytes(void *arg, const char *bytes, size_t len)
{
	struct search *s = arg;

	return json_feed(&s->json, bytes, len);
}

enum err json_find(
	json_source *source, void *from, const char *pointer, json_handler *found, void *arg)
{
	struct search s;
	enum err e;

	s.found = found;
	s.arg = arg;
	s.depth = 0;
	s.indices[0] = 0;
	s.is_name = s.is_there = false;
	json_start(&s.json, take_event, &s);
	json_walk_start(&s.walk, pointer);
	e = source(from, take_bytes, &s);
	if (e == OK)
		e = json_finish(&s.json);
	if (e == OK && s.walk.is_doubled)
		e = err_set(ERR_INVALID, "the JSON has two members of one name on the way to %s",
			pointer);
	return e;
}
