/* SPDX-License-Identifier: ISC */
/*
 * gateway/gateway.c - the life of a request
 *
 * Read the files in the order of the table `steps` below.  A step returns NEXT, or it has answered
 * (or dropped) the request and returns FINISHED.  The steps of a request that is protected are in
 * gateway/protect.c; one that is not leaves the table at `key`.
 *
 * RULES THAT HOLD
 *   (1) Every request gets exactly one answer, unless its client has left.
 *   (2) The body has been read to its end before an answer is sent.
 *   (3) Nothing a client or a script sends ends the process.
 *
 * What it does not know: how a claim is decided (operation/claim.c), how a script is started
 * (keeper/keeper.c), what is in the store.
 */
#include "gateway/gateway.h"

#include "gateway/fingerprint.h"
#include "gateway/pass.h"
#include "gateway/source.h"
#include "gateway/steps.h"
#include "keeper/link.h"

#include <stdlib.h>
#include <string.h>

struct step {
	const char *name;
	enum next (*take)(struct request *r);
};

/* ---- read: the CGI variables ---- */

static enum next read_variables(struct request *r)
{
	enum err e = variables_take(web_peer_params(r->peer), &r->vars);
	int64_t announced;

	if (e != OK)
		return answer_problem(
			r, PROBLEM_REQUEST_INVALID, COUNTER_REQUEST_REFUSED, err_text(), NULL, 0);
	if (!variables_get(&r->vars, "REQUEST_METHOD"))
		return answer_problem(r, PROBLEM_REQUEST_INVALID, COUNTER_REQUEST_REFUSED,
			"The web server did not say REQUEST_METHOD", NULL, 0);
	if (request_length(r, &announced) != OK)
		return answer_problem(
			r, PROBLEM_REQUEST_INVALID, COUNTER_REQUEST_REFUSED, err_text(), NULL, 0);
	/* So that draining never waits for more than the client sends. */
	if (r->way != WAY_FASTCGI)
		web_peer_set_length(
			r->peer, announced < 0 && !variables_get(&r->vars, "HTTP_TRANSFER_ENCODING")
					 ? 0
					 : announced);
	return NEXT;
}

/* ---- route: which script, which configuration ---- */

/* The value of a variable as the server sent it; variables_take() drops RETRYSAFE_*. */
static const char *sent_value(struct request *r, const char *name)
{
	size_t len = strlen(name);

	for (char *const *p = web_peer_params(r->peer); *p; p++)
		if (strncmp(*p, name, len) == 0 && (*p)[len] == '=')
			return *p + len + 1;
	return NULL;
}

static enum next find_script(struct request *r)
{
	enum err e;

	if (r->way == WAY_CONTROL_FILE) {
		r->located = strdup(r->control_path);
		return r->located ? NEXT : answer_failed(r, ERR_NOMEM);
	}
	e = script_locate(r->way, &r->vars, &r->located);
	if (e == OK)
		return NEXT;
	answer_note(r, err_text());
	log_warn("%s", err_text());
	return answer_problem(r,
		e == ERR_ABSENT    ? PROBLEM_SCRIPT_MISSING
		: e == ERR_REFUSED ? PROBLEM_SCRIPT_OUTSIDE
				   : PROBLEM_REQUEST_INVALID,
		COUNTER_REQUEST_REFUSED, NULL, NULL, 0);
}

/* The configuration's path for this request; owned. */
static enum err find_configuration(struct request *r, char **path)
{
	const char *given = r->worker->config_path, *slash = strrchr(r->located, '/');
	char *dir;
	enum err e;

	if (r->way == WAY_CONTROL_FILE)
		given = r->control_path;
	/* SetEnv of the server's configuration; the second is what an Action makes of it. */
	if (!given)
		given = sent_value(r, "RETRYSAFE_CONFIG");
	if (!given)
		given = sent_value(r, "REDIRECT_RETRYSAFE_CONFIG");
	if (given) {
		*path = strdup(given);
		return *path ? OK : err_set(ERR_NOMEM, "out of memory");
	}
	dir = strndup(r->located, slash ? (size_t)(slash - r->located) : 0);
	e = config_find(dir, true, path);
	free(dir);
	return e;
}

static enum next find_route(struct request *r)
{
	const char *name = variables_get(&r->vars, "SCRIPT_NAME");
	char *path = NULL;
	enum err e = find_configuration(r, &path);

	if (e == OK)
		e = deployment_take(path, r->way == WAY_CONTROL_FILE, &r->deployment);
	free(path);
	if (e != OK) {
		answer_note(r, err_text());
		log_warn("%s", err_text());
		return answer_problem(
			r, PROBLEM_CONFIGURATION, COUNTER_CONFIGURATION, NULL, NULL, 0);
	}
	r->cf = deployment_config(r->deployment);
	log_format(r->cf->log);
	r->route = config_route(r->cf, name ? name : "");
	if (r->route)
		r->log.route = route_name(r->route, name);
	return NEXT;
}

/* Opens r->script for the route, and puts its path and directory where the script expects them. */
enum next gateway_open_script(struct request *r)
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
		answer_note(r, err_text());
		log_warn("%s", err_text());
		return answer_problem(r, problems[problem], COUNTER_NOT_STARTED, NULL, NULL,
			problem == SCRIPT_OK ? 1 : 0);
	}
	if (r->route && r->route->script)
		e = variables_set(&r->vars, "SCRIPT_FILENAME", r->script.path);
	if (e == OK && !variables_get(&r->vars, "GATEWAY_INTERFACE"))
		e = variables_set(&r->vars, "GATEWAY_INTERFACE", "CGI/1.1");
	if (e == OK && !variables_get(&r->vars, "PATH"))
		e = variables_set(&r->vars, "PATH", "/usr/local/bin:/usr/bin:/bin");
	/* php-cgi runs nothing without it (cgi.force_redirect): the proof that a server sent it. */
	if (e == OK && r->route && r->route->interpreter &&
		!variables_get(&r->vars, "REDIRECT_STATUS"))
		e = variables_set(&r->vars, "REDIRECT_STATUS", "200");
	return e == OK ? NEXT : answer_failed(r, e);
}

/* ---- pass: what is not protected ---- */

static enum next answer_pass(
	struct request *r, enum err e, int64_t sent, const struct ending *end, int failed)
{
	counters_add(answer_counters(r), COUNTER_PASSED);
	r->log.outcome = "passed";
	r->log.exit_status = end->exit_status;
	r->log.run_us = end->run_us > 0 ? end->run_us : -1;
	switch (e) {
	case OK:
		if (sent > 0) {
			answer_log(r);
			web_peer_write(r->peer, NULL, 0, true);
			return FINISHED;
		}
		return answer_problem(r, PROBLEM_SCRIPT_FAILED, COUNTER_NOT_STARTED,
			"The script ended without an answer", NULL, 0);
	case ERR_ABSENT:
		log_warn("%s: %s", r->script.path, strerror(failed));
		return answer_problem(
			r, PROBLEM_SCRIPT_NOT_STARTED, COUNTER_NOT_STARTED, NULL, NULL, 1);
	case ERR_REFUSED:
		return answer_problem(
			r, PROBLEM_REQUEST_TOO_LARGE, COUNTER_REQUEST_REFUSED, err_text(), NULL, 0);
	case ERR_INVALID:
		return answer_problem(r, PROBLEM_REQUEST_INCOMPLETE, COUNTER_REQUEST_REFUSED,
			err_text(), NULL, 0);
	case ERR_GONE:
		return sent > 0 || web_peer_is_gone(r->peer) ? FINISHED : answer_failed(r, e);
	default:
		return sent > 0 ? FINISHED : answer_failed(r, e);
	}
}

static enum next pass(struct request *r)
{
	struct ending end;
	int64_t sent = 0;
	int failed = 0;
	enum err e;

	if (gateway_open_script(r) == FINISHED)
		return FINISHED;
	e = link_open(r->worker->control_fd, &r->worker->link);
	if (e != OK)
		return answer_failed(r, e);
	e = pass_through(r, &r->worker->link, &sent, &end, &failed);
	if (e == ERR_GONE) /* perhaps it was the keeper */
		link_close(&r->worker->link);
	answer_pass(r, e, sent, &end, failed);
	ending_free(&end);
	return FINISHED;
}

/* ---- key ---- */

/* The key that stands in one place of the request.  ERR_ABSENT: none does. */
static enum err key_at(struct request *r, const char *source)
{
	const char *name = strchr(source, ':') + 1;
	struct value v;
	enum err e = source_find(r, source, &v);

	if (e != OK)
		return e;
	if (v.n == 0)
		return err_set(ERR_ABSENT, "there is no %s", name);
	if (v.n > 1)
		return err_set(ERR_INVALID, "more than one %s was sent; send exactly one", name);
	if (v.is_too_long)
		return err_set(ERR_INVALID, "the %s is longer than %d characters", name, KEY_MAX);
	if (strncmp(source, "header:", 7) == 0)
		return key_parse(v.text, v.len, r->route->key_syntax, name, &r->key);
	return key_parse_bare(v.text, v.len, name, &r->key);
}

/*
 * A request that only its natural key protects gets a key that nobody else has.  A body that cannot
 * be understood is refused later, where the natural key is made.
 */
static enum next make_key(struct request *r, enum err *e)
{
	unsigned char bytes[16];
	bool has_value = false;
	struct value v;

	for (strings from = r->route->unique; from && *from && !has_value; from++) {
		if (source_is_in_body(r, *from) && protect_read_body(r) == FINISHED)
			return FINISHED;
		has_value = source_find(r, *from, &v) != OK || v.n > 0;
	}
	if (!has_value)
		return NEXT;
	random_bytes(bytes, sizeof(bytes));
	hex_text(bytes, sizeof(bytes), r->key.text);
	r->key.len = strlen(r->key.text);
	*e = OK;
	return NEXT;
}

/*
 * The first place of key_from that holds a key counts.  The body is read before the key is known
 * only where a place is in it.
 */
static enum next find_key(struct request *r, enum err *e)
{
	*e = err_set(ERR_ABSENT, "no place holds a key");
	for (strings from = r->route->key_from; *from && *e == ERR_ABSENT; from++) {
		r->key.is_derived = strcmp(*from, "derive") == 0;
		if (source_is_in_body(r, *from) && protect_read_body(r) == FINISHED)
			return FINISHED;
		*e = r->key.is_derived ? OK : key_at(r, *from);
	}
	return *e == ERR_ABSENT && !r->route->key_required ? make_key(r, e) : NEXT;
}

static enum next take_key(struct request *r)
{
	const char *method = variables_get(&r->vars, "REQUEST_METHOD");
	enum err e;

	if (!r->route || !config_route_protects(r->route, method))
		return pass(r);
	if (find_key(r, &e) == FINISHED)
		return FINISHED;
	switch (e) {
	case OK:
		return NEXT;
	case ERR_ABSENT:
		return r->route->key_required ? answer_problem(r, PROBLEM_KEY_MISSING,
							COUNTER_KEY_MISSING, NULL, NULL, 0)
					      : pass(r);
	case ERR_INVALID:
		return answer_problem(
			r, PROBLEM_KEY_INVALID, COUNTER_KEY_INVALID, err_text(), NULL, 0);
	case ERR_REFUSED:
		return answer_problem(
			r, PROBLEM_REQUEST_TOO_LARGE, COUNTER_REQUEST_REFUSED, err_text(), NULL, 0);
	default:
		return answer_failed(r, e);
	}
}

/* ---- the table ---- */

static const struct step steps[] = {
	{"read", read_variables},         /* cgi/variables.c */
	{"script", find_script},          /* cgi/script.c */
	{"route", find_route},            /* config/config.c, gateway/deployment.c */
	{"operation", progress_resource}, /* gateway/progress.c: GET ?_operation=REF */
	{"key", take_key},           /* gateway/source.c, http/key.c; what is not protected goes to
					gateway/pass.c */
	{"body", protect_read_body}, /* gateway/request.c */
	{"look", protect_look},   /* gateway/fingerprint.c, operation/claim.c: a retry is answered
				     here */
	{"claim", protect_claim}, /* cgi/script.c, keeper/link.c, operation/claim.c -> store */
	{"run", protect_run},     /* keeper/link.c <-> keeper/keeper.c, then operation/record.c ->
				   * store, then gateway/reply.c
				   */
};

void gateway_serve(struct worker *w, struct web_peer *peer, enum way way, const char *control_path)
{
	struct request r = {
		.worker = w,
		.peer = peer,
		.way = way,
		.control_path = control_path,
		.body = SPOOL_CLOSED,
		.op = {.exit_status = -1},
		.prefer = {.wait_ms = -1},
		.log = {.outcome = "?",
			.claim_us = -1,
			.run_us = -1,
			.record_us = -1,
			.exit_status = -1},
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i].take(&r) == FINISHED)
			break;
	answer_log(&r);
	request_free(&r);
}
