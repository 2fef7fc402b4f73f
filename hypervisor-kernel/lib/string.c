/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * string.c - memory and strings.
 */
#include <core/lib.h>

void *memcpy(void *d, const void *s, size_t n)
{
	void *to = d;
	size_t words = n / 8;

	asm volatile("rep movsq" : "+D"(to), "+S"(s), "+c"(words)::"memory");
	n &= 7;
	asm volatile("rep movsb" : "+D"(to), "+S"(s), "+c"(n)::"memory");
	return d;
}

void *memmove(void *d, const void *s, size_t n)
{
	char *to = d;
	const char *from = s;

	if (to <= from || to >= from + n)
		return memcpy(d, s, n);
	while (n--)
		to[n] = from[n];
	return d;
}

void *memset(void *d, int c, size_t n)
{
	void *to = d;
	uint64_t v = (uint8_t)c * 0x0101010101010101ull;
	size_t words = n / 8;

	asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(v) : "memory");
	n &= 7;
	asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(v) : "memory");
	return d;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (uint8_t)*a - (uint8_t)*b;
	return 0;
}
