/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slot.c - slots of PCI Express (base specification 6.7 and 7.5.3; bridges: PCI-to-PCI bridge
 * architecture 3.2).
 *
 * The firmware leaves each port with a slot a range of memory addresses, of which a device that comes
 * later gets its own.  The host tells us when to look; the slots' interrupts are not used.
 */
#include <runtime/print.h>
#include <runtime/xen.h>

#include "pci.h"
#include "slot.h"

#define COMMAND	      0x04
#define ON_THE_BUS    7u /* I/O, memory, master	*/
#define BAR0	      0x10
#define BARS	      6
#define BUSES	      0x18 /* primary, secondary, subordinate	*/
#define MEMORY_WINDOW 0x20
#define CLASS_BRIDGE  0x060400

#define CAP_EXPRESS    0x10
#define HAS_SLOT       (1u << 24) /* of the capability's first word	*/
#define SLOT_CAPS      0x14
#define HOT_PLUG       (1u << 6)
#define SLOT_CONTROL   0x18 /* and status in the upper half	*/
#define INDICATOR      (3u << 8)
#define INDICATOR_ON   (1u << 8)
#define POWER_OFF      (1u << 10)
#define STATUS_CHANGES 0x001f0000u /* bits that are cleared by writing ones	*/
#define PRESENT	       (1u << 22)

/* The express capability of a port with a slot for hot-plug, or 0. */
static unsigned slot_of(const struct pci_function *f)
{
	unsigned at = f->class_code == CLASS_BRIDGE ? pci_find(f->bdf, CAP_EXPRESS) : 0;

	return at && pci_read(f->bdf, at) & HAS_SLOT && pci_read(f->bdf, at + SLOT_CAPS) & HOT_PLUG ? at : 0;
}

static void control(uint16_t bdf, unsigned at, int on)
{
	uint32_t v = pci_read(bdf, at + SLOT_CONTROL) & 0xffff & ~(INDICATOR | POWER_OFF);

	v |= on ? INDICATOR_ON : INDICATOR | POWER_OFF;
	pci_write(bdf, at + SLOT_CONTROL, v | STATUS_CHANGES);
}

/* Addresses for the memory BARs of the function, from the port's range: largest alignment is its size. */
static const char *place(uint16_t bdf, uint64_t base, uint64_t end)
{
	for (unsigned i = 0; i < BARS; i++) {
		unsigned reg = BAR0 + 4 * i;
		uint32_t old = pci_read(bdf, reg), mask;
		uint64_t size;
		int wide = (old & 7) == 4;

		if (old & 1)
			continue;
		pci_write(bdf, reg, 0xffffffff);
		mask = pci_read(bdf, reg) & ~15u;
		pci_write(bdf, reg, old);
		if (!mask)
			continue;
		size = ~mask + 1u;
		if (size < PAGE_SIZE)
			size = PAGE_SIZE; /* drivers get whole pages */
		base = (base + size - 1) & ~(size - 1);
		if (base + size > end)
			return "the port has too few addresses for it";
		pci_write(bdf, reg, (uint32_t)base);
		if (wide)
			pci_write(bdf, reg + 4, 0);
		base += size;
		i += (unsigned)wide;
	}
	return NULL;
}

static const char *fill(const struct pci_function *port)
{
	uint32_t window = pci_read(port->bdf, MEMORY_WINDOW);
	uint64_t base = (uint64_t)(window & 0xfff0) << 16, end = ((uint64_t)(window & 0xfff00000) | 0xfffff) + 1;
	uint16_t bdf = (uint16_t)(pci_read(port->bdf, BUSES) & 0xff00);

	pci_write(port->bdf, COMMAND, (pci_read(port->bdf, COMMAND) & 0xffff) | ON_THE_BUS);
	if (pci_read(bdf, 0) == 0xffffffff)
		return "its device does not answer";
	if (base >= end)
		return "the port has no addresses";
	return place(bdf, base, end);
}

unsigned slots_look(void)
{
	static struct pci_function functions[PCI_FUNCTIONS];
	unsigned nr = pci_scan(functions, PCI_FUNCTIONS), found = 0;

	for (unsigned i = 0; i < nr; i++) {
		unsigned at = slot_of(&functions[i]);
		uint32_t state = at ? pci_read(functions[i].bdf, at + SLOT_CONTROL) : 0;
		const char *error;

		if (!(state & PRESENT) || !(state & POWER_OFF))
			continue;
		control(functions[i].bdf, at, 1);
		error = fill(&functions[i]);
		if (error)
			print("guise: slot at %02x.%x: %s\n", functions[i].bdf >> 3 & 31, functions[i].bdf & 7, error);
		else
			found++;
	}
	return found;
}

int slot_off(uint8_t bus)
{
	static struct pci_function functions[PCI_FUNCTIONS];
	unsigned nr = pci_scan(functions, PCI_FUNCTIONS);

	for (unsigned i = 0; i < nr; i++) {
		unsigned at = slot_of(&functions[i]);

		if (!at || (pci_read(functions[i].bdf, BUSES) >> 8 & 0xff) != bus)
			continue;
		control(functions[i].bdf, at, 0);
		return 0;
	}
	return -1;
}
