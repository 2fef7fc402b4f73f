/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print.h - formatted text, to memory and to whoever reads this domain's log.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#if __STDC_HOSTED__
#include <stdio.h>
#else
#include <text.h>
#endif

/* Print text (cut at 512 bytes) to the sink.  The caller writes its own newlines. */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void vprint(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));

/* Send what is printed to sink from now on; NULL goes back to the kernel's log (console_io). */
void print_sink(void (*sink)(const char *text, size_t len));

/* Print and end this domain as crashed. */
__attribute__((noreturn)) void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
