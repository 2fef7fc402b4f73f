/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vsnprintf.c - text by a format (text.h).
 */
#include "text.h"

struct output {
	char *to;
	size_t size, len;
	int zero, width; /* of the conversion at work	*/
};

static void put(struct output *o, char c)
{
	if (o->len + 1 < o->size)
		o->to[o->len] = c;
	o->len++;
}

static void pad(struct output *o, char c, int nr)
{
	while (nr-- > 0)
		put(o, c);
}

/* Zeroes stand behind the prefix, spaces before it. */
static void put_field(struct output *o, const char *prefix, const char *text, int len)
{
	int room = o->width - len - (int)strlen(prefix);

	if (!o->zero)
		pad(o, ' ', room);
	while (*prefix)
		put(o, *prefix++);
	if (o->zero)
		pad(o, '0', room);
	for (int i = 0; i < len; i++)
		put(o, text[i]);
}

static void put_number(struct output *o, const char *prefix, uint64_t value, unsigned base)
{
	char text[24];
	int at = sizeof(text);

	do {
		text[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	put_field(o, prefix, text + at, (int)sizeof(text) - at);
}

int vsnprintf(char *to, size_t size, const char *fmt, va_list args)
{
	struct output o = { .to = to, .size = size };

	for (; *fmt; fmt++) {
		const char *text;
		int longs = 0;
		int64_t value;
		char c;

		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		o.zero = *++fmt == '0';
		for (o.width = 0; *fmt >= '0' && *fmt <= '9'; fmt++)
			o.width = o.width * 10 + *fmt - '0';
		for (; *fmt == 'l' || *fmt == 'z'; fmt++)
			longs = 1;
		switch (*fmt) {
		case 'd':
			value = longs ? va_arg(args, int64_t) : va_arg(args, int);
			put_number(&o, value < 0 ? "-" : "", value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
			break;
		case 'u':
		case 'x':
			put_number(&o, "", longs ? va_arg(args, uint64_t) : va_arg(args, unsigned),
				   *fmt == 'u' ? 10 : 16);
			break;
		case 'p':
			put_number(&o, "0x", (uintptr_t)va_arg(args, void *), 16);
			break;
		case 's':
			text = va_arg(args, const char *);
			text = text ? text : "(null)";
			put_field(&o, "", text, (int)strlen(text));
			break;
		case 'c':
			c = (char)va_arg(args, int);
			put_field(&o, "", &c, 1);
			break;
		default:
			put(&o, *fmt);
		}
	}
	if (size)
		to[o.len < size ? o.len : size - 1] = 0;
	return (int)o.len;
}

int snprintf(char *to, size_t size, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(to, size, fmt, args);
	va_end(args);
	return len;
}
