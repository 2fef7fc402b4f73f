/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vsnprintf.c - formatted text: d i u x X p s c %, flags 0 and -, width, .precision for s, l ll z.
 */
#include <core/lib.h>

struct out {
	char *buf;
	size_t size, len;
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void pad(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

static void put_field(struct out *o, const char *s, int len, int width, bool left, char fill)
{
	if (!left)
		pad(o, fill, width - len);
	for (int i = 0; i < len; i++)
		put(o, s[i]);
	if (left)
		pad(o, ' ', width - len);
}

static void put_number(struct out *o, uint64_t v, bool negative, unsigned base, bool upper, int width, bool left,
		       bool zero)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24];
	int at = sizeof(text);

	do {
		text[--at] = digits[v % base];
		v /= base;
	} while (v);
	if (negative && zero && !left) {
		put(o, '-');
		width--;
	} else if (negative) {
		text[--at] = '-';
	}
	put_field(o, text + at, (int)sizeof(text) - at, width, left, zero && !left ? '0' : ' ');
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, size, 0 };

	for (; *fmt; fmt++) {
		bool left = false, zero = false;
		int width = 0, precision = -1, longs = 0;
		const char *s;
		int64_t i;
		int n;

		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		for (fmt++; *fmt == '-' || *fmt == '0' || *fmt == '#'; fmt++) {
			left |= *fmt == '-';
			zero |= *fmt == '0';
		}
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + (*fmt - '0');
		if (*fmt == '.')
			for (precision = 0, fmt++; *fmt >= '0' && *fmt <= '9'; fmt++)
				precision = precision * 10 + (*fmt - '0');
		for (; *fmt == 'l' || *fmt == 'z'; fmt++)
			longs++;
		switch (*fmt) {
		case 'd':
		case 'i':
			i = longs ? va_arg(ap, int64_t) : va_arg(ap, int);
			put_number(&o, i < 0 ? -(uint64_t)i : (uint64_t)i, i < 0, 10, false, width, left, zero);
			break;
		case 'u':
		case 'x':
		case 'X':
			put_number(&o, longs ? va_arg(ap, uint64_t) : va_arg(ap, unsigned), false,
				   *fmt == 'u' ? 10 : 16, *fmt == 'X', width, left, zero);
			break;
		case 'p':
			put_number(&o, (uint64_t)va_arg(ap, void *), false, 16, false, 16, false, true);
			break;
		case 's':
			s = va_arg(ap, const char *);
			if (!s)
				s = "(null)";
			for (n = 0; s[n] && n != precision; n++)
				;
			put_field(&o, s, n, width, left, ' ');
			break;
		case 'c':
			put(&o, (char)va_arg(ap, int));
			break;
		case 0:
			fmt--;
			break;
		default:
			put(&o, *fmt);
		}
	}
	if (size)
		buf[MIN(o.len, size - 1)] = 0;
	return (int)o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
