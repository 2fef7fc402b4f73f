/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grants.c - frames lent to one named domain: for mapping, for copying, for DMA, and for no longer
 * than the lender wants.
 */
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/io.h>
#include <runtime/start.h>
#include <runtime/string.h>

#include "claim.h"
#include "peer.h"
#include "pt.h"
#include "trap.h"

static grant_entry_v1_t *table(void)
{
	static grant_entry_v1_t *t;
	xen_pfn_t frame[GRANT_FRAMES];
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = GRANT_FRAMES };

	if (!t) {
		set_xen_guest_handle(setup.frame_list, frame);
		expect_eq(hc_grant_table(GNTTABOP_setup_table, &setup, 1), 0);
		t = (void *)pt_space();
		expect_eq(hc_update_va_mapping((uint64_t)t, frame[0] << PAGE_SHIFT | PTE_DATA), 0);
	}
	return t;
}

/* An entry of our table, made by hand. */
static void entry_set(unsigned ref, uint16_t dom, uint64_t mfn, uint16_t flags)
{
	volatile grant_entry_v1_t *e = &table()[ref];

	e->flags = 0;
	e->domid = dom;
	e->frame = (uint32_t)mfn;
	e->flags = flags;
}

/* Map something that the peer lends us: its status, the handle in *handle. */
static int map(uint16_t dom, uint32_t ref, uint64_t va, uint32_t flags, uint32_t *handle)
{
	gnttab_map_grant_ref_t op = { .host_addr = va, .flags = flags, .ref = ref, .dom = dom, .status = 1 };

	expect_eq(hc_grant_table(GNTTABOP_map_grant_ref, &op, 1), 0);
	if (handle)
		*handle = op.handle;
	return op.status;
}

static int unmap(uint32_t handle, uint64_t va)
{
	gnttab_unmap_grant_ref_t op = { .host_addr = va, .handle = handle, .status = 1 };

	expect_eq(hc_grant_table(GNTTABOP_unmap_grant_ref, &op, 1), 0);
	return op.status;
}

static uint32_t peer_lends(uint64_t *va, uint64_t *mfn, int readonly)
{
	int64_t ref;

	*va = peer_page(mfn);
	ref = peer_offer(*va, readonly);
	expect(ref > 0);
	return (uint32_t)ref;
}

/* ---- the table ---- */

TEST("the grant table grows to its maximum, which is even, and no further")
{
	struct gnttab_query_size q = { .dom = DOMID_SELF };
	struct gnttab_setup_table setup = { .dom = DOMID_SELF };
	static xen_pfn_t frame[128];

	expect_eq(hc_grant_table(GNTTABOP_query_size, &q, 1), 0);
	expect_eq(q.status, GNTST_okay);
	expect(q.nr_frames >= GRANT_FRAMES && q.max_nr_frames >= 2 && q.max_nr_frames % 2 == 0);
	set_xen_guest_handle(setup.frame_list, frame);
	setup.nr_frames = q.max_nr_frames;
	expect_eq(hc_grant_table(GNTTABOP_setup_table, &setup, 1), 0);
	expect_eq(setup.status, GNTST_okay);
	for (unsigned i = 0; i < q.max_nr_frames; i++) {
		uint64_t va = pt_space();

		expect_eq(hc_update_va_mapping(va, frame[i] << PAGE_SHIFT | PTE_DATA), 0);
		expect_eq(*(volatile uint64_t *)(va + 4088), 0);
		for (unsigned k = 0; k < i; k++)
			expect(frame[k] != frame[i]);
	}
	setup.nr_frames = q.max_nr_frames + 1;
	expect_eq(hc_grant_table(GNTTABOP_setup_table, &setup, 1), 0);
	expect_eq(setup.status, GNTST_general_error);
	setup.nr_frames = ~0u;
	expect_eq(hc_grant_table(GNTTABOP_setup_table, &setup, 1), 0);
	expect_eq(setup.status, GNTST_general_error);
}

TEST("nobody sets up or measures the table of another domain", .peer = 1)
{
	struct gnttab_query_size q = { .dom = DOMID_PEER };
	struct gnttab_setup_table setup = { .dom = DOMID_PEER, .nr_frames = 1 };
	struct gnttab_get_version v = { .dom = DOMID_PEER };
	xen_pfn_t frame = 77;

	set_xen_guest_handle(setup.frame_list, &frame);
	expect_eq(hc_grant_table(GNTTABOP_query_size, &q, 1), 0);
	expect_eq(q.status, GNTST_permission_denied);
	expect_eq(q.nr_frames, 0);
	expect_eq(hc_grant_table(GNTTABOP_setup_table, &setup, 1), 0);
	expect_eq(setup.status, GNTST_permission_denied);
	expect_eq(frame, 77);
	expect(hc_grant_table(GNTTABOP_get_version, &v, 1) < 0);
}

TEST("grant table version 1 is the one there is")
{
	struct gnttab_set_version v = { .version = 1 };
	struct gnttab_get_version g = { .dom = DOMID_SELF };

	expect_eq(hc_grant_table(GNTTABOP_set_version, &v, 1), 0);
	v.version = 2;
	expect(hc_grant_table(GNTTABOP_set_version, &v, 1) < 0);
	expect_eq(v.version, 1);
	expect_eq(hc_grant_table(GNTTABOP_get_version, &g, 1), 0);
	expect_eq(g.version, 1);
}

TEST("grant calls with bad addresses, counts or commands are refused")
{
	gnttab_map_grant_ref_t op = { 0 };

	for (unsigned cmd = 0; cmd < 13; cmd++) {
		expect(hypercall(__HYPERVISOR_grant_table_op, cmd, (uint64_t)&op, 4097, 0, 0) < 0);
		expect(hypercall(__HYPERVISOR_grant_table_op, cmd, (uint64_t)&op, ~0ull, 0, 0) < 0);
		expect(hc_grant_table(cmd, NULL, 1) < 0);
		expect(hc_grant_table(cmd, (void *)0xffff808000100000, 1) < 0);
	}
	expect_eq(hc_grant_table(GNTTABOP_map_grant_ref, NULL, 0), 0);
	expect_eq(hc_grant_table(GNTTABOP_setup_table, &op, 0), -XEN_EINVAL);
	expect_eq(hc_grant_table(GNTTABOP_setup_table, &op, 2), -XEN_EINVAL);
	expect_eq(hc_grant_table(GNTTABOP_transfer, &op, 1), -XEN_ENOSYS);
	expect_eq(hc_grant_table(99, &op, 1), -XEN_ENOSYS);
}

/* ---- mapping ---- */

TEST("a mapped grant shows the lender's page, and writes go through", .peer = 1, .paging = BOTH)
{
	uint64_t there, mfn, here = pt_space();
	uint32_t ref = peer_lends(&there, &mfn, 0), handle;

	peer_poke(there, 0x1234, NULL);
	expect_eq(map(DOMID_PEER, ref, here, GNTMAP_host_map, &handle), GNTST_okay);
	expect_eq(*(volatile uint64_t *)here, 0x1234);
	*(volatile uint64_t *)(here + 8) = 0x5678;
	expect_eq(peer_peek(there + 8, NULL), 0x5678);
	expect_eq(unmap(handle, here), GNTST_okay);
	expect(!can_read(here, NULL));
	expect(!can_write(here, 0));
}

TEST("a mapped grant cannot be withdrawn", .peer = 1)
{
	uint64_t *page = page_alloc(1), va;
	int ref = grant_offer(DOMID_PEER, page, 0);
	int64_t handle = peer_map((uint32_t)ref, 0, &va);
	int fault;

	expect(handle >= 0);
	expect_eq(grant_end(ref), -XEN_EBUSY);
	peer_poke(va, 9, &fault);
	expect(!fault && *page == 9);
	expect_eq(peer_unmap((uint32_t)handle, va), GNTST_okay);
	expect_eq(grant_end(ref), 0);
	peer_peek(va, &fault);
	expect(fault);
	peer_poke(va, 10, &fault);
	expect(fault);
	expect_eq(*page, 9);
	expect(peer_map((uint32_t)ref, 0, &va) < 0);
}

TEST("a grant mapped twice is in use until both mappings are gone", .peer = 1)
{
	uint64_t *page = page_alloc(1), a, b;
	int ref = grant_offer(DOMID_PEER, page, 0);
	int64_t ha = peer_map((uint32_t)ref, 0, &a), hb = peer_map((uint32_t)ref, 1, &b);

	expect(ha >= 0 && hb >= 0 && ha != hb);
	expect_eq(peer_unmap((uint32_t)ha, a), GNTST_okay);
	expect_eq(grant_end(ref), -XEN_EBUSY);
	expect_eq(table()[ref].flags & (GTF_reading | GTF_writing), GTF_reading);
	expect_eq(peer_unmap((uint32_t)hb, b), GNTST_okay);
	expect_eq(table()[ref].flags & (GTF_reading | GTF_writing), 0);
	expect_eq(grant_end(ref), 0);
}

TEST("a read-only grant is mapped for reading only", .peer = 1, .paging = BOTH)
{
	uint64_t there, mfn, here = pt_space();
	uint32_t ref = peer_lends(&there, &mfn, 1), handle;

	expect(map(DOMID_PEER, ref, here, GNTMAP_host_map, NULL) < 0);
	expect(!can_read(here, NULL));
	expect_eq(map(DOMID_PEER, ref, here, GNTMAP_host_map | GNTMAP_readonly, &handle), GNTST_okay);
	peer_poke(there, 5, NULL);
	expect_eq(*(volatile uint64_t *)here, 5);
	expect(!can_write(here, 6));
	expect_eq(peer_peek(there, NULL), 5);
}

TEST("a read-only mapping does not become writable by the holder's own table", .peer = 1, .paging = BOTH)
{
	uint64_t there, mfn, here = pt_space();
	uint32_t ref = peer_lends(&there, &mfn, 1), handle;

	expect_eq(map(DOMID_PEER, ref, here, GNTMAP_host_map | GNTMAP_readonly, &handle), GNTST_okay);
	pt_set(here, mfn << PAGE_SHIFT | PTE_DATA);
	expect(!can_write(here, 6));
	expect_eq(hypercall(__HYPERVISOR_update_va_mapping, here, mfn << PAGE_SHIFT | PTE_DATA, UVMF_TLB_FLUSH, 0, 0),
		  0);
	expect(!can_write(here, 6));
	/* Nor through the kernel's hands. */
	expect_eq(hc_vcpu(VCPUOP_get_runstate_info, 0, (void *)here), -XEN_EFAULT);
	expect_eq(peer_peek(there, NULL), 0);
	expect_eq(unmap(handle, here), GNTST_okay);
	expect(!can_read(here, NULL));
}

TEST("a grant mapping works at the one place it was made for", .peer = 1, .paging = BOTH)
{
	uint64_t there, mfn, here = pt_space(), elsewhere = pt_space(), value;
	uint32_t ref = peer_lends(&there, &mfn, 0), handle;

	expect_eq(map(DOMID_PEER, ref, here, GNTMAP_host_map, &handle), GNTST_okay);
	expect(can_write(here, 1));
	expect_eq(hc_update_va_mapping(elsewhere, *pt_entry(here, 1)), -XEN_EPERM);
	pt_set(elsewhere, *pt_entry(here, 1));
	expect(!can_read(elsewhere, NULL));
	expect(!can_write(elsewhere, 2));
	/* A second way to the same slot is the same slot. */
	expect(can_read(here, &value) && value == 1);
	expect_eq(unmap(handle, here), GNTST_okay);
	expect(!can_read(here, NULL) && !can_read(elsewhere, NULL));
	pt_set(here, mfn << PAGE_SHIFT | PTE_DATA);
	expect(!can_read(here, NULL));
	expect_eq(peer_withdraw(ref), 0);
}

TEST("a mapping is undone though its holder put another page in its place", .peer = 1, .paging = BOTH)
{
	uint64_t there, mfn, here = pt_space(), *page = page_alloc(1);
	uint32_t ref = peer_lends(&there, &mfn, 0), handle;

	expect_eq(map(DOMID_PEER, ref, here, GNTMAP_host_map, &handle), GNTST_okay);
	expect(can_write(here, 1));
	pt_set(here, virt_to_bus(page) | PTE_DATA);
	*(volatile uint64_t *)here = 7;
	expect_eq(*page, 7);
	expect_eq(peer_peek(there, NULL), 1);
	expect_eq(unmap(handle, here), GNTST_okay);
	expect_eq(*(volatile uint64_t *)here, 7);
	expect_eq(peer_withdraw(ref), 0);
	pt_set(here, mfn << PAGE_SHIFT | PTE_DATA);
	expect(!can_read(here, NULL));
}

TEST("a leaf table given up while a grant is mapped in it takes the mapping along", .peer = 1, .paging = BOTH,
     .spare = 20)
{
	uint64_t *l3 = pt_page(), *l2 = pt_page(), *l1 = pt_page(), there, mfn, here = 1ull << 39;
	uint32_t ref = peer_lends(&there, &mfn, 0), handle;
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
	xen_pfn_t frame = virt_to_mfn(l1);

	pt_fill(l2, 0, virt_to_bus(l1) | PTE_DATA);
	pt_fill(l3, 0, virt_to_bus(l2) | PTE_DATA);
	pt_fill((uint64_t *)start->pt_base, 1, virt_to_bus(l3) | PTE_DATA);
	expect_eq(map(DOMID_PEER, ref, here, GNTMAP_host_map, &handle), GNTST_okay);
	expect(can_write(here, 1));
	set_xen_guest_handle(r.extent_start, &frame);
	expect_eq(hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (uint64_t)&r, 0, 0, 0), 1);
	expect(!can_read(here, NULL));
	expect_eq(unmap(handle, here), GNTST_okay);
	expect_eq(peer_withdraw(ref), 0);
}

TEST("what is not granted to this domain is not mapped", .peer = 1)
{
	uint64_t *page = page_alloc(1), va;
	int other = grant_offer(DOMID_BYSTANDER, page, 0), none = grant_offer(DOMID_PEER, page, 0);

	expect(peer_map((uint32_t)other, 0, &va) < 0);
	expect(peer_map((uint32_t)other, 1, &va) < 0);
	expect_eq(grant_end(none), 0);
	expect(peer_map((uint32_t)none, 1, &va) < 0);
	expect(peer_map(0, 1, &va) < 0);
	expect(peer_map(5, 1, &va) < 0);
	expect(peer_map(4 * 512, 1, &va) < 0);
	expect(peer_map(64 * 512, 1, &va) < 0);
	expect(peer_map(~0u, 1, &va) < 0);
	expect_eq(grant_end(other), 0);
}

TEST("nothing of a domain that is not there, or of one's own, is mapped")
{
	static const uint16_t dom[] = {
		DOMID_CLAIM, 55, DOMID_SELF, DOMID_IO, DOMID_XEN, DOMID_INVALID, 0xffff, 0x7fef
	};
	uint64_t *page = page_alloc(1), va = pt_space();
	int ref = grant_offer(DOMID_CLAIM, page, 0);

	for (unsigned i = 0; i < 8; i++)
		expect(map(dom[i], (uint32_t)ref, va, GNTMAP_host_map, NULL) < 0);
	for (uint32_t r = 0; r < 2048; r += 3)
		expect(map(0, r, va, GNTMAP_host_map, NULL) < 0);
	expect_eq(grant_end(ref), 0);
}

TEST("a grant of a frame that is not the lender's is worth nothing", .peer = 1, .watched = 1)
{
	uint64_t va, theirs;

	peer_page(&theirs);
	table();
	for (uint64_t m = 0; m < max_mfn() + 8; m += 1 + random64() % 4000) {
		if (is_own(m))
			continue;
		entry_set(100, DOMID_PEER, m, GTF_permit_access);
		if (peer_map(100, 1, &va) >= 0)
			fails(__FILE__, __LINE__, "frame 0x%lx was lent", m);
		expect_eq(table()[100].flags, GTF_permit_access);
	}
	entry_set(100, DOMID_PEER, theirs, GTF_permit_access);
	expect(peer_map(100, 0, &va) < 0);
	entry_set(100, DOMID_PEER, start->shared_info >> PAGE_SHIFT, GTF_permit_access);
	expect(peer_map(100, 0, &va) < 0);
	entry_set(100, DOMID_PEER, (*pt_entry((uint64_t)table(), 1) & PTE_FRAME) >> PAGE_SHIFT, GTF_permit_access);
	expect(peer_map(100, 0, &va) < 0);
	entry_set(100, DOMID_PEER, 0xffffffff, GTF_permit_access);
	expect(peer_map(100, 0, &va) < 0);
}

TEST("an entry of another kind than access is not mapped", .peer = 1)
{
	uint64_t *page = page_alloc(1), va;

	for (uint16_t kind = 0; kind < 4; kind++) {
		if (kind == GTF_permit_access)
			continue;
		entry_set(101, DOMID_PEER, virt_to_mfn(page), kind);
		expect(peer_map(101, 1, &va) < 0);
		expect_eq(table()[101].flags, kind);
	}
}

TEST("a grant is not mapped where there is no table, and is not in use then", .peer = 1)
{
	static const uint64_t bad[] = { 0x8000000000000000, 0xffff808000000000, 0xffff800000000000, 1ull << 39, ~0ull };
	uint64_t there, mfn;
	uint32_t ref = peer_lends(&there, &mfn, 0);

	for (unsigned i = 0; i < 5; i++)
		expect_eq(map(DOMID_PEER, ref, bad[i], GNTMAP_host_map, NULL), GNTST_bad_virt_addr);
	for (unsigned bit = 0; bit < 32; bit++) {
		uint32_t flags = 1u << bit;

		if (flags != GNTMAP_host_map)
			expect(map(DOMID_PEER, ref, pt_space(), flags, NULL) < 0);
	}
	expect_eq(peer_withdraw(ref), 0);
}

TEST("a bad handle unmaps nothing", .peer = 1)
{
	uint64_t there, mfn, here = pt_space();
	uint32_t ref = peer_lends(&there, &mfn, 0), handle;

	expect_eq(map(DOMID_PEER, ref, here, GNTMAP_host_map, &handle), GNTST_okay);
	expect_eq(unmap(handle + 1, here), GNTST_bad_handle);
	expect_eq(unmap(~0u, here), GNTST_bad_handle);
	expect_eq(unmap(4096, here), GNTST_bad_handle);
	expect(can_write(here, 1));
	expect_eq(unmap(handle, here), GNTST_okay);
	expect_eq(unmap(handle, here), GNTST_bad_handle);
	expect(!can_read(here, NULL));
}

TEST("mappings run out without harm, and all can be undone", .peer = 1, .seconds = 60)
{
	uint64_t there, mfn, here = pt_space();
	uint32_t ref = peer_lends(&there, &mfn, 0), *handle = page_alloc(5);
	unsigned n = 0;

	while (map(DOMID_PEER, ref, here, GNTMAP_host_map, &handle[n]) == GNTST_okay)
		expect(++n < 5000);
	expect(n >= 1000);
	expect(map(DOMID_PEER, ref, pt_space(), GNTMAP_host_map, NULL) < 0);
	expect(peer_withdraw(ref) < 0);
	while (n--)
		expect_eq(unmap(handle[n], here), GNTST_okay);
	expect_eq(peer_withdraw(ref), 0);
	expect(!can_read(here, NULL));
}

TEST("a batch of mappings has a status for each", .peer = 1)
{
	uint64_t there, mfn, here[3] = { pt_space(), pt_space(), pt_space() };
	uint32_t ref = peer_lends(&there, &mfn, 0);
	gnttab_map_grant_ref_t op[3];
	gnttab_unmap_grant_ref_t un[3];

	for (unsigned i = 0; i < 3; i++)
		op[i] = (gnttab_map_grant_ref_t){
			.host_addr = here[i], .flags = GNTMAP_host_map, .ref = i == 1 ? 999 : ref, .dom = DOMID_PEER
		};
	expect_eq(hc_grant_table(GNTTABOP_map_grant_ref, op, 3), 0);
	expect_eq(op[0].status, GNTST_okay);
	expect(op[1].status < 0);
	expect_eq(op[2].status, GNTST_okay);
	expect(can_write(here[0], 1) && can_write(here[2], 2));
	for (unsigned i = 0; i < 3; i++)
		un[i] = (gnttab_unmap_grant_ref_t){ .host_addr = here[i], .handle = op[i].handle };
	expect_eq(hc_grant_table(GNTTABOP_unmap_grant_ref, un, 3), 0);
	expect_eq(un[0].status, GNTST_okay);
	expect(un[1].status < 0);
	expect_eq(un[2].status, GNTST_okay);
}

TEST("a domain that ends gives back what it had mapped", .peer = 1)
{
	uint64_t *page = page_alloc(1), va, end = time_ns() + 30000000000;
	int ref = grant_offer(DOMID_PEER, page, 0);

	expect(peer_map((uint32_t)ref, 0, &va) >= 0);
	expect_eq(grant_end(ref), -XEN_EBUSY);
	peer_end();
	while (grant_end(ref) && time_ns() < end)
		hc_sched(SCHEDOP_yield, NULL);
	expect_eq(table()[ref].flags, 0);
}

TEST("a frame of a domain that ended stays the mapper's to use until it lets go", .peer = 1, .paging = BOTH)
{
	uint64_t there, mfn, here = pt_space(), end;
	uint32_t ref = peer_lends(&there, &mfn, 0), handle;

	peer_poke(there, 0x77, NULL);
	expect_eq(map(DOMID_PEER, ref, here, GNTMAP_host_map, &handle), GNTST_okay);
	peer_end();
	for (end = time_ns() + 100000000; time_ns() < end;)
		hc_sched(SCHEDOP_yield, NULL);
	expect_eq(*(volatile uint64_t *)here, 0x77);
	expect(can_write(here, 0x78));
	expect(map(DOMID_PEER, ref, pt_space(), GNTMAP_host_map, NULL) < 0);
	expect_eq(unmap(handle, here), GNTST_okay);
	expect(!can_read(here, NULL));
}

/* ---- copying ---- */

static gnttab_copy_t copy_op(uint16_t from, uint64_t source, uint16_t to, uint64_t dest, uint16_t flags)
{
	gnttab_copy_t op = { .len = 64, .flags = flags, .status = 1 };

	op.source.domid = from;
	op.dest.domid = to;
	if (flags & GNTCOPY_source_gref)
		op.source.u.ref = (grant_ref_t)source;
	else
		op.source.u.gmfn = source;
	if (flags & GNTCOPY_dest_gref)
		op.dest.u.ref = (grant_ref_t)dest;
	else
		op.dest.u.gmfn = dest;
	return op;
}

static int copy(gnttab_copy_t *op)
{
	expect_eq(hc_grant_table(GNTTABOP_copy, op, 1), 0);
	return op->status;
}

TEST("a copy moves bytes between own and granted pages, both ways", .peer = 1)
{
	uint64_t there, mfn, *page = page_alloc(2);
	uint32_t ref = peer_lends(&there, &mfn, 0);
	gnttab_copy_t op;

	page[0] = 0xabcdef;
	op = copy_op(DOMID_SELF, virt_to_mfn(page), DOMID_PEER, ref, GNTCOPY_dest_gref);
	op.dest.offset = 1024;
	expect_eq(copy(&op), GNTST_okay);
	expect_eq(peer_peek(there + 1024, NULL), 0xabcdef);
	peer_poke(there + 2048, 0x777, NULL);
	op = copy_op(DOMID_PEER, ref, DOMID_SELF, virt_to_mfn(page), GNTCOPY_source_gref);
	op.source.offset = 2048;
	op.dest.offset = 8;
	expect_eq(copy(&op), GNTST_okay);
	expect_eq(page[0], 0xabcdef);
	expect_eq(page[1], 0x777);
	op = copy_op(DOMID_PEER, ref, DOMID_PEER, ref, GNTCOPY_source_gref | GNTCOPY_dest_gref);
	op.source.offset = 1024;
	op.dest.offset = 0;
	expect_eq(copy(&op), GNTST_okay);
	expect_eq(peer_peek(there, NULL), 0xabcdef);
	op = copy_op(DOMID_SELF, virt_to_mfn(page), DOMID_CLAIM, virt_to_mfn(page + 512), 0);
	op.len = PAGE_SIZE;
	expect_eq(copy(&op), GNTST_okay);
	expect_eq(page[512], 0xabcdef);
	expect_eq(peer_withdraw(ref), 0);
}

TEST("a copy outside a page, with unknown flags or of nothing granted is refused", .peer = 1)
{
	uint64_t there, mfn, *page = page_alloc(1), own = virt_to_mfn(page);
	uint32_t ref = peer_lends(&there, &mfn, 1);
	gnttab_copy_t op = copy_op(DOMID_PEER, ref, DOMID_SELF, own, GNTCOPY_source_gref);

#define REFUSED(change)                                                              \
	do {                                                                         \
		op = copy_op(DOMID_PEER, ref, DOMID_SELF, own, GNTCOPY_source_gref); \
		change;                                                              \
		if (copy(&op) >= 0)                                                  \
			fails(__FILE__, __LINE__, "done: %s", #change);              \
	} while (0)
	REFUSED(op.source.offset = 4090);
	REFUSED(op.dest.offset = 4090);
	REFUSED(op.len = 4097);
	REFUSED(op.len = 0xffff);
	REFUSED(op.source.offset = 0xffff);
	REFUSED(op.flags |= 8);
	REFUSED(op.source.u.ref = ref + 1);
	REFUSED(op.source.u.ref = ~0u);
	REFUSED(op.source.domid = DOMID_BYSTANDER);
	REFUSED(op.source.domid = DOMID_XEN);
	REFUSED(op.dest.domid = DOMID_PEER); /* by frame: only one's own */
	REFUSED(op.dest.domid = 0);
	REFUSED(op.dest.u.gmfn = mfn);
	REFUSED(op.dest.u.gmfn = 0x100);
	REFUSED(op.dest.u.gmfn = ~0ull);
	REFUSED(op.flags = 0; op.source.u.gmfn = mfn);
	/* Read-only: no copy into it. */
	op = copy_op(DOMID_SELF, own, DOMID_PEER, ref, GNTCOPY_dest_gref);
	expect(copy(&op) < 0);
	op = copy_op(DOMID_PEER, ref, DOMID_SELF, own, GNTCOPY_source_gref);
	expect_eq(copy(&op), GNTST_okay);
	op.len = 0;
	expect_eq(copy(&op), GNTST_okay);
	expect_eq(peer_withdraw(ref), 0);
}

TEST("a copy into a live leaf table opens no foreign frame", .peer = 1, .paging = BOTH, .watched = 1)
{
	uint64_t there, mfn, va = pt_space(), *entry = pt_entry(va, 1);
	uint32_t ref = peer_lends(&there, &mfn, 0);
	gnttab_copy_t op = copy_op(DOMID_PEER, ref, DOMID_SELF, virt_to_mfn(entry), GNTCOPY_source_gref);

	peer_poke(there, mfn << PAGE_SHIFT | PTE_DATA, NULL);
	op.len = 8;
	op.dest.offset = (uint16_t)((uint64_t)entry & ~PAGE_MASK);
	expect_eq(copy(&op), GNTST_okay);
	expect_eq(*(volatile uint64_t *)entry, mfn << PAGE_SHIFT | PTE_DATA);
	pt_flush();
	expect(!can_read(va, NULL));
	expect(!can_write(va, 0));
}

/* ---- DMA ---- */

static int dma(uint16_t dom, uint32_t ref, uint16_t flags, struct guise_dma_map *op)
{
	*op = (struct guise_dma_map){ .domid = dom, .flags = flags, .ref = ref, .status = 1 };
	expect_eq(guise_dma(GUISE_DMA_MAP, op, 1), 0);
	return op->status;
}

TEST("a DMA grant gives the frame's bus address and keeps it from being withdrawn", .peer = 1)
{
	uint64_t there, mfn;
	uint32_t ref = peer_lends(&there, &mfn, 0);
	struct guise_dma_map op;

	expect_eq(dma(DOMID_PEER, ref, 0, &op), 0);
	expect_eq(op.bus, mfn << PAGE_SHIFT);
	expect(peer_withdraw(ref) < 0);
	expect_eq(guise_dma(GUISE_DMA_UNMAP, &op.cookie, 1), 0);
	expect_eq(guise_dma(GUISE_DMA_UNMAP, &op.cookie, 1), -XEN_EINVAL);
	expect_eq(peer_withdraw(ref), 0);
}

TEST("a DMA grant never makes the frame visible to the CPU", .peer = 1, .paging = BOTH)
{
	uint64_t there, mfn, va = pt_space();
	uint32_t ref = peer_lends(&there, &mfn, 0);
	struct guise_dma_map op;

	expect_eq(dma(DOMID_PEER, ref, 0, &op), 0);
	expect_eq(hc_update_va_mapping(va, op.bus | PTE_DATA), -XEN_EPERM);
	pt_set(va, op.bus | PTE_DATA);
	expect(!can_read(va, NULL) && !can_write(va, 0));
}

TEST("a DMA grant is refused where a mapping would be", .peer = 1)
{
	uint64_t there, mfn, *page = page_alloc(1);
	uint32_t ref = peer_lends(&there, &mfn, 1), own = (uint32_t)grant_offer(DOMID_CLAIM, page, 0),
		 cookies[2] = { 0, 4095 };
	struct guise_dma_map op;

	expect(dma(DOMID_PEER, ref, 0, &op) < 0);
	expect(dma(DOMID_PEER, ref, 2, &op) < 0);
	expect(dma(DOMID_PEER, ref, 0xffff, &op) < 0);
	expect(dma(DOMID_PEER, ref + 1, GUISE_DMA_RDONLY, &op) < 0);
	expect(dma(DOMID_BYSTANDER, ref, GUISE_DMA_RDONLY, &op) < 0);
	expect(dma(0, ref, GUISE_DMA_RDONLY, &op) < 0);
	expect(dma(DOMID_CLAIM, own, 0, &op) < 0);
	expect_eq(guise_dma(GUISE_DMA_UNMAP, cookies, 2), -XEN_EINVAL);
	expect_eq(guise_dma(GUISE_DMA_MAP, &op, 0), -XEN_EINVAL);
	expect_eq(guise_dma(GUISE_DMA_MAP, &op, GUISE_DMA_BATCH + 1), -XEN_EINVAL);
	expect_eq(guise_dma(GUISE_DMA_MAP, &op, ~0u), -XEN_EINVAL);
	expect_eq(guise_dma(GUISE_DMA_MAP, NULL, 1), -XEN_EFAULT);
	expect_eq(guise_dma(GUISE_DMA_UNMAP, NULL, 1), -XEN_EFAULT);
	expect_eq(guise_dma(9, &op, 1), -XEN_ENOSYS);
	expect_eq(dma(DOMID_PEER, ref, GUISE_DMA_RDONLY, &op), 0);
	/* A mapping's handle is no cookie, a cookie no handle. */
	expect_eq(unmap(op.cookie, 0), GNTST_bad_handle);
	expect_eq(guise_dma(GUISE_DMA_UNMAP, &op.cookie, 1), 0);
	expect_eq(peer_withdraw(ref), 0);
}
