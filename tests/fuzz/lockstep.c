/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lockstep.c - the kernel and the model of what it promises never differ (tests/lockstep/).
 */
#include "fuzz.h"

#include "../lockstep/lockstep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input_begin(data, size); /* for what the fake CPU leaves to chance */
	lockstep_run(data, size);
	return 0;
}
