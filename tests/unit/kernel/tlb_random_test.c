/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlb_random_test.c - any sequence of what guests do with page tables.
 *
 * A stock kernel and a native domain that keep to the rules see exactly what their own tables say,
 * as on real hardware.  A hostile one may see nonsense, but never a frame that is not its own.
 */
#include "fake.h"

#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/x86.h>
#include <core/grant.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

#define ALIAS	0xffff888000000000ull
#define TABLES	100 /* frames that hold tables from the start	*/
#define ROOTS	6
#define REGIONS 4    /* 2 MiB regions below each root		*/
#define SPAN	24   /* pages used of each region			*/
#define NR	1024 /* the upper half of ALIAS is one 2 MiB run */

static struct guest g, peer;
static uint32_t next_table;
static mfn_t root[ROOTS];
static unsigned loaded;

static uint64_t va_of(unsigned region, unsigned page)
{
	static const uint64_t base[REGIONS] = { 0x400000, 0x7f0000000000, 0x7f0000200000, 0x123456600000 };

	return base[region] + page * PAGE_SIZE;
}

static uint64_t some_va(void)
{
	if (test_below(4) == 0)
		return ALIAS + (NR / 2 + test_below(NR / 2)) * PAGE_SIZE; /* no table among these */
	return va_of((unsigned)test_below(REGIONS), (unsigned)test_below(SPAN));
}

static uint64_t some_leaf(void)
{
	uint64_t bits = test_random() & (PTE_RW | PTE_A | PTE_D | PTE_NX);

	return test_below(8) ? g.mfn[TABLES + test_below(NR - TABLES)] << PAGE_SHIFT | PTE_U | PTE_P | bits : bits;
}

static void start(uint8_t paging)
{
	fake_boot(8192);
	guest_make(&g, 5, NR, paging);
	next_table = 0;
	for (unsigned r = 0; r < ROOTS; r++) {
		root[r] = g.mfn[next_table++];
		for (unsigned region = 0; region < REGIONS; region++)
			for (unsigned p = 0; p < SPAN; p++)
				guest_map(&g, root[r], va_of(region, p), some_leaf(), &next_table);
		if (r) /* one upper half for all, as Linux has it */
			*guest_entry(root[r], pt_index(ALIAS, 4)) = *guest_entry(root[0], pt_index(ALIAS, 4));
		else
			for (unsigned i = 0; i < NR; i++)
				guest_map(&g, root[0], ALIAS + i * PAGE_SIZE,
					  g.mfn[i] << PAGE_SHIFT | PTE_P | PTE_U | PTE_A |
						  (i < TABLES && paging == GUISE_DOMAIN_STOCK ? 0 : PTE_RW | PTE_D),
					  &next_table);
	}
	check_that(next_table <= TABLES);
}

static unsigned number_of(mfn_t m)
{
	unsigned n = 0;

	while (n < NR && g.mfn[n] != m)
		n++;
	return n;
}

static long mmuext(unsigned cmd, uint64_t arg)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg };

	return hc(g.v, __HYPERVISOR_mmuext_op, PTR(&op), 1, 0, DOMID_SELF);
}

static long mmu_update(uint64_t slot, uint64_t value)
{
	mmu_update_t u = { slot, value };

	return hc(g.v, __HYPERVISOR_mmu_update, PTR(&u), 1, 0, DOMID_SELF);
}

/* As Linux does with every last-level table. */
static void pin_all(void)
{
	for (unsigned r = 0; r < ROOTS; r++) {
		for (unsigned region = 0; region < REGIONS; region++)
			mmuext(MMUEXT_PIN_L1_TABLE, guest_table(&g, root[r], va_of(region, 0), 1, &next_table));
		mmuext(MMUEXT_PIN_L4_TABLE, root[r]);
	}
	for (unsigned i = 0; i < NR; i += 512)
		mmuext(MMUEXT_PIN_L1_TABLE, guest_table(&g, root[0], ALIAS + i * PAGE_SIZE, 1, &next_table));
}

/* What hardware would do with the guest's own tables. */
static struct cpu_result reference(uint64_t va, unsigned access)
{
	struct cpu_result r = { false, access, root[loaded] };
	uint64_t rw = PTE_RW, nx = 0;

	for (unsigned level = 4; level; level--) {
		uint64_t e = *guest_entry(r.m, pt_index(va, level));

		if (!(e & PTE_P))
			return r;
		rw &= e;
		nx |= e & PTE_NX;
		r.m = pte_mfn(e);
	}
	r.ok = !(access & PF_WRITE && !rw) && !(access & PF_FETCH && nx);
	if (!r.ok)
		r.error |= PF_PRESENT;
	return r;
}

static void compare(uint64_t va)
{
	static const unsigned kinds[] = { 0, PF_WRITE, PF_FETCH };
	unsigned access = kinds[test_below(3)];
	struct cpu_result want = reference(va, access), have = cpu_access(g.v, va, access);

	check_msg(want.ok == have.ok, "va %lx, access %x: %s", va, access, want.ok ? "refused" : "allowed");
	if (want.ok)
		check_that(want.m == have.m);
	else
		check_that(want.error == have.error);
}

static void check(void)
{
	tlb_check(g.d);
	cpu_check(g.d);
}

/* A check costs as much as a hundred steps. */
static void check_often(void)
{
	if (test_below(16) == 0)
		check();
}

static void switch_root(void)
{
	loaded = (unsigned)test_below(ROOTS);
	check_that(mmuext(MMUEXT_NEW_BASEPTR, root[loaded]) == 0);
}

/* Make the upper half of ALIAS one run again, by the guest's own writes. */
static void mend_run(void)
{
	uint64_t va = ALIAS + NR / 2 * PAGE_SIZE, flags = PTE_P | PTE_U | PTE_RW | PTE_A | PTE_D;
	mfn_t table = guest_table(&g, root[0], va, 1, &next_table);

	if (test_below(4) == 0)
		flags &= ~(PTE_RW | PTE_D);
	for (unsigned i = 0; i < 512; i++) {
		uint64_t value = g.mfn[NR / 2 + i] << PAGE_SHIFT | flags;

		if (g.d->paging == GUISE_DOMAIN_STOCK)
			cpu_write(g.v, ALIAS + number_of(table) * PAGE_SIZE + i * 8, value);
		else
			*guest_entry(table, i) = value;
	}
	mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0);
	for (unsigned i = 0; i < 16; i++)
		compare(va + test_below(512) * PAGE_SIZE);
}

static uint64_t *some_slot(mfn_t *table, uint64_t *va)
{
	*va = some_va();
	*table = guest_table(&g, root[test_below(ROOTS)], *va, 1, &next_table);
	return guest_entry(*table, pt_index(*va, 1));
}

START_TEST(a_stock_kernel_sees_what_its_tables_say)
{
	start(GUISE_DOMAIN_STOCK);
	pin_all();
	well_behaved = true;
	for (unsigned step = 0; step < 6000; step++) {
		mfn_t table;
		uint64_t va;
		unsigned what = (unsigned)test_below(10);

		if (what < 5) {
			compare(some_va());
		} else if (what < 7) {
			some_slot(&table, &va);
			check_that(mmu_update((table << PAGE_SHIFT) + pt_index(va, 1) * 8, some_leaf()) == 0);
			mmuext(test_below(2) ? MMUEXT_INVLPG_ALL : MMUEXT_TLB_FLUSH_ALL, va);
		} else if (what < 8) {
			some_slot(&table, &va);
			cpu_write(g.v, ALIAS + number_of(table) * PAGE_SIZE + pt_index(va, 1) * 8, some_leaf());
			mmuext(MMUEXT_INVLPG_LOCAL, va);
			compare(va);
		} else if (what < 9) {
			/* direct writes, up to more tables than the list holds, then one flush */
			for (uint64_t n = test_below(30); n; n--) {
				some_slot(&table, &va);
				cpu_write(g.v, ALIAS + number_of(table) * PAGE_SIZE + pt_index(va, 1) * 8, some_leaf());
				if (test_below(4) == 0)
					cpu_access(g.v, some_va(), 0); /* may see the old or the new */
			}
			mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0);
		} else if (test_below(4)) {
			switch_root();
		} else {
			mend_run();
		}
		check_often();
	}
	check();
}
END_TEST

START_TEST(a_native_domain_sees_what_its_tables_say)
{
	start(GUISE_DOMAIN_NATIVE);
	for (unsigned step = 0; step < 6000; step++) {
		unsigned what = (unsigned)test_below(10);
		mfn_t table;
		uint64_t va;

		if (what < 6) {
			compare(some_va());
		} else if (what < 9) {
			some_slot(&table, &va);
			table = guest_table(&g, root[loaded], va, 1, &next_table);
			*guest_entry(table, pt_index(va, 1)) = some_leaf();
			mmuext(test_below(20) ? MMUEXT_INVLPG_LOCAL : MMUEXT_TLB_FLUSH_LOCAL, va);
		} else if (test_below(4)) {
			switch_root();
		} else {
			mend_run();
		}
		check_often();
	}
	check();
}
END_TEST

/* ---- hostile ---- */

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
		return g.mfn[test_below(NR)];
	}
}

static uint64_t any_entry(void)
{
	return any_frame() << PAGE_SHIFT | (test_random() & 0x80000000000001ff) | (test_below(4) ? PTE_P | PTE_U : 0);
}

static uint64_t any_va(void)
{
	uint64_t va = test_below(3) ? some_va() : ALIAS + test_below(NR) * PAGE_SIZE;

	if (test_below(2))
		return va_of((unsigned)test_below(2), (unsigned)test_below(4)); /* meet again */
	return test_below(8) ? va : va ^ 1ull << 12 << test_below(36);
}

static grant_handle_t handles[16];

static void grant_step(void)
{
	uint64_t n = test_below(16);
	gnttab_map_grant_ref_t map = { .host_addr = any_va() & ~(PAGE_SIZE - 1),
				       .ref = (uint32_t)test_below(8),
				       .dom = 6,
				       .flags = GNTMAP_host_map | (test_below(2) ? GNTMAP_readonly : 0) };
	gnttab_unmap_grant_ref_t unmap = { .handle = handles[n] };

	if (handles[n] == ~0u) {
		check_that(hc(g.v, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, PTR(&map), 1, 0) == 0);
		handles[n] = map.handle;
	} else {
		check_that(hc(g.v, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, PTR(&unmap), 1, 0) == 0);
		handles[n] = ~0u;
		check();
	}
}

static void balloon_step(void)
{
	unsigned n = (unsigned)test_below(NR);
	xen_pfn_t m = g.mfn[n];
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	if (number_of(m) != n || m == root[loaded] || !frame_owned_by(m, 5))
		return;
	set_xen_guest_handle(r.extent_start, &m);
	if (hc(g.v, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, PTR(&r), 0, 0) != 1)
		return;
	check();
	ck_assert_uint_eq(domain_populate(g.d, n, 1, &g.mfn[n]), 1);
	for (unsigned k = 0; k < ROOTS; k++)
		if (root[k] == m)
			root[k] = g.mfn[n];
}

static void device_step(void)
{
	static int h;
	struct handle device = { .kind = GUISE_HANDLE_MMIO, .first = fake_device() + test_below(FAKE_DEVICE), .nr = 2 };

	if (h > 0)
		hc(g.v, GUISE_HC_HANDLE, GUISE_HANDLE_OP_DROP, (uint64_t)h, 0, 0);
	h = h > 0 ? 0 : handle_add(g.d, &device);
	check();
}

/* Any entry of any of its frames, directly or by hypercall. */
static void scribble(void)
{
	mfn_t table = g.mfn[test_below(NR)];
	unsigned index = test_below(2) ? pt_index(any_va(), 1 + (unsigned)test_below(4)) : (unsigned)test_below(512);

	if (test_below(2) && frame_owned_by(table, 5))
		*guest_entry(table, index) = any_entry();
	else
		mmu_update((any_frame() << PAGE_SHIFT) + index * 8 + test_below(3), any_entry());
}

/* Put the tables of one region of the loaded root back in order, lest nothing is mapped any more. */
static void repair(void)
{
	uint64_t va = va_of((unsigned)test_below(2), 0);
	mfn_t table = root[loaded];

	for (unsigned level = 4; level > 1 && frame_owned_by(table, 5); level--) {
		uint64_t slot = (table << PAGE_SHIFT) + pt_index(va, level) * 8;

		table = g.mfn[TABLES + loaded * 8 + level + (va > 0x400000 ? 4 : 0)];
		mmu_update(slot, table << PAGE_SHIFT | PTE_P | PTE_U | PTE_RW | PTE_A);
	}
}

static void mend_hostile(void)
{
	mfn_t table = g.mfn[TABLES + 90];

	for (unsigned i = 0; i < 512; i++)
		*guest_entry(table, i) = g.mfn[NR / 2 + i] << PAGE_SHIFT | PTE_P | PTE_U | PTE_RW | PTE_A | PTE_D;
	mmu_update((g.mfn[TABLES + loaded * 8 + 3] << PAGE_SHIFT) + pt_index(0x400000, 2) * 8,
		   table << PAGE_SHIFT | PTE_P | PTE_U | PTE_RW | PTE_A);
	for (unsigned i = 0; i < 16 && root_cr3(g.v, 1); i++)
		cpu_access(g.v, 0x400000 + test_below(512) * PAGE_SIZE, 0);
}

static void hostile_step(void)
{
	static const unsigned access[] = { 0, PF_WRITE, PF_FETCH };

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
		mmuext(MMUEXT_PIN_L1_TABLE + (unsigned)test_below(5), any_frame()); /* or unpin */
		break;
	case 4:
		mmuext(test_below(2) ? MMUEXT_INVLPG_LOCAL : MMUEXT_TLB_FLUSH_LOCAL, any_va());
		break;
	case 5:
		if (test_below(2))
			switch_root();
		else
			mmuext(MMUEXT_NEW_USER_BASEPTR, root[test_below(ROOTS)]);
		repair();
		if (test_below(8) == 0)
			mend_hostile();
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

START_TEST(a_hostile_domain_never_reaches_a_foreign_frame)
{
	grant_entry_v1_t *e;

	start(_i ? GUISE_DOMAIN_NATIVE : GUISE_DOMAIN_STOCK);
	guest_make(&peer, 6, 64, GUISE_DOMAIN_STOCK);
	e = mfn_to_virt(grant_frame(peer.d, 0));
	for (unsigned i = 0; i < 8; i++)
		e[i] = (grant_entry_v1_t){ GTF_permit_access | (i & 1 ? GTF_readonly : 0), 5, (uint32_t)peer.mfn[i] };
	memset(handles, 0xff, sizeof(handles));
	guest_run(&g);
	for (unsigned step = 0; step < 8000; step++) {
		hostile_step();
		check_often();
	}
	domain_ref(g.d);
	while (domain_destroy(g.d) == HC_CONTINUE)
		;
	ck_assert_uint_eq(g.d->frames, 0);
	ck_assert_uint_eq(g.d->kernel_pages, 0);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_uint_eq(FRAME_HOLDS(frame_of(peer.mfn[i])->state), 0);
}
END_TEST

SUITE(tlb_random)
{
	tcase_add_loop_test(tc, a_stock_kernel_sees_what_its_tables_say, 0, 3);
	tcase_add_loop_test(tc, a_native_domain_sees_what_its_tables_say, 0, 3);
	tcase_add_loop_test(tc, a_hostile_domain_never_reaches_a_foreign_frame, 0, 2);
}
