/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.h - JSON text (RFC 8259), read into a flat table and written into a buffer.
 *
 * Strings hold bytes: code point U+00NN stands for byte NN, and a text with a higher one is refused.
 * Numbers are whole and fit 64 bits.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define JSON_VALUES 64 /* in one text		*/
#define JSON_DEPTH  8

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_value {
	enum json_type type;
	unsigned parent;  /* its array or object; the first value's own index	*/
	const char *key;  /* in an object, else NULL	*/
	const char *text; /* STRING: its bytes and a NUL	*/
	size_t len;
	int64_t number;
};

struct json {
	struct json_value value[JSON_VALUES]; /* [0]: the whole	*/
	unsigned nr;
};

/* Parse a text; strings are unescaped in place and stay there.  NULL, or what is wrong. */
const char *json_parse(struct json *j, char *text, size_t len);
/* A member of the outermost object: its bytes, NULL if it is missing or no string. */
const char *json_string(const struct json *j, const char *key, size_t *len);
/* 0, or -1: it is missing, or no number of [least, most]. */
int json_number(const struct json *j, const char *key, int64_t least, int64_t most, int64_t *out);
/* Is it there, and true? */
int json_true(const struct json *j, const char *key);
int json_has(const struct json *j, const char *key);

/* Text that grows in a buffer.  What does not fit is left out and remembered. */
struct json_out {
	char *buf;
	size_t size, len;
	int overflow;
	int first; /* nothing was put into the innermost array or object yet	*/
};

void json_begin(struct json_out *o, char *buf, size_t size);
/* key: NULL in an array and for the outermost. */
void json_open(struct json_out *o, const char *key, char bracket);
void json_close(struct json_out *o, char bracket);
void json_put_string(struct json_out *o, const char *key, const char *text);
void json_put_bytes(struct json_out *o, const char *key, const char *bytes, size_t len);
void json_put_number(struct json_out *o, const char *key, int64_t n);
void json_put_bool(struct json_out *o, const char *key, int yes);
