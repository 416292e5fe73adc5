/* SPDX-License-Identifier: ISC */
/*
 * server/serve.c - a FastCGI gateway from its start to its end
 *
 * The keeper is forked while there is neither a thread nor an open store.  When the keeper dies,
 * the program starts over in the same process, so that the server that spawned it keeps its child
 * and its socket.
 *
 * Does not know: what a request is.
 */
#include "server/serve.h"

#include "base/exit_code.h"
#include "base/log.h"
#include "cgi/web_peer.h"
#include "config/config.h"
#include "gateway/deployment.h"
#include "keeper/keeper.h"
#include "server/workers.h"
#include "store/account.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* While no configuration is there to say it. */
#define DEFAULT_WORKERS     16
#define DEFAULT_CONNECTIONS 4096

/*
 * Each connection takes a descriptor, and the usual limit is 1024.  The keeper has been started
 * before, so scripts have the limit that they would have without us.
 */
static void raise_descriptors(struct rlimit *before)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, before) != 0)
		before->rlim_cur = 0;
	limit = *before;
	limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
	if (before->rlim_cur > 0 && before->rlim_cur < limit.rlim_cur)
		setrlimit(RLIMIT_NOFILE, &limit);
}

int serve_fastcgi(int fd, const char *address, const struct serving *how, char *argv[])
{
	static struct listener listener; /* a thread may outlive this call, see workers_run() */
	struct rlimit descriptors;
	int control_fd;
	enum err e;

	mallopt(M_ARENA_MAX, 2); /* an arena for each thread would take memory for nothing */
	workers_block_signals();
	if (keeper_start(!log_leads_nowhere(), &control_fd) != OK) {
		log_warn("%s", err_text());
		return EXIT_TEMPORARY;
	}
	raise_descriptors(&descriptors);
	e = listener_open(fd, address, &listener);
	if (e != OK) {
		log_warn("%s", err_text());
		return e == ERR_INVALID ? EXIT_USAGE : EXIT_TEMPORARY;
	}
	if (how->needs_script_dirs)
		log_warn("TCP: every program that can connect may have any script in script_dirs "
			 "run, "
			 "with any variables; a unix: socket lets only its group in");
	log_info("ready");
	e = workers_run(&listener, control_fd, how);
	if (e == ERR_GONE) {
		/* Start over in this process, so that the server keeps its child and its socket. */
		log_warn("%s; starting over", err_text());
		fcntl(listener.fd, F_SETFD, 0);
		if (descriptors.rlim_cur > 0)
			setrlimit(RLIMIT_NOFILE, &descriptors);
		if (fd < 0) {
			char text[32];

			snprintf(text, sizeof(text), "%d", listener.fd);
			setenv("RETRYSAFE_LISTEN_FD", text, 1);
		}
		execv("/proc/self/exe", argv);
		log_warn("cannot start over");
		return EXIT_TEMPORARY;
	}
	if (e != OK) {
		log_warn("%s", err_text());
		return EXIT_TEMPORARY;
	}
	deployment_close_all();
	listener_close(&listener);
	log_info("left");
	return EXIT_SUCCESS;
}

static bool is_tcp(int fd, const char *address)
{
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof(sa);

	if (fd < 0)
		return address && strncmp(address, "unix:", 5) != 0;
	return getsockname(fd, (struct sockaddr *)&sa, &len) == 0 && sa.ss_family != AF_UNIX;
}

/* For a configuration that is there. */
static enum err prepare_for(const struct config *cf, struct serving *s)
{
	enum err e = account_check_run(cf, "serve");

	if (e != OK)
		return e;
	s->n_workers = (int)cf->workers;
	s->n_connections = (int)cf->max_connections;
	if (!s->needs_script_dirs)
		return OK;
	if (!cf->script_dirs)
		return err_set(ERR_INVALID,
			"%s: on TCP \"script_dirs\" is needed, because any peer may name a script; "
			"write "
			"\"script_dirs\": [\"/usr/lib/cgi-bin\"], or listen on unix:/path/of.sock",
			cf->path);
	s->config_path = strdup(cf->path);
	return s->config_path ? OK : err_set(ERR_NOMEM, "out of memory");
}

enum err serve_prepare(int fd, const char *address, const char *config_path, struct serving *out)
{
	struct serving s = {.n_workers = DEFAULT_WORKERS,
		.n_connections = DEFAULT_CONNECTIONS,
		.needs_script_dirs = is_tcp(fd, address)};
	struct config *cf = NULL;
	enum err e = config_open(config_path, &cf);

	/* Without --config, the configuration may be beside the scripts. */
	if (e == ERR_ABSENT && !config_path && !getenv("RETRYSAFE_CONFIG") &&
		!s.needs_script_dirs && geteuid() != 0)
		e = OK;
	else if (e == OK)
		e = prepare_for(cf, &s);
	config_free(&cf);
	if (e == OK && !s.config_path && config_path) {
		s.config_path = strdup(config_path);
		e = s.config_path ? OK : err_set(ERR_NOMEM, "out of memory");
	}
	if (e == OK)
		*out = s;
	else
		free(s.config_path);
	return e;
}
