/* SPDX-License-Identifier: ISC */
/*
 * Claims: a script is opened only if it may be started, is inside script_dirs wherever its links
 * lead, and is not this program again; it keeps the name that the server gave it, and with
 * script_dirs is started by the path that was checked.
 */
#include "script_try.h"

static struct config conf;
static struct route route;

/* Opens and frees; problem is compared as well. */
static void opens(
	const char *located, enum err want, enum script_problem problem, const char *claim)
{
	struct script s = {0};
	enum script_problem got = SCRIPT_OK;

	is_int(script_open(located, &conf, &route, &s, &got), want, "%s: %s", claim,
		want == OK ? "" : err_text());
	is_int(got, problem, "%s: the problem", claim);
	ok((want == OK) == (s.path != NULL), "%s: set on OK only", claim);
	script_free(&s);
}

static void test_open(void)
{
	char *php[] = {(char[]){"/bin/sh"}, (char[]){"-e"}, NULL};
	enum script_problem problem;
	struct script s;

	is_int(script_open(at("p/link.pl"), &conf, NULL, &s, &problem), OK, "no route, a link");
	is_str(s.path, at("p/link.pl"), "the path is as named");
	is_str(s.dir, at("p"), "the directory is where the link is");
	is_str(s.argv[0], at("p/link.pl"), "it is started by that name");
	ok(!s.argv[1], "without arguments");
	script_free(&s);
	ok(!s.path && !s.dir && !s.argv, "freed is empty");
	script_free(&s);

	route.interpreter = php;
	is_int(script_open(at("p/plain.php"), &conf, &route, &s, &problem), OK, "an interpreter");
	is_str(s.argv[0], "/bin/sh", "is started");
	is_str(s.argv[1], "-e", "with its arguments");
	is_str(s.argv[2], at("p/plain.php"), "and the script");
	ok(!s.argv[3], "and nothing else");
	is_str(s.path, at("p/plain.php"), "the path is the script's");
	script_free(&s);
	route.interpreter = NULL;

	conf.defaults.interpreter = php;
	is_int(script_open(at("p/plain.php"), &conf, NULL, &s, &problem), OK,
		"no route: the defaults");
	is_str(s.argv[0], "/bin/sh", "with their interpreter");
	script_free(&s);
	opens(at("p/plain.php"), ERR_REFUSED, SCRIPT_NOT_EXECUTABLE,
		"a route without one: not executable");
	conf.defaults.interpreter = NULL;

	route.script = strdup(at("p/form.pl"));
	is_int(script_open("/none", &conf, &route, &s, &problem), OK, "the route names the script");
	is_str(s.path, at("p/form.pl"), "that one is taken");
	script_free(&s);
	free(route.script);
	route.script = NULL;

	opens(at("p/none.pl"), ERR_ABSENT, SCRIPT_MISSING, "missing");
	opens(at("p/dangling.pl"), ERR_ABSENT, SCRIPT_MISSING, "a link to nothing");
	opens(at("p/form.pl/x"), ERR_ABSENT, SCRIPT_MISSING, "below a file");
	opens(at("p"), ERR_REFUSED, SCRIPT_NOT_EXECUTABLE, "a directory");
	opens("/dev/null", ERR_REFUSED, SCRIPT_NOT_EXECUTABLE, "a device");
	opens("p/form.pl", ERR_REFUSED, SCRIPT_MISSING, "not absolute");
	opens("", ERR_REFUSED, SCRIPT_MISSING, "empty");
}

static void test_never_ourselves(void)
{
	char *self[] = {strdup(at("bin/retrysafe.cgi")), NULL};
	char *sh[] = {(char[]){"/bin/sh"}, NULL};

	opens(at("bin/retrysafe.cgi"), ERR_REFUSED, SCRIPT_NOT_EXECUTABLE, "this program");
	opens(at("p/control"), ERR_REFUSED, SCRIPT_NOT_EXECUTABLE, "a control file");
	opens(at("p/control2"), ERR_REFUSED, SCRIPT_NOT_EXECUTABLE, "with blanks and an argument");
	route.interpreter = sh;
	opens(at("p/control"), ERR_REFUSED, SCRIPT_NOT_EXECUTABLE, "also with an interpreter");
	route.interpreter = self;
	opens(at("p/form.pl"), ERR_REFUSED, SCRIPT_NOT_EXECUTABLE, "this program as interpreter");
	route.interpreter = NULL;
	free(self[0]);
}

static void test_script_dirs(void)
{
	char one[512], two[512], *dirs[] = {one, two, NULL};

	conf.script_dirs = dirs;
	snprintf(one, sizeof(one), "%s", at("no-such-directory"));
	snprintf(two, sizeof(two), "%s", at("dirs/in"));
	opens(at("dirs/in/a.pl"), OK, SCRIPT_OK, "inside");
	opens(at("dirs/in/deep/a.pl"), OK, SCRIPT_OK, "deep inside");
	opens(at("dirs/out-to-in.pl"), OK, SCRIPT_OK, "a link from outside to inside");
	opens(at("dirs/link/a.pl"), OK, SCRIPT_OK, "through a link to the directory");
	opens(at("dirs/in/to-out.pl"), ERR_REFUSED, SCRIPT_OUTSIDE,
		"a link from inside to outside");
	opens(at("dirs/in-too/a.pl"), ERR_REFUSED, SCRIPT_OUTSIDE,
		"a directory with a longer name");
	opens(at("dirs/in/../out.pl"), ERR_REFUSED, SCRIPT_OUTSIDE, "up and out");
	opens(at("dirs/in"), ERR_REFUSED, SCRIPT_OUTSIDE, "the directory itself");
	snprintf(two, sizeof(two), "%s", at("dirs/link"));
	opens(at("dirs/in/a.pl"), OK, SCRIPT_OK, "the setting may be a link");
	snprintf(two, sizeof(two), "%s/", at("dirs/in"));
	opens(at("dirs/in/a.pl"), OK, SCRIPT_OK, "and end in a slash");
	snprintf(two, sizeof(two), "/");
	opens(at("dirs/out.pl"), OK, SCRIPT_OK, "the root directory is around all");
	dirs[0] = NULL;
	opens(at("dirs/in/a.pl"), ERR_REFUSED, SCRIPT_OUTSIDE,
		"no directory at all allows nothing");
	conf.script_dirs = NULL;
}

/* With script_dirs a script is started where it is; an interpreter is told so. */
static void test_resolved(void)
{
	char in[512], *dirs[] = {in, NULL}, *sh[] = {(char[]){"/bin/sh"}, NULL}, real[PATH_MAX];
	enum script_problem problem;
	struct script s;

	snprintf(in, sizeof(in), "%s", at("dirs/in"));
	if (!realpath(at("dirs/in/a.pl"), real))
		*real = '\0';
	conf.script_dirs = dirs;
	is_int(script_open(at("dirs/out-to-in.pl"), &conf, NULL, &s, &problem), OK,
		"a link inwards");
	is_str(s.argv[0], real, "is started by its resolved path");
	*strrchr(real, '/') = '\0';
	is_str(s.dir, real, "in its resolved directory");
	is_str(s.path, at("dirs/out-to-in.pl"), "and called as the server calls it");
	script_free(&s);
	route.interpreter = sh;
	is_int(script_open(at("dirs/out-to-in.pl"), &conf, &route, &s, &problem), OK,
		"with an interpreter");
	is_str(s.path, s.argv[1], "SCRIPT_FILENAME is the file that was checked");
	script_free(&s);
	route.interpreter = NULL;
	conf.script_dirs = NULL;
}

static void test_no_memory(void)
{
	for (int n = 1;; n++) {
		char *params[] = {
			(char[]){"A=1"}, (char[]){"HTTP_A=1"}, (char[]){"HTTP_A=2"}, NULL};
		struct variables v = {0};
		struct script s = {0};
		enum script_problem problem;
		const char *located = at("p/form.pl");
		enum err rc;

		fail_at = n;
		rc = variables_take(params, VARIABLES_FASTCGI, &v);
		if (rc == OK)
			rc = script_open(located, &conf, &route, &s, &problem);
		fail_at = 0;
		variables_free(&v);
		script_free(&s);
		if (rc == ERR_NOMEM)
			continue;
		ok(rc == OK && n > 7, "take and open: each of %d allocations may fail", n - 1);
		break;
	}
}

static void make_files(const char *self)
{
	char control[PATH_MAX + 64];

	put(at("p/form.pl"), "#!/bin/sh\n", 0755);
	put(at("p/plain.php"), "", 0644);
	link_to("form.pl", at("p/link.pl"));
	link_to("none.pl", at("p/dangling.pl"));
	snprintf(control, sizeof(control), "#!%s\n{}\n", self);
	put(at("p/control"), control, 0755);
	snprintf(control, sizeof(control), "#! \t%s/bin/link.cgi -x\n{}\n", root);
	put(at("p/control2"), control, 0755);

	put(at("dirs/in/a.pl"), "#!/bin/sh\n", 0755);
	put(at("dirs/in/deep/a.pl"), "#!/bin/sh\n", 0755);
	put(at("dirs/in-too/a.pl"), "#!/bin/sh\n", 0755);
	put(at("dirs/out.pl"), "#!/bin/sh\n", 0755);
	link_to("in/a.pl", at("dirs/out-to-in.pl"));
	link_to("in", at("dirs/link"));
	link_to("../out.pl", at("dirs/in/to-out.pl"));
}

int main(void)
{
	char self[PATH_MAX];

	make_root(self, sizeof(self));
	make_files(self);
	test_open();
	test_never_ourselves();
	test_script_dirs();
	test_resolved();
	test_no_memory();
	remove_root();
	return done_testing();
}
