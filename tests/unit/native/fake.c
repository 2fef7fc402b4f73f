/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake.c - the heap, the log and the end of a native domain, on the host.
 */
#include "fake.h"

#include <runtime/heap.h>
#include <runtime/print.h>

struct fake fake;

void *heap_alloc(size_t size)
{
	if (!size || size > SIZE_MAX / 2)
		return NULL;
	if (fake.heap_fails && !--fake.heap_fails) {
		fake.heap_fails = 1;
		return NULL;
	}
	fake.allocated++;
	return calloc(1, size);
}

void heap_free(void *p)
{
	fake.allocated -= p != NULL;
	free(p);
}

size_t heap_free_bytes(void)
{
	return fake.heap_free;
}

void vprint(const char *fmt, va_list args)
{
	size_t have = strlen(fake.log);

	vsnprintf(fake.log + have, sizeof(fake.log) - have, fmt, args);
}

void print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprint(fmt, args);
	va_end(args);
}

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (!fake.expect_panic)
		vfprintf(stderr, fmt, args);
	va_end(args);
	abort();
}

void *fake_tight(const void *data, size_t len)
{
	void *p = malloc(len ? len : 1);

	memcpy(p, data, len);
	return p;
}
