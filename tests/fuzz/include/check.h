/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.h - what the files that unit tests and fuzzers share need of Check: a way to stop.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

typedef struct TCase TCase;

#define ck_abort_msg(...)                                       \
	do {                                                    \
		fprintf(stderr, "%s:%d: ", __FILE__, __LINE__); \
		fprintf(stderr, __VA_ARGS__);                   \
		fprintf(stderr, "\n");                          \
		abort();                                        \
	} while (0)
#define ck_assert_msg(cond, ...)                   \
	do {                                       \
		if (!(cond))                       \
			ck_abort_msg(__VA_ARGS__); \
	} while (0)
#define ck_assert(cond)		 ck_assert_msg(cond, "%s", #cond)
#define ck_assert_uint_eq(a, b)	 ck_assert_msg((a) == (b), "%s is not %s", #a, #b)
#define ck_assert_int_eq(a, b)	 ck_assert_msg((a) == (b), "%s is not %s", #a, #b)
#define ck_assert_uint_lt(a, b)	 ck_assert_msg((a) < (b), "%s is not less than %s", #a, #b)
#define ck_assert_uint_ge(a, b)	 ck_assert_msg((a) >= (b), "%s is less than %s", #a, #b)
#define ck_assert_uint_le(a, b)	 ck_assert_msg((a) <= (b), "%s is more than %s", #a, #b)
#define ck_assert_ptr_nonnull(p) ck_assert_msg((p) != NULL, "%s is null", #p)
#define ck_assert_ptr_null(p)	 ck_assert_msg((p) == NULL, "%s is not null", #p)
