/* SPDX-License-Identifier: ISC */
/*
 * Claim: in whatever way a client spells the URL of a script, and whatever a server makes of it,
 * the request gets the script's route or is refused.
 *
 * A model of a server decodes and cleans URLs as nginx does, and hands them on in every wiring that
 * is known; a generator spells the URL of one script in tens of thousands of ways.
 */
#include "script_try.h"

#include "../../src/gateway/route.c"

#define MOUNT "/app5/order.pl" /* the file below the document root; "5" could end an escape */

/*
 * What the server sends: @U its decoded URL, @E that as Apache encodes it, @R the client's, @N and
 * @I both parts of @U; @D is the document root, @B the directory of this program.
 */
struct wiring {
	const char *name, *script_name, *path_info, *file, *request_uri;
	const char *location; /* of this script; the beginning of its URL, and its route */
};

static const struct wiring wirings[] = {
	{"the file and its rest in one", "@U", NULL, "@D@U", "@R", MOUNT},
	{"SCRIPT_NAME not decoded", "@R", NULL, "@D@U", "@R", MOUNT},
	{"no PATH_INFO for the rest", "@N", NULL, "@D@U", "@R", MOUNT},
	{"divided", "@N", "@I", "@D@N", "@R", MOUNT},
	{"divided, SCRIPT_NAME not decoded", "@R", "@I", "@D@N", "@R", MOUNT},
	{"the file not divided, PATH_INFO sent", "@U", "@I", "@D@U", "@R", MOUNT},
	{"SCRIPT_NAME not decoded, PATH_INFO sent", "@R", "@I", "@D@U", "@R", MOUNT},
	{"one file", "@U", NULL, "@D" MOUNT, "@R", MOUNT},
	{"one file, SCRIPT_NAME not decoded", "@R", NULL, "@D" MOUNT, "@R", MOUNT},
	{"one file elsewhere", "@U", NULL, "@D" MOUNT, "@R", "/order.pl"},
	{"one file elsewhere, SCRIPT_NAME not decoded", "@R", NULL, "@D" MOUNT, "@R", "/order.pl"},
	{"in another directory, SCRIPT_NAME not decoded", "@R", NULL, "@D" MOUNT, "@R",
		"/encoded/order.pl"},
	{"no SCRIPT_NAME", "", "@U", "@D@U", "@R", MOUNT},
	{"no SCRIPT_NAME, PATH_INFO not decoded", "", "@R", "@D@U", "@R", MOUNT},
	{"no SCRIPT_NAME, one file", "", "@U", "@D" MOUNT, "@R", "/order.pl"},
	{"no SCRIPT_NAME, one file, PATH_INFO not decoded", "", "@R", "@D" MOUNT, "@R",
		"/order.pl"},
	{"REQUEST_URI alone", NULL, NULL, "@D@U", "@R", MOUNT},
	{"REQUEST_URI alone, one file", NULL, NULL, "@D" MOUNT, "@R", "/order.pl"},
	{"REQUEST_URI alone, in absolute form", NULL, NULL, "@D@U", "http://h@R", MOUNT},
	{"Apache's ProxyPass", "@U", NULL, "proxy:fcgi://h@D@U", "@R", MOUNT},
	{"Apache's ProxyPass, encoded", "@U", NULL, "proxy:fcgi://h@D@E", "@R", MOUNT},
	{"Apache's GENERIC", "@U", NULL, "@D@E", "@R", MOUNT},
	{"Apache's Action", "/gw/retrysafe.cgi", "@U", "@B/retrysafe.cgi", "@R", MOUNT},
	{"Apache's virtual Action", "/gw", "@U", "@D/gw@U", "@R", MOUNT},
	{"another name", "@U", NULL, "@D" MOUNT "@I", "@R", "/buy"},
	{"another name, SCRIPT_NAME not decoded", "@R", NULL, "@D" MOUNT "@I", "@R", "/buy"},
	{"another name, divided", "@N", "@I", "@D" MOUNT, "@R", "/buy"},
	{"a directory called like the script", "@U", NULL, "@D@U", "@R", "/order/order"},
	{"the same, SCRIPT_NAME not decoded", "@R", NULL, "@D@U", "@R", "/order/order"},
	{"the same, no SCRIPT_NAME", "", "@U", "@D@U", "@R", "/order/order"},
	{"the same, PATH_INFO not decoded", "", "@R", "@D@U", "@R", "/order/order"},
};

/* Its URL may be the name of the file and its directory, which only the server can tell apart. */
static const struct wiring shorter = {
	"a script's name is its directory's", "@U", NULL, "@D/order/order", "@R", "/order"};

static uint32_t chance = 1;

static unsigned draw(unsigned n)
{
	chance ^= chance << 13;
	chance ^= chance >> 17;
	chance ^= chance << 5;
	return chance % n;
}

/* One spelling of a URL's path, with a query; `rate`: one byte of so many is spelled otherwise. */
static void spell(const char *path, unsigned rate, char *out, size_t size)
{
	static const char *const slashes[] = {
		"//", "/./", "/%2e/", "%2f", "%2F/", "/z/../", "/z/%2e./", "/z/..//"};
	static const char *const ends[] = {"", "", "", "", "/", "//", "/.", "/%2e", "%2f", "/z/.."};
	static const char *const queries[] = {"", "", "", "", "?", "?a=1", "?/foo/x", ("?" MOUNT),
		"?%41", "?/order.pl", "?/.", "??", "?/order/order", "?a=/order.pl/foo/x",
		"?/../../order.pl"};
	FILE *to = fmemopen(out, size, "w");

	putc('/', to); /* no server takes another beginning */
	for (path++; *path; path++)
		if (draw(rate) > 0 && !strchr("%?", *path))
			putc(*path, to);
		else if (*path == '/')
			fputs(slashes[draw(8)], to);
		else
			fprintf(to, draw(2) ? "%%%02x" : "%%%02X", (unsigned char)*path);
	fprintf(to, "%s%s", ends[draw(10)], queries[draw(15)]);
	fclose(to);
}

/* The URL as nginx looks for its location: decoded, without "." and ".."; NULL: 400. */
static char *serve(const char *url, bool merges)
{
	bool has_nul;
	char *path = url_path_of_uri(url, &has_nul), *to = path;

	for (const char *from = path; from && *from;) {
		size_t len = strcspn(from + 1, "/") + 1; /* a slash and a segment */

		if (len == 2 && from[1] == '.') {
			if (!from[len])
				*to++ = '/';
		} else if (len == 3 && from[1] == '.' && from[2] == '.') {
			if (to == path) {
				free(path);
				return NULL;
			}
			while (*--to != '/')
				;
			if (!from[len])
				*to++ = '/';
		} else if (len > 1 || !merges || !from[1]) {
			memmove(to, from, len);
			to += len;
		}
		from += len;
	}
	if (path)
		*to = '\0';
	return path;
}

/* The name's length in a served URL; 0: it is not of this location. */
static size_t name_len(const struct wiring *w, const char *url)
{
	size_t len = 0;

	for (const char *at = w->location; *at; at++, len++)
		for (; url[len] != *at; len++)
			if (url[len] != '/' || at == w->location || at[-1] != '/')
				return 0;
	return url[len] == '/' || url[len] == '\0' ? len : 0;
}

static void fill(const char *text, const char *served, size_t len, const char *sent, FILE *to)
{
	for (; *text; text++) {
		if (*text != '@') {
			putc(*text, to);
			continue;
		}
		switch (*++text) {
		case 'D':
			fprintf(to, "%s/htdocs", root);
			break;
		case 'B':
			fprintf(to, "%s/bin", root);
			break;
		case 'E':
			for (const char *c = served; *c; c++)
				fprintf(to, strchr("%? ", *c) ? "%%%02X" : "%c", (unsigned)*c);
			break;
		case 'U':
			fputs(served, to);
			break;
		case 'N':
			fprintf(to, "%.*s", (int)len, served);
			break;
		case 'I':
			fputs(served + len, to);
			break;
		default:
			fputs(sent, to);
		}
	}
}

/* nginx sends DOCUMENT_URI, too. */
static struct variables receive(
	const struct wiring *w, const char *served, size_t len, const char *sent, bool is_nginx)
{
	const char *query = strchr(sent, '?');
	bool is_action = w->script_name && strncmp(w->script_name, "/gw", 3) == 0;
	const struct {
		const char *name, *text;
	} all[] = {{"SCRIPT_NAME", w->script_name}, {"PATH_INFO", w->path_info},
		{"SCRIPT_FILENAME", w->file}, {"REQUEST_URI", w->request_uri},
		{"DOCUMENT_URI", is_nginx ? "@U" : NULL},
		{"PATH_TRANSLATED", is_action ? "@D@U" : NULL},
		{"REDIRECT_HANDLER", is_action ? "rs" : NULL}};
	struct variables v = {0};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		char value[2048] = "";
		FILE *to = fmemopen(value, sizeof(value), "w");

		fill(all[i].text ? all[i].text : "", served, len, sent, to);
		fclose(to);
		if (all[i].text && variables_set(&v, all[i].name, value) != OK)
			exit(1);
	}
	if (variables_set(&v, "QUERY_STRING", query ? query + 1 : "") != OK)
		exit(1);
	return v;
}

enum fate { ELSEWHERE, REFUSED, ROUTED, PASSED, OTHER_ROUTE };

/* What becomes of a request; the script's route is the first. */
static enum fate ask(const struct wiring *w, const struct config *cf, const char *sent, bool merges)
{
	char *served = serve(sent, merges), *located = NULL;
	size_t len = served ? name_len(w, served) : 0;
	struct script_urls urls = {0};
	struct found_route found;
	enum fate fate = ELSEWHERE;
	struct variables v;
	enum err e;

	if (len > 0) {
		v = receive(w, served, len, sent, draw(2));
		e = script_locate(WAY_FASTCGI, &v, &located);
		if (e == OK)
			e = script_url_readings(&v, located, &urls);
		if (e == OK)
			e = choose_route(cf, &urls, &found);
		fate = e != OK ? REFUSED : !found.route ? PASSED : ROUTED;
		if (fate == ROUTED && found.route != &cf->routes[0])
			fate = OTHER_ROUTE;
		script_urls_free(&urls);
		variables_free(&v);
	}
	free(located);
	free(served);
	return fate;
}

/* How a client spells the URL that has nothing to hide. */
static void try_plain(const struct wiring *w, const struct config *cf)
{
	static const char *const plain[] = {
		"", "?", "?a=1", "?a=/../b%2f", "/foo/x", "/foo/x?a=1", "/foo%20x", "/foo//x/"};
	char sent[256];

	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		snprintf(sent, sizeof(sent), "%s%s", w->location, plain[i]);
		is_int(ask(w, cf, sent, false), ROUTED, "%s: %s gets its route", w->name, sent);
	}
}

static void try_wiring(const struct wiring *w, const char *others)
{
	static const char *const rests[] = {"", "", "/foo/x", MOUNT, "/order.pl", "/z/order.pl",
		("/foo/htdocs" MOUNT), "/order/order", "/htdocs/order/order", "/q?x", "/?/order.pl",
		"/50%41", "/%6frder.pl", "/%6frder.pl/order.pl", "/%2e%2e/x"};
	char text[256], path[512], sent[2048];
	struct config *cf = NULL;
	int n[5] = {0}, bad = 0;
	enum err e;

	snprintf(text, sizeof(text), "{\"routes\": [{\"match\": \"%s\"}%s]}", w->location, others);
	put(at("config.json"), text, 0600);
	e = config_load(at("config.json"), false, &cf);
	if (!is_int(e, OK, "the routes of %s", w->name))
		return;
	try_plain(w, cf);
	for (int i = 0; i < 6000; i++) {
		bool merges = draw(2);
		enum fate fate;

		snprintf(path, sizeof(path), "%s%s", w->location,
			rests[draw(sizeof(rests) / sizeof(*rests))]);
		spell(path, i < 2000 ? 4 : 16, sent, sizeof(sent));
		fate = ask(w, cf, sent, merges);
		n[fate]++;
		if (fate >= PASSED && bad++ < 3)
			printf("# %s: %s\n", sent, fate == PASSED ? "no route" : "another route");
	}
	is_int(n[PASSED], 0, "%s%s: no spelling passes through", w->name, others);
	is_int(n[OTHER_ROUTE], 0, "%s%s: none gets another route", w->name, others);
	ok(n[ROUTED] > 500, "%s%s: the route (%d), refused (%d), elsewhere (%d)", w->name, others,
		n[ROUTED], n[REFUSED], n[ELSEWHERE]);
	config_free(&cf);
}

int main(void)
{
	char self[PATH_MAX];

	make_root(self, sizeof(self));
	put(at("htdocs" MOUNT), "#!/bin/sh\n", 0755);
	put(at("htdocs/order/order"), "#!/bin/sh\n", 0755);
	for (size_t i = 0; i < sizeof(wirings) / sizeof(*wirings); i++) {
		try_wiring(&wirings[i], "");
		try_wiring(&wirings[i], ", {\"match\": \"*\"}");
	}
	try_wiring(&shorter, "");
	remove_root();
	return done_testing();
}
