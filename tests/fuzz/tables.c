/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tables.c - a domain that does to its page tables what it likes never reaches a foreign frame.
 */
#include "fuzz.h"

#include "../unit/kernel/tables.h"

#define FRAMES 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool booted;

	if (!booted)
		fake_boot(2048);
	booted = true;
	input_begin(data, size);
	hostile_start(input_number(1) & 1 ? GUISE_DOMAIN_NATIVE : GUISE_DOMAIN_STOCK, FRAMES);
	for (unsigned step = 0; input_more() && step < 2000; step++) {
		hostile_step();
		if (step % 8 == 0)
			tables_check();
	}
	tables_check();
	hostile_end();
	return 0;
}
