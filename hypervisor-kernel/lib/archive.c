/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * archive.c - look one file up in the boot archive (cpio, format newc).
 *
 * The kernel finds the VMM server with it, the VMM server everything else: both compile this file.
 */
#include <archive.h>

#define HEADER 110 /* magic and 13 fields of 8 hexadecimal digits */

static bool field(const char *h, unsigned n, uint64_t *out)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++) {
		char c = h[6 + 8 * n + i];
		unsigned digit = c >= '0' && c <= '9'		    ? (unsigned)(c - '0') :
				 (c | 32) >= 'a' && (c | 32) <= 'f' ? (unsigned)((c | 32) - 'a' + 10) :
								      16;

		if (digit == 16)
			return false;
		v = v << 4 | digit;
	}
	*out = v;
	return true;
}

const void *archive_find(const void *archive, size_t len, const char *name, size_t *size)
{
	const char *base = archive;
	uint64_t at = 0, file, names;

	while (at + HEADER <= len && !__builtin_memcmp(base + at, "070701", 6)) {
		const char *h = base + at;
		uint64_t data;

		if (!field(h, 6, &file) || !field(h, 11, &names) || !names || names > len - at - HEADER)
			return NULL;
		data = (at + HEADER + names + 3) & ~3ull;
		if (data > len || file > len - data || h[HEADER + names - 1])
			return NULL;
		if (!__builtin_strcmp(h + HEADER, name)) {
			*size = file;
			return base + data;
		}
		if (!__builtin_strcmp(h + HEADER, "TRAILER!!!"))
			return NULL;
		at = (data + file + 3) & ~3ull;
	}
	return NULL;
}
