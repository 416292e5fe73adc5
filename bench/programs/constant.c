/* SPDX-License-Identifier: ISC */
/*
 * constant.c - a threaded libfcgi program that answers a constant, compared with a replay
 *
 *   constant SOCKET THREADS
 *
 * The answer has as many bytes as the query string says, at most 1 MiB.  The program looks nothing up
 * and stores nothing: with libfcgi an answer can hardly take less work.  libfcgi handles FastCGI
 * keep-alive.
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define MOST (1 << 20)

static char text[MOST];
static int socket_fd;

static void *work(void *arg)
{
	FCGX_Request request;

	FCGX_InitRequest(&request, socket_fd, 0);
	while (FCGX_Accept_r(&request) == 0) {
		const char *query = FCGX_GetParam("QUERY_STRING", request.envp);
		long size = query && *query ? strtol(query, NULL, 10) : 300;

		FCGX_PutS("Content-Type: text/plain\r\n\r\n", request.out);
		FCGX_PutStr(text, size < MOST ? (int)size : MOST, request.out);
		FCGX_Finish_r(&request);
	}
	return arg;
}

int main(int argc, char **argv)
{
	int threads = argc == 3 ? (int)strtol(argv[2], NULL, 10) : 0;
	pthread_t thread;

	if (threads < 1 || FCGX_Init() != 0)
		return 100;
	socket_fd = FCGX_OpenSocket(argv[1], 511);
	if (socket_fd < 0)
		return 111;
	signal(SIGTERM, SIG_DFL);
	memset(text, 'x', sizeof(text));
	for (int i = 1; i < threads; i++)
		if (pthread_create(&thread, NULL, work, NULL) != 0)
			return 111;
	work(NULL);
	return 0;
}
