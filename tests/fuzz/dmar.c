/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmar.c - the firmware's description of IOMMUs: it is read within its bounds, and what is found fits.
 * The checksum is made right, or nothing would get past it.
 */
#include "fuzz.h"

#include <arch/vtd.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct dmar out;

	memcpy(copy, data, size);
	if (size > 9) {
		uint8_t sum = 0;
		uint32_t len;

		memcpy(&len, copy + 4, 4);
		for (size_t i = 0; i < size && i < len; i++)
			sum = (uint8_t)(sum + copy[i]);
		copy[9] = (uint8_t)(copy[9] - sum);
	}
	if (!dmar_parse(copy, size, &out)) {
		check_that(out.nr_units >= 1 && out.nr_units <= DMAR_UNITS);
		check_that(out.nr_reserved <= DMAR_RESERVED && out.nr_ioapics <= DMAR_IOAPICS);
		for (unsigned i = 0; i < out.nr_units; i++)
			check_that(out.unit[i] && out.unit[i] % 4096 == 0 && !(out.unit[i] >> 32));
	}
	free(copy);
	return 0;
}
