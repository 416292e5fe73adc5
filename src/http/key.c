/* SPDX-License-Identifier: ISC */
/*
 * http/key.c - parses an idempotency key
 *
 * RULES
 *   (1) A key that is present and malformed is an error, never an absent key (unit/key).
 *   (2) More than one key is an error, also as a list joined by commas: servers deliver two fields
 *       of one name so (unit/key).
 *   (3) "k" and k are the same key (unit/key).
 *   (4) A message says which rule the value breaks and never quotes the value (unit/key).
 *
 * Two field lines with the two halves of a quoted string ("a and b") arrive joined as "a, b", a
 * valid String: the two cannot be distinguished.
 *
 * Knows neither routes nor the use of a key.
 */
#include "http/key.h"

#include <stdbool.h>
#include <string.h>

/* The unread rest of a field value. */
struct scan {
	const char *p;
	const char *end;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_alpha(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool take_char(struct scan *in, char c)
{
	if (in->p == in->end || *in->p != c)
		return false;
	in->p++;
	return true;
}

static void skip_spaces(struct scan *in)
{
	while (take_char(in, ' '))
		;
}

/*
 * RFC 8941, 4.2.5: a String.  `in` is at the opening quote, and afterwards behind the closing one.
 * out NULL: the text is only checked.  Returns NULL, or the mistake in it.
 */
static const char *read_string(struct scan *in, struct key *out)
{
	size_t len = 0;

	for (in->p++; in->p < in->end; in->p++) {
		char c = *in->p;

		if (c == '"') {
			in->p++;
			if (out) {
				out->text[len] = '\0';
				out->len = len;
			}
			return NULL;
		}
		if (c == '\\') {
			if (++in->p == in->end || !is_one_of(*in->p, "\"\\"))
				return "has a backslash that does not stand before a quote or a "
				       "backslash";
			c = *in->p;
		} else if (c < 0x20 || c > 0x7e) {
			return "has a character that is not printable ASCII";
		}
		if (out) {
			if (len == KEY_MAX)
				return "is longer than 255 characters";
			out->text[len++] = c;
		}
	}
	return "has an opening quote and no closing one";
}

/* RFC 8941, 4.2.4: 1 to 15 digits, or 1 to 12 digits, a point, and 1 to 3 digits. */
static bool skip_number(struct scan *in, bool may_have_point)
{
	size_t whole = 0, fraction = 0;

	take_char(in, '-');
	for (; in->p < in->end && is_digit(*in->p); in->p++)
		whole++;
	if (whole < 1 || whole > 15)
		return false;
	if (!may_have_point || !take_char(in, '.'))
		return true;
	for (; in->p < in->end && is_digit(*in->p); in->p++)
		fraction++;
	return whole <= 12 && fraction >= 1 && fraction <= 3;
}

/* RFC 8941, 4.2.6; the caller has seen the first character. */
static bool skip_token(struct scan *in)
{
	while (in->p < in->end &&
		(is_alpha(*in->p) || is_digit(*in->p) || is_one_of(*in->p, "!#$%&'*+-.^_`|~:/")))
		in->p++;
	return true;
}

/* RFC 8941, 4.2.7: base64 between colons. */
static bool skip_bytes(struct scan *in)
{
	in->p++;
	while (in->p < in->end && (is_alpha(*in->p) || is_digit(*in->p) || is_one_of(*in->p, "+/")))
		in->p++;
	while (take_char(in, '='))
		;
	return take_char(in, ':');
}

/* RFC 9651, 4.2.10: a Display String.  That its octets are UTF-8 is not checked: it is ignored. */
static bool skip_display_string(struct scan *in)
{
	const char *hex = "0123456789abcdef";

	in->p++;
	if (!take_char(in, '"'))
		return false;
	for (; in->p < in->end && *in->p != '"'; in->p++) {
		if (*in->p < 0x20 || *in->p > 0x7e)
			return false;
		if (*in->p != '%')
			continue;
		if (in->end - in->p < 3 || !is_one_of(in->p[1], hex) || !is_one_of(in->p[2], hex))
			return false;
		in->p += 2;
	}
	return take_char(in, '"');
}

/* RFC 8941, 4.2.3.1, with the Date and the Display String of RFC 9651. */
static bool skip_bare_item(struct scan *in)
{
	if (in->p == in->end)
		return false;
	switch (*in->p) {
	case '"':
		return read_string(in, NULL) == NULL;
	case ':':
		return skip_bytes(in);
	case '?':
		in->p++;
		return take_char(in, '0') || take_char(in, '1');
	case '@':
		in->p++;
		return skip_number(in, false);
	case '%':
		return skip_display_string(in);
	default:
		if (is_alpha(*in->p) || *in->p == '*')
			return skip_token(in);
		return skip_number(in, true);
	}
}

/* RFC 8941, 4.2.3.2: *( ";" *SP key [ "=" bare-item ] ) */
static bool skip_parameters(struct scan *in)
{
	while (take_char(in, ';')) {
		skip_spaces(in);
		if (in->p == in->end || !(is_lower(*in->p) || *in->p == '*'))
			return false;
		while (in->p < in->end &&
			(is_lower(*in->p) || is_digit(*in->p) || is_one_of(*in->p, "_-.*")))
			in->p++;
		if (take_char(in, '=') && !skip_bare_item(in))
			return false;
	}
	return true;
}

static enum err refuse_many(const char *name)
{
	return err_set(ERR_INVALID, "more than one %s was sent; send exactly one", name);
}

/* The String form: "k", with parameters, which have no meaning here. */
static enum err parse_item(struct scan *in, const char *name, struct key *key)
{
	const char *fault = read_string(in, key);

	if (fault)
		return err_set(ERR_INVALID, "the %s %s", name, fault);
	if (!skip_parameters(in))
		return err_set(ERR_INVALID,
			"the %s is followed by parameters that are malformed (RFC 8941)", name);
	while (take_char(in, ' ') || take_char(in, '\t'))
		;
	if (take_char(in, ','))
		return refuse_many(name);
	if (in->p != in->end)
		return err_set(ERR_INVALID,
			"the %s is followed by something after its closing quote", name);
	return OK;
}

/* The bare form: k, without comma, semicolon and quote, so that it is never half of a String. */
static enum err parse_bare(struct scan *in, const char *name, struct key *key)
{
	size_t len = (size_t)(in->end - in->p);

	for (const char *p = in->p; p < in->end; p++) {
		if (is_one_of(*p, ";\""))
			return err_set(ERR_INVALID,
				"the %s has a quote or a semicolon in it and is not in double "
				"quotes",
				name);
		if (*p < 0x21 || *p > 0x7e)
			return err_set(ERR_INVALID,
				"the %s has a space or a character that is not visible ASCII in it",
				name);
	}
	if (len > KEY_MAX)
		return err_set(ERR_INVALID, "the %s is longer than %d characters", name, KEY_MAX);
	memcpy(key->text, in->p, len);
	key->text[len] = '\0';
	key->len = len;
	return OK;
}

enum err key_parse_bare(const char *value, size_t len, const char *name, struct key *out)
{
	struct scan in = {value, value + len};
	struct key key = {.len = 0};
	enum err rc;

	if (len == 0)
		rc = err_set(ERR_INVALID, "the %s is empty; it must have 1 to %d characters", name,
			KEY_MAX);
	else if (memchr(value, ',', len))
		rc = err_set(ERR_INVALID, "the %s has a comma in it", name);
	else
		rc = parse_bare(&in, name, &key);
	if (rc == OK)
		*out = key;
	return rc;
}

enum err key_parse(
	const char *value, size_t len, enum key_syntax mode, const char *name, struct key *out)
{
	struct scan in = {value, value};
	struct key key = {.len = 0};
	enum err rc;

	/* RFC 8941, 4.2: spaces (not tabs) around the Item are discarded. */
	while (len > 0 && value[len - 1] == ' ')
		len--;
	if (len > 0)
		in.end = value + len;
	skip_spaces(&in);

	if (in.p == in.end)
		return err_set(ERR_INVALID, "the %s is empty; it must have 1 to %d characters",
			name, KEY_MAX);
	if (*in.p == '"')
		rc = parse_item(&in, name, &key);
	else if (memchr(in.p, ',', (size_t)(in.end - in.p)))
		rc = refuse_many(name);
	else if (mode == KEY_SYNTAX_STRICT)
		rc = err_set(
			ERR_INVALID, "the %s must be a String in double quotes (RFC 8941)", name);
	else
		rc = parse_bare(&in, name, &key);
	if (rc != OK)
		return rc;

	if (strspn(key.text, " ") == key.len)
		return err_set(ERR_INVALID,
			"the %s is blank; it must have 1 to %d characters that are not all spaces",
			name, KEY_MAX);
	*out = key;
	return OK;
}
