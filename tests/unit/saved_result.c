/* SPDX-License-Identifier: ISC */
/*
 * Claim: a saved result comes back as it was, every field and every byte of its output; from a file
 * of another version, one that is cut off and one that is damaged nothing comes back.
 */
#include "operation/saved_result.h"

#include "tap.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/rs-unit-XXXXXX";
static struct operation op;
static struct record_policy policy;

static void file_path(char out[PATH_MAX])
{
	char ref[REF_LEN + 1];

	operation_ref(&op, ref);
	snprintf(out, PATH_MAX, "%s/kept-%s-%d", dir, ref, op.attempts);
}

/* Every field has a value of its own. */
static void make_operation(void)
{
	op = (struct operation){.id = INT64_MAX - 1,
		.nonce = INT64_MIN + 2,
		.route = "*/order.pl",
		.state = STATE_RUNNING,
		.attempts = 3,
		.created_ms = 4,
		.updated_ms = 5,
		.expires_ms = 6,
		.forgotten_ms = 7,
		.status = 208,
		.bytes = 9,
		.exit_status = -1,
		.reason = "why",
		.witness = 10,
		.boot_id = -11,
		.deadline_mono_ms = 12};
	memset(op.identity, 13, sizeof(op.identity));
	memset(op.fingerprint, 14, sizeof(op.fingerprint));
	memset(op.principal, 15, sizeof(op.principal));
	memset(op.token, 255, sizeof(op.token));
	policy = (struct record_policy){.durability = DURABILITY_NORMAL,
		.busy_timeout_ms = 16,
		.ttl_ms = 17,
		.tombstone_ms = 18,
		.max_response_bytes = 19,
		.keeps_head_only = true};
	memset(policy.release_on, 20, sizeof(policy.release_on));
}

static bool is_same_operation(const struct operation *a)
{
	return a->id == op.id && a->nonce == op.nonce &&
	       memcmp(a->identity, op.identity, sizeof(op.identity)) == 0 &&
	       memcmp(a->fingerprint, op.fingerprint, sizeof(op.fingerprint)) == 0 &&
	       memcmp(a->principal, op.principal, sizeof(op.principal)) == 0 &&
	       strcmp(a->route, op.route) == 0 && a->state == op.state &&
	       a->attempts == op.attempts && a->created_ms == op.created_ms &&
	       a->updated_ms == op.updated_ms && a->expires_ms == op.expires_ms &&
	       a->forgotten_ms == op.forgotten_ms && a->status == op.status &&
	       a->bytes == op.bytes && a->exit_status == op.exit_status &&
	       strcmp(a->reason, op.reason) == 0 &&
	       memcmp(a->token, op.token, sizeof(op.token)) == 0 && a->witness == op.witness &&
	       a->boot_id == op.boot_id && a->deadline_mono_ms == op.deadline_mono_ms;
}

static bool is_same_policy(const struct record_policy *a)
{
	return a->durability == policy.durability && a->busy_timeout_ms == policy.busy_timeout_ms &&
	       a->ttl_ms == policy.ttl_ms && a->tombstone_ms == policy.tombstone_ms &&
	       a->max_response_bytes == policy.max_response_bytes &&
	       a->keeps_head_only == policy.keeps_head_only &&
	       memcmp(a->release_on, policy.release_on, sizeof(policy.release_on)) == 0;
}

static bool is_same_ending(const struct ending *a, const struct ending *b)
{
	return a->exit_status == b->exit_status && a->is_killed == b->is_killed &&
	       a->is_timed_out == b->is_timed_out && a->is_output_lost == b->is_output_lost &&
	       a->run_us == b->run_us && a->output_len == b->output_len;
}

static enum err save(const struct ending *end)
{
	return saved_result_write(dir, &op, &policy, end);
}

static enum err load(struct ending *end)
{
	struct operation owner;
	struct record_policy how;
	enum err e = saved_result_read(dir, &op, &owner, &how, end);

	if (e == OK)
		ok(is_same_operation(&owner) && is_same_policy(&how),
			"operation and policy as they were");
	return e;
}

static void check_round_trip(int64_t len, const char *what)
{
	char *output = malloc((size_t)len + 1), *back = malloc((size_t)len + 1);
	struct ending end = {.exit_status = 21,
		.is_timed_out = true,
		.run_us = 22,
		.output = output,
		.output_fd = -1,
		.output_len = len};
	struct ending found = ENDING_NONE;

	for (int64_t i = 0; i < len; i++)
		output[i] = (char)(i % 251);
	is_int(save(&end), OK, "%s is saved", what);
	is_int(load(&found), OK, "%s is read", what);
	ok(is_same_ending(&end, &found), "its ending as it was");
	ok(pread(found.output_fd, back, (size_t)len + 1, 0) == len &&
			memcmp(output, back, (size_t)len) == 0,
		"its output, and no more");
	saved_result_remove(dir, &op);
	is_int(load(&found), ERR_ABSENT, "it is not there when it was removed");
	ending_free(&found);
	free(output);
	free(back);
}

/* The part of an output that the keeper has is saved, and no output of one that lost it. */
static void check_partial(void)
{
	struct ending end = {.output_fd = memfd_create("partial", MFD_CLOEXEC), .output_len = 1000};
	struct ending found = ENDING_NONE;
	struct stat sb;

	ok(write(end.output_fd, "abc", 3) == 3, "three bytes of a thousand are there");
	is_int(save(&end), OK, "saved");
	is_int(load(&found), OK, "read");
	ok(fstat(found.output_fd, &sb) == 0 && sb.st_size == 3 && found.output_len == 1000,
		"three bytes, and how many there were");
	ending_free(&found);
	saved_result_remove(dir, &op);
	end.is_output_lost = true;
	is_int(save(&end), OK, "saved without its output");
	is_int(load(&found), OK, "read");
	ok(fstat(found.output_fd, &sb) == 0 && sb.st_size == 0 && found.is_output_lost, "no byte");
	ending_free(&found);
	saved_result_remove(dir, &op);
	ending_free(&end);
}

/* Saves one, changes the byte at `at` or, at -1, cuts the last byte off; what does a reader say? */
static void check_damage(off_t at, const char *says, const char *what)
{
	char path[PATH_MAX], output[] = "output", byte = 0;
	struct ending end = {.output = output, .output_fd = -1, .output_len = sizeof(output)};
	struct ending found = ENDING_NONE;
	struct stat sb;
	int fd;

	file_path(path);
	is_int(save(&end), OK, "%s: saved", what);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (at < 0) {
		ok(fstat(fd, &sb) == 0 && ftruncate(fd, sb.st_size - 1) == 0, "cut");
	} else {
		ok(pread(fd, &byte, 1, at) == 1, "looked at");
		byte ^= 64;
		ok(pwrite(fd, &byte, 1, at) == 1, "changed");
	}
	close(fd);
	is_int(load(&found), ERR_BROKEN, "%s: not read", what);
	ok(strstr(err_text(), says) != NULL, "%s: \"%s\"", what, err_text());
	is_int(found.output_fd, -1, "%s: nothing comes back", what);
	saved_result_remove(dir, &op);
}

int main(void)
{
	if (!mkdtemp(dir))
		return 111;
	make_operation();
	check_round_trip(0, "a result without output");
	check_round_trip(300000, "a long result");
	check_partial();
	check_damage(0, "is not a saved result", "the first byte");
	check_damage(8, "another version", "the version");
	check_damage(20, "does not match its digest", "the digest");
	check_damage(48, "does not match its digest", "a field");
	check_damage(2047, "does not match its digest", "the last byte of the head");
	check_damage(2050, "does not match its digest", "the output");
	check_damage(-1, "is cut off", "the end");
	is_int(rmdir(dir), 0, "nothing is left behind");
	return done_testing();
}
