/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * acpi.c - the ACPI tables the kernel reads: the MADT, for interrupt controllers, and the DMAR (dmar.c).
 *
 * All lengths are checked against the table; a table that lies ends the walk.
 */
#include <arch/arch.h>
#include <core/lib.h>

struct acpi_header {
	char signature[4];
	uint32_t length;
	char rest[28]; /* whose and which */
} __attribute__((packed));

struct acpi_rsdp {
	char signature[8], checksum, oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
} __attribute__((packed));

static const void *phys(paddr_t p)
{
	return (const char *)mfn_to_virt(p >> PAGE_SHIFT) + (p & (PAGE_SIZE - 1));
}

static void madt_parse(const struct acpi_header *h)
{
	const uint8_t *p = (const uint8_t *)h + 44, *end = (const uint8_t *)h + h->length;

	for (; p + 2 <= end && p[1] >= 2 && p + p[1] <= end; p += p[1]) {
		if (p[0] == 0 && p[1] >= 8 && UNALIGNED(uint32_t, p + 4) & 1) /* local APIC, usable now */
			cpu_add(p[3]);
		else if (p[0] == 9 && p[1] >= 16 && UNALIGNED(uint32_t, p + 8) & 1) /* the same with a wider number */
			cpu_add(UNALIGNED(uint32_t, p + 4));
		else if (p[0] == 1 && p[1] >= 12) /* I/O APIC */
			ioapic_add(p[2], UNALIGNED(uint32_t, p + 4), UNALIGNED(uint32_t, p + 8));
		else if (p[0] == 2 && p[1] >= 10) /* interrupt source override */
			ioapic_override(p[3], UNALIGNED(uint32_t, p + 4));
	}
}

const void *acpi_dmar;

static paddr_t rsdp_scan(void)
{
	for (paddr_t p = 0xe0000; p < 0x100000; p += 16)
		if (!memcmp(phys(p), "RSD PTR ", 8))
			return p;
	panic("no ACPI tables found: interrupts cannot be routed");
}

paddr_t acpi_init(paddr_t rsdp_at)
{
	const struct acpi_header *root, *t;
	const struct acpi_rsdp *rsdp;
	paddr_t root_at;
	unsigned width;

	rsdp = phys(rsdp_at ? rsdp_at : rsdp_scan());
	width = rsdp->revision >= 2 && rsdp->xsdt ? 8 : 4;
	root_at = width == 8 ? rsdp->xsdt : rsdp->rsdt;
	root = phys(root_at);
	for (uint32_t off = sizeof(*root); off + width <= root->length; off += width) {
		paddr_t p = 0;

		memcpy(&p, (const char *)root + off, width);
		t = phys(p);
		if (!memcmp(t->signature, "APIC", 4))
			madt_parse(t);
		else if (!memcmp(t->signature, "DMAR", 4))
			acpi_dmar = t;
	}
	return root_at;
}
