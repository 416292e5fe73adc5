/* SPDX-License-Identifier: ISC */
/* Claim: a check that fails is counted, and says where it stands, what it got and what it wanted.
 */
#include "tap.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int line_of_checks;

/* What a test with checks that fail prints; its exit status goes to *status. */
static const char *fail_in_a_child(int *status)
{
	static char said[2000];
	size_t len = 0;
	ssize_t n;
	int out[2];
	pid_t pid;

	line_of_checks = __LINE__ + 7;
	if (pipe(out) != 0 || (pid = fork()) < 0)
		exit(111);
	if (pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		/* clang-format off */

		ok(2 > 3, "order");
		is_int(1, 2, "number %d", 7);
		is_str("a", "b", "text");
		is_str(NULL, "b", "no text");
		ok(1, "fine");
		/* clang-format on */
		exit(done_testing());
	}
	close(out[1]);
	while ((n = read(out[0], said + len, sizeof(said) - 1 - len)) > 0)
		len += (size_t)n;
	close(out[0]);
	waitpid(pid, status, 0);
	return said;
}

int main(void)
{
	int status = 0;
	const char *said = fail_in_a_child(&status);
	char want[2000];

	snprintf(want, sizeof(want),
		"not ok 1 - order\n# failed at %s:%d\n"
		"not ok 2 - number 7\n# failed at %s:%d\n#   got:  1\n#   want: 2\n"
		"not ok 3 - text\n# failed at %s:%d\n#   got:  a\n#   want: b\n"
		"not ok 4 - no text\n# failed at %s:%d\n#   got:  (null)\n#   want: b\n"
		"ok 5 - fine\n1..5\n",
		__FILE__, line_of_checks, __FILE__, line_of_checks + 1, __FILE__,
		line_of_checks + 2, __FILE__, line_of_checks + 3);
	is_str(said, want, "all of it is said");
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 1, "the test has failed");
	return done_testing();
}
