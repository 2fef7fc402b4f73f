/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pci.c - configuration space by ports 0xcf8 and 0xcfc, and the MSI-X tables.
 *
 * A driver gets its BARs but for the pages with the MSI-X table, which this server writes: no driver
 * decides where an interrupt message goes.
 */
#include <runtime/hypercall.h>
#include <runtime/io.h>
#include <runtime/pci.h>
#include <runtime/string.h>
#include <runtime/window.h>
#include <virtio/virtio_cap.h>

#include "pci.h"

#define COMMAND		0x04
#define COMMAND_IO	1u
#define COMMAND_MEMORY	2u
#define COMMAND_MASTER	4u
#define COMMAND_NO_INTX (1u << 10)
#define BAR0		0x10
#define CAP_EXPRESS	0x10

#define EXPRESS_CAPS	0x04
#define EXPRESS_CONTROL 0x08
#define CAPS_FLR	(1u << 28)
#define CONTROL_FLR	(1u << 15)

#define VIRTIO		  0x1af4
#define VIRTIO_STATUS	  0x14 /* VIRTIO 1.2, 4.1.4.3 */
#define VIRTIO_COMMON_LEN 0x38

#define INTEL	   0x8086
#define E1000E_RST (1u << 26) /* of register 0; clears itself (82574 data sheet, 10.2.2.1)	*/

#define NVME	    0x010802
#define NVME_CONFIG 0x14 /* NVM Express 1.4, 3.1: bit 0 enables	*/
#define NVME_STATUS 0x1c /* bit 0: it is ready			*/

static uint32_t read32(uint16_t bdf, unsigned reg)
{
	outl(0xcf8, 1u << 31 | (uint32_t)bdf << 8 | (reg & 0xfc));
	return inl(0xcfc);
}

static void write32(uint16_t bdf, unsigned reg, uint32_t v)
{
	outl(0xcf8, 1u << 31 | (uint32_t)bdf << 8 | (reg & 0xfc));
	outl(0xcfc, v);
}

static uint16_t read16(uint16_t bdf, unsigned reg)
{
	return (uint16_t)(read32(bdf, reg) >> (reg & 2) * 8);
}

static void write16(uint16_t bdf, unsigned reg, uint16_t v)
{
	uint32_t old = read32(bdf, reg), shift = (reg & 2) * 8;

	if (reg == COMMAND)
		old &= 0xffff; /* the status bits above are cleared by writing ones */
	write32(bdf, reg, (old & ~(0xffffu << shift)) | (uint32_t)v << shift);
}

/* Every bus is looked at: firmware has numbered those behind bridges. */
unsigned pci_scan(struct pci_function *out, unsigned max)
{
	unsigned nr = 0;

	for (unsigned bus = 0; bus < 256; bus++) {
		for (unsigned slot = 0; slot < 32; slot++) {
			unsigned functions = 1;

			for (unsigned fn = 0; fn < functions; fn++) {
				uint16_t bdf = (uint16_t)(bus << 8 | slot << 3 | fn);
				uint32_t id = read32(bdf, 0);

				if ((id & 0xffff) == 0xffff)
					continue;
				if (fn == 0 && (read32(bdf, 0x0c) >> 23 & 1))
					functions = 8;
				if (nr < max)
					out[nr++] = (struct pci_function){ bdf, (uint16_t)id, (uint16_t)(id >> 16),
									   read32(bdf, 8) >> 8 };
			}
		}
	}
	return nr;
}

static void bars_size(uint16_t bdf, struct guise_device *dev)
{
	uint16_t command = read16(bdf, COMMAND);

	write16(bdf, COMMAND, (uint16_t)(command & ~(COMMAND_IO | COMMAND_MEMORY)));
	for (unsigned i = 0; i < 6; i++) {
		struct guise_bar *b = &dev->bar[i];
		uint32_t low = read32(bdf, BAR0 + 4 * i), high = 0, mask, mask_high = 0xffffffff;
		int wide = !(low & 1) && (low >> 1 & 3) == 2 && i < 5;

		write32(bdf, BAR0 + 4 * i, 0xffffffff);
		mask = read32(bdf, BAR0 + 4 * i);
		write32(bdf, BAR0 + 4 * i, low);
		if (wide) {
			high = read32(bdf, BAR0 + 4 * i + 4);
			write32(bdf, BAR0 + 4 * i + 4, 0xffffffff);
			mask_high = read32(bdf, BAR0 + 4 * i + 4);
			write32(bdf, BAR0 + 4 * i + 4, high);
		}
		if (!mask)
			continue;
		b->port = low & 1;
		b->base = b->port ? low & ~3u : ((uint64_t)high << 32 | (low & ~15u));
		b->size = b->port ? (~(mask & ~3u) + 1) & 0xffff : ~((uint64_t)mask_high << 32 | (mask & ~15u)) + 1;
		if (!b->base)
			b->size = 0; /* the firmware gave it no address */
		i += (unsigned)wide;
	}
	write16(bdf, COMMAND, command);
}

static unsigned capability(uint16_t bdf, uint8_t id)
{
	unsigned at = read16(bdf, 6) & 0x10 ? read32(bdf, 0x34) & 0xfc : 0;

	for (unsigned i = 0; at >= 0x40 && i < 48; i++) {
		uint16_t cap = read16(bdf, at);

		if ((cap & 0xff) == id)
			return at;
		at = cap >> 8 & 0xfc;
	}
	return 0;
}

/* One message a table entry, all unmasked; the device is told to use them. */
static void msix_write(uint16_t bdf, const struct pci_keep *keep)
{
	uint16_t control = read16(bdf, keep->msix + 2) & 0x3fff;

	write16(bdf, keep->msix + 2, control | 0xc000); /* on, all masked */
	for (unsigned i = 0; i < keep->entries; i++) {
		mmio_write32(&keep->table[i * 4 + 3], 1);
		if (i >= PCI_MESSAGES)
			continue;
		for (unsigned k = 0; k < 3; k++)
			mmio_write32(&keep->table[i * 4 + k], keep->message[i][k]);
		mmio_write32(&keep->table[i * 4 + 3], 0);
	}
	write16(bdf, keep->msix + 2, control | 0x8000);
}

static const char *msix_program(uint16_t bdf, struct guise_device *dev, struct pci_keep *keep)
{
	uint32_t where;

	keep->msix = capability(bdf, PCI_CAP_MSIX);
	if (!keep->msix)
		return "it has no MSI-X";
	keep->entries = (read16(bdf, keep->msix + 2) & 0x7ff) + 1u;
	where = read32(bdf, keep->msix + 4);
	dev->nr_irqs = keep->entries < PCI_MESSAGES ? keep->entries : PCI_MESSAGES;
	if ((where & 7) > 5 || dev->bar[where & 7].port ||
	    (uint64_t)(where & ~7u) + keep->entries * 16 > dev->bar[where & 7].size)
		return "its MSI-X table has no memory";
	keep->table = mmio_map(dev->bar[where & 7].base + (where & ~7u), keep->entries * 16);
	if (!keep->table)
		return "its MSI-X table cannot be mapped";
	for (unsigned i = 0; i < dev->nr_irqs; i++) {
		struct guise_msi_alloc msi = { .handle = GUISE_ROOT_IRQ, .bdf = bdf };
		long irq = guise_irq(GUISE_IRQ_MSI_ALLOC, &msi);

		if (irq < 0)
			return "no interrupt vectors are left";
		dev->irq[i] = (uint32_t)irq;
		keep->message[i][0] = (uint32_t)msi.address;
		keep->message[i][1] = (uint32_t)(msi.address >> 32);
		keep->message[i][2] = msi.data;
	}
	msix_write(bdf, keep);
	return NULL;
}

static void enable(uint16_t bdf)
{
	write16(bdf, COMMAND, COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_INTX);
}

static void reset_by(struct pci_keep *keep, int how, uint64_t phys, size_t len)
{
	keep->registers = mmio_map(phys, len);
	if (keep->registers)
		keep->reset = how;
}

const char *pci_prepare(const struct pci_function *f, struct guise_device *dev, struct pci_keep *keep)
{
	struct virtio_region common;
	const char *error;

	memset(dev, 0, sizeof(*dev));
	memset(keep, 0, sizeof(*keep));
	dev->kind = GUISE_DEVICE_PCI;
	dev->bdf = f->bdf;
	bars_size(f->bdf, dev);
	enable(f->bdf);
	keep->express = capability(f->bdf, CAP_EXPRESS);
	error = msix_program(f->bdf, dev, keep);
	for (unsigned i = 0; i < 256; i += 4) {
		uint32_t v = read32(f->bdf, i);

		memcpy(&dev->config[i], &v, 4);
	}
	if (error)
		return error;
	if (f->vendor == VIRTIO && !virtio_region_find(dev, VIRTIO_CAP_COMMON, VIRTIO_COMMON_LEN, &common))
		reset_by(keep, RESET_VIRTIO, common.phys, VIRTIO_COMMON_LEN);
	else if (f->class_code == NVME && dev->bar[0].size)
		reset_by(keep, RESET_NVME, dev->bar[0].base, NVME_STATUS + 4);
	else if (f->vendor == INTEL && dev->bar[0].size)
		reset_by(keep, RESET_E1000E, dev->bar[0].base, 4);
	return NULL;
}

uint32_t pci_read(uint16_t bdf, unsigned reg)
{
	return read32(bdf, reg);
}

void pci_write(uint16_t bdf, unsigned reg, uint32_t v)
{
	write32(bdf, reg, v);
}

unsigned pci_find(uint16_t bdf, uint8_t id)
{
	return capability(bdf, id);
}

void pci_memory(const struct pci_function *f, unsigned n, struct guise_bar *bar)
{
	struct guise_device dev = { 0 };

	bars_size(f->bdf, &dev);
	write16(f->bdf, COMMAND, COMMAND_MEMORY | COMMAND_NO_INTX);
	*bar = dev.bar[n];
}

/* A virtio device that shows status 0 again touches no memory any more (VIRTIO 1.2, 2.4), and so do an NVMe
 * controller that is not ready (NVM Express 1.4, 7.3.2) and a card behind its reset.  They are told before
 * bus mastering goes: what they have begun they may end in order. */
void pci_reset_begin(const struct guise_device *dev, const struct pci_keep *keep, int function)
{
	uint16_t bdf = (uint16_t)dev->bdf;
	int how = function ? RESET_FUNCTION : keep->reset;

	if (how == RESET_VIRTIO)
		mmio_write8(keep->registers + VIRTIO_STATUS, 0);
	else if (how == RESET_NVME)
		mmio_write32(keep->registers + NVME_CONFIG, 0);
	else if (how == RESET_E1000E)
		mmio_write32(keep->registers, mmio_read32(keep->registers) | E1000E_RST);
	write16(bdf, COMMAND, COMMAND_MEMORY | COMMAND_NO_INTX);
	if (how == RESET_FUNCTION && keep->express && read32(bdf, keep->express + EXPRESS_CAPS) & CAPS_FLR)
		write16(bdf, keep->express + EXPRESS_CONTROL,
			read16(bdf, keep->express + EXPRESS_CONTROL) | CONTROL_FLR);
}

int pci_reset_done(const struct guise_device *dev, const struct pci_keep *keep)
{
	if (read32((uint16_t)dev->bdf, 0) == 0xffffffff)
		return 0;
	switch (keep->reset) {
	case RESET_VIRTIO:
		return !mmio_read8(keep->registers + VIRTIO_STATUS);
	case RESET_NVME:
		return !(mmio_read32(keep->registers + NVME_STATUS) & 1);
	case RESET_E1000E:
		return !(mmio_read32(keep->registers) & E1000E_RST);
	case RESET_FUNCTION:
		break;
	}
	return 1;
}

/* A reset of the function forgets all of this, the device's own nothing. */
void pci_restore(const struct guise_device *dev, const struct pci_keep *keep)
{
	uint16_t bdf = (uint16_t)dev->bdf;
	uint32_t bar;

	for (unsigned i = 0; i < 6; i++) {
		memcpy(&bar, &dev->config[BAR0 + 4 * i], 4);
		if (read32(bdf, BAR0 + 4 * i) != bar)
			write32(bdf, BAR0 + 4 * i, bar);
	}
	enable(bdf);
	msix_write(bdf, keep);
}

void pci_quiesce(const struct guise_device *dev)
{
	write16((uint16_t)dev->bdf, COMMAND, COMMAND_NO_INTX);
}

static long give(uint32_t parent, uint32_t domain, uint64_t first, uint64_t nr)
{
	struct guise_handle_derive req = { .parent = parent, .domain = domain, .first = first, .nr = nr };

	return nr ? guise_handle(GUISE_HANDLE_OP_DERIVE, &req) : 0;
}

const char *pci_give(struct guise_device *dev, uint32_t domain)
{
	/* What the device says of its table now may be what a driver made it say. */
	unsigned cap = pci_capability(dev, PCI_CAP_MSIX, 0), entries = (pci_config16(dev, cap + 2) & 0x7ff) + 1u;
	uint32_t where = pci_config32(dev, cap + 4);

	if (give(GUISE_ROOT_DEVICE, domain, dev->bdf, 1) < 0)
		return "it cannot be given away";
	for (unsigned i = 0; i < 6; i++) {
		const struct guise_bar *b = &dev->bar[i];
		uint64_t first = b->base >> PAGE_SHIFT, last = (b->base + b->size + PAGE_SIZE - 1) >> PAGE_SHIFT;
		uint64_t hole = last, hole_end = last;

		if (!b->size)
			continue;
		if (b->port) {
			if (give(GUISE_ROOT_PORT, domain, b->base, b->size) < 0)
				return "its ports cannot be given away";
			continue;
		}
		/* A neighbour's registers may stand in the rest of a page. */
		if (b->base & ~PAGE_MASK)
			return "its registers begin in the middle of a page";
		if ((where & 7) == i) {
			hole = (b->base + (where & ~7u)) >> PAGE_SHIFT;
			hole_end = (b->base + (where & ~7u) + entries * 16 + PAGE_SIZE - 1) >> PAGE_SHIFT;
		}
		if (give(GUISE_ROOT_MMIO, domain, first, hole - first) < 0 ||
		    give(GUISE_ROOT_MMIO, domain, hole_end, last - hole_end) < 0)
			return "its memory cannot be given away";
	}
	for (unsigned i = 0; i < dev->nr_irqs; i++) {
		long h = give(GUISE_ROOT_IRQ, domain, dev->irq[i], 1);

		if (h < 0)
			return "its interrupts cannot be given away";
		dev->irq_handle[i] = (uint32_t)h;
	}
	return NULL;
}
