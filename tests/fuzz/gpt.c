/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gpt.c - a partition table from a disk; its checksums are made right, or nothing else would be seen.
 */
#include "fuzz.h"

#include <runtime/gpt.h>

#define BLOCKS 100000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t block[4096], entries[65536];
	uint32_t block_size, crc, len;
	struct gpt_partition part;
	struct gpt_table table;
	const uint8_t *p;
	size_t n;

	input_begin(data, size);
	block_size = 512u << input_number(1) % 5;
	p = input_bytes(sizeof(block), &n);
	memset(block, 0, sizeof(block));
	memcpy(block, p, n);
	memcpy(&len, block + 12, 4);
	if (len >= 92 && len <= sizeof(block)) {
		memset(block + 16, 0, 4);
		crc = crc32(block, len);
		memcpy(block + 16, &crc, 4);
	}
	if (gpt_header(block, block_size, 1, BLOCKS, &table))
		return 0;
	check_that(table.nr && table.nr <= GPT_ENTRIES_MAX && table.size >= 128 && table.size <= 4096);
	check_that(table.first <= table.last && table.last < BLOCKS);
	check_that(table.entries + ((uint64_t)table.nr * table.size + block_size - 1) / block_size <= BLOCKS);
	len = table.nr * table.size;
	if (len > 65536) /* as good as less, and slow */
		return 0;
	for (uint32_t i = 0; i < len; i++) /* the same bytes again */
		entries[i] = n ? p[i % n] : 0;
	table.crc = crc32(entries, len);
	for (unsigned i = 0; i <= table.nr + 1; i += 1 + i / 8) {
		uint8_t *tight = malloc(len);

		memcpy(tight, entries, len);
		if (!gpt_partition(&table, tight, i, &part))
			check_that(part.nr && part.first >= table.first && part.first + part.nr - 1 <= table.last);
		free(tight);
	}
	return 0;
}
