/* SPDX-License-Identifier: ISC */
/*
 * gateway/deployment.c - the list of configurations in use
 *
 * One mutex guards the list and every deployment's counters.  A deployment leaves the list when its
 * file has changed or its store has failed; it is freed when the last request gives it back. A
 * store is opened under a mutex of its deployment, so that a slow disk holds up that deployment
 * alone.
 */
#include "gateway/deployment.h"

#include "store/account.h"
#include "store/configured.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct deployment {
	struct deployment *next;
	int users; /* requests, and one for the list */
	bool is_listed;
	char *path;
	struct stat seen; /* the file when it was read */
	struct config *cf;
	pthread_mutex_t opening;
	struct store *store;
	struct counters *counters;
	char *safe_root; /* the last document root that was found not to hold the store */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct deployment *deployments;

static void deployment_free(struct deployment *s)
{
	store_close(&s->store);
	counters_close(&s->counters);
	config_free(&s->cf);
	pthread_mutex_destroy(&s->opening);
	free(s->safe_root);
	free(s->path);
	free(s);
}

/* With the mutex held: one user less.  True: it was the last one, free it. */
static bool drop_user(struct deployment *s)
{
	return --s->users == 0;
}

/* With the mutex held: takes it out of the list.  True: free it. */
static bool unlist(struct deployment *s)
{
	if (!s->is_listed)
		return false;
	for (struct deployment **at = &deployments; *at; at = &(*at)->next)
		if (*at == s) {
			*at = s->next;
			break;
		}
	s->is_listed = false;
	return drop_user(s);
}

static bool is_unchanged(const struct deployment *s, const struct stat *now)
{
	return s->seen.st_dev == now->st_dev && s->seen.st_ino == now->st_ino &&
	       s->seen.st_size == now->st_size && s->seen.st_mtim.tv_sec == now->st_mtim.tv_sec &&
	       s->seen.st_mtim.tv_nsec == now->st_mtim.tv_nsec;
}

static struct deployment *find_listed(const char *path, const struct stat *now)
{
	struct deployment *found = NULL, *old = NULL;

	pthread_mutex_lock(&mutex);
	for (struct deployment *s = deployments; s && !found; s = s->next)
		if (strcmp(s->path, path) == 0)
			found = s;
	if (found && !is_unchanged(found, now)) {
		old = unlist(found) ? found : NULL;
		found = NULL;
	}
	if (found)
		found->users++;
	pthread_mutex_unlock(&mutex);
	if (old)
		deployment_free(old);
	return found;
}

enum err deployment_take(const char *config_path, bool is_control, struct deployment **out)
{
	struct deployment *s;
	struct stat now;
	enum err e;

	if (stat(config_path, &now) != 0)
		memset(&now, 0, sizeof(now)); /* config_load() says what is wrong */
	s = find_listed(config_path, &now);
	if (s) {
		*out = s;
		return OK;
	}
	s = calloc(1, sizeof(*s));
	if (!s || !(s->path = strdup(config_path))) {
		free(s);
		return err_set(ERR_NOMEM, "out of memory");
	}
	e = config_load(config_path, is_control, &s->cf);
	if (e == OK)
		e = account_check_run(s->cf, NULL);
	if (e != OK) {
		config_free(&s->cf);
		free(s->path);
		free(s);
		return e;
	}
	pthread_mutex_init(&s->opening, NULL);
	s->counters = counters_open(s->cf->spool);
	s->seen = now;
	s->users = 2;
	s->is_listed = true;
	pthread_mutex_lock(&mutex);
	for (struct deployment *other = deployments; other; other = other->next)
		s->is_listed = s->is_listed && strcmp(other->path, s->path) != 0;
	if (s->is_listed) {
		s->next = deployments;
		deployments = s;
	} else {
		s->users--; /* another thread was faster: this one is for this request only */
	}
	pthread_mutex_unlock(&mutex);
	*out = s;
	return OK;
}

void deployment_give(struct deployment **deployment)
{
	struct deployment *s = *deployment;
	bool is_last;

	if (!s)
		return;
	pthread_mutex_lock(&mutex);
	is_last = drop_user(s);
	pthread_mutex_unlock(&mutex);
	if (is_last)
		deployment_free(s);
	*deployment = NULL;
}

const struct config *deployment_config(const struct deployment *deployment)
{
	return deployment->cf;
}

struct counters *deployment_counters(const struct deployment *deployment)
{
	return deployment->counters;
}

void deployment_discard(struct deployment *deployment)
{
	pthread_mutex_lock(&mutex);
	unlist(deployment); /* the caller still uses it */
	pthread_mutex_unlock(&mutex);
}

static enum err check_root(struct deployment *s, const char *document_root)
{
	if (!document_root || !*document_root || strcmp(document_root, "/") == 0 ||
		(s->safe_root && strcmp(s->safe_root, document_root) == 0))
		return OK;
	if (configured_is_below(s->cf->store, document_root))
		return err_set(ERR_REFUSED,
			"%s: the store %s is below the document root %s, where the server would "
			"hand it to "
			"anybody; put it elsewhere",
			s->cf->path, s->cf->store, document_root);
	free(s->safe_root);
	s->safe_root = strdup(document_root);
	return OK;
}

enum err deployment_store(
	struct deployment *deployment, const char *document_root, struct store **out)
{
	const struct config *cf = deployment->cf;
	struct store_options opt = configured_store_options(cf);
	enum err e;

	opt.may_create = true;
	pthread_mutex_lock(&deployment->opening);
	e = check_root(deployment, document_root);
	if (e == OK && !deployment->store)
		e = store_open(&opt, &deployment->store);
	if (e == OK && !deployment->counters) /* the spool was not there yet */
		deployment->counters = counters_open(cf->spool);
	if (e == OK)
		*out = deployment->store;
	pthread_mutex_unlock(&deployment->opening);
	return e;
}

void deployment_close_all(void)
{
	for (;;) {
		struct deployment *s;
		bool is_last;

		pthread_mutex_lock(&mutex);
		s = deployments;
		is_last = s && unlist(s);
		pthread_mutex_unlock(&mutex);
		if (!s)
			return;
		if (is_last)
			deployment_free(s);
	}
}
