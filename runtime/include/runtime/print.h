/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print.h - formatted text, to memory and to whoever reads this domain's log.
 *
 * Formats: %d %i %u %x %X %p %s %c %%, with '-' and '0', a width or *, .precision or .* for
 * strings, and l, ll, z, h, hh.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#if __STDC_HOSTED__
#include <stdio.h>
#else
/* Both return the length that the whole text has; at most size bytes are written, the last a NUL
 * (none when size is 0). */
int vsnprintf(char *to, size_t size, const char *fmt, va_list args) __attribute__((format(printf, 3, 0)));
int snprintf(char *to, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#endif

/* Print text (cut at 512 bytes) to the sink.  The caller writes its own newlines. */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void vprint(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));

/* Send what is printed to sink from now on; NULL goes back to the kernel's log (console_io). */
void print_sink(void (*sink)(const char *text, size_t len));

/* Print and end this domain as crashed. */
__attribute__((noreturn)) void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
