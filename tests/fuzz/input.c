/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * input.c - random numbers are the fuzzer's choice.
 */
#include "fuzz.h"

struct input input;

uint64_t test_random(void)
{
	return input_number(8);
}

uint64_t test_below(uint64_t n)
{
	return n <= 1 ? 0 : input_number(n <= 256 ? 1 : n <= 65536 ? 2 : 8) % n;
}
