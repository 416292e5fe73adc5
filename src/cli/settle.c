/* SPDX-License-Identifier: ISC */
/*
 * cli/settle.c - the verbs settle and recover, which end uncertain operations
 *
 * Does not know: how an operation is settled (operation/record.c, recovery/).
 */
#include "cli/verbs.h"

#include "base/exit_code.h"
#include "cli/notify.h"
#include "cli/render.h"
#include "cli/store.h"
#include "keeper/keeper.h"
#include "keeper/link.h"
#include "operation/claim.h"
#include "operation/record.h"
#include "recovery/recover.h"
#include "store/account.h"
#include "store/liveness.h"
#include "store/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opened before cli_open_store(), which may make us an account that cannot read it. */
static enum err open_done_file(const char *path, int *fd)
{
	struct stat sb;

	*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd >= 0 && fstat(*fd, &sb) == 0 && S_ISREG(sb.st_mode))
		return OK;
	(void)err_set(ERR_INVALID, "%s: %s", path,
		*fd < 0 ? strerror(errno) : "not a file that can be read");
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return ERR_INVALID;
}

static enum err settle_done(const struct cli *c, const struct config *cf, struct store *st,
	const struct operation *op, int done_fd)
{
	/* An operator may settle an operation whose route is no longer configured. */
	const struct route *route = config_route_of(cf, op->address, op->route);
	struct record_policy policy = record_policy_of(cf, route ? route : &cf->defaults);
	struct ending end = ENDING_NONE;
	struct stat sb;
	enum err e;

	end.output_fd = fcntl(done_fd, F_DUPFD_CLOEXEC, 3);
	if (end.output_fd < 0 || fstat(end.output_fd, &sb) != 0)
		return err_set(ERR_SYSTEM, "%s: %s", c->done_file, strerror(errno));
	end.output_len = sb.st_size;
	e = record_settled(st, op, &policy, &end, "done", c->why);
	ending_free(&end);
	return e == ERR_INVALID ? err_add(e, "%s is not a CGI response", c->done_file) : e;
}

/* Nothing may live of an operation that is to run again, unless the operator overrides it. */
static enum err check_life(const struct cli *c, const struct store *st, const struct operation *op)
{
	struct evidence found;
	char text[512];

	if (!c->is_not_done)
		return OK;
	claim_look_for_life(st, op, &found);
	if (!found.anything_lives)
		return OK;
	evidence_text(&found, text, sizeof(text));
	if (!c->is_forced)
		return err_set(ERR_REFUSED,
			"operation %s cannot run again yet, because something of its run lives: "
			"%s.  Wait until it has ended, or end it; --force overrides this",
			c->words[0], text);
	fprintf(stderr,
		"retrysafe: settle: operation %s may run again although this lives: ", c->words[0]);
	cli_put(stderr, text, strlen(text), false);
	fputc('\n', stderr);
	return OK;
}

/* One that still runs, with --force: its owner can then no longer move it. */
static enum err take_from_owner(const struct cli *c, struct store *st, struct operation *op)
{
	enum err e = claim_settle(st, op);

	if (e == OK && op->state == STATE_RUNNING && c->is_forced)
		e = store_mark_uncertain(st, op, -1,
			"an operator took it from its owner before its end was seen",
			store_now_ms(st));
	return e == OK ? store_find_ref(st, c->words[0], op, NULL) : e;
}

static enum err settle(const struct cli *c, const struct config *cf, struct store *st,
	struct operation *op, int done_fd)
{
	int64_t now_ms = store_now_ms(st);
	int lock_fd = -1;
	enum err e = store_find_ref(st, c->words[0], op, NULL);

	if (e == OK && op->state == STATE_RUNNING)
		e = take_from_owner(c, st, op);
	if (e == OK && op->state != STATE_UNCERTAIN)
		return err_set(ERR_REFUSED, "operation %s is %s; only uncertain ones are settled%s",
			c->words[0], state_name(op->state),
			op->state == STATE_RUNNING ? ", and with --force also running ones" : "");
	if (e == OK)
		e = liveness_lock_settling(st, op->id, &lock_fd);
	if (e == ERR_BUSY)
		return err_set(ERR_BUSY, "another process is settling operation %s", c->words[0]);
	if (e == OK)
		e = check_life(c, st, op);
	if (e == OK)
		e = c->is_not_done ? store_free(st, op, "not done", c->why, now_ms)
				   : settle_done(c, cf, st, op, done_fd);
	if (lock_fd >= 0)
		close(lock_fd);
	return e == OK ? store_find_ref(st, c->words[0], op, NULL) : e;
}

int cli_settle(const struct cli *c)
{
	struct config *cf = NULL;
	struct store *st = NULL;
	struct operation op;
	enum err e;
	int code, done_fd = -1;

	if (c->n_words != 1 || !c->done_file == !c->is_not_done) {
		fprintf(stderr, "retrysafe: settle: write REF, and --done FILE or --not-done\n");
		return EXIT_USAGE;
	}
	if (!c->why || !*c->why) {
		fprintf(stderr, "retrysafe: settle: why?  Write --why \"how you know it\"; it is "
				"kept in the "
				"operation's history\n");
		return EXIT_USAGE;
	}
	e = c->done_file ? open_done_file(c->done_file, &done_fd) : OK;
	if (e != OK)
		return cli_complain("settle", e);
	code = cli_open_store(c, false, &cf, &st);
	if (code != 0)
		return code;
	e = settle(c, cf, st, &op, done_fd);
	if (done_fd >= 0)
		close(done_fd);
	store_close(&st);
	config_free(&cf);
	if (e != OK) {
		code = cli_complain("settle", e);
		return e == ERR_ABSENT || e == ERR_REFUSED ? EXIT_NO : code;
	}
	if (c->json)
		cli_print_json(
			json_pack("{s:s, s:s}", "ref", c->words[0], "state", state_name(op.state)));
	else
		printf("%s is %s%s\n", c->words[0], state_name(op.state),
			op.state == STATE_ABSENT ? ": the next request with its key runs the script"
						 : "");
	return EXIT_SUCCESS;
}

int cli_recover(const struct cli *c)
{
	struct keeper_link link = {.fd = -1};
	struct config *cf = NULL;
	struct store *st = NULL;
	int64_t settled = 0, left = 0, wait_ms = -1;
	int control_fd = -1, code;
	enum err e = config_open(c->config_path, &cf);

	if (e == OK)
		e = account_check_run(cf, "recover"); /* before anything is made */
	config_free(&cf);
	if (e == OK)
		e = keeper_start(true, &control_fd); /* before the store is open */
	if (e != OK)
		return cli_complain("recover", e);
	code = cli_open_store(c, false, &cf, &st);
	if (code != 0) /* EXIT_NO: without a store there is nothing to settle */
		return code == EXIT_NO ? EXIT_SUCCESS : code;
	e = link_open(control_fd, &link);
	if (e == OK)
		e = recover_all(st, cf, &link, &settled, &left);
	link_close(&link);
	if (e == OK)
		e = store_message_wait(st, store_now_ms(st), &wait_ms);
	store_close(&st);
	if (e != OK) {
		config_free(&cf);
		return cli_complain("recover", e);
	}
	if (c->json)
		cli_print_json(json_pack("{s:I, s:I}", "settled", (json_int_t)settled, "uncertain",
			(json_int_t)left));
	else
		printf("%" PRId64 " settled, %" PRId64 " still uncertain\n", settled, left);
	fflush(stdout);
	if (wait_ms == 0)
		cli_notify(cf->path);
	config_free(&cf);
	return left > 0 ? EXIT_NO : EXIT_SUCCESS;
}
