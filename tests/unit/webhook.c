/* SPDX-License-Identifier: ISC */
/* Claim: only URLs that the operator's words allow, in no other reading, are told; private
 * addresses are known in every form; signatures are RFC 2104's; pauses grow and stay below an hour.
 */
#include "../../src/http/webhook_url.c"
#include "../../src/notify/address.c"
#include "../../src/notify/message.c"

#include "config/config.h"
#include "store/outbox.h"
#include "tap.h"

#include <stdlib.h>

/* ---- which URL ---- */

static char own[] = "http://own/";
static char entries[][32] = {"https://hooks.example.org/in/", "http://127.0.0.1:8080/",
	"HTTP://LocalHost/x", "http://[::1]:81/", "http://127.1/", "https://q.example?a=/"};
static char *allow[] = {
	entries[0], entries[1], entries[2], entries[3], entries[4], entries[5], NULL};

/* What becomes of a client's URL: "no", "yes" or "trusted". */
static const char *chosen(const char *url)
{
	struct route route = {.webhook = own, .webhook_allow = allow};
	bool is_trusted = false;
	const char *got = NULL;
	enum err e = webhook_url_choose(route.webhook, route.webhook_allow, url, &got, &is_trusted);

	if (e == ERR_REFUSED)
		return strstr(err_text(), "example") ? "it is quoted" : "no";
	if (e != OK || got != url)
		return "wrong";
	return is_trusted ? "trusted" : "yes";
}

static void choose(void)
{
	static const struct {
		const char *url, *want;
	} cases[] = {
		{"https://hooks.example.org/in/", "yes"},
		{"https://hooks.example.org/in/a/b?c=/../d", "yes"},
		{"HTTPS://Hooks.Example.ORG/in/a", "yes"},
		{"https://hooks.example.org/IN/a", "no"},
		{"https://hooks.example.org/in", "no"},
		{"http://hooks.example.org/in/", "no"},
		{"https://hooks.example.org:444/in/", "no"},
		{"https://hooks.example.org.evil/in/", "no"},
		{"https://hooks.example.orgevil/in/", "no"},
		{"https://evil@hooks.example.org/in/", "no"},
		{"https://hooks.example.org@evil/in/", "no"},
		{"https://hooks.example.org\\@evil/in/", "no"},
		{"https://evil/https://hooks.example.org/in/", "no"},
		{"https://hooks.example.org/in/#f", "no"},
		{"https://hooks.example.org/in/..", "no"},
		{"https://hooks.example.org/in/../a", "no"},
		{"https://hooks.example.org/in/./a", "no"},
		{"https://hooks.example.org/in/.", "no"},
		{"https://hooks.example.org/in/%2e%2E/a", "no"},
		{"https://hooks.example.org/in/.%2e", "no"},
		{"https://hooks.example.org/in/%2E/a", "no"},
		{"https://hooks.example.org/in/..%2fa", "no"},
		{"https://hooks.example.org/in/a%2F..%2fb", "no"},
		{"https://hooks.example.org/in/..\\a", "no"},
		{"https://hooks.example.org/in/..%5Ca", "no"},
		{"https://hooks.example.org/in/..;a/b", "no"},
		{"https://hooks.example.org/in/..%3Ba", "no"},
		{"https://hooks.example.org/in/...", "yes"},
		{"https://hooks.example.org/in/a..", "yes"},
		{"https://hooks.example.org/in/..a", "yes"},
		{"https://hooks.example.org/in/.well-known/%41", "yes"},
		{"https://hooks.example.org/in//a", "yes"},
		{"https://hooks.example.org/in/a b", "no"},
		{"https://hooks.example.org/in/a\tb", "no"},
		{"https://hooks.example.org/in/\xc3\xa4", "no"},
		{"https://hooks.example.org/in/, https://hooks.example.org/in/", "no"},
		{"ftp://hooks.example.org/in/", "no"},
		{"//hooks.example.org/in/", "no"},
		{"https:///in/", "no"},
		{"https://", "no"},
		{"/in/", "no"},
		{"", "no"},
		{"http://127.0.0.1:8080/x", "trusted"},
		{"http://127.0.0.1/x", "no"},
		{"http://LOCALHOST/xy", "trusted"},
		{"http://[::1]:81/", "trusted"},
		{"http://127.1/", "yes"},
		{"https://q.example?a=/b", "yes"},
		{"https://q.example/?a=/b", "no"},
	};
	struct route route = {.webhook = own};
	char longest[WEBHOOK_URL_MAX + 2] = "https://hooks.example.org/in/";
	const char *url = NULL;
	bool is_trusted = false;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_str(chosen(cases[i].url), cases[i].want, "\"%s\": %s", cases[i].url,
			cases[i].want);
	memset(longest + strlen(longest), 'a', sizeof(longest) - 1 - strlen(longest));
	is_str(chosen(longest), "no", "2001 bytes");
	longest[WEBHOOK_URL_MAX] = '\0';
	is_str(chosen(longest), "yes", "2000 bytes");

	ok(webhook_url_choose(route.webhook, route.webhook_allow, NULL, &url, &is_trusted) == OK &&
			url == route.webhook && is_trusted,
		"none: the route's own, which is trusted");
	is_int(webhook_url_choose(
		       route.webhook, route.webhook_allow, "http://own/", &url, &is_trusted),
		ERR_REFUSED, "a client's, where none is allowed");
	route.webhook = NULL;
	ok(webhook_url_choose(route.webhook, route.webhook_allow, NULL, &url, &is_trusted) == OK &&
			!url,
		"none at all: no URL");
}

static const char *shown(const char *url)
{
	static char out[64];

	webhook_url_shown(url, out, sizeof(out));
	return out;
}

static void show(void)
{
	is_str(shown("https://u:p@h.example:1/a/b?c=d#e"), "https://h.example:1/a/b",
		"neither user nor query nor fragment is shown");
	is_str(shown("http://u@v@h?x@/y"), "http://h", "whatever they contain");
	is_int((long long)strlen(shown("http://h/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				       "aaaaaaaaaaaaaaaaaaa")),
		63, "a long one is cut");
}

/* ---- addresses ---- */

static bool is_private(const char *text)
{
	struct sockaddr_storage address = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&address;

	in->sin_family = AF_INET;
	if (inet_pton(AF_INET, text, &in->sin_addr) != 1) {
		in6->sin6_family = AF_INET6;
		if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
			ok(0, "%s is no address", text);
	}
	return notify_address_is_private((const struct sockaddr *)&address);
}

static void addresses(void)
{
	static const char *const private[] = {"0.0.0.0", "0.255.255.255", "10.0.0.0",
		"10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1", "127.255.255.255",
		"169.254.0.0", "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.8",
		"192.168.0.0", "192.168.255.255", "198.18.0.1", "198.19.255.255", "224.0.0.1",
		"239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:172.31.255.255",
		"::ffff:169.254.169.254", "::ffff:0.0.0.0", "64:ff9b::7f00:1", "64:ff9b::808:808",
		"64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "fc00::1",
		"fdff:ffff::1", "fe80::1", "febf::1", "fec0::1", "ff02::1"};
	static const char *const public[] = {"1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0",
		"100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255",
		"169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "223.255.255.255", "::ffff:8.8.8.8",
		"::ffff:172.32.0.0", "2001:4860:4860::8888", "2606:4700::1111", "2a00::1",
		"64:ff9a::1", "fbff::1"};
	struct sockaddr other = {.sa_family = AF_UNIX};

	for (size_t i = 0; i < sizeof(private) / sizeof(*private); i++)
		ok(is_private(private[i]), "%s is private", private[i]);
	for (size_t i = 0; i < sizeof(public) / sizeof(*public); i++)
		ok(!is_private(public[i]), "%s is not", public[i]);
	ok(notify_address_is_private(&other), "another family is");
}

/* ---- messages ---- */

static const char *mac(const char *key, size_t key_len, const char *text, const char *rest)
{
	static char hex[2 * DIGEST_LEN + 1];
	unsigned char out[DIGEST_LEN];

	authenticate((const unsigned char *)key, key_len, text, rest, out);
	hex_text(out, sizeof(out), hex);
	return hex;
}

/* RFC 4231, 4.2 to 4.5: the keys that are no longer than ours. */
static void signatures(void)
{
	static const char key4[] =
		"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
		"\x11\x12\x13\x14\x15\x16\x17\x18\x19";
	char key[21], data[51], text[NOTIFY_SIGNATURE_MAX], want[NOTIFY_SIGNATURE_MAX];
	unsigned char secret[NOTIFY_SECRET_LEN];

	memset(key, 0x0b, 20);
	is_str(mac(key, 20, "", "Hi There"),
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
		"RFC 4231, case 1");
	is_str(mac("Jefe", 4, "what do ya ", "want for nothing?"),
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		"case 2, in two pieces");
	memset(key, 0xaa, 20);
	memset(data, 0xdd, 50);
	data[50] = '\0';
	is_str(mac(key, 20, data, ""),
		"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe", "case 3");
	memset(data, 0xcd, 50);
	is_str(mac(key4, 25, data, ""),
		"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b", "case 4");

	memset(secret, 7, sizeof(secret));
	notify_sign(secret, 1700000000, "{}", text);
	snprintf(want, sizeof(want), "t=1700000000,v1=%s",
		mac((const char *)secret, sizeof(secret), "1700000000.{}", ""));
	is_str(text, want, "a signature is of time and body");
}

static void bodies(void)
{
	struct message m = {.id = 7,
		.ref = "0123456789abcdef0123456789abcdef",
		.route = "/cgi-bin/\"order\".pl",
		.state = STATE_DONE,
		.status = 201,
		.bytes = 30,
		.attempts = 2,
		.created_ms = 1700000000123,
		.updated_ms = 1700000001000};
	char *body = notify_body(&m);

	is_str(body,
		"{\"message\":\"0123456789abcdef0123456789abcdef-7\","
		"\"operation\":\"0123456789abcdef0123456789abcdef\",\"operation_state\":\"done\","
		"\"route\":\"/cgi-bin/\\\"order\\\".pl\",\"status\":201,\"bytes\":30,\"attempts\":"
		"2,\"created\":\"2023-11-14T22:13:20.123Z\",\"updated\":\"2023-11-14T22:13:21."
		"000Z\"}",
		"a summary");
	free(body);
	m.status = 0;
	m.state = STATE_UNCERTAIN;
	snprintf(m.route, sizeof(m.route), "/\xff");
	body = notify_body(&m);
	ok(body && strstr(body, "\"operation_state\":\"uncertain\",\"route\":null,\"status\":null,"
				"\"bytes\":null,"),
		"without a response; a route that is not UTF-8");
	free(body);
}

static void pauses(void)
{
	is_int(notify_pause_ms(1, 0, 0), 1, "at least a moment");
	is_int(notify_pause_ms(1, 999, 0), 1000, "after the first try up to a second");
	is_int(notify_pause_ms(1, 1000, 0), 1, "and not more");
	is_int(notify_pause_ms(3, 3999, 0), 4000, "after the third up to four");
	is_int(notify_pause_ms(12, 2047999, 0), 2048000, "and so on");
	is_int(notify_pause_ms(13, 3599999, 0), 3600000, "up to an hour");
	is_int(notify_pause_ms(1000000, 3599999, 0), 3600000, "for ever");
	is_int(notify_pause_ms(1000000, 3600000, 0), 1, "with full jitter");
	is_int(notify_pause_ms(1, 5, 30), 30000, "as long as the receiver asks for");
	is_int(notify_pause_ms(6, 31000, 30), 31001, "or longer");
	is_int(notify_pause_ms(1, 5, INT64_MAX), 3600000, "but not over an hour");
}

int main(void)
{
	choose();
	show();
	addresses();
	signatures();
	bodies();
	pauses();
	return done_testing();
}
