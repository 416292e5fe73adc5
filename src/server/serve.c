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

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
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

int serve_fastcgi(int fd, const char *address, const char *config_path,
	const struct worker_limits *limits, char *argv[])
{
	struct listener listener;
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
	log_info("ready");
	e = workers_run(&listener, control_fd, config_path, limits);
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

enum err serve_limits(const char *config_path, struct worker_limits *limits)
{
	struct config *cf = NULL;
	enum err e = config_open(config_path, &cf);

	*limits = (struct worker_limits){DEFAULT_WORKERS, DEFAULT_CONNECTIONS};
	if (e == OK)
		*limits = (struct worker_limits){(int)cf->workers, (int)cf->max_connections};
	config_free(&cf);
	/* Without --config, the configuration may be beside the scripts. */
	return e == ERR_ABSENT && !config_path && !getenv("RETRYSAFE_CONFIG") ? OK : e;
}
