/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.c - memory_op: the map, and frames that leave and come back.
 */
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/start.h>

#include "claim.h"
#include "peer.h"
#include "pt.h"
#include "trap.h"

static long memory_op(unsigned cmd, void *arg)
{
	return hypercall(__HYPERVISOR_memory_op, cmd, (uint64_t)arg, 0, 0, 0);
}

static long reservation(unsigned cmd, xen_pfn_t *list, uint64_t nr)
{
	struct xen_memory_reservation r = { .nr_extents = nr, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, list);
	return memory_op(cmd, &r);
}

static long give_up(xen_pfn_t *mfns, uint64_t nr)
{
	return reservation(XENMEM_decrease_reservation, mfns, nr);
}

static long get_back(xen_pfn_t *gfns, uint64_t nr)
{
	return reservation(XENMEM_populate_physmap, gfns, nr);
}

TEST("the machine-to-physical table is where the call says")
{
	struct xen_machphys_mapping m;

	expect_eq(memory_op(XENMEM_machphys_mapping, &m), 0);
	expect_eq(m.v_start, 0xffff800000000000);
	expect(m.v_end > m.v_start && m.v_end <= 0xffff808000000000);
	expect(m.max_mfn >= virt_to_mfn((void *)start));
	expect(m.v_start + m.max_mfn * 8 < m.v_end);
	expect_eq(memory_op(XENMEM_machphys_mapping, NULL), -XEN_EFAULT);
}

TEST("the memory map is one piece of RAM as large as the domain may become", .spare = 100)
{
	struct {
		uint64_t begin, size;
		uint32_t type;
	} __attribute__((packed)) e[4];
	struct xen_memory_map map = { .nr_entries = 4 };

	set_xen_guest_handle(map.buffer, (void *)e);
	expect_eq(memory_op(XENMEM_memory_map, &map), 0);
	expect_eq(map.nr_entries, 1);
	expect_eq(e[0].begin, 0);
	expect_eq(e[0].type, 1);
	expect_eq(e[0].size >> PAGE_SHIFT, memory_op(XENMEM_maximum_reservation, NULL));
	expect(e[0].size >> PAGE_SHIFT >= start->nr_pages + 100);
	map.nr_entries = 0;
	expect_eq(memory_op(XENMEM_memory_map, &map), -XEN_EINVAL);
	map.nr_entries = 1;
	set_xen_guest_handle(map.buffer, (void *)0xffff808000000000);
	expect_eq(memory_op(XENMEM_memory_map, &map), -XEN_EFAULT);
	expect_eq(memory_op(XENMEM_memory_map, NULL), -XEN_EFAULT);
}

TEST("unknown memory operations answer -ENOSYS")
{
	static const unsigned cmd[] = { 5, 7, 8, 10, 11, 15, 17, 18, 19, 20, 21, 22, 26, 28, 30, 63 };

	for (unsigned i = 0; i < sizeof(cmd) / sizeof(cmd[0]); i++)
		expect_eq(memory_op(cmd[i], NULL), -XEN_ENOSYS);
}

TEST("no old translation reaches a frame that was given up", .paging = BOTH)
{
	uint64_t va = pt_space(), *page = page_alloc(1);
	xen_pfn_t mfn = virt_to_mfn(page);
	long before = memory_op(XENMEM_current_reservation, NULL);

	pt_set(va, mfn << PAGE_SHIFT | PTE_DATA);
	expect(can_write(va, 1) && can_write((uint64_t)page, 1));
	expect_eq(give_up(&mfn, 1), 1);
	expect(!can_read(va, NULL));
	expect(!can_write(va, 2));
	expect(!can_read((uint64_t)page, NULL));
	expect(!can_write((uint64_t)page, 2));
	expect_eq(memory_op(XENMEM_current_reservation, NULL), before - 1);
	expect_eq(m2p(mfn), ~0ull);
	expect_eq(hc_update_va_mapping(va, mfn << PAGE_SHIFT | PTE_DATA), -XEN_EPERM);
}

TEST("a frame that comes back is zero and knows its place", .paging = BOTH)
{
	uint64_t va = pt_space(), *page = page_alloc(16);
	xen_pfn_t list[16];
	unsigned seen = 0;

	for (unsigned i = 0; i < 16; i++) {
		list[i] = virt_to_mfn((char *)page + i * PAGE_SIZE);
		for (unsigned k = 0; k < 512; k++)
			page[i * 512 + k] = 0x5ec2e75ec2e75ec2;
	}
	expect_eq(give_up(list, 16), 16);
	for (unsigned i = 0; i < 16; i++)
		list[i] = 5000 + i;
	expect_eq(get_back(list, 16), 16);
	for (unsigned i = 0; i < 16; i++) {
		expect_eq(m2p(list[i]), 5000 + i);
		pt_set(va, list[i] << PAGE_SHIFT | PTE_DATA);
		for (unsigned k = 0; k < 512; k++)
			expect_eq(((volatile uint64_t *)va)[k], 0);
		seen++;
	}
	expect_eq(seen, 16);
}

TEST("a domain never owns more than its maximum", .spare = 40, .pages = 300)
{
	xen_pfn_t list[300];
	long max = memory_op(XENMEM_maximum_reservation, NULL), now = memory_op(XENMEM_current_reservation, NULL);

	for (unsigned i = 0; i < 300; i++)
		list[i] = 10000 + i;
	expect(max > now && max - now < 300);
	expect_eq(get_back(list, 300), max - now);
	expect_eq(memory_op(XENMEM_current_reservation, NULL), max);
	expect_eq(get_back(list, 1), 0);
}

TEST("only own frames can be given up, and the call stops at the first other", .watched = 1)
{
	uint64_t *page = page_alloc(4);
	xen_pfn_t list[4];

	for (uint64_t m = 0; m < max_mfn() + 64; m++) {
		xen_pfn_t one = m;

		if (!is_own(m))
			expect_eq(give_up(&one, 1), 0);
	}
	list[0] = ~0ull;
	expect_eq(give_up(list, 1), 0);
	list[0] = 1ull << 40;
	expect_eq(give_up(list, 1), 0);
	for (unsigned i = 0; i < 4; i++)
		list[i] = virt_to_mfn((char *)page + i * PAGE_SIZE);
	list[2] = 0x100;
	expect_eq(give_up(list, 4), 2);
	expect(can_read((uint64_t)page + 3 * PAGE_SIZE, NULL));
}

TEST("a frame named twice is given up once")
{
	uint64_t *page = page_alloc(1);
	xen_pfn_t list[3] = { virt_to_mfn(page), virt_to_mfn(page), virt_to_mfn(page) };

	expect_eq(give_up(list, 3), 1);
}

TEST("a frame that the kernel or another domain uses cannot be given up", .peer = 1)
{
	struct vcpu_register_vcpu_info info = { 0 };
	uint64_t *page = page_alloc(3), va;
	xen_pfn_t mfn[3];
	int64_t handle, ref;

	for (unsigned i = 0; i < 3; i++)
		mfn[i] = virt_to_mfn((char *)page + i * PAGE_SIZE);
	ref = grant_offer(DOMID_PEER, page, 0);
	handle = peer_map((uint32_t)ref, 0, &va);
	expect(handle >= 0);
	expect_eq(give_up(&mfn[0], 1), 0);
	peer_poke(va, 77, NULL);
	expect_eq(*page, 77);
	expect_eq(peer_unmap((uint32_t)handle, va), GNTST_okay);
	expect_eq(give_up(&mfn[0], 1), 1);

	info.mfn = mfn[1];
	expect_eq(hc_vcpu(VCPUOP_register_vcpu_info, 0, &info), 0);
	expect_eq(give_up(&mfn[1], 1), 0);
	va = (uint64_t)page + 2 * PAGE_SIZE;
	expect_eq(hc_vcpu(VCPUOP_register_runstate_memory_area, 0, &va), 0);
	expect_eq(give_up(&mfn[2], 1), 0);
}

TEST("a reservation with an order, of another domain or with a bad list is refused")
{
	struct xen_memory_reservation r = { .nr_extents = 1, .extent_order = 9, .domid = DOMID_SELF };
	xen_pfn_t mfn = virt_to_mfn(page_alloc(1));
	static const unsigned cmd[] = { XENMEM_decrease_reservation, XENMEM_populate_physmap };

	for (unsigned i = 0; i < 2; i++) {
		r = (struct xen_memory_reservation){ .nr_extents = 1, .extent_order = 9, .domid = DOMID_SELF };
		set_xen_guest_handle(r.extent_start, &mfn);
		expect_eq(memory_op(cmd[i], &r), -XEN_EINVAL);
		r.extent_order = 0;
		r.domid = DOMID_BYSTANDER;
		expect_eq(memory_op(cmd[i], &r), -XEN_EINVAL);
		r.domid = 0;
		expect_eq(memory_op(cmd[i], &r), -XEN_EINVAL);
		expect_eq(memory_op(cmd[i], NULL), -XEN_EFAULT);
		r.domid = DOMID_SELF;
		set_xen_guest_handle(r.extent_start, (xen_pfn_t *)0xffff808000000000);
		expect_eq(memory_op(cmd[i], &r), -XEN_EFAULT);
		/* "Already done" beyond the end. */
		set_xen_guest_handle(r.extent_start, &mfn);
		expect_eq(memory_op(cmd[i] | 2 << 6, &r), -XEN_EINVAL);
	}
	mfn = 1ull << 36;
	expect_eq(get_back(&mfn, 1), 0);
	mfn = ~0ull;
	expect_eq(get_back(&mfn, 1), 0);
}

TEST("a large balloon goes down and up again whole, whatever interrupts it", .paging = BOTH, .pages = 1500)
{
	uint64_t nr = 1000, *page = page_alloc((unsigned)nr);
	xen_pfn_t *list = page_alloc(2);
	struct vcpu_set_singleshot_timer t;
	long before = memory_op(XENMEM_current_reservation, NULL);

	expect(page && list);
	for (unsigned round = 0; round < 3; round++) {
		for (uint64_t i = 0; i < nr; i++)
			list[i] = round ? list[i] : virt_to_mfn((char *)page + i * PAGE_SIZE);
		t = (struct vcpu_set_singleshot_timer){ .timeout_abs_ns = time_ns() + 200000 * round };
		hc_vcpu(VCPUOP_set_singleshot_timer, 0, &t);
		expect_eq(give_up(list, nr), nr);
		expect_eq(memory_op(XENMEM_current_reservation, NULL), before - (long)nr);
		for (uint64_t i = 0; i < nr; i++)
			list[i] = virt_to_gfn((char *)page + i * PAGE_SIZE);
		t.timeout_abs_ns = time_ns() + 300000 * round;
		hc_vcpu(VCPUOP_set_singleshot_timer, 0, &t);
		expect_eq(get_back(list, nr), nr);
		expect_eq(memory_op(XENMEM_current_reservation, NULL), before);
		for (uint64_t i = 0; i < nr; i++)
			expect_eq(m2p(list[i]), virt_to_gfn((char *)page + i * PAGE_SIZE));
	}
}

TEST("giving up a leaf table in use takes its range along", .paging = BOTH, .watched = 1)
{
	uint64_t *l3 = pt_page(), *l2 = pt_page(), *l1 = pt_page(), va = 1ull << 39, *page = page_alloc(1);
	xen_pfn_t mfn = virt_to_mfn(l1);

	pt_fill(l1, 0, virt_to_bus(page) | PTE_DATA);
	pt_fill(l2, 0, virt_to_bus(l1) | PTE_DATA);
	pt_fill(l3, 0, virt_to_bus(l2) | PTE_DATA);
	pt_fill((uint64_t *)start->pt_base, 1, virt_to_bus(l3) | PTE_DATA);
	expect(can_write(va, 1));
	expect_eq(give_up(&mfn, 1), 1);
	expect(!can_read(va, NULL) && !can_write(va, 1));
	expect(can_read((uint64_t)page, NULL));
	mfn = virt_to_mfn(l2);
	expect_eq(give_up(&mfn, 1), 1);
	expect(!can_read(va, NULL));
	mfn = virt_to_mfn(l3);
	expect_eq(give_up(&mfn, 1), 1);
	expect(!can_read(va, NULL));
}

TEST("giving up the root in use stops the domain", .paging = BOTH, .dies = "no page tables", .watched = 1)
{
	xen_pfn_t mfn = virt_to_mfn((void *)start->pt_base);

	give_up(&mfn, 1);
}

TEST("giving up the code that runs ends in a fault, and without its stack the domain stops", .paging = BOTH,
     .dies = "no stack", .watched = 1)
{
	give_up((xen_pfn_t *)start->mfn_list, 16);
}

/* So many tables are cached of the largest guests: what it costs to forget them is no reason to keep the CPU. */
TEST("one page given up makes the kernel forget all that it caches of a large guest", .paging = BOTH, .pages = 9100,
     .spare = 400000, .watched = 1)
{
	uint64_t *l3 = pt_page(), *page = page_marked(17), base = 1ull << 39, *spare = page_alloc(1);
	xen_pfn_t mfn = virt_to_mfn(spare);

	pt_fill((uint64_t *)start->pt_base, 1, page_machine(l3) | PTE_DATA);
	for (unsigned i = 0; i < 16; i++) {
		uint64_t *l2 = pt_page();

		for (unsigned k = 0; k < 512; k++) {
			uint64_t *l1 = pt_page();

			pt_fill(l1, 0, page_machine(page) | PTE_DATA);
			pt_fill(l2, k, page_machine(l1) | PTE_DATA);
		}
		pt_fill(l3, i, page_machine(l2) | PTE_DATA);
		for (unsigned k = 0; k < 512; k++)
			expect_eq(word_at(base + i * (1ull << 30) + k * (2ull << 20)), 17);
	}
	expect_eq(give_up(&mfn, 1), 1);
	expect_eq(word_at(base), 17);
	expect_eq(word_at(base + 15 * (1ull << 30)), 17);
}
