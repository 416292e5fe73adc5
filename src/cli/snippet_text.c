/* SPDX-License-Identifier: ISC */
/*
 * cli/snippet_text.c - the table of wirings, and their texts, which are the files of conf/snippets/
 *
 * The assembler takes the files in as they are, so that no copy of them can differ.
 *
 * RULES
 *   (1) Each text says what the complete server in conf/ says for that wiring (t19-snippet).
 *
 * Does not know: paths.
 */
#include "cli/snippet.h"

#include <string.h>

#define SYSTEMD_SOCKET "/run/retrysafe/gateway.sock" /* of conf/retrysafe.socket */

#define TEXT(symbol, file)                                                                        \
	__asm__(".pushsection .rodata\n" #symbol ": .incbin \"conf/snippets/" file "\"\n" #symbol \
		"_end: .byte 0\n"                                                                 \
		".popsection\n")

TEXT(snippet_lighttpd_spawned, "lighttpd-spawned");
TEXT(snippet_lighttpd_socket, "lighttpd-socket");
TEXT(snippet_lighttpd_cgi, "lighttpd-cgi");
TEXT(snippet_apache_fcgid, "apache-fcgid");
TEXT(snippet_apache_proxy, "apache-proxy");
TEXT(snippet_apache_proxypass, "apache-proxypass");
TEXT(snippet_apache_action, "apache-action");
TEXT(snippet_htaccess_fcgid, "htaccess-fcgid");
TEXT(snippet_htaccess_suexec, "htaccess-suexec");
TEXT(snippet_htaccess_action, "htaccess-action");
TEXT(snippet_nginx, "nginx");
TEXT(snippet_control_file, "control-file");

#pragma GCC visibility push(hidden) /* so that they are found without a relocation */
extern const char snippet_lighttpd_spawned[], snippet_lighttpd_spawned_end[];
extern const char snippet_lighttpd_socket[], snippet_lighttpd_socket_end[];
extern const char snippet_lighttpd_cgi[], snippet_lighttpd_cgi_end[];
extern const char snippet_apache_fcgid[], snippet_apache_fcgid_end[];
extern const char snippet_apache_proxy[], snippet_apache_proxy_end[];
extern const char snippet_apache_proxypass[], snippet_apache_proxypass_end[];
extern const char snippet_apache_action[], snippet_apache_action_end[];
extern const char snippet_htaccess_fcgid[], snippet_htaccess_fcgid_end[];
extern const char snippet_htaccess_suexec[], snippet_htaccess_suexec_end[];
extern const char snippet_htaccess_action[], snippet_htaccess_action_end[];
extern const char snippet_nginx[], snippet_nginx_end[];
extern const char snippet_control_file[], snippet_control_file_end[];
#pragma GCC visibility pop

#define OF(symbol) symbol, symbol##_end

static const struct wiring wirings[] = {
	{"lighttpd-spawned", "lighttpd starts the gateway; the best choice for lighttpd",
		OF(snippet_lighttpd_spawned), "/run/lighttpd/retrysafe.sock"},
	{"lighttpd-socket", "lighttpd, the gateway runs on its own", OF(snippet_lighttpd_socket),
		SYSTEMD_SOCKET},
	{"lighttpd-cgi", "lighttpd, plain CGI: one process a request", OF(snippet_lighttpd_cgi),
		NULL},
	{"apache-fcgid", "Apache, mod_fcgid starts the gateway; the best choice for Apache",
		OF(snippet_apache_fcgid), NULL},
	{"apache-proxy", "Apache, mod_proxy_fcgi, the gateway runs on its own",
		OF(snippet_apache_proxy), SYSTEMD_SOCKET},
	{"apache-proxypass", "Apache, mod_proxy_fcgi by URL instead of by file",
		OF(snippet_apache_proxypass), SYSTEMD_SOCKET},
	{"apache-action", "Apache, plain CGI by an Action: one process a request",
		OF(snippet_apache_action), NULL},
	{"htaccess-fcgid", "no root: .htaccess where Apache has mod_fcgid",
		OF(snippet_htaccess_fcgid), NULL},
	{"htaccess-suexec", "no root: .htaccess where scripts run as your account (suEXEC)",
		OF(snippet_htaccess_suexec), NULL},
	{"htaccess-action", "no root: .htaccess where Apache has plain CGI",
		OF(snippet_htaccess_action), NULL},
	{"nginx", "nginx, the gateway runs on its own", OF(snippet_nginx), SYSTEMD_SOCKET},
	{"control-file", "no root: a CGI program in place of one script, on any server",
		OF(snippet_control_file), NULL},
};

const struct wiring *snippet_wirings(size_t *n)
{
	*n = sizeof(wirings) / sizeof(wirings[0]);
	return wirings;
}

const struct wiring *snippet_find(const char *name)
{
	for (size_t i = 0; i < sizeof(wirings) / sizeof(wirings[0]); i++)
		if (strcmp(wirings[i].name, name) == 0)
			return &wirings[i];
	return NULL;
}
