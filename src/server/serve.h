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
 *   how          serve_prepare()'s
 *   argv         of the program, to start it over with
 *
 * Not before any thread or store exists.  Blocks.
 */
int serve_fastcgi(int fd, const char *address, const struct serving *how, char *argv[]);

/*
 * serve_prepare - may we serve, and how?
 *
 *   fd, address  as serve_fastcgi() gets them
 *   config_path  --config; NULL: RETRYSAFE_CONFIG and the places that do not depend on a script
 *   out          set on OK only; the caller frees its config_path
 *
 * Where no configuration is found without a script, the defaults hold.  On TCP there must be one,
 * with `script_dirs`, and all requests use it: any peer could name another.
 *
 * Returns OK; ERR_ABSENT config_path is not there; ERR_INVALID it is wrong, or lacks script_dirs;
 * ERR_REFUSED root may not serve (account_check_run()); ERR_NOMEM; ERR_SYSTEM.
 */
enum err serve_prepare(
	int fd, const char *address, const char *config_path, struct serving *out) MUSTCHECK;

#endif
