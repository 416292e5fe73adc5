/* SPDX-License-Identifier: ISC */
/*
 * gateway/route.c - which script a request means, which configuration and route apply to it
 *
 * RULES
 *   (1) A request belongs to the route that its URL reaches in whatever way the URL is read.  Where
 *       the readings reach two routes, the request is refused: a client that chooses the spelling
 *       must not choose the route (unit/script_url, t86-urls).
 *
 * Does not know: keys, and what is in the store.
 */
#include "gateway/route.h"

#include "base/log.h"
#include "cgi/script_url.h"
#include "cgi/url_path.h"
#include "gateway/fingerprint.h"
#include "gateway/refusal.h"
#include "gateway/request_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The last value of a variable as the server sent it; variables_take() drops RETRYSAFE_*. */
static const char *find_sent_value(struct request *r, const char *name)
{
	const char *value = NULL;
	size_t len = strlen(name);

	for (char *const *p = web_peer_params(r->peer); *p; p++)
		if (strncmp(*p, name, len) == 0 && (*p)[len] == '=')
			value = *p + len + 1;
	return value;
}

static enum next refuse_place(struct request *r, enum err e)
{
	request_log_detail(r, err_text());
	log_warn("%s", err_text());
	return refusal_send(r,
		e == ERR_ABSENT    ? PROBLEM_SCRIPT_MISSING
		: e == ERR_REFUSED ? PROBLEM_SCRIPT_OUTSIDE
				   : PROBLEM_REQUEST_INVALID,
		NULL, NULL, 0);
}

enum next route_find_script(struct request *r)
{
	if (r->way == WAY_CONTROL_FILE) {
		r->located = strdup(r->control_path);
		return r->located ? NEXT : refusal_failed(r, ERR_NOMEM);
	}
	r->locating = script_locate(r->way, &r->vars, &r->located);
	/* Without a file, a route may still name the script. */
	if (r->locating != OK)
		snprintf(r->locating_text, sizeof(r->locating_text), "%s", err_text());
	if (r->locating == OK || r->locating == ERR_ABSENT || r->locating == ERR_INVALID)
		return NEXT;
	return r->locating == ERR_NOMEM ? refusal_failed(r, ERR_NOMEM)
					: refuse_place(r, r->locating);
}

/* The configuration's path for this request; owned. */
static enum err find_configuration(struct request *r, char **path)
{
	const char *given = r->worker->config_path, *slash;
	char *dir = NULL;
	enum err e;

	if (r->way == WAY_CONTROL_FILE)
		given = r->control_path;
	/* SetEnv of the server's configuration; the second is what an Action makes of it. */
	if (!given)
		given = find_sent_value(r, "RETRYSAFE_CONFIG");
	if (!given)
		given = find_sent_value(r, "REDIRECT_RETRYSAFE_CONFIG");
	if (given) {
		*path = strdup(given);
		return *path ? OK : err_set(ERR_NOMEM, "out of memory");
	}
	if (r->located) {
		slash = strrchr(r->located, '/');
		dir = strndup(r->located, slash ? (size_t)(slash - r->located) : 0);
		if (!dir)
			return err_set(ERR_NOMEM, "out of memory");
	}
	e = config_find(dir, true, path);
	free(dir);
	return e;
}

/* The name by which the request got its route: by it the operation's policy is found later. */
static enum err set_address(struct request *r, const char *name)
{
	r->address = strdup(name);
	if (!r->address)
		return err_set(ERR_NOMEM, "out of memory");
	url_path_clean(r->address);
	return OK;
}

/* Where a request's route was found. */
struct found_route {
	const struct route *route; /* borrowed; NULL: nowhere */
	struct script_url *url;    /* the reading of the URL that reaches it; borrowed */
	size_t len;                /* as config_route_at() sets it */
};

/* Rule (1): the route that the readings of the URL reach.  ERR_INVALID: there is no URL. */
static enum err choose_route(
	const struct config *cf, struct script_urls *urls, struct found_route *found)
{
	*found = (struct found_route){.len = CONFIG_NO_PART};
	if (!*urls->list[0].path)
		return err_set(ERR_INVALID, "the server did not say which URL was asked for");
	for (size_t i = 0; i < urls->n; i++) {
		struct script_url *url = &urls->list[i];
		size_t len;
		const struct route *route = config_route_at(cf, url->name, url->path, &len);

		if (len == CONFIG_TOO_LONG)
			return err_set(ERR_REFUSED, "the URL has more parts than the `match` of a "
						    "route with a script is "
						    "tried on");
		if (!route || (found->route && url->is_weak))
			continue;
		if (!found->route || found->url->is_weak)
			*found = (struct found_route){route, url, len};
		else if (route != found->route)
			return err_set(ERR_REFUSED,
				"the URL can be read as one of route %s and as one of route %s; "
				"let "
				"the server send SCRIPT_NAME decoded and without query and "
				"PATH_INFO",
				found->route->match, route->match);
	}
	return OK;
}

/* Makes a route that was found the request's, and SCRIPT_NAME what a route with a script says. */
static enum err take_route(struct request *r, const struct found_route *found)
{
	bool is_part = found->len != CONFIG_NO_PART;
	enum err e = OK;

	r->route = found->route;
	if (is_part) {
		e = script_divide(&r->vars, found->url->path, found->len);
		found->url->path[found->len] = '\0';
	}
	if (e == OK)
		e = set_address(
			r, is_part || !found->url->name ? found->url->path : found->url->name);
	return e;
}

/*
 * The route of a request whose script, if it has one, the server has named.  Where there is neither
 * a script nor a route that names one, the request is refused: it is never passed through.
 */
static enum next find_route(struct request *r)
{
	struct script_urls urls = {0};
	struct found_route found;
	enum err e;

	if (r->way == WAY_CONTROL_FILE) {
		const char *name = variables_get(&r->vars, "SCRIPT_NAME");

		r->route = config_route(r->cf, "");
		return set_address(r, name ? name : "") == OK ? NEXT : refusal_failed(r, ERR_NOMEM);
	}
	e = script_url_readings(&r->vars, r->located, &urls);
	if (e == OK)
		e = choose_route(r->cf, &urls, &found);
	if (e == OK && found.route)
		e = take_route(r, &found);
	script_urls_free(&urls);
	if (e == ERR_REFUSED)
		return refuse_place(r, e);
	if (e != ERR_INVALID)
		return e == OK ? NEXT : refusal_failed(r, e);
	request_log_detail(r, err_text());
	log_warn("%s", err_text());
	return refusal_send(r, PROBLEM_CONFIGURATION, NULL, NULL, 0);
}

/* Neither the server nor a route names a script. */
static enum next refuse_unlocated(struct request *r)
{
	(void)err_set(r->locating, "%s, and no route names one for it", r->locating_text);
	return refuse_place(r, r->locating);
}

enum next route_find(struct request *r)
{
	char *path = NULL;
	enum err e = find_configuration(r, &path);
	enum next next;

	/* The configuration may be beside the script alone. */
	if (e == ERR_ABSENT && !r->located)
		return refuse_unlocated(r);
	if (e == OK)
		e = deployment_take(path, r->way == WAY_CONTROL_FILE, &r->deployment);
	free(path);
	if (e == OK && r->worker->needs_script_dirs &&
		!deployment_config(r->deployment)->script_dirs)
		e = err_set(ERR_REFUSED, "on TCP the configuration needs \"script_dirs\"");
	if (e != OK) {
		request_log_detail(r, err_text());
		log_warn("%s", err_text());
		/* Descriptors and memory come back; a mistake in the file stays. */
		return e == ERR_NOMEM ? refusal_send(r, PROBLEM_OVERLOADED, NULL, NULL, 1)
				      : refusal_send(r, PROBLEM_CONFIGURATION, NULL, NULL, 0);
	}
	r->cf = deployment_config(r->deployment);
	log_format(r->cf->log);
	next = find_route(r);
	if (next != NEXT)
		return next;
	if (!r->located && !(r->route && r->route->script))
		return refuse_unlocated(r);
	if (r->route)
		r->log.route = route_name(r->route, variables_get(&r->vars, "SCRIPT_NAME"));
	return NEXT;
}

/* Opens r->script for the route, and puts its path and directory where the script expects them. */
enum next route_open_script(struct request *r)
{
	static const enum problem problems[] = {
		[SCRIPT_OK] = PROBLEM_SCRIPT_NOT_STARTED,
		[SCRIPT_MISSING] = PROBLEM_SCRIPT_MISSING,
		[SCRIPT_NOT_EXECUTABLE] = PROBLEM_SCRIPT_NOT_EXECUTABLE,
		[SCRIPT_OUTSIDE] = PROBLEM_SCRIPT_OUTSIDE,
	};
	enum script_problem problem;
	enum err e = script_open(r->located, r->cf, r->route, &r->script, &problem);

	if (e != OK) {
		request_log_detail(r, err_text());
		log_warn("%s", err_text());
		return refusal_send_as(r, problems[problem], COUNTER_NOT_STARTED, NULL, NULL,
			problem == SCRIPT_OK ? 1 : 0);
	}
	if (r->cf->script_dirs || (r->route && r->route->script))
		e = variables_set(&r->vars, "SCRIPT_FILENAME", r->script.path);
	if (e == OK && !variables_get(&r->vars, "GATEWAY_INTERFACE"))
		e = variables_set(&r->vars, "GATEWAY_INTERFACE", "CGI/1.1");
	if (e == OK && !variables_get(&r->vars, "PATH"))
		e = variables_set(&r->vars, "PATH", "/usr/local/bin:/usr/bin:/bin");
	/* php-cgi runs nothing without it (cgi.force_redirect): the proof that a server sent it. */
	if (e == OK && r->route && r->route->interpreter &&
		!variables_get(&r->vars, "REDIRECT_STATUS"))
		e = variables_set(&r->vars, "REDIRECT_STATUS", "200");
	return e == OK ? NEXT : refusal_failed(r, e);
}

enum err route_set_environment(struct request *r, const struct operation *op)
{
	char downstream[37], attempt[16];
	const struct {
		const char *name, *value;
	} ours[] = {
		{"IDEMPOTENCY_KEY", r->key.text},
		{"IDEMPOTENCY_OPERATION", r->ref},
		{"IDEMPOTENCY_ATTEMPT", attempt},
		{"IDEMPOTENCY_DOWNSTREAM_KEY", downstream},
	};
	enum err e = OK;

	fingerprint_downstream(store_secret(r->store), op, downstream);
	snprintf(attempt, sizeof(attempt), "%d", op->attempts);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]) && e == OK; i++)
		e = variables_set(&r->vars, ours[i].name, ours[i].value);
	return e;
}
