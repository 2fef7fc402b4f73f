/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmar.c - the ACPI table DMAR: where the IOMMUs are (VT-d specification, chapter 8).
 *
 * It is the firmware's, but all lengths are checked all the same: a table that is wrong is no use.
 */
#include <arch/vtd.h>

#define HEADER	     48 /* of the table; flags are its 38th byte	*/
#define UNIT	     0
#define RESERVED     1
#define UNIT_LEN     16 /* without the devices it is about		*/
#define RESERVED_LEN 24
#define SCOPE_LEN    8 /* of a device without bridges before it */
#define SCOPE_DEVICE 1
#define SCOPE_IOAPIC 3

/* One device that the structure s is about.  What stands behind bridges is left out: it cannot be named without
 * reading their configuration. */
static const char *scope(const uint8_t *s, const uint8_t *p, struct dmar *out)
{
	uint16_t bdf = (uint16_t)(p[5] << 8 | (p[6] & 31) << 3 | (p[7] & 7));

	if (p[1] != SCOPE_LEN)
		return NULL;
	if (UNALIGNED(uint16_t, s) == UNIT && p[0] == SCOPE_IOAPIC) {
		if (out->nr_ioapics == DMAR_IOAPICS)
			return "it has too many I/O APICs";
		out->ioapic[out->nr_ioapics++] = (struct dmar_ioapic){ .bdf = bdf, .id = p[4] };
	} else if (UNALIGNED(uint16_t, s) == RESERVED && p[0] == SCOPE_DEVICE) {
		if (out->nr_reserved == DMAR_RESERVED)
			return "it reserves too many regions";
		out->reserved[out->nr_reserved++] = (struct dmar_reserved){ .first = UNALIGNED(uint64_t, s + 8),
									    .last = UNALIGNED(uint64_t, s + 16),
									    .bdf = bdf };
	}
	return NULL;
}

static const char *scopes(const uint8_t *s, uint32_t from, uint32_t len, struct dmar *out)
{
	const char *error = NULL;

	for (const uint8_t *p = s + from, *end = s + len; p < end && !error; p += p[1]) {
		if (end - p < SCOPE_LEN || p[1] < SCOPE_LEN || p[1] > end - p)
			return "a device in it is cut off";
		error = scope(s, p, out);
	}
	return error;
}

static const char *structure(const uint8_t *s, uint32_t len, struct dmar *out)
{
	uint16_t kind = UNALIGNED(uint16_t, s);
	uint64_t base;

	if (kind != UNIT && kind != RESERVED)
		return NULL;
	if (len < (kind == UNIT ? UNIT_LEN : RESERVED_LEN))
		return "a structure is too short";
	if (UNALIGNED(uint16_t, s + 6))
		return "it has PCI segments beyond the first";
	if (kind == RESERVED)
		return scopes(s, RESERVED_LEN, len, out);
	base = UNALIGNED(uint64_t, s + 8);
	if (!base || base % PAGE_SIZE || base >> 32)
		return "a unit's registers are out of reach";
	if (out->nr_units == DMAR_UNITS)
		return "it has too many units";
	out->unit[out->nr_units++] = base;
	return scopes(s, UNIT_LEN, len, out);
}

const char *dmar_parse(const void *table, size_t most, struct dmar *out)
{
	const uint8_t *t = table;
	uint32_t len, at, step;
	uint8_t sum = 0;

	*out = (struct dmar){ .nr_units = 0 };
	if (most < HEADER)
		return "the table is too short";
	len = UNALIGNED(uint32_t, t + 4);
	if (len < HEADER || len > most)
		return "the table has no sensible length";
	for (uint32_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + t[i]);
	if (sum)
		return "the table's checksum is wrong";
	out->interrupts = t[37] & 1;
	for (at = HEADER; at < len; at += step) {
		const char *error;

		step = len - at < 4 ? 0 : UNALIGNED(uint16_t, t + at + 2);
		if (step < 4 || step > len - at)
			return "a structure in the table is cut off";
		error = structure(t + at, step, out);
		if (error)
			return error;
	}
	return out->nr_units ? NULL : "the table has no unit";
}
