/* SPDX-License-Identifier: ISC */
/*
 * Claims: whatever a server sends, the script sees the variables that it would see without us;
 * nobody can make us name another file, or ourselves; without memory no script is named.
 */
#include "script_try.h"
#include "script_vectors.h"

#include "../../src/cgi/script_url.h"

/* text with its @ROOT@ and @BIN@ filled in; the caller frees it. */
static char *fill_in(const char *text)
{
	static const char *const names[] = {"@ROOT@", "@BIN@"}, *const dirs[] = {"htdocs", "bin"};
	size_t size = 0;
	char *out = NULL;
	FILE *to = open_memstream(&out, &size);

	while (*text) {
		size_t i = strncmp(text, names[1], strlen(names[1])) == 0;

		if (strncmp(text, names[i], strlen(names[i])) == 0) {
			fprintf(to, "%s/%s", root, dirs[i]);
			text += strlen(names[i]);
		} else {
			putc(*text++, to);
		}
	}
	fclose(to);
	return out;
}

/* The variables in "NAME=value\n" lines, through variables_take(). */
static struct variables take(const char *lines)
{
	char *text = fill_in(lines), *params[64] = {NULL};
	struct variables v = {0};
	size_t n = 0;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		params[n++] = line;
	if (variables_take(params, VARIABLES_FASTCGI, &v) != OK)
		printf("# variables_take: %s\n", err_text());
	free(text);
	return v;
}

static bool is_same(const struct variables *a, const struct variables *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (i >= b->n || strcmp(a->list[i], b->list[i]) != 0)
			return false;
	return a->n == b->n;
}

/* script_locate() on these lines; on an error no path is named.  The caller frees v. */
static enum err locate(enum way way, const char *lines, struct variables *v, char **path)
{
	enum err rc;

	*v = take(lines);
	*path = NULL;
	rc = script_locate(way, v, path);
	if (rc != OK)
		ok(!*path, "on an error no path is named: %s", err_text());
	return rc;
}

/* The four variables of v as text, with the temporary directory and the prefix taken out. */
static const char *four(const struct variables *v, const char *prefix, char *out, size_t size)
{
	static const char *const names[] = {
		"SCRIPT_NAME", "SCRIPT_FILENAME", "PATH_INFO", "PATH_TRANSLATED"};
	char slashes[64];
	FILE *to = fmemopen(out, size, "w");

	snprintf(slashes, sizeof(slashes), "/%s/", prefix);
	for (size_t i = 0; i < 4; i++) {
		const char *value = variables_get(v, names[i]);
		const char *found = value ? strstr(value, slashes) : NULL;

		value = value && strncmp(value, root, strlen(root)) == 0 ? value + strlen(root)
									 : value;
		if (found)
			fprintf(to, "%s=%.*s/P/%s\n", names[i], (int)(found - value), value,
				found + strlen(slashes));
		else
			fprintf(to, "%s=%s\n", names[i], value ? value : "(unset)");
	}
	fclose(to);
	return out;
}

/* Locates lines and compares the four variables. */
static void gives(const char *lines, const char *want, const char *claim)
{
	struct variables v;
	char got[2048], *path;

	is_int(locate(WAY_FASTCGI, lines, &v, &path), OK, "found: %s", claim);
	is_str(four(&v, "p", got, sizeof(got)), want, "%s", claim);
	is_str(path, variables_get(&v, "SCRIPT_FILENAME"), "and the path is SCRIPT_FILENAME");
	variables_free(&v);
	free(path);
}

static void refuses(const char *lines, enum err want, const char *claim)
{
	struct variables v;
	char *path;

	is_int(locate(WAY_CGI, lines, &v, &path), want, "%s", claim);
	variables_free(&v);
	free(path);
}

/* The four variables that the script sees without us for this URL, as recorded. */
static const char *see_bare(size_t url, char *out, size_t size)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		struct variables v;

		if (strcmp(vectors[i].wiring, BARE) != 0)
			continue;
		v = take(vectors[i + url].lines);
		four(&v, vectors[i].prefix, out, size);
		variables_free(&v);
		return out;
	}
	return NULL;
}

static void test_servers(void)
{
	static const char *const gone[] = {"FCGI_ROLE", "REDIRECT_HANDLER", "REDIRECT_URL",
		"REDIRECT_QUERY_STRING", "CONTEXT_PREFIX"};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		const struct vector *t = &vectors[i];
		bool is_action = strstr(t->wiring, "Action") != NULL;
		struct variables v;
		char got[2048], want[2048], *path;

		put(at("htdocs/%s/form.pl", t->prefix), "#!/bin/sh\n", 0755);
		put(at("htdocs/%s/a b%%41.pl", t->prefix), "#!/bin/sh\n", 0755);
		is_int(locate(t->way, t->lines, &v, &path), OK, "%s, %s: found", t->wiring,
			script_urls[i % SCRIPT_URLS]);
		is_str(four(&v, t->prefix, got, sizeof(got)),
			see_bare(i % SCRIPT_URLS, want, sizeof(want)), "%s, %s: as without us",
			t->wiring, script_urls[i % SCRIPT_URLS]);
		is_str(path, variables_get(&v, "SCRIPT_FILENAME"), "%s: the path", t->wiring);
		for (size_t g = 0; g < (is_action ? 5 : 1); g++)
			ok(!variables_get(&v, gone[g]), "%s: %s is gone", t->wiring, gone[g]);
		variables_free(&v);
		free(path);
	}
}

#define WANT_EXTRA                                                                    \
	"SCRIPT_NAME=/P/form.pl\nSCRIPT_FILENAME=/htdocs/P/form.pl\nPATH_INFO=/e x\n" \
	"PATH_TRANSLATED=/htdocs/e x\n"
#define WANT_PLAIN                                                                       \
	"SCRIPT_NAME=/P/form.pl\nSCRIPT_FILENAME=/htdocs/P/form.pl\nPATH_INFO=(unset)\n" \
	"PATH_TRANSLATED=(unset)\n"
#define ROOT "DOCUMENT_ROOT=@ROOT@\n"

static void test_split(void)
{
	gives(ROOT "SCRIPT_NAME=/p/form.pl/e%20x\nSCRIPT_FILENAME=@ROOT@/p/form.pl/e x\n",
		WANT_EXTRA, "SCRIPT_NAME may be encoded");
	gives(ROOT "SCRIPT_NAME=/p/form.pl\nSCRIPT_FILENAME=@ROOT@/p/form.pl/e x\nPATH_INFO=/e x\n",
		WANT_EXTRA, "lighttpd's broken-scriptfilename: SCRIPT_NAME is right already");
	gives(ROOT "SCRIPT_NAME=/p/form.pl\nSCRIPT_FILENAME=@ROOT@/p/form.pl/e x\n", WANT_EXTRA,
		"SCRIPT_NAME is right, PATH_INFO is not there");
	gives(ROOT "SCRIPT_NAME=/p/form.pl/e x\nSCRIPT_FILENAME=@ROOT@/p/form.pl/e x\nPATH_INFO=\n",
		WANT_EXTRA, "an empty PATH_INFO is none");
	gives("DOCUMENT_ROOT=@ROOT@/\nSCRIPT_NAME=/p/form.pl/e x\n"
	      "SCRIPT_FILENAME=@ROOT@/p/form.pl/e x\n",
		WANT_EXTRA, "DOCUMENT_ROOT may end in a slash");
	gives(ROOT "SCRIPT_NAME=/p/form.pl\nSCRIPT_FILENAME=@ROOT@/p/form.pl\nPATH_INFO=\n"
		   "PATH_TRANSLATED=@ROOT@\n",
		WANT_PLAIN, "PATH_TRANSLATED without PATH_INFO is removed");
	gives(ROOT
		"SCRIPT_NAME=/p/form.pl/a.pl\nSCRIPT_FILENAME=@ROOT@/p/form.pl/a.pl\nPATH_INFO=/b\n"
		"PATH_TRANSLATED=/wrong\n",
		"SCRIPT_NAME=/P/form.pl\nSCRIPT_FILENAME=/htdocs/P/form.pl\nPATH_INFO=/a.pl/b\n"
		"PATH_TRANSLATED=/htdocs/a.pl/b\n",
		"nginx split too far to the right");
	gives(ROOT "SCRIPT_NAME=/p/form.pl//a/\nSCRIPT_FILENAME=@ROOT@/p/form.pl//a/\n",
		"SCRIPT_NAME=/P/form.pl\nSCRIPT_FILENAME=/htdocs/P/form.pl\nPATH_INFO=//a/\n"
		"PATH_TRANSLATED=/htdocs//a/\n",
		"slashes are kept");
	gives("SCRIPT_NAME=/p/form.pl/e\nSCRIPT_FILENAME=@ROOT@/p/form.pl/e\n",
		"SCRIPT_NAME=/P/form.pl\nSCRIPT_FILENAME=/htdocs/P/form.pl\nPATH_INFO=/e\n"
		"PATH_TRANSLATED=(unset)\n",
		"without DOCUMENT_ROOT");
	gives("SCRIPT_NAME=\nSCRIPT_FILENAME=@ROOT@/p/form.pl\n",
		"SCRIPT_NAME=\nSCRIPT_FILENAME=/htdocs/P/form.pl\nPATH_INFO=(unset)\n"
		"PATH_TRANSLATED=(unset)\n",
		"an empty SCRIPT_NAME");
	gives(ROOT "SCRIPT_NAME=/p/form.pl\nSCRIPT_FILENAME=@ROOT@/p/form.pl\nPATH_INFO=/i\n"
		   "PATH_TRANSLATED=/elsewhere/i\n",
		"SCRIPT_NAME=/P/form.pl\nSCRIPT_FILENAME=/htdocs/P/form.pl\nPATH_INFO=/i\n"
		"PATH_TRANSLATED=/elsewhere/i\n",
		"what the server divided stays");
}

static void test_urls(void)
{
	static const char *const prefixes[] = {"proxy:fcgi://localhost", "proxy:fcgi://[::1]:9000",
		"proxy:fcgi://", "proxy:balancer://two",
		"proxy:unix:/run/retrysafe.sock|fcgi://localhost",
		"proxy:unix:/run/a|balancer://localhost:8000"};
	char lines[1024];

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		snprintf(lines, sizeof(lines),
			ROOT
			"SCRIPT_NAME=/p/form.pl/e x\nSCRIPT_FILENAME=%s@ROOT@/p/form.pl/e%%20x\n",
			prefixes[i]);
		gives(lines, WANT_EXTRA, prefixes[i]);
	}
	gives(ROOT "SCRIPT_NAME=/p/form.pl/e x\nQUERY_STRING=a=1?b\n"
		   "SCRIPT_FILENAME=proxy:fcgi://h@ROOT@/p/form.pl/e%20x?a=1?b\n",
		WANT_EXTRA, "a query at the end of the URL");
	gives(ROOT
		"SCRIPT_NAME=/p/form.pl/q?x\nSCRIPT_FILENAME=proxy:fcgi://h@ROOT@/p/form.pl/q%3Fx\n"
		"QUERY_STRING=x\n",
		"SCRIPT_NAME=/P/form.pl\nSCRIPT_FILENAME=/htdocs/P/form.pl\nPATH_INFO=/q?x\n"
		"PATH_TRANSLATED=/htdocs/q?x\n",
		"a question mark that is not the query");
	gives(ROOT
		"SCRIPT_NAME=/p/form.pl/50%\nSCRIPT_FILENAME=proxy:fcgi://h@ROOT@/p/form.pl/50%\n",
		"SCRIPT_NAME=/P/form.pl\nSCRIPT_FILENAME=/htdocs/P/form.pl\nPATH_INFO=/50%\n"
		"PATH_TRANSLATED=/htdocs/50%\n",
		"a percent sign that is no escape");

	refuses("SCRIPT_NAME=/p/sub%2fform.pl\nSCRIPT_FILENAME=proxy:fcgi://h@ROOT@/p/"
		"sub%2fform.pl\n",
		ERR_ABSENT, "what the server decoded is not decoded again");
	refuses("SCRIPT_NAME=/p/sub%2fform.pl\nSCRIPT_FILENAME=@ROOT@/p/sub%2fform.pl\n",
		ERR_ABSENT, "nor without the URL");
	refuses("SCRIPT_NAME=/x\nSCRIPT_FILENAME=proxy:http://h@ROOT@/p/form.pl\n", ERR_REFUSED,
		"another protocol");
	refuses("SCRIPT_NAME=/x\nSCRIPT_FILENAME=proxy:unix:@ROOT@/p/form.pl\n", ERR_REFUSED,
		"a socket and no URL");
	refuses("SCRIPT_NAME=/x\nSCRIPT_FILENAME=proxy:fcgi://localhost\n", ERR_REFUSED, "no path");
	refuses("SCRIPT_NAME=/x\nSCRIPT_FILENAME=fcgi://h@ROOT@/p/form.pl\n", ERR_REFUSED,
		"a URL without proxy:");
	refuses("SCRIPT_NAME=/form.pl\nSCRIPT_FILENAME=proxy:fcgi://h@ROOT@/p/%2e%2e/p/form.pl\n",
		ERR_REFUSED, "encoded dots");
	refuses("SCRIPT_NAME=/x\nSCRIPT_FILENAME=proxy:fcgi://h@ROOT@/p/form.pl%00.txt\n",
		ERR_REFUSED, "an encoded NUL");
}

static void test_bad_paths(void)
{
	static const char *const paths[] = {
		"", "form.pl", "./form.pl", "@ROOT@/p/../p/form.pl", "/..", "@ROOT@/p/form.pl/.."};
	char lines[1024];
	struct variables v;
	char *path;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		snprintf(lines, sizeof(lines), "SCRIPT_NAME=/x\nSCRIPT_FILENAME=%s\n", paths[i]);
		refuses(lines, ERR_REFUSED, paths[i]);
	}
	gives(ROOT "SCRIPT_NAME=/p/form.pl/..x/...\nSCRIPT_FILENAME=@ROOT@/p/form.pl/..x/...\n",
		"SCRIPT_NAME=/P/form.pl\nSCRIPT_FILENAME=/htdocs/P/form.pl\nPATH_INFO=/..x/...\n"
		"PATH_TRANSLATED=/htdocs/..x/...\n",
		"names that only begin with two dots");
	refuses("SCRIPT_NAME=/x\nSCRIPT_FILENAME=@ROOT@/p/none.pl/e\n", ERR_ABSENT, "no such file");
	refuses("SCRIPT_NAME=/x\nSCRIPT_FILENAME=@ROOT@/p\n", ERR_ABSENT, "a directory");
	refuses("SCRIPT_NAME=/x\nSCRIPT_FILENAME=@ROOT@/p/\n", ERR_ABSENT,
		"a directory with a slash");
	refuses("SCRIPT_NAME=/x\nSCRIPT_FILENAME=/\n", ERR_ABSENT, "the root directory");
	refuses("SCRIPT_NAME=/x\nSCRIPT_FILENAME=/dev/null\n", ERR_ABSENT, "a device");
	refuses("SCRIPT_NAME=/x\n", ERR_INVALID, "no SCRIPT_FILENAME");
	ok(strstr(err_text(), "SCRIPT_FILENAME") != NULL, "the text says so");
	refuses("SCRIPT_FILENAME=@ROOT@/p/form.pl\n", ERR_INVALID, "no SCRIPT_NAME");
	ok(strstr(err_text(), "SCRIPT_NAME") != NULL, "the text says so");

	v = take("SCRIPT_NAME=/form.pl\n");
	path = malloc(100001);
	strcpy(path, at("htdocs/p/form.pl"));
	memset(path + strlen(path), '/', 100000 - strlen(path));
	path[100000] = '\0';
	ok(variables_set(&v, "SCRIPT_FILENAME", path) == OK, "a path of 100 kB");
	free(path);
	is_int(script_locate(WAY_CGI, &v, &path), OK, "is found at the file");
	is_str(path, at("htdocs/p/form.pl"), "which is this");
	free(path);
	variables_free(&v);
}

#define ACTION(name, info)                                                                   \
	ROOT "SCRIPT_NAME=/cgi-bin/r.cgi\nSCRIPT_FILENAME=@BIN@/" name "\nPATH_INFO=/p" info \
	     "\nPATH_TRANSLATED=@ROOT@/p" info "\n"
#define REDIRECTED "REDIRECT_HANDLER=retrysafe\nREDIRECT_STATUS=200\nREDIRECT_URL=/p/form.pl/e x\n"

static void test_action(void)
{
	struct variables v;
	char *path;

	gives(ACTION("retrysafe.cgi", "/form.pl/e x") REDIRECTED, WANT_EXTRA,
		"through a symbolic link");
	gives(ACTION("link.cgi", "/form.pl/e x") REDIRECTED, WANT_EXTRA, "through a second one");
	refuses(ACTION("retrysafe.cgi", "/form.pl/e x"), ERR_REFUSED, "called directly");
	ok(strstr(err_text(), "called directly") != NULL, "the text says so");
	refuses(ACTION("retrysafe.cgi",
			"/form.pl") "REDIRECT_STATUS=200\nREDIRECT_URL=/p/form.pl\n",
		ERR_REFUSED, "after a redirect that was no Action");
	refuses(ACTION("retrysafe.cgi", "/form.pl") "HTTP_REDIRECT_HANDLER=x\nHTTP_HANDLER=x\n",
		ERR_REFUSED, "a client cannot pretend");
	refuses(ACTION("retrysafe.cgi", "/self.pl") REDIRECTED, ERR_REFUSED,
		"an Action on ourselves");
	refuses(ACTION("retrysafe.cgi", "/none.pl") REDIRECTED, ERR_ABSENT, "an Action on nothing");
	refuses(ACTION("retrysafe.cgi", "/../p/form.pl") REDIRECTED, ERR_REFUSED, "going up");
	refuses("SCRIPT_NAME=/r\nSCRIPT_FILENAME=@BIN@/retrysafe.cgi/p/form.pl\n" REDIRECTED,
		ERR_REFUSED, "ourselves with a path behind");
	refuses("SCRIPT_NAME=/r\nSCRIPT_FILENAME=@BIN@/retrysafe.cgi\nPATH_INFO=/p/"
		"form.pl\n" REDIRECTED,
		ERR_INVALID, "no PATH_TRANSLATED");
	refuses("SCRIPT_NAME=/r\nSCRIPT_FILENAME=@BIN@/retrysafe.cgi\n" REDIRECTED, ERR_INVALID,
		"no PATH_INFO");

	is_int(locate(WAY_CGI,
		       ACTION("retrysafe.cgi", "/form.pl") REDIRECTED
		       "REDIRECT_REMOTE_USER=anna\nREDIRECT_DBNAME=shop\nREDIRECT_REDIRECT_STATUS="
		       "404\n"
		       "REDIRECT_RETRYSAFE_CONFIG=/x\nREDIRECT_IDEMPOTENCY_KEY=k\n"
		       "REDIRECT_HTTP_AUTHORIZATION=t\nREDIRECT_HTTP_PROXY=p\nHTTP_HOST=h\n"
		       "REDIRECT_HTTP_HOST=other\nCONTEXT_DOCUMENT_ROOT=@BIN@\n",
		       &v, &path),
		OK, "an Action in a directory with settings");
	is_str(variables_get(&v, "REMOTE_USER"), "anna", "the user is known again");
	is_str(variables_get(&v, "DBNAME"), "shop", "what SetEnv set has its name again");
	is_str(variables_get(&v, "HTTP_AUTHORIZATION"), "t", "the credentials, too");
	is_str(variables_get(&v, "HTTP_HOST"), "h", "what is there is not replaced");
	is_str(variables_get(&v, "REDIRECT_STATUS"), "404", "an earlier redirect is seen again");
	is_int((long long)v.n, 8, "nothing else is left but the script's name, file and root");
	variables_free(&v);
	free(path);
}

/* Apache's Action to a location that is no file: recorded with mod_proxy_fcgi. */
#define VIRTUAL(info)                                                                              \
	ROOT "SCRIPT_NAME=/gw\nSCRIPT_FILENAME=proxy:fcgi://localhost@ROOT@/gw\nPATH_INFO=/p" info \
	     "\nPATH_TRANSLATED=@ROOT@/p" info "\n"

static void test_virtual_action(void)
{
	gives(VIRTUAL("/form.pl/e x") REDIRECTED, WANT_EXTRA, "an Action that is virtual");
	gives(VIRTUAL("/form.pl") REDIRECTED, WANT_PLAIN, "without a rest");
	refuses(VIRTUAL("/form.pl"), ERR_ABSENT, "called directly");
	refuses(VIRTUAL("/form.pl") "HTTP_REDIRECT_HANDLER=x\n", ERR_ABSENT,
		"a client cannot pretend");
	refuses(VIRTUAL("/none.pl") REDIRECTED, ERR_ABSENT, "an Action on nothing");
	refuses(VIRTUAL("/../p/form.pl") REDIRECTED, ERR_REFUSED, "going up");
	refuses(VIRTUAL("/self.pl") REDIRECTED, ERR_REFUSED, "an Action on ourselves");
}

static void test_unnamed(void)
{
	gives(ROOT "SCRIPT_NAME=\nSCRIPT_FILENAME=@ROOT@/p/form.pl/e x\nPATH_INFO=/p/form.pl/e x\n",
		WANT_EXTRA, "all in PATH_INFO");
	gives(ROOT "SCRIPT_FILENAME=@ROOT@/p/form.pl\nPATH_INFO=/p/form.pl/e x\n", WANT_EXTRA,
		"no SCRIPT_NAME, the file divided already");
	gives(ROOT "SCRIPT_NAME=\nSCRIPT_FILENAME=@ROOT@/p/form.pl\nPATH_INFO=/p/form.pl\n",
		WANT_PLAIN, "without a rest");
	gives(ROOT "SCRIPT_FILENAME=@ROOT@/p/form.pl/e x\nREQUEST_URI=/p/form.pl/e%20x?q\n",
		WANT_EXTRA, "REQUEST_URI alone");
	gives(ROOT
		"SCRIPT_FILENAME=@ROOT@/p/form.pl/e x\nREQUEST_URI=http://h/p//form.pl/./e%20x\n",
		WANT_EXTRA, "in absolute form");
	gives(ROOT "SCRIPT_FILENAME=@ROOT@/p/form.pl\nDOCUMENT_URI=/p/form.pl/form.pl\n",
		"SCRIPT_NAME=/P/form.pl\nSCRIPT_FILENAME=/htdocs/P/form.pl\nPATH_INFO=/form.pl\n"
		"PATH_TRANSLATED=/htdocs/form.pl\n",
		"the rest is called like the file");
	gives(ROOT "SCRIPT_NAME=\nSCRIPT_FILENAME=@ROOT@/p/form.pl\nPATH_INFO=/any/where\n",
		"SCRIPT_NAME=\nSCRIPT_FILENAME=/htdocs/P/form.pl\nPATH_INFO=/any/where\n"
		"PATH_TRANSLATED=/htdocs/any/where\n",
		"a script at the root");
	gives(ROOT "SCRIPT_NAME=/p/form.pl/e\nSCRIPT_FILENAME=@ROOT@/p/form.pl/e\nPATH_INFO=/e\n"
		   "DOCUMENT_URI=/p/form.pl/e\n",
		"SCRIPT_NAME=/P/form.pl\nSCRIPT_FILENAME=/htdocs/P/form.pl\nPATH_INFO=/e\n"
		"PATH_TRANSLATED=/htdocs/e\n",
		"PATH_INFO is in SCRIPT_NAME as well");
	gives(ROOT "SCRIPT_NAME=/p/form.pl//e//x\nSCRIPT_FILENAME=@ROOT@/p/form.pl/e/x\n",
		"SCRIPT_NAME=/P/form.pl\nSCRIPT_FILENAME=/htdocs/P/form.pl\nPATH_INFO=/e/x\n"
		"PATH_TRANSLATED=/htdocs/e/x\n",
		"slashes that one of the two has");
}

/* The URL of these lines as routes see it, for a file below root or for none. */
static void routes_see(const char *lines, const char *file, const char *name, const char *path)
{
	struct variables v = take(lines);
	struct script_urls urls = {0};

	is_int(script_url_readings(&v, file, &urls), path ? OK : ERR_REFUSED, "the URL of %.40s",
		lines);
	is_int((long long)urls.n, path ? 1 : 0, "there is one reading");
	is_str(urls.list[0].name, name, "its name");
	is_str(urls.list[0].path, path, "its path");
	script_urls_free(&urls);
	variables_free(&v);
}

static void test_url(void)
{
	routes_see("SCRIPT_NAME=/p/form.pl\nPATH_INFO=/e//x\n", "/d/p/form.pl", "/p/form.pl",
		"/p/form.pl/e/x");
	routes_see("SCRIPT_NAME=//p/./form.pl/\n", "/d/p/form.pl", "/p/form.pl", "/p/form.pl/");
	routes_see("SCRIPT_NAME=/p%2d/%66orm.pl\n", "/d/p-/form.pl", "/p-/form.pl", "/p-/form.pl");
	routes_see("SCRIPT_NAME=/a b%41.pl\n", "/d/a b%41.pl", "/a b%41.pl", "/a b%41.pl");
	routes_see("SCRIPT_NAME=\nPATH_INFO=/a/b\n", "/d/form.pl", "/a/b", "/a/b");
	routes_see("SCRIPT_NAME=/order\nPATH_INFO=/5\n", NULL, NULL, "/order/5");
	routes_see("SCRIPT_NAME=/order/5\nPATH_INFO=/5\nDOCUMENT_URI=/order/5\n", NULL, NULL,
		"/order/5");
	routes_see("SCRIPT_NAME=/o/o\nPATH_INFO=/o\nREQUEST_URI=/o/o/o\n", NULL, NULL, "/o/o/o");
	routes_see("REQUEST_URI=/a%20b/./c?/d\n", NULL, NULL, "/a b/c");
	routes_see("REQUEST_URI=/a/../b\n", NULL, NULL, "");
	routes_see("A=1\n", NULL, NULL, "");
	routes_see("SCRIPT_NAME=/a/..\nPATH_INFO=/b\n", NULL, NULL, NULL);
	routes_see("SCRIPT_NAME=/.../..a/.b/.\n", NULL, NULL, "/.../..a/.b/");
}

static void test_divide(void)
{
	struct variables v =
		take(ROOT "SCRIPT_NAME=/order/5\nPATH_INFO=/wrong\nPATH_TRANSLATED=/wrong\n");
	char got[512];

	is_int(script_divide(&v, "/order/5/6", 6), OK, "divide");
	is_str(four(&v, "p", got, sizeof(got)),
		"SCRIPT_NAME=/order\nSCRIPT_FILENAME=(unset)\nPATH_INFO=/5/6\n"
		"PATH_TRANSLATED=/htdocs/5/6\n",
		"both parts");
	is_int(script_divide(&v, "/order", 6), OK, "divide at the end");
	is_str(four(&v, "p", got, sizeof(got)),
		"SCRIPT_NAME=/"
		"order\nSCRIPT_FILENAME=(unset)\nPATH_INFO=(unset)\nPATH_TRANSLATED=(unset)\n",
		"no rest");
	is_int(script_divide(&v, "/order", 0), OK, "divide at the start");
	is_str(variables_get(&v, "SCRIPT_NAME"), "", "a script at the root");
	variables_free(&v);
}

static void test_control_file(void)
{
	const char *lines =
		ROOT "SCRIPT_NAME=/p/x\nSCRIPT_FILENAME=@ROOT@/p/control\nPATH_INFO=/e\n";
	struct variables v, before = take(lines);
	char *path;

	is_int(locate(WAY_CONTROL_FILE, lines, &v, &path), OK, "a control file");
	is_str(path, at("htdocs/p/control"), "is the path");
	ok(is_same(&v, &before), "no variable is changed");
	variables_free(&v);
	variables_free(&before);
	free(path);
	v = take("SCRIPT_NAME=/x\nSCRIPT_FILENAME=control\n");
	is_int(script_locate(WAY_CONTROL_FILE, &v, &path), ERR_REFUSED, "not absolute");
	variables_free(&v);
	is_int(script_locate(WAY_CONTROL_FILE, &v, &path), ERR_INVALID, "no SCRIPT_FILENAME");
}

static void test_no_memory(void)
{
	static const char *const cases[] = {ACTION("retrysafe.cgi", "/form.pl/e x") REDIRECTED
		"REDIRECT_A=1\n",
		ROOT "SCRIPT_NAME=/p/form.pl/e "
		     "x\nSCRIPT_FILENAME=proxy:fcgi://h@ROOT@/p/form.pl/e%20x\n"};

	for (size_t i = 0; i < 2; i++) {
		struct variables v;
		char *path = NULL;
		enum err rc;
		int n = 0;

		do {
			v = take(cases[i]);
			fail_at = ++n;
			rc = script_locate(WAY_CGI, &v, &path);
			fail_at = 0;
			variables_free(&v);
		} while (rc == ERR_NOMEM && !path && n < 1000);
		ok(rc == OK && n > 5, "locate: each of %d allocations may fail", n - 1);
		free(path);
	}
}

int main(void)
{
	char self[PATH_MAX];

	make_root(self, sizeof(self));
	put(at("htdocs/p/form.pl"), "#!/bin/sh\n", 0755);
	put(at("htdocs/p/sub/form.pl"), "#!/bin/sh\n", 0755);
	link_to(self, at("htdocs/p/self.pl"));

	test_servers();
	test_split();
	test_urls();
	test_bad_paths();
	test_action();
	test_virtual_action();
	test_unnamed();
	test_url();
	test_divide();
	test_control_file();
	test_no_memory();
	remove_root();
	return done_testing();
}
