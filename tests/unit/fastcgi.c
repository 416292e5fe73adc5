/* SPDX-License-Identifier: ISC */
/*
 * Claims: what records mean does not depend on where their bytes are cut; parameters and body end
 * with their empty record alone; management records are answered; one request at a time; memory is
 * bounded by what is held, not by what is announced.
 */
#include "../../src/cgi/fastcgi.c"

#include "../tap.h"

#include <stdarg.h>
#include <stdio.h>

struct bytes {
	unsigned char data[400000];
	size_t len;
};

static void add(struct bytes *b, const void *data, size_t len)
{
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static void add_record(
	struct bytes *b, int type, int id, const void *content, size_t len, int padding)
{
	unsigned char head[8] = {1, (unsigned char)type, (unsigned char)(id >> 8),
		(unsigned char)id, (unsigned char)(len >> 8), (unsigned char)len,
		(unsigned char)padding, 0};

	add(b, head, sizeof(head));
	add(b, content, len);
	memset(b->data + b->len, 'p', (size_t)padding);
	b->len += (size_t)padding;
}

/* The records of a transcript: "B1 P1:\4\1NAMEx P1: S1:body S1:", where
 * B begins (K with KEEP_CONN, A as authorizer), P is PARAMS, S is STDIN, X is ABORT, D is DATA, G
 * is GET_VALUES, U is of an unknown type; a digit is the request's number. */
static void add_text(struct bytes *b, const char *text, int padding)
{
	while (*text) {
		static const char letters[] = "BXEPSooDG";
		unsigned char begin[8] = {0, 1, 0, 0, 0, 0, 0, 0};
		const char *end = strchr(text, ' ');
		size_t len = end ? (size_t)(end - text) : strlen(text);
		const char *letter = strchr(letters, *text);
		int id = text[1] - '0';

		if (strchr("BKA", *text)) {
			begin[1] = *text == 'A' ? FCGI_AUTHORIZER : FCGI_RESPONDER;
			begin[2] = *text == 'K';
			add_record(b, FCGI_BEGIN_REQUEST, id, begin, 8, padding);
		} else {
			add_record(b, letter ? (int)(letter - letters) + 1 : 77, id,
				len > 3 ? text + 3 : "", len > 3 ? len - 3 : 0, padding);
		}
		text += len + (end != NULL);
	}
}

__attribute__((format(printf, 2, 3))) static void say(char *out, const char *format, ...)
{
	va_list args;
	size_t len = strlen(out);

	va_start(args, format);
	vsnprintf(out + len, 4000 - len, format, args);
	va_end(args);
}

static void say_answer(char *out, const struct fastcgi_reader *r)
{
	say(out, "answer %d/%d:", r->answer[1], r->answer[3]);
	for (size_t i = 8; i < r->answer_len; i++)
		say(out, r->answer[i] > ' ' ? "%c" : "%d", r->answer[i]);
	say(out, " ");
}

/* Reads the bytes in pieces of n, and writes down what came of it. */
static void read_all(const struct bytes *b, size_t n, char out[4000])
{
	struct fastcgi_reader r;
	enum fastcgi_event event = FASTCGI_MORE;
	bool in_body = false;

	fastcgi_init(&r);
	out[0] = '\0';
	for (size_t at = 0; at < b->len && event != FASTCGI_BROKEN; at += n) {
		const unsigned char *in = b->data + at;
		size_t left = b->len - at < n ? b->len - at : n;

		while ((event = fastcgi_read(&r, &in, &left)) != FASTCGI_MORE &&
			event != FASTCGI_BROKEN) {
			if (in_body && event != FASTCGI_BODY)
				say(out, "> ");
			if (event == FASTCGI_REQUEST) {
				say(out, "request %d%s%s%s(", r.request.id,
					r.request.may_keep ? " keep" : "",
					r.request.has_nul ? " nul" : "",
					r.request.is_too_long ? " long" : "");
				for (char *const *p = fastcgi_params(&r); *p; p++)
					say(out, "%s%s", p == fastcgi_params(&r) ? "" : ",", *p);
				say(out, ") ");
			} else if (event == FASTCGI_BODY) {
				say(out, "%s%.*s", in_body ? "" : "<", (int)r.len,
					(const char *)r.data);
			} else if (event == FASTCGI_ANSWER) {
				say_answer(out, &r);
			} else {
				say(out, event == FASTCGI_BODY_END ? "end " : "abort ");
				fastcgi_finish(&r);
			}
			in_body = event == FASTCGI_BODY;
		}
	}
	if (event == FASTCGI_BROKEN)
		say(out, "%sbroken: %s", in_body ? "> " : "", r.mistake);
	else
		say(out, "%s", fastcgi_is_idle(&r) ? "idle" : "open");
	fastcgi_free(&r);
}

static void gives(const char *text, const char *want, const char *claim)
{
	static struct bytes b;
	char got[4000];

	for (int padding = 0; padding < 8; padding += 7) {
		bool same = true;

		b.len = 0;
		add_text(&b, text, padding);
		read_all(&b, b.len, got);
		is_str(got, want, "%s", claim);
		for (size_t n = 1; n < b.len; n++) {
			read_all(&b, n, got);
			same = same && strcmp(got, want) == 0;
		}
		ok(same, "... cut at any byte, padding %d", padding);
	}
}

#define PARAM "P1:\4\1NAMEx"

static void test_requests(void)
{
	gives("B1 " PARAM " P1: S1:body S1:", "request 1(NAME=x) <body> end idle", "a request");
	gives("K1 " PARAM " P1: S1:", "request 1 keep(NAME=x) end idle",
		"one that keeps its connection");
	gives("B1 P1:\4\1NA P1:MEx\1 P1:\0011 P1:2 P1: S1:a S1:b S1:",
		"request 1(NAME=x,1=2) <ab> end idle", "pairs that go on in the next record");
	gives("B1 P1:\2\001AA1\4\3NAMEabc P1: S1:", "request 1(AA=1,NAME=abc) end idle",
		"two pairs");
	gives("B1 " PARAM, "open", "parameters without their end");
	gives("B1 " PARAM " P1: S1:body", "request 1(NAME=x) <bodyopen", "a body without its end");
	gives("B1 P1:\4\1NAME P1:", "broken: a parameter breaks off", "a pair that breaks off");
	gives("B1 P1:\4 P1:", "broken: a parameter breaks off", "a length that breaks off");
	gives("B1 " PARAM " P1: S1: B2 P2: S2:z S2:",
		"request 1(NAME=x) end request 2() <z> end idle", "one after the other");
	gives("B1 " PARAM " P1: S1: S1: X1 P1: B2 P2: S2:",
		"request 1(NAME=x) end request 2() end idle",
		"records of a request that is over are skipped");
}

static void test_order(void)
{
	gives("P1:a S1:x D3:y X1", "idle", "records of no request are skipped");
	gives("B1 S1:x", "broken: a record of a request comes out of order",
		"a body before the parameters' end");
	gives("B1 P1: P1:", "request 1() broken: a record of a request comes out of order",
		"parameters behind their end");
	gives("B1 B1", "broken: a record of a request comes out of order",
		"a request that begins twice");
	gives("B1 B2 " PARAM " S2:no P1: S1:yes S1:",
		"answer 3/2:00001000 request 1(NAME=x) <yes> end idle",
		"a second one beside the first");
	gives("B1 P1: S1:bo D1:data S1:dy S1:", "request 1() <body> end idle",
		"FCGI_DATA is skipped");
	gives("B1 P1: S1:bo X1", "request 1() <bo> abort idle", "ABORT in the body");
	gives("B1 " PARAM " X1 B2 P2: S2:",
		"answer 3/1:00000000 broken: its request was not for a responder, or given up",
		"ABORT in the parameters");
	gives("K1 " PARAM " X1 B2 P2: S2:", "answer 3/1:00000000 request 2() end idle",
		"... of a kept connection");
	gives("A1 P1: S1:",
		"answer 3/1:00003000 broken: its request was not for a responder, or given up",
		"an authorizer");
}

/* Records that belong to no request are answered, but not for ever. */
static void test_flood(void)
{
	static struct bytes b;
	struct fastcgi_reader r;
	const unsigned char *in = b.data;
	enum fastcgi_event event;
	int n_answers = 0;
	size_t n;

	b.len = 0;
	for (int i = 0; i < 2000; i++)
		add_record(&b, 77, 0, "", 0, 0);
	fastcgi_init(&r);
	for (n = b.len; (event = fastcgi_read(&r, &in, &n)) == FASTCGI_ANSWER;)
		n_answers++;
	is_int(event, FASTCGI_BROKEN, "a flood of them");
	is_int(n_answers, FASTCGI_IDLE_RECORDS_MAX, "ends after so many");
}

static void test_management(void)
{
	static struct bytes b;
	char got[4000];

	gives("G0:\016 B1", "broken: a value's name breaks off", "a name that breaks off");
	gives("U0:what B1 U0 P1: S1:",
		"answer 11/0:M0000000 answer 11/0:M0000000 request 1() end idle",
		"an unknown type, also within a request");
	b.len = 0;
	add_record(
		&b, FCGI_GET_VALUES, 0, "\016\0FCGI_MAX_CONNS\017\0FCGI_MPXS_CONNS\001\0X", 36, 3);
	read_all(&b, 7, got);
	is_str(got, "answer 10/0:143FCGI_MAX_CONNS512151FCGI_MPXS_CONNS0 idle",
		"values that are asked for");
	b.len = 0;
	for (int i = 0; i < 8; i++)
		add(&b, "\016\0FCGI_MAX_CONNS", 16);
	memmove(b.data + 8, b.data, 128);
	memcpy(b.data, "\1\x9\0\0\0\x80\0\0", 8);
	b.len = 136;
	read_all(&b, 136, got);
	is_str(got, "answer 10/0:143FCGI_MAX_CONNS512 idle", "one value eight times");
	test_flood();
}

/* A pair with announced lengths, and only the first of its bytes. */
static void test_lengths(void)
{
	static struct bytes b;
	static unsigned char big[60000];
	char got[4000];
	struct fastcgi_reader r;
	const unsigned char *in = b.data;
	size_t n;

	b.len = 0;
	add_text(&b, "B1", 0);
	add_record(&b, FCGI_PARAMS, 1, "\x84\xff\xff\xff\xff\xff\xff\xffNAME", 12, 0);
	add_record(&b, FCGI_PARAMS, 1, "\1\1a1", 4, 0);
	add_record(&b, FCGI_PARAMS, 1, "", 0, 0);
	read_all(&b, b.len, got);
	is_str(got, "broken: a parameter breaks off", "two lengths of 2 GiB");

	b.len = 0;
	add_text(&b, "B1", 0);
	add_record(&b, FCGI_PARAMS, 1, "\1\x84\x00\x01\xd4\xc0", 6, 0); /* 64 MiB and 120,000 */
	for (int i = 0; i < 3; i++)
		add_record(&b, FCGI_PARAMS, 1, big, sizeof(big), 0);
	fastcgi_init(&r);
	n = b.len;
	is_int(fastcgi_read(&r, &in, &n), FASTCGI_MORE, "a value that is too long");
	ok(r.request.is_too_long, "is seen");
	ok(r.bytes_room <= 2 * FASTCGI_PARAMS_BYTES_MAX, "and held in %zu bytes", r.bytes_room);
	fastcgi_free(&r);

	b.len = 0;
	add_text(&b, "B1", 0);
	for (int i = 0; i < 1100; i++)
		add_record(&b, FCGI_PARAMS, 1, "\1\1a1", 4, 0);
	add_text(&b, "P1: S1:", 0);
	fastcgi_init(&r);
	in = b.data;
	n = b.len;
	is_int(fastcgi_read(&r, &in, &n), FASTCGI_REQUEST, "1,100 parameters");
	ok(r.request.is_too_long && r.n_params == FASTCGI_PARAMS_MAX, "are too many");
	fastcgi_free(&r);

	b.len = 0;
	add_text(&b, "B1", 0);
	add_record(&b, FCGI_PARAMS, 1, "\1\3ax\0y\1\1b2", 10, 0);
	add_text(&b, "P1: S1:", 0);
	read_all(&b, 3, got);
	ok(strstr(got, "request 1 nul(") != NULL, "a NUL is seen: %s", got);
}

/* The body read past the reader, in pieces of 3. */
static void test_body_past(void)
{
	static struct bytes b;
	struct fastcgi_reader r;
	const unsigned char *in = b.data;
	size_t n;

	b.len = 0;
	add_text(&b, "B1 P1: S1:0123456789 S1:", 5);
	fastcgi_init(&r);
	n = b.len - 8 - 5 - 10 - 5; /* up to the content of the body's record */
	is_int(fastcgi_read(&r, &in, &n), FASTCGI_REQUEST, "a request");
	is_int(fastcgi_read(&r, &in, &n), FASTCGI_MORE, "the head of a record");
	is_int((int64_t)fastcgi_body_left(&r), 10, "announces its body");
	fastcgi_body_taken(&r, 7);
	is_int((int64_t)fastcgi_body_left(&r), 3, "and what is left of it");
	in += 7;
	n = 3 + 5 + 8 + 5;
	is_int(fastcgi_read(&r, &in, &n), FASTCGI_BODY, "the rest");
	is_int((int64_t)r.len, 3, "of three bytes");
	is_int(fastcgi_read(&r, &in, &n), FASTCGI_BODY_END, "and the end");
	is_int((int64_t)n, 0, "with its padding");
	fastcgi_free(&r);
}

int main(void)
{
	test_requests();
	test_order();
	test_management();
	test_lengths();
	test_body_past();
	return done_testing();
}
