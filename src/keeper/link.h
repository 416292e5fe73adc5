/* SPDX-License-Identifier: ISC */
/*
 * keeper/link.h - the gateway's end of a channel: order a run, wait for it, have it forgotten
 *
 * Calling sequence for a protected run, all on one channel:
 *
 *     link_order()            before the claim: if we die now, the keeper releases it
 *     (claim is committed)
 *     link_go()               or link_forget(), when the claim was not taken
 *     link_wait()
 *     (result is recorded)
 *     link_forget()           or link_hand_over(), when it could not be recorded
 *
 * A run that passes through: link_order(), then link_wait() or link_look(), then link_forget().
 *
 * Every function returns ERR_GONE when the keeper has died: what became of a run that had its
 * link_go() is then not known.
 */
#ifndef RETRYSAFE_KEEPER_LINK_H
#define RETRYSAFE_KEEPER_LINK_H

#include "cgi/script.h"
#include "keeper/protocol.h"
#include "operation/record.h"

#include <poll.h>

/* The gateway's end of a channel; one thread's. */
struct keeper_link {
	int fd;            /* -1: not open */
	int lazy_fd;       /* for deferred messages: keeper/protocol.h */
	int64_t serial;    /* of the run that was ordered last */
	bool is_protected; /* that run is */
	bool is_over;      /* its end has come, and the keeper holds little of it: its FORGET can be
			      deferred */
};

/* What to run, and how. */
struct run_spec {
	bool is_protected;
	bool has_time_limit; /* its end brings its output; always, when it is protected */
	const struct script *script;
	char *const *environment;      /* NULL-terminated */
	const struct route *route;     /* time limits */
	const char *store_url, *spool; /* "" when it passes through */
	const struct operation *op;    /* whose run it is; NULL when it passes through */
	const struct record_policy *policy;
	bool has_umask; /* else that of the keeper, as for every first run */
	unsigned umask;
	int stdin_fd;  /* borrowed */
	int second_fd; /* the witness, or another descriptor that the keeper holds until the run has
			  ended; without has_time_limit the script's standard output; borrowed */
};

/*
 * link_open - opens a channel to the keeper, where it is not open yet
 *
 *   control_fd  keeper_start()'s
 *   link        fd and lazy_fd are set on OK, both CLOEXEC; link_close() it
 *
 * Returns OK; ERR_NOMEM no descriptors; ERR_GONE the keeper has died; ERR_SYSTEM.
 */
enum err link_open(int control_fd, struct keeper_link *link) MUSTCHECK;
/* Closes it; the keeper then finishes a run that is on it. */
void link_close(struct keeper_link *link);

/* Returns OK; ERR_INVALID too large for an order (nothing happened); ERR_GONE, also when the link
 * is closed; ERR_NOMEM; ERR_SYSTEM. */
enum err link_order(struct keeper_link *link, const struct run_spec *spec) MUSTCHECK;
enum err link_go(struct keeper_link *link) MUSTCHECK;
/* The keeper drops all it has of the run.  Never fails: a keeper that is gone has nothing. */
void link_forget(struct keeper_link *link);
/* The keeper records the result by itself.  The channel is free for another run. */
void link_hand_over(struct keeper_link *link);

/* The events that end a wait besides the end of the run, and where error output goes meanwhile. */
struct watch {
	struct pollfd stop[2]; /* for poll(2): what they report */
	int64_t until_us;      /* clock_mono_us(); 0: no limit */
	/* Gets its error output; NULL: the log does. */
	void (*on_text)(void *arg, const char *text, size_t len);
	void *arg;
};

#define WATCH_NOTHING                              \
	{                                          \
		.stop = { {-1, 0, 0}, {-1, 0, 0} } \
	}

/*
 * link_wait - waits for the end of the run; blocks as long as its time limit
 *
 *   end     set on OK; ending_free() it
 *   failed  set on ERR_ABSENT: the errno with which starting it failed
 *
 * Returns OK it has ended; ERR_ABSENT nothing was started: link_forget() when the claim is
 * released; ERR_BUSY it runs, and `watch` ended the wait; ERR_NOMEM it has ended, but its output
 * cannot be taken: link_hand_over(); ERR_GONE the keeper has died.
 */
enum err link_wait(struct keeper_link *link, const struct watch *watch, struct ending *end,
	int *failed) MUSTCHECK;

/*
 * link_look - receives one message, for a caller that polls the channel together with others
 *
 * Returns like link_wait(), and ERR_BUSY when the run has not ended yet.
 */
enum err link_look(struct keeper_link *link,
	void (*on_text)(void *arg, const char *text, size_t len), void *arg, struct ending *end,
	int *failed) MUSTCHECK;

/* Has the keeper died, or is it dying?  Then every channel to it is about to be closed. */
bool link_keeper_is_gone(int control_fd);

#endif
