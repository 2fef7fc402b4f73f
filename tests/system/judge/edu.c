/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edu.c - the one device of the test machine, and giving it to a domain; the judge's own claims about that.
 */
#include <runtime/hypercall.h>
#include <runtime/string.h>
#include <runtime/window.h>

#include "../lib/claim.h"
#include "../lib/edu.h"
#include "judge.h"
#include "pci.h"

#define CAP_MSI 0x05
#define COMMAND 0x04
#define ENABLED 0x406u /* memory, DMA, no pin */

static struct pci_function edu;

static int find(void)
{
	static struct pci_function all[PCI_FUNCTIONS];
	unsigned nr = edu.vendor ? 0 : pci_scan(all, PCI_FUNCTIONS);

	for (unsigned i = 0; i < nr; i++)
		if (all[i].vendor == EDU_VENDOR && all[i].device == EDU_DEVICE)
			edu = all[i];
	return edu.vendor != 0;
}

int edu_prepare(struct guise_device *dev)
{
	memset(dev, 0, sizeof(*dev));
	if (!find())
		return 0;
	dev->kind = GUISE_DEVICE_PCI;
	dev->bdf = edu.bdf;
	pci_memory(&edu, 0, &dev->bar[0]);
	pci_write(edu.bdf, COMMAND, ENABLED);
	return dev->bar[0].size != 0;
}

static long give(uint32_t parent, uint32_t domain, uint64_t first, uint64_t nr)
{
	struct guise_handle_derive req = { .parent = parent, .domain = domain, .first = first, .nr = nr };

	return guise_handle(GUISE_HANDLE_OP_DERIVE, &req);
}

int edu_give(struct guise_device *dev, uint32_t domain, uint16_t speaker)
{
	struct guise_msi_alloc msi = { .handle = GUISE_ROOT_IRQ, .bdf = speaker };
	unsigned cap = pci_find(edu.bdf, CAP_MSI);
	long irq = guise_irq(GUISE_IRQ_MSI_ALLOC, &msi), handle;

	if (!cap || irq < 0)
		return -1;
	dev->nr_irqs = 1;
	dev->irq[0] = (uint32_t)irq;
	pci_write(edu.bdf, cap + 4, (uint32_t)msi.address);
	pci_write(edu.bdf, cap + 8, (uint32_t)(msi.address >> 32));
	pci_write(edu.bdf, cap + 12, msi.data);
	pci_write(edu.bdf, cap, pci_read(edu.bdf, cap) | 1u << 16);
	handle = give(GUISE_ROOT_IRQ, domain, dev->irq[0], 1);
	dev->irq_handle[0] = (uint32_t)handle;
	return handle < 0 || give(GUISE_ROOT_DEVICE, domain, edu.bdf, 1) < 0 ||
			       give(GUISE_ROOT_MMIO, domain, dev->bar[0].base >> 12, dev->bar[0].size >> 12) < 0 ?
		     -1 :
		     0;
}

void edu_take(struct guise_device *dev)
{
	pci_quiesce(dev);
	if (dev->nr_irqs)
		guise_irq_nr(GUISE_IRQ_MSI_FREE, dev->irq[0]);
	dev->nr_irqs = 0;
}

/* ---- the judge's own claims: the device, driven from here, and whose it is ---- */

#define TOY	9u
#define OTHER	10u
#define FRAMES	16u
#define PATTERN 0x5a17c0de0badd1ceull

static uint64_t mfns[2048];

static uint32_t create(uint16_t id)
{
	struct guise_domain_create how = { .memory = GUISE_ROOT_MEMORY,
					   .domid = id,
					   .paging = GUISE_DOMAIN_NATIVE,
					   .max_frames = 2048 + 64,
					   .max_vcpus = 1 };
	long h = guise_domain(GUISE_DOMAIN_CREATE, &how);

	expect(h > 0);
	return (uint32_t)h;
}

static void populate(uint32_t domain, uint32_t nr)
{
	struct guise_domain_populate req = { .handle = domain };
	long got = 1;

	for (; req.first_gfn < nr; req.first_gfn += (uint64_t)got) {
		req.nr = nr - req.first_gfn < 256 ? (uint32_t)(nr - req.first_gfn) : 256; /* singly, not by 2 MiB */
		req.mfns = (uint64_t)&mfns[req.first_gfn];
		got = guise_domain(GUISE_DOMAIN_POPULATE, &req);
		expect(got > 0);
	}
}

static long word(uint32_t domain, unsigned dir, uint64_t mfn, uint64_t *value)
{
	struct guise_domain_copy req = { domain, dir, mfn, 0, sizeof(*value), (uint64_t)value };

	return guise_domain(GUISE_DOMAIN_COPY, &req);
}

static char *open_edu(struct guise_device *dev)
{
	struct guise_system_info info;
	char *regs;

	expect_eq(guise_system(GUISE_SYSTEM_INFO, &info, 0), 0);
	expect(info.features & GUISE_FEATURE_IOMMU);
	expect(edu_prepare(dev));
	regs = mmio_map(dev->bar[0].base, 4096);
	expect(regs && (mmio_read32(regs + EDU_ID) & 0xff) == 0xed);
	return regs;
}

TEST("a device has one owner at a time", .device = 1)
{
	uint32_t a = create(TOY), b = create(OTHER);
	struct guise_device dev;

	open_edu(&dev);
	expect(give(GUISE_ROOT_DEVICE, a, edu.bdf, 1) > 0);
	expect_eq(give(GUISE_ROOT_DEVICE, b, edu.bdf, 1), -XEN_EBUSY);
	expect_eq(give(GUISE_ROOT_DEVICE, a, edu.bdf, 1), -XEN_EBUSY);
	expect_eq(give(GUISE_ROOT_DEVICE, b, edu.bdf, 2), -XEN_EINVAL);
	expect_eq(give(GUISE_ROOT_DEVICE, b, 65536, 1), -XEN_EPERM);
	expect_eq(guise_domain_nr(GUISE_DOMAIN_DESTROY, a), 0);
	expect(give(GUISE_ROOT_DEVICE, b, edu.bdf, 1) > 0);
	expect_eq(guise_domain_nr(GUISE_DOMAIN_DESTROY, b), 0);
	edu_take(&dev);
}

TEST("a device reaches nothing of a domain that is no more, whatever it was doing, nor of whoever has the memory now",
     .device = 1)
{
	uint32_t toy = create(TOY), other = create(OTHER);
	uint64_t value = PATTERN, m[FRAMES];
	struct guise_device dev;
	char *regs = open_edu(&dev);
	unsigned seen = 0;

	populate(toy, FRAMES);
	memcpy(m, mfns, sizeof(m));
	expect(give(GUISE_ROOT_DEVICE, toy, edu.bdf, 1) > 0);
	expect_eq(word(toy, GUISE_COPY_WRITE, m[1], &value), 0);
	edu_dma(regs, 0, m[1] << 12, 8);
	edu_dma(regs, 1, m[2] << 12, 8);
	value = 0;
	expect_eq(word(toy, GUISE_COPY_READ, m[2], &value), 0);
	expect_eq(value, PATTERN);
	edu_start(regs, 1, m[3] << 12, 8); /* it takes its time */
	expect_eq(guise_domain_nr(GUISE_DOMAIN_DESTROY, toy), 0);
	populate(other, 2048);
	edu_wait(regs);
	for (unsigned i = 0; i < FRAMES; i++) {
		edu_dma(regs, 1, m[i] << 12, 8);
		value = 0;
		if (word(other, GUISE_COPY_READ, m[i], &value))
			continue;
		seen++;
		expect_eq(value, 0);
	}
	expect(seen > FRAMES / 2);
	expect_eq(guise_domain_nr(GUISE_DOMAIN_DESTROY, other), 0);
	edu_take(&dev);
}
