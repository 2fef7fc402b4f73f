/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile.c - a domain that does to its page tables, grants, memory and devices what it likes.
 */
#include "tables.h"

#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/x86.h>
#include <core/grant.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

#define g    tables_guest
#define root tables_root

static struct guest peer;
static grant_handle_t handles[16];
static int device;
static uint64_t free_before;

static uint64_t any_frame(void)
{
	switch (test_below(8)) {
	case 0:
		return test_below(frame_max + 64); /* anybody's, or none */
	case 1:
		return peer.mfn[test_below(8)]; /* some of them granted */
	case 2:
		return fake_device() + test_below(FAKE_DEVICE);
	case 3:
		return g.d->tlb.page[test_below(g.d->tlb.nr)];
	case 4:
		return test_below(2) ? g.d->shared_mfn : root[test_below(ROOTS)];
	default:
		return g.mfn[test_below(g.nr)];
	}
}

static uint64_t any_entry(void)
{
	uint64_t flags = test_below(512) | (test_below(2) ? PTE_NX : 0);

	return any_frame() << PAGE_SHIFT | flags | (test_below(4) ? PTE_P | PTE_U : 0);
}

static uint64_t any_va(void)
{
	uint64_t va = test_below(3) ? tables_some_va() : ALIAS + test_below(g.nr) * PAGE_SIZE;

	if (test_below(2))
		return tables_va((unsigned)test_below(2), (unsigned)test_below(4)); /* meet again */
	return test_below(8) ? va : va ^ 1ull << 12 << test_below(36);
}

static void grant_step(void)
{
	uint64_t n = test_below(16);
	gnttab_unmap_grant_ref_t unmap = { .handle = handles[n] };
	gnttab_map_grant_ref_t map = { .host_addr = any_va() & ~(PAGE_SIZE - 1), .dom = 6 };

	map.ref = (uint32_t)test_below(8);
	map.flags = GNTMAP_host_map | (test_below(2) ? GNTMAP_readonly : 0);
	if (handles[n] == ~0u) {
		check_that(hc(g.v, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, PTR(&map), 1, 0) == 0);
		handles[n] = map.handle;
	} else {
		check_that(hc(g.v, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, PTR(&unmap), 1, 0) == 0);
		handles[n] = ~0u;
		tables_check();
	}
}

static void balloon_step(void)
{
	unsigned n = (unsigned)test_below(g.nr);
	xen_pfn_t m = g.mfn[n];
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	if (tables_number_of(m) != n || m == root[tables_loaded] || !frame_owned_by(m, 5))
		return;
	set_xen_guest_handle(r.extent_start, &m);
	if (hc(g.v, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, PTR(&r), 0, 0) != 1)
		return;
	tables_check();
	check_that(domain_populate(g.d, n, 1, &g.mfn[n]) == 1);
	for (unsigned k = 0; k < ROOTS; k++)
		if (root[k] == m)
			root[k] = g.mfn[n];
}

static void device_step(void)
{
	struct handle h = { .kind = GUISE_HANDLE_MMIO, .first = fake_device() + test_below(FAKE_DEVICE), .nr = 2 };

	if (device > 0)
		hc(g.v, GUISE_HC_HANDLE, GUISE_HANDLE_OP_DROP, (uint64_t)device, 0, 0);
	device = device > 0 ? 0 : handle_add(g.d, &h);
	tables_check();
}

/* Any entry of any of its frames, directly or by hypercall. */
static void scribble(void)
{
	mfn_t table = g.mfn[test_below(g.nr)];
	unsigned index = test_below(2) ? pt_index(any_va(), 1 + (unsigned)test_below(4)) : (unsigned)test_below(512);

	if (test_below(2) && frame_owned_by(table, 5))
		*guest_entry(table, index) = any_entry();
	else
		tables_update((any_frame() << PAGE_SHIFT) + index * 8 + test_below(3), any_entry());
}

/* Put the tables of one region of the loaded root back in order, lest nothing is mapped any more. */
static void repair(void)
{
	uint64_t va = tables_va((unsigned)test_below(2), 0);
	mfn_t table = root[tables_loaded];

	for (unsigned level = 4; level > 1 && frame_owned_by(table, 5); level--) {
		uint64_t slot = (table << PAGE_SHIFT) + pt_index(va, level) * 8;

		table = g.mfn[TABLES + tables_loaded * 8 + level + (va > 0x400000 ? 4 : 0)];
		tables_update(slot, table << PAGE_SHIFT | PTE_P | PTE_U | PTE_RW | PTE_A);
	}
}

/* One region's table becomes a run of 512 frames, or one large page does instead of it. */
static void make_run(void)
{
	mfn_t table = test_below(2) ? g.mfn[TABLES + 90] : g.mfn[RUN / 2];
	uint64_t upper = table << PAGE_SHIFT | PTE_P | PTE_U | PTE_RW | PTE_A;

	if (table == g.mfn[RUN / 2])
		upper |= PTE_PS | (test_below(2) ? PTE_D : 0) | (test_below(8) ? 0 : 1ull << 12 << test_below(9));
	for (unsigned i = 0; i < 512 && !(upper & PTE_PS); i++)
		*guest_entry(table, i) = g.mfn[RUN / 2 + i] << PAGE_SHIFT | PTE_P | PTE_U | PTE_RW | PTE_A | PTE_D;
	tables_update((g.mfn[TABLES + tables_loaded * 8 + 3] << PAGE_SHIFT) + pt_index(0x400000, 2) * 8, upper);
	for (unsigned i = 0; i < 16 && root_cr3(g.v, 1); i++)
		cpu_access(g.v, 0x400000 + test_below(512) * PAGE_SIZE, 0);
}

/* Anything named as roots, any range: answered or refused. */
static void personality_step(void)
{
	uint64_t first = test_below(2) ? any_va() : test_random(), last = test_below(2) ? first : test_random();

	g.v->arch.faulted = first & (VA_KERNEL - 1);
	tlb_fill_answered(g.v);
	if (test_below(4))
		tlb_refresh(g.d, any_frame(), test_below(2) ? any_frame() : 0, first, last);
	else if (hc(g.v, GUISE_HC_PERSONALITY, GUISE_PERSONALITY_ROOTS, root[tables_loaded], any_frame(), 0) == 0)
		repair();
}

void hostile_step(void)
{
	static const unsigned access[] = { 0, PF_WRITE, PF_FETCH };

	if (g.d->personality && test_below(4) == 0) {
		personality_step();
		return;
	}
	switch (test_below(12)) {
	case 0:
		grant_step();
		break;
	case 1:
		balloon_step();
		break;
	case 2:
		device_step();
		break;
	case 3:
		tables_mmuext(MMUEXT_PIN_L1_TABLE + (unsigned)test_below(5), any_frame()); /* or unpin */
		break;
	case 4:
		tables_mmuext(test_below(2) ? MMUEXT_INVLPG_LOCAL : MMUEXT_TLB_FLUSH_LOCAL, any_va());
		break;
	case 5:
		if (test_below(2))
			tables_switch_root();
		else
			tables_mmuext(MMUEXT_NEW_USER_BASEPTR, root[test_below(ROOTS)]);
		repair();
		if (g.nr >= RUN && test_below(8) == 0)
			make_run();
		break;
	case 6:
		hc(g.v, __HYPERVISOR_update_va_mapping, any_va(), any_entry(), test_below(4), 0);
		break;
	case 7:
	case 8:
		scribble();
		break;
	default:
		if (root_cr3(g.v, 1))
			cpu_access(g.v, any_va(), access[test_below(3)]);
	}
}

void hostile_start(uint8_t paging, uint32_t nr)
{
	grant_entry_v1_t *e;

	free_before = frame_free_count();
	tables_start(paging, nr);
	guest_make(&peer, 6, 8, GUISE_DOMAIN_STOCK);
	e = mfn_to_virt(grant_frame(peer.d, 0));
	for (unsigned i = 0; i < 8; i++)
		e[i] = (grant_entry_v1_t){ GTF_permit_access | (i & 1 ? GTF_readonly : 0), 5, (uint32_t)peer.mfn[i] };
	memset(handles, 0xff, sizeof(handles));
	device = 0;
	guest_run(&g);
}

void hostile_end(void)
{
	domain_ref(g.d);
	while (domain_destroy(g.d) == HC_CONTINUE)
		;
	check_that(g.d->frames == 0);
	domain_put(g.d);
	for (unsigned i = 0; i < 8; i++)
		check_that(FRAME_HOLDS(frame_of(peer.mfn[i])->state) == 0);
	while (domain_destroy(peer.d) == HC_CONTINUE)
		;
	check_that(frame_free_count() == free_before);
}
