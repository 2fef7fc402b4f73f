/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.c - JSON without recursion: the parser keeps where it is in the table of values itself.
 */
#include <runtime/print.h>
#include <runtime/string.h>

#include "json.h"

struct parser {
	char *p, *end;
	const char *error;
};

static int fail(struct parser *s, const char *why)
{
	if (!s->error)
		s->error = why;
	return -1;
}

static void blanks(struct parser *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r' || *s->p == '\n'))
		s->p++;
}

/* The next character that is no blank, taken; 0 at the end. */
static int take(struct parser *s)
{
	blanks(s);
	return s->p < s->end ? (unsigned char)*s->p++ : 0;
}

static int hex(int c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* What stands behind a backslash: the byte, or -1. */
static int escape(struct parser *s)
{
	static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	int c = s->p < s->end ? (unsigned char)*s->p++ : 0, n = 0;
	const char *at = c ? strchr(names, c) : NULL;

	if (at)
		return bytes[at - names];
	if (c != 'u' || s->end - s->p < 4)
		return fail(s, "a string has a bad escape");
	for (unsigned i = 0; i < 4; i++) {
		int digit = hex((unsigned char)*s->p++);

		if (digit < 0)
			return fail(s, "a string has a bad escape");
		n = n << 4 | digit;
	}
	return n < 256 ? n : fail(s, "a string has a character above U+00FF");
}

/* Behind the opening quote.  Unescaped text is never longer than it was. */
static int string(struct parser *s, const char **text, size_t *len)
{
	char *to = s->p;

	*text = to;
	while (s->p < s->end && *s->p != '"') {
		int c = (unsigned char)*s->p++;

		if (c < 32)
			return fail(s, "a string has a control character");
		if (c == '\\') {
			c = escape(s);
		} else if (c >= 128) { /* UTF-8 of U+0080 to U+00FF */
			if ((c != 0xc2 && c != 0xc3) || s->p == s->end || (*s->p & 0xc0) != 0x80)
				return fail(s, "a string has a character above U+00FF, or is no UTF-8");
			c = (c & 3) << 6 | (*s->p++ & 0x3f);
		}
		if (c < 0)
			return -1;
		*to++ = (char)c;
	}
	if (s->p == s->end)
		return fail(s, "a string has no end");
	s->p++;
	*len = (size_t)(to - *text);
	*to = 0;
	return 0;
}

static int number(struct parser *s, int64_t *out)
{
	int minus = *s->p == '-';
	uint64_t n = 0;

	s->p += minus;
	if (s->p == s->end || *s->p < '0' || *s->p > '9')
		return fail(s, "a value is wanted");
	if (*s->p == '0' && s->p + 1 < s->end && s->p[1] >= '0' && s->p[1] <= '9')
		return fail(s, "a number begins with 0");
	for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
		uint64_t digit = (uint64_t)(*s->p - '0');

		if (n > (INT64_MAX - digit) / 10)
			return fail(s, "a number is too large");
		n = n * 10 + digit;
	}
	if (s->p < s->end && (*s->p == '.' || (*s->p | 32) == 'e'))
		return fail(s, "a number is not whole");
	*out = minus ? -(int64_t)n : (int64_t)n;
	return 0;
}

static int word(struct parser *s, struct json_value *v)
{
	static const struct {
		const char *text;
		enum json_type type;
	} words[] = { { "null", JSON_NULL }, { "true", JSON_TRUE }, { "false", JSON_FALSE } };

	for (unsigned i = 0; i < 3; i++) {
		size_t len = strlen(words[i].text);

		if ((size_t)(s->end - s->p) >= len && !memcmp(s->p, words[i].text, len)) {
			v->type = words[i].type;
			s->p += len;
			return 0;
		}
	}
	v->type = JSON_NUMBER;
	return number(s, &v->number);
}

static struct json_value *value_new(struct parser *s, struct json *j, unsigned parent, const char *key)
{
	struct json_value *v = &j->value[j->nr];

	if (j->nr == JSON_VALUES) {
		fail(s, "there are too many values");
		return NULL;
	}
	*v = (struct json_value){ .parent = parent, .key = key };
	j->nr++;
	return v;
}

/* A value up to where its first member would stand: 1 if it is an array or object, 0 if it is done. */
static int value(struct parser *s, struct json_value *v)
{
	blanks(s);
	if (s->p == s->end)
		return fail(s, "a value is wanted");
	switch (*s->p) {
	case '{':
	case '[':
		v->type = *s->p++ == '{' ? JSON_OBJECT : JSON_ARRAY;
		return 1;
	case '"':
		s->p++;
		v->type = JSON_STRING;
		return string(s, &v->text, &v->len);
	}
	return word(s, v);
}

static int key(struct parser *s, const char **text)
{
	size_t len;

	if (take(s) != '"')
		return fail(s, "a key is wanted");
	if (string(s, text, &len))
		return -1;
	return take(s) == ':' ? 0 : fail(s, "':' is wanted");
}

const char *json_parse(struct json *j, char *text, size_t len)
{
	struct parser s = { .p = text, .end = text + len };
	unsigned open[JSON_DEPTH], depth = 0;
	int fresh = 0; /* the innermost has no member yet */

	j->nr = 0;
	do {
		const char *name = NULL;
		struct json_value *v;
		int rc;

		if (depth) { /* behind a member, or behind an opening bracket */
			const struct json_value *in = &j->value[open[depth - 1]];
			int end = in->type == JSON_OBJECT ? '}' : ']';

			blanks(&s);
			if (s.p < s.end && *s.p == end) {
				s.p++;
				depth--;
				fresh = 0;
				continue;
			}
			if (!fresh && take(&s) != ',')
				fail(&s, "',' or a closing bracket is wanted");
			if (!s.error && in->type == JSON_OBJECT)
				key(&s, &name);
			if (s.error)
				return s.error;
		}
		v = value_new(&s, j, depth ? open[depth - 1] : 0, name);
		rc = v ? value(&s, v) : -1;
		if (rc < 0)
			return s.error;
		fresh = rc;
		if (rc && depth == JSON_DEPTH)
			return "it is nested too deep";
		if (rc)
			open[depth++] = j->nr - 1;
	} while (depth);
	blanks(&s);
	return s.p == s.end ? NULL : "there is something behind the value";
}

static const struct json_value *member(const struct json *j, const char *name)
{
	if (j->nr && j->value[0].type == JSON_OBJECT)
		for (unsigned i = 1; i < j->nr; i++)
			if (j->value[i].parent == 0 && !strcmp(j->value[i].key, name))
				return &j->value[i];
	return NULL;
}

const char *json_string(const struct json *j, const char *name, size_t *len)
{
	const struct json_value *v = member(j, name);

	if (!v || v->type != JSON_STRING)
		return NULL;
	if (len)
		*len = v->len;
	return v->text;
}

int json_number(const struct json *j, const char *name, int64_t least, int64_t most, int64_t *out)
{
	const struct json_value *v = member(j, name);

	if (!v || v->type != JSON_NUMBER || v->number < least || v->number > most)
		return -1;
	*out = v->number;
	return 0;
}

int json_true(const struct json *j, const char *name)
{
	const struct json_value *v = member(j, name);

	return v && v->type == JSON_TRUE;
}

int json_has(const struct json *j, const char *name)
{
	return member(j, name) != NULL;
}

/* ---- writing ---- */

static void add(struct json_out *o, const char *text, size_t len)
{
	if (len > o->size - o->len) {
		o->overflow = 1;
		return;
	}
	memcpy(o->buf + o->len, text, len);
	o->len += len;
}

static void add_bytes(struct json_out *o, const char *bytes, size_t len)
{
	char esc[8];

	add(o, "\"", 1);
	for (size_t i = 0; i < len && !o->overflow; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c == '"' || c == '\\')
			add(o, (char[]){ '\\', (char)c }, 2);
		else if (c == '\n' || c == '\r')
			add(o, c == '\n' ? "\\n" : "\\r", 2);
		else if (c < 32 || c > 126)
			add(o, esc, (size_t)snprintf(esc, sizeof(esc), "\\u%04x", c));
		else
			add(o, (const char *)&c, 1);
	}
	add(o, "\"", 1);
}

/* What stands before a value. */
static void before(struct json_out *o, const char *name)
{
	if (!o->first)
		add(o, ",", 1);
	o->first = 0;
	if (name) {
		add_bytes(o, name, strlen(name));
		add(o, ":", 1);
	}
}

void json_begin(struct json_out *o, char *buf, size_t size)
{
	*o = (struct json_out){ .buf = buf, .size = size, .first = 1 };
}

void json_open(struct json_out *o, const char *name, char bracket)
{
	before(o, name);
	add(o, &bracket, 1);
	o->first = 1;
}

void json_close(struct json_out *o, char bracket)
{
	add(o, &bracket, 1);
	o->first = 0;
}

void json_put_bytes(struct json_out *o, const char *name, const char *bytes, size_t len)
{
	before(o, name);
	add_bytes(o, bytes, len);
}

void json_put_string(struct json_out *o, const char *name, const char *text)
{
	json_put_bytes(o, name, text, strlen(text));
}

void json_put_number(struct json_out *o, const char *name, int64_t n)
{
	char text[24];

	before(o, name);
	add(o, text, (size_t)snprintf(text, sizeof(text), "%ld", (long)n));
}

void json_put_bool(struct json_out *o, const char *name, int yes)
{
	before(o, name);
	add(o, yes ? "true" : "false", yes ? 4 : 5);
}
