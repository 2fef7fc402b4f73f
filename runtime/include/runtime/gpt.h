/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gpt.h - GUID partition tables, decided from bytes alone.
 *
 * Blocks are the device's logical blocks (512 bytes or more).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define GPT_ENTRIES_MAX 1024 /* more entries than that are refused		*/

struct gpt_table {
	uint64_t entries;     /* first block of the entry array			*/
	uint64_t first, last; /* blocks that partitions may use			*/
	uint32_t nr;	      /* entries, 1..GPT_ENTRIES_MAX			*/
	uint32_t size;	      /* bytes of one, 128..4096			*/
	uint32_t crc;	      /* of the array					*/
};

struct gpt_partition {
	uint64_t first; /* block		*/
	uint64_t nr;	/* blocks, at least 1	*/
};

/* CRC-32 as IEEE 802.3 has it. */
uint32_t crc32(const void *data, size_t len);

/* Check the header that was read from block lba of a device of `blocks` blocks.  0, or -EINVAL. */
int gpt_header(const void *block, uint32_t block_size, uint64_t lba, uint64_t blocks, struct gpt_table *table);

/* Look up a partition, counted from 1, in the entry array (nr * size bytes).  0, -EINVAL when the
 * array is damaged or the partition lies outside, -ENOENT when there is none of that number. */
int gpt_partition(const struct gpt_table *table, const void *entries, unsigned number, struct gpt_partition *part);
