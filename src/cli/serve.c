/* SPDX-License-Identifier: ISC */
/*
 * cli/serve.c - the verb serve: which socket, which configuration; server/serve.c does the rest
 */
#include "cli/verbs.h"

#include "base/exit_code.h"
#include "cgi/listener.h"
#include "cli/render.h"
#include "server/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The socket that systemd, or this program before it replaced itself (then it is ours), has passed;
 * -1: none. */
static int passed_socket(bool *is_ours)
{
	const char *ours = getenv("RETRYSAFE_LISTEN_FD");
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	int fd = -1;

	*is_ours = ours;
	if (ours)
		fd = (int)strtol(ours, NULL, 10);
	else if (pid && n && strtol(pid, NULL, 10) == (long)getpid() && strcmp(n, "1") == 0)
		fd = 3;
	return fd > 2 && listener_is(fd) ? fd : -1;
}

int cli_serve(const struct cli *c)
{
	static struct serving how;
	bool is_ours;
	int fd = passed_socket(&is_ours);
	const char *address = fd < 0 || is_ours ? c->listen : NULL;
	enum err e = serve_prepare(fd, address, c->config_path, &how);

	if (e != OK)
		return cli_complain(NULL, e);
	if (fd < 0 && !address) {
		fprintf(stderr, "retrysafe: serve: where?  Write --listen unix:/path/of.sock or "
				"--listen 127.0.0.1:9000, or start it by a systemd socket unit\n");
		return EXIT_USAGE;
	}
	return serve_fastcgi(fd, address, &how, c->argv);
}
