/* SPDX-License-Identifier: ISC */
/*
 * http/json.c - reads JSON (RFC 8259) as text, piece by piece, in constant memory
 *
 * RULES
 *   (1) The events do not depend on where the pieces end, but for the cuts between the EVENT_TEXT
 *       of one string (unit/json).
 *   (2) What is accepted is what RFC 8259 allows, and a byte order mark before it; not accepted is
 *       nesting over JSON_DEPTH_MAX, and a NUL in a name, at which a reader in C may end the name
 *       (unit/json).
 *   (3) A number is handed over as it was sent: it is never computed (unit/json).
 *   (4) A string is handed over as the characters that it stands for, in UTF-8, whether it is
 *       written with escapes or not.  Half a surrogate pair, which only an escape can write, is
 *       handed over as the three bytes that UTF-8 would need for it (WTF-8): no other string has
 *       them, because in the document itself they are no UTF-8 (unit/json).
 *   (5) No message quotes the document (unit/json).
 *
 * tests/fuzz/fuzz_json.c compares rules (1), (2) and (4) with jansson.
 *
 * Does not know: what the values are for; whether a name is there twice.
 */
#include "http/json.h"

#include <inttypes.h>
#include <string.h>

enum state {
	MARK_2 = -2, /* the second byte of a byte order mark */
	MARK_3,      /* its third byte */
	START,       /* the first byte of all */
	VALUE,
	FIRST_ELEMENT, /* or the end of the array */
	FIRST_NAME,    /* or the end of the object */
	NAME,
	COLON,
	AFTER_VALUE,
	WORD,
	/* in a string */
	STRING,
	ESCAPE,
	HEX,
	/* in a number, behind ... */
	MINUS,
	ZERO,
	INTEGER,
	POINT,
	FRACTION,
	EXPONENT,
	SIGN,
	POWER
};

void json_start(struct json *j, json_handler *handler, void *arg)
{
	memset(j, 0, sizeof(*j));
	j->handler = handler;
	j->arg = arg;
	j->line = 1;
	j->state = START;
}

static enum err refuse(const struct json *j, const char *why)
{
	return err_set(ERR_INVALID, "the JSON is wrong in line %" PRId64 ", column %" PRId64 ": %s",
		j->line, j->at - j->line_at + 1, why);
}

static enum err tell(const struct json *j, enum json_event event)
{
	return j->handler(j->arg, event, NULL, 0);
}

static bool is_in_object(const struct json *j)
{
	int top = j->depth - 1;

	return top >= 0 && j->is_object[top / 8] >> (top % 8) & 1;
}

/* ---- arrays and objects ---- */

static enum err open_one(struct json *j, bool is_object)
{
	unsigned char bit = (unsigned char)(1 << (j->depth % 8));

	if (j->depth == JSON_DEPTH_MAX)
		return refuse(j, "it is nested too deep");
	if (is_object)
		j->is_object[j->depth / 8] |= bit;
	else
		j->is_object[j->depth / 8] &= (unsigned char)~bit;
	j->depth++;
	j->state = is_object ? FIRST_NAME : FIRST_ELEMENT;
	return tell(j, is_object ? EVENT_OBJECT : EVENT_ARRAY);
}

static enum err close_one(struct json *j)
{
	j->depth--;
	j->state = AFTER_VALUE;
	return tell(j, EVENT_CLOSE);
}

/* ---- strings ---- */

/* Hands a character over in UTF-8; also half a surrogate pair: rule (4). */
static enum err tell_code(const struct json *j, unsigned code)
{
	char text[4];
	size_t len = 0;

	if (code == 0 && j->is_name)
		return refuse(j, "a member name has a NUL in it");
	if (code < 0x80) {
		text[len++] = (char)code;
	} else if (code < 0x800) {
		text[len++] = (char)(0xc0 | code >> 6);
	} else if (code < 0x10000) {
		text[len++] = (char)(0xe0 | code >> 12);
		text[len++] = (char)(0x80 | (code >> 6 & 0x3f));
	} else {
		text[len++] = (char)(0xf0 | code >> 18);
		text[len++] = (char)(0x80 | (code >> 12 & 0x3f));
		text[len++] = (char)(0x80 | (code >> 6 & 0x3f));
	}
	if (code >= 0x80)
		text[len++] = (char)(0x80 | (code & 0x3f));
	return j->handler(j->arg, EVENT_TEXT, text, len);
}

/* The first half of a surrogate pair has no second one. */
static enum err tell_half(struct json *j)
{
	unsigned high = j->high;

	j->high = 0;
	return high ? tell_code(j, high) : OK;
}

static enum err end_code(struct json *j)
{
	unsigned high = j->high;
	enum err e;

	j->state = STRING;
	if (high && j->code >= 0xdc00 && j->code <= 0xdfff) {
		j->high = 0;
		return tell_code(j, 0x10000 + ((high - 0xd800) << 10) + (j->code - 0xdc00));
	}
	e = tell_half(j);
	if (j->code < 0xd800 || j->code > 0xdbff)
		return e == OK ? tell_code(j, j->code) : e;
	j->high = j->code;
	return e;
}

static enum err take_hex(struct json *j, unsigned char c)
{
	unsigned letter = (unsigned)(c | 0x20), digit;

	if (c >= '0' && c <= '9')
		digit = (unsigned)(c - '0');
	else if (letter >= 'a' && letter <= 'f')
		digit = letter - 'a' + 10;
	else
		return refuse(j, "an escape in a string is not well-formed");
	j->code = j->code << 4 | digit;
	return --j->digits > 0 ? OK : end_code(j);
}

static enum err take_escape(struct json *j, unsigned char c)
{
	static const char written[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *found = c ? strchr(written, c) : NULL;
	enum err e;

	if (c == 'u') {
		j->code = 0;
		j->digits = 4;
		j->state = HEX;
		return OK;
	}
	if (!found)
		return refuse(j, "an escape in a string is not well-formed");
	j->state = STRING;
	e = tell_half(j);
	return e == OK ? tell_code(j, (unsigned char)meant[found - written]) : e;
}

/* RFC 3629, section 4.  False: this byte cannot be the next one. */
static bool take_utf8(struct json *j, unsigned char c)
{
	if (j->need > 0) {
		if (c < j->low || c > j->top)
			return false;
		j->low = 0x80;
		j->top = 0xbf;
		j->need--;
		return true;
	}
	if (c < 0x80)
		return true;
	if (c < 0xc2 || c > 0xf4)
		return false;
	j->need = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	j->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	j->top = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	return true;
}

/* Reads to the next quote, escape or end of the piece.  *used: bytes of it. */
static enum err take_string(struct json *j, const char *bytes, size_t len, size_t *used)
{
	size_t n = 0;
	enum err e = OK;

	while (n < len && (j->need > 0 || (bytes[n] != '"' && bytes[n] != '\\'))) {
		unsigned char c = (unsigned char)bytes[n];

		if (c < 0x20 || !take_utf8(j, c)) {
			j->at += (int64_t)n;
			return refuse(j, c < 0x20 ? "a string has a control character in it"
						  : "it is not UTF-8");
		}
		n++;
	}
	*used = n;
	if (n > 0)
		e = tell_half(j);
	if (e == OK && n > 0)
		e = j->handler(j->arg, EVENT_TEXT, bytes, n);
	if (e != OK || n == len)
		return e;
	(*used)++;
	if (bytes[n] == '\\') {
		j->state = ESCAPE;
		return OK;
	}
	e = tell_half(j);
	j->state = j->is_name ? COLON : AFTER_VALUE;
	return e == OK ? tell(j, EVENT_END) : e;
}

/* ---- numbers ---- */

/* The state behind c in a number; 0: the number does not go on with it. */
static int next_of_number(int state, unsigned char c)
{
	bool is_digit = c >= '0' && c <= '9';
	bool is_exponent = c == 'e' || c == 'E';

	switch (state) {
	case MINUS:
		return c == '0' ? ZERO : is_digit ? INTEGER : 0;
	case INTEGER:
		return is_digit ? INTEGER : c == '.' ? POINT : is_exponent ? EXPONENT : 0;
	case ZERO:
		return c == '.' ? POINT : is_exponent ? EXPONENT : 0;
	case POINT:
		return is_digit ? FRACTION : 0;
	case FRACTION:
		return is_digit ? FRACTION : is_exponent ? EXPONENT : 0;
	case EXPONENT:
		return is_digit ? POWER : c == '+' || c == '-' ? SIGN : 0;
	default:
		return is_digit ? POWER : 0;
	}
}

static enum err end_number(struct json *j)
{
	if (j->state != ZERO && j->state != INTEGER && j->state != FRACTION && j->state != POWER)
		return refuse(j, "a number is not well-formed");
	j->state = AFTER_VALUE;
	return tell(j, EVENT_END);
}

/* Reads to the end of the number or of the piece. */
static enum err take_number(struct json *j, const char *bytes, size_t len, size_t *used)
{
	size_t n = 0;
	enum err e = OK;
	int next;

	while (n < len && (next = next_of_number(j->state, (unsigned char)bytes[n])) != 0) {
		j->state = next;
		n++;
	}
	*used = n;
	if (n > 0)
		e = j->handler(j->arg, EVENT_TEXT, bytes, n);
	if (e != OK || n == len)
		return e;
	j->at += (int64_t)n;
	e = end_number(j);
	j->at -= (int64_t)n;
	return e;
}

static enum err start_number(struct json *j, unsigned char c)
{
	char text = (char)c;
	enum err e = tell(j, EVENT_NUMBER);

	j->state = c == '-' ? MINUS : c == '0' ? ZERO : INTEGER;
	return e == OK ? j->handler(j->arg, EVENT_TEXT, &text, 1) : e;
}

/* ---- one byte ---- */

static enum err take_word(struct json *j, unsigned char c)
{
	if (c != (unsigned char)*j->word)
		return refuse(j, "it is not well-formed");
	if (*++j->word)
		return OK;
	j->state = AFTER_VALUE;
	return tell(j, j->word_is);
}

static enum err start_word(struct json *j, enum json_event event, const char *rest)
{
	j->word_is = event;
	j->word = rest;
	j->state = WORD;
	return OK;
}

static enum err start_string(struct json *j, bool is_name)
{
	j->is_name = is_name;
	j->state = STRING;
	return tell(j, is_name ? EVENT_NAME : EVENT_STRING);
}

static enum err start_value(struct json *j, unsigned char c)
{
	switch (c) {
	case '{':
	case '[':
		return open_one(j, c == '{');
	case '"':
		return start_string(j, false);
	case 't':
		return start_word(j, EVENT_TRUE, "rue");
	case 'f':
		return start_word(j, EVENT_FALSE, "alse");
	case 'n':
		return start_word(j, EVENT_NULL, "ull");
	default:
		if (c == '-' || (c >= '0' && c <= '9'))
			return start_number(j, c);
		return refuse(j, "it is not well-formed");
	}
}

/* A byte between values, which is no white space. */
static enum err take_structure(struct json *j, unsigned char c)
{
	bool is_object = is_in_object(j);

	switch (j->state) {
	case FIRST_ELEMENT:
		if (c == ']')
			return close_one(j);
		return start_value(j, c);
	case VALUE:
		return start_value(j, c);
	case FIRST_NAME:
		if (c == '}')
			return close_one(j);
		/* fall through */
	case NAME:
		return c == '"' ? start_string(j, true) : refuse(j, "it is not well-formed");
	case COLON:
		j->state = VALUE;
		return c == ':' ? OK : refuse(j, "it is not well-formed");
	default:
		if (j->depth == 0)
			return refuse(j, "something follows its end");
		if (c == (is_object ? '}' : ']'))
			return close_one(j);
		j->state = is_object ? NAME : VALUE;
		return c == ',' ? OK : refuse(j, "it is not well-formed");
	}
}

/* The first bytes, which may be a byte order mark. */
static enum err take_mark(struct json *j, unsigned char c, bool *is_used)
{
	*is_used = true;
	if (j->state == START && c == 0xef)
		j->state = MARK_2;
	else if (j->state == MARK_2 && c == 0xbb)
		j->state = MARK_3;
	else if (j->state == MARK_3 && c == 0xbf)
		j->state = VALUE;
	else if (j->state == START)
		*is_used = false;
	else
		return refuse(j, "it is not well-formed");
	if (!*is_used)
		j->state = VALUE;
	return OK;
}

/* Reads one byte that is not in a string or number. */
static enum err take_byte(struct json *j, unsigned char c)
{
	bool is_used = false;
	enum err e = j->state <= START ? take_mark(j, c, &is_used) : OK;

	if (e != OK || is_used)
		return e;
	if (j->state == WORD)
		return take_word(j, c);
	if (j->state == ESCAPE)
		return take_escape(j, c);
	if (j->state == HEX)
		return take_hex(j, c);
	if (c == '\n') {
		j->line++;
		j->line_at = j->at + 1;
	}
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' ? OK : take_structure(j, c);
}

enum err json_feed(struct json *j, const char *bytes, size_t len)
{
	enum err e = OK;

	while (len > 0 && e == OK) {
		size_t used = 1;

		if (j->state == STRING)
			e = take_string(j, bytes, len, &used);
		else if (j->state >= MINUS)
			e = take_number(j, bytes, len, &used);
		else
			e = take_byte(j, (unsigned char)*bytes);
		bytes += used;
		len -= used;
		j->at += (int64_t)used;
	}
	return e;
}

enum err json_finish(struct json *j)
{
	enum err e = j->state >= MINUS ? end_number(j) : OK;

	if (e == OK && (j->state != AFTER_VALUE || j->depth > 0))
		return refuse(j, "it ends too early");
	return e;
}
