/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * large_test.c - runs of 512 frames that one 2 MiB entry maps, and 2 MiB pages of the guest's own.
 */
#include "fake.h"

#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/x86.h>
#include <core/grant.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

#define VA    0xffff888000000000ull
#define LEAF  (PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D)
#define RO    (PTE_P | PTE_U | PTE_A)
#define FIRST 1024 /* guest frames from here on are two aligned runs */

static struct guest g;
static uint32_t next_table;

static void check(void)
{
	tlb_check(g.d);
	cpu_check(g.d);
}

static void map_run(uint64_t va, unsigned first, uint64_t flags)
{
	for (unsigned i = 0; i < 512; i++)
		guest_map(&g, g.mfn[0], va + i * PAGE_SIZE, g.mfn[first + i] << PAGE_SHIFT | flags, &next_table);
}

static void start(uint8_t paging)
{
	fake_boot(8192);
	guest_make(&g, 5, 2048, paging);
	next_table = 1;
	ck_assert_uint_eq(g.mfn[FIRST] % 512, 0);
	ck_assert_uint_eq(g.mfn[FIRST + 511], g.mfn[FIRST] + 511);
	map_run(VA, FIRST, LEAF);
}

static void setup(void)
{
	start(GUISE_DOMAIN_STOCK);
}

static void setup_native(void)
{
	start(GUISE_DOMAIN_NATIVE);
}

/* The hardware's entry that maps va's 2 MiB. */
static uint64_t large_entry(uint64_t va)
{
	mfn_t page = pte_mfn(boot_cpu.cr3);

	for (unsigned level = 4; level > 2; level--)
		page = pte_mfn(*guest_entry(page, pt_index(va, level)));
	return *guest_entry(page, pt_index(va, 2));
}

static bool is_large(uint64_t va)
{
	return large_entry(va) & PTE_PS;
}

/* Touch enough of the run for the kernel to look at all of it. */
static void use(uint64_t va)
{
	for (unsigned i = 0; i < 8; i++)
		ck_assert(cpu_access(g.v, va + i * 32 * PAGE_SIZE, 0).ok);
	check();
}

static long mmu_update(uint64_t va, uint64_t value)
{
	mmu_update_t u = { .ptr = (guest_table(&g, g.mfn[0], va, 1, &next_table) << PAGE_SHIFT) + pt_index(va, 1) * 8,
			   .val = value };
	struct mmuext_op op = { .cmd = MMUEXT_INVLPG_LOCAL, .arg1.linear_addr = va };
	long rc = hc(g.v, __HYPERVISOR_mmu_update, PTR(&u), 1, 0, DOMID_SELF);

	check();
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_mmuext_op, PTR(&op), 1, 0, DOMID_SELF), 0);
	return rc;
}

START_TEST(a_run_of_own_frames_becomes_one_entry)
{
	use(VA);
	ck_assert(is_large(VA));
	for (unsigned i = 0; i < 512; i += 7)
		ck_assert_uint_eq(cpu_access(g.v, VA + i * PAGE_SIZE, PF_WRITE).m, g.mfn[FIRST + i]);
}
END_TEST

START_TEST(a_hidden_kernel_copies_across_pages_and_sets_a_and_d)
{
	uint64_t at = VA + 3 * PAGE_SIZE - 5, word = 0x1122334455667788, back = 0;
	uint64_t *e = guest_entry(guest_table(&g, g.mfn[0], VA, 1, &next_table), 0);

	for (unsigned i = 0; i < 4; i++)
		e[i] &= ~(PTE_A | PTE_D);
	ck_assert_int_eq(copy_hidden(at, &back, 8, false), 0);
	ck_assert_uint_eq(back, 0);
	ck_assert_uint_eq(e[2] & e[3] & PTE_A, PTE_A);
	ck_assert_uint_eq((e[2] | e[3]) & PTE_D, 0);
	ck_assert_int_eq(copy_hidden(at, &word, 8, true), 0);
	ck_assert_uint_eq(e[2] & e[3] & PTE_D, PTE_D);
	ck_assert_int_eq(copy_hidden(at, &back, 8, false), 0);
	ck_assert_uint_eq(back, word);
	ck_assert_int_eq(memcmp((char *)mfn_to_virt(g.mfn[FIRST + 2]) + PAGE_SIZE - 5, &word, 5), 0);
	ck_assert_int_eq(memcmp(mfn_to_virt(g.mfn[FIRST + 3]), (char *)&word + 5, 3), 0);
	check();
}
END_TEST

START_TEST(a_hidden_kernel_copies_what_one_entry_maps)
{
	uint64_t word = 77, back = 0;

	use(VA);
	ck_assert(is_large(VA));
	ck_assert_int_eq(copy_hidden(VA + 300 * PAGE_SIZE + 8, &word, 8, true), 0);
	ck_assert_uint_eq(((uint64_t *)mfn_to_virt(g.mfn[FIRST + 300]))[1], 77);
	ck_assert_int_eq(copy_hidden(VA + 300 * PAGE_SIZE + 8, &back, 8, false), 0);
	ck_assert_uint_eq(back, 77);
}
END_TEST

START_TEST(a_hidden_kernel_copies_only_what_the_guest_may_reach)
{
	uint64_t *e = guest_entry(guest_table(&g, g.mfn[0], VA, 1, &next_table), 0), word = 1;
	struct handle h = { .kind = GUISE_HANDLE_MMIO, .first = frame_max + 9, .nr = 1 };
	mfn_t foreign = frame_alloc(0, OWNER_KERNEL);

	e[1] &= ~(PTE_RW | PTE_D);
	e[2] = 0;
	e[3] = foreign << PAGE_SHIFT | LEAF;
	e[4] = (frame_max + 5) << PAGE_SHIFT | LEAF;
	ck_assert_int_gt(handle_add(g.d, &h), 0);
	e[5] = h.first << PAGE_SHIFT | LEAF; /* it may, but by itself */
	for (unsigned i = 1; i < 6; i++)
		ck_assert_int_eq(copy_hidden(VA + i * PAGE_SIZE, &word, 8, true), 1);
	for (unsigned i = 2; i < 6; i++)
		ck_assert_int_eq(copy_hidden(VA + i * PAGE_SIZE, &word, 8, false), 1);
	ck_assert_int_eq(copy_hidden(VA + PAGE_SIZE, &word, 8, false), 0);
	ck_assert_int_eq(copy_hidden(VA + 2 * PAGE_SIZE - 4, &word, 8, false), 1);
}
END_TEST

START_TEST(a_run_with_one_entry_that_differs_does_not)
{
	static const uint64_t other[] = { 0, RO, LEAF | PTE_NX, LEAF & ~PTE_A, LEAF & ~PTE_D, LEAF | 1ull << 9 };
	uint64_t *e = guest_entry(guest_table(&g, g.mfn[0], VA, 1, &next_table), 511);

	*e = (*e & PTE_FRAME) | other[_i];
	use(VA);
	ck_assert(!is_large(VA));
}
END_TEST

START_TEST(a_run_with_a_frame_that_is_not_the_domains_does_not)
{
	uint64_t *e = guest_entry(guest_table(&g, g.mfn[0], VA, 1, &next_table), 500);
	xen_pfn_t hole = g.mfn[FIRST + 500];
	mfn_t next = frame_alloc(0, OWNER_KERNEL);

	*e = next << PAGE_SHIFT | LEAF;
	use(VA);
	ck_assert(!is_large(VA));
	*e = hole << PAGE_SHIFT | LEAF;
	domain_remove_frame(g.d, hole);
	ck_assert_int_eq(frame_give(frame_of(hole), 5, OWNER_KERNEL), 0);
	for (unsigned i = 8; i < 16; i++)
		cpu_access(g.v, VA + i * 32 * PAGE_SIZE, 0);
	ck_assert(!is_large(VA));
	check();
}
END_TEST

START_TEST(an_update_of_one_entry_ends_the_run)
{
	use(VA);
	ck_assert_int_eq(mmu_update(VA + 5 * PAGE_SIZE, g.mfn[600] << PAGE_SHIFT | LEAF), 0);
	ck_assert(!is_large(VA));
	for (unsigned i = 0; i < 512; i++)
		check_that(cpu_access(g.v, VA + i * PAGE_SIZE, PF_WRITE).m == g.mfn[i == 5 ? 600 : FIRST + i]);
	check();
	ck_assert_int_eq(mmu_update(VA + 5 * PAGE_SIZE, 0), 0);
	ck_assert(!cpu_access(g.v, VA + 5 * PAGE_SIZE, 0).ok);
}
END_TEST

START_TEST(rights_of_the_levels_above_hold_for_the_run)
{
	mfn_t upper = guest_table(&g, g.mfn[0], VA, 2, &next_table);

	*guest_entry(upper, pt_index(VA, 2)) = (*guest_entry(upper, pt_index(VA, 2)) & ~PTE_RW) | PTE_NX;
	use(VA);
	ck_assert(is_large(VA));
	ck_assert_uint_eq(cpu_access(g.v, VA, PF_WRITE).error, PF_PRESENT | PF_WRITE);
	ck_assert_uint_eq(cpu_access(g.v, VA, PF_FETCH).error, PF_PRESENT | PF_FETCH);
}
END_TEST

START_TEST(a_run_may_be_mapped_at_two_addresses)
{
	uint64_t other = VA + (1ull << 30);
	mfn_t upper = guest_table(&g, g.mfn[0], other, 2, &next_table);

	/* Not only the frames: the very table. */
	*guest_entry(upper, pt_index(other, 2)) = guest_table(&g, g.mfn[0], VA, 1, &next_table) << PAGE_SHIFT | LEAF;
	use(VA);
	use(other);
	ck_assert_int_eq(mmu_update(VA, g.mfn[600] << PAGE_SHIFT | LEAF), 0);
	ck_assert_uint_eq(cpu_access(g.v, VA, 0).m, g.mfn[600]);
	invlpg(other);
	ck_assert_uint_eq(cpu_access(g.v, other, 0).m, g.mfn[600]);
	use(VA);
	use(other);
}
END_TEST

START_TEST(a_run_that_holds_a_live_table_is_not_opened_to_writing)
{
	uint64_t va = VA + (1ull << 31);

	/* A last-level table inside the run. */
	*guest_entry(guest_table(&g, g.mfn[0], va, 2, &next_table), pt_index(va, 2)) =
		g.mfn[FIRST + 120] << PAGE_SHIFT | LEAF;
	guest_map(&g, g.mfn[0], va, g.mfn[600] << PAGE_SHIFT | LEAF, &next_table);
	ck_assert(cpu_access(g.v, va, 0).ok);
	use(VA);
	ck_assert(!is_large(VA));
}
END_TEST

START_TEST(a_full_pool_takes_runs_apart_like_all_else)
{
	for (unsigned i = 0; i < 100; i++) {
		uint64_t va = 0x400000 + (test_below(70) << 21);

		if (!(*guest_entry(guest_table(&g, g.mfn[0], va, 2, &next_table), pt_index(va, 2)) & PTE_P))
			map_run(va, FIRST + (unsigned)test_below(2) * 512, test_below(2) ? LEAF : RO);
		use(va);
	}
}
END_TEST

START_TEST(a_grant_mapped_into_a_run_reaches_only_the_granted_frame)
{
	struct guest peer;
	grant_entry_v1_t *e;
	gnttab_map_grant_ref_t map = { .host_addr = VA + 9 * PAGE_SIZE, .ref = 8, .dom = 6, .flags = GNTMAP_host_map };
	gnttab_unmap_grant_ref_t unmap = { 0 };

	guest_make(&peer, 6, 16, GUISE_DOMAIN_STOCK);
	e = mfn_to_virt(grant_frame(peer.d, 0));
	e[8] = (grant_entry_v1_t){ GTF_permit_access, 5, (uint32_t)peer.mfn[3] };
	use(VA);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, PTR(&map), 1, 0), 0);
	ck_assert_int_eq(map.status, GNTST_okay);
	invlpg(VA + 9 * PAGE_SIZE);
	ck_assert_uint_eq(cpu_access(g.v, VA + 9 * PAGE_SIZE, PF_WRITE).m, peer.mfn[3]);
	use(VA);
	ck_assert(!is_large(VA));
	unmap.handle = map.handle;
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, PTR(&unmap), 1, 0), 0);
	check();
	ck_assert(!cpu_access(g.v, VA + 9 * PAGE_SIZE, 0).ok);
}
END_TEST

START_TEST(a_run_whose_table_is_being_written_is_looked_at_again_by_the_flush)
{
	mfn_t t = guest_table(&g, g.mfn[0], VA, 1, &next_table);
	struct mmuext_op op = { .cmd = MMUEXT_TLB_FLUSH_LOCAL };
	uint64_t alias = 0x400000;

	guest_map(&g, g.mfn[0], alias, t << PAGE_SHIFT | (RO & ~PTE_U), &next_table);
	ck_assert(cpu_access(g.v, VA, 0).ok);
	cpu_write(g.v, alias, g.mfn[FIRST] << PAGE_SHIFT | LEAF); /* no change, but not watched from here */
	use(VA);
	cpu_write(g.v, alias + 40, g.mfn[600] << PAGE_SHIFT | LEAF);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_mmuext_op, PTR(&op), 1, 0, DOMID_SELF), 0);
	ck_assert_uint_eq(cpu_access(g.v, VA + 5 * PAGE_SIZE, 0).m, g.mfn[600]);
	check();
}
END_TEST

/* The neighbour of a miss maps the table itself: the table's node is let go in the middle of it. */
START_TEST(a_table_that_turns_into_data_during_a_miss_is_no_run)
{
	uint64_t va = 0x400000;
	mfn_t t = guest_table(&g, g.mfn[0], va, 1, &next_table);

	for (unsigned i = 0; i < 64; i++) {
		guest_map(&g, g.mfn[0], va + i * 8 * PAGE_SIZE, g.mfn[600] << PAGE_SHIFT | LEAF, &next_table);
		guest_map(&g, g.mfn[0], va + (i * 8 + 1) * PAGE_SIZE, t << PAGE_SHIFT | LEAF, &next_table);
	}
	for (unsigned i = 0; i < 64; i++) {
		ck_assert(cpu_access(g.v, va + i * 8 * PAGE_SIZE, 0).ok);
		check();
	}
	/* Again with the misses first, the trap last. */
	va += 0x200000;
	t = guest_table(&g, g.mfn[0], va, 1, &next_table);
	for (unsigned i = 0; i < 4; i++)
		guest_map(&g, g.mfn[0], va + i * 32 * PAGE_SIZE, g.mfn[600] << PAGE_SHIFT | LEAF, &next_table);
	guest_map(&g, g.mfn[0], va + (3 * 32 + 1) * PAGE_SIZE, t << PAGE_SHIFT | LEAF, &next_table);
	for (unsigned i = 0; i < 4; i++)
		ck_assert(cpu_access(g.v, va + i * 32 * PAGE_SIZE, 0).ok);
	check();
}
END_TEST

START_TEST(a_native_domain_ends_a_run_by_invlpg)
{
	use(VA);
	ck_assert(is_large(VA));
	*guest_entry(guest_table(&g, g.mfn[0], VA, 1, &next_table), 77) = 0;
	ck_assert_int_eq(mmu_update(VA + 77 * PAGE_SIZE, 0), 0);
	ck_assert(!cpu_access(g.v, VA + 77 * PAGE_SIZE, 0).ok);
	ck_assert_uint_eq(cpu_access(g.v, VA + 78 * PAGE_SIZE, 0).m, g.mfn[FIRST + 78]);
}
END_TEST

/* ---- large pages of the guest's own ---- */

static uint64_t *upper; /* the guest's entry of level 2 for VA */

static void setup_own(void)
{
	const uint64_t features = GUISE_PERSONALITY_MM | GUISE_PERSONALITY_LARGE;

	start(GUISE_DOMAIN_STOCK);
	ck_assert_int_eq(hc(g.v, GUISE_HC_PERSONALITY, GUISE_PERSONALITY_ENABLE, features, 0, 0), (long)features);
	upper = guest_entry(guest_table(&g, g.mfn[0], VA, 2, &next_table), pt_index(VA, 2));
}

static void flush(void)
{
	ck_assert_int_eq(tlb_refresh(g.d, g.mfn[0], 0, VA, VA), 0);
	check();
}

static uint64_t large_page(unsigned gfn)
{
	return g.mfn[gfn] << PAGE_SHIFT | PTE_P | PTE_RW | PTE_U | PTE_PS;
}

START_TEST(a_large_page_of_own_frames_is_entered_as_it_stands)
{
	*upper = large_page(FIRST);
	ck_assert_uint_eq(cpu_access(g.v, VA + 5 * PAGE_SIZE, 0).m, g.mfn[FIRST + 5]);
	check();
	ck_assert_uint_eq(large_entry(VA) & (PTE_LARGE | PTE_PS | PTE_RW), PTE_LARGE | PTE_PS);
	ck_assert_uint_eq(*upper & (PTE_A | PTE_D), PTE_A);
	ck_assert_uint_eq(cpu_access(g.v, VA + 511 * PAGE_SIZE, PF_WRITE).m, g.mfn[FIRST + 511]);
	check();
	ck_assert_uint_eq(*upper & (PTE_A | PTE_D), PTE_A | PTE_D);
	*upper = large_page(FIRST + 512);
	flush();
	for (unsigned i = 0; i < 512; i += 7)
		ck_assert_uint_eq(cpu_access(g.v, VA + i * PAGE_SIZE, PF_WRITE).m, g.mfn[FIRST + 512 + i]);
	check();
}
END_TEST

START_TEST(rights_of_a_large_page_change_by_a_flush)
{
	*upper = large_page(FIRST);
	ck_assert(cpu_access(g.v, VA, PF_WRITE).ok);
	*upper &= ~PTE_RW;
	flush();
	ck_assert(is_large(VA));
	ck_assert(cpu_access(g.v, VA, 0).ok);
	ck_assert(!cpu_access(g.v, VA, PF_WRITE).ok);
	*upper |= PTE_NX;
	flush();
	ck_assert(!cpu_access(g.v, VA, PF_FETCH).ok);
	*upper = 0;
	flush();
	ck_assert(!cpu_access(g.v, VA, 0).ok);
}
END_TEST

START_TEST(a_large_page_becomes_a_table_and_a_table_a_large_page)
{
	uint64_t table = *upper;

	for (unsigned round = 0; round < 4; round++) {
		use(VA);
		*upper = large_page(FIRST + 512);
		flush();
		ck_assert_uint_eq(cpu_access(g.v, VA + PAGE_SIZE, PF_WRITE).m, g.mfn[FIRST + 513]);
		check();
		*upper = table;
		flush();
		ck_assert_uint_eq(cpu_access(g.v, VA + PAGE_SIZE, PF_WRITE).m, g.mfn[FIRST + 1]);
		check();
	}
	*upper = large_page(FIRST + 512); /* and back, with no flush: what it sees are its own frames */
	ck_assert(cpu_access(g.v, VA + 200 * PAGE_SIZE, 0).ok);
	*upper = table;
	ck_assert(cpu_access(g.v, VA + 300 * PAGE_SIZE, 0).ok);
	check();
}
END_TEST

START_TEST(a_large_page_with_a_frame_that_is_not_the_domains_is_a_fault)
{
	static const unsigned at[] = { 0, 1, 255, 511 };
	const uint64_t wrong[] = { 1ull << 12, 1ull << 20, 1ull << 45 };
	struct cpu_result r;
	uint64_t mfn = g.mfn[FIRST + at[_i]];
	struct xen_memory_reservation give = { .nr_extents = 1, .domid = DOMID_SELF };

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		*upper = large_page(FIRST) | wrong[i];
		ck_assert(!cpu_access(g.v, VA, 0).ok);
		check();
	}
	*upper = large_page(FIRST);
	ck_assert(cpu_access(g.v, VA, PF_WRITE).ok);
	give.extent_start.p = (void *)PTR(&mfn);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, PTR(&give), 0, 0), 1);
	check();
	r = cpu_access(g.v, VA + 7 * PAGE_SIZE, 0);
	ck_assert(!r.ok);
	ck_assert_uint_eq(r.error, PF_PRESENT | PF_RSVD);
	*upper = (uint64_t)frame_max << PAGE_SHIFT | (large_page(FIRST) & 0xfff);
	ck_assert(!cpu_access(g.v, VA, 0).ok);
	check();
}
END_TEST

START_TEST(a_large_page_is_walked_for_calls_that_name_memory)
{
	uint64_t word = 0x1122334455667788, back = 0;
	mfn_t m;

	*upper = large_page(FIRST);
	ck_assert_int_eq(arch_translate(g.v, VA + 9 * PAGE_SIZE, &m), 0);
	ck_assert_uint_eq(m, g.mfn[FIRST + 9]);
	ck_assert_int_eq(copy_hidden(VA + 3 * PAGE_SIZE - 5, &word, 8, true), 0);
	ck_assert_int_eq(copy_hidden(VA + 3 * PAGE_SIZE - 5, &back, 8, false), 0);
	ck_assert_uint_eq(back, word);
	ck_assert_int_eq(memcmp(mfn_to_virt(g.mfn[FIRST + 3]), (char *)&word + 5, 3), 0);
	check();
}
END_TEST

START_TEST(a_table_of_level_1_or_3_has_no_large_page)
{
	uint64_t *e = guest_entry(guest_table(&g, g.mfn[0], VA, 3, &next_table), pt_index(VA, 3));

	*e |= PTE_PS;
	ck_assert(!cpu_access(g.v, VA, 0).ok);
	check();
}
END_TEST

SUITE(large_own)
{
	tcase_add_checked_fixture(tc, setup_own, NULL);
	tcase_add_test(tc, a_large_page_of_own_frames_is_entered_as_it_stands);
	tcase_add_test(tc, rights_of_a_large_page_change_by_a_flush);
	tcase_add_test(tc, a_large_page_becomes_a_table_and_a_table_a_large_page);
	tcase_add_loop_test(tc, a_large_page_with_a_frame_that_is_not_the_domains_is_a_fault, 0, 4);
	tcase_add_test(tc, a_large_page_is_walked_for_calls_that_name_memory);
	tcase_add_test(tc, a_table_of_level_1_or_3_has_no_large_page);
}

SUITE(large)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_run_of_own_frames_becomes_one_entry);
	tcase_add_test(tc, a_hidden_kernel_copies_across_pages_and_sets_a_and_d);
	tcase_add_test(tc, a_hidden_kernel_copies_what_one_entry_maps);
	tcase_add_test(tc, a_hidden_kernel_copies_only_what_the_guest_may_reach);
	tcase_add_loop_test(tc, a_run_with_one_entry_that_differs_does_not, 0, 6);
	tcase_add_test(tc, a_run_with_a_frame_that_is_not_the_domains_does_not);
	tcase_add_test(tc, an_update_of_one_entry_ends_the_run);
	tcase_add_test(tc, rights_of_the_levels_above_hold_for_the_run);
	tcase_add_test(tc, a_run_may_be_mapped_at_two_addresses);
	tcase_add_test(tc, a_run_that_holds_a_live_table_is_not_opened_to_writing);
	tcase_add_test(tc, a_full_pool_takes_runs_apart_like_all_else);
	tcase_add_test(tc, a_grant_mapped_into_a_run_reaches_only_the_granted_frame);
	tcase_add_test(tc, a_run_whose_table_is_being_written_is_looked_at_again_by_the_flush);
	tcase_add_test(tc, a_table_that_turns_into_data_during_a_miss_is_no_run);
}

SUITE(large_native)
{
	tcase_add_checked_fixture(tc, setup_native, NULL);
	tcase_add_test(tc, a_run_of_own_frames_becomes_one_entry);
	tcase_add_test(tc, a_hidden_kernel_copies_across_pages_and_sets_a_and_d);
	tcase_add_test(tc, a_hidden_kernel_copies_what_one_entry_maps);
	tcase_add_test(tc, a_hidden_kernel_copies_only_what_the_guest_may_reach);
	tcase_add_test(tc, a_native_domain_ends_a_run_by_invlpg);
}
