/* SPDX-License-Identifier: ISC */
/*
 * cli/advice.c - what `check` warns of: settings that are allowed, and often not what was meant
 *
 * RULES
 *   (1) A warning changes neither what is served nor the exit status (t31-verbs).
 *
 * Does not know: what scripts do.  It goes by their names.
 */
#include "cli/verbs.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Parts of names, and whole words of names, of what only reads or is to be done each time. */
static const char *const parts[] = {
	"search", "query", "lookup", "suggest", "status", "login", "logon", "signin", NULL};
static const char *const words[] = {
	"api", "find", "list", "poll", "get", "view", "show", "auth", "logout", "report", NULL};

static bool is_word(const char *const *list, const char *text, size_t len)
{
	for (; *list; list++)
		if (strlen(*list) == len && strncasecmp(*list, text, len) == 0)
			return true;
	return false;
}

/* Does a name look like one of a script that reads, or logs in? */
static bool looks_like_reading(const char *name)
{
	for (size_t i = 0; parts[i]; i++)
		if (strcasestr(name, parts[i]))
			return true;
	while (*name) {
		size_t len = 0;

		while (isalpha((unsigned char)name[len]))
			len++;
		if (is_word(words, name, len))
			return true;
		name += len > 0 ? len : 1;
	}
	return false;
}

static bool has_entry(strings list, const char *text)
{
	for (; list && *list; list++)
		if (strcmp(*list, text) == 0)
			return true;
	return false;
}

/* A list that the operator wrote, and not as an empty one. */
static bool is_chosen(bool is_own, strings list)
{
	return is_own && list && *list;
}

static bool derives_for_readers(const struct route *route)
{
	const char *name = route->match ? route->match : route->script;

	return has_entry(route->key_from, "derive") &&
	       ((route->match && strpbrk(route->match, "*?[")) || looks_like_reading(name));
}

static bool derives_and_reruns(const struct route *route)
{
	return has_entry(route->key_from, "derive") && route->on_uncertain == UNCERTAIN_RERUN;
}

static bool replays_to_nobody(const struct route *route)
{
	return route->unique && route->on_duplicate == DUPLICATE_REPLAY &&
	       !is_chosen(route->has_own_scope, route->scope) &&
	       !is_chosen(route->has_own_bind, route->bind);
}

static const struct advice {
	bool (*applies)(const struct route *route);
	const char *text;
} advice[] = {
	{derives_for_readers,
		"\"derive\" makes equal requests of one person within \"ttl\" one: that is for "
		"forms "
		"that change something, not for scripts that only read (search, polling, an API), "
		"nor for log-ins; give those a route without it, before this one"},
	{derives_and_reruns,
		"\"derive\" lets an uncertain operation's key go after \"ttl\", so that the form "
		"can be "
		"sent anew, and \"rerun\" may then run the first request as well; write "
		"\"on_uncertain\": \"fail\""},
	{replays_to_nobody,
		"\"on_duplicate\": \"replay\" shows the first answer only to the same person, told "
		"by a "
		"user, credentials or cookies; all others are answered \"duplicate\".  Say in "
		"\"scope\" "
		"or \"bind\" what tells people apart here, such as [\"REMOTE_USER\"] or "
		"[\"cookie:session\"]"},
};

void cli_advise(
	const struct config *cf, void (*each)(size_t route, const char *text, void *arg), void *arg)
{
	for (size_t i = 0; i < cf->n_routes; i++)
		for (size_t k = 0; k < sizeof(advice) / sizeof(advice[0]); k++)
			if (advice[k].applies(&cf->routes[i]))
				each(i + 1, advice[k].text, arg);
}
