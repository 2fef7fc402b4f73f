/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * number.c - numbers out of text.
 */
#include <runtime/string.h>

static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 'a' ^ 'A';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

uint64_t parse_u64(const char *s, const char **end)
{
	unsigned base = 10;
	uint64_t value = 0;

	if (s[0] == '0' && (s[1] | 0x20) == 'x' && digit_value(s[2]) < 16) {
		base = 16;
		s += 2;
	}
	for (; digit_value(*s) < base; s++)
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit_value(*s), &value)) {
			value = UINT64_MAX;
			while (digit_value(*s) < base)
				s++;
			break;
		}
	if (end)
		*end = s;
	return value;
}
