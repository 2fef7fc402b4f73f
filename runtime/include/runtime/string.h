/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * string.h - memory and text (<text.h> is hypervisor-kernel/lib's).  Host tests take the C library's where it has the same name.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#if __STDC_HOSTED__
#include <string.h>
#else
#include <text.h>

/* Some bytes, as many as the compiler knows, are compared where they are used. */
#define memcmp(a, b, len) __builtin_memcmp(a, b, len)

char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
#endif

/* Read an unsigned number, decimal or 0x-hexadecimal.  *end (may be NULL) is left behind the last
 * digit, or at s when there is none; what does not fit in 64 bits reads as UINT64_MAX. */
uint64_t parse_u64(const char *s, const char **end);
