/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * archive.c - the boot archive: whatever is found lies within it.
 */
#include "fuzz.h"

#include <archive.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "vmm", "guise.cfg", "", "TRAILER!!!", "no such file" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = 0;
		const uint8_t *p = archive_find(data, size, names[i], &len);

		check_that(!p || (p >= data && len <= size && p + len <= data + size));
	}
	return 0;
}
