/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz.h - a fuzzer's input, taken piece by piece.
 *
 * A target is a file with LLVMFuzzerTestOneInput(); it leaves no state behind, so that what it finds
 * can be found again.
 */
#pragma once

#include "../unit/test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at, *end;
};

/* The input that test_below() and test_random() take their numbers from. */
extern struct input input;

static inline bool input_more(void)
{
	return input.at < input.end;
}

/* The next n bytes as a number; 0 behind the end. */
static inline uint64_t input_number(unsigned n)
{
	uint64_t v = 0;

	for (; n && input_more(); n--)
		v = v << 8 | *input.at++;
	return v;
}

/* Up to most bytes: where they are, *n how many. */
static inline const uint8_t *input_bytes(size_t most, size_t *n)
{
	const uint8_t *p = input.at;

	*n = (size_t)(input.end - input.at) < most ? (size_t)(input.end - input.at) : most;
	input.at += *n;
	return p;
}

static inline void input_begin(const uint8_t *data, size_t size)
{
	input = (struct input){ data, data + size };
}
