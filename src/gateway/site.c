/* SPDX-License-Identifier: ISC */
/*
 * gateway/site.c - the list of configurations in use
 *
 * One mutex guards the list and every site's counters.  A site leaves the list when its file has
 * changed or its store has become doubtful; it is freed when the last request gives it back.
 * A store is opened under a mutex of its site, so that a slow disk holds up that site alone.
 */
#include "gateway/site.h"

#include "store/configured.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct site {
	struct site *next;
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
static struct site *sites;

static void site_free(struct site *s)
{
	store_close(&s->store);
	counters_close(&s->counters);
	config_free(&s->cf);
	pthread_mutex_destroy(&s->opening);
	free(s->safe_root);
	free(s->path);
	free(s);
}

/* With the mutex held: one user less.  True: nobody is left, free it. */
static bool leave(struct site *s)
{
	return --s->users == 0;
}

/* With the mutex held: takes it out of the list.  True: free it. */
static bool unlist(struct site *s)
{
	if (!s->is_listed)
		return false;
	for (struct site **at = &sites; *at; at = &(*at)->next)
		if (*at == s) {
			*at = s->next;
			break;
		}
	s->is_listed = false;
	return leave(s);
}

static bool is_unchanged(const struct site *s, const struct stat *now)
{
	return s->seen.st_dev == now->st_dev && s->seen.st_ino == now->st_ino &&
	       s->seen.st_size == now->st_size && s->seen.st_mtim.tv_sec == now->st_mtim.tv_sec &&
	       s->seen.st_mtim.tv_nsec == now->st_mtim.tv_nsec;
}

static struct site *find_listed(const char *path, const struct stat *now)
{
	struct site *found = NULL, *old = NULL;

	pthread_mutex_lock(&mutex);
	for (struct site *s = sites; s && !found; s = s->next)
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
		site_free(old);
	return found;
}

enum err site_take(const char *config_path, bool is_control, struct site **out)
{
	struct site *s;
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
	if (e != OK) {
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
	for (struct site *other = sites; other; other = other->next)
		s->is_listed = s->is_listed && strcmp(other->path, s->path) != 0;
	if (s->is_listed) {
		s->next = sites;
		sites = s;
	} else {
		s->users--; /* somebody was faster: this one is for this request only */
	}
	pthread_mutex_unlock(&mutex);
	*out = s;
	return OK;
}

void site_give(struct site **site)
{
	struct site *s = *site;
	bool is_last;

	if (!s)
		return;
	pthread_mutex_lock(&mutex);
	is_last = leave(s);
	pthread_mutex_unlock(&mutex);
	if (is_last)
		site_free(s);
	*site = NULL;
}

const struct config *site_config(const struct site *site)
{
	return site->cf;
}

struct counters *site_counters(const struct site *site)
{
	return site->counters;
}

void site_doubt(struct site *site)
{
	pthread_mutex_lock(&mutex);
	unlist(site); /* the caller still uses it */
	pthread_mutex_unlock(&mutex);
}

static enum err check_root(struct site *s, const char *document_root)
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

enum err site_store(struct site *site, const char *document_root, struct store **out)
{
	const struct config *cf = site->cf;
	struct store_options opt = {
		.url = cf->store,
		.spool = cf->spool,
		.durability = cf->durability,
		.busy_timeout_ms = cf->busy_timeout_ms,
		.may_create = true,
	};
	enum err e;

	pthread_mutex_lock(&site->opening);
	e = check_root(site, document_root);
	if (e == OK && !site->store)
		e = store_open(&opt, &site->store);
	if (e == OK && !site->counters) /* the spool was not there yet */
		site->counters = counters_open(cf->spool);
	if (e == OK)
		*out = site->store;
	pthread_mutex_unlock(&site->opening);
	return e;
}

void site_close_all(void)
{
	for (;;) {
		struct site *s;
		bool is_last;

		pthread_mutex_lock(&mutex);
		s = sites;
		is_last = s && unlist(s);
		pthread_mutex_unlock(&mutex);
		if (!s)
			return;
		if (is_last)
			site_free(s);
	}
}
