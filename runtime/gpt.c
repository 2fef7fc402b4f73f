/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gpt.c - GUID partition tables (UEFI specification, chapter 5).
 *
 * The bytes come from a disk that guests may write: nothing of them is believed before it was
 * compared with the size of the device.
 */
#include <runtime/gpt.h>
#include <runtime/string.h>
#include <runtime/xen.h>

struct header {
	char signature[8];
	uint32_t revision;
	uint32_t size;
	uint32_t crc; /* of the header, counted as 0 */
	uint32_t zero;
	uint64_t lba, other_lba;
	uint64_t first, last;
	uint8_t guid[16];
	uint64_t entries;
	uint32_t nr;
	uint32_t entry_size;
	uint32_t entries_crc;
};

struct entry {
	uint8_t type[16]; /* all zero: not used */
	uint8_t guid[16];
	uint64_t first, last;
};

static int size_is_sane(uint32_t size)
{
	return size >= 128 && size <= 4096 && !(size & (size - 1));
}

int gpt_header(const void *block, uint32_t block_size, uint64_t lba, uint64_t blocks, struct gpt_table *table)
{
	uint8_t copy[4096];
	struct header h;
	uint64_t array;

	if (block_size < 512 || block_size > sizeof(copy))
		return -XEN_EINVAL;
	memcpy(copy, block, block_size);
	memcpy(&h, copy, sizeof(h));
	if (memcmp(h.signature, "EFI PART", 8) || h.size < 92 || h.size > block_size)
		return -XEN_EINVAL;
	memset(copy + offsetof(struct header, crc), 0, sizeof(h.crc));
	if (crc32(copy, h.size) != h.crc || h.lba != lba)
		return -XEN_EINVAL;

	if (!size_is_sane(h.entry_size) || !h.nr || h.nr > GPT_ENTRIES_MAX)
		return -XEN_EINVAL;
	array = ((uint64_t)h.nr * h.entry_size + block_size - 1) / block_size;
	if (h.entries < 2 || h.entries >= blocks || array > blocks - h.entries)
		return -XEN_EINVAL;
	if (h.first > h.last || h.last >= blocks)
		return -XEN_EINVAL;

	table->entries = h.entries;
	table->first = h.first;
	table->last = h.last;
	table->nr = h.nr;
	table->size = h.entry_size;
	table->crc = h.entries_crc;
	return 0;
}

int gpt_partition(const struct gpt_table *table, const void *entries, unsigned number, struct gpt_partition *part)
{
	static const uint8_t unused[16];
	struct entry e;

	if (crc32(entries, (size_t)table->nr * table->size) != table->crc)
		return -XEN_EINVAL;
	if (!number || number > table->nr)
		return -XEN_ENOENT;
	memcpy(&e, (const char *)entries + (size_t)(number - 1) * table->size, sizeof(e));
	if (!memcmp(e.type, unused, sizeof(unused)))
		return -XEN_ENOENT;
	if (e.first < table->first || e.last > table->last || e.first > e.last)
		return -XEN_EINVAL;
	part->first = e.first;
	part->nr = e.last - e.first + 1;
	return 0;
}
