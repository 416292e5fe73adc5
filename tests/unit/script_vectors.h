/* SPDX-License-Identifier: ISC */
/*
 * script_vectors.h - what servers really send, recorded
 *
 * lighttpd 1.4.69, Apache 2.4.71 with mod_fcgid 2.3.9, and nginx 1.22.1, each started with the file
 * in conf/, with a program that prints its variables in the place of retrysafe.  The balancer and
 * `ProxyFCGIBackendType GENERIC` were added to conf/apache.conf for it.  Left out are variables
 * that say nothing about the script: HTTP_*, SERVER_*, REMOTE_*, PATH.
 *
 * For every wiring, the three requests of script_urls[].  @ROOT@ is the document root, @BIN@ the
 * directory of the program.
 */
#ifndef RETRYSAFE_SCRIPT_VECTORS_H
#define RETRYSAFE_SCRIPT_VECTORS_H

static const char *const script_urls[] = {
	"/form.pl/extra/p%20i?x=1", "/form.pl?x=1", "/a%20b%2541.pl/x%2541?q=%3fy"};
#define SCRIPT_URLS 3

/* Also what is compared with: the three requests of this prefix under Apache. */
#define BARE "bare under Apache mod_cgid"

static const struct vector {
	enum way way;
	const char *wiring, *prefix;
	const char *lines; /* "NAME=value\n" */
} vectors[] = {
	{WAY_CGI, "bare under lighttpd", "bare",
		"CONTENT_LENGTH=0\nDOCUMENT_ROOT=@ROOT@\nGATEWAY_INTERFACE=CGI/1.1\n"
		"PATH_INFO=/extra/p i\nPATH_TRANSLATED=@ROOT@/extra/p i\nQUERY_STRING=x=1\n"
		"REDIRECT_STATUS=200\nREQUEST_METHOD=GET\n"
		"REQUEST_URI=/bare/form.pl/extra/p%20i?x=1\n"
		"SCRIPT_FILENAME=@ROOT@/bare/form.pl\nSCRIPT_NAME=/bare/form.pl\n"},
	{WAY_CGI, "bare under lighttpd", "bare",
		"CONTENT_LENGTH=0\nDOCUMENT_ROOT=@ROOT@\nGATEWAY_INTERFACE=CGI/1.1\n"
		"QUERY_STRING=x=1\nREDIRECT_STATUS=200\nREQUEST_METHOD=GET\n"
		"REQUEST_URI=/bare/form.pl?x=1\nSCRIPT_FILENAME=@ROOT@/bare/form.pl\n"
		"SCRIPT_NAME=/bare/form.pl\n"},
	{WAY_CGI, "bare under lighttpd", "bare",
		"CONTENT_LENGTH=0\nDOCUMENT_ROOT=@ROOT@\nGATEWAY_INTERFACE=CGI/1.1\n"
		"PATH_INFO=/x%41\nPATH_TRANSLATED=@ROOT@/x%41\nQUERY_STRING=q=%3Fy\n"
		"REDIRECT_STATUS=200\nREDIRECT_URI=/bare/a%20b%2541.pl/x%2541?q=%3Fy\n"
		"REQUEST_METHOD=GET\nREQUEST_URI=/bare/a%20b%2541.pl/x%2541?q=%3fy\n"
		"SCRIPT_FILENAME=@ROOT@/bare/a b%41.pl\nSCRIPT_NAME=/bare/a b%41.pl\n"},
	{WAY_FASTCGI, "lighttpd, bin-path", "spawned",
		"FCGI_ROLE=RESPONDER\nCONTENT_LENGTH=0\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/spawned/form.pl/extra/p%20i?x=1\nREDIRECT_STATUS=200\n"
		"SCRIPT_NAME=/spawned/form.pl\nPATH_INFO=/extra/p i\n"
		"PATH_TRANSLATED=@ROOT@/extra/p i\nSCRIPT_FILENAME=@ROOT@/spawned/form.pl\n"
		"DOCUMENT_ROOT=@ROOT@\nREQUEST_METHOD=GET\nGATEWAY_INTERFACE=CGI/1.1\n"},
	{WAY_FASTCGI, "lighttpd, bin-path", "spawned",
		"FCGI_ROLE=RESPONDER\nCONTENT_LENGTH=0\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/spawned/form.pl?x=1\nREDIRECT_STATUS=200\n"
		"SCRIPT_NAME=/spawned/form.pl\nSCRIPT_FILENAME=@ROOT@/spawned/form.pl\n"
		"DOCUMENT_ROOT=@ROOT@\nREQUEST_METHOD=GET\nGATEWAY_INTERFACE=CGI/1.1\n"},
	{WAY_FASTCGI, "lighttpd, bin-path", "spawned",
		"FCGI_ROLE=RESPONDER\nCONTENT_LENGTH=0\nQUERY_STRING=q=%3Fy\n"
		"REQUEST_URI=/spawned/a%20b%2541.pl/x%2541?q=%3fy\n"
		"REDIRECT_URI=/spawned/a%20b%2541.pl/x%2541?q=%3Fy\nREDIRECT_STATUS=200\n"
		"SCRIPT_NAME=/spawned/a b%41.pl\nPATH_INFO=/x%41\nPATH_TRANSLATED=@ROOT@/x%41\n"
		"SCRIPT_FILENAME=@ROOT@/spawned/a b%41.pl\nDOCUMENT_ROOT=@ROOT@\n"
		"REQUEST_METHOD=GET\nGATEWAY_INTERFACE=CGI/1.1\n"},
	{WAY_FASTCGI, "lighttpd, socket", "socket",
		"FCGI_ROLE=RESPONDER\nCONTENT_LENGTH=0\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/socket/form.pl/extra/p%20i?x=1\nREDIRECT_STATUS=200\n"
		"SCRIPT_NAME=/socket/form.pl\nPATH_INFO=/extra/p i\n"
		"PATH_TRANSLATED=@ROOT@/extra/p i\nSCRIPT_FILENAME=@ROOT@/socket/form.pl\n"
		"DOCUMENT_ROOT=@ROOT@\nREQUEST_METHOD=GET\nGATEWAY_INTERFACE=CGI/1.1\n"},
	{WAY_FASTCGI, "lighttpd, socket", "socket",
		"FCGI_ROLE=RESPONDER\nCONTENT_LENGTH=0\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/socket/form.pl?x=1\nREDIRECT_STATUS=200\n"
		"SCRIPT_NAME=/socket/form.pl\nSCRIPT_FILENAME=@ROOT@/socket/form.pl\n"
		"DOCUMENT_ROOT=@ROOT@\nREQUEST_METHOD=GET\nGATEWAY_INTERFACE=CGI/1.1\n"},
	{WAY_FASTCGI, "lighttpd, socket", "socket",
		"FCGI_ROLE=RESPONDER\nCONTENT_LENGTH=0\nQUERY_STRING=q=%3Fy\n"
		"REQUEST_URI=/socket/a%20b%2541.pl/x%2541?q=%3fy\n"
		"REDIRECT_URI=/socket/a%20b%2541.pl/x%2541?q=%3Fy\nREDIRECT_STATUS=200\n"
		"SCRIPT_NAME=/socket/a b%41.pl\nPATH_INFO=/x%41\nPATH_TRANSLATED=@ROOT@/x%41\n"
		"SCRIPT_FILENAME=@ROOT@/socket/a b%41.pl\nDOCUMENT_ROOT=@ROOT@\n"
		"REQUEST_METHOD=GET\nGATEWAY_INTERFACE=CGI/1.1\n"},
	{WAY_CGI, "lighttpd, cgi.assign", "cgi",
		"CONTENT_LENGTH=0\nQUERY_STRING=x=1\nREQUEST_URI=/cgi/form.pl/extra/p%20i?x=1\n"
		"REDIRECT_STATUS=200\nSCRIPT_NAME=/cgi/form.pl\nPATH_INFO=/extra/p i\n"
		"PATH_TRANSLATED=@ROOT@/extra/p i\nSCRIPT_FILENAME=@ROOT@/cgi/form.pl\n"
		"DOCUMENT_ROOT=@ROOT@\nREQUEST_METHOD=GET\nGATEWAY_INTERFACE=CGI/1.1\n"},
	{WAY_CGI, "lighttpd, cgi.assign", "cgi",
		"CONTENT_LENGTH=0\nQUERY_STRING=x=1\nREQUEST_URI=/cgi/form.pl?x=1\n"
		"REDIRECT_STATUS=200\nSCRIPT_NAME=/cgi/form.pl\n"
		"SCRIPT_FILENAME=@ROOT@/cgi/form.pl\nDOCUMENT_ROOT=@ROOT@\nREQUEST_METHOD=GET\n"
		"GATEWAY_INTERFACE=CGI/1.1\n"},
	{WAY_CGI, "lighttpd, cgi.assign", "cgi",
		"CONTENT_LENGTH=0\nQUERY_STRING=q=%3Fy\n"
		"REQUEST_URI=/cgi/a%20b%2541.pl/x%2541?q=%3fy\n"
		"REDIRECT_URI=/cgi/a%20b%2541.pl/x%2541?q=%3Fy\nREDIRECT_STATUS=200\n"
		"SCRIPT_NAME=/cgi/a b%41.pl\nPATH_INFO=/x%41\nPATH_TRANSLATED=@ROOT@/x%41\n"
		"SCRIPT_FILENAME=@ROOT@/cgi/a b%41.pl\nDOCUMENT_ROOT=@ROOT@\n"
		"REQUEST_METHOD=GET\nGATEWAY_INTERFACE=CGI/1.1\n"},
	{WAY_CGI, "bare under Apache mod_cgid", "bare",
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\nDOCUMENT_ROOT=@ROOT@\n"
		"GATEWAY_INTERFACE=CGI/1.1\nPATH_INFO=/extra/p i\n"
		"PATH_TRANSLATED=@ROOT@/extra/p i\nQUERY_STRING=x=1\nREQUEST_METHOD=GET\n"
		"REQUEST_URI=/bare/form.pl/extra/p%20i?x=1\n"
		"SCRIPT_FILENAME=@ROOT@/bare/form.pl\nSCRIPT_NAME=/bare/form.pl\n"},
	{WAY_CGI, "bare under Apache mod_cgid", "bare",
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\nDOCUMENT_ROOT=@ROOT@\n"
		"GATEWAY_INTERFACE=CGI/1.1\nQUERY_STRING=x=1\nREQUEST_METHOD=GET\n"
		"REQUEST_URI=/bare/form.pl?x=1\nSCRIPT_FILENAME=@ROOT@/bare/form.pl\n"
		"SCRIPT_NAME=/bare/form.pl\n"},
	{WAY_CGI, "bare under Apache mod_cgid", "bare",
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\nDOCUMENT_ROOT=@ROOT@\n"
		"GATEWAY_INTERFACE=CGI/1.1\nPATH_INFO=/x%41\nPATH_TRANSLATED=@ROOT@/x%41\n"
		"QUERY_STRING=q=%3fy\nREQUEST_METHOD=GET\n"
		"REQUEST_URI=/bare/a%20b%2541.pl/x%2541?q=%3fy\n"
		"SCRIPT_FILENAME=@ROOT@/bare/a b%41.pl\nSCRIPT_NAME=/bare/a b%41.pl\n"},
	{WAY_FASTCGI, "Apache mod_fcgid, FcgidWrapper", "fcgid",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\nSCRIPT_FILENAME=@ROOT@/fcgid/form.pl\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/fcgid/form.pl/extra/p%20i?x=1\nSCRIPT_NAME=/fcgid/form.pl\n"
		"PATH_INFO=/extra/p i\nPATH_TRANSLATED=@ROOT@/extra/p i\nCONTENT_LENGTH=0\n"},
	{WAY_FASTCGI, "Apache mod_fcgid, FcgidWrapper", "fcgid",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\nSCRIPT_FILENAME=@ROOT@/fcgid/form.pl\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/fcgid/form.pl?x=1\nSCRIPT_NAME=/fcgid/form.pl\nCONTENT_LENGTH=0\n"},
	{WAY_FASTCGI, "Apache mod_fcgid, FcgidWrapper", "fcgid",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\nSCRIPT_FILENAME=@ROOT@/fcgid/a b%41.pl\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=q=%3fy\n"
		"REQUEST_URI=/fcgid/a%20b%2541.pl/x%2541?q=%3fy\nSCRIPT_NAME=/fcgid/a b%41.pl\n"
		"PATH_INFO=/x%41\nPATH_TRANSLATED=@ROOT@/x%41\nCONTENT_LENGTH=0\n"},
	{WAY_FASTCGI, "Apache mod_fcgid, FcgidWrapper in .htaccess", "wrapper",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\nSCRIPT_FILENAME=@ROOT@/wrapper/form.pl\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/wrapper/form.pl/extra/p%20i?x=1\nSCRIPT_NAME=/wrapper/form.pl\n"
		"PATH_INFO=/extra/p i\nPATH_TRANSLATED=@ROOT@/extra/p i\nCONTENT_LENGTH=0\n"},
	{WAY_FASTCGI, "Apache mod_fcgid, FcgidWrapper in .htaccess", "wrapper",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\nSCRIPT_FILENAME=@ROOT@/wrapper/form.pl\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/wrapper/form.pl?x=1\nSCRIPT_NAME=/wrapper/form.pl\n"
		"CONTENT_LENGTH=0\n"},
	{WAY_FASTCGI, "Apache mod_fcgid, FcgidWrapper in .htaccess", "wrapper",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\nSCRIPT_FILENAME=@ROOT@/wrapper/a b%41.pl\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=q=%3fy\n"
		"REQUEST_URI=/wrapper/a%20b%2541.pl/x%2541?q=%3fy\n"
		"SCRIPT_NAME=/wrapper/a b%41.pl\nPATH_INFO=/x%41\nPATH_TRANSLATED=@ROOT@/x%41\n"
		"CONTENT_LENGTH=0\n"},
	{WAY_FASTCGI, "Apache mod_proxy_fcgi, SetHandler", "proxy",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\n"
		"SCRIPT_FILENAME=proxy:fcgi://localhost@ROOT@/proxy/form.pl\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/proxy/form.pl/extra/p%20i?x=1\nSCRIPT_NAME=/proxy/form.pl\n"
		"PATH_INFO=/extra/p i\nPATH_TRANSLATED=@ROOT@/extra/p i\n"},
	{WAY_FASTCGI, "Apache mod_proxy_fcgi, SetHandler", "proxy",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\n"
		"SCRIPT_FILENAME=proxy:fcgi://localhost@ROOT@/proxy/form.pl\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/proxy/form.pl?x=1\nSCRIPT_NAME=/proxy/form.pl\n"},
	{WAY_FASTCGI, "Apache mod_proxy_fcgi, SetHandler", "proxy",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\n"
		"SCRIPT_FILENAME=proxy:fcgi://localhost@ROOT@/proxy/a b%41.pl\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=q=%3fy\n"
		"REQUEST_URI=/proxy/a%20b%2541.pl/x%2541?q=%3fy\nSCRIPT_NAME=/proxy/a b%41.pl\n"
		"PATH_INFO=/x%41\nPATH_TRANSLATED=@ROOT@/x%41\n"},
	{WAY_FASTCGI, "Apache mod_proxy_fcgi, ProxyPassMatch", "proxypass",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\n"
		"SCRIPT_FILENAME=proxy:fcgi://localhost@ROOT@/proxypass/form.pl/extra/p%20i\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/proxypass/form.pl/extra/p%20i?x=1\n"
		"SCRIPT_NAME=/proxypass/form.pl/extra/p i\n"},
	{WAY_FASTCGI, "Apache mod_proxy_fcgi, ProxyPassMatch", "proxypass",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\n"
		"SCRIPT_FILENAME=proxy:fcgi://localhost@ROOT@/proxypass/form.pl\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/proxypass/form.pl?x=1\nSCRIPT_NAME=/proxypass/form.pl\n"},
	{WAY_FASTCGI, "Apache mod_proxy_fcgi, ProxyPassMatch", "proxypass",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\n"
		"SCRIPT_FILENAME=proxy:fcgi://localhost@ROOT@/proxypass/a%20b%2541.pl/x%2541\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=q=%3fy\n"
		"REQUEST_URI=/proxypass/a%20b%2541.pl/x%2541?q=%3fy\n"
		"SCRIPT_NAME=/proxypass/a b%41.pl/x%41\n"},
	{WAY_FASTCGI, "Apache mod_proxy_fcgi, balancer", "balanced",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\n"
		"SCRIPT_FILENAME=proxy:fcgi://localhost@ROOT@/balanced/form.pl/extra/p%20i\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/balanced/form.pl/extra/p%20i?x=1\nSCRIPT_NAME=/balanced/form.pl/"
		"extra/p i\n"},
	{WAY_FASTCGI, "Apache mod_proxy_fcgi, balancer", "balanced",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\n"
		"SCRIPT_FILENAME=proxy:fcgi://localhost@ROOT@/balanced/form.pl\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/balanced/form.pl?x=1\nSCRIPT_NAME=/balanced/form.pl\n"},
	{WAY_FASTCGI, "Apache mod_proxy_fcgi, balancer", "balanced",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\n"
		"SCRIPT_FILENAME=proxy:fcgi://localhost@ROOT@/balanced/a%20b%2541.pl/x%2541\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=q=%3fy\n"
		"REQUEST_URI=/balanced/a%20b%2541.pl/x%2541?q=%3fy\n"
		"SCRIPT_NAME=/balanced/a b%41.pl/x%41\n"},
	{WAY_FASTCGI, "Apache mod_proxy_fcgi, SetHandler, GENERIC", "generic",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\nSCRIPT_FILENAME=@ROOT@/generic/form.pl\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/generic/form.pl/extra/p%20i?x=1\nSCRIPT_NAME=/generic/form.pl\n"
		"PATH_INFO=/extra/p i\nPATH_TRANSLATED=@ROOT@/extra/p i\n"},
	{WAY_FASTCGI, "Apache mod_proxy_fcgi, SetHandler, GENERIC", "generic",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\nSCRIPT_FILENAME=@ROOT@/generic/form.pl\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/generic/form.pl?x=1\nSCRIPT_NAME=/generic/form.pl\n"},
	{WAY_FASTCGI, "Apache mod_proxy_fcgi, SetHandler, GENERIC", "generic",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\nSCRIPT_FILENAME=@ROOT@/generic/a b%41.pl\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=q=%3fy\n"
		"REQUEST_URI=/generic/a%20b%2541.pl/x%2541?q=%3fy\n"
		"SCRIPT_NAME=/generic/a b%41.pl\nPATH_INFO=/x%41\nPATH_TRANSLATED=@ROOT@/x%41\n"},
	{WAY_FASTCGI, "Apache mod_proxy_fcgi, ProxyPassMatch, GENERIC", "split",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\n"
		"SCRIPT_FILENAME=@ROOT@/split/form.pl/extra/p%20i\nGATEWAY_INTERFACE=CGI/1.1\n"
		"REQUEST_METHOD=GET\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/split/form.pl/extra/p%20i?x=1\n"
		"SCRIPT_NAME=/split/form.pl/extra/p i\n"},
	{WAY_FASTCGI, "Apache mod_proxy_fcgi, ProxyPassMatch, GENERIC", "split",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\nSCRIPT_FILENAME=@ROOT@/split/form.pl\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\nQUERY_STRING=x=1\n"
		"REQUEST_URI=/split/form.pl?x=1\nSCRIPT_NAME=/split/form.pl\n"},
	{WAY_FASTCGI, "Apache mod_proxy_fcgi, ProxyPassMatch, GENERIC", "split",
		"FCGI_ROLE=RESPONDER\nDOCUMENT_ROOT=@ROOT@\nCONTEXT_PREFIX=\n"
		"CONTEXT_DOCUMENT_ROOT=@ROOT@\n"
		"SCRIPT_FILENAME=@ROOT@/split/a%20b%2541.pl/x%2541\nGATEWAY_INTERFACE=CGI/1.1\n"
		"REQUEST_METHOD=GET\nQUERY_STRING=q=%3fy\n"
		"REQUEST_URI=/split/a%20b%2541.pl/x%2541?q=%3fy\n"
		"SCRIPT_NAME=/split/a b%41.pl/x%41\n"},
	{WAY_CGI, "Apache, Action in .htaccess", "action",
		"REDIRECT_HANDLER=retrysafe\nREDIRECT_STATUS=200\nDOCUMENT_ROOT=@ROOT@\n"
		"CONTEXT_PREFIX=/cgi-bin/retrysafe.cgi\n"
		"CONTEXT_DOCUMENT_ROOT=@BIN@/retrysafe.cgi\n"
		"SCRIPT_FILENAME=@BIN@/retrysafe.cgi\nREDIRECT_URL=/action/form.pl/extra/p i\n"
		"REDIRECT_QUERY_STRING=x=1\nGATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\n"
		"QUERY_STRING=x=1\nREQUEST_URI=/action/form.pl/extra/p%20i?x=1\n"
		"SCRIPT_NAME=/cgi-bin/retrysafe.cgi\nPATH_INFO=/action/form.pl/extra/p i\n"
		"PATH_TRANSLATED=@ROOT@/action/form.pl/extra/p i\n"},
	{WAY_CGI, "Apache, Action in .htaccess", "action",
		"REDIRECT_HANDLER=retrysafe\nREDIRECT_STATUS=200\nDOCUMENT_ROOT=@ROOT@\n"
		"CONTEXT_PREFIX=/cgi-bin/retrysafe.cgi\n"
		"CONTEXT_DOCUMENT_ROOT=@BIN@/retrysafe.cgi\n"
		"SCRIPT_FILENAME=@BIN@/retrysafe.cgi\nREDIRECT_URL=/action/form.pl\n"
		"REDIRECT_QUERY_STRING=x=1\nGATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\n"
		"QUERY_STRING=x=1\nREQUEST_URI=/action/form.pl?x=1\n"
		"SCRIPT_NAME=/cgi-bin/retrysafe.cgi\nPATH_INFO=/action/form.pl\n"
		"PATH_TRANSLATED=@ROOT@/action/form.pl\n"},
	{WAY_CGI, "Apache, Action in .htaccess", "action",
		"REDIRECT_HANDLER=retrysafe\nREDIRECT_STATUS=200\nDOCUMENT_ROOT=@ROOT@\n"
		"CONTEXT_PREFIX=/cgi-bin/retrysafe.cgi\n"
		"CONTEXT_DOCUMENT_ROOT=@BIN@/retrysafe.cgi\n"
		"SCRIPT_FILENAME=@BIN@/retrysafe.cgi\nREDIRECT_URL=/action/a b%41.pl/x%41\n"
		"REDIRECT_QUERY_STRING=q=%3fy\nGATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\n"
		"QUERY_STRING=q=%3fy\nREQUEST_URI=/action/a%20b%2541.pl/x%2541?q=%3fy\n"
		"SCRIPT_NAME=/cgi-bin/retrysafe.cgi\nPATH_INFO=/action/a b%41.pl/x%41\n"
		"PATH_TRANSLATED=@ROOT@/action/a b%41.pl/x%41\n"},
	{WAY_FASTCGI, "nginx", "socket",
		"FCGI_ROLE=RESPONDER\nQUERY_STRING=x=1\nREQUEST_METHOD=GET\nCONTENT_TYPE=\n"
		"CONTENT_LENGTH=\nSCRIPT_NAME=/socket/form.pl/extra/p i\n"
		"REQUEST_URI=/socket/form.pl/extra/p%20i?x=1\n"
		"DOCUMENT_URI=/socket/form.pl/extra/p i\nDOCUMENT_ROOT=@ROOT@\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREDIRECT_STATUS=200\n"
		"SCRIPT_FILENAME=@ROOT@/socket/form.pl/extra/p i\n"},
	{WAY_FASTCGI, "nginx", "socket",
		"FCGI_ROLE=RESPONDER\nQUERY_STRING=x=1\nREQUEST_METHOD=GET\nCONTENT_TYPE=\n"
		"CONTENT_LENGTH=\nSCRIPT_NAME=/socket/form.pl\n"
		"REQUEST_URI=/socket/form.pl?x=1\nDOCUMENT_URI=/socket/form.pl\n"
		"DOCUMENT_ROOT=@ROOT@\nGATEWAY_INTERFACE=CGI/1.1\nREDIRECT_STATUS=200\n"
		"SCRIPT_FILENAME=@ROOT@/socket/form.pl\n"},
	{WAY_FASTCGI, "nginx", "socket",
		"FCGI_ROLE=RESPONDER\nQUERY_STRING=q=%3fy\nREQUEST_METHOD=GET\nCONTENT_TYPE=\n"
		"CONTENT_LENGTH=\nSCRIPT_NAME=/socket/a b%41.pl/x%41\n"
		"REQUEST_URI=/socket/a%20b%2541.pl/x%2541?q=%3fy\n"
		"DOCUMENT_URI=/socket/a b%41.pl/x%41\nDOCUMENT_ROOT=@ROOT@\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREDIRECT_STATUS=200\n"
		"SCRIPT_FILENAME=@ROOT@/socket/a b%41.pl/x%41\n"},
	{WAY_FASTCGI, "nginx, fastcgi_split_path_info", "split",
		"FCGI_ROLE=RESPONDER\nQUERY_STRING=x=1\nREQUEST_METHOD=GET\nCONTENT_TYPE=\n"
		"CONTENT_LENGTH=\nSCRIPT_NAME=/split/form.pl\n"
		"REQUEST_URI=/split/form.pl/extra/p%20i?x=1\n"
		"DOCUMENT_URI=/split/form.pl/extra/p i\nDOCUMENT_ROOT=@ROOT@\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREDIRECT_STATUS=200\n"
		"SCRIPT_FILENAME=@ROOT@/split/form.pl\nPATH_INFO=/extra/p i\n"},
	{WAY_FASTCGI, "nginx, fastcgi_split_path_info", "split",
		"FCGI_ROLE=RESPONDER\nQUERY_STRING=x=1\nREQUEST_METHOD=GET\nCONTENT_TYPE=\n"
		"CONTENT_LENGTH=\nSCRIPT_NAME=/split/form.pl\nREQUEST_URI=/split/form.pl?x=1\n"
		"DOCUMENT_URI=/split/form.pl\nDOCUMENT_ROOT=@ROOT@\nGATEWAY_INTERFACE=CGI/1.1\n"
		"REDIRECT_STATUS=200\nSCRIPT_FILENAME=@ROOT@/split/form.pl\nPATH_INFO=\n"},
	{WAY_FASTCGI, "nginx, fastcgi_split_path_info", "split",
		"FCGI_ROLE=RESPONDER\nQUERY_STRING=q=%3fy\nREQUEST_METHOD=GET\nCONTENT_TYPE=\n"
		"CONTENT_LENGTH=\nSCRIPT_NAME=/split/a b%41.pl\n"
		"REQUEST_URI=/split/a%20b%2541.pl/x%2541?q=%3fy\n"
		"DOCUMENT_URI=/split/a b%41.pl/x%41\nDOCUMENT_ROOT=@ROOT@\n"
		"GATEWAY_INTERFACE=CGI/1.1\nREDIRECT_STATUS=200\n"
		"SCRIPT_FILENAME=@ROOT@/split/a b%41.pl\nPATH_INFO=/x%41\n"},
};

#endif
