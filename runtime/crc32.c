/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crc32.c - the checksum of partition tables.
 */
#include <runtime/gpt.h>

uint32_t crc32(const void *data, size_t len)
{
	const uint8_t *byte = data;
	uint32_t crc = ~0u;

	while (len--) {
		crc ^= *byte++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}
