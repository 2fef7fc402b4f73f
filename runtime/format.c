/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * format.c - vsnprintf: text by a format.
 */
#include <runtime/print.h>
#include <runtime/string.h>

struct output {
	char *to;
	size_t size; /* bytes at `to`		*/
	size_t len;  /* of the whole text	*/
};

struct spec {
	int left, zero;
	int width;
	int precision; /* -1: none */
	int length;    /* 0 int, 1 long and size_t, -1 short, -2 char */
};

static void put(struct output *out, char c)
{
	if (out->len + 1 < out->size)
		out->to[out->len] = c;
	out->len++;
}

static void pad(struct output *out, char c, int nr)
{
	while (nr-- > 0)
		put(out, c);
}

static void put_text(struct output *out, const struct spec *spec, const char *text, int len)
{
	if (!spec->left)
		pad(out, ' ', spec->width - len);
	for (int i = 0; i < len; i++)
		put(out, text[i]);
	if (spec->left)
		pad(out, ' ', spec->width - len);
}

static void put_number(struct output *out, const struct spec *spec, uint64_t value, const char *prefix, unsigned base,
		       const char *digits)
{
	char text[24];
	int at = sizeof(text), len, prefix_len = strlen(prefix);

	do {
		text[--at] = digits[value % base];
		value /= base;
	} while (value);
	len = (int)sizeof(text) - at;

	if (!spec->left && !spec->zero)
		pad(out, ' ', spec->width - len - prefix_len);
	for (const char *p = prefix; *p; p++)
		put(out, *p);
	if (!spec->left && spec->zero)
		pad(out, '0', spec->width - len - prefix_len);
	while (at < (int)sizeof(text))
		put(out, text[at++]);
	if (spec->left)
		pad(out, ' ', spec->width - len - prefix_len);
}

/* The decimal number at *fmt, or the next argument for '*'. */
#define FORMAT_NUMBER(fmt, args)                                                 \
	({                                                                       \
		int number_ = 0;                                                 \
		if (*(fmt) == '*') {                                             \
			number_ = va_arg(args, int);                             \
			(fmt)++;                                                 \
		} else                                                           \
			while (*(fmt) >= '0' && *(fmt) <= '9' && number_ < 1000) \
				number_ = number_ * 10 + *(fmt)++ - '0';         \
		number_;                                                         \
	})

#define FORMAT_ARG(type, args, length) ((length) > 0 ? va_arg(args, type long) : (type long)va_arg(args, type int))

int vsnprintf(char *to, size_t size, const char *fmt, va_list args)
{
	struct output out = { to, size, 0 };

	for (; *fmt; fmt++) {
		struct spec spec = { .precision = -1 };

		if (*fmt != '%') {
			put(&out, *fmt);
			continue;
		}
		for (fmt++; *fmt == '-' || *fmt == '0'; fmt++)
			*(*fmt == '-' ? &spec.left : &spec.zero) = 1;
		spec.width = FORMAT_NUMBER(fmt, args);
		if (*fmt == '.') {
			fmt++;
			spec.precision = FORMAT_NUMBER(fmt, args);
		}
		for (; *fmt == 'l' || *fmt == 'z' || *fmt == 'h'; fmt++)
			spec.length = *fmt == 'h' ? spec.length - 1 : 1;

		switch (*fmt) {
		case 'd':
		case 'i': {
			long value = FORMAT_ARG(signed, args, spec.length);
			uint64_t size_of = value < 0 ? -(uint64_t)value : (uint64_t)value;

			put_number(&out, &spec, size_of, value < 0 ? "-" : "", 10, "0123456789");
			break;
		}
		case 'u':
			put_number(&out, &spec, FORMAT_ARG(unsigned, args, spec.length), "", 10, "0123456789");
			break;
		case 'x':
			put_number(&out, &spec, FORMAT_ARG(unsigned, args, spec.length), "", 16, "0123456789abcdef");
			break;
		case 'X':
			put_number(&out, &spec, FORMAT_ARG(unsigned, args, spec.length), "", 16, "0123456789ABCDEF");
			break;
		case 'p':
			put_number(&out, &spec, (uintptr_t)va_arg(args, void *), "0x", 16, "0123456789abcdef");
			break;
		case 'c': {
			char c = va_arg(args, int);

			put_text(&out, &spec, &c, 1);
			break;
		}
		case 's': {
			const char *text = va_arg(args, const char *);
			size_t max = spec.precision >= 0 ? (size_t)spec.precision : 0x7fffffff;

			if (!text)
				text = "(null)";
			put_text(&out, &spec, text, strnlen(text, max));
			break;
		}
		case '\0':
			fmt--;
			break;
		default:
			put(&out, *fmt);
		}
	}
	if (size)
		to[out.len < size ? out.len : size - 1] = '\0';
	return out.len;
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
