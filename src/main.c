/* SPDX-License-Identifier: ISC */
/*
 * main.c - which program we are: FastCGI, CGI, or a command for operators
 *
 * Decided by what the kernel and the server say, not by our name:
 *   - descriptor 0 is a listening socket: a FastCGI server started us
 *   - GATEWAY_INTERFACE is set: a web server runs us as CGI; no option is read then, because
 *     servers put the words of a query string there
 *   - else: a verb
 *
 * The order of what each of them does matters: the keeper is forked while there is neither a
 * thread nor an open store.
 */
#include "base/clock.h"
#include "base/descriptors.h"
#include "base/exit_code.h"
#include "base/log.h"
#include "cgi/web_peer.h"
#include "cli/cli.h"
#include "gateway/gateway.h"
#include "keeper/keeper.h"
#include "server/serve.h"
#include "server/workers.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- CGI ---- */

static bool is_same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

/* A control file's first line is "#!" and the path of this program. */
static bool is_control_file(const char *path)
{
	char line[4096], *program, *save = NULL;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (n < 3 || line[0] != '#' || line[1] != '!')
		return false;
	line[n] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	program = strtok_r(line + 2, " \t", &save);
	return program && is_same_file(program, "/proc/self/exe");
}

static int serve_cgi(char *argv[])
{
	struct worker w = {.link = {.fd = -1}, .stop_fd = -1};
	const char *script = getenv("SCRIPT_FILENAME"), *control = NULL;
	struct web_peer *peer;

	/*
	 * The only argument that is looked at, and only when the server itself names the same file:
	 * when our own URL is called, the arguments are the client's words.
	 */
	if (argv[1] && script && is_same_file(argv[1], script) && is_control_file(argv[1]))
		control = argv[1];
	workers_ignore_signals();
	if (keeper_start(false, &w.control_fd) != OK || web_peer_cgi(&peer) != OK) {
		static const char answer[] = "Status: 503 Service Unavailable\r\n"
					     "Content-Type: text/plain\r\nRetry-After: 5\r\n\r\n"
					     "The request was not started.\n";

		log_warn("%s", err_text());
		return write(STDOUT_FILENO, answer, sizeof(answer) - 1) < 0 ? EXIT_TEMPORARY
									    : EXIT_SUCCESS;
	}
	gateway_serve(&w, peer, control ? WAY_CONTROL_FILE : WAY_CGI, control);
	deployment_close_all();
	return EXIT_SUCCESS;
}

/* ---- FastCGI ---- */

/* Under a FastCGI server: the words of FcgidWrapper or bin-path, which are the operator's. */
static int serve_spawned(int argc, char *argv[])
{
	static struct serving how;
	const char *config_path = NULL;

	if (argc == 3 && strcmp(argv[1], "--config") == 0)
		config_path = argv[2];
	else if (argc != 1) {
		log_warn("under a FastCGI server the only option is --config FILE");
		return EXIT_USAGE;
	}
	if (serve_prepare(STDIN_FILENO, NULL, config_path, &how) != OK) {
		log_warn("%s", err_text());
		return EXIT_USAGE;
	}
	return serve_fastcgi(0, NULL, &how, argv);
}

int main(int argc, char *argv[])
{
	descriptors_open_standard();
	if (listener_is(STDIN_FILENO))
		return serve_spawned(argc, argv);
	if (getenv("GATEWAY_INTERFACE"))
		return serve_cgi(argv);
	return cli_run(argc, argv);
}
