/* SPDX-License-Identifier: ISC */
/*
 * Claim: the first answer is what is recorded, byte for byte; a replay says that it is one, leaves
 * out what it was told to, and changes nothing else.
 */
#define web_peer_write try_write
#define web_peer_break try_break
#include "../../src/gateway/reply.c"

#include "../tap.h"

#include <sys/mman.h>

/* ---- a peer that remembers ---- */

static char *sent;
static size_t sent_len;
static int writes, lasts, breaks, writes_left = -1;

bool try_write(struct web_peer *p, const struct iovec *iov, int n, bool is_last)
{
	(void)p;
	if (writes_left == 0)
		return false;
	writes_left -= writes_left > 0;
	for (int i = 0; i < n; i++) {
		sent = realloc(sent, sent_len + iov[i].iov_len + 1);
		memcpy(sent + sent_len, iov[i].iov_base, iov[i].iov_len);
		sent_len += iov[i].iov_len;
		sent[sent_len] = '\0';
	}
	writes++;
	lasts += is_last;
	return true;
}

void try_break(struct web_peer *p)
{
	(void)p;
	breaks++;
}

/* ---- one answer ---- */

/* In memory of exactly its size, so that reading too far is seen. */
static char *exactly(const char *text, size_t len)
{
	char *copy = malloc(len + !len);

	memcpy(copy, text, len);
	return copy;
}

static enum err reply(const char *head, int status, const char *body, const struct replay *replay)
{
	struct response res = {.status = status,
		.head_len = strlen(head),
		.body_inline_len = strlen(body),
		.body_len = (int64_t)strlen(body),
		.is_kept = true};
	struct body_source rest = {.fd = -1};
	enum err e;

	res.head = malloc(res.head_len + 1); /* as the store and cgi/response.c give it */
	snprintf(res.head, res.head_len + 1, "%s", head);
	res.body = exactly(body, res.body_inline_len);
	free(sent);
	sent = NULL;
	sent_len = 0;
	writes = lasts = breaks = 0;
	e = reply_recorded(NULL, &res, &rest, replay);
	free(res.head);
	free(res.body);
	return e;
}

static void sends(const char *head, int status, const struct replay *replay, const char *want,
	const char *claim)
{
	is_int(reply(head, status, "b", replay), OK, "%s: sent", claim);
	is_str(sent, want, "%s", claim);
	ok(writes == 1 && lasts == 1 && breaks == 0, "in one piece, which is the last");
}

#define COOKIES                                                                            \
	"Status: 201 Created\r\nSet-Cookie: a=1\r\nContent-Type: text/plain\r\nX-A: 1\r\n" \
	"set-cookie:b=2; Path=/\r\nX-A: 2\r\nSET-COOKIE: c\r\n"
#define MARK "Idempotent-Replayed: true\r\n"
#define END  "Content-Length: 1\r\n\r\nb"

static void answer_first(void)
{
	sends(COOKIES, 201, NULL, COOKIES END, "the first answer");
	sends(COOKIES, 201, &(struct replay){.says_200 = false}, COOKIES MARK END, "a replay");
}

static void drop_fields(void)
{
	const char *none[] = {NULL},
		   *some[] = {"x-a", "Content-typ", "Status", "Set-Cookie2", NULL};
	const char *cookies[] = {"Set-COOKIE", NULL};
	struct replay r = {.drops_cookies = true};

	sends(COOKIES, 201, &r,
		"Status: 201 Created\r\nContent-Type: text/plain\r\nX-A: 1\r\nX-A: 2\r\n" MARK END,
		"without cookies, in any case and however often");
	r = (struct replay){.drop = (strings)(uintptr_t)cookies};
	sends(COOKIES, 201, &r,
		"Status: 201 Created\r\nContent-Type: text/plain\r\nX-A: 1\r\nX-A: 2\r\n" MARK END,
		"the same by name");
	r = (struct replay){.drop = (strings)(uintptr_t)some};
	sends(COOKIES, 201, &r,
		"Status: 201 Created\r\nSet-Cookie: a=1\r\nContent-Type: text/plain\r\n"
		"set-cookie:b=2; Path=/\r\nSET-COOKIE: c\r\n" MARK END,
		"without other fields; names are whole, and the first line stays");
	r = (struct replay){.drop = (strings)(uintptr_t)none};
	sends(COOKIES, 201, &r, COOKIES MARK END, "a list of none");
	r = (struct replay){.drops_cookies = true, .drop = (strings)(uintptr_t)some};
	sends("Status: 200 OK\r\nSet-Cookie: a\r\nX-A: b\r\n", 200, &r,
		"Status: 200 OK\r\n" MARK END, "all of them");
	sends("Status: 200 OK\r\nX-B: Set-Cookie: a\r\nSet-Cookies: a\r\nX-Set-Cookie: b\r\n", 200,
		&r,
		"Status: 200 OK\r\nX-B: Set-Cookie: a\r\nSet-Cookies: a\r\nX-Set-Cookie: b\r\n" MARK
			END,
		"and no others");
}

static void say_200(void)
{
	static const struct {
		int status;
		const char *line, *want;
	} cases[] = {
		{200, "Status: 200 OK\r\n", "Status: 200 OK\r\n"},
		{201, "Status: 201 Created\r\n", "Status: 200 OK\r\n"},
		{202, "Status: 202 Accepted, and a reason longer than OK\r\n",
			"Status: 200 OK\r\n"},
		{299, "Status: 299\r\n", "Status: 200 OK\r\n"},
		{303, "Status: 303 See Other\r\n", "Status: 303 See Other\r\n"},
		{404, "Status: 404 Not Found\r\n", "Status: 404 Not Found\r\n"},
		{500, "Status: 500 Internal Server Error\r\n",
			"Status: 500 Internal Server Error\r\n"},
	};
	char head[200], want[300];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(
			head, sizeof(head), "%sStatus-X: 201\r\nX: Status: 201\r\n", cases[i].line);
		snprintf(want, sizeof(want), "%sStatus-X: 201\r\nX: Status: 201\r\n" MARK END,
			cases[i].want);
		sends(head, cases[i].status, &(struct replay){.says_200 = true}, want,
			cases[i].line);
	}
	sends(COOKIES, 201, &(struct replay){.says_200 = true, .drops_cookies = true},
		"Status: 200 OK\r\nContent-Type: text/plain\r\nX-A: 1\r\nX-A: 2\r\n" MARK END,
		"both together");
}

/* Apache takes a 200 with a local Location for another page. */
static void lead_nowhere(void)
{
	static const char made[] = "Status: 201 Created\r\nlocation: /a\r\nContent-Location: /b\r\n"
				   "X-Location: /c\r\n";
	struct replay r = {.says_200 = true};

	sends(made, 201, &r,
		"Status: 200 OK\r\nContent-Location: /b\r\nX-Location: /c\r\n" MARK END,
		"a 200 in place of another status has no Location");
	sends("Status: 200 OK\r\nLocation: /a\r\n", 200, &r,
		"Status: 200 OK\r\nLocation: /a\r\n" MARK END, "one that was a 200 keeps it");
	sends("Status: 303 See Other\r\nLocation: /a\r\n", 303, &r,
		"Status: 303 See Other\r\nLocation: /a\r\n" MARK END, "and one that leads on");
	sends(made, 201, NULL,
		"Status: 201 Created\r\nlocation: /a\r\nContent-Location: /b\r\n"
		"X-Location: /c\r\n" END,
		"and the first answer");
}

static void stay_out_of_caches(void)
{
	static const char *const about[] = {"Cache-Control: public, max-age=600",
		"cache-control: private", "Expires: Wed, 09 Jun 2038 10:18:14 GMT",
		"Pragma: public", "ETag: \"a\"", "AGE: 3",
		"Last-Modified: Wed, 09 Jun 2021 10:18:14 GMT", "CDN-Cache-Control: max-age=600",
		"Surrogate-Control: max-age=600", "X-Accel-Expires: 600",
		"Cloudflare-CDN-Cache-Control: max-age=600"};
	struct replay r = {.is_uncacheable = true};
	char head[200];

	for (size_t i = 0; i < sizeof(about) / sizeof(about[0]); i++) {
		snprintf(head, sizeof(head), "Status: 200 OK\r\nX-A: 1\r\n%s\r\nVary: *\r\n",
			about[i]);
		sends(head, 200, &r,
			"Status: 200 OK\r\nX-A: 1\r\nVary: *\r\n" MARK
			"Cache-Control: no-store\r\n" END,
			about[i]);
	}
	sends("Status: 200 OK\r\nCache-Control-X: a\r\nX-Expires: b\r\nC: Expires: d\r\n", 200, &r,
		"Status: 200 OK\r\nCache-Control-X: a\r\nX-Expires: b\r\nC: Expires: d\r\n" MARK
		"Cache-Control: no-store\r\n" END,
		"and nothing else goes");
}

/* RFC 9110, 8.6: no length on these two. */
static void say_no_length(void)
{
	is_int(reply("Status: 204 No Content\r\n", 204, "", NULL), OK, "204");
	is_str(sent, "Status: 204 No Content\r\n\r\n", "has no length");
	is_int(reply("Status: 304 Not Modified\r\n", 304, "", NULL), OK, "304");
	is_str(sent, "Status: 304 Not Modified\r\n\r\n", "neither");
	is_int(reply("Status: 204 No Content\r\nX: a\r\n", 204, "",
		       &(struct replay){.says_200 = true}),
		OK, "204 as 200");
	is_str(sent, "Status: 200 OK\r\nX: a\r\n" MARK "Content-Length: 0\r\n\r\n",
		"has an empty body");
}

/* ---- bodies that are not in one piece ---- */

#define MAX RESPONSE_INLINE_MAX

static void send_large(const struct body_source *rest, int64_t rest_len, enum err want)
{
	static char body[3 * MAX + 7], head[] = "Status: 200 OK\r\n";
	struct response res = {.status = 200,
		.head = head,
		.head_len = sizeof(head) - 1,
		.body = body,
		.body_inline_len = MAX,
		.body_len = sizeof(body),
		.is_kept = true};
	const char *start;

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)('a' + i % 23);
	if (rest->fd >= 0)
		(void)!pwrite(rest->fd, body, (size_t)rest_len, rest->at);
	else
		memcpy((char *)(uintptr_t)rest->memory + rest->at, body, (size_t)rest_len);
	free(sent);
	sent = NULL;
	sent_len = 0;
	writes = lasts = breaks = 0;
	is_int(reply_recorded(NULL, &res, rest, NULL), want, "a body in several pieces");
	if (want != OK) {
		ok(breaks == 1 && lasts == 0, "that breaks off is not ended properly");
		return;
	}
	start = strstr(sent, "\r\n\r\n") + 4;
	ok(sent_len - (size_t)(start - sent) == sizeof(body) &&
			memcmp(start, body, sizeof(body)) == 0,
		"is sent whole");
	ok(lasts == 1 && breaks == 0, "and ended once");
}

static void answer_in_pieces(void)
{
	struct body_source rest = {.fd = memfd_create("rest", MFD_CLOEXEC), .at = 10};
	char *memory = malloc(4 * MAX);

	send_large(&rest, 3 * MAX + 7, OK);
	if (ftruncate(rest.fd, 10 + 2 * MAX) == 0)
		send_large(&rest, 2 * MAX, ERR_BROKEN);
	writes_left = 2;
	send_large(&rest, 3 * MAX + 7, ERR_GONE);
	writes_left = -1;
	close(rest.fd);
	rest = (struct body_source){.fd = -1, .memory = memory, .at = 10};
	send_large(&rest, 3 * MAX + 7, OK);
	free(memory);
}

static void notice_who_left(void)
{
	struct problem_answer answer = {.head = (char *)(uintptr_t) "Status: 409 Conflict\r\n",
		.head_len = 22,
		.body = (char *)(uintptr_t) "{}",
		.body_len = 2};

	writes_left = 0;
	is_int(reply(COOKIES, 201, "b", NULL), ERR_GONE, "a client that has left");
	is_int(reply(COOKIES, 201, "b", &(struct replay){.drops_cookies = true}), ERR_GONE,
		"before its replay");
	is_int(reply_problem(NULL, &answer), ERR_GONE, "or before a problem");
	writes_left = -1;
	sent_len = 0;
	is_int(reply_problem(NULL, &answer), OK, "a problem");
	is_str(sent, "Status: 409 Conflict\r\nContent-Length: 2\r\n\r\n{}", "is sent whole");
}

int main(void)
{
	answer_first();
	drop_fields();
	say_200();
	lead_nowhere();
	stay_out_of_caches();
	say_no_length();
	answer_in_pieces();
	notice_who_left();
	free(sent);
	return done_testing();
}
