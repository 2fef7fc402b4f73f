/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ioapic.c - I/O APICs as the ACPI MADT lists them: a global system interrupt to a vector.
 */
#include <arch/arch.h>
#include <arch/percpu.h>
#include <arch/vtd.h>
#include <guise.h>

#define MAX_IOAPICS 4

struct ioapic {
	volatile uint32_t *mmio;
	uint32_t gsi, pins;
	uint8_t id;
};

static struct ioapic ioapics[MAX_IOAPICS];
static unsigned nr_ioapics;
/* ISA interrupt n is wired to isa_gsi[n], with flags of its own. */
static uint32_t isa_gsi[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

static uint32_t ioapic_read(struct ioapic *a, uint32_t reg)
{
	a->mmio[0] = reg;
	return a->mmio[4];
}

static void ioapic_write(struct ioapic *a, uint32_t reg, uint32_t v)
{
	a->mmio[0] = reg;
	a->mmio[4] = v;
}

void ioapic_add(uint8_t id, paddr_t base, uint32_t gsi)
{
	struct ioapic *a = &ioapics[nr_ioapics];

	if (nr_ioapics == MAX_IOAPICS)
		return;
	a->mmio = (volatile uint32_t *)((char *)mfn_to_virt(base >> PAGE_SHIFT) + base % PAGE_SIZE);
	a->gsi = gsi;
	a->id = id;
	a->pins = (ioapic_read(a, 1) >> 16 & 0xff) + 1;
	for (uint32_t i = 0; i < a->pins; i++)
		ioapic_write(a, 0x10 + 2 * i, 1u << 16);
	nr_ioapics++;
}

void ioapic_override(uint8_t isa, uint32_t gsi)
{
	if (isa < 16)
		isa_gsi[isa] = gsi;
}

static struct ioapic *ioapic_of(uint32_t *gsi)
{
	if (*gsi < 16)
		*gsi = isa_gsi[*gsi];
	for (unsigned i = 0; i < nr_ioapics; i++) {
		if (*gsi >= ioapics[i].gsi && *gsi < ioapics[i].gsi + ioapics[i].pins) {
			*gsi -= ioapics[i].gsi;
			return &ioapics[i];
		}
	}
	return NULL;
}

int arch_gsi_route(uint32_t gsi, uint8_t vector, uint32_t flags)
{
	struct ioapic *a = ioapic_of(&gsi);
	uint32_t low = vector | 1u << 16 | (flags & GUISE_IRQ_LEVEL ? 1u << 15 : 0) |
		       (flags & GUISE_IRQ_ACTIVE_LOW ? 1u << 13 : 0);
	int remapped;

	if (!a)
		return -ENOENT;
	remapped = vtd_remap_ioapic(vector, boot_cpu.apic_id, flags & GUISE_IRQ_LEVEL, a->id);
	if (remapped < 0)
		return remapped;
	/* Remapped: the number of the table's entry, and the bit for this format. */
	ioapic_write(a, 0x11 + 2 * gsi, remapped ? vector << 17 | 1u << 16 : boot_cpu.apic_id << 24);
	ioapic_write(a, 0x10 + 2 * gsi, low);
	return 0;
}

void arch_gsi_mask(uint32_t gsi, bool masked)
{
	struct ioapic *a = ioapic_of(&gsi);
	uint32_t low;

	if (!a)
		return;
	low = ioapic_read(a, 0x10 + 2 * gsi);
	ioapic_write(a, 0x10 + 2 * gsi, masked ? low | 1u << 16 : low & ~(1u << 16));
}
