/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire.c - values on the wire, by libtirpc's XDR in memory.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

struct in_string {
	struct in_string *next;
	char text[];
};

void in_init(struct in *in, const void *data, size_t len)
{
	in->bad = false;
	in->strings = NULL;
	/* It decodes only, and so does not write. */
	xdrmem_create(&in->xdr, (char *)data, (u_int)len, XDR_DECODE);
}

void in_free(struct in *in)
{
	while (in->strings) {
		struct in_string *s = in->strings;

		in->strings = s->next;
		free(s);
	}
	xdr_destroy(&in->xdr);
}

size_t in_left(struct in *in)
{
	return in->xdr.x_handy;
}

uint32_t in_u32(struct in *in)
{
	uint32_t v = 0;

	if (in->bad || !xdr_uint32_t(&in->xdr, &v))
		in->bad = true;
	return in->bad ? 0 : v;
}

int32_t in_i32(struct in *in)
{
	return (int32_t)in_u32(in);
}

uint64_t in_u64(struct in *in)
{
	uint64_t high = in_u32(in);

	return high << 32 | in_u32(in);
}

double in_double(struct in *in)
{
	double v = 0;

	if (in->bad || !xdr_double(&in->xdr, &v))
		in->bad = true;
	return in->bad ? 0 : v;
}

uint32_t in_count(struct in *in, uint32_t max, size_t item)
{
	uint32_t n = in_u32(in);

	if (n > max || n > in_left(in) / item)
		in->bad = true;
	return in->bad ? 0 : n;
}

const char *in_string(struct in *in)
{
	uint32_t len = in_count(in, WIRE_STRING, 1);
	struct in_string *s;

	if (in->bad)
		return "";
	s = malloc(sizeof(*s) + len + 1);
	if (!s || !xdr_opaque(&in->xdr, s->text, len)) {
		in->bad = true;
		free(s);
		return "";
	}
	s->text[len] = 0;
	s->next = in->strings;
	in->strings = s;
	if (strlen(s->text) != len) {
		in->bad = true;
		return "";
	}
	return s->text;
}

const char *in_optional(struct in *in)
{
	uint32_t there = in_u32(in);

	if (there > 1)
		in->bad = true;
	return there && !in->bad ? in_string(in) : NULL;
}

void in_uuid(struct in *in, uint8_t uuid[UUID_BYTES])
{
	if (in->bad || !xdr_opaque(&in->xdr, (char *)uuid, UUID_BYTES)) {
		in->bad = true;
		memset(uuid, 0, UUID_BYTES);
	}
}

void in_header(struct in *in, struct wire_header *h)
{
	h->program = in_u32(in);
	h->version = in_u32(in);
	h->procedure = in_i32(in);
	h->type = in_u32(in);
	h->serial = in_u32(in);
	h->status = in_u32(in);
}

/* Make sure that len more bytes fit. */
static bool ensure(struct out *out, size_t len)
{
	size_t at = out->data ? xdr_getpos(&out->xdr) : 0, room = out->room;
	char *data;

	if (out->bad || len > WIRE_MAX || at + len > WIRE_MAX) {
		out->bad = true;
		return false;
	}
	if (at + len <= room)
		return true;
	while (room < at + len)
		room *= 2;
	data = realloc(out->data, room);
	if (!data) {
		out->bad = true;
		return false;
	}
	out->data = data;
	out->room = room;
	xdrmem_create(&out->xdr, data, (u_int)room, XDR_ENCODE);
	xdr_setpos(&out->xdr, (u_int)at);
	return true;
}

int64_t in_param(struct in *in, const char **name)
{
	*name = in_string(in);
	switch (in_i32(in)) {
	case PARAM_INT:
		return in_i32(in);
	case PARAM_UINT:
		return in_u32(in);
	case PARAM_LLONG:
	case PARAM_ULLONG:
		return (int64_t)in_u64(in);
	}
	in->bad = true;
	return 0;
}

void out_init(struct out *out, const struct wire_header *h)
{
	out->bad = false;
	out->room = 512;
	out->data = malloc(out->room);
	if (!out->data) {
		out->bad = true;
		return;
	}
	xdrmem_create(&out->xdr, out->data, (u_int)out->room, XDR_ENCODE);
	out_u32(out, 0);
	out_u32(out, h->program);
	out_u32(out, h->version);
	out_i32(out, h->procedure);
	out_u32(out, h->type);
	out_u32(out, h->serial);
	out_u32(out, h->status);
}

void out_u32(struct out *out, uint32_t v)
{
	if (ensure(out, 4))
		xdr_uint32_t(&out->xdr, &v);
}

void out_i32(struct out *out, int32_t v)
{
	out_u32(out, (uint32_t)v);
}

void out_u64(struct out *out, uint64_t v)
{
	out_u32(out, (uint32_t)(v >> 32));
	out_u32(out, (uint32_t)v);
}

void out_raw(struct out *out, const void *data, size_t len)
{
	if (ensure(out, len + 3))
		xdr_opaque(&out->xdr, (char *)data, (u_int)len); /* padded to 4 bytes */
}

void out_bytes(struct out *out, const void *data, size_t len)
{
	if (ensure(out, len))
		xdr_putbytes(&out->xdr, data, (u_int)len);
}

void out_opaque(struct out *out, const void *data, size_t len)
{
	out_u32(out, (uint32_t)len);
	out_raw(out, data, len);
}

void out_string(struct out *out, const char *s)
{
	out_opaque(out, s, strlen(s));
}

void out_optional(struct out *out, const char *s)
{
	out_u32(out, s ? 1 : 0);
	if (s)
		out_string(out, s);
}

void out_uuid(struct out *out, const uint8_t uuid[UUID_BYTES])
{
	out_raw(out, uuid, UUID_BYTES);
}

size_t out_mark(struct out *out)
{
	size_t mark = out->bad ? 0 : xdr_getpos(&out->xdr);

	out_u32(out, 0);
	return mark;
}

void out_patch(struct out *out, size_t mark, uint32_t v)
{
	if (out->bad)
		return;
	for (int i = 0; i < 4; i++)
		out->data[mark + (size_t)i] = (char)(v >> (24 - 8 * i));
}

char *out_finish(struct out *out, size_t *len)
{
	char *data = out->data;

	if (out->bad) {
		out_free(out);
		return NULL;
	}
	*len = xdr_getpos(&out->xdr);
	out_patch(out, 0, (uint32_t)*len);
	xdr_destroy(&out->xdr);
	out->data = NULL;
	return data;
}

void out_param_u64(struct out *out, uint32_t *n, const char *name, uint64_t v)
{
	out_string(out, name);
	out_i32(out, PARAM_ULLONG);
	out_u64(out, v);
	++*n;
}

void out_param_word(struct out *out, uint32_t *n, const char *name, int type, uint32_t v)
{
	out_string(out, name);
	out_i32(out, type);
	out_u32(out, v);
	++*n;
}

void out_param_string(struct out *out, uint32_t *n, const char *name, const char *v)
{
	out_string(out, name);
	out_i32(out, PARAM_STRING);
	out_string(out, v);
	++*n;
}

__attribute__((format(printf, 3, 0))) void out_param_numbered(struct out *out, uint32_t *n, const char *fmt, unsigned i,
							      uint64_t v)
{
	char name[64];

	snprintf(name, sizeof(name), fmt, i);
	out_param_u64(out, n, name, v);
}

void out_free(struct out *out)
{
	if (out->data)
		xdr_destroy(&out->xdr);
	free(out->data);
	out->data = NULL;
}

void uuid_text(const uint8_t uuid[UUID_BYTES], char text[UUID_TEXT])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < UUID_BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*text++ = '-';
		*text++ = digits[uuid[i] >> 4];
		*text++ = digits[uuid[i] & 15];
	}
	*text = 0;
}

bool uuid_parse(const char *text, uint8_t uuid[UUID_BYTES])
{
	int n = 0;

	for (; *text; text++) {
		int c = tolower((unsigned char)*text), v;

		if (c == '-' || isspace(c))
			continue;
		if (!isxdigit(c) || n == 2 * UUID_BYTES)
			return false;
		v = c <= '9' ? c - '0' : c - 'a' + 10;
		uuid[n / 2] = (uint8_t)(n % 2 ? uuid[n / 2] | v : v << 4);
		n++;
	}
	return n == 2 * UUID_BYTES;
}
