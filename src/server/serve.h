/* SPDX-License-Identifier: ISC */
/*
 * server/serve.h - serving FastCGI, spawned by a server or on a socket of its own
 */
#ifndef RETRYSAFE_SERVER_SERVE_H
#define RETRYSAFE_SERVER_SERVE_H

#include "base/err.h"
#include "server/workers.h"

/*
 * serve_fastcgi - serves until a signal ends it; returns the exit code of the program
 *
 *   fd           a listening descriptor, or -1: make one at `address` (listener_open())
 *   config_path  --config, or NULL
 *   limits       serve_limits()
 *   argv         of the program, to start it over with
 *
 * Not before any thread or store exists.  Blocks.
 */
int serve_fastcgi(int fd, const char *address, const char *config_path,
	const struct worker_limits *limits, char *argv[]);

/*
 * serve_limits - those of a configuration, or the defaults where there is none yet
 *
 * config_path NULL: RETRYSAFE_CONFIG and the places that do not depend on a script.  Returns OK;
 * ERR_ABSENT config_path is not there; ERR_INVALID it is wrong.
 */
enum err serve_limits(const char *config_path, struct worker_limits *limits) MUSTCHECK;

#endif
