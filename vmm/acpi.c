/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * acpi.c - finding ACPI tables (ACPI specification 5.2: the root table lists the others).
 */
#include <runtime/hypercall.h>
#include <runtime/string.h>
#include <runtime/window.h>

#include "acpi.h"

#define HEADER	  36
#define TABLE_MAX (1u << 20)
#define FADT_DSDT 40 /* offset of the DSDT's address */

/* What was looked at once stays mapped. */
static const uint8_t *map(uint64_t at, uint32_t *len)
{
	const uint8_t *head = at ? mmio_map(at, HEADER) : NULL;

	if (!head)
		return NULL;
	memcpy(len, head + 4, 4);
	return *len < HEADER || *len > TABLE_MAX ? NULL : mmio_map(at, *len);
}

static const uint8_t *listed(const char *signature, uint32_t *len)
{
	struct guise_system_info info;
	const uint8_t *root, *table;
	uint32_t root_len;
	unsigned width;

	if (guise_system(GUISE_SYSTEM_INFO, &info, GUISE_ROOT_SYSTEM))
		return NULL;
	root = map(info.acpi_root, &root_len);
	if (!root)
		return NULL;
	width = !memcmp(root, "XSDT", 4) ? 8 : 4;
	for (uint32_t i = HEADER; i + width <= root_len; i += width) {
		uint64_t at = 0;

		memcpy(&at, root + i, width);
		table = map(at, len);
		if (table && !memcmp(table, signature, 4))
			return table;
	}
	return NULL;
}

const uint8_t *acpi_table(const char *signature, uint32_t *len)
{
	const uint8_t *fadt;
	uint64_t at = 0;

	if (memcmp(signature, "DSDT", 4))
		return listed(signature, len);
	fadt = listed("FACP", len);
	if (!fadt || *len < FADT_DSDT + 4)
		return NULL;
	memcpy(&at, fadt + FADT_DSDT, 4);
	return map(at, len);
}
