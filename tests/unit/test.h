/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test.h - what every test file includes first: Check, and how a file enters its suite.
 *
 * A test's name is the sentence that would be false if it failed.  Each test runs in a process of its
 * own, so the statics of the files under test are as they were at start.
 */
#pragma once

#include <check.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_suite {
	const char *name;
	void (*fill)(TCase *tc);
	struct test_suite *next;
};

void test_suite_register(struct test_suite *s);

/* SUITE(name) { tcase_add_test(tc, a_sentence); ... } */
#define SUITE(name)                                                                    \
	static void suite_##name##_tests(TCase *tc);                                   \
	static struct test_suite suite_##name = { #name, suite_##name##_tests, NULL }; \
	__attribute__((constructor)) static void suite_##name##_register(void)         \
	{                                                                              \
		test_suite_register(&suite_##name);                                    \
	}                                                                              \
	static void suite_##name##_tests(TCase *tc)

/* For checks in loops: Check's own assertions tell its parent of each one that holds. */
#define check_msg(cond, ...)                       \
	do {                                       \
		if (!(cond))                       \
			ck_abort_msg(__VA_ARGS__); \
	} while (0)
#define check_that(cond) check_msg(cond, "%s", #cond)

/* Random numbers that repeat from the seed which main() prints (TEST_SEED=). */
uint64_t test_random(void);
/* 0 <= result < n */
uint64_t test_below(uint64_t n);
