/* SPDX-License-Identifier: ISC */
/*
 * Claims: no output breaks cgi_response_parse(); a head that it writes has no control character
 * but its line ends and TAB, and is the same when it is parsed again.
 */
#include "../../src/cgi/response.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *out = (const char *)data + 1;
	struct cgi_response res, same;
	char *again;
	int n;

	if (size == 0 || cgi_response_parse(out, size - 1, (int64_t)size - 1, data[0] & 1, &res))
		return 0;
	if (res.status < 200 || res.status > 999 || res.body_at > size - 1 ||
		strlen(res.head) != res.head_len || strncmp(res.head, "Status: ", 8) != 0)
		abort();
	for (const char *p = res.head; *p; p++) {
		if (*p == '\r' ? p[1] != '\n' : *p == '\n' ? p[-1] != '\r' : *p == 0x7f)
			abort();
		if ((unsigned char)*p < 0x20 && !strchr("\r\n\t", *p))
			abort();
	}
	n = asprintf(&again, "%s\r\n", res.head);
	/* What was written is a little longer than what was read, and may be over the limit. */
	if (n <= CGI_HEADER_MAX) {
		if (cgi_response_parse(again, (size_t)n, n, 0, &same) ||
			strcmp(res.head, same.head) != 0)
			abort();
		cgi_response_free(&same);
	}
	free(again);
	cgi_response_free(&res);
	return 0;
}
