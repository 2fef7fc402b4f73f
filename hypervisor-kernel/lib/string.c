/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * string.c - memory and strings.
 *
 * The copying loops are string instructions, or volatile: the compiler would turn others into calls of the very
 * functions that they implement.
 */
#include "text.h"

void *memcpy(void *to, const void *from, size_t len)
{
	void *d = to;
	size_t words = len / 8, bytes = len % 8;

	__asm__ volatile("rep movsq" : "+D"(d), "+S"(from), "+c"(words)::"memory");
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(bytes)::"memory");
	return to;
}

void *memmove(void *to, const void *from, size_t len)
{
	volatile char *d = to;
	const char *s = from;

	if ((uintptr_t)to - (uintptr_t)from >= len)
		return memcpy(to, from, len);
	while (len--)
		d[len] = s[len];
	return to;
}

void *memset(void *to, int byte, size_t len)
{
	void *d = to;
	uint64_t pattern = (uint8_t)byte * 0x0101010101010101ull;
	size_t words = len / 8, bytes = len % 8;

	__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(d), "+c"(bytes) : "a"(pattern) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;

	for (; len; len--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strnlen(const char *s, size_t max)
{
	size_t len = 0;

	while (len < max && s[len])
		len++;
	return len;
}

size_t strlen(const char *s)
{
	return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t max)
{
	for (; max; max--, a++, b++)
		if (*a != *b || !*a)
			return (uint8_t)*a - (uint8_t)*b;
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}
