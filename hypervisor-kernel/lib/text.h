/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.h - memory, strings and formatted text, for programs without a C library: the kernel and native domains.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *to, const void *from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);

/* As in C, for d u x p s c %, with '0', a width, l, ll and z.  Both return the length that the whole text has; at most
 * size bytes are written, the last a NUL (none when size is 0). */
int vsnprintf(char *to, size_t size, const char *fmt, va_list args) __attribute__((format(printf, 3, 0)));
int snprintf(char *to, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
