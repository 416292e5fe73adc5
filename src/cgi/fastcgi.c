/* SPDX-License-Identifier: ISC */
/*
 * cgi/fastcgi.c - a state machine over the bytes of FastCGI 1.0 records
 *
 *     IDLE --BEGIN_REQUEST--> PARAMS --empty PARAMS--> STDIN --empty STDIN, or ABORT--> ENDED
 *       ^                                                                                 |
 *       +-------------------------------- fastcgi_finish() -------------------------------+
 *
 * RULES
 *   (1) A cut between any two bytes of the input changes nothing (unit/fastcgi).
 *   (2) Memory is bounded: a length that the peer announces is counted down, never allocated
 *       (unit/fastcgi, t20-bad-input).
 *   (3) Parameters and body end with their empty record, and nothing else: what broke off is
 *       never taken for complete (unit/fastcgi, t20-bad-input).
 *   (4) Management records are answered at once, also between two records of a request (section
 *       4) (unit/fastcgi, t20-bad-input).
 *   (5) One request at a time: another one on the same connection is refused with
 *       FCGI_CANT_MPX_CONN, and records of no request are skipped (section 3.3) (unit/fastcgi).
 *
 * libfcgi is not used for reading: its answer to FCGI_GET_VALUES overflows a buffer, it allocates
 * whatever length is announced, loses memory for each unknown record, and hides NUL bytes.
 *
 * Does not know: where the bytes come from, and what the parameters mean.
 */
#include "cgi/fastcgi.h"

#include <fastcgi.h>
#include <stdlib.h>
#include <string.h>

void fastcgi_init(struct fastcgi_reader *r)
{
	*r = (struct fastcgi_reader){.phase = FASTCGI_IDLE};
}

static void drop_params(struct fastcgi_reader *r)
{
	free(r->params);
	free(r->bytes);
	r->params = NULL;
	r->bytes = NULL;
	r->n_bytes = r->bytes_room = r->n_params = 0;
}

void fastcgi_free(struct fastcgi_reader *r)
{
	drop_params(r);
}

void fastcgi_finish(struct fastcgi_reader *r)
{
	drop_params(r);
	r->phase = FASTCGI_IDLE;
	r->request.id = 0;
}

bool fastcgi_is_between(const struct fastcgi_reader *r)
{
	return r->header_len == 0;
}

bool fastcgi_is_idle(const struct fastcgi_reader *r)
{
	return r->phase == FASTCGI_IDLE && fastcgi_is_between(r);
}

static enum fastcgi_event broken(struct fastcgi_reader *r, const char *mistake)
{
	r->mistake = mistake;
	return FASTCGI_BROKEN;
}

static int type_of(const struct fastcgi_reader *r)
{
	return r->header[1];
}

static uint16_t id_of(const struct fastcgi_reader *r)
{
	return (uint16_t)(r->header[2] << 8 | r->header[3]);
}

/* Is the record that is being read one of the open request? */
static bool is_ours(const struct fastcgi_reader *r)
{
	return r->phase != FASTCGI_IDLE && id_of(r) == r->request.id;
}

/* ---- answers ---- */

static enum fastcgi_event answer(
	struct fastcgi_reader *r, int type, uint16_t id, const void *content, size_t len)
{
	unsigned char *a = r->answer;

	memset(a, 0, FCGI_HEADER_LEN);
	a[0] = FCGI_VERSION_1;
	a[1] = (unsigned char)type;
	a[2] = (unsigned char)(id >> 8);
	a[3] = (unsigned char)id;
	a[5] = (unsigned char)len;
	memcpy(a + FCGI_HEADER_LEN, content, len);
	r->answer_len = FCGI_HEADER_LEN + len;
	return FASTCGI_ANSWER;
}

static enum fastcgi_event end_request(struct fastcgi_reader *r, uint16_t id, int protocol_status)
{
	FCGI_EndRequestBody body = {.protocolStatus = (unsigned char)protocol_status};

	return answer(r, FCGI_END_REQUEST, id, &body, sizeof(body));
}

static enum fastcgi_event answer_unknown(struct fastcgi_reader *r)
{
	FCGI_UnknownTypeBody body = {.type = r->header[1]};

	return answer(r, FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID, &body, sizeof(body));
}

/* The values of section 4.1 that a server may ask for.  A server may open as many connections as it
 * likes, and sends one request at a time over each. */
static const struct value {
	const char *name, *value;
} values[] = {{FCGI_MAX_CONNS, "512"}, {FCGI_MAX_REQS, "512"}, {FCGI_MPXS_CONNS, "0"}};

static enum fastcgi_event answer_values(struct fastcgi_reader *r)
{
	unsigned char content[FASTCGI_ANSWER_MAX - FCGI_HEADER_LEN];
	size_t len = 0;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		size_t name = strlen(values[i].name), value = strlen(values[i].value);

		if (!(r->asked_values & 1U << i))
			continue;
		content[len++] = (unsigned char)name;
		content[len++] = (unsigned char)value;
		memcpy(content + len, values[i].name, name);
		memcpy(content + len + name, values[i].value, value);
		len += name + value;
	}
	return answer(r, FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID, content, len);
}

/* ---- name-value pairs ---- */

/* Makes room for len bytes more; false: no memory. */
static bool make_room(struct fastcgi_reader *r, size_t len)
{
	size_t room = r->bytes_room ? r->bytes_room : 2048;
	char *bytes;

	if (r->n_bytes + len <= r->bytes_room)
		return true;
	while (room < r->n_bytes + len)
		room *= 2;
	bytes = realloc(r->bytes, room);
	if (!bytes)
		return false;
	r->bytes = bytes;
	r->bytes_room = room;
	return true;
}

/* Adds bytes to the parameter that is being read; over the limit it is dropped, with all behind it.
 * False: no memory. */
static bool add_bytes(struct fastcgi_reader *r, const void *bytes, size_t len)
{
	if (!r->request.is_too_long && len > FASTCGI_PARAMS_BYTES_MAX - r->n_bytes) {
		r->request.is_too_long = true;
		r->n_bytes = r->param.start;
	}
	if (r->request.is_too_long || len == 0)
		return true;
	if (!make_room(r, len))
		return false;
	memcpy(r->bytes + r->n_bytes, bytes, len);
	r->n_bytes += len;
	return true;
}

/* One length (section 3.4): a byte, or four with the first bit set.  0: more bytes are needed. */
static size_t read_length(const unsigned char *bytes, size_t n, uint32_t *length)
{
	if (n >= 1 && bytes[0] < 0x80) {
		*length = bytes[0];
		return 1;
	}
	if (n >= 4) {
		*length = (uint32_t)(bytes[0] & 0x7f) << 24 | (uint32_t)bytes[1] << 16 |
			  (uint32_t)bytes[2] << 8 | bytes[3];
		return 4;
	}
	return 0;
}

/* Takes one byte of the lengths of a pair. */
static void take_length(struct fastcgi_reader *r, struct fastcgi_pair *p, unsigned char byte)
{
	uint32_t name, value;
	size_t used;

	p->lengths[p->n_lengths++] = byte;
	used = read_length(p->lengths, p->n_lengths, &name);
	if (used == 0 || read_length(p->lengths + used, p->n_lengths - used, &value) == 0)
		return;
	*p = (struct fastcgi_pair){
		.is_open = true, .name_left = name, .value_left = value, .start = r->n_bytes};
	if (p == &r->param && r->n_params == FASTCGI_PARAMS_MAX)
		r->request.is_too_long = true;
}

/* Takes bytes of the name or the value of an open pair; returns how many.  *is_ok false: no memory.
 */
static size_t take_text(struct fastcgi_reader *r, struct fastcgi_pair *p, const unsigned char *in,
	size_t n, bool *is_ok)
{
	bool is_name = p->name_left > 0;
	uint32_t *left = is_name ? &p->name_left : &p->value_left;

	if (n > *left)
		n = *left;
	*left -= (uint32_t)n;
	if (p == &r->asked) {
		for (size_t i = 0; is_name && i < n && p->name_len < sizeof(p->name); i++)
			p->name[p->name_len++] = (char)in[i];
		return n;
	}
	if (memchr(in, '\0', n))
		r->request.has_nul = true;
	*is_ok = add_bytes(r, in, n);
	return n;
}

/* The pair is complete.  False: no memory. */
static bool close_pair(struct fastcgi_reader *r, struct fastcgi_pair *p)
{
	bool is_param = p == &r->param;

	for (size_t i = 0; !is_param && i < sizeof(values) / sizeof(values[0]); i++)
		if (strlen(values[i].name) == p->name_len &&
			memcmp(values[i].name, p->name, p->name_len) == 0)
			r->asked_values |= 1U << i;
	if (is_param) {
		if (!add_bytes(r, "", 1))
			return false;
		r->n_params += !r->request.is_too_long;
	}
	*p = (struct fastcgi_pair){.is_open = false};
	return true;
}

/* Reads pairs out of the n bytes of content that are there.  False: no memory. */
static bool read_pairs(
	struct fastcgi_reader *r, struct fastcgi_pair *p, const unsigned char *in, size_t n)
{
	bool is_ok = true;

	while (n > 0 && is_ok) {
		size_t used = 1;
		bool had_name = false;

		if (!p->is_open)
			take_length(r, p, *in);
		else {
			had_name = p->name_left == 0;
			used = take_text(r, p, in, n, &is_ok);
		}
		in += used;
		n -= used;
		if (p->is_open && p->name_left == 0 && !had_name && p == &r->param)
			is_ok = is_ok && add_bytes(r, "=", 1);
		if (p->is_open && p->name_left == 0 && p->value_left == 0)
			is_ok = is_ok && close_pair(r, p);
	}
	return is_ok;
}

static bool is_within_pair(const struct fastcgi_pair *p)
{
	return p->is_open || p->n_lengths > 0;
}

char *const *fastcgi_params(struct fastcgi_reader *r)
{
	char *at = r->bytes;

	if (r->params)
		return r->params;
	r->params = calloc(r->n_params + 1, sizeof(*r->params));
	/* A NUL within a parameter ends it here; those behind it are not all reached then. */
	for (size_t i = 0; r->params && i < r->n_params; i++, at += strlen(at) + 1)
		r->params[i] = at;
	return r->params;
}

/* ---- records ---- */

static size_t content_of(const struct fastcgi_reader *r)
{
	return (size_t)(r->header[4] << 8 | r->header[5]);
}

/* The header of a record has come: may it come now? */
static enum fastcgi_event begin_record(struct fastcgi_reader *r)
{
	int type = type_of(r);

	if (r->header[0] != FCGI_VERSION_1)
		return broken(r, "it is not FastCGI 1");
	r->content_left = content_of(r);
	r->pad_left = r->header[6];
	if (!is_ours(r)) {
		if (++r->idle_records > FASTCGI_IDLE_RECORDS_MAX)
			return broken(r, "too many records belong to no request");
		r->asked = (struct fastcgi_pair){.is_open = false};
		r->asked_values = 0;
		if (type == FCGI_BEGIN_REQUEST && r->content_left != sizeof(r->begin))
			return broken(r, "a request does not begin with eight bytes");
		return FASTCGI_MORE;
	}
	r->idle_records = 0;
	if (type == (r->phase == FASTCGI_PARAMS ? FCGI_PARAMS : FCGI_STDIN) ||
		type == FCGI_ABORT_REQUEST || type == FCGI_DATA)
		return FASTCGI_MORE;
	return broken(r, "a record of a request comes out of order");
}

/* Some content of the record; bytes of the body go to the caller. */
static enum fastcgi_event take_content(struct fastcgi_reader *r, const unsigned char *in, size_t n)
{
	int type = type_of(r);
	bool is_ok = true;

	if (!is_ours(r)) {
		if (type == FCGI_BEGIN_REQUEST)
			memcpy(r->begin + sizeof(r->begin) - r->content_left, in, n);
		else if (type == FCGI_GET_VALUES && id_of(r) == FCGI_NULL_REQUEST_ID)
			is_ok = read_pairs(r, &r->asked, in, n);
	} else if (type == FCGI_PARAMS) {
		is_ok = read_pairs(r, &r->param, in, n);
	} else if (type == FCGI_STDIN) {
		r->data = in;
		r->len = n;
		return FASTCGI_BODY;
	}
	return is_ok ? FASTCGI_MORE : FASTCGI_NOMEM;
}

static enum fastcgi_event begin_request(struct fastcgi_reader *r)
{
	int role = r->begin[0] << 8 | r->begin[1];
	bool may_keep = r->begin[2] & FCGI_KEEP_CONN;

	if (r->phase != FASTCGI_IDLE)
		return end_request(r, id_of(r), FCGI_CANT_MPX_CONN);
	if (role != FCGI_RESPONDER) {
		r->is_last = !may_keep;
		return end_request(r, id_of(r), FCGI_UNKNOWN_ROLE);
	}
	r->request = (struct fastcgi_request){.id = id_of(r), .may_keep = may_keep};
	r->param = (struct fastcgi_pair){.is_open = false};
	r->phase = FASTCGI_PARAMS;
	r->idle_records = 0;
	return FASTCGI_MORE;
}

/* The content of a record of the open request is complete. */
static enum fastcgi_event end_own_record(struct fastcgi_reader *r)
{
	uint16_t id = r->request.id;

	if (type_of(r) == FCGI_ABORT_REQUEST) {
		bool has_begun = r->phase == FASTCGI_STDIN;

		r->phase = FASTCGI_ENDED;
		if (has_begun)
			return FASTCGI_ABORT;
		r->is_last = !r->request.may_keep;
		fastcgi_finish(r);
		return end_request(r, id, FCGI_REQUEST_COMPLETE);
	}
	if (content_of(r) > 0 || type_of(r) == FCGI_DATA)
		return FASTCGI_MORE;
	if (r->phase == FASTCGI_STDIN) {
		r->phase = FASTCGI_ENDED;
		return FASTCGI_BODY_END;
	}
	if (is_within_pair(&r->param))
		return broken(r, "a parameter breaks off");
	r->phase = FASTCGI_STDIN;
	return FASTCGI_REQUEST;
}

static enum fastcgi_event end_record(struct fastcgi_reader *r)
{
	if (is_ours(r))
		return end_own_record(r);
	if (id_of(r) == FCGI_NULL_REQUEST_ID) {
		if (type_of(r) != FCGI_GET_VALUES)
			return answer_unknown(r);
		return is_within_pair(&r->asked) ? broken(r, "a value's name breaks off")
						 : answer_values(r);
	}
	return type_of(r) == FCGI_BEGIN_REQUEST ? begin_request(r) : FASTCGI_MORE;
}

/* Moves at most `most` bytes off the front of the input; returns how many. */
static size_t take(const unsigned char **in, size_t *n, size_t most)
{
	size_t len = *n < most ? *n : most;

	*in += len;
	*n -= len;
	return len;
}

/* The header; true when it is complete. */
static bool take_header(struct fastcgi_reader *r, const unsigned char **in, size_t *n)
{
	const unsigned char *from = *in;
	size_t len = take(in, n, sizeof(r->header) - r->header_len);

	if (len > 0)
		memcpy(r->header + r->header_len, from, len);
	r->header_len += len;
	return r->header_len == sizeof(r->header);
}

enum fastcgi_event fastcgi_read(struct fastcgi_reader *r, const unsigned char **in, size_t *n)
{
	while (r->phase != FASTCGI_ENDED) {
		enum fastcgi_event event = FASTCGI_MORE;

		if (r->header_len < sizeof(r->header)) {
			if (r->is_last)
				return broken(
					r, "its request was not for a responder, or given up");
			if (*n == 0 || !take_header(r, in, n))
				return FASTCGI_MORE;
			event = begin_record(r);
		} else if (r->content_left > 0) {
			const unsigned char *from = *in;
			size_t len = take(in, n, r->content_left);

			if (len == 0)
				return FASTCGI_MORE;
			event = take_content(r, from, len);
			r->content_left -= len;
		} else if (r->pad_left > 0) {
			size_t len = take(in, n, r->pad_left);

			if (len == 0)
				return FASTCGI_MORE;
			r->pad_left -= len;
		} else {
			r->header_len = 0;
			event = end_record(r);
		}
		if (event != FASTCGI_MORE)
			return event;
	}
	return FASTCGI_MORE;
}

size_t fastcgi_body_left(const struct fastcgi_reader *r)
{
	bool is_body = r->phase == FASTCGI_STDIN && r->header_len == sizeof(r->header) &&
		       is_ours(r) && type_of(r) == FCGI_STDIN;

	return is_body ? r->content_left : 0;
}

void fastcgi_body_taken(struct fastcgi_reader *r, size_t n)
{
	r->content_left -= n;
}
