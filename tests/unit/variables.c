/* SPDX-License-Identifier: ISC */
/*
 * Claims: what a client or a server sends becomes CGI variables of which no name is there twice,
 * none is ours and none is HTTP_PROXY; over a limit, or with two lengths or methods, nothing is
 * taken.
 */
#include "../../src/cgi/variables.c"

#include "../tap.h"

#define TAKE(...) take((const char *[]){__VA_ARGS__, NULL})

static struct variables taken; /* by the last take() */
static enum variables_from from = VARIABLES_FASTCGI;

/* Takes copies without a byte to spare, so that reading too far is seen. */
static enum err take(const char *const *params)
{
	char *copies[VARIABLES_MAX + 2] = {NULL};
	enum err rc;

	for (size_t i = 0; params[i]; i++)
		copies[i] = strdup(params[i]);
	variables_free(&taken);
	rc = variables_take(copies, from, &taken);
	for (size_t i = 0; copies[i]; i++)
		free(copies[i]);
	return rc;
}

#define GET(name) variables_get(&taken, name)

static void test_dropped(void)
{
	static const char *const bad[] = {"HTTP_PROXY=x", "http_proxy=x", "Http_Proxy=x",
		"HTTP_CONTENT_LENGTH=5", "HTTP_CONTENT_TYPE=t", "FCGI_ROLE=RESPONDER", "=x", "1A=x",
		"A-B=x", "A B=x", "A\n=x", "\303\204=x", "LD_PRELOAD=x", "LD_=x",
		"BASH_FUNC_x=() { :; }", "CONTENT_LENGTH=", "CONTENT_TYPE=", "IDEMPOTENCY_KEY=k",
		"IDEMPOTENCY_=k", "RETRYSAFE_CONFIG=/etc/passwd"};
	static const char *const good[] = {"HTTP_PROXY_X=x", "HTTP_PROX=x", "XHTTP_PROXY=x",
		"CONTENT_LENGTH=5", "CONTENT_TYPE=t", "HTTP_IDEMPOTENCY_KEY=k",
		"HTTP_RETRYSAFE_CONFIG=x", "LD_LIBRARY_PATH=x", "LDX=x", "_=x", "a1=x",
		"EMPTY=", "EQUALS=a=b", "REMOTE_USER=", "HTTP_X_EMPTY="};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		ok(TAKE(bad[i], "A=1") == OK && taken.n == 1, "dropped: %s",
			i == 10 ? "A\\n=x" : bad[i]);
		ok(taken.n == 1 && strcmp(taken.list[0], "A=1") == 0 && !taken.list[1],
			"A=1 is left");
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		ok(TAKE(good[i]) == OK && taken.n == 1 && strcmp(taken.list[0], good[i]) == 0,
			"kept: %s", good[i]);
}

static void test_repeated(void)
{
	static const char *const single[] = {
		"SCRIPT_FILENAME", "REMOTE_USER", "SERVER_NAME", "HTTP_HOST", "X"};
	static const char *const sure[] = {"CONTENT_LENGTH", "REQUEST_METHOD"};

	is_int(TAKE("HTTP_X=1", "A=0", "HTTP_X=2", "HTTP_X=3", "HTTP_XY=4"), OK,
		"header fields repeat");
	is_str(GET("HTTP_X"), "1, 2, 3", "they are joined by a comma, in order");
	is_str(GET("HTTP_XY"), "4", "a longer name is another one");
	is_int((long long)taken.n, 3, "and are there once");
	is_int(TAKE("HTTP_COOKIE=a=1", "HTTP_COOKIE=b=2"), OK, "cookies repeat");
	is_str(GET("HTTP_COOKIE"), "a=1; b=2", "and are joined by a semicolon");
	is_int(TAKE("HTTP_X=", "HTTP_X="), OK, "empty ones too");
	is_str(GET("HTTP_X"), ", ", "are joined");
	is_int(TAKE("HTTP_PROXY=1", "HTTP_PROXY=2"), OK, "what is dropped may repeat");

	for (size_t i = 0; i < sizeof(single) / sizeof(*single); i++) {
		char one[64], two[64];

		snprintf(one, sizeof(one), "%s=1", single[i]);
		snprintf(two, sizeof(two), "%s=2", single[i]);
		is_int(TAKE(one, "A=0", two), OK, "%s twice", single[i]);
		is_str(GET(single[i]), "2", "the last one counts");
		is_int((long long)taken.n, 2, "and it is there once");
		is_int(TAKE(two, one, one), OK, "%s three times", single[i]);
		is_str(GET(single[i]), "1", "the last one counts");
	}
	is_int(TAKE("SERVER_NAME=a", "SERVER_NAME="), OK, "also when it is empty");
	is_str(GET("SERVER_NAME"), "", "that one counts");
	for (size_t i = 0; i < sizeof(sure) / sizeof(*sure); i++) {
		char one[64], two[64], none[64];

		snprintf(one, sizeof(one), "%s=1", sure[i]);
		snprintf(two, sizeof(two), "%s=2", sure[i]);
		snprintf(none, sizeof(none), "%s=", sure[i]);
		is_int(TAKE(one, "A=0", one), OK, "%s twice, the same", sure[i]);
		is_str(GET(sure[i]), "1", "is taken once");
		is_int(TAKE(one, "A=0", two), ERR_REFUSED, "two of %s", sure[i]);
		ok(strstr(err_text(), sure[i]) != NULL, "the text names it: %s", err_text());
		ok(taken.list == NULL, "nothing is taken");
		is_int(TAKE(none, one), ERR_REFUSED, "also when one is empty");
		is_int(TAKE(one, none), ERR_REFUSED, "in both orders");
	}
	is_int(TAKE("HTTP_AUTHORIZATION=a", "HTTP_AUTHORIZATION=a"), OK,
		"the same credentials twice");
	is_str(GET("HTTP_AUTHORIZATION"), "a", "are there once");
	is_int(TAKE("HTTP_AUTHORIZATION=a", "HTTP_AUTHORIZATION=b"), ERR_INVALID,
		"two credentials");
	ok(taken.list == NULL && strstr(err_text(), "Authorization"), "are refused: %s",
		err_text());
}

static void test_sources(void)
{
	is_int(TAKE("A=1", "B\0=2"), ERR_INVALID, "a NUL in the name of a FastCGI variable");
	ok(strstr(err_text(), "NUL") != NULL, "the text says so: %s", err_text());
	from = VARIABLES_CGI;
	is_int(TAKE("A=1", "B"), OK, "an environment may hold anything");
	is_int((long long)taken.n, 1, "but it does not come in");
	is_int(TAKE("IDEMPOTENCY_KEY=k"), OK, "a key for the script");
	is_int((long long)taken.n, 0, "does not come from a server");
	from = VARIABLES_STORED;
	is_int(TAKE("IDEMPOTENCY_KEY=k", "HTTP_PROXY=p", "LD_PRELOAD=x", "BASH_FUNC_a=() { :; }",
		       "RETRYSAFE_CONFIG=c", "B"),
		OK, "what was stored");
	is_str(GET("IDEMPOTENCY_KEY"), "k", "has our own variables");
	is_int((long long)taken.n, 1, "and is cleaned like any other");
	from = VARIABLES_FASTCGI;
}

static void test_limits(void)
{
	const char *many[VARIABLES_MAX + 2] = {NULL};
	char names[VARIABLES_MAX + 1][8], *big = malloc(VARIABLES_BYTES_MAX + 1);

	for (int i = 0; i <= VARIABLES_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "V%d=", i);
		many[i] = names[i];
	}
	is_int(take(many), ERR_FULL, "too many");
	ok(taken.list == NULL, "nothing is taken");
	many[VARIABLES_MAX] = NULL;
	is_int(take(many), OK, "just as many as are allowed");
	is_int((long long)taken.n, VARIABLES_MAX, "all are there");
	is_str(GET("V999"), "", "the last one, too");

	memset(big, 'x', VARIABLES_BYTES_MAX);
	memcpy(big, "A=", 2);
	big[VARIABLES_BYTES_MAX] = '\0';
	is_int(TAKE(big), ERR_FULL, "one byte too many");
	big[VARIABLES_BYTES_MAX - 1] = '\0';
	is_int(TAKE(big), OK, "just as many bytes as are allowed");
	is_int(TAKE(big, "B="), ERR_FULL, "counted together");
	big[0] = '-';
	is_int(TAKE(big, "B="), ERR_FULL, "also what would be dropped");
	free(big);
}

static void test_set(void)
{
	struct variables v = {0}, copy;

	is_str(variables_get(&v, "A"), NULL, "an empty one has nothing");
	is_int(variables_set(&v, "A", NULL), OK, "removing what is not there");
	is_int(variables_set(&v, "AB", "1"), OK, "set");
	is_int(variables_set(&v, "A", "2"), OK, "set a shorter name");
	is_int(variables_set(&v, "C", "3"), OK, "set a third");
	is_str(variables_get(&v, "A"), "2", "names are compared whole");
	is_int(variables_set(&v, "AB", variables_get(&v, "C")), OK, "a value of its own");
	is_str(variables_get(&v, "AB"), "3", "is copied");
	is_int(variables_copy(&v, &copy), OK, "copy");
	is_int(variables_set(&v, "AB", NULL), OK, "remove the first");
	ok(v.n == 2 && !variables_get(&v, "AB") && !v.list[2], "it is gone, the end is marked");
	is_str(v.list[0], "A=2", "the order is kept");
	is_str(variables_get(&copy, "AB"), "3", "the copy has it still");
	variables_free(&copy);
	variables_free(&v);
	ok(!v.list && v.n == 0 && !variables_get(&v, "A"), "freed is empty");
	variables_free(&v);

	is_int(variables_take(NULL, VARIABLES_CGI, &v), OK, "no variables at all");
	ok(v.list && !v.list[0] && v.n == 0, "are an empty list");
	is_int(variables_copy(&v, &copy), OK, "which can be copied");
	ok(copy.list && !copy.list[0], "and is an empty list");
	variables_free(&v);
	variables_free(&copy);
}

static void test_unprefix(void)
{
	is_int(TAKE("P_P_A=0", "P_A=1", "B=2", "P_B=3", "P_=4", "P_1=5", "P_RETRYSAFE_X=6",
		       "P_HTTP_PROXY=7", "XP_C=8", "P_P_P_D=9", "P_P_D=10"),
		OK, "taken");
	variables_unprefix(&taken, "P_");
	is_str(GET("A"), "1", "loses the prefix");
	is_str(GET("P_A"), "0", "loses one of two");
	is_str(GET("B"), "2", "does not replace what is there");
	is_str(GET("XP_C"), "8", "only at the front");
	is_str(GET("P_P_D"), "9", "in any order");
	is_str(GET("P_D"), "10", "in any order");
	is_int((long long)taken.n, 6, "what may not come in under the new name is gone");
	ok(!taken.list[6], "the end is marked");
}

int main(void)
{
	test_dropped();
	test_repeated();
	test_sources();
	test_limits();
	test_set();
	test_unprefix();
	variables_free(&taken);
	return done_testing();
}
