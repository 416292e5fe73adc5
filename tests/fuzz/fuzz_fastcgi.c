/* SPDX-License-Identifier: ISC */
/*
 * Claims: no bytes break the reader of FastCGI records; the place of a cut changes nothing that it
 * says; its memory stays bounded; and where libfcgi reads a request out of the bytes, the reader
 * reads the same parameters and the same body.
 *
 * libfcgi gets no management records and no lengths of four bytes, which it does not survive, and
 * no padding behind BEGIN_REQUEST or an empty record, which it takes for the next one.
 */
#include "../../src/cgi/fastcgi.c"

#include <fcgiapp.h>
#include <sanitizer/lsan_interface.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	char text[1 << 16];
	size_t len;
	char body[1 << 16];
	size_t body_len;
	bool has_request, has_end;
	struct fastcgi_reader r;
};

static void note(struct seen *s, const void *bytes, size_t len)
{
	if (len > sizeof(s->text) - s->len)
		len = sizeof(s->text) - s->len;
	memcpy(s->text + s->len, bytes, len);
	s->len += len;
}

/* All that the reader says of the bytes, given in pieces of n. */
static void read_in_pieces(
	struct seen *s, const uint8_t *data, size_t size, size_t n, bool is_first_only)
{
	enum fastcgi_event event = FASTCGI_MORE;

	s->len = s->body_len = 0;
	s->has_request = s->has_end = false;
	fastcgi_init(&s->r);
	for (size_t at = 0; at < size && event != FASTCGI_BROKEN; at += n) {
		const unsigned char *in = data + at;
		size_t left = size - at < n ? size - at : n;

		while ((event = fastcgi_read(&s->r, &in, &left)) != FASTCGI_MORE &&
			event != FASTCGI_BROKEN) {
			if (event == FASTCGI_BODY) {
				note(s, s->r.data, s->r.len);
				memcpy(s->body + s->body_len, s->r.data, s->r.len);
				s->body_len += s->r.len;
				continue;
			}
			note(s, &event, sizeof(event));
			if (event == FASTCGI_ANSWER)
				note(s, s->r.answer, s->r.answer_len);
			if (event == FASTCGI_REQUEST) {
				s->has_request = true;
				for (char *const *p = fastcgi_params(&s->r); *p; p++)
					note(s, *p, strlen(*p) + 1);
			}
			if (event != FASTCGI_BODY_END && event != FASTCGI_ABORT)
				continue;
			s->has_end = event == FASTCGI_BODY_END;
			if (is_first_only)
				return;
			fastcgi_finish(&s->r);
		}
		if (s->r.bytes_room > 2 * FASTCGI_PARAMS_BYTES_MAX)
			abort();
	}
	if (event == FASTCGI_BROKEN)
		note(s, s->r.mistake, strlen(s->r.mistake));
}

/* One request, from its first record, that libfcgi can be trusted with. */
static bool is_harmless(const uint8_t *data, size_t size)
{
	size_t at = 0;
	int begins = 0;

	while (at + 8 <= size) {
		size_t len = (size_t)(data[at + 4] << 8 | data[at + 5]);
		int id = data[at + 2] << 8 | data[at + 3];

		if (data[at] != 1 || id != 1 || data[at + 1] > 5 || data[at + 1] == 3 ||
			data[at + 1] == FCGI_ABORT_REQUEST ||
			((len == 0 || data[at + 1] == FCGI_BEGIN_REQUEST) && data[at + 6] > 0))
			return false;
		begins += data[at + 1] == FCGI_BEGIN_REQUEST;
		/* Lengths of four bytes in the parameters. */
		for (size_t i = at + 8; data[at + 1] == FCGI_PARAMS && i < at + 8 + len && i < size;
			i++)
			if (data[i] >= 0x80)
				return false;
		at += 8 + len + data[at + 6];
	}
	return begins == 1 && size >= 8 && data[1] == FCGI_BEGIN_REQUEST;
}

static void compare(struct seen *s, const uint8_t *data, size_t size)
{
	FCGX_Request request;
	int fds[2], n_params = 0;
	char body[1 << 16];
	int len;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		abort();
	if (send(fds[1], data, size, MSG_NOSIGNAL) != (ssize_t)size)
		abort();
	shutdown(fds[1], SHUT_WR);
	FCGX_InitRequest(&request, -1, 0);
	request.ipcFd = fds[0];
	request.keepConnection = 1;
	if (FCGX_Accept_r(&request) == 0) {
		bool is_ok = FCGX_GetError(request.in) == 0 && request.role == FCGI_RESPONDER;

		len = FCGX_GetStr(body, sizeof(body), request.in);
		if (is_ok && FCGX_GetError(request.in) == 0 && !s->r.request.has_nul &&
			s->has_end) {
			char *const *mine = fastcgi_params(&s->r);

			for (char **p = request.envp; *p; p++) {
				if (strncmp(*p, "FCGI_ROLE=", 10) == 0 && p == request.envp)
					continue;
				if (!mine[n_params] || strcmp(mine[n_params], *p) != 0)
					abort();
				n_params++;
			}
			if (mine[n_params] || (size_t)len != s->body_len ||
				memcmp(body, s->body, s->body_len) != 0)
				abort();
		}
	}
	request.keepConnection = 0;
	FCGX_Free(&request, 0);
	close(fds[0]);
	close(fds[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seen whole, cut;
	static bool is_ready;

	if (!is_ready) {
		FCGX_Init();
		signal(SIGPIPE, SIG_IGN);
		is_ready = true;
	}
	if (size < 1 || size > 60000)
		return 0;
	read_in_pieces(&whole, data + 1, size - 1, size, false);
	read_in_pieces(&cut, data + 1, size - 1, data[0] % 17 + 1, false);
	if (whole.len != cut.len || memcmp(whole.text, cut.text, whole.len) != 0)
		abort();
	fastcgi_free(&cut.r);
	fastcgi_free(&whole.r);
	if (data[0] < 64 && is_harmless(data + 1, size - 1)) {
		read_in_pieces(&whole, data + 1, size - 1, size, true);
		if (whole.has_request) {
			__lsan_disable(); /* libfcgi loses memory of requests that break off */
			compare(&whole, data + 1, size - 1);
			__lsan_enable();
		}
		fastcgi_free(&whole.r);
	}
	return 0;
}
