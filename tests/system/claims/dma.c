/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dma.c - what a device reaches that does as it is told, by a driver that tells it anything.
 */
#include <runtime/device.h>
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/io.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/string.h>
#include <runtime/window.h>
#include <xen/memory.h>

#include "claim.h"
#include "edu.h"
#include "peer.h"
#include "pt.h"

#define SECRET 0x5a17c0de0badd1ceull
#define WAIT   30000000000ull
#define QUIET  300000000ull

static char *edu;
static volatile uint64_t *page;

static void begin(void)
{
	struct guise_system_info info;

	expect_eq(guise_system(GUISE_SYSTEM_INFO, &info, 0), 0);
	expect(info.features & GUISE_FEATURE_IOMMU);
	expect(device_info());
	edu = mmio_map(device_info()->bar[0].base, 4096);
	expect(edu && (mmio_read32(edu + EDU_ID) & 0xff) == 0xed);
	page = page_alloc(1);
	*page = 0;
}

static uint64_t faults(void)
{
	struct guise_domain_info info = { .handle = GUISE_INFO_SELF };

	expect_eq(guise_domain(GUISE_DOMAIN_INFO, &info), 0);
	return info.dma_faults;
}

static uint64_t own(void)
{
	return virt_to_bus((const void *)page);
}

/* The device writes this value there, or reads what is there. */
static void write_to(uint64_t bus, uint64_t value)
{
	*page = value;
	edu_dma(edu, 0, own(), 8);
	edu_dma(edu, 1, bus, 8);
}

static uint64_t read_from(uint64_t bus)
{
	edu_dma(edu, 0, bus, 8);
	*page = 0;
	edu_dma(edu, 1, own(), 8);
	return *page;
}

/* Neither can it, and the kernel is told of both. */
static void expect_blocked(uint64_t bus)
{
	for (unsigned i = 0; i < 2; i++) {
		uint64_t before = faults(), until = time_ns() + WAIT;

		if (i)
			expect(read_from(bus) != SECRET);
		else
			write_to(bus, 0x1111);
		while (faults() == before && time_ns() < until)
			event_loop_once(time_ns() + 1000000);
		if (faults() == before)
			fails(__FILE__, __LINE__, "nothing was blocked at 0x%lx", bus);
	}
}

TEST("a device reads and writes its owner's memory", .device = 1)
{
	begin();
	write_to(own() + 8, SECRET);
	expect_eq(page[1], SECRET);
	page[2] = SECRET + 1;
	expect_eq(read_from(own() + 16), SECRET + 1);
	expect_eq(faults(), 0);
}

TEST("a device reaches neither the kernel nor another domain, and its name, owner and address are told", .device = 1,
     .peer = 1, .watched = 1, .seconds = 60)
{
	uint64_t mfn, va = peer_page(&mfn);
	uint32_t bdf;

	begin();
	bdf = device_info()->bdf;
	print("expect on the console: guise: device %02x:%02x.%u of domain %u: DMA to 0x100000 blocked\n", bdf >> 8,
	      bdf >> 3 & 31, bdf & 7, DOMID_CLAIM);
	expect_blocked(0x100000); /* the kernel's image */
	peer_poke(va, SECRET, NULL);
	expect_blocked(mfn << 12);
	expect_eq(peer_peek(va, NULL), SECRET);
	expect_blocked(max_mfn() << 12);
	expect_blocked(device_info()->bar[0].base); /* a device, be it itself */
	for (unsigned i = 0; i < 4; i++) {
		uint64_t m = 0x100 + random64() % (max_mfn() - 0x100);

		if (!is_own(m))
			expect_blocked(m << 12);
	}
}

TEST("a device does not reach what the kernel made for its owner", .device = 1)
{
	begin();
	expect_blocked(start->shared_info);
}

static uint32_t peer_lends(uint64_t *va, uint64_t *mfn, int readonly)
{
	int64_t ref;

	*va = peer_page(mfn);
	ref = peer_offer(*va, readonly);
	expect(ref > 0);
	return (uint32_t)ref;
}

static struct guise_dma_map dma_map(uint32_t ref, uint16_t flags)
{
	struct guise_dma_map op = { .domid = DOMID_PEER, .flags = flags, .ref = ref };

	expect_eq(guise_dma(GUISE_DMA_MAP, &op, 1), 0);
	expect_eq(op.status, 0);
	return op;
}

TEST("a device reaches a granted frame while it is mapped for DMA, and no longer", .device = 1, .peer = 1)
{
	uint64_t va, mfn;
	uint32_t ref;
	struct guise_dma_map map;

	begin();
	ref = peer_lends(&va, &mfn, 0);
	map = dma_map(ref, 0);
	write_to(map.bus, 0x1234);
	expect_eq(peer_peek(va, NULL), 0x1234);
	peer_poke(va, 0x5678, NULL);
	expect_eq(read_from(map.bus), 0x5678);
	expect_eq(faults(), 0);
	expect_blocked(mfn << 12);
	expect_eq(guise_dma(GUISE_DMA_UNMAP, &map.cookie, 1), 0);
	peer_poke(va, SECRET, NULL);
	expect_blocked(map.bus);
	expect_eq(peer_peek(va, NULL), SECRET);
}

TEST("a device only reads what is mapped for reading", .device = 1, .peer = 1)
{
	uint64_t va, mfn, until;
	struct guise_dma_map map;

	begin();
	map = dma_map(peer_lends(&va, &mfn, 1), GUISE_DMA_RDONLY);
	peer_poke(va, SECRET, NULL);
	write_to(map.bus,
		 0x1111); /* before it reads: QEMU does not tell of a write to what its IOTLB has as read-only */
	for (until = time_ns() + WAIT; !faults() && time_ns() < until;)
		event_loop_once(time_ns() + 1000000);
	expect_eq(faults(), 1);
	expect_eq(peer_peek(va, NULL), SECRET);
	expect_eq(read_from(map.bus), SECRET);
	write_to(map.bus, 0x1111);
	expect_eq(peer_peek(va, NULL), SECRET);
}

TEST("a device does not reach what its owner mapped of others' for the CPU", .device = 1, .peer = 1)
{
	uint64_t va, mfn;
	uint32_t ref, handle;
	volatile uint64_t *here;

	begin();
	ref = peer_lends(&va, &mfn, 0);
	here = grant_map(DOMID_PEER, ref, 0, &handle);
	expect(here);
	*here = SECRET;
	expect_eq(peer_peek(va, NULL), SECRET);
	expect_blocked(mfn << 12);
	expect_eq(*here, SECRET);
}

static long memory_op(unsigned cmd, xen_pfn_t *list)
{
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, list);
	return hypercall(__HYPERVISOR_memory_op, cmd, (uint64_t)&r, 0, 0, 0);
}

TEST("a device does not reach memory that its owner gave back, and does reach what it got since", .device = 1,
     .spare = 8)
{
	void *given = page_alloc(1), *at;
	uint64_t mfn = virt_to_mfn(given);
	xen_pfn_t list = mfn;

	begin();
	write_to(mfn << 12, SECRET);
	expect_eq(*(volatile uint64_t *)given, SECRET);
	expect_eq(memory_op(XENMEM_decrease_reservation, &list), 1);
	expect_blocked(mfn << 12);
	list = start->nr_pages;
	expect_eq(memory_op(XENMEM_populate_physmap, &list), 1);
	at = window_alloc(1);
	expect_eq(window_map(at, list), 0);
	mfn = faults();
	write_to(list << 12, SECRET);
	expect_eq(*(volatile uint64_t *)at, SECRET);
	expect_eq(faults(), mfn);
}

TEST("a device that its owner gave up reaches nothing", .device = 1)
{
	long rc = -1;

	begin();
	write_to(own() + 8, SECRET);
	for (uint32_t h = 1; h < 10 && rc; h++)
		rc = h == device_info()->irq_handle[0] ? -1 : guise_handle_drop(h); /* the device's comes next */
	expect_eq(rc, 0);
	page[1] = 0x1111;
	edu_dma(edu, 1, own() + 8, 8);
	edu_dma(edu, 0, own(), 8);
	edu_dma(edu, 1, own() + 8, 8);
	expect_eq(page[1], 0x1111);
}

/* ---- interrupts ---- */

static int interrupts;

static void interrupt(uint32_t port, void *arg)
{
	interrupts++;
	mmio_write32(edu + EDU_ACK, ~0u);
}

static void listen(uint32_t handle, uint32_t irq)
{
	int port = event_bind_irq(handle, irq, 0);

	expect(port > 0);
	event_handler((uint32_t)port, interrupt, NULL);
}

static int heard(uint64_t ns)
{
	for (uint64_t until = time_ns() + ns; !interrupts && time_ns() < until;)
		event_loop_once(time_ns() + 1000000);
	return interrupts;
}

TEST("a device's message interrupts its owner", .device = 1)
{
	begin();
	listen(device_info()->irq_handle[0], device_info()->irq[0]);
	mmio_write32(edu + EDU_RAISE, 1);
	expect(heard(WAIT));
}

TEST("a device cannot interrupt by the message of another", .device = 2)
{
	struct guise_system_info info;

	begin();
	expect_eq(guise_system(GUISE_SYSTEM_INFO, &info, 0), 0);
	if (!(info.features & GUISE_FEATURE_IRQ_REMAP))
		skip("the IOMMU does not remap interrupts");
	listen(device_info()->irq_handle[0], device_info()->irq[0]);
	mmio_write32(edu + EDU_RAISE, 1);
	expect(!heard(QUIET));
}

TEST("a device cannot interrupt by writing a message of the old format", .device = 1, .irq = GUISE_IRQ_MSI + 60,
     .nr_irqs = 1)
{
	struct guise_msi_alloc msi = { 0 };
	long irq = -1;

	begin();
	for (msi.handle = 1; irq < 0 && msi.handle < 10; msi.handle++)
		irq = guise_irq(GUISE_IRQ_MSI_ALLOC, &msi);
	expect(irq >= 0);
	listen(msi.handle - 1, (uint32_t)irq);
	*(volatile uint32_t *)page = msi.data;
	edu_dma(edu, 0, own(), 4);
	edu_dma(edu, 1, 0xfee00000, 4);
	if (heard(QUIET))
		skip("QEMU before 8.1 lets it through");
	expect_eq(guise_irq_nr(GUISE_IRQ_MSI_FREE, (uint32_t)irq), -XEN_EBUSY);
}
