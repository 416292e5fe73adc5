/* SPDX-License-Identifier: ISC */
/*
 * Claim: when any one allocation fails, or all from one on, a call says ERR_NOMEM, gives back what
 * it took, and leaves what it was given as it was; the same call works afterwards.
 *
 * What needs a store is in store_memory.c.
 */
#include "memory_try.h"

#include "base/digest.h"
#include "base/log.h"
#include "base/spool.h"
#include "cgi/response.h"
#include "cgi/script.h"
#include "cgi/variables.h"
#include "config/config.h"
#include "config/document.h"
#include "gateway/fingerprint.h"
#include "gateway/value_source.h"
#include "http/form.h"
#include "http/json_digest.h"
#include "http/key.h"
#include "http/prefer.h"
#include "http/problem.h"
#include "http/webhook_url.h"
#include "keeper/protocol.h"
#include "operation/record.h"
#include "operation/saved_result.h"
#include "request_try.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>

static char dir[] = "/tmp/rs-unit-XXXXXX";

/* What an out-parameter holds before the call, to see whether it was set. */
static char untouched;
#define UNTOUCHED ((void *)&untouched)

static int memory_file(const char *text)
{
	int fd = memfd_create("body", MFD_CLOEXEC);

	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		exit(111);
	return fd;
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "we");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
		printf("Bail out! cannot write %s\n", name);
		exit(111);
	}
}

/* ---- configuration ---- */

#define SETTINGS                                                                                 \
	"{\"store\": \"sqlite:s.db\", \"spool\": \"spool\", \"script_dirs\": [\"a\", \"/b\"],"   \
	" \"docs_url\": \"https://example.org/\", \"defaults\": {\"ttl\": \"2h\"}, \"routes\":"  \
	" [{\"match\": \"/cgi-bin/*\", \"methods\": [\"POST\", \"PUT\"], \"unique\": "           \
	"[\"json:/a\"],"                                                                         \
	" \"probe\": [\"/bin/true\", \"x\"], \"on_uncertain\": \"probe\", \"limits\": {\"cpu\":" \
	" \"1s\"}, \"webhook\": \"https://example.org/hook\"}, {\"match\": \"*\"}]}"

#define CONTROL                                                                                    \
	"#!/usr/lib/retrysafe.cgi\n{\"script\": \"../x.pl\", \"interpreter\": [\"/usr/bin/perl\"," \
	" \"-T\"], \"replay_drop\": [\"Set-Cookie\"]}"

static enum err load(const char *file, bool is_control, size_t n_routes)
{
	struct config *cf = UNTOUCHED;
	enum err e;

	memory_on();
	e = config_load(file, is_control, &cf);
	memory_off();
	if (e != OK) {
		keeps(cf == UNTOUCHED, "the configuration is not set");
		return e;
	}
	keeps(cf->n_routes == n_routes, "it is the whole configuration");
	config_free(&cf);
	return OK;
}

static enum err load_settings(void)
{
	return load("c.json", false, 2);
}

static enum err load_control(void)
{
	return load("control.pl", true, 1);
}

/* A message about a mistake is made of parts that are allocated as well. */
static enum err load_mistake(void)
{
	struct config *cf = UNTOUCHED;
	enum err e;

	memory_on();
	e = config_load("bad.json", false, &cf);
	memory_off();
	keeps(cf == UNTOUCHED, "the configuration is not set");
	return e == ERR_INVALID ? OK : e;
}

static enum err find_file(void)
{
	char *path = UNTOUCHED;
	enum err e;

	memory_on();
	e = config_find(dir, true, &path);
	memory_off();
	if (e != OK) {
		keeps(path == UNTOUCHED, "the path is not set");
		return e;
	}
	free(path);
	return OK;
}

/* ---- what is read of a request ---- */

static enum err take_field(
	void *arg, const char *name, size_t name_len, const char *head, size_t head_len)
{
	(void)name;
	(void)name_len;
	(void)head;
	(void)head_len;
	++*(int *)arg;
	return OK;
}

static enum err take_data(void *arg, const char *bytes, size_t len)
{
	(void)arg;
	(void)bytes;
	(void)len;
	return OK;
}

static enum err read_form(void)
{
	static const char multipart[] = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"
					"1\r\n--b--\r\n";
	int n = 0, one = memory_file("a=1&b=%20"), two = memory_file(multipart);
	struct form_handler h = {.field = take_field, .data = take_data, .arg = &n};
	struct form_type type;
	enum err e;

	memory_on();
	type = form_type_of("application/x-www-form-urlencoded");
	e = form_read(one, 0, 9, &type, &h);
	type = form_type_of("multipart/form-data; boundary=b");
	if (e == OK)
		e = form_read(two, 0, sizeof(multipart) - 1, &type, &h);
	memory_off();
	keeps(n == 3, "all fields are seen");
	close(one);
	close(two);
	return e;
}

static enum err read_fields(void)
{
	static char own[] = "https://example.org/", *allowed[] = {own, NULL};
	const char *url = NULL;
	char shown[100];
	bool is_trusted;
	struct prefer prefer;
	struct key key;
	enum err e;

	memory_on();
	e = key_parse("\"k\\\"1\";a=1", 10, KEY_SYNTAX_STRICT, "Idempotency-Key", &key);
	if (e == OK)
		e = key_parse_bare("k1", 2, "form:key", &key);
	prefer = prefer_read("respond-async, wait=10");
	if (e == OK)
		e = webhook_url_choose(
			NULL, allowed, "https://example.org/x?secret", &url, &is_trusted);
	webhook_url_shown("https://user@example.org/x?secret", shown, sizeof(shown));
	memory_off();
	keeps(prefer.respond_async && url && strcmp(shown, "https://example.org/x") == 0,
		"all of it is read");
	return e;
}

static enum err load_document(void)
{
	static const char text[] =
		"{\"a\": [1, \"two\", {\"b\": null}], \"c\": 1.5, \"d\": \"\\u00e9\"}";
	json_error_t error;
	bool is_no_memory = false;
	json_t *doc;

	memory_on();
	doc = config_document_parse(text, strlen(text), 0, &error, &is_no_memory);
	memory_off();
	if (!doc)
		return is_no_memory ? ERR_NOMEM : ERR_INVALID;
	keeps(json_array_size(json_object_get(doc, "a")) == 3, "it is the whole document");
	json_decref(doc);
	return OK;
}

static enum err give_text(void *from, json_take *take, void *arg)
{
	return take(arg, from, strlen(from));
}

static enum err digest_document(void)
{
	static const unsigned char key[DIGEST_LEN] = {1};
	unsigned char out[DIGEST_LEN] = {0}, before[DIGEST_LEN] = {0};
	char text[] = "{\"a\": [1, \"two\", {\"b\": null}], \"c\": 1.5}";
	enum err e;

	memory_on();
	e = json_digest(give_text, text, key, "", NULL, out);
	memory_off();
	keeps((e == OK) == (memcmp(out, before, sizeof(out)) != 0), "it is set when it is OK");
	return e;
}

#define MULTIPART                                                        \
	"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n" \
	"--b\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n2\r\n--b--\r\n"
#define JSON_BODY "{\"a\": {\"c\": [1, 2]}, \"b\": \"two\"}"

/* Sources, key, fingerprint and natural key of a request with this body. */
static enum err take_digests(
	const char *type, const char *body, const char *ignored, const char *of)
{
	static const unsigned char secret[SECRET_LEN] = {1};
	char content_type[80];
	struct route route = {.match = (char *)(uintptr_t) "/x",
		.scope = LIST("REMOTE_USER"),
		.bind = LIST("HTTP_AUTHORIZATION"),
		.fingerprint = LIST("method", "path", "query", "body"),
		.ignore = LIST(ignored),
		.unique = LIST(of)};
	struct request r;
	unsigned char natural[NATURAL_LEN];
	enum err e;

	snprintf(content_type, sizeof(content_type), "CONTENT_TYPE=%s", type);
	r = try_request(&route,
		PARAMS("REQUEST_METHOD=POST", "SCRIPT_NAME=/x", "QUERY_STRING=q=1", content_type,
			"REMOTE_USER=u", "HTTP_COOKIE=s=1", "HTTP_AUTHORIZATION=Basic x"),
		body, strlen(body));
	snprintf(r.key.text, sizeof(r.key.text), "k");
	r.key.len = 1;
	memory_on();
	e = fingerprint_take(secret, &r);
	if (e == OK)
		e = fingerprint_natural(secret, &r, natural);
	memory_off();
	request_free(&r);
	return e;
}

static enum err digest_json(void)
{
	return take_digests("application/json", JSON_BODY, "json:/a/c/0", "json:/a");
}

static enum err digest_form(void)
{
	return take_digests("multipart/form-data; boundary=b", MULTIPART, "form:a", "form:b");
}

/* ---- variables ---- */

static enum err take_variables(void)
{
	static const char *const params[] = {"A=1", "HTTP_X=1", "HTTP_X=2", "HTTP_COOKIE=a",
		"HTTP_COOKIE=b", "HTTP_PROXY=x", "B=2", "C=3", "D=4", "E=5", "F=6", "G=7", "H=8",
		"I=9", "J=10", "K=11", "L=12", NULL};
	struct variables v = {.list = UNTOUCHED};
	enum err e;

	memory_on();
	e = variables_take((char *const *)(uintptr_t)params, VARIABLES_FASTCGI, &v);
	memory_off();
	if (e != OK) {
		keeps((void *)v.list == UNTOUCHED, "the variables are not set");
		return e;
	}
	keeps(strcmp(variables_get(&v, "HTTP_X"), "1, 2") == 0 && v.n == 14, "all are there");
	variables_free(&v);
	return OK;
}

static enum err set_variables(void)
{
	struct variables v = {0};
	enum err e = OK;
	size_t n = 0;

	memory_on();
	for (char name[2] = "A"; *name <= 'T' && e == OK; ++*name) {
		e = variables_set(&v, name, "1");
		n += e == OK;
	}
	keeps(v.n == n, "one that is not set changes nothing");
	if (e == OK)
		e = variables_set(&v, "A", "2");
	memory_off();
	keeps(n == 0 || strcmp(variables_get(&v, "A"), e == OK ? "2" : "1") == 0,
		"the old value stays until there is a new one");
	for (size_t i = 0; i < n; i++)
		keeps(v.list[i] != NULL, "no variable is lost");
	keeps(n == 0 || v.list[n] == NULL, "the list ends where it ended");
	variables_free(&v);
	return e;
}

static enum err copy_variables(void)
{
	struct variables v = {0}, copy = {.list = UNTOUCHED};
	enum err e = variables_set(&v, "A", "1");

	if (e == OK)
		e = variables_set(&v, "B", "2");
	memory_on();
	if (e == OK)
		e = variables_copy(&v, &copy);
	memory_off();
	if (e != OK)
		keeps((void *)copy.list == UNTOUCHED, "the copy is not set");
	else
		variables_free(&copy);
	keeps(v.n == 2, "what was copied is as it was");
	variables_free(&v);
	return e;
}

/* ---- answers ---- */

#define OUTPUT                                                                              \
	"Status: 201 Created\nContent-Type: text/plain\nSet-Cookie: a=1\nSet-Cookie: b=2\n" \
	"Retrysafe-TTL: 1h\n\nhello"

static enum err parse_response(void)
{
	struct cgi_response res = {.head = UNTOUCHED};
	enum err e;

	memory_on();
	e = cgi_response_parse(OUTPUT, sizeof(OUTPUT) - 1, sizeof(OUTPUT) - 1, 0, &res);
	memory_off();
	if (e != OK) {
		keeps(res.head == UNTOUCHED, "the response is not set");
		return e;
	}
	keeps(strlen(res.head) == res.head_len && strstr(res.head, "b=2\r\n") != NULL,
		"the header is whole");
	cgi_response_free(&res);
	return OK;
}

/* A header that is longer than what open_memstream(3) begins with. */
static enum err parse_long_response(void)
{
	static char out[40000];
	struct cgi_response res = {.head = UNTOUCHED};
	int n = snprintf(out, sizeof(out), "Content-Type: text/plain\n");
	enum err e;

	for (int i = 0; i < 400; i++)
		n += snprintf(out + n, sizeof(out) - (size_t)n, "X-%d: %060d\n", i, i);
	n += snprintf(out + n, sizeof(out) - (size_t)n, "\n");
	memory_on();
	e = cgi_response_parse(out, (size_t)n, n, 0, &res);
	memory_off();
	if (e != OK) {
		keeps(res.head == UNTOUCHED, "the response is not set");
		return e;
	}
	keeps(strlen(res.head) == res.head_len && strstr(res.head, "\r\nX-399: ") != NULL,
		"the header is whole");
	cgi_response_free(&res);
	return OK;
}

static enum err build(bool prefers_html, const char *docs_url)
{
	struct problem_facts facts = {.problem = PROBLEM_IN_PROGRESS,
		.detail = "the first request is being carried out",
		.ref = "00112233445566778899aabbccddeeff",
		.operation_state = "running",
		.retry_after_s = 1,
		.location = "/x?_operation=00112233445566778899aabbccddeeff",
		.applied = "respond-async",
		.docs_url = docs_url,
		.prefers_html = prefers_html};
	struct problem_answer answer = {.head = UNTOUCHED};
	enum err e;

	memory_on();
	e = problem_build(&facts, &answer);
	memory_off();
	if (e != OK) {
		keeps(answer.head == UNTOUCHED, "the answer is not set");
		return e;
	}
	keeps(strlen(answer.head) == answer.head_len && strlen(answer.body) == answer.body_len &&
			strstr(answer.head, "rel=\"describedby\"\r\n") != NULL &&
			strstr(answer.body, prefers_html ? "</html>" : "new_key_is_safe") &&
			strstr(answer.body, "_operation=0011") != NULL,
		"the answer is whole");
	problem_answer_free(&answer);
	return OK;
}

#define DOCS "https://example.org/docs"

static enum err build_document(void)
{
	return build(false, DOCS);
}

static enum err build_page(void)
{
	return build(true, DOCS);
}

/* Longer than what open_memstream(3) begins with. */
static enum err build_long_page(void)
{
	static char url[10000];

	memset(url, 'x', sizeof(url) - 1);
	memcpy(url, DOCS, sizeof(DOCS) - 1);
	return build(true, url);
}

static struct record_policy policy = {
	.ttl_ms = 1000, .tombstone_ms = 1000, .max_response_bytes = 1 << 20};

static enum err make_response(void)
{
	struct ending end = ENDING_NONE;
	struct recorded out = RECORDED_NONE;
	enum err e;

	end.output_fd = memory_file(OUTPUT);
	end.output_len = sizeof(OUTPUT) - 1;
	memory_on();
	e = record_response(&end, &policy, dir, &out);
	memory_off();
	if (e == OK) {
		keeps(out.res.body_len == 5 && memcmp(out.res.body, "hello", 5) == 0,
			"the response is whole");
	}
	recorded_free(&out);
	ending_free(&end);
	return e;
}

/* ---- results and orders ---- */

static enum err keep_result(void)
{
	const struct operation op = {.id = 1, .nonce = 2};
	const struct record_policy how = {.ttl_ms = 1000};
	struct operation owner;
	struct record_policy found_how;
	struct ending end = {.output_fd = memory_file(OUTPUT), .output_len = sizeof(OUTPUT) - 1};
	struct ending found = ENDING_NONE;
	enum err e;

	memory_on();
	e = saved_result_write(dir, &op, &how, &end);
	if (e == OK)
		e = saved_result_read(dir, &op, &owner, &found_how, &found);
	saved_result_remove(dir, &op);
	memory_off();
	keeps(found.output_len == end.output_len, "it is read back");
	ending_free(&end);
	ending_free(&found);
	return e;
}

static enum err write_spool(void)
{
	static char piece[SPOOL_MEMORY_MAX];
	struct spool s = SPOOL_CLOSED;
	enum err e;

	memory_on();
	e = spool_open(&s);
	for (int i = 0; i < 2 && e == OK; i++)
		e = spool_write(&s, dir, piece, sizeof(piece));
	if (e == OK)
		e = spool_rewind(&s);
	memory_off();
	keeps(s.is_on_disk, "it has moved to the disk");
	spool_close(&s);
	return e;
}

static enum err unpack_order(void)
{
	static const char *const words[] = {"one", "two", "three", NULL};
	struct order_strings s = {.dir = "/d",
		.url = "sqlite:/s",
		.spool = "/spool",
		.argv = (char **)(uintptr_t)words,
		.env = (char **)(uintptr_t)words};
	static _Alignas(struct order) char buf[4096];
	struct order o = {.kind = MESSAGE_ORDER};
	struct order_strings out;
	size_t len = protocol_pack(&o, &s, NULL);
	int why;

	protocol_pack(&o, &s, buf);
	memory_on();
	why = protocol_unpack((const struct order *)(const void *)buf, len, &out);
	memory_off();
	keeps(why != 0 || strcmp(out.argv[2], "three") == 0, "the strings are there");
	free(out.argv);
	free(out.env);
	return why == 0 ? OK : why == ENOMEM ? ERR_NOMEM : ERR_INVALID;
}

/* ---- log lines ---- */

static char line[2000];

static void take_line(void *arg, const char *text, size_t len)
{
	(void)arg;
	snprintf(line, sizeof(line), "%.*s", (int)len, text);
}

/* A line is written whole, or not at all. */
static enum err write_line(void)
{
	static const struct log_request r = {.ref = "0011",
		.route = "/x",
		.outcome = "first",
		.status = 200,
		.claim_us = 1000,
		.run_us = 2000,
		.record_us = -1,
		.exit_status = -1,
		.detail = "d"};

	*line = '\0';
	memory_on();
	log_request(&r, take_line, NULL);
	memory_off();
	if (!*line)
		return ERR_NOMEM;
	keeps(strstr(line, "first") != NULL && strstr(line, "null") != NULL &&
			strstr(line, "}\n") != NULL,
		"it is a whole line");
	return OK;
}

static enum err write_text_line(void)
{
	static const struct log_request r = {
		.outcome = "first", .claim_us = -1, .run_us = -1, .record_us = -1};

	*line = '\0';
	memory_on();
	log_request(&r, take_line, NULL);
	memory_off();
	keeps(strstr(line, "outcome=first") != NULL, "the line is there");
	return OK;
}

static enum err write_message(void)
{
	int before = dup(2), fd = memfd_create("log", MFD_CLOEXEC);
	off_t len;

	dup2(fd, 2);
	memory_on();
	log_warn("a %s", "warning");
	memory_off();
	dup2(before, 2);
	close(before);
	len = lseek(fd, 0, SEEK_END);
	close(fd);
	return len > 0 ? OK : ERR_NOMEM;
}

/* ---- scripts ---- */

static enum err open_script(void)
{
	static char *const interpreter[] = {(char *)(uintptr_t) "/usr/bin/perl", NULL};
	struct route route = {.interpreter = (strings)(uintptr_t)interpreter};
	struct config cf = {0};
	enum script_problem problem;
	struct script s;
	char file[64];
	enum err e;

	snprintf(file, sizeof(file), "%s/x.pl", dir);
	memset(&s, 0, sizeof(s));
	memory_on();
	e = script_open(file, &cf, &route, &s, &problem);
	memory_off();
	if (e == OK) {
		keeps(strcmp(s.argv[1], file) == 0, "the command is whole");
		script_free(&s);
	}
	return e;
}

static int remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

int main(void)
{
	if (!mkdtemp(dir) || chdir(dir) != 0)
		return 111;
	write_file("c.json", SETTINGS);
	write_file("control.pl", CONTROL);
	write_file("bad.json", "{\"routes\": [{\"match\": \"*\", \"ttl\": [\"x\", 1]}]}");
	write_file("x.pl", "#!/usr/bin/perl\n");
	chmod("x.pl", 0755);
	write_file("retrysafe.json", SETTINGS);
	unsetenv("RETRYSAFE_CONFIG");

	memory_try("a configuration", load_settings, 0);
	memory_try("a control file", load_control, 0);
	memory_try("a configuration with a mistake", load_mistake, 0);
	memory_try("where the configuration is", find_file, 0);
	memory_none("forms", read_form);
	memory_none("key, preferences, webhook", read_fields);
	memory_try("a JSON body", load_document, 0);
	memory_try("a digest of JSON", digest_document, 2);
	memory_try("fingerprint and natural key of JSON", digest_json, 0);
	memory_try("fingerprint and natural key of a form", digest_form, 0);
	memory_try("variables", take_variables, 0);
	memory_try("setting variables", set_variables, 0);
	memory_try("a copy of variables", copy_variables, 0);
	memory_try("a response", parse_response, 0);
	memory_try("a long response", parse_long_response, 0);
	memory_try("a problem document", build_document, 0);
	memory_try("a problem page", build_page, 0);
	memory_try("a long problem page", build_long_page, 0);
	memory_try("a response to record", make_response, 0);
	memory_none("a kept result", keep_result);
	memory_none("a spool", write_spool);
	memory_try("an order", unpack_order, 0);
	memory_none("a line of the log", write_text_line);
	log_format(LOG_JSON);
	memory_try("a line of the log as JSON", write_line, 0);
	memory_try("a message as JSON", write_message, 0);
	memory_try("a script", open_script, 0);

	if (chdir("/") == 0)
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	return done_testing();
}
