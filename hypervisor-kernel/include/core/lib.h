/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lib.h - memory, strings, printing and the two ways to stop.  No knowledge of the kernel.
 */
#pragma once

#include <core/types.h>

#include "../../lib/text.h"

/* One message to the debug console. */
void printk(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
extern bool verbose; /* the kernel was started with this option */

/* Print the reason and a symbolised backtrace, then stop the machine. */
void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#define BUG_ON(x)                                                          \
	do {                                                               \
		if (__builtin_expect(!!(x), 0))                            \
			panic("BUG: %s at %s:%d", #x, __FILE__, __LINE__); \
	} while (0)
